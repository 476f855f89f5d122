"""Processes killed at random moments of a load: each acknowledged call has exactly its records afterwards.

What must be there is worked out from the calls that were acknowledged and counted at the sandbox: one call record each, a
lead for each number, a task for each call that nobody took.
"""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.jobs.conftest import House


def kill(process: subprocess.Popen[bytes] | None) -> None:
    assert process is not None
    process.kill()
    process.wait(30)


def kill_postgres(house: House) -> None:
    """SIGKILL of the postmaster, and of what it leaves; then started again as the supervisor would."""
    pid = house.where.server.pid
    assert pid is not None
    for process in [psutil.Process(pid), *psutil.Process(pid).children()]:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    house.where.server.start()


def check(house: House) -> None:
    """Exactly the records of the acknowledged calls."""
    calls = house.acknowledged
    wanted_leads = {caller for caller, _ in calls.values()}
    leads = Counter(str(one["Phone"]).replace(" ", "") for one in house.records("Leads"))
    assert sum(leads.values()) == len(wanted_leads), (
        f"leads doubled: {[one for one in leads.items() if one[1] > 1][:5]}"
    )
    assert len(house.records("Tasks")) == sum(missed for _, missed in calls.values())
    keys = [one.get("Tieline_Key") for one in house.records("Calls")]
    assert len(keys) == len(set(keys)) == len(calls)
    with house.where.tx(house.company.workspace) as link:
        assert link.execute("SELECT DISTINCT state FROM store_operation").fetchall() == [("done",)]
        assert link.execute("SELECT count(*) FROM store_openevent").fetchone() == (0,)


def play(house: House, calls: int, kills: list[str], seed: int) -> None:
    """The load from a few phone systems at once, with a kill each time so many more calls are done."""
    chance = random.Random(seed)
    numbers = iter(range(calls))
    turn = threading.Lock()
    failed: list[BaseException] = []

    def client() -> None:
        try:
            while True:
                with turn:
                    number = next(numbers, None)
                if number is None:
                    return
                house.post(number)
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            failed.append(error)

    clients = [threading.Thread(target=client, daemon=True) for _ in range(4)]
    for one in clients:
        one.start()
    for number, what in enumerate(kills):
        until_done(house, (number + 1) * calls // (len(kills) + 1), failed)
        time.sleep(chance.uniform(0, 0.3))
        before = house.done()
        if what == "worker":
            kill(house.worker)
            house.start_worker()
        elif what == "server":
            kill(house.server)
            house.start_server()
        else:
            kill_postgres(house)
        if before < calls:
            until_done(house, min(before + 1, calls), failed)  # work goes on
    for one in clients:
        one.join(300)
        assert not one.is_alive()
    until_done(house, calls, failed)


def until_done(house: House, calls: int, failed: list[BaseException]) -> None:
    end = time.monotonic() + 240
    while house.done() < calls:
        if failed:
            raise failed[0]
        if time.monotonic() > end:
            pytest.fail(f"{house.done()} of {calls} calls done: {_left(house)}")
        time.sleep(0.05)


def _left(house: House) -> object:
    with house.where.tx(house.company.workspace) as link:
        return link.execute("SELECT state, count(*), max(why::text) FROM store_subject GROUP BY state").fetchall()


@pytest.mark.proves("HUB-5", "CALL-19", "CALL-23")
def test_a_worker_and_the_database_killed_in_a_load(house: House) -> None:
    play(house, 500, ["worker", "postgres"], seed=1)
    check(house)


@pytest.mark.long
@pytest.mark.proves("HUB-5", "CALL-19", "CALL-23")
@pytest.mark.parametrize("what", ["worker", "server", "postgres"])
def test_ten_kills_in_a_load_of_5000(house: House, what: str) -> None:
    play(house, 5000, [what] * 10, seed=2)
    check(house)
