"""What the sweep and the drain find due, and what finding nothing costs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tieline.store import drain_subjects
from tieline.store.drain_store import DrainStore
from tieline.store.pool import connect
from tieline.store.requeue import requeue

from .test_drain_store import event, keep, run, subject

if TYPE_CHECKING:
    from tests.conftest import Company, Installation

LATER = "2026-11-21T10:20:00.000Z"
NOW, FUTURE = "2026-11-21T10:30:00.000Z", "2099-01-01T00:00:00.000Z"


@pytest.fixture
def store(installation: Installation, company: Company) -> Iterator[DrainStore]:
    store = DrainStore(installation.app, company.workspace, company.target, uuid.uuid4())
    assert store.hold()
    yield store
    store.release()


def due(installation: Installation, company: Company) -> list[Any]:
    with psycopg.connect(installation.app) as link:
        query = "SELECT ready, begun FROM store_due_targets() WHERE target = %s"
        return link.execute(query, [company.target]).fetchall()


def change(installation: Installation, company: Company, query: Any, *values: object) -> None:
    with connect(installation.app, workspace=company.workspace) as link:
        link.execute(query, values)


PAUSE = "UPDATE store_flowsetting SET state = %s WHERE id = %s"


@pytest.mark.proves("HUB-5")
def test_a_flow_paused_in_mid_run_wakes_nobody(installation: Installation, company: Company, store: DrainStore) -> None:
    [row] = keep(store, subject(company, "a"))
    row.state, row.due_at = "applying", None
    store.save_decided([run(row)], [row], [])
    assert due(installation, company) == [(False, True)]
    change(installation, company, PAUSE, "paused", company.setting)
    assert due(installation, company) == []
    change(installation, company, PAUSE, "active", company.setting)
    assert due(installation, company) == [(False, True)]


def test_a_source_that_is_detached_leaves_no_queue(
    installation: Installation, company: Company, store: DrainStore
) -> None:
    event(installation, company, "a")
    assert due(installation, company) == [(True, False)]
    change(installation, company, "DELETE FROM store_flowsource WHERE source_id = %s", company.source)
    with connect(installation.app, workspace=company.workspace) as link:
        assert link.execute("SELECT count(*) FROM store_openevent").fetchone() == (0,)
        assert link.execute("SELECT count(*) FROM store_event").fetchone() == (1,), "the event itself stays"


def rows_read(store: DrainStore, query: Any, values: dict[str, Any]) -> int:
    """How many rows the nodes of a plan came by, with those that they threw away."""

    def of(node: dict[str, Any]) -> int:
        own = sum(
            node.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
        )
        return int(own * node["Actual Loops"]) + sum(of(one) for one in node.get("Plans", []))

    with store.session.ask() as link:
        row = link.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + query, values).fetchone()
    assert row is not None
    return of(row[0][0]["Plan"])


@pytest.mark.parametrize("few", [1000, 1])
@pytest.mark.proves("HUB-5")
def test_due_subjects_come_in_the_order_of_arrival_whichever_way_they_are_found(
    company: Company, store: DrainStore, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways give the same: of the earlier arrivals first, though they fell due later."""
    query = drain_subjects._TAKE_DUE.replace("1001", str(few + 1)).replace("1000", str(few))
    monkeypatch.setattr(drain_subjects, "_TAKE_DUE", query)
    keep(
        store,
        subject(company, "late", arrived_at="2026-11-21T10:00:02.000Z"),
        subject(company, "early", due_at="2026-11-21T10:00:05.000Z"),
        subject(company, "held", lanes=("x",)),
        subject(company, "future", due_at=FUTURE),
    )
    assert [row.key for row in store.take_due(NOW, 10, ["x"])] == ["early", "late"]
    assert [row.key for row in store.take_due(NOW, 1, ["x"])] == ["early"]


@pytest.mark.proves("HUB-5")
def test_what_waits_costs_nothing_to_find_nothing(
    installation: Installation, company: Company, store: DrainStore
) -> None:
    store.save_folded([subject(company, f"{n}", state="waiting", due_at=FUTURE) for n in range(2000)], [], [], {})
    change(
        installation,
        company,
        "INSERT INTO store_openevent (target_id, event_id, source_id, workspace_id)"
        " SELECT %s, 1000000000 + n, 0, %s FROM generate_series(1, 2000) n",
        company.target,
        company.workspace,
    )
    target = {"target": company.target, "limit": 100, "backfill": False}
    for known in ("ANALYZE store_openevent", "DELETE FROM pg_statistic WHERE starelid = 'store_openevent'::regclass"):
        with psycopg.connect(installation.admin) as link:
            link.execute(known)  # whatever the planner knows of what is in it: all of it, or nothing
        assert rows_read(store, drain_subjects._OPEN_EVENTS, {**target, "sources": f"{{{company.source}}}"}) < 20
    asked = {**target, "flow": "calls", "now": NOW, "held": "[]"}
    assert rows_read(store, drain_subjects._TAKE_DUE, asked) < 20
    assert store.next_due() == FUTURE


@pytest.mark.proves("HUB-6")
def test_thousands_that_were_fetched_cost_a_live_one_nothing(
    installation: Installation, company: Company, store: DrainStore
) -> None:
    fetched = [subject(company, f"{n}", backfill=True, lanes=(f"phone:{n}",)) for n in range(3000)]
    store.save_folded(fetched, [], [], {})
    change(installation, company, "ANALYZE store_subject")
    asked = {"target": company.target, "limit": 100, "flow": "calls", "now": NOW, "held": "[]"}
    assert rows_read(store, drain_subjects._TAKE_DUE, {**asked, "backfill": False}) < 20
    assert store.take_due(NOW, 500, []) == []
    assert len(store.take_backfilled(NOW, 50, [])) == 50
    keep(store, subject(company, "live", arrived_at=LATER, lanes=("phone:live",)))
    assert [row.key for row in store.take_due(NOW, 500, [])] == ["live"]
    assert store.next_due() is not None
    assert due(installation, company) == [(True, False)]


@pytest.mark.proves("HUB-6", "CALL-23")
def test_a_live_call_takes_along_what_was_fetched_of_its_lane_before_it(company: Company, store: DrainStore) -> None:
    """Lane order is kept, over other lanes too: c is behind b, which is behind a."""
    keep(
        store,
        subject(company, "a", backfill=True, lanes=("x",)),
        subject(company, "b", backfill=True, lanes=("x", "y"), arrived_at="2026-11-21T10:00:01.000Z"),
        subject(company, "other", backfill=True, lanes=("z",)),
        subject(company, "c", lanes=("y",), arrived_at=LATER),
    )
    assert [row.key for row in store.take_due(NOW, 10, [])] == ["a", "b", "c"]
    assert [row.key for row in store.take_due(NOW, 10, ["y"])] == []
    assert [row.key for row in store.take_backfilled(NOW, 10, ["y"])] == ["a", "other"]


def test_delivered_events_come_before_fetched_ones(
    installation: Installation, company: Company, store: DrainStore
) -> None:
    event(installation, company, "a")
    change(installation, company, "UPDATE store_openevent SET backfill = true WHERE source_id = %s", company.source)
    event(installation, company, "b")
    first, second = store.open_events(10)
    assert first.id > second.id
    assert store.open_events(1) == [first]


def test_what_is_queued_again_for_a_target_stays_marked_as_fetched(
    installation: Installation, company: Company, store: DrainStore
) -> None:
    event(installation, company, "a")
    event(installation, company, "b")
    change(installation, company, "DELETE FROM store_openevent")
    listed = "UPDATE store_event SET method = 'LIST' WHERE id = (SELECT max(id) FROM store_event)"
    change(installation, company, listed)
    with connect(installation.app, workspace=company.workspace) as link, link.transaction():
        requeue(link, company.workspace, company.target)
    assert [one.method for one in store.open_events(10)] == ["POST", "LIST"]
    assert [one.method for one in store.open_events(1)] == ["POST"]
    with connect(installation.app, workspace=company.workspace) as link:
        marked = "SELECT array_agg(backfill ORDER BY event_id) FROM store_openevent WHERE target_id = %s"
        assert link.execute(marked, [company.target]).fetchone() == ([False, True],)
