"""What waits of a role that is switched off, as rows: due again with its role, and nobody's cost until then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.store.test_sync_store import FUTURE, OFTEN, begun
from tieline.engine.sync.ports import Settled, WaitingRow
from tieline.store import sync_links

if TYPE_CHECKING:
    from tests.store.pairs import PairOf
    from tieline.store.sync_store import StoredSync

OFF = {"code": "customers.not.role", "params": {"role": "account"}}


def stuck(role: str, id: str, **more: Any) -> WaitingRow:
    return WaitingRow(role, "left", id, None, **{"why": OFF, "state": "stuck", **more})


def test_rows_of_a_role_that_is_on_again_fall_due_as_they_were(store: StoredSync) -> None:
    run = begun(store)
    rows = [
        stuck("contact", "1"),
        stuck("account", "off", told={"partner": "R"}, attempts=2, name="A", approved="d"),
        stuck("account", "other", why=OFTEN),
        stuck("account", "asked", state="asked"),
    ]
    store.settle(run, Settled(waiting=rows))
    assert store.due_again(OFF["code"], []) == store.due_again(OFF["code"], ["lead"]) == 0
    assert store.waiting(FUTURE, 9) == []
    assert store.due_again(OFF["code"], ["account", "lead"]) == 1
    (row,) = store.waiting(FUTURE, 9)
    assert (row.id, row.told, row.attempts, row.name, row.approved) == ("off", {"partner": "R"}, 2, "A", "d")
    assert store.due_again(OFF["code"], ["account", "lead"]) == 0
    assert store.due_again(OFF["code"], ["contact", "account"]) == 1


def test_nothing_is_looked_for_while_the_counts_say_that_there_is_none(
    store: StoredSync, pair: PairOf, monkeypatch: Any
) -> None:
    store.settle(begun(store), Settled(waiting=[stuck("contact", f"{n}") for n in range(2000)]))
    pair.rows("ANALYZE store_syncwaiting")
    asked = {"pair": pair.pair, "epoch": store.session.epoch, "code": OFF["code"], "roles": ["contact"]}
    with store.session.ask() as connection:
        for query in (sync_links._SET_ASIDE, sync_links._DUE_AGAIN):
            plan = connection.execute("EXPLAIN " + query, asked).fetchall()
            assert "Seq Scan" not in str(plan), plan
    monkeypatch.setattr(sync_links, "_DUE_AGAIN", "SELECT 1 / 0")
    assert store.due_again(OFF["code"], ["account", "lead"]) == 0
