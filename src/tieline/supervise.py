"""Keeps the processes of one Tieline running: the database, the server, the workers.

A child that ends is started again, at once the first time, ever later (up to 5 s) while it keeps ending soon after its
start. The pids stand in a JSON file, for `tieline status` and for the tests that kill one of them.

    supervisor = Supervisor([Child("server", [...]), Child("worker", [...])], state_file=..., postgres=...)
    await supervisor.run()              # until SIGTERM, SIGINT or supervisor.stop()

The children are ended in reverse order, the database last. They get SIGTERM and `grace_s` to finish, then SIGKILL.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

log = logging.getLogger(__name__)

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0
#: A child that ran this long was well: its next end is the first again.
WELL_AFTER_S = 3.0
POSTGRES_POLL_S = 0.2


class Database(Protocol):
    """What the supervisor needs of a database of our own (tieline.store.postgres.EmbeddedPostgres)."""

    def start(self) -> int:
        """See that it runs; its pid."""

    def stop(self) -> None:
        """Shut it down and wait."""

    @property
    def pid(self) -> int | None:
        """Its process, None when it does not run."""


@dataclass(frozen=True)
class Child:
    """A process to keep running: its name, its command, and what its environment has on top of ours.

    `log_file`: where its output goes; None lets it print where we print.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    log_file: Path | None = None
    grace_s: float = 20.0


@dataclass
class _Run:
    pid: int | None = None
    restarts: int = 0


class Supervisor:
    """Runs its children until told to stop. One `run` per object."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        state_file: Path | None = None,
        postgres: Database | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """`say` gets one line for each start and end, besides the log."""
        self._children = list(children)
        self._state_file = state_file
        self._postgres = postgres
        self._say = say
        self._runs: dict[str, _Run] = {child.name: _Run() for child in children}
        if postgres is not None:
            self._runs = {"postgres": _Run(), **self._runs}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin to stop; `run` returns when all have ended."""
        self._stopping.set()

    def pids(self) -> dict[str, int | None]:
        """The processes by name; None for one that is between two lives."""
        return {name: run.pid for name, run in self._runs.items()}

    async def run(self, *, take_signals: bool = True) -> None:
        """Start everything, the database first, and keep it running until `stop` or a signal."""
        loop = asyncio.get_running_loop()
        taken = (signal.SIGTERM, signal.SIGINT) if take_signals else ()
        for number in taken:
            loop.add_signal_handler(number, self.stop)
        tasks: list[asyncio.Task[None]] = []
        try:
            if self._postgres is not None:
                self._started("postgres", await asyncio.to_thread(self._postgres.start))
                tasks.append(asyncio.create_task(self._keep_postgres(self._postgres)))
            enders = [asyncio.Event() for _ in self._children]
            tasks += [
                asyncio.create_task(self._keep(child, end)) for child, end in zip(self._children, enders, strict=True)
            ]
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
            self._stopping.set()
            kept = tasks[len(tasks) - len(enders) :]
            for end, task in reversed(list(zip(enders, kept, strict=True))):
                end.set()
                await asyncio.wait([task])
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._postgres is not None:
                await asyncio.to_thread(self._postgres.stop)
                self._ended("postgres", None, 0)
            for number in taken:
                loop.remove_signal_handler(number)
            if self._state_file is not None:
                self._state_file.unlink(missing_ok=True)

    async def _keep(self, child: Child, end: asyncio.Event) -> None:
        """One child's lives, until `end`."""
        delay = 0.0
        while not end.is_set():
            if delay and await _happens(end, delay):
                return
            began = time.monotonic()
            try:
                code = await self._live(child, end)
            except OSError as error:  # its program is not there, or no process is to be had
                log.exception("supervise.no_start", extra={"child": child.name, "errno": error.errno})
                code = 127
            if end.is_set():
                return
            delay = _next_delay(delay, time.monotonic() - began)
            self._ended(child.name, code, delay)

    async def _live(self, child: Child, end: asyncio.Event) -> int:
        """One life of a child: its exit code. It is told to end when `end` is set, or when we are cancelled."""
        with contextlib.ExitStack() as stack:
            output = None
            if child.log_file is not None:
                child.log_file.parent.mkdir(parents=True, exist_ok=True)
                output = stack.enter_context(child.log_file.open("ab"))
            process = await asyncio.create_subprocess_exec(
                *child.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **child.env},
                start_new_session=True,  # Ctrl-C in a terminal reaches us alone; we end them in order
                preexec_fn=_end_with_parent,
            )
        self._started(child.name, process.pid)
        waiting = asyncio.create_task(process.wait())
        ending = asyncio.create_task(end.wait())
        try:
            await asyncio.wait([waiting, ending], return_when=asyncio.FIRST_COMPLETED)
            return process.returncode if process.returncode is not None else await _finish(process, child.grace_s)
        finally:
            ending.cancel()
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await waiting
            self._runs[child.name].pid = None

    async def _keep_postgres(self, postgres: Database) -> None:
        """Look five times a second whether the database lives; start it again when not."""
        delay = 0.0
        while not await _happens(self._stopping, max(delay, POSTGRES_POLL_S)):
            pid = await asyncio.to_thread(lambda: postgres.pid)
            if pid is not None:
                continue
            if self._runs["postgres"].pid is not None:
                self._ended("postgres", None, 0)
            try:
                pid = await asyncio.to_thread(postgres.start)
            except Exception:
                delay = _next_delay(delay, 0)
                log.exception("supervise.no_start", extra={"child": "postgres"})
                continue
            delay = 0.0
            self._started("postgres", pid)

    def _started(self, name: str, pid: int) -> None:
        self._runs[name].pid = pid
        self._write_state()
        log.info("supervise.started", extra={"child": name, "child_pid": pid})
        if self._say is not None:
            self._say(f"{name}: started, pid {pid}")

    def _ended(self, name: str, code: int | None, delay: float) -> None:
        run = self._runs[name]
        run.pid = None
        if not self._stopping.is_set():
            run.restarts += 1
        self._write_state()
        log.warning("supervise.ended", extra={"child": name, "code": code, "again_in_s": round(delay, 2)})
        if self._say is not None:
            how = "" if code is None else f" with {code}"
            self._say(f"{name}: ended{how}" + ("" if self._stopping.is_set() else f", again in {delay:.1f} s"))

    def _write_state(self) -> None:
        """Whole or not at all: a reader never sees half of it."""
        if self._state_file is None:
            return
        self._state_file.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "supervisor": os.getpid(),
            "pids": self.pids(),
            "restarts": {name: run.restarts for name, run in self._runs.items()},
        }
        fresh = self._state_file.with_name(f".{self._state_file.name}.{os.getpid()}")
        fresh.write_text(json.dumps(state))
        fresh.replace(self._state_file)


def _next_delay(last: float, lived_s: float) -> float:
    """How long to wait before the next life: short after a long life, doubling up to 5 s while lives stay short."""
    if last == 0 or lived_s >= WELL_AFTER_S:
        return FIRST_DELAY_S
    return min(last * 2, LONGEST_DELAY_S)


async def _finish(process: asyncio.subprocess.Process, grace_s: float) -> int:
    """SIGTERM, time to finish, SIGKILL."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        return await asyncio.wait_for(process.wait(), grace_s)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return await process.wait()


async def _happens(event: asyncio.Event, within_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), within_s)
    return event.is_set()


def _end_with_parent() -> None:
    """Runs in the child before its program: on Linux, ask for SIGTERM when the supervisor is killed.

    Else a killed supervisor would leave a server that holds the port and a worker that nobody watches. The database is
    not asked: it goes on, and is found again.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def running(state_file: Path) -> int | None:
    """The process id of the supervisor that wrote this file, if it lives; None too where the system gave its number to
    another program since."""
    try:
        pid = int(json.loads(state_file.read_text())["supervisor"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # another user's, or no Linux: alive is all that is known
        return pid
    return pid if b"tieline" in command else None


def read_state(state_file: Path) -> dict[str, int | None]:
    """The pids that a running supervisor wrote down, by name; empty when none runs."""
    try:
        state = json.loads(state_file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return dict(state["pids"])
