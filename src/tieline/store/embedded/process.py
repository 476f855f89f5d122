"""The server's process: found again by whoever asks, told alive from dead and from zombie, started and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tieline.store.embedded.cluster import command_line
from tieline.store.embedded.errors import DatabaseError
from tieline.store.embedded.place import Place

_LONGEST_LOG = 10_000_000
_TICK_S = 0.02
#: Servers that this very process started: they are its children, and it has to collect them when they end.
_children: dict[int, subprocess.Popen[bytes]] = {}


def find(place: Place) -> int | None:
    """The pid of the running server, whoever started it; None when there is none.

    postmaster.pid alone says little: it outlives a killed server, its number may belong to another process by now, and
    where nobody collects the dead (a container without an init) a killed server stays in the table as a zombie.
    """
    try:
        pid = int((place.pgdata / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if is_alive(pid) and _command(pid)[1:3] == ["-D", str(place.pgdata)] else None


def is_alive(pid: int) -> bool:
    """Whether a process runs: zombies are dead, and our own are collected here."""
    try:
        alive = psutil.Process(pid).status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.NoSuchProcess:
        alive = False
    if not alive and pid in _children:
        _children.pop(pid).wait()
    return alive


def is_ready(place: Place) -> bool:
    """Whether the server says that it takes connections (crash recovery is over)."""
    try:
        lines = (place.pgdata / "postmaster.pid").read_text().split("\n")
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"


def launch(place: Place, wait_s: float) -> int | None:
    """Start the server and wait until it takes connections: its pid, or None when it ended instead.

    It goes on when we end; `find` finds it again.
    """
    clear_remains(place)
    with _log(place) as log:
        child = subprocess.Popen(
            command_line(place),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **place.account.popen_args(),
        )
    _children[child.pid] = child
    return wait_ready(place, child.pid, wait_s)


def wait_ready(place: Place, pid: int, wait_s: float) -> int | None:
    """Wait for a server that is starting or recovering; None when it ends meanwhile."""
    for _ in _ticks(wait_s):
        if not is_alive(pid):
            return None
        if is_ready(place) and find(place) == pid:
            return pid
    raise DatabaseError(code="database.start_slow", seconds=wait_s)


def clear_remains(place: Place) -> None:
    """Remove what a killed server left: its pid file, its lock on the socket, and its processes that go on working.

    Only to be called when `find` says None. Postgres refuses to start while a process of its holds the shared memory, and
    takes a zombie's lock for a living one's.
    """
    (place.pgdata / "postmaster.pid").unlink(missing_ok=True)
    (place.socket_folder() / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
    left = [pid for pid in psutil.pids() if " ".join(_command(pid)).startswith(f"postgres: {place.name}: ")]
    for final_signal, wait_s in ((signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        for pid in left:
            _send(pid, final_signal)
        for _ in _ticks(wait_s):
            left = [pid for pid in left if is_alive(pid)]
            if not left:
                return


def end(place: Place, wait_s: float) -> None:
    """Fast shutdown: running transactions are rolled back, all is written. Immediate when that takes too long."""
    pid = find(place)
    if pid is None:
        return
    for how, patience_s in ((signal.SIGINT, wait_s), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)):
        _send(pid, how)
        for _ in _ticks(patience_s):
            if not is_alive(pid):
                return
    raise DatabaseError(code="database.stop_failed", pid=pid)


def log_tail(place: Place) -> str:
    """The last lines that the server printed."""
    try:
        return place.log.read_bytes()[-2000:].decode(errors="replace")
    except FileNotFoundError:
        return ""


@contextlib.contextmanager
def _log(place: Place) -> Iterator[int]:
    """The log, open for appending; an overlong one is put aside first."""
    with contextlib.suppress(FileNotFoundError):
        if place.log.stat().st_size > _LONGEST_LOG:
            place.log.replace(Path(f"{place.log}.1"))
    handle = os.open(place.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        place.account.give(place.log)
        yield handle
    finally:
        os.close(handle)


def _command(pid: int) -> list[str]:
    try:
        return list(psutil.Process(pid).cmdline())
    except psutil.Error:
        return []


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _ticks(wait_s: float) -> Iterator[None]:
    """Come round every 20 ms, at least once, until the time is over."""
    until = time.monotonic() + wait_s
    while True:
        yield
        if time.monotonic() > until:
            return
        time.sleep(_TICK_S)
