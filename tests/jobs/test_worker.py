"""The worker: no wake-up is lost, a target has one holder, and what a dead or hanging holder leaves is taken up."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tieline.core.errors import AuthError, ScopeError
from tieline.engine.events.drain import Progress
from tieline.jobs import beat, chores, holding, worker
from tieline.jobs.worker import Worker
from tieline.store import secrets as sealing
from tieline.store.drain_session import DRAIN_LOCK, dumps
from tieline.store.drain_store import DrainStore
from tieline.store.pool import Rows, connect
from tieline.wiring import Wiring

if TYPE_CHECKING:
    from tests.conftest import Company, Installation


Seen = dict[int, list[int]]


class Counting:
    """A drain that folds what is open and remembers it by target; `pause` is called when it has found nothing left."""

    def __init__(self, store: DrainStore, seen: Seen, pause: Callable[[], Awaitable[None]]) -> None:
        self.store = store
        self.seen = seen[store.session.target]
        self.pause = pause

    async def step(self) -> Progress:
        if not await asyncio.to_thread(self.store.hold):
            return Progress(elsewhere=True)
        events = [one.id for one in await asyncio.to_thread(self.store.open_events, 100)]
        if not events:
            await self.pause()
            return Progress()
        await asyncio.to_thread(self.store.save_folded, [], events, [], {})
        self.seen += events
        return Progress(folded=len(events), more=True)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """The events that were worked on, by target: other tests may have left work for theirs. What a target's drain is to do
    when it has found nothing can be put into `PAUSES`."""
    found: Seen = defaultdict(list)

    async def drains(self: Wiring, store: DrainStore) -> dict[str, Any]:
        return {"calls": Counting(store, found, lambda: PAUSES.get(store.session.target, nothing)())}

    monkeypatch.setattr(Wiring, "drains", drains)
    PAUSES.clear()
    return found


async def nothing() -> None:
    pass


PAUSES: dict[int, Callable[[], Awaitable[None]]] = {}


@contextlib.asynccontextmanager
async def running(installation: Installation, **options: Any) -> AsyncIterator[Worker]:
    one = Worker(installation.app, sealing.installed(), **options)
    task = asyncio.create_task(one.run())
    async with asyncio.timeout(20):
        await one.listening.wait()
    try:
        yield one
    finally:
        one.stop()
        async with asyncio.timeout(20):
            await task


async def until(ask: Callable[[], object], what: str) -> None:
    try:
        async with asyncio.timeout(30):
            while not ask():  # noqa: ASYNC110 - what is waited for sets no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"waited in vain for: {what}")


def arrive(installation: Installation, company: Company) -> None:
    """An event, as intake commits one: the wake-up goes with it."""
    one = {
        "c": company.source,
        "k": uuid.uuid4().hex,
        "t": "2026-11-21T10:00:00Z",
        "m": "POST",
        "q": "",
        "h": {},
        "b": base64.b64encode(b"{}").decode(),
    }
    with psycopg.connect(installation.app) as connection:
        connection.execute("SELECT store_accept(%s::json)", [dumps([one])])


@pytest.mark.proves("HUB-5")
async def test_an_event_that_comes_between_the_last_look_and_sleep_is_not_left(
    installation: Installation, company: Company, seen: Seen
) -> None:
    """The lost wake-up, made to happen each time: the event is committed after the drain has found nothing and before it
    sleeps. The sweep is off: only the wake-up can bring it."""
    rounds = iter(range(5))

    async def commit_in_the_gap() -> None:
        if next(rounds, None) is not None:
            await asyncio.to_thread(arrive, installation, company)

    async with running(installation, sweep=False):
        PAUSES[company.target] = commit_in_the_gap
        await asyncio.to_thread(arrive, installation, company)
        await until(lambda: len(seen[company.target]) == 6, "the event committed before sleeping")


@pytest.mark.proves("HUB-5")
async def test_an_event_that_comes_while_letting_go_is_not_left(
    installation: Installation, company: Company, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Committed after the holder has decided to let go: before, while, and after the lock is free."""
    monkeypatch.setattr(holding, "IDLE_S", 0.0)
    release = DrainStore.release
    arrived = 0

    def arriving_release(self: DrainStore) -> None:
        nonlocal arrived
        if arrived < 6 and self.session.target == company.target:
            arrived += 1
            arrive(installation, company)
            release(self)
            arrive(installation, company)
        else:
            release(self)

    async with running(installation, sweep=False):
        monkeypatch.setattr(DrainStore, "release", arriving_release)
        await asyncio.to_thread(arrive, installation, company)
        await until(lambda: arrived == 6 and len(seen[company.target]) == 13, "all that came while letting go")


@pytest.mark.proves("HUB-5")
async def test_what_comes_while_nobody_listens_is_found_on_return(
    installation: Installation, company: Company, seen: Seen
) -> None:
    async with running(installation, sweep=False):
        with psycopg.connect(installation.admin, autocommit=True) as admin:
            await asyncio.to_thread(arrive, installation, company)
            await until(lambda: len(seen[company.target]) == 1, "the first event")
            for number in range(3):
                cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE 'tieline%'"
                await asyncio.to_thread(admin.execute, cut)
                await asyncio.to_thread(arrive, installation, company)
                await until(
                    lambda number=number: len(seen[company.target]) == number + 2,
                    "what came while the connections were cut",
                )  # type: ignore[misc]


async def test_many_targets_share_few_places(installation: Installation, companies: list[Company], seen: Seen) -> None:
    async with running(installation, sweep=False, most=2):
        for company in companies:
            await asyncio.to_thread(arrive, installation, company)
        await until(lambda: all(len(seen[one.target]) == 1 for one in companies), "every target's turn")


@pytest.mark.proves("HUB-5")
async def test_two_workers_share_the_work_and_one_takes_over_from_the_other(
    installation: Installation, company: Company, seen: Seen
) -> None:
    def holder() -> object:
        with psycopg.connect(installation.app) as link:
            row = link.execute("SELECT worker_id FROM store_hold WHERE target_id = %s", [company.target]).fetchone()
        return row[0] if row else None

    async with running(installation, sweep=False) as first:
        await asyncio.to_thread(arrive, installation, company)
        await until(lambda: len(seen[company.target]) == 1, "the first worker's work")
        assert holder() == first.id
        async with running(installation) as second:
            await asyncio.to_thread(arrive, installation, company)
            await until(lambda: len(seen[company.target]) == 2, "the holder's work")
            assert holder() == first.id
            first.stop()
            await asyncio.to_thread(arrive, installation, company)
            await until(lambda: len(seen[company.target]) == 3, "the other worker's work")
            await until(lambda: holder() == second.id, "the other worker to hold it")


@pytest.mark.proves("HUB-5")
async def test_a_session_whose_worker_hangs_is_ended(installation: Installation, company: Company, seen: Seen) -> None:
    """The other worker is alive for the database, and does nothing: its beat is an hour old."""
    hanging = uuid.uuid4()
    stuck = DrainStore(installation.app, company.workspace, company.target, hanging)
    assert await asyncio.to_thread(stuck.hold)
    rows = Rows(installation.app)
    await asyncio.to_thread(beat.beat, rows, hanging)
    async with running(installation):
        await asyncio.to_thread(arrive, installation, company)
        assert await asyncio.to_thread(beat.end_hanging, rows) == []
        with rows.plain() as link:
            link.execute("UPDATE store_worker SET beat_at = now() - interval '16 seconds' WHERE id = %s", [hanging])
        await until(lambda: len(seen[company.target]) == 1, "the take-over")
    with pytest.raises(psycopg.OperationalError):
        stuck.open_events(1)
    rows.close()


async def test_a_worker_that_ended_leaves_no_lock_and_no_row(
    installation: Installation, company: Company, seen: Seen
) -> None:
    async with running(installation) as one:
        await asyncio.to_thread(arrive, installation, company)
        await until(lambda: len(seen[company.target]) == 1, "the work")
    with psycopg.connect(installation.app) as link:
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s"
        assert link.execute(locks, [DRAIN_LOCK, company.target]).fetchone() == (0,)
        assert link.execute("SELECT count(*) FROM store_worker WHERE id = %s", [one.id]).fetchone() == (0,)
        assert link.execute("SELECT count(*) FROM store_hold WHERE target_id = %s", [company.target]).fetchone() == (0,)


@pytest.mark.parametrize(
    ("error", "connection", "flow", "notice"),
    [
        (AuthError("no"), "needs_reconnect", "active", "connection.needs_reconnect"),
        (ScopeError("no", scope="x.READ"), "active", "paused", "flow.paused"),
    ],
)
@pytest.mark.proves("HUB-2")
async def test_what_stops_a_drain_is_applied_and_said(
    installation: Installation,
    company: Company,
    monkeypatch: pytest.MonkeyPatch,
    error: Any,
    connection: str,
    flow: str,
    notice: str,
) -> None:
    class Stopping(Counting):
        async def step(self) -> Progress:
            held = await asyncio.to_thread(self.store.hold)
            return Progress(stopped=error) if held else Progress(elsewhere=True)

    async def drains(self: Wiring, store: DrainStore) -> dict[str, Any]:
        return {"calls": Stopping(store, defaultdict(list), nothing)}

    monkeypatch.setattr(Wiring, "drains", drains)
    with connect(installation.app, workspace=company.workspace) as link:

        def state() -> Any:
            query = "SELECT c.state, f.state FROM store_connection c JOIN store_flowsetting f ON f.target_id = c.id"
            return link.execute(query).fetchone()

        async with running(installation):
            await asyncio.to_thread(arrive, installation, company)
            await until(lambda: state() == (connection, flow), "the decision applied")
        kind, reason, times = link.execute("SELECT kind, reason, times FROM store_inboxitem").fetchall()[0]
    assert (kind, times) == (notice, 1)
    assert reason["params"]["error"]["code"] == error.code


async def test_a_mistake_of_ours_does_not_end_the_worker(
    installation: Installation, companies: list[Company], seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound, *_ = companies
    built = Wiring.drains

    async def drains(self: Wiring, store: DrainStore) -> dict[str, Any]:
        if store.session.target == broken.target:
            raise ZeroDivisionError
        return await built(self, store)

    monkeypatch.setattr(Wiring, "drains", drains)
    monkeypatch.setattr(worker, "AFTER_MISTAKE_S", 0.05)
    async with running(installation):
        await asyncio.to_thread(arrive, installation, broken)
        await asyncio.to_thread(arrive, installation, sound)
        await until(lambda: len(seen[sound.target]) == 1, "the other target's work")
        with connect(installation.app, workspace=broken.workspace) as link:
            said = "SELECT trouble->>'code' FROM store_connection WHERE id = %s"
            await until(lambda: link.execute(said, [broken.target]).fetchone() == ("error.internal",), "the trouble")


def test_a_chore_is_done_by_one_and_comes_round(installation: Installation) -> None:
    rows = Rows(installation.app)
    with rows.plain() as link:
        link.execute("DELETE FROM store_chore")
    assert chores.due(rows) == list(chores.CHORES)
    assert {"backfills", "clean_up"}.isdisjoint(chores.due(rows))
    with rows.plain() as link:
        link.execute("UPDATE store_chore SET due_at = now() WHERE name = 'clean_up'")
    again = chores.due(rows)
    assert "clean_up" in again
    assert "backfills" not in again
    rows.close()


def test_the_planner_is_told_of_what_has_grown(installation: Installation, company: Company) -> None:
    rows = Rows(installation.app)
    with psycopg.connect(installation.admin, autocommit=True) as admin:
        admin.execute("INSERT INTO store_chore (name, due_at) SELECT 'x' || n, now() FROM generate_series(1, 600) n")
        admin.execute("SELECT pg_stat_force_next_flush()")
        estimate = "SELECT reltuples FROM pg_class WHERE relname = 'store_chore'"
        assert chores.analyze(rows) >= 1
        assert admin.execute(estimate).fetchone()[0] >= 600  # type: ignore[index]
        admin.execute("DELETE FROM store_chore WHERE name LIKE 'x%'")
    rows.close()


@pytest.mark.proves("CALL-20")
def test_bodies_and_answers_go_after_their_time_and_the_story_stays(
    installation: Installation, company: Company
) -> None:
    rows = Rows(installation.app)
    with rows.tx(company.workspace) as link:
        link.execute(
            "INSERT INTO store_flowversion (workspace_id, setting_id, number, settings, saved_at)"
            ' VALUES (%s, %s, 1, \'{"call": {"retention_days": 30}}\', now())',
            [company.workspace, company.setting],
        )
        link.execute("UPDATE store_flowsetting SET version = 1 WHERE id = %s", [company.setting])
    for _ in range(3):
        arrive(installation, company)
    with rows.tx(company.workspace) as link:
        ids = [row[0] for row in link.execute("SELECT id FROM store_event ORDER BY id").fetchall()]
        link.execute("UPDATE store_event SET received_at = now() - interval '31 days' WHERE id <> %s", [ids[2]])
        link.execute("DELETE FROM store_openevent WHERE event_id <> %s", [ids[1]])
        link.execute(
            "INSERT INTO store_run (workspace_id, target_id, epoch, subject_id, flow, revision, state, settings_version, known,"
            " considered, questions, notices, started_at, requests)"
            " SELECT %s, %s, 1, 1, 'calls', 1, state, 1, '{\"found\": [1]}', '[\"kept\"]', '[]', '[]',"
            " now() - make_interval(days => age), 0 FROM (VALUES ('done', 31), ('done', 29), ('applying', 31)) v(state, age)",
            [company.workspace, company.target],
        )
    chores.clean_up(rows)
    with rows.tx(company.workspace) as link:
        kept = [row[0] for row in link.execute("SELECT id FROM store_event ORDER BY id").fetchall()]
        assert kept == ids[1:], "one is open still, one is young"
        runs = link.execute("SELECT known, considered FROM store_run ORDER BY id").fetchall()
        assert runs == [({}, ["kept"]), ({"found": [1]}, ["kept"]), ({"found": [1]}, ["kept"])]
        link.execute("DELETE FROM store_run")
    rows.close()


@pytest.mark.proves("HUB-5")
async def test_a_worker_outlives_any_number_of_failures_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two to the 1100th is no number of seconds: the loop went on sleeping for ever, or not at all."""
    one = Worker("", sealing.Seal(["0" * 43 + "="]))
    pauses: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await real(0)

    monkeypatch.setattr(worker.asyncio, "sleep", sleep)
    rounds = 0

    async def work() -> None:
        nonlocal rounds
        rounds += 1
        if rounds not in {1102, 1104}:
            raise psycopg.OperationalError
        if rounds == 1104:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await one._every("beat", 2.0, work)
    assert len(pauses) == 1103
    assert pauses[0] < 0.2
    assert max(pauses[:1101]) == pauses[1100] == worker.LONGEST_PAUSE_S
    assert pauses[1101] == 2.0, "a good round is followed by its own pause"
    assert pauses[1102] == pauses[0], "after a good round failures count anew"


async def test_a_worker_one_of_whose_loops_ends_ends(
    installation: Installation, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class OutOfOrderError(BaseException):
        pass

    async def sweep(self: Worker) -> None:
        if self.listening.is_set():
            raise OutOfOrderError

    monkeypatch.setattr(Worker, "_sweep", sweep)
    monkeypatch.setattr(worker, "SWEEP_S", 0.01)
    async with asyncio.timeout(20):
        with pytest.raises(OutOfOrderError):
            await Worker(installation.app, sealing.installed()).run()


@pytest.mark.proves("HUB-5")
async def test_what_only_looks_like_a_lost_session_is_said_and_not_spun_on(
    installation: Installation, company: Company, seen: list[int], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    async def drains(self: Wiring, store: DrainStore) -> dict[str, Any]:
        raise psycopg.errors.ProgramLimitExceeded("index row size: +33612345678")

    monkeypatch.setattr(Wiring, "drains", drains)
    async with running(installation):
        await asyncio.to_thread(arrive, installation, company)
        with connect(installation.app, workspace=company.workspace) as link:
            said = "SELECT trouble->>'code' FROM store_connection WHERE id = %s"
            await until(lambda: link.execute(said, [company.target]).fetchone() == ("error.internal",), "the trouble")
    assert "ProgramLimitExceeded" in caplog.text
    assert "+33612345678" not in caplog.text
