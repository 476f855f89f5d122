"""A new connector from a whole one: `make connector NAME=acme` copies a working folder under another name.

    python -m tieline.sdk.devkit NAME [FOLDER]      the same outside Tieline: a package of its own, to be installed beside it

The copy plays a small REST API of nobody's and passes the conformance kit at once; what is the vendor's own is then put in its
place, piece by piece, with the kit saying what does not hold yet. docs/how-to/connector.md is the guide.
"""

from __future__ import annotations

import re
from pathlib import Path

from tieline.core.errors import ConfigError

TEMPLATE = Path(__file__).parent / "template"
OUTSIDE = ""
"""As the package of a connector that is a package by itself."""
PROJECT = """\
[build-system]
requires = ["setuptools>=69"]
build-backend = "setuptools.build_meta"

[project]
name = "tieline-{project}"
version = "0.1"
dependencies = ["tieline"]

[project.entry-points."tieline.connectors"]
{name} = "{name}"

[tool.setuptools]
packages = ["{name}"]
package-dir = {{ {name} = "." }}

[tool.setuptools.package-data]
{name} = ["*.toml", "*.md", "fixtures/**"]
"""
PACKAGE, NAME, CLASS, TITLE = "tieline.sdk.devkit.template", "sample_crm", "SampleCrm", "Sample CRM"


def make_connector(name: str, into: Path, package: str = "tieline.connectors", title: str = "") -> Path:
    """Write the folder `into`/`name`, a connector of that name in `package`; OUTSIDE: the folder is the package, with a pyproject.toml
    that names it under the entry points. ConfigError for a name that is none, or is taken."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name):
        raise ConfigError(
            f"{name!r} is no name for a connector: small letters, digits and _", setting="NAME", value=name
        )
    folder = into / name
    if folder.exists():
        raise ConfigError(f"{folder} is there already", setting="NAME", value=name)
    words = [word.capitalize() for word in name.split("_") if word]
    shown = title or " ".join(words)
    place = f"{package}.{name}." if package else f"{name}."
    swaps = ((f"{PACKAGE}.", place), (NAME, name), (CLASS, "".join(words)), (TITLE, shown))
    for source in sorted(TEMPLATE.rglob("*")):
        if not source.is_file() or "__pycache__" in source.parts:
            continue
        text = source.read_text(encoding="utf-8")
        for old, new in swaps:
            text = text.replace(old, new)
        if source.name == "connector.toml":
            text = text.replace('letters = "Sa"', f'letters = "{shown[:2]}"')
            text = text.replace("sample-crm.example", f"{name.replace('_', '-')}.example")
        target = folder / source.relative_to(TEMPLATE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    if not package:
        project = PROJECT.format(name=name, project=name.replace("_", "-"))
        (folder / "pyproject.toml").write_text(project, encoding="utf-8")
    return folder
