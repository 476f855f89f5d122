"""A new connector is whole at once: `make connector` writes a folder that passes the conformance kit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tieline.core.errors import ConfigError
from tieline.sdk.devkit import OUTSIDE, TEMPLATE, make_connector
from tieline.sdk.devkit.__main__ import main

INSIDE = """
import sys
import tieline.connectors
tieline.connectors.__path__.append(sys.argv[1])
"""
TRY = """
import asyncio
from tieline.sdk.conformance import cases, run
from tieline.sdk.conformance.promises import SkippedError
from tieline.sdk.conformance.quality import faults_of
from tieline.sdk.manifest import connectors
mine = [one for name, one in cases() if name == "acme_crm"]
assert len(mine) > 20, len(mine)
for one in mine:
    try:
        asyncio.run(run("acme_crm", one))
        print("kept", one.name)
    except SkippedError as reason:
        print("skipped", one.name, reason)
    except Exception as error:
        print("BROKEN", one.name, type(error).__name__, error)
for fault in faults_of(connectors()["acme_crm"]):
    print("FAULT", fault)
"""


@pytest.mark.timeout(300)
@pytest.mark.proves("HUB-10")
@pytest.mark.parametrize("place", ["inside", "outside"])
def test_a_new_connector_passes_the_conformance_kit_at_once(tmp_path: Path, place: str) -> None:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    if place == "inside":
        folder = make_connector("acme_crm", tmp_path)
    else:
        assert main(["acme_crm", str(tmp_path)]) == 0
        folder = tmp_path / "acme_crm"
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        install(tmp_path, project["name"], project["entry-points"])
        paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(paths).rstrip(os.pathsep)
    written = {path.name for path in folder.iterdir()}
    assert {"connector.toml", "connector.py", "sandbox.py", "tests.py", "doc.md", "quality.toml"} <= written
    code = INSIDE + TRY if place == "inside" else TRY
    tried = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, timeout=280, check=False, env=environment,
    )  # fmt: skip
    assert tried.returncode == 0, tried.stderr[-2000:]
    lines = tried.stdout.splitlines()
    assert [line for line in lines if not line.startswith(("kept ", "skipped "))] == []
    skipped = [line.split()[1] for line in lines if line.startswith("skipped ")]
    assert skipped == [], skipped


def install(site: Path, project: str, entries: Mapping[str, Mapping[str, str]]) -> None:
    """As an installer writes it down."""
    info = site / f"{project.replace('-', '_')}-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project}\nVersion: 0.1\n", encoding="utf-8")
    groups = (
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
        for group, named in entries.items()
    )
    (info / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")


def test_an_outside_one_imports_itself_by_its_own_name(tmp_path: Path) -> None:
    folder = make_connector("acme_crm", tmp_path, OUTSIDE)
    imports = re.findall(r"^from (\S+) import", "".join(path.read_text() for path in folder.glob("*.py")), re.MULTILINE)
    ours = {name for name in imports if name.split(".")[0] in ("tieline", "acme_crm")}
    assert "acme_crm.sandbox" in ours
    assert all(name.startswith(("acme_crm.", "tieline.sdk", "tieline.core")) for name in ours)
    assert main([]) == 2
    assert main(["acme_crm", str(tmp_path)]) == 1


def test_nothing_of_the_template_is_left_in_it(tmp_path: Path) -> None:
    folder = make_connector("acme_crm", tmp_path, title="Acme")
    texts = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()}
    assert {
        path.name for path, text in texts.items() if "sample" in text.lower() or "template" in text.lower()
    } == set()
    assert 'title = "Acme"' in texts[folder / "connector.toml"]
    assert len(texts) == sum(path.is_file() and "__pycache__" not in path.parts for path in TEMPLATE.rglob("*"))


@pytest.mark.parametrize("name", ["", "Acme", "1st", "a-b", "../x", "x" * 40])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        make_connector(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    make_connector("acme_crm", tmp_path)
    with pytest.raises(ConfigError):
        make_connector("acme_crm", tmp_path)
