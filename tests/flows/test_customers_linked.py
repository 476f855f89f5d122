"""A customer that both sides have: what moves, what is asked, what a deletion, a merge and a number that is used again mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.flows.pair import crm, decide, erp, link, person, raw, rules, why, writes
from tieline.core.pairing import LEFT, RIGHT, Joined, LinkView
from tieline.core.record import Record
from tieline.flows.customers import CUSTOMERS
from tieline.flows.customers import reasons as r

EARLY, LATE = "2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z"


@pytest.mark.proves("CUST-10")
def test_edits_of_different_fields_on_both_sides_go_across() -> None:
    decision = decide(rules(), crm(city="Aarhus"), erp(phone="86123456"), link())
    assert writes(decision) == [("left", "update", {"phone": "86123456"}), ("right", "update", {"city": "Aarhus"})]
    assert (decision.status, decision.become, decision.asks) == ("differs", "keep", None)
    assert decision.base["city"] == ("Aarhus", "Aarhus")
    left, right = decision.writes
    assert (left.id, left.before, left.reason.code) == ("1", {"phone": None}, r.UPDATED)
    assert (right.id, right.lines["city"].code) == ("9", "customers.line.changed")


@pytest.mark.proves("CUST-1", "CUST-5")
def test_both_agree_already() -> None:
    decision = decide(rules(), crm(), erp(), link())
    assert (decision.status, decision.become, decision.writes, why(decision)) == ("same", "keep", (), r.SAME)
    # written each in its own way
    decision = decide(
        rules(), crm(country="Danmark", phone="+45 86 12 34 56"), erp(country="DK", phone="86123456"), link()
    )
    assert (decision.status, decision.writes) == ("same", ())


@pytest.mark.proves("CUST-10")
def test_a_conflict_is_asked_and_the_other_fields_move_all_the_same() -> None:
    decision = decide(rules(), crm(city="Aarhus", phone="86123456"), erp(city="Horsens"), link())
    assert writes(decision) == [("right", "update", {"phone": "86123456"})]
    assert [one.line for one in decision.conflicts] == ["city"]
    assert decision.asks is not None
    assert (decision.asks.code, decision.asks.params) == (r.CONFLICT, {"count": 1})
    assert decision.base["city"] == (None, None)  # found again
    assert decision.base["phone"] == ("86123456", "86123456")


@pytest.mark.proves("CUST-6", "CUST-7")
def test_a_persons_choice_per_field_writes_both_in_one() -> None:
    decision = decide(
        rules(), crm(city="Aarhus", phone="86123456"), erp(city="Horsens", phone="87654321"), link(),
        choices={"city": RIGHT, "phone": LEFT},
    )  # fmt: skip
    assert writes(decision) == [("left", "update", {"city": "Horsens"}), ("right", "update", {"phone": "86123456"})]
    assert (decision.conflicts, decision.asks) == ((), None)


@pytest.mark.proves("CUST-10")
def test_the_newest_wins_by_the_vendors_times() -> None:
    settings = raw()
    for line in settings["roles"][0]["lines"]:
        line["policy"] = "newest"
    of = CUSTOMERS.of(CUSTOMERS.load(settings), rules().targets)
    left, right = crm(city="Aarhus"), erp(city="Horsens")
    by_times = decide(of, left, right, link(), times={LEFT: EARLY, RIGHT: LATE})
    assert writes(by_times) == [("left", "update", {"city": "Horsens"})]
    by_version = decide(
        of, Record("account", "1", left.fields, LATE), Record("account", "9", right.fields, EARLY), link()
    )
    assert writes(by_version) == [("right", "update", {"city": "Aarhus"})]
    by_field = decide(
        of,
        crm(city="Aarhus", last_activity=EARLY),
        Record("account", "9", {**right.fields, "last_activity": LATE}, "7"),
        link(),
    )
    assert writes(by_field) == [("left", "update", {"city": "Horsens"})]
    assert decide(of, left, right, link()).conflicts  # nobody says when


@pytest.mark.proves("CUST-2")
@pytest.mark.parametrize(
    ("settings", "there"),
    [
        ({}, ["left", "right"]),
        ({"crm_changed": False}, ["left"]),
        ({"erp_changed": False}, ["right"]),
        ({"crm_changed": False, "erp_changed": False}, []),
        ({"on": False}, []),
    ],
)
def test_changes_go_the_ways_that_are_switched_on(settings: dict[str, Any], there: list[str]) -> None:
    decision = decide(rules(**settings), crm(city="Aarhus"), erp(phone="86123456"), link())
    assert [one.side for one in decision.writes] == there
    assert decision.status == ("switched_off" if "on" in settings else "differs")
    assert {one.line for one in decision.lines if one.state == "held"} >= (
        {"city"} if settings.get("crm_changed") is False else set()
    )
    if settings.get("crm_changed") is False:
        assert decision.base["city"] == (None, None)  # goes over once it is switched on


@pytest.mark.proves("CUST-2", "CUST-5")
def test_a_customer_that_is_not_kept_the_same_is_only_shown() -> None:
    stopped = decide(rules(), crm(city="Aarhus"), erp(), link(stopped=True))
    assert (stopped.status, stopped.writes, why(stopped)) == ("not_marked", (), r.STOPPED)
    assert {one.line: one.state for one in stopped.lines}["city"] == "to_right"
    of = rules(mark={"kind": "field", "field": "kept"})
    unmarked = decide(of, crm(city="Aarhus", kept=False), erp(), link())
    assert (unmarked.status, unmarked.writes, why(unmarked)) == ("not_marked", (), r.NOT_MARKED)
    assert decide(of, crm(city="Aarhus", kept=True), erp(), link()).writes
    # a person's word goes all the same
    assert decide(of, crm(city="Aarhus", kept=False), erp(), link(), choices={"city": LEFT}).writes
    assert decide(rules(), crm(city="Aarhus"), erp(), link(stopped=True), choices={"city": LEFT}).writes


@pytest.mark.proves("CUST-11")
def test_a_field_that_is_not_mapped_is_never_written() -> None:
    decision = decide(rules(), crm(city="Aarhus", secret="x"), erp(creditLimit=5000), link())
    assert writes(decision) == [("right", "update", {"city": "Aarhus"})]


@pytest.mark.proves("CUST-1")
def test_a_contact_person_that_moves_to_another_customer() -> None:
    base = {"name": ("Anna Holm", "Anna Holm"), "account": (Joined("k1"), Joined("k1"))}
    known = LinkView("k5", "5", "6", base)
    moved = decide(rules(), person(parent=Joined("k2")), person("6"), known, role="contact")
    assert writes(moved) == [("right", "update", {"account": Joined("k2")})]
    waiting = decide(rules(), person(parent=Joined(side="left", id="3")), person("6"), known, role="contact")
    assert (waiting.writes, waiting.waits_for) == ((), Joined(side="left", id="3"))


# -- deletions ---------------------------------------------------------------------------------------------------------------


def deleting(**policies: str) -> Any:
    return rules(deletions={"left": "ask", "right": "ask", **policies})


@pytest.mark.proves("CUST-12")
@pytest.mark.parametrize(("gone", "left", "right"), [(LEFT, None, erp()), (RIGHT, crm(), None)])
@pytest.mark.parametrize("policy", ["ask", "delete", "restore", "unlink"])
def test_a_deletion_waits_first_whatever_the_policy(gone: Any, left: Any, right: Any, policy: str) -> None:
    of = deleting(left=policy, right=policy)
    first = decide(of, left, right, link(), event="deleted", by=gone)
    assert (first.status, first.become, first.writes) == ("pending_delete", "pending", ())
    assert (first.asks is not None) == (policy == "ask")
    second = decide(of, left, right, link(pending=gone), event="deleted", by=gone)
    expected = {
        "ask": ("pending", []), "unlink": ("stop", []),
        "delete": ("drop", [("right" if gone == LEFT else "left", "delete", {})]),
        "restore": ("make", [(gone, "create")]),
    }[policy]  # fmt: skip
    assert second.become == expected[0]
    assert [one[: len(want)] for one, want in zip(writes(second), expected[1], strict=True)] == expected[1]


@pytest.mark.proves("CUST-12")
def test_what_a_person_says_of_a_deletion_goes_at_once() -> None:
    of, known = deleting(), link(pending=RIGHT)
    deleted = decide(of, crm(), None, known, deletion="delete")
    assert (deleted.become, writes(deleted)) == ("drop", [("left", "delete", {})])
    assert deleted.writes[0].before["name"] == "Nordlys ApS"  # what an undo needs
    restored = decide(of, crm(), None, known, deletion="restore")
    assert (restored.become, writes(restored)[0][:2]) == ("make", ("right", "create"))
    assert restored.writes[0].values["group"] == "1"
    back = decide(of, crm(), None, known, [erp("77")], deletion="restore")  # by another hand, under another number
    assert (back.become, writes(back), back.matched and back.matched.record.id) == ("make", [], "77")
    ended = decide(of, crm(), None, known, deletion="unlink")
    assert (ended.become, ended.writes) == ("stop", ())


@pytest.mark.proves("CUST-2", "CUST-12")
def test_a_side_whose_changes_go_nowhere_deletes_nothing() -> None:
    of = rules(deletions={"left": "delete", "right": "delete"}, crm_changed=False)
    decision = decide(of, None, erp(), link(pending=LEFT), event="deleted")
    assert (decision.writes, decision.become, why(decision)) == ((), "pending", r.GONE_SWITCH)
    assert decide(of, crm(), None, link(pending=RIGHT), event="deleted").writes


@pytest.mark.proves("CUST-14")
def test_what_cannot_be_deleted_there_is_asked() -> None:
    of = rules()
    targets = {side: replace(target, deletes=frozenset()) for side, target in of.targets.items()}
    for settings, told in (({"deletions": {"right": "delete"}}, {"event": "deleted"}), ({}, {"deletion": "delete"})):
        decision = decide(
            CUSTOMERS.of(CUSTOMERS.load(raw(**settings)), targets), crm(), None, link(pending=RIGHT), **told
        )
        assert (decision.writes, decision.become, why(decision)) == ((), "pending", r.CANNOT_DELETE)
        assert decision.asks == decision.reason


def test_both_are_gone_or_one_is_back() -> None:
    assert (decide(deleting(), None, None, link()).become) == "drop"
    back = decide(deleting(), crm(), erp(city="Aarhus"), link(pending=RIGHT))
    assert (back.become, writes(back)) == ("keep", [("left", "update", {"city": "Aarhus"})])


# -- merged, converted (CUST-16) ---------------------------------------------------------------------------------------------


@pytest.mark.proves("CUST-16")
def test_a_customer_that_was_merged_in_the_crm_keeps_its_link_by_the_one_that_is_left() -> None:
    of = rules()
    survivor = crm("2", phone="86123456")
    asked = of.successor_finds("account", LEFT, link())
    assert [(one.by, one.value) for one in asked[0]] == [
        ("registration_number", "26134439"), ("registration_number", "DK26134439"),
    ]  # fmt: skip
    decision = decide(of, None, erp(), link(), [survivor], event="deleted")
    assert (decision.become, decision.matched and decision.matched.record.id) == ("make", "2")
    assert writes(decision) == [("right", "update", {"phone": "86123456"})]
    assert decision.writes[0].reason.code == r.MOVED_LINK


@pytest.mark.proves("CUST-16")
def test_a_successor_that_is_not_sure_is_proposed() -> None:
    of = rules(deletions={"left": "delete", "right": "ask"})
    twins = [crm("2"), crm("3")]
    for pending in (None, LEFT):
        decision = decide(of, None, erp(), link(pending=pending), twins, event="deleted")
        assert (decision.become, decision.writes) == ("pending", ())  # not even by the policy
        assert decision.asks is not None
        assert decision.asks.code == r.GONE_MERGED
        assert {one.record.id for one in decision.candidates} == {"2", "3"}
    chosen = decide(of, None, erp(), link(pending=LEFT), twins, partner="3")
    assert (chosen.become, chosen.matched and chosen.matched.record.id) == ("make", "3")
    linked = decide(of, None, erp(), link(), [crm("2")], event="deleted", taken={"2"})
    assert linked.become == "pending"  # the two customers of the ERP are now one in the CRM: a person says


# -- numbers that are used again -----------------------------------------------------------------------------------------------


def other_customer() -> Record:
    return erp(name="Bageriet Horsens", registration_number="25313763", email="post@bageriet.dk")


@pytest.mark.proves("CUST-9")
def test_a_number_that_was_given_to_another_customer_moves_nothing() -> None:
    decision = decide(rules(), crm(), other_customer(), link())
    assert (decision.writes, decision.become) == ((), "keep")
    assert decision.asks is not None
    assert (decision.asks.code, decision.asks.params) == (r.REUSED, {"side": "right", "id": "9"})
    # known to be deleted before: it is not the same
    known = decide(rules(), crm(), other_customer(), link(pending=RIGHT))
    assert (known.writes, known.become) == ((), "drop")
    # what a person says
    assert decide(rules(), crm(), other_customer(), link(), partner="").become == "drop"
    assert decide(rules(), crm(), other_customer(), link(), partner="9").become == "keep"


def test_the_answer_to_a_deletion_counts_when_its_number_is_used_again_meanwhile() -> None:
    deleted = decide(rules(), crm(), deletion="delete")
    assert writes(deleted) == [("left", "delete", {})]
    assert writes(decide(rules(), crm(), deletion="restore"))[0][:2] == ("right", "create")
    assert decide(rules(), crm(), deletion="unlink").writes == ()


@pytest.mark.proves("CUST-5", "CUST-15")
def test_a_look_at_a_link_says_how_it_is_and_changes_nothing() -> None:
    of, known = rules(), link()
    for left, right, status in (
        (crm(), erp(), "same"), (crm(city="Aarhus"), erp(), "differs"), (None, erp(), "pending_delete"), (crm(), None, "pending_delete"),
    ):  # fmt: skip
        decision = decide(of, left, right, known, event="look")
        assert (decision.status, decision.become, decision.writes, decision.base) == (status, "keep", (), known.base)


@pytest.mark.proves("CUST-15")
def test_a_look_finds_what_does_not_agree_though_nothing_changed_since() -> None:
    left, right = crm(city="Aarhus"), erp(city="Horsens")
    decision = decide(rules(), left, right, link(left, right), event="look")
    assert decision.status == "differs"
    assert {one.line: one.state for one in decision.lines}["city"] == "held"


@pytest.mark.proves("CUST-12")
def test_a_record_that_was_changed_since_is_not_deleted_because_the_other_is_gone() -> None:
    of = deleting(left="delete", right="delete")
    edited = erp(city="Aarhus")
    for event in ("deleted", "changed"):
        asked = decide(of, None, edited, link(pending=LEFT), event=event)
        assert (asked.become, asked.writes, asked.asks and asked.asks.code) == ("pending", (), r.GONE)
    assert decide(of, None, edited, link(), event="deleted").asks
    # told of something else meanwhile, it goes on waiting
    waits = decide(of, None, erp(), link(pending=LEFT), event="changed", by=RIGHT)
    assert (waits.become, waits.writes, waits.asks) == ("pending", (), None)
    assert decide(of, None, edited, link(pending=LEFT), deletion="delete").writes


@pytest.mark.proves("CUST-9")
def test_a_number_that_was_gone_and_has_only_another_name_is_asked_about() -> None:
    bare = {"registration_number": None}
    known = link(crm(**bare), erp(**bare))
    renamed = erp(name="Bageriet Horsens", **bare)
    assert writes(decide(rules(), crm(**bare), renamed, known)) == [("left", "update", {"name": "Bageriet Horsens"})]
    gone = link(crm(**bare), erp(**bare), pending=RIGHT)
    asked = decide(rules(), crm(**bare), renamed, gone)
    assert (asked.writes, asked.become, asked.asks and asked.asks.code) == ((), "pending", r.REUSED)
    assert decide(rules(), crm(**bare), renamed, gone, partner="").become == "drop"
    assert decide(rules(), crm(**bare), renamed, gone, deletion="unlink").become == "drop"
    assert decide(rules(), crm(**bare), renamed, gone, partner="9").writes
