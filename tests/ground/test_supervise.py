"""The supervisor: what ends is started again, what is told to end ends in order, and the pids can be read."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import psutil
import psycopg
import pytest

from tests.ground.conftest import MakePostgres
from tieline.store.embedded import process
from tieline.supervise import LONGEST_DELAY_S, Child, Supervisor, _next_delay, read_state

T = TypeVar("T")
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
#: Says when it was told to end, and how.
POLITE = """
import pathlib, signal, sys, time
def end(*_):
    with open(sys.argv[1], "a") as log:
        log.write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
pathlib.Path(sys.argv[1] + "." + sys.argv[2]).touch()
time.sleep(600)
"""


async def until(ask: Callable[[], T | None], what: str) -> T:
    """Ask again and again until there is an answer that counts."""
    for _ in range(3000):
        answer = ask()
        if answer:
            return answer
        await asyncio.sleep(0.02)
    pytest.fail(f"waited in vain for: {what}")


@asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator[None]:
    task = asyncio.create_task(supervisor.run(take_signals=False))
    try:
        yield
    finally:
        supervisor.stop()
        await task


async def new_pid(state: Path, name: str, old: int | None = None) -> int:
    def look() -> int | None:
        pid = read_state(state).get(name)
        return pid if pid != old else None

    return await until(look, f"a new {name}")


async def test_a_killed_child_is_started_again_and_the_others_are_left_alone(tmp_path: Path) -> None:
    state, lines = tmp_path / "state.json", list[str]()
    supervisor = Supervisor([Child("server", SLEEPER), Child("worker", SLEEPER)], state_file=state, say=lines.append)
    async with running(supervisor):
        server, worker = await new_pid(state, "server"), await new_pid(state, "worker")
        os.kill(worker, signal.SIGKILL)
        again = await new_pid(state, "worker", worker)
        assert psutil.pid_exists(again)
        assert read_state(state)["server"] == server
    assert not psutil.pid_exists(again)
    assert not psutil.pid_exists(server)
    assert f"worker: ended with {-signal.SIGKILL}, again in 0.1 s" in lines
    assert read_state(state) == {}


async def test_a_child_that_cannot_live_is_tried_again_and_again(tmp_path: Path) -> None:
    lines: list[str] = []
    supervisor = Supervisor([Child("broken", [sys.executable, "-c", "raise SystemExit(3)"])], say=lines.append)
    async with running(supervisor):
        await until(lambda: len([line for line in lines if "ended" in line]) >= 3, "three lives")
    waits = [line.rpartition(" in ")[2] for line in lines if "ended with 3" in line]
    assert waits[:3] == ["0.1 s", "0.2 s", "0.4 s"]


async def test_a_missing_program_is_no_end_of_the_others(tmp_path: Path) -> None:
    state, lines = tmp_path / "state.json", list[str]()
    children = [Child("missing", [str(tmp_path / "nothing")]), Child("worker", SLEEPER)]
    async with running(Supervisor(children, state_file=state, say=lines.append)):
        await new_pid(state, "worker")
        await until(lambda: [line for line in lines if line.startswith("missing: ended with 127")], "the failed start")


@pytest.mark.parametrize(
    ("last", "lived_s", "next_one"),
    [
        (0, 0.0, 0.1),
        (0.1, 0.0, 0.2),
        (3.2, 1.0, LONGEST_DELAY_S),
        (LONGEST_DELAY_S, 0.0, LONGEST_DELAY_S),
        (5.0, 60.0, 0.1),
    ],
)
def test_the_wait_grows_while_lives_stay_short(last: float, lived_s: float, next_one: float) -> None:
    assert _next_delay(last, lived_s) == next_one


async def test_children_end_in_reverse_order(tmp_path: Path) -> None:
    log = tmp_path / "log"
    names = ["first", "second", "third"]
    children = [Child(name, [sys.executable, "-c", POLITE, str(log), name]) for name in names]
    async with running(Supervisor(children)):
        await until(lambda: all(Path(f"{log}.{name}").exists() for name in names), "children that listen")
    assert log.read_text().split() == ["third", "second", "first"]


async def test_a_child_that_will_not_end_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    deaf = (
        "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
    )
    supervisor = Supervisor([Child("deaf", [sys.executable, "-c", deaf, str(ready)], grace_s=0.2)])
    async with running(supervisor):
        await until(ready.exists, "the deaf child")
        pid = supervisor.pids()["deaf"]
    assert pid is not None
    assert not psutil.pid_exists(pid)


async def test_output_goes_to_the_childs_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "speaker.log"
    speaker = Child(
        "speaker", [sys.executable, "-c", "print('hello', flush=True); import time; time.sleep(600)"], log_file=log
    )
    async with running(Supervisor([speaker])):
        await until(lambda: log.exists() and log.read_text() == "hello\n", "its words")


SUPERVISED = """
import asyncio, sys
from pathlib import Path
from typing import TypeVar
from tieline.supervise import Child, Supervisor
sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
asyncio.run(Supervisor([Child("server", sleeper), Child("worker", sleeper)], state_file=Path(sys.argv[1])).run())
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_all(tmp_path: Path, how: signal.Signals) -> None:
    state = tmp_path / "state.json"
    supervisor = await asyncio.create_subprocess_exec(sys.executable, "-c", SUPERVISED, str(state))
    pids = [await new_pid(state, "server"), await new_pid(state, "worker")]
    supervisor.send_signal(how)
    assert await supervisor.wait() == 0
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
async def test_a_killed_supervisor_takes_its_children_along(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    supervisor = await asyncio.create_subprocess_exec(sys.executable, "-c", SUPERVISED, str(state))
    pids = [await new_pid(state, "server"), await new_pid(state, "worker")]
    supervisor.kill()
    await supervisor.wait()
    for pid in pids:
        await until(lambda pid=pid: not process.is_alive(pid), "the child's end")


async def test_a_killed_database_is_started_again_with_its_rows(
    tmp_path: Path, open_folder: Path, make_postgres: MakePostgres
) -> None:
    state = tmp_path / "state.json"
    server = make_postgres(open_folder / "supervised" / "postgres")
    async with running(Supervisor([Child("worker", SLEEPER)], state_file=state, postgres=server)):
        first = await new_pid(state, "postgres")
        worker = await new_pid(state, "worker")
        with psycopg.connect(server.dsn("owner"), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
        os.kill(first, signal.SIGKILL)
        await new_pid(state, "postgres", first)
        with psycopg.connect(server.dsn("owner")) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
        assert read_state(state)["worker"] == worker
    assert server.pid is None
