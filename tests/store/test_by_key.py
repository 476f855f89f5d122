"""What a page of a pair asks goes by key, whatever the planner knows of a table that was empty a moment ago."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tieline.core.reasons import because
from tieline.engine.sync import reasons
from tieline.engine.sync.ports import AskedRow, RunRow, Settled, WaitingRow
from tieline.store import sync_links, sync_old, sync_questions

if TYPE_CHECKING:
    from tieline.store.sync_store import StoredSync

MANY = 400
IDS = [f"R{number}" for number in range(MANY)]
ROWS = orjson.dumps([{"role": "account", "side": "right", "id": id, "seen": None} for id in IDS[::2]]).decode()


def gone_through(plan: dict[str, Any]) -> int:
    """Rows that a plan looked at for nothing."""
    here = sum(plan.get(f"Rows Removed by {name}", 0) for name in ("Join Filter", "Filter")) * plan["Actual Loops"]
    return int(here) + sum(gone_through(one) for one in plan.get("Plans", ()))


@pytest.mark.parametrize("what", ["waited", "woken", "old", "over"])
def test_each_record_is_looked_up_in_an_index(what: str, store: StoredSync) -> None:
    session = store.session
    run = RunRow(0, "transfer")
    store.begin(run)
    waiting = [WaitingRow("account", "right", id, None, None, None, state="stuck") for id in IDS]
    for row in waiting:
        row.waits_for = ["account", "left", f"L{row.id}"]
    said = because(reasons.UNKNOWN).to_json()
    asked = [AskedRow("match", "account", "right", id, said, [], "", "") for id in IDS]
    store.settle(run, Settled(waiting=waiting, asked=asked))
    store.keep_old("account", "right", IDS)
    whose = {"workspace": session.workspace, "pair": session.pair, "epoch": session.epoch}
    parents = [f"account\tleft\tL{id}" for id in IDS[::2]]
    statement, values = {
        "waited": (sync_links._WAITED, {**whose, "rows": ROWS}),
        "woken": (sync_links._WOKEN, [session.pair, parents, session.epoch]),
        "old": (sync_old._OLD, [session.pair, "account", "right", IDS[::2], session.epoch]),
        "over": (sync_questions._OVER, {**whose, "rows": ROWS, "likely": reasons.LIKELY}),
    }[what]
    with session.ask() as connection, connection.transaction(force_rollback=True):
        told = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values).fetchone()
    assert told is not None
    assert gone_through(told[0][0]["Plan"]) < MANY
