"""Back-fill: a list read again folds with what was delivered, nothing doubled or lost at any death; live work goes first."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.engine.bench import Bench, body
from tests.engine.calls import ALL_ON, calls_bench, say
from tests.engine.memory import Killed, MemoryStore
from tieline.core.errors import AuthError, RateLimitedError, TransientError
from tieline.core.facts import CallFact
from tieline.engine.events.backfill import Backfill, by_call, news
from tieline.engine.events.gaps import DAY_S
from tieline.engine.ports import LISTED, BackfillRow, EventRow, Fetched
from tieline.engine.times import iso, seconds
from tieline.flows.calls import FLOW

BEGAN = 1_795_000_000.0


def listed_call(index: int, at: float, number: str | None = None, outcome: str = "answered") -> list[CallFact]:
    """A call of a list, as connectors give one."""
    common: dict[str, Any] = {
        "call_key": f"c{index}",
        "direction": "inbound",
        "external_number": number or f"+336120{index:05d}",
        "line_number": "+33140000001",
    }
    return [
        CallFact(type="ringing", occurred_at=iso(at), **common),
        CallFact(
            type="ended",
            occurred_at=iso(at + 60),
            outcome=outcome,  # type: ignore[arg-type]
            talk_s=60 if outcome == "answered" else 0,
            final=True,
            **common,
        ),
    ]


@dataclass
class List:
    """A vendor's list of calls, newest first: the engine may not count on an order. `faults`: one taken at each page."""

    calls: list[tuple[float, list[CallFact]]]
    size: int = 5
    faults: list[BaseException | None] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    async def list_since(self, since: str, until: str | None = None) -> AsyncIterator[Sequence[CallFact]]:
        self.asked.append((since, until))
        end = seconds(until) if until else float("inf")
        found = sorted(((at, facts) for at, facts in self.calls if seconds(since) <= at < end), key=lambda one: -one[0])
        for start in range(0, len(found), self.size):
            fault = self.faults.pop(0) if self.faults else None
            if fault is not None:
                raise fault
            yield [fact for _, facts in found[start : start + self.size] for fact in facts]

    async def lines(self) -> list[tuple[str, str]]:
        return []


@dataclass
class MemoryBackfill:
    """`BackfillStore` beside a `MemoryStore`: what a committed transaction would have kept; dies around any call."""

    store: MemoryStore
    row: BackfillRow
    flow: str = "calls"
    state: str = "running"
    trouble: Mapping[str, Any] | None = None
    due_at: str = ""
    listed: int = 0
    missing: int = 0
    completed: int = 0

    def _call(self, name: str, work: Any) -> Any:
        self.store.before_call(name, "before")
        out = work()
        self.store.before_call(name, "after")
        return out

    def known(self, keys: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
        def work() -> dict[str, dict[str, dict[str, Any]]]:
            found = {key: self.store.by_key.get((self.flow, self.row.source, key)) for key in keys}
            return {self.flow: {key: dict(self.store.rows[id].subject) for key, id in found.items() if id is not None}}

        return self._call("known", work)

    def save_page(self, calls: Sequence[Fetched], listed: int, reached: str | None) -> bool:
        def work() -> bool:
            if self.state != "running":
                return False
            for one in calls:
                key = (self.row.source, one.event_key)
                if key in self.store.event_keys:
                    continue
                self.store.event_keys.add(key)
                id = len(self.store.events) + 1
                text = json.dumps(list(one.facts)).encode()
                self.store.events[id] = EventRow(id, self.row.source, LISTED, "", {}, text, self.store.clock.iso())
                self.store.open[id] = None
            self.listed += listed
            self.missing += sum(one.is_missing for one in calls)
            self.completed += sum(not one.is_missing for one in calls)
            row = self.row
            self.row = BackfillRow(row.id, row.source, row.since, row.until, reached or row.reached)
            return True

        return self._call("save_page", work)

    def put_off(self, until: str, attempts: int, trouble: Mapping[str, Any] | None) -> None:
        def work() -> None:
            row = self.row
            self.row = BackfillRow(row.id, row.source, row.since, row.until, row.reached, attempts)
            self.due_at, self.trouble = until, trouble

        self._call("put_off", work)

    def finish(self, trouble: Mapping[str, Any] | None) -> None:
        def work() -> None:
            self.state, self.trouble = "failed" if trouble else "done", trouble

        self._call("finish", work)


def of(bench: Bench, since: float = BEGAN, until: float = BEGAN + DAY_S) -> MemoryBackfill:
    return MemoryBackfill(bench.store, BackfillRow(1, 1, iso(since), iso(until), iso(since)))


def process(bench: Bench, store: MemoryBackfill, history: Any) -> Backfill:
    flows = {"calls": (FLOW, bench.settings)}
    return Backfill(store.row, history, store, flows, clock=bench.clock, chance=lambda: 0.5)


@pytest.mark.proves("CALL-21", "CALL-19", "HUB-5")
@pytest.mark.parametrize("seed", range(6))
async def test_a_gap_is_filled_whatever_dies_between_any_two_port_calls(seed: int) -> None:
    """Some calls were delivered whole, of some only the start, of some nothing. Back-fill and drain die around port calls; in
    the end each call is there once, with what its facts say."""
    chance = random.Random(seed)
    bench = calls_bench(**ALL_ON)
    history = List([])
    for index in range(60):
        at = BEGAN + chance.randrange(int(DAY_S) - 100)
        facts = listed_call(index, at, f"+3361200{chance.randrange(15):04d}", chance.choice(["answered", "missed"]))
        history.calls.append((at, facts))
        told = chance.choice(["all", "start", "nothing"])
        if told == "all":
            bench.store.arrive(1, f"w{index}", json.dumps([one.to_json() for one in facts]).encode())
        elif told == "start":
            bench.store.arrive(1, f"w{index}", json.dumps([facts[0].to_json()]).encode())
    deaths = 0
    one_in = 6

    def dies(name: str, when: str) -> None:
        if one_in and chance.randrange(one_in) == 0:
            raise Killed(name)

    store = of(bench)
    bench.store.before_call = dies
    while store.state == "running" or bench.store.open:
        if deaths > 60:
            one_in = 0
        if store.state == "running":
            try:
                await process(bench, store, history).work()
            except Killed:
                deaths += 1
        try:
            await bench.drain().run_until_quiet()
        except Killed:
            deaths += 1
        bench.clock.now += 1
    one_in = 0
    assert deaths > 10
    await bench.quiet()
    assert store.state == "done"
    assert bench.states() == {"done": 60}
    assert Counter(record["Key"] for record in bench.crm.all("Calls")).most_common(1)[0][1] == 1
    assert bench.crm.count("Calls") == 60
    people = Counter(record["Phone"] for record in bench.crm.all("Leads"))
    assert set(people.values()) <= {1}


@pytest.mark.proves("CALL-21")
async def test_what_was_told_of_leaves_no_event_and_no_second_decision() -> None:
    bench = calls_bench(**ALL_ON)
    facts = listed_call(1, BEGAN + 60)
    bench.store.arrive(1, "w1", json.dumps([one.to_json() for one in facts]).encode())
    await bench.quiet()
    runs, events = len(bench.store.runs), len(bench.store.events)
    store = of(bench)
    await process(bench, store, List([(BEGAN + 60, facts)])).work()
    await bench.quiet()
    assert (store.state, store.listed, store.missing, store.completed) == ("done", 1, 0, 0)
    assert (len(bench.store.runs), len(bench.store.events)) == (runs, events)


@pytest.mark.proves("CALL-21")
async def test_an_end_that_never_came_is_found_in_the_list_and_marked_as_fetched() -> None:
    bench = calls_bench(**ALL_ON)
    say(bench, "c1", "ringing", iso(bench.clock.now), direction="inbound", external_number="+33612000001")
    drain = bench.drain()
    await drain.run_until_quiet()
    [row] = bench.store.rows.values()
    assert (row.state, row.backfill) == ("waiting", False)
    store = of(bench, bench.clock.now - 600, bench.clock.now + 600)
    await process(bench, store, List([(bench.clock.now, listed_call(1, bench.clock.now, "+33612000001"))])).work()
    await drain.run_until_quiet()
    assert (store.missing, store.completed) == (0, 1)
    assert (row.state, row.backfill, row.subject["result"]) == ("done", True, "answered")
    assert bench.crm.count("Calls") == 1


@pytest.mark.proves("CALL-21")
async def test_no_end_after_four_hours_and_none_in_the_list_is_an_unknown_outcome() -> None:
    bench = calls_bench(**ALL_ON)
    say(bench, "c1", "ringing", iso(bench.clock.now), direction="inbound", external_number="+33612000001")
    began = bench.clock.now
    await bench.quiet()
    [row] = bench.store.rows.values()
    assert row.subject["result"] == "unknown"
    assert bench.clock.now - began >= 4 * 3600
    # a list that shows it later still puts it right
    store = of(bench, began - 600, began + 600)
    await process(bench, store, List([(began, listed_call(1, began, "+33612000001", "missed"))])).work()
    await bench.quiet()
    assert row.subject["result"] == "missed"
    assert bench.crm.count("Calls") == 1


@pytest.mark.proves("CALL-21", "HUB-6")
async def test_a_list_that_fails_is_asked_again_where_it_stopped() -> None:
    """A cursor moves with the last page of its stretch: a stretch that broke off is read again, one that was read is not."""
    bench = calls_bench(**ALL_ON)
    history = List([(BEGAN + 3600 * hour + 1, listed_call(hour, BEGAN + 3600 * hour + 1)) for hour in range(24)])
    store = of(bench)
    history.faults = [None, None, RateLimitedError("slow down", wait_s=77)]
    await process(bench, store, history).work()
    assert store.state == "running"
    assert seconds(store.due_at) == bench.clock.now + 77, "as long as it said"
    reached = store.row.reached
    assert BEGAN < seconds(reached) < BEGAN + DAY_S
    history.asked.clear()
    history.faults = [TransientError("no connection")]
    await process(bench, store, history).work()
    assert (store.state, store.row.attempts) == ("running", 1)
    await process(bench, store, history).work()
    assert store.state == "done"
    assert seconds(history.asked[0][0]) == int(seconds(reached))
    await bench.quiet()
    assert bench.crm.count("Calls") == 24


@pytest.mark.proves("CALL-21")
async def test_a_token_that_is_refused_ends_it_with_the_reason() -> None:
    bench = calls_bench(**ALL_ON)
    store = of(bench)
    history = List([(BEGAN + 1, listed_call(1, BEGAN + 1))], faults=[AuthError("no")])
    await process(bench, store, history).work()
    assert (store.state, (store.trouble or {}).get("code")) == ("failed", "error.auth")


async def test_a_connectors_mistake_ends_its_backfill() -> None:
    bench = calls_bench(**ALL_ON)
    store = of(bench)
    history = List([(BEGAN + 1, listed_call(1, BEGAN + 1))], faults=[KeyError("no")])
    await process(bench, store, history).work()
    assert (store.state, (store.trouble or {}).get("code")) == ("failed", "error.internal")


@pytest.mark.proves("CALL-21")
async def test_a_stop_keeps_what_is_kept_and_nothing_more() -> None:
    bench = calls_bench(**ALL_ON)
    store = of(bench)
    history = List([(BEGAN + n, listed_call(n, BEGAN + n)) for n in range(20)])
    pages = 0

    def stops(name: str, when: str) -> None:
        nonlocal pages
        pages += name == "save_page" and when == "after"
        if pages == 2:
            store.state = "stopped"

    bench.store.before_call = stops
    await process(bench, store, history).work()
    assert (store.state, store.listed, len(bench.store.events)) == ("stopped", 10, 10)


def test_a_call_that_cannot_be_compared_is_kept_for_the_drain_to_refuse() -> None:
    calls = by_call([CallFact("c1", "ended", "2026-11-18T10:00:00Z", talk_s="long")])  # type: ignore[arg-type]
    page = news(calls, {"calls": {"c1": {"state": "ended", "key": "c1"}}}, {"calls": (_Broken(), None)}, iso(BEGAN))
    assert [one.key for one in page.news] == ["c1"]


class _Broken:
    def fold(self, *given: Any) -> Any:  # noqa: ARG002
        raise ValueError("cannot")


# -- live first ------------------------------------------------------------------------------------------------------


class SlowCrm:
    """Requests take simulated time, and what people do meanwhile happens meanwhile."""

    def __init__(self, bench: Bench, seconds_each: float) -> None:
        self.inner = bench.crm._request
        self.bench = bench
        self.each = seconds_each
        self.meanwhile: list[tuple[float, Any]] = []
        bench.crm._request = self.request  # type: ignore[method-assign]

    async def request(self, name: str, count: int) -> str:
        for _ in range(count):
            self.bench.clock.now += self.each
            while self.meanwhile and self.meanwhile[0][0] <= self.bench.clock.now:
                self.meanwhile.pop(0)[1]()
        return await self.inner(name, count)


@pytest.mark.proves("HUB-6", "CALL-21")
async def test_live_calls_wait_less_than_five_seconds_while_thousands_are_fetched() -> None:
    """3,000 fetched calls of as many callers and a live call every seven seconds, at a CRM that takes 0.12 s a request. From the
    arrival of a live call to its record: the clock is the simulated one."""
    bench = calls_bench(**ALL_ON)
    slow = SlowCrm(bench, 0.12)
    store = of(bench)
    await process(bench, store, List([(BEGAN + n, listed_call(n, BEGAN + n)) for n in range(3000)], size=1000)).work()
    assert (store.state, store.missing, len(bench.store.open)) == ("done", 3000, 3000)
    arrived: dict[str, float] = {}
    done: dict[str, float] = {}
    began = bench.clock.now

    def ring(index: int) -> Any:
        def now() -> None:
            key = f"live{index}"
            arrived[key] = bench.clock.now
            facts = listed_call(0, bench.clock.now - 60, f"+33611{index:06d}")[1:]
            text = json.dumps([{**one.to_json(), "call_key": key} for one in facts])
            bench.store.arrive(1, key, text.encode())

        return now

    def look(name: str, when: str) -> None:
        if (name, when) == ("finish", "after"):
            for row in bench.store.rows.values():
                if row.state == "done" and row.key in arrived:
                    done.setdefault(row.key, bench.clock.now)

    slow.meanwhile = [(began + 7 * index, ring(index)) for index in range(1, 40)]
    bench.store.before_call = look
    bench.store.copies = False
    drain = bench.drain()
    fetched = 0
    while len(done) < 39 or fetched < 3000:
        progress = await drain.step()
        assert progress.stopped is None
        fetched = sum(row.state == "done" and row.backfill for row in bench.store.rows.values())
        if not progress.more:
            bench.clock.now += 1.0
            while slow.meanwhile and slow.meanwhile[0][0] <= bench.clock.now:
                slow.meanwhile.pop(0)[1]()
    waits = sorted(done[key] - at for key, at in arrived.items())
    assert len(waits) == 39
    assert waits[-1] < 5.0, waits[-5:]
    assert bench.crm.count("Calls") == 3039


@pytest.mark.proves("HUB-6")
async def test_backfill_goes_on_beside_a_steady_load() -> None:
    bench = Bench()
    for index in range(40):
        bench.store.arrive(1, f"l{index}", body(f"l{index}", f"+336120{index:05d}"))
    drain = bench.drain()
    await drain.step()
    for row in bench.store.rows.values():
        row.backfill, row.state, row.due_at = True, "due", bench.clock.iso()
        row.revision += 1
    for index in range(6):
        bench.event(f"live{index}", f"+336110{index:05d}")
        await drain.step()
    assert sum(row.state == "done" and row.backfill for row in bench.store.rows.values()) >= 20
