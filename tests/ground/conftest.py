"""Folders for a private database: one that its system user can reach, and one that it cannot."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tieline.store.postgres import EmbeddedPostgres

T = TypeVar("T")
MakePostgres = Callable[..., EmbeddedPostgres]


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that any user may pass through (pytest's own are for their owner alone)."""
    folder = Path(tempfile.mkdtemp(prefix="tl-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def make_postgres() -> Iterator[MakePostgres]:
    """Make servers that are stopped and removed with their data afterwards."""
    made: list[EmbeddedPostgres] = []

    def make(data_dir: Path, **options: Path) -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(data_dir, **options))
        return made[-1]

    yield make
    for server in made:
        server.erase()


@pytest.fixture(scope="session")
def running(open_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A running server that tests only read, or make databases of their own in."""
    server = EmbeddedPostgres(open_folder / "shared" / "postgres")
    server.start()
    yield server
    server.erase()


def rights(path: Path) -> list[tuple[str, int, int, int]]:
    """Mode and owner of a folder and of each of its parents."""
    stats = [(folder, folder.stat()) for folder in (path, *path.parents)]
    return [(str(folder), found.st_mode, found.st_uid, found.st_gid) for folder, found in stats]


def until(ask: Callable[[], T | None], what: str, patience_s: float = 60.0) -> T:
    """Ask again and again until there is an answer that counts."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.02)
    pytest.fail(f"waited in vain for: {what}")


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become another user for Postgres")
