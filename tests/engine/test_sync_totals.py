"""How many a transfer has before it: counted at its beginning where the system can count, never a reason to stop, and what it costs."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import pytest

from tests.engine.sync_bench import PLAIN, Bench, settings
from tests.engine.sync_memory import MemoryVendor
from tieline.core.errors import (
    AuthError,
    ConfigError,
    ProtocolError,
    RateLimitedError,
    ScopeError,
    TielineError,
    TransientError,
)
from tieline.engine.sync.ports import PACE
from tieline.sdk.contract import Page


@dataclass
class Counting(MemoryVendor):
    """A system that can count. error: what the n-th count (from 1) meets."""

    error: TielineError | None = None
    error_at: int = 1
    takes_s: float = 0.0
    """How long each page of a pull takes."""
    before_pull: Callable[[], None] = lambda: None

    async def count(self, object: str) -> int:
        await self._request("count")
        if self.error is not None and self.asked["count"] == self.error_at:
            raise self.error
        return len(self.all(object))

    async def pull(self, object: str, fields: Sequence[str], cursor: str | None) -> AsyncIterator[Page]:
        self.before_pull()
        async for page in super().pull(object, fields, cursor):
            self.clock.now += self.takes_s
            yield page


def counting(accounts: int, contacts: int, *, counts: bool = True, page: int = 3) -> Bench:
    bench = Bench(settings=settings(contacts=contacts > 0))
    if counts:
        bench.right = Counting(bench.clock, bench.right_can, "R")
    bench.right.page = page
    for n in range(accounts):
        bench.right.put("Accounts", name=f"Firm {n}", email=f"f{n}@x.dk")
    for n in range(contacts):
        bench.right.put("Contacts", name=f"Ann {n}", email=f"ann{n}@x.dk")
    return bench


@pytest.mark.proves("CUST-8")
async def test_the_roles_are_counted_together_before_the_first_page() -> None:
    bench = counting(7, 5)
    row = await bench.sync().transfer({"from": "right"})
    assert (row.state, row.total, row.counts["read"]) == ("done", 12, 12)
    assert bench.right.asked["count"] == 2
    shown: list[int | None] = []  # what its page shows when the first page is asked for
    slow = counting(7, 5)
    assert isinstance(slow.right, Counting)
    slow.right.before_pull = lambda: shown.append(slow.store.runs[1].total)
    await slow.sync().transfer({"from": "right"})
    assert shown[0] == 12
    one_role = counting(7, 5)
    row = await one_role.sync().transfer({"from": "right", "role": "account"})
    assert (row.total, one_role.right.asked["count"]) == (7, 1)
    dry = counting(7, 5)
    row = await dry.sync().preview({"of": "transfer", "from": "right"})
    assert (row.total, row.counts["read"]) == (12, 12)


@pytest.mark.proves("CUST-8")
async def test_a_system_that_cannot_count_is_not_asked() -> None:
    bench = counting(7, 5)
    row = await bench.sync().transfer({"from": "left"})
    assert (row.state, row.total) == ("done", None)
    assert bench.right.asked["count"] == 0


@pytest.mark.proves("CUST-8")
async def test_counting_costs_one_request_a_role_and_no_more() -> None:
    n, page = 240, 12
    bench = counting(n, 0, page=page)
    row = await bench.sync().transfer({"from": "right"})
    assert (row.total, row.counts["created"]) == (n, n)
    pages = math.ceil(n / page)
    look_ups = pages * 2 * math.ceil(page / PLAIN.read_batch)  # two rules of the match have a value
    assert row.requests <= 1.05 * (pages + pages * math.ceil(page / PLAIN.write_batch) + look_ups)
    without = counting(n, 0, page=page, counts=False)
    assert row.requests == (await without.sync().transfer({"from": "right"})).requests + 1


@pytest.mark.proves("CUST-8")
@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize(
    "error", [TransientError("bad moment"), ScopeError("no right", scope="x"), ProtocolError("?"), ConfigError("?")]
)
async def test_a_count_that_fails_stops_nothing_and_there_is_no_total(error: TielineError, at: int) -> None:
    bench = counting(7, 5)
    assert isinstance(bench.right, Counting)
    bench.right.error, bench.right.error_at = error, at
    row = await bench.sync().transfer({"from": "right"})
    assert (row.state, row.total, row.counts["read"]) == ("done", None, 12)


@pytest.mark.proves("CUST-8")
@pytest.mark.parametrize("error", [AuthError("revoked"), RateLimitedError("slow down", wait_s=5.0)])
async def test_what_concerns_the_whole_connection_stops_at_the_count_as_anywhere(error: TielineError) -> None:
    bench = counting(7, 5)
    assert isinstance(bench.right, Counting)
    bench.right.error = error
    row = await bench.sync().transfer({"from": "right"})
    assert (row.state, row.total) == ("paused", None)
    assert row.why is not None
    assert row.why["code"] == error.code
    assert bench.right.asked["pull"] == 0
    bench.clock.now += 10
    row = await bench.sync().transfer({"from": "right"})  # connected again: it is counted then
    assert (row.state, row.total, row.counts["read"]) == ("done", 12, 12)


@pytest.mark.proves("CUST-8")
async def test_a_total_is_kept_over_a_pause_and_what_stood_half_way_gets_none_of_a_whole() -> None:
    bench = counting(7, 5)
    bench.store.pause_asked = {1}
    row = await bench.sync().transfer({"from": "right"})
    assert (row.state, row.total) == ("paused", 12)
    bench.right.put("Accounts", name="Late", email="late@x.dk")
    bench.store.pause_asked = set()
    row = await bench.sync().transfer({"from": "right"})
    assert (row.state, row.total) == ("done", 12)
    assert bench.right.asked["count"] == 2
    half = counting(7, 5)
    half.right.faults = ["", "", "", "", "auth"]
    assert isinstance(half.right, Counting)
    half.right.error = TransientError("bad moment")
    while (row := await half.sync().transfer({"from": "right"})).state != "done":
        half.clock.now += 10
    assert row.total is None
    assert half.right.asked["count"] == 1


@pytest.mark.proves("CUST-8")
async def test_its_pace_is_of_the_time_at_work_without_the_pauses() -> None:
    bench = counting(12, 0)
    assert isinstance(bench.right, Counting)
    bench.right.takes_s = 10.0
    bench.store.pause_asked = {1}
    row = await bench.sync().transfer({"from": "right"})
    assert row.state == "paused"
    bench.clock.now += 86_400
    bench.store.pause_asked = set()
    row = await bench.sync().transfer({"from": "right"})
    assert row.state == "done"
    seconds, read = row.position[PACE]
    assert read == 12
    assert 40.0 <= seconds < 100.0
