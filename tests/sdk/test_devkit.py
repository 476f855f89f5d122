"""A new connector is whole at once: `make connector` writes a folder that passes the conformance kit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tieline.core.errors import ConfigError
from tieline.sdk.devkit import TEMPLATE, make_connector

TRY = """
import asyncio, importlib, sys
import tieline.connectors
tieline.connectors.__path__.append(sys.argv[1])
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
def test_a_new_connector_passes_the_conformance_kit_at_once(tmp_path: Path) -> None:
    folder = make_connector("acme_crm", tmp_path)
    written = {path.name for path in folder.iterdir()}
    assert {"connector.toml", "connector.py", "sandbox.py", "tests.py", "doc.md", "quality.toml"} <= written
    tried = subprocess.run(
        [sys.executable, "-c", TRY, str(tmp_path)], capture_output=True, text=True, timeout=280, check=False
    )
    assert tried.returncode == 0, tried.stderr[-2000:]
    lines = tried.stdout.splitlines()
    assert [line for line in lines if not line.startswith(("kept ", "skipped "))] == []
    skipped = [line.split()[1] for line in lines if line.startswith("skipped ")]
    assert skipped == [], skipped


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
