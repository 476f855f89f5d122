"""The repository's own verbs and checks."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools import declared_imports, docs, file_sizes, requirements_report

ROOT = Path(__file__).parents[2]
PINNED = ("requirements.txt", "requirements-dev.txt", "requirements-tryton.txt", "requirements-radicale.txt")


@pytest.mark.parametrize("file", PINNED)
def test_every_package_is_pinned_with_hashes_and_without_an_address(file: str) -> None:
    text = (ROOT / file).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--(extra-)?index-url|--find-links|--trusted-host)\b", text, re.MULTILINE)
    entries = [entry for entry in re.split(r"\n(?=\S)", text.strip()) if not entry.startswith("#")]
    assert len(entries) > 20
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+", entry), entry[:60]
        assert "--hash=sha256:" in entry, entry[:60]


@pytest.mark.parametrize(("wanted", "pinned"), [(name.replace(".txt", ".in"), name) for name in PINNED])
def test_what_is_wanted_is_pinned(wanted: str, pinned: str) -> None:
    names = set(re.findall(r"^([a-z0-9._-]+?)(?:\[|==)", (ROOT / pinned).read_text(), re.MULTILINE))
    assert declared_imports.declared(str(ROOT / wanted)) <= {name.replace("_", "-").replace(".", "-") for name in names}


def test_what_runs_and_what_checks_agree_on_versions() -> None:
    def versions(file: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9._-]+(?:\[[a-z,]+\])?==\S+", (ROOT / file).read_text(), re.MULTILINE))

    assert versions("requirements.txt") <= versions("requirements-dev.txt")


def test_help_lists_every_verb() -> None:
    said = subprocess.run(["make", "-s", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert set(re.findall(r"^  make (\S+)", said, re.MULTILINE)) == set(phony.group(1).split())


class TestRequirementsReport:
    @pytest.fixture
    def repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "requirements-ids.txt").write_text("# ids\nCALL-1\nCALL-2\nCALL-3\nCALL-4\nHUB-1\n")
        (tmp_path / "tests" / "core").mkdir(parents=True)
        connector = tmp_path / "src" / "tieline" / "connectors" / "anchor"
        connector.mkdir(parents=True)
        (connector / "tests.py").write_text('@pytest.mark.proves("HUB-1")\nasync def test_hub(): ...\n')
        return tmp_path

    def test_marks_are_read_from_functions_classes_and_modules(
        self, repository: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (repository / "tests" / "core" / "test_a.py").write_text(
            'pytestmark = [pytest.mark.proves("CALL-1")]\n'
            '@pytest.mark.proves("CALL-2", "CALL-3")\nclass TestA:\n    def test_one(self): ...\n    def helper(self): ...\n'
        )
        assert requirements_report.main() == 0
        said = capsys.readouterr().out
        assert "CALL-2       1  tests/core/test_a.py::test_one" in said
        assert "CALL-4       0  -" in said
        assert "src/tieline/connectors/anchor/tests.py::test_hub" in said
        assert "4 of 5 requirements are named by a test" in said

    def test_an_id_that_nobody_knows_fails(self, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (repository / "tests" / "core" / "test_a.py").write_text('@pytest.mark.proves("CALL-99")\ndef test_a(): ...\n')
        assert requirements_report.main() == 1
        assert "unknown id CALL-99" in capsys.readouterr().out


def test_the_ids_are_all_there() -> None:
    ids = [
        line for line in (ROOT / "docs" / "requirements-ids.txt").read_text().splitlines() if not line.startswith("#")
    ]
    kinds = {"CALL": 25, "PROP": 13, "CUST": 16, "MAP": 13, "SWITCH": 14, "HUB": 16}
    assert ids == [f"{kind}-{number + 1}" for kind, count in kinds.items() for number in range(count)]


def test_an_undeclared_import_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "requirements.in").write_text("orjson  # fast\n")
    (tmp_path / "requirements-dev.in").write_text("pytest\n")
    (tmp_path / "src" / "a.py").write_text(
        "import orjson, json\nfrom tieline.core import plan\ndef f():\n    import pytest\n"
    )
    (tmp_path / "src" / "tests.py").write_text("import pytest\n")
    assert declared_imports.main() == 1
    assert capsys.readouterr().out == "src/a.py imports pytest, which requirements.in does not name\n"


@pytest.mark.parametrize(("lines", "code", "said"), [(400, 0, ""), (401, 0, "long: "), (501, 1, "TOO LONG: ")])
def test_long_files_are_listed_and_longer_ones_refused(
    lines: int,
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src" / "static").mkdir(parents=True)
    (tmp_path / "src" / "a.py").write_text("x = 1\n" * lines)
    (tmp_path / "src" / "static" / "theirs.js").write_text("\n" * 9000)
    assert file_sizes.main() == code
    assert capsys.readouterr().out == (f"{said}src/a.py has {lines} lines\n" if said else "")


def test_every_link_leads_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert docs.broken_links() == []


def test_the_list_of_decisions_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert (ROOT / "docs" / "decisions" / "README.md").read_text() == docs.decisions()


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("exit 1", "Python 3.11 or later is missing"),
        ('case "$2" in *version_info*) exit 0;; *) exit 1;; esac', "Python's venv is missing"),
    ],
)
def test_setting_up_says_what_is_missing(python: str, said: str, tmp_path: Path) -> None:
    """On a machine where nothing can be installed for want of apt-get."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").write_text(f"#!/bin/sh\n{python}\n")
    (programs / "python3").chmod(0o755)
    for name in ("id", "bash"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    done = subprocess.run(
        [programs / "bash", ROOT / "tools" / "setup.sh", tmp_path / "venv", ROOT / "requirements.txt"],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": str(programs), "HOME": str(tmp_path)},
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert not (tmp_path / "venv").exists()


def test_every_setting_from_outside_is_listed() -> None:
    """Names in src/, but for those that are only Django's settings: assigned there, and read from there."""
    page = (ROOT / "docs" / "reference" / "environment.md").read_text()
    listed = re.findall(r"^\| `(TIELINE_[A-Z_<>]+)` \| \S", page, re.MULTILINE)
    patterns = [re.compile(re.sub("<[A-Z]+>", "[A-Z_]+", name)) for name in listed]
    read = {
        name
        for path in (ROOT / "src").rglob("*.py")
        for line in path.read_text().splitlines()
        for name in re.findall(r"(?<!settings\.)\bTIELINE_[A-Z_]*[A-Z]", line)
        if not re.match(rf"{name}( *:.*)? = ", line)
    }
    assert {"TIELINE_HOME", "TIELINE_SANDBOX_URL", "TIELINE_TRYTON_URL", "TIELINE_ZOHO_CRM_CLIENT_ID"} <= read
    assert [name for name in sorted(read) if not any(one.fullmatch(name) for one in patterns)] == []
    assert "TIELINE_<CONNECTOR>_CLIENT_SECRET" in listed
