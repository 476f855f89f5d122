"""Open questions about likely pairs, found by the records of either side that they are about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.store.test_sync_store import begun
from tieline.engine.sync.ports import AskedRow, Settled, WaitingRow
from tieline.engine.sync.reasons import LIKELY
from tieline.store import sync_questions

if TYPE_CHECKING:
    from tests.conftest import Installation, MakeCompany
    from tests.store.pairs import PairOf
    from tieline.store.sync_store import StoredSync

WHY = {"code": LIKELY, "params": {"count": 2, "percent": 93}}


def asked(id: str, *offered: str, why: dict[str, Any] = WHY, **more: Any) -> AskedRow:
    options = [{"id": one, "fields": {}, "score": 0.9} for one in offered]
    return AskedRow(
        **{"kind": "match", "role": "account", "side": "left", "id": id, "reason": why, "options": options, **more}
    )


def test_a_question_is_found_by_the_record_under_which_it_stands_and_by_those_it_offers(
    store: StoredSync, pair: PairOf
) -> None:
    rows = [
        asked("L1", "R1", "R2"),
        asked("L2", "R2"),
        asked("L3", "R3", why={"code": "customers.not.unsure", "params": {"count": 1}}),
        asked("L4", "R4", role="contact"),
        asked("L5", "R5", kind="conflict"),
    ]
    store.settle(begun(store), Settled(asked=rows))
    ids = [f"{side}{n}" for side in "LR" for n in range(6)]
    assert store.likely_about("account", "left", ids) == {"L1": ("L1", WHY), "L2": ("L2", WHY)}
    found = store.likely_about("account", "right", ids)
    assert (found["R1"], found["R2"][0] in {"L1", "L2"}, len(found)) == (("L1", WHY), True, 2)
    assert store.likely_about("contact", "right", ids) == {"R4": ("L4", WHY)}
    pair.rows("UPDATE store_inboxitem SET state = 'answered' WHERE record = 'L1'")
    assert store.likely_about("account", "right", ids) == {"R2": ("L2", WHY)}
    pair.rows("UPDATE store_connection SET epoch = epoch + 1 WHERE id = %s", pair.right)
    store.let_go()
    assert store.hold()
    assert store.likely_about("account", "right", ids) == {}


def test_it_is_asked_for_only_while_there_may_be_one(
    store: StoredSync, pair: PairOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = sync_questions._LIKELY_ABOUT
    assert store.likely_about("account", "left", ["L1"]) == {}
    monkeypatch.setattr(sync_questions, "_LIKELY_ABOUT", "SELECT 1 / 0")
    assert store.likely_about("account", "left", ["L1"]) == {}
    monkeypatch.setattr(sync_questions, "_LIKELY_ABOUT", query)
    store.settle(begun(store), Settled(asked=[asked("L1", "R1")]))
    assert set(store.likely_about("account", "left", ["L1"])) == {"L1"}
    store.let_go()
    again = pair.store()
    assert again.hold()
    assert set(again.likely_about("account", "right", ["R1", "R2"])) == {"R1"}
    again.let_go()


def test_others_see_none_of_them_and_an_index_finds_them(
    store: StoredSync, pair: PairOf, installation: Installation, make_company: MakeCompany
) -> None:
    from tieline.store.pool import connect

    store.settle(begun(store), Settled(asked=[asked(f"L{n}", f"R{n}") for n in range(3000)]))
    keys, epoch = [f"{pair.pair}\taccount\tright\tR7"], store.session.epoch
    query = "SELECT record FROM store_likely_about(%s, %s, %s::text[], NULL)"
    assert pair.rows(query, pair.pair, epoch, keys) == [("L7",)]
    with connect(installation.app, workspace=make_company().workspace) as link:
        assert link.execute(query, [pair.pair, epoch, keys]).fetchall() == []
    with psycopg.connect(installation.admin) as owner:
        body = owner.execute("SELECT prosrc FROM pg_proc WHERE proname = 'store_likely_about'").fetchone()
        assert body is not None
        owner.execute("SET enable_seqscan = off")  # as whoever holds a pair has it
        owner.execute("ANALYZE store_inboxitem")
        given = {"of_pair": f"{pair.pair}", "of_epoch": f"{epoch}", "keys": "%s::text[]", "most": "NULL"}
        asked_of = re.sub(
            r"\b(of_pair|of_epoch|(?<=&& )keys|most)\b", lambda found: given[found[0]], body[0].replace("%", "%%")
        )
        plan = owner.execute("EXPLAIN " + asked_of, [keys]).fetchall()
    assert "store_inboxitem_likely" in str(plan)


def test_what_was_offered_is_looked_at_again_when_it_is_none_of_them(store: StoredSync, pair: PairOf) -> None:
    from tieline.store.services import inbox

    waits = [
        WaitingRow("account", "left", "L1", None, WHY, state="asked"),
        WaitingRow("account", "right", "R1", None, WHY, state="asked", waits_for=["account", "left", "L1"]),
        WaitingRow("account", "left", "L2", None, WHY, state="asked"),
        WaitingRow("account", "right", "R2", None, WHY, state="asked", waits_for=["account", "left", "L2"]),
    ]
    store.settle(begun(store), Settled(asked=[asked("L1", "R1"), asked("L2", "R2")], waiting=waits))
    cases = {one.record: one.item for group in inbox.groups(pair.workspace) for one in group.cases}
    for record, choice in (("L1", "none"), ("L2", {"partner": "R2"})):
        item = cases[record]
        assert item is not None
        assert inbox.answer(pair.workspace, None, item, choice).mine
    rows = {one.id: (one.told, one.waits_for) for one in store.waiting("2999-01-01T00:00:00.000Z", 9)}
    assert rows == {"L1": ({"partner": ""}, None), "R1": (None, None), "L2": ({"partner": "R2"}, None)}
