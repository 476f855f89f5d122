"""Where the private database lies: long paths, folders that its user cannot reach, and no right of a parent changed."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.ground.conftest import MakePostgres, as_root, rights
from tieline.store.embedded import place, programs
from tieline.store.postgres import EmbeddedPostgres


def socket_folder(server: EmbeddedPostgres) -> Path:
    return Path(psycopg.conninfo.conninfo_to_dict(server.dsn())["host"])


def works(server: EmbeddedPostgres) -> bool:
    server.start()
    with psycopg.connect(server.dsn("app")) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_a_reachable_folder_keeps_its_data_and_its_parents_keep_their_rights(
    open_folder: Path, make_postgres: MakePostgres
) -> None:
    parent = open_folder / "reachable"
    parent.mkdir(mode=0o751)
    before = rights(parent)
    server = make_postgres(parent / "postgres")
    assert works(server)
    assert (parent / "postgres" / "pgdata" / "PG_VERSION").exists()
    assert stat.S_IMODE((parent / "postgres").stat().st_mode) == 0o700
    assert rights(parent) == before


def test_a_path_longer_than_a_socket_may_have(open_folder: Path, make_postgres: MakePostgres) -> None:
    parent = open_folder / ("long-" * 25)
    server = make_postgres(parent / "postgres")
    assert len(str(server.data_dir)) > 120
    assert works(server)
    folder = socket_folder(server)
    assert len(bytes(folder)) <= place.LONGEST_SOCKET_FOLDER
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert socket_folder(EmbeddedPostgres(server.data_dir)) == folder
    server.erase()
    assert not folder.exists()


@pytest.mark.parametrize("name", ["with space", "with,comma", "with'quote", "with%percent", "prénom"])
def test_odd_names(open_folder: Path, make_postgres: MakePostgres, name: str) -> None:
    assert works(make_postgres(open_folder / name / "postgres"))


@as_root
class TestOutOfReach:
    """A clone below root's home, which is closed to the user that the server runs as."""

    @pytest.fixture
    def closed(self, open_folder: Path) -> Path:
        folder = open_folder / "closed"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder

    def test_the_data_lies_elsewhere_and_no_right_was_widened(self, closed: Path, make_postgres: MakePostgres) -> None:
        before = rights(closed)
        server = make_postgres(closed / "postgres")
        assert works(server)
        assert rights(closed) == before
        assert (
            stat.S_IMODE((closed / "postgres").stat().st_mode) & 0o007 == 0o005 & (closed / "postgres").stat().st_mode
        )
        assert not (closed / "postgres" / "pgdata").exists()
        assert not socket_folder(server).is_relative_to(closed)

    def test_it_is_found_again_there(self, closed: Path, make_postgres: MakePostgres) -> None:
        server = make_postgres(closed / "postgres")
        pid = server.start()
        assert EmbeddedPostgres(closed / "postgres").pid == pid

    def test_two_clones_never_share(self, closed: Path, make_postgres: MakePostgres) -> None:
        one, other = make_postgres(closed / "one" / "postgres"), make_postgres(closed / "other" / "postgres")
        assert one.start() != other.start()
        assert socket_folder(one) != socket_folder(other)

    def test_a_new_clone_at_an_old_path_begins_empty(self, closed: Path, make_postgres: MakePostgres) -> None:
        old = EmbeddedPostgres(closed / "again" / "postgres")
        old.start()
        with psycopg.connect(old.dsn("owner"), autocommit=True) as connection:
            connection.execute("CREATE TABLE of_the_old_one ()")
        (closed / "again").rename(closed / "away")
        moved = EmbeddedPostgres(closed / "away" / "postgres")
        new = make_postgres(closed / "again" / "postgres")
        assert new.start() != moved.pid
        with psycopg.connect(new.dsn("owner")) as connection:
            assert connection.execute("SELECT to_regclass('of_the_old_one')").fetchone() == (None,)
        moved.erase()

    def test_programs_out_of_reach_are_copied(self, closed: Path, make_postgres: MakePostgres) -> None:
        wheel = programs.wheel_folder()
        shutil.copytree(wheel / f"pginstall{programs.MAJOR}", closed / wheel.name / f"pginstall{programs.MAJOR}")
        shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), closed / f"{wheel.name}.libs")
        before = rights(closed / wheel.name)
        server = make_postgres(closed / "postgres", wheel=closed / wheel.name)
        assert works(server)
        assert rights(closed / wheel.name) == before

    def test_without_the_usual_shelf_a_fresh_one_is_made(
        self, closed: Path, open_folder: Path, make_postgres: MakePostgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writable_by_all = open_folder / "shelf"
        writable_by_all.mkdir()
        writable_by_all.chmod(0o777)
        monkeypatch.setattr(place, "SHARED_SHELF", writable_by_all)
        monkeypatch.setattr(place, "LAST_SHELF", open_folder)
        server = make_postgres(closed / "postgres")
        assert works(server)
        assert list(writable_by_all.iterdir()) == []
        assert stat.S_IMODE(writable_by_all.stat().st_mode) == 0o777


@as_root
def test_as_a_plain_user_it_is_that_user(open_folder: Path) -> None:
    """The usual case outside containers, where nothing has to be switched."""
    home = open_folder / "plain"
    home.mkdir()
    shutil.chown(home, "nobody")
    script = (
        "import os, sys, psutil; from pathlib import Path; from tieline.store.postgres import EmbeddedPostgres;"
        "s = EmbeddedPostgres(Path(sys.argv[1])); pid = s.start();"
        "print(psutil.Process(pid).uids().effective == os.geteuid(), oct(s.data_dir.stat().st_mode)); s.erase()"
    )
    src = Path(__file__).parents[2] / "src"
    path = f"{src}:{Path(psycopg.__file__).parents[1]}"
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            done = subprocess.run(
                [python, "-c", script, str(home / "postgres")],
                check=False, text=True, capture_output=True, user="nobody", group=65534, extra_groups=[], cwd="/",
                env={"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}, timeout=120,
            )  # fmt: skip
        except PermissionError:
            continue
        if "ModuleNotFoundError" in done.stderr or "ImportError" in done.stderr:
            continue  # another Python version than the environment's
        assert done.stdout.split() == ["True", "0o40700"], done.stderr
        return
    pytest.skip("no Python here that a plain user may run with this environment's packages")
