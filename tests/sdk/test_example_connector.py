"""The example of the guide: a connector outside Tieline, found by its entry point, keeps every promise of the kit."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
FOLDER = EXAMPLES / "quillbook"
TRY = """
import asyncio
from tieline.sdk.conformance import cases, run
from tieline.sdk.conformance.promises import SkippedError
from tieline.sdk.conformance.quality import faults_of
from tieline.sdk.manifest import connectors
found = connectors()["quillbook"]
print("package", found.package)
for one in [one for name, one in cases() if name == "quillbook"]:
    try:
        asyncio.run(run("quillbook", one))
        print("kept", one.name)
    except SkippedError as reason:
        print("skipped", one.name, reason)
    except Exception as error:
        print("BROKEN", one.name, type(error).__name__, error)
for fault in faults_of(found):
    print("FAULT", fault)
"""
MORE = """
import asyncio
from quillbook.tests import subject
from tieline.core.errors import RateLimitedError
from tieline.sdk.contract import Link, PushOperation, Written

async def links():
    async with subject() as one:
        push = one.connector.push
        [house] = await push([PushOperation("k-h", "create", "houses", {"title": "Press"})])
        author = {"full_name": "Ada", "house": Link("houses", house.id)}
        outcomes = await push([
            PushOperation("k-1", "create", "authors", author),
            PushOperation("k-2", "create", "houses", {"title": "Other"}),
            PushOperation("k-3", "create", "authors", {"full_name": "Bob"}),
        ])
        assert all(isinstance(each, Written) for each in outcomes), outcomes
        read = await one.connector.fetch("authors", [outcomes[0].id], ["full_name", "house"])
        assert read[0].fields == {"full_name": "Ada", "house": house.id}, read
        assert [row["title"] for row in await one.records("houses")] == ["Press", "Other"]

async def limited():
    async with subject() as one:
        one.side.sandbox.limit_per_s = 1
        await one.connector.check()
        try:
            await one.connector.check()
        except RateLimitedError as error:
            assert error.wait_s == 1.0, error.wait_s
        else:
            raise AssertionError("no limit")

asyncio.run(links())
asyncio.run(limited())
"""


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """The environment of a process in which the example is installed, entry points and all."""
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = tmp_path / "tieline_quillbook-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n", encoding="utf-8")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(EXAMPLES), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def tried(code: str, environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.mark.timeout(300)
def test_it_keeps_every_promise(installed: dict[str, str]) -> None:
    first, *lines = tried(TRY, installed)
    assert first == "package quillbook"
    assert [line for line in lines if not line.startswith("kept ")] == []
    assert len(lines) > 20


@pytest.mark.timeout(60)
def test_it_links_authors_to_houses_and_is_told_to_wait(installed: dict[str, str]) -> None:
    tried(MORE, installed)


def test_nothing_outside_its_folder_belongs_to_it() -> None:
    """Only this test and the guide name it, no program does; no file but those of its folder is called after it."""
    may = {Path(__file__).resolve(), ROOT / "docs" / "how-to" / "connector.md"}
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no working copy")
    naming = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_relative_to(FOLDER) or path in may or not path.is_file():
            continue
        if "quillbook" in name.lower() or b"quillbook" in path.read_bytes().lower():
            naming.append(name)
    assert naming == []


def test_it_imports_only_what_a_connector_may() -> None:
    allowed = ("tieline.sdk", "tieline.core", "quillbook", "orjson")
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, path.name
                names = [node.module or ""]
            for name in names:
                inside = any(name == root or name.startswith(f"{root}.") for root in allowed)
                assert inside or name.split(".")[0] in sys.stdlib_module_names, f"{path.name}: {name}"
