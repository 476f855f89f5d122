"""What a worker does with a pair, beside the engine: order, giving way, trouble, switches, sharing."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.pairs import PairOf, make_pair
from tieline.core.errors import AuthError
from tieline.engine.effects.reasons import reason
from tieline.engine.sync import reasons
from tieline.engine.sync.ports import RunRow
from tieline.jobs.pairing import Pairing
from tieline.store.secrets import installed
from tieline.wiring import Wiring

if TYPE_CHECKING:
    from tests.conftest import Installation, MakeCompany

Body = Callable[["Played", RunRow], Any]


class Played:
    """A `Sync` that keeps its runs in the store and does in them what a test says."""

    every_s = 300.0

    def __init__(self, store: Any, wiring: Wiring, said: list[str], body: Body) -> None:
        self.store, self.wiring, self.said, self.body = store, wiring, said, body
        self.at = time.time() - 1

    async def next_at(self) -> float:
        return self.at

    async def _do(self, kind: Any, options: Mapping[str, Any]) -> RunRow:
        row = RunRow(0, kind, options=dict(options))
        if not await self.wiring.run(self.store.hold):
            return row
        await self.wiring.run(lambda: self.store.begin(row))
        self.said.append(kind if "watch" not in options else f"{kind} watching")
        row.state = "done"
        made = self.body(self, row)
        if made is not None:
            await made
        await self.wiring.run(lambda: self.store.end(row))
        return row

    async def changes(self, options: Mapping[str, Any] | None = None) -> RunRow:
        self.at = time.time() + 300
        return await self._do("changes", options or {})

    async def transfer(self, options: Mapping[str, Any]) -> RunRow:
        return await self._do("transfer", options)

    async def reconcile(self, options: Mapping[str, Any]) -> RunRow:
        return await self._do("reconcile", options)

    async def asked(self, role: str, side: str, id: str, told: Any, *, seen: str | None, by: str | None) -> RunRow:
        assert (told.by, seen, by) == (side, None, None)
        return await self._do("asked", {"role": role, "side": side, "id": id, "told": {}})


def _rest_of_other_tests(installation: Installation) -> None:
    """Pairs that other tests left in this database are no work of a worker here."""
    import psycopg

    with psycopg.connect(installation.admin, autocommit=True) as link:
        link.execute("UPDATE store_syncpair SET is_on = false")


@pytest.fixture
def pairs(installation: Installation, make_company: MakeCompany) -> Iterator[list[PairOf]]:
    """Three; afterwards nobody finds them any more."""
    _rest_of_other_tests(installation)
    made = [make_pair(installation, make_company()) for _ in range(3)]
    for one in made[1:]:
        one.rows("UPDATE store_syncpair SET poll_at = now() + interval '1 hour'")
    yield made
    for one in made:
        one.rows("UPDATE store_syncpair SET state = 'ended'")


@pytest.fixture
def pair(pairs: list[PairOf]) -> PairOf:
    return pairs[0]


@asynccontextmanager
async def worker(pair: PairOf, said: list[str], body: Body = lambda sync, row: None) -> AsyncIterator[Pairing]:
    async with Wiring.open(pair.app, installed()) as wiring:

        async def sync(store: Any, *, priority: int = 0) -> Any:
            return Played(store, wiring, said, body), {}

        wiring.sync = sync  # type: ignore[method-assign, assignment]
        pairing = Pairing(wiring, uuid.uuid4())
        try:
            yield pairing
        finally:
            await pairing.stop()


async def until(done: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not done():  # noqa: ASYNC110 - what is waited for is in rows
            await asyncio.sleep(0.02)


def run_row(pair: PairOf, kind: str, options: str = "{}") -> int:
    made = (
        "INSERT INTO store_syncrun (workspace_id, pair_id, epoch, kind, state, wish, counts, position, options, requests, version,"
        " started_at, moved_at) VALUES (%s, %s, 2, %s, 'running', '', '{}', '{}', %s::jsonb, 0, 1, now(), now()) RETURNING id"
    )
    return int(pair.rows(made, pair.workspace, pair.pair, kind, options)[0][0])


async def test_a_pair_that_is_due_is_found_worked_on_and_let_go(pair: PairOf) -> None:
    said: list[str] = []
    async with worker(pair, said) as pairing:
        await pairing.sweep()
        await until(lambda: not pairing._tasks)
        assert said == ["changes"]
        ((poll_at, trouble),) = pair.rows("SELECT extract(epoch FROM poll_at)::float8, trouble FROM store_syncpair")
        assert poll_at > time.time() + 200
        assert trouble is None
        await pairing.sweep()
        assert not pairing._tasks  # nothing is due
        assert pair.rows("SELECT count(*) FROM store_pairhold WHERE pair_id = %s", pair.pair) == [(0,)]


async def test_what_a_person_waits_for_comes_before_what_takes_long(pair: PairOf) -> None:
    said: list[str] = []
    run_row(pair, "transfer", '{"from": "left"}')
    run_row(pair, "asked", '{"role": "account", "side": "left", "id": "1", "told": {}}')
    async with worker(pair, said) as pairing:
        await pairing.sweep()
        await until(lambda: len(said) == 3 and not pairing._tasks)
    assert said == ["changes", "asked", "transfer"]


async def test_a_round_that_a_crash_broke_off_is_gone_on_with_at_once(pair: PairOf) -> None:
    said: list[str] = []
    run_row(pair, "changes")
    pair.rows("UPDATE store_syncpair SET poll_at = now() + interval '1 hour'")

    def body(sync: Played, row: RunRow) -> None:
        row.counts = {"updated": 1}

    async with worker(pair, said, body) as pairing:
        await pairing.sweep()
        await until(lambda: said and not pairing._tasks)
    assert pair.rows("SELECT state FROM store_syncrun") == [("done",)]


@pytest.mark.proves("CUST-8")
async def test_a_long_run_gives_way_and_goes_on_where_it_was(pair: PairOf) -> None:
    said: list[str] = []
    begun = asyncio.Event()

    async def long(sync: Played, row: RunRow) -> None:
        row.position = {"at": int(row.position.get("at", 0)) + 1}
        if row.position["at"] > 1:
            return
        begun.set()
        async with asyncio.timeout(30):
            while not await sync.wiring.run(lambda: sync.store.paused(row)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        row.state, row.why = "paused", reason(reasons.STOPPED)

    run = run_row(pair, "transfer", '{"from": "left"}')
    async with worker(pair, said, lambda sync, row: long(sync, row) if row.kind == "transfer" else None) as pairing:
        pairing.wake(pair.pair)
        async with asyncio.timeout(30):
            await begun.wait()
        run_row(pair, "asked", '{"role": "account", "side": "left", "id": "1", "told": {}}')
        pairing.wake(pair.pair)
        await until(lambda: not pairing._tasks)
    assert said == ["changes", "transfer", "asked", "transfer"]
    assert pair.rows("SELECT state, position FROM store_syncrun WHERE id = %s", run) == [("done", {"at": 2})]


@pytest.mark.proves("CUST-8")
async def test_a_long_run_is_not_interrupted_by_itself_but_by_what_nobody_told_of(pair: PairOf) -> None:
    said: list[str] = []
    begun = asyncio.Event()
    gave_way: list[bool] = []

    async def long(sync: Played, row: RunRow) -> None:
        if gave_way:
            return
        begun.set()
        async with asyncio.timeout(30):
            while not await sync.wiring.run(lambda: sync.store.paused(row)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        gave_way.append(True)
        row.state, row.why = "paused", reason(reasons.STOPPED)

    run_row(pair, "transfer", '{"from": "left"}')
    async with worker(pair, said, lambda sync, row: long(sync, row) if row.kind == "transfer" else None) as pairing:
        pairing.wake(pair.pair)
        async with asyncio.timeout(30):
            await begun.wait()
        for _ in range(3):
            await pairing.sweep()
        await asyncio.sleep(0.2)
        assert not gave_way
        run_row(pair, "asked", '{"role": "account", "side": "left", "id": "1", "told": {}}')  # its NOTIFY was lost
        await pairing.sweep()
        await until(lambda: not pairing._tasks)
    assert said == ["changes", "transfer", "asked", "transfer"]


@pytest.mark.parametrize(
    ("code", "state", "notices"),
    [("error.scope", "stopped", 1), ("error.config", "stopped", 1), ("error.transient", "active", 0)],
)
async def test_trouble_stops_or_is_tried_again(pair: PairOf, code: str, state: str, notices: int) -> None:
    def body(sync: Played, row: RunRow) -> None:
        row.state, row.why = "failed", {"code": code, "params": {}}

    said: list[str] = []
    async with worker(pair, said, body) as pairing:
        await pairing.sweep()
        await until(lambda: said and not pairing._tasks)
        ((now, why, later),) = pair.rows("SELECT state, trouble->>'code', poll_at > now() FROM store_syncpair")
        assert (now, why) == (state, code)
        assert later == (state == "active")
        # What waits does not bring it back before its time.
        run_row(pair, "transfer")
        await pairing.sweep()
        await until(lambda: not pairing._tasks)
        assert said == ["changes"]
    kinds = "SELECT count(*) FROM store_inboxitem WHERE kind = 'pair.stopped' AND state = 'open'"
    assert pair.rows(kinds) == [(notices,)]


async def test_the_connection_that_refuses_us_is_the_one_that_asks_for_it(
    pair: PairOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Checked:
        def __init__(self, connection: int) -> None:
            self.connector = self
            self.connection = connection

        async def check(self) -> None:
            if self.connection == pair.right:
                raise AuthError("refused")

    def body(sync: Played, row: RunRow) -> None:
        row.state, row.why = "failed", {"code": "error.auth", "params": {}}

    async def connection(self: Wiring, workspace: int, connection: int, **more: Any) -> Any:
        return Checked(connection)

    monkeypatch.setattr(Wiring, "connection", connection)
    said: list[str] = []
    async with worker(pair, said, body) as pairing:
        await pairing.sweep()
        await until(lambda: said and not pairing._tasks)
        states = dict(pair.rows("SELECT id, state FROM store_connection WHERE id IN (%s, %s)", pair.left, pair.right))
        assert states == {pair.left: "active", pair.right: "needs_reconnect"}
        assert pair.rows("SELECT state FROM store_syncpair") == [("active",)]
        await pairing.sweep()
        assert not pairing._tasks  # it goes on when the connection does


@pytest.mark.proves("CUST-2")
async def test_switched_off_nobody_is_asked_and_watched_nothing_is_written(pair: PairOf) -> None:
    said: list[str] = []
    pair.rows("UPDATE store_syncpair SET is_on = false")
    async with worker(pair, said) as pairing:
        await pairing.sweep()
        pairing.wake(pair.pair)
        await until(lambda: not pairing._tasks)
        assert said == []
        pair.rows("UPDATE store_syncpair SET is_on = true, live = false")
        await pairing.sweep()
        await until(lambda: said and not pairing._tasks)
        assert said == ["changes watching"]


async def test_two_workers_share_pairs(pairs: list[PairOf]) -> None:
    for each in pairs:
        each.rows("UPDATE store_syncpair SET poll_at = now()")
    said: list[str] = []
    go = asyncio.Event()

    async def slow(sync: Played, row: RunRow) -> None:
        async with asyncio.timeout(60):
            await go.wait()

    async with worker(pairs[0], said, slow) as one, worker(pairs[0], said, slow) as two:
        one.wake(pairs[0].pair)
        await until(lambda: len(said) == 1)
        await two.sweep()
        await until(lambda: len(said) == 3)
        assert set(one._held) == {pairs[0].pair}
        assert set(two._held) == {pairs[1].pair, pairs[2].pair}
        one.wake(pairs[1].pair)
        await until(lambda: len(one._tasks) == 1)  # held by the other one: left to it
        assert len(said) == 3
        go.set()
        await until(lambda: not one._tasks and not two._tasks)


@pytest.mark.proves("CUST-2", "CUST-8")
@pytest.mark.parametrize("kind", ["changes", "transfer"])
async def test_a_round_of_the_time_before_it_was_only_watched_writes_nothing(pair: PairOf, kind: str) -> None:
    run_row(pair, kind)
    pair.rows("UPDATE store_syncpair SET live = false")
    said: list[str] = []
    async with worker(pair, said) as pairing:
        pairing.wake(pair.pair)
        await until(lambda: said and not pairing._tasks)
    assert said == ["changes watching"]
    pair.rows("UPDATE store_syncpair SET live = true")
    async with worker(pair, said) as pairing:
        pairing.wake(pair.pair)
        await until(lambda: kind in said and not pairing._tasks)
