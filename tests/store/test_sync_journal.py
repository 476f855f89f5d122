"""What a pair remembers on Postgres: links that were made by a match, records that were there before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.store.pairs import PairOf
from tieline.engine.sync.ports import LinkRow, RunRow, Settled, SyncOperation

if TYPE_CHECKING:
    from tieline.store.sync_store import StoredSync


def ran(store: StoredSync, kind: Any, to: str, code: str = "", **options: Any) -> int:
    """A run that wrote to a link, or (with a code) linked or parted it; its id."""
    run = RunRow(0, kind, options=options)
    store.begin(run)
    lines = {"": {"code": code, "params": {"id": "R1"}}} if code else {"name": {"code": "x"}}
    one = SyncOperation(
        f"{run.id}-{to}", run.id, to, "account", "left", "update", "L1", {} if code else {"name": "B"}, {}, {"code": "x"},
        lines, ["left", "L1"], "done",
    )  # fmt: skip
    store.settle(run, Settled(operations=[one]))
    run.state = "done"
    store.end(run)
    return run.id


@pytest.mark.proves("CUST-14")
def test_what_was_written_after_a_match_and_not_undone(store: StoredSync, pair: PairOf) -> None:
    from tieline.store.models import SyncOperation as Row
    from tieline.store.services import pair_runs

    match = ran(store, "transfer", "a", "sync.linked")
    assert store.written_later(["a", "b"], match) == set()
    later = ran(store, "changes", "a")
    assert store.written_later(["a", "b"], match) == {"a"}
    assert store.written_later(["a"], later) == set()
    back = ran(store, "undo", "a", of=later)
    assert store.written_later(["a"], match) == set()
    ran(store, "redo", "a", of=back)
    assert store.written_later(["a"], match) == {"a"}
    ran(store, "undo", "a", of=later, link="other")
    assert store.written_later(["a"], match) == {"a"}
    parted = ran(store, "undo", "a", "sync.undone", of=match)
    run = pair_runs.one(pair.workspace, pair.pair, parted)
    assert run is not None
    rows: list[Row] = list(pair_runs.operations(pair.workspace, run).rows)
    assert [pair_runs.verb_of(row) for row in rows] == ["unlink"]
    first = pair_runs.one(pair.workspace, pair.pair, match)
    assert first is not None
    assert pair_runs.wrote(pair.workspace, first)
    assert [pair_runs.verb_of(row) for row in pair_runs.operations(pair.workspace, first).rows] == ["link"]


@pytest.mark.proves("CUST-2")
def test_what_was_there_before_is_known_by_its_id(store: StoredSync, pair: PairOf) -> None:
    store.keep_old("account", "right", ["1", "2"])
    store.keep_old("account", "right", ["2", "3", "3"])
    store.keep_old("contact", "left", [])
    assert store.old("account", "right", ["1", "3", "4", "1"]) == {"1", "3"}
    assert store.old("account", "left", ["1"]) == store.old("contact", "right", ["1"]) == set()
    assert pair.rows("SELECT count(*) FROM store_syncold WHERE pair_id = %s", pair.pair) == [(3,)]
    run = RunRow(0, "transfer")
    store.begin(run)
    store.settle(run, Settled(links=[LinkRow("k", "account", "2", "1"), LinkRow("l", "contact", "x", "3")]))
    assert store.old("account", "right", ["1", "2", "3"]) == {"2", "3"}  # what is linked is forgotten
