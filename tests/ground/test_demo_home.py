"""The demo erases its folder: never another's, and never under a demo that runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tieline.demo.home import MARK, NotOursError, claim, erase
from tieline.supervise import running


def demo(*arguments: str, at: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tieline.cli", "demo", *arguments], cwd=at, capture_output=True, text=True, check=False
    )


def test_a_folder_of_somebodys_own_is_never_erased(tmp_path: Path) -> None:
    mine = tmp_path / "thesis"
    mine.mkdir()
    (mine / "chapter-1.txt").write_text("long work")
    for more in ((), ("--check",), ("--short",)):
        answer = demo("--home", str(mine), *more, at=tmp_path)
        assert answer.returncode == 2
        assert "holds something that no demo made" in answer.stderr
    assert [one.name for one in mine.iterdir()] == ["chapter-1.txt"]
    assert (mine / "chapter-1.txt").read_text() == "long work"


def test_a_second_demo_leaves_the_first_alone(tmp_path: Path) -> None:
    home = tmp_path / ".tieline" / "demo"
    with claim(home):
        (home / "postgres").mkdir()
        answer = demo("--short", at=tmp_path)
        assert (answer.returncode, answer.stdout) == (2, "")
        assert "another demo runs in" in answer.stderr
        assert (home / "postgres").is_dir()
    with claim(home):  # it has ended
        erase(home)
    assert [one.name for one in home.iterdir()] == [MARK]


def test_a_living_supervisor_keeps_its_folder(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    claim(home).close()
    (home / "server.log").write_text("")
    state = home / "processes.json"
    program = [sys.executable, "-c", "print(); input()", "tieline"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as living:
        assert living.stdout is not None
        living.stdout.readline()  # it runs: before, the system does not say yet what it is
        state.write_text(json.dumps({"supervisor": living.pid, "pids": {}}))
        with pytest.raises(NotOursError, match=f"process {living.pid} runs in"):
            claim(home)
        assert living.stdin is not None
        living.stdin.close()
        living.wait()
    assert running(state) is None
    claim(home).close()
    assert (home / "server.log").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"supervisor": null}', "{"])
def test_a_file_that_says_nothing_holds_nothing(tmp_path: Path, text: str) -> None:
    state = tmp_path / "processes.json"
    assert running(state) is None
    state.write_text(text)
    assert running(state) is None


def test_a_number_that_another_program_has_by_now_is_no_supervisor(tmp_path: Path) -> None:
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("without /proc nobody knows what a process runs")
    state = tmp_path / "processes.json"
    with subprocess.Popen(["sleep", "60"]) as other:
        state.write_text(json.dumps({"supervisor": other.pid}))
        assert running(state) is None
        other.kill()


def test_what_a_link_in_it_leads_to_stays(tmp_path: Path) -> None:
    home, outside = tmp_path / "demo", tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    with claim(home):
        (home / "link").symlink_to(outside)
        erase(home)
    assert (outside / "kept").exists()
    assert not (home / "link").exists()


def test_the_count_and_the_demo_have_folders_of_their_own() -> None:
    from tieline.demo import command

    assert command.HOME != command.CHECK_HOME
