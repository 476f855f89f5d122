"""The folder that a demo keeps its data in. A demo erases it at its start, so it takes only one that is a demo's, and that no
other demo, and no installation, is using."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import IO

from tieline.supervise import running

MARK = "tieline-demo"
"""The file by which a folder is known as a demo's; a running demo holds a lock on it."""
_WORDS = "The demo keeps its data here, and erases what is in this folder whenever it starts.\n"


class NotOursError(Exception):
    """The folder is not taken: why, for the person at the terminal."""


def claim(home: Path) -> IO[str]:
    """Takes the folder and makes it if it is not there. It is held until the answer is closed, or the process ends, however
    that may be. Nothing in it is touched."""
    if home.exists() and not home.is_dir():
        raise NotOursError(f"{home} is not a folder")
    mark = home / MARK
    if home.exists() and any(home.iterdir()) and not mark.is_file():
        raise NotOursError(
            f"{home} holds something that no demo made, and the demo erases its folder. Give another one with --home"
        )
    other = running(home / "processes.json")
    if other is not None:
        raise NotOursError(f"process {other} runs in {home}. End it first, or give another folder with --home")
    home.mkdir(parents=True, exist_ok=True)
    held = mark.open("a+", encoding="utf-8")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        raise NotOursError(f"another demo runs in {home}. End it first, or give another folder with --home") from None
    if not mark.stat().st_size:
        held.write(_WORDS)
        held.flush()
    return held


def erase(home: Path) -> None:
    """Everything in a folder that was claimed, but for its mark. The database in it is stopped before."""
    for one in home.iterdir():
        if one.name == MARK:
            continue
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one, ignore_errors=True)
        else:
            one.unlink(missing_ok=True)
