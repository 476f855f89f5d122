"""Questions of pairs in the inbox: listed and decided like all others; the answer is a waiting row of the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.store.pairs import PairOf
from tieline.engine.sync.ports import AskedRow, LinkRow, RunRow, Settled, WaitingRow
from tieline.engine.sync.reasons import LIKELY

if TYPE_CHECKING:
    from tieline.store.sync_store import StoredSync

FUTURE = "2999-01-01T00:00:00.000Z"
WHY = {"code": "sync.conflict", "params": {"line": "email"}}


def ask(store: StoredSync, kind: str, *ids: str, why: dict[str, Any] = WHY) -> RunRow:
    run = RunRow(0, "transfer", options={"from": "left"})
    store.begin(run)
    asked = [AskedRow(kind, "account" if id else "", "left", id, why, name=f"Customer {id}") for id in ids]
    waiting = [WaitingRow("account", "left", id, None, why, state="asked") for id in ids if id]
    store.settle(run, Settled(asked=asked, waiting=waiting))
    return run


def items(pair: PairOf) -> list[int]:
    from tieline.store.services import inbox

    return sorted(one.item for group in inbox.groups(pair.workspace) for one in group.cases if one.item is not None)


def test_an_answer_makes_the_record_due_with_the_word(store: StoredSync, pair: PairOf) -> None:
    from tieline.store.services import inbox

    ask(store, "conflict", "1", "2")
    (group,) = inbox.groups(pair.workspace)
    assert group.waits
    assert {(one.pair, one.side, one.record, one.name) for one in group.cases} == {
        (pair.pair, "left", "1", "Customer 1"),
        (pair.pair, "left", "2", "Customer 2"),
    }
    assert inbox.count(pair.workspace) == 2
    first = items(pair)[0]
    decided = inbox.answer(pair.workspace, None, first, {"choices": {"email": "left"}})
    assert decided.mine
    assert not inbox.answer(pair.workspace, None, first, {"choices": {"email": "right"}}).mine
    (row,) = store.waiting(FUTURE, 9)
    assert (row.id, row.told, row.state) == ("1", {"choices": {"email": "left"}}, "due")
    assert inbox.count(pair.workspace) == 1


@pytest.mark.proves("CUST-6")
def test_a_choice_says_between_which_values_it_was(store: StoredSync, pair: PairOf) -> None:
    from tieline.store.services import inbox

    run = RunRow(0, "changes")
    store.begin(run)
    lines = [{"line": name, "left": f"{name} 1", "right": f"{name} 2"} for name in ("city", "phone")]
    store.settle(run, Settled(asked=[AskedRow("conflict", "account", "left", "1", WHY, lines)]))
    inbox.answer(pair.workspace, None, items(pair)[0], {"choices": {"city": "left"}})
    (row,) = store.waiting(FUTURE, 9)
    assert row.told == {"choices": {"city": "left"}, "shown": {"city": ["city 1", "city 2"]}}


def test_choices_of_several_lines_add_up(store: StoredSync, pair: PairOf) -> None:
    from tieline.store.services import inbox, pair_cases

    ask(store, "conflict", "1")
    pair_cases.look(pair.workspace, pair.pair, "account", "left", "1", {"choices": {"name": "right"}})
    inbox.answer(pair.workspace, None, items(pair)[0], {"choices": {"email": "left"}})
    (row,) = store.waiting(FUTURE, 9)
    assert row.told == {"choices": {"name": "right", "email": "left"}}


def test_like_cases_are_decided_at_once(store: StoredSync, pair: PairOf) -> None:
    from tieline.store.services import inbox

    ask(store, "deletion", "1", "2", "3", why={"code": "sync.gone"})
    assert len(inbox.answer_like(pair.workspace, None, items(pair)[0], {"deletion": "unlink"})) == 3
    assert [row.told for row in store.waiting(FUTURE, 9)] == [{"deletion": "unlink"}] * 3
    assert items(pair) == []


def test_what_moved_since_it_was_approved_is_done_again_with_what_it_was_planned_with(
    store: StoredSync, pair: PairOf
) -> None:
    from tieline.store.services import inbox

    run = RunRow(0, "approved")
    store.begin(run)
    told = {"event": "created", "create": True, "mark": False}
    asked = [AskedRow("moved", "account", "left", id, {"code": "sync.moved"}, [{"told": told}]) for id in "12"]
    store.settle(run, Settled(asked=asked))
    first, second = items(pair)
    inbox.answer(pair.workspace, None, first, {"again": True})
    inbox.answer(pair.workspace, None, second, {"leave": True})
    assert [(row.id, row.told) for row in store.waiting(FUTURE, 9)] == [("1", told)]


def test_an_answer_decides_about_no_question_in_which_it_would_mean_something_else(
    store: StoredSync, pair: PairOf
) -> None:
    """ "Delete it on the other side too" of one that the ERP lost deletes in the CRM; a choice is between values that somebody saw."""
    from tieline.store.services import inbox

    for id, side in (("1", "left"), ("2", "right"), ("3", "left")):
        ask(store, "deletion", id, why={"code": "customers.not.gone", "params": {"side": side}})
    run = RunRow(0, "changes")
    store.begin(run)
    why = {"code": "customers.not.conflict", "params": {"count": 1}}
    for id, names in (("4", ["city"]), ("5", ["phone"]), ("6", ["city"]), ("7", ["city", "phone"])):
        lines = [{"line": name, "left": "a", "right": "b"} for name in names]
        store.settle(run, Settled(asked=[AskedRow("conflict", "account", "left", id, why, lines)]))
    for row, choice in ((0, {"deletion": "delete"}), (1, {"choices": {"city": "left"}})):
        inbox.answer_like(pair.workspace, None, items(pair)[row], choice)
    told = {row.id: row.told for row in store.waiting(FUTURE, 9) if row.due_at}
    assert {id for id, one in told.items() if one and "deletion" in one} == {"1", "3"}
    assert {id for id, one in told.items() if one and "choices" in one} == {"4", "6"}
    assert len(items(pair)) == 3


@pytest.mark.parametrize(
    ("kind", "choice"),
    [
        ("conflict", {"choices": {"email": "both"}}),
        ("conflict", {"choices": {}}),
        ("conflict", {"deletion": "delete"}),
        ("deletion", {"deletion": "maybe"}),
        ("match", {"partner": "7", "create": True}),
        ("match", {"partner": 7}),
        ("match", {"told": 1}),
        ("unknown", {}),
        ("moved", {"again": False}),
        ("match", "7"),
    ],
)
def test_only_what_a_question_offers_is_an_answer(store: StoredSync, pair: PairOf, kind: str, choice: Any) -> None:
    from tieline.store.services import inbox
    from tieline.store.services.declined import DeclinedError

    ask(store, kind, "1")
    with pytest.raises(DeclinedError, match=r"inbox.no_choice"):
        inbox.answer(pair.workspace, None, items(pair)[0], choice)
    with pytest.raises(DeclinedError, match=r"inbox.not_a_notice"):
        inbox.dismiss(pair.workspace, None, items(pair)[0])
    assert store.waiting(FUTURE, 9) == []


def test_what_is_never_remembered_is_refused_whole(store: StoredSync, pair: PairOf) -> None:
    from tieline.store.services import inbox
    from tieline.store.services.declined import DeclinedError

    ask(store, "match", "1", why={"code": "sync.candidates"})
    with pytest.raises(DeclinedError, match=r"inbox.not_remembered"):
        inbox.answer(pair.workspace, None, items(pair)[0], "none", always=True)
    assert store.waiting(FUTURE, 9) == []
    inbox.answer(pair.workspace, None, items(pair)[0], {"partner": "", "create": True})
    assert [row.told for row in store.waiting(FUTURE, 9)] == [{"partner": "", "create": True}]


@pytest.mark.proves("CUST-12")
def test_a_limit_is_passed_once_by_a_run_of_its_own(store: StoredSync, pair: PairOf) -> None:
    from tieline.store.services import inbox

    limit = {"code": "sync.limit", "params": {"role": "account", "count": 60, "most": 50}}
    run = ask(store, "limit", "", why=limit)
    run.state, run.why, run.position = "stopped", limit, {"at": 7}
    store.settle(run, Settled())
    store.end(run)
    inbox.answer(pair.workspace, None, items(pair)[0], {"bypass": True})
    assert pair.rows("SELECT kind, state, options, position FROM store_syncrun ORDER BY id") == [
        ("transfer", "stopped", {"from": "left"}, {"at": 7}),
        ("transfer", "running", {"from": "left", "bypass_limit": True}, {"at": 7}),
    ]
    ask(store, "limit", "", why=limit)
    inbox.answer(pair.workspace, None, items(pair)[0], {"leave": True})
    assert len(pair.rows("SELECT id FROM store_syncrun WHERE options ? 'bypass_limit'")) == 1


@pytest.mark.proves("CUST-2")
def test_a_customer_that_is_marked_again_is_looked_at_with_its_contact_persons(store: StoredSync, pair: PairOf) -> None:
    from tieline.flows.customers.reasons import STOPPED
    from tieline.store.services import customers, pairs

    run = RunRow(0, "transfer", options={"from": "left"})
    store.begin(run)
    links = [
        LinkRow("k1", "account", "L1", "R1", state="stopped", name="Holm"),
        LinkRow("k2", "contact", "L2", "R2", name="Ann", parent="k1"),
        LinkRow("k3", "contact", "L3", "R3", name="Bo", parent="k9"),
    ]
    why = {"code": STOPPED, "params": {}}
    store.settle(run, Settled(links=links, waiting=[WaitingRow("contact", "left", "L4", None, why, state="stuck")]))
    one = customers.one(customers.pair(pair.workspace, pair.pair), "account", "left", "L1")
    pairs.mark(pair.workspace, None, one, True)
    due = pair.rows("SELECT record FROM store_syncwaiting WHERE state = 'due' AND due_at <= now() ORDER BY record")
    assert [id for (id,) in due] == ["L1", "L2", "L4"]


def test_a_customer_stopped_or_kept_again_while_it_is_in_hand_stays_so(store: StoredSync, pair: PairOf) -> None:
    from tieline.store.services import customers, pairs

    run = RunRow(0, "changes")
    store.begin(run)
    store.settle(run, Settled(links=[LinkRow("k", "account", "1", "r1", {"name": ["A", "A"]})]))
    for on in (False, True):
        (held,) = store.links("account", "left", ["1"])
        shown = customers.one(customers.pair(pair.workspace, pair.pair), "account", "left", "1")
        pairs.mark(pair.workspace, None, shown, on)
        store.links_by_key(["k"])  # looked at again by the way: what is settled is still of before
        held.base = {"name": ["B", "B"]}
        if on:
            held.right_version = "7"
        else:
            held.state, held.why = "failing", WHY
        store.settle(run, Settled(links=[held]))
        (kept,) = store.links("account", "left", ["1"])
        assert (kept.state, kept.why, kept.base) == ("linked" if on else "stopped", None, {"name": ["B", "B"]})
    assert kept.right_version == "7"
    kept.state = "stopped"  # a decision of the worker's own, of what it knows, counts
    store.settle(run, Settled(links=[kept]))
    assert [row.state for row in store.links_by_key(["k"])] == ["stopped"]


def test_an_unfinished_word_is_not_lost_to_a_delivery_that_came_meanwhile(store: StoredSync, pair: PairOf) -> None:
    from tieline.store.services import pair_cases

    run = RunRow(0, "asked", options={"role": "account", "side": "left", "id": "1"})
    store.begin(run)
    pair_cases.look(pair.workspace, pair.pair, "account", "left", "1", {"choices": {"name": "right"}})
    half = WaitingRow(
        "account", "left", "1", FUTURE, WHY, {"event": "changed", "choices": {"name": "left", "email": "left"}}
    )
    store.settle(run, Settled(waiting=[half]))
    (row,) = store.waiting(FUTURE, 9)
    assert (row.state, row.why, row.told) == ("due", None, {"choices": {"name": "right", "email": "left"}})
    store.settle(run, Settled(waiting=[WaitingRow("account", "left", "1", FUTURE, WHY, {"event": "changed"})]))
    (row,) = store.waiting(FUTURE, 9)
    assert (row.why, row.told) == (WHY, {"event": "changed"})  # read by now: what it came to is kept


def test_changes_that_a_person_asks_of_a_watched_pair_write_nothing(pair: PairOf) -> None:
    from tieline.store.services import pairs

    pair.rows("UPDATE store_syncpair SET live = false")
    pairs.ask(pair.workspace, None, pair.pair, "changes")
    assert pair.rows("SELECT options FROM store_syncrun") == [({"watch": True},)]


@pytest.mark.proves("CUST-4")
def test_who_is_asked_about_waits_or_was_said_to_be_nobody_is_not_asked_about_again(
    store: StoredSync, pair: PairOf
) -> None:
    from tieline.store.services import inbox

    ids = ["1", "2", "3", "4", "5", "6"]
    likely = {"code": LIKELY, "params": {"count": 1, "percent": 90}}
    run = ask(store, "match", "1", "2", why=likely)
    one, two = items(pair)
    stuck = WaitingRow("account", "left", "3", None, WHY, state="stuck")
    due = WaitingRow("account", "left", "4", FUTURE)
    # a question without a row that waits: somebody said something of the record meanwhile, and the row stayed as it was
    alone = AskedRow("match", "account", "left", "5", likely)
    store.settle(run, Settled(waiting=[stuck, due], asked=[alone]))
    assert store.spoken_for("account", "left", ids) == {"1", "2", "4", "5"}
    assert store.spoken_for("account", "right", ids) == store.spoken_for("contact", "left", ids) == set()
    inbox.answer(pair.workspace, None, one, "none")
    row = next(row for row in store.waiting(FUTURE, 10) if row.id == "1")
    row.state, row.due_at, row.why = "stuck", None, WHY  # as a look that finds nothing to do leaves it
    store.settle(run, Settled(waited=[("account", "left", "1")], waiting=[row]))
    assert store.spoken_for("account", "left", ids) == {"1", "2", "4", "5"}
    # a look finds what the rules find: the likely one stays open until its record is linked
    where = [("account", "left", id) for id in ids]  # type: ignore[var-annotated]
    store.settle(run, Settled(answered=where))  # type: ignore[arg-type]
    assert two in items(pair)
    store.settle(run, Settled(answered=where, links=[LinkRow("k", "account", "2", "R2")]))  # type: ignore[arg-type]
    assert two not in items(pair)
    assert len(items(pair)) == 1
