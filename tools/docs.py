"""The generated pages of docs/, and a check of every link between the pages of this repository.

Written anew: docs/decisions/README.md (the list of decisions), docs/reference/environment.md (what the environment sets),
docs/reference/connectors.md (what each connector declares in its connector.toml), docs/reference/canonical-fields.md (the
canonical fields of each role).
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tieline.core.fields import FIELDS, ROLES, SHAPES
from tieline.flows.calls import FLOW as CALLS
from tieline.flows.calls.explain import WHOLE
from tieline.sdk.manifest import connectors as manifests

DOCS = Path("docs")
GENERATED = "<!-- Written by `make docs`. Change its source instead. -->\n"
#: Modules whose docstring has lines of the form `TIELINE_NAME   what it sets`.
ENVIRONMENT = (
    "src/tieline/store/postgres.py",
    "src/tieline/project/environment.py",
    "src/tieline/store/services/asking.py",
    "src/tieline/ask.py",
    "src/tieline/store/services/oauth_clients.py",
    "src/tieline/connectors/tryton/server.py",
    "src/tieline/connectors/tryton/sandbox.py",
    "src/tieline/connectors/carddav/server.py",
)


def decisions() -> str:
    """The list of decisions by number."""
    lines = [
        GENERATED,
        "# Decisions",
        "",
        "What was decided where building showed a choice, and why. The number is only an order of writing.",
        "",
    ]
    for path in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        title = path.read_text().split("\n", 1)[0].lstrip("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines) + "\n"


def environment() -> str:
    """What can be set from outside, from the docstrings that say it."""
    found: dict[str, str] = {}
    for module in ENVIRONMENT:
        text = ast.get_docstring(ast.parse(Path(module).read_text())) or ""
        for name, what in re.findall(r"^\s*(TIELINE_[A-Z_<>]+) +(\S.*)$", text, re.MULTILINE):
            found.setdefault(name, what)
    lines = [GENERATED, "# Environment", "", "| name | what it sets |", "|---|---|"]
    lines += [f"| `{name}` | {what} |" for name, what in sorted(found.items())]
    return "\n".join(lines) + "\n"


def connectors() -> str:
    """Each connector with what its connector.toml declares, one section each."""
    lines = [GENERATED, "# Connectors", ""]
    for path in sorted(Path("src/tieline/connectors").glob("*/connector.toml")):
        declared = tomllib.loads(path.read_text())
        title = declared.get("name", path.parent.name)
        lines += [f"## {title}", "", "| what | declared |", "|---|---|"]
        lines += [f"| {name} | {value} |" for name, value in _flat(declared)]
        lines.append("")
    return "\n".join(lines)


def _flat(table: dict[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            words = value if isinstance(value, list) else [value]
            yield f"`{prefix}{name}`", ", ".join(str(word) for word in words).replace("|", "\\|").replace("\n", " ")


def fields() -> str:
    """Each role's canonical fields: what they hold, what the flows do with them, which connectors have them."""
    flows = {"calls": (CALLS.reads(), WHOLE.roles)}
    have = {manifest.title: manifest.roles for manifest in manifests().values() if manifest.roles}
    lines = [
        GENERATED,
        "# Canonical fields",
        "",
        "Flows speak of roles and these fields; the manifest of a connector maps those that its vendor has, and leaves out the others",
        "([Add a connector](../how-to/connector.md)). A flow does without a field that is not there, or says which rule needs it.",
        "Customers kept the same go by the lines of their mapping, so every field of a company or a person is worth having.",
        "",
        "| value | how it is given |",
        "|---|---|",
        *(f"| {value} | {said} |" for value, said in SHAPES.items()),
        "",
    ]
    for role, named in FIELDS.items():
        lines += [f"## {role}", "", f"{ROLES[role][0].upper()}{ROLES[role][1:]}.", ""]
        lines += ["| field | value | what it is | flows | connectors |", "|---|---|---|---|---|"]
        for name, field in named.items():
            uses = [
                f"{flow} {' and '.join(verbs)}"
                for flow, (reads, writes) in flows.items()
                if (verbs := [verb for verb, of in (("read", reads), ("write", writes)) if name in of.get(role, ())])
            ]
            having = [title for title, roles in have.items() if role in roles and name in roles[role].fields]
            cells = (f"`{name}`", field.value, field.about, ", ".join(uses), ", ".join(sorted(having)))
            lines.append(f"| {' | '.join(cell or '–' for cell in cells)} |")
        lines.append("")
    return "\n".join(lines)


def broken_links() -> list[str]:
    """Links to files of this repository that are not there."""
    pages = [*Path().glob("*.md"), *DOCS.rglob("*.md"), *Path("src").rglob("doc.md")]
    return [
        f"{page}: {target} is not there"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
        if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists()
    ]


def main() -> int:
    """Write the pages; fail on a broken link."""
    pages = {
        DOCS / "decisions" / "README.md": decisions(),
        DOCS / "reference" / "environment.md": environment(),
        DOCS / "reference" / "connectors.md": connectors(),
        DOCS / "reference" / "canonical-fields.md": fields(),
    }
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {path}")
    broken = broken_links()
    print("\n".join(broken) if broken else "all links lead somewhere")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
