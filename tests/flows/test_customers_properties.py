"""Deciding is quiet once it is done, over random records, links, settings and words of people; every reason is of the closed list."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flows.pair import ACCOUNT, TARGETS, crm, erp, raw
from tieline.core.pairing import LEFT, RIGHT, SIDES, Decision, LinkView, Side, Told, other
from tieline.core.reasons import DECLARED
from tieline.core.record import Record
from tieline.core.same import CANNOT_HOLD, agree, for_side, is_empty
from tieline.flows.customers import CUSTOMERS, reasons
from tieline.flows.customers.flow import PairRules

fields = st.fixed_dictionaries(
    {
        "name": st.sampled_from(
            ["Nordlys ApS", "Nordlys", "Nordlys Ventilation og Klimateknik i Aarhus ApS", "Bageriet"]
        ),
        "registration_number": st.sampled_from([None, "26134439", "DK 26134439", "25313763"]),
        "phone": st.sampled_from([None, "86123456", "+45 86 12 34 56", "87654321"]),
        "email": st.sampled_from([None, "a@x.dk", "A@x.dk", "a@x.dk b@x.dk"]),
        "city": st.sampled_from([None, "", "Aarhus", "Aarhus "]),
        "country": st.sampled_from([None, "DK", "Danmark", "Tyskland"]),
        "currency": st.sampled_from([None, "DKK", "EUR"]),
        "kept": st.booleans(),
        "stage": st.sampled_from(["prospect", "customer"]),
    }
)
policies = st.sampled_from(["ask", "left", "right", "newest"])


@st.composite
def pairs(draw: Any) -> PairRules:
    changes = {
        "on": draw(st.sampled_from([True] * 9 + [False])),
        "crm_new": draw(st.sampled_from(["at_creation", "at_creation", "when_active", "by_hand", "off"])),
        "crm_changed": draw(st.sampled_from([True, True, False])),
        "erp_created": draw(st.sampled_from([True, True, False])),
        "erp_changed": draw(st.sampled_from([True, True, False])),
        "active": {"tests": [{"field": "stage", "values": ["customer"]}]},
        "mark": draw(st.sampled_from([{"kind": "all"}, {"kind": "all"}, {"kind": "own", "new": False}, {"kind": "field", "field": "kept"}])),
        "deletions": {side: draw(st.sampled_from(["ask", "delete", "restore", "unlink"])) for side in SIDES},
    }  # fmt: skip
    kept = raw(**changes)
    for line in kept["roles"][0]["lines"]:
        line["policy"] = draw(policies)
        line["direction"] = draw(st.sampled_from(["both", "both", "both", "to_right", "to_left"]))
        line["clears"] = draw(st.booleans())
    return CUSTOMERS.of(CUSTOMERS.load(kept), TARGETS)


@st.composite
def cases(draw: Any) -> tuple[PairRules, Record | None, Record | None, LinkView | None, Told, tuple[Record, ...]]:
    of = draw(pairs())
    left = Record("account", "1", {**dict.fromkeys(ACCOUNT), **draw(fields)}) if draw(st.integers(0, 5)) else None
    held = {name: value for name, value in draw(fields).items() if name not in ("kept", "stage")}
    right = Record("account", "9", {**dict.fromkeys(ACCOUNT), **held}) if draw(st.integers(0, 5)) else None
    linked = draw(st.booleans()) or (left is not None and right is not None)
    link = None
    if linked:
        base = {}
        agreed = draw(fields)
        for line in of.lines("account"):
            value = agreed.get(line.name)
            there = for_side(line, RIGHT, value)
            if there is not CANNOT_HOLD and draw(st.integers(0, 3)):
                base[line.name] = (value, there)
        pending = draw(st.sampled_from([None, None, LEFT, RIGHT]))
        link = LinkView("k1", "1", "9", base, pending=pending, stopped=draw(st.integers(0, 7)) == 0)
    by = LEFT if left is not None else RIGHT
    told = Told(
        choices={
            line.name: draw(st.sampled_from(SIDES)) for line in of.lines("account") if draw(st.integers(0, 9)) == 0
        },
        partner=draw(st.sampled_from([None, None, None, "", "9", "1", "8"])),
        create=draw(st.sampled_from([False, False, False, True])),
        deletion=draw(st.sampled_from([None, None, None, "delete", "restore", "unlink"])),
        mark=draw(st.sampled_from([None, True, False])),
        event=draw(st.sampled_from(["created", "changed", "deleted", "look"])),
        by=by,
    )
    found: tuple[Record, ...] = ()
    if (left is None) != (right is None) and draw(st.booleans()):
        gone: Side = RIGHT if right is None else LEFT
        some = draw(st.lists(fields, min_size=1, max_size=2))
        wanted = gone if link is not None or left is not None else LEFT
        found = tuple(
            Record("account", str(8 - at) if wanted == RIGHT else str(2 + at), {**dict.fromkeys(ACCOUNT), **one})
            for at, one in enumerate(some)
        )
    return of, left, right, link, told, found


def done(
    decision: Decision, left: Record | None, right: Record | None, link: LinkView | None
) -> tuple[Record | None, Record | None, LinkView | None]:
    """The two systems and the link once everything of the decision is written."""
    there = {LEFT: left, RIGHT: right}
    if decision.matched is not None:
        empty = next(side for side in SIDES if there[side] is None)
        there[empty] = decision.matched.record
    for write in decision.writes:
        held = there[write.side]
        if write.verb == "delete":
            there[write.side] = None
        elif write.verb == "create":
            assert held is None, "one that is there is never made"
            there[write.side] = Record("account", "new", {**dict.fromkeys(ACCOUNT), **write.values})
        else:
            assert held is not None
            assert write.id == held.id
            assert {name: held.get(name) for name in write.before} == dict(write.before)
            there[write.side] = replace(held, fields={**held.fields, **write.values})
    if decision.become in ("make", "stop", "keep", "pending") and (
        link is not None or decision.become in ("make", "stop")
    ):
        ids = [record.id if record is not None else "" for record in (there[LEFT], there[RIGHT])]
        gone = next((side for side in SIDES if there[side] is None), None)
        pending = gone if decision.become == "pending" else None
        link = LinkView(
            "k1", ids[0] or "1", ids[1] or "9", decision.base, pending=pending, stopped=decision.become == "stop"
        )
    elif decision.become == "drop":
        link = None
    return there[LEFT], there[RIGHT], link


@pytest.mark.proves("CUST-10", "CUST-11", "CUST-12", "HUB-11")
@given(cases())
@settings(max_examples=150, deadline=None)
def test_deciding_again_once_it_is_done_writes_nothing(
    case: tuple[PairRules, Record | None, Record | None, LinkView | None, Told, tuple[Record, ...]],
) -> None:
    of, left, right, link, told, found = case
    decision = of.decide("account", left, right, link, told, found)
    assert_well_formed(of, decision, told)
    left, right, link = done(decision, left, right, link)
    if link is None or link.pending is not None or left is None or right is None:
        return
    again = of.decide("account", left, right, link, Told(told.choices, event="changed", by=told.by))
    reused = again.asks is not None and again.asks.code == reasons.REUSED
    if any(one.verb == "create" for one in decision.writes):  # what a new record was given by itself comes back, once
        assert {line for one in again.writes for line in one.lines}.isdisjoint(decision.base)
        left, right, link = done(again, left, right, link)
        again = of.decide("account", left, right, link, Told(told.choices, event="changed", by=told.by))
    if decision.writes or decision.become == "make":
        assert not again.writes or reused, (decision.writes, again.writes)
    if decision.become == "make" and not again.conflicts and not reused:
        for line in of.lines("account"):
            if {one.line: one.state for one in again.lines}.get(line.name) == "same":
                assert agree(line, left.get(line.left), right.get(line.right))


def assert_well_formed(of: PairRules, decision: Decision, told: Told) -> None:
    for reason in (
        decision.reason,
        decision.asks,
        *(one.reason for one in decision.lines),
        *(one.reason for one in decision.writes),
    ):
        assert reason is None or DECLARED[reason.code] >= reason.params.keys()
    if not decision.writes:
        assert decision.reason is not None, "what does not move says why"
        code = decision.reason.code
        known = code in reasons.NOT_MOVED or code.startswith(("customers.held.", "customers.conflict."))
        assert known or decision.become in ("make", "stop", "drop") or told.event == "look"
    if told.event == "look" and not (
        told.choices or told.create or told.partner is not None or told.deletion is not None
    ):
        assert decision.writes == ()
    if not of.settings.on:
        assert (decision.writes, decision.status) == ((), "switched_off")
    mapped = {line.left for line in of.lines("account")} | {line.right for line in of.lines("account")}
    for write in decision.writes:
        if write.verb == "update":
            assert set(write.values) <= mapped | {"kept"}, "what is not mapped is never written"
        if write.verb == "create":
            assert not any(is_empty(value) and value is not False for value in write.values.values())
    if decision.asks is not None and decision.status in ("candidates", "pending_delete"):
        assert decision.writes == ()


@given(fields, fields, st.sampled_from(SIDES))
@settings(max_examples=200, deadline=None)
def test_look_ups_of_both_sides_meet_where_a_rule_agrees(one: dict[str, Any], two: dict[str, Any], side: Side) -> None:
    """What the engine relies on: two records share a value of a rule's look-ups where the rule says that they agree."""
    of = CUSTOMERS.of(CUSTOMERS.load(raw()), TARGETS)
    records = {LEFT: crm(**one), RIGHT: erp(**two)}
    mine, theirs = records[side], records[other(side)]
    rules = [rule.rule for rule in of.settings.roles[0].match]
    shared = [
        {find.value for find in a} & {find.value for find in b}
        for a, b in zip(of.finds("account", side, mine), of.finds("account", other(side), theirs), strict=True)
    ]
    (candidate,) = of.candidates("account", side, mine, [theirs]) or (None,)
    agreeing = {evidence.rule for evidence in candidate.evidence if evidence.agrees} if candidate is not None else set()
    for rule, values in zip(rules, shared, strict=True):
        if rule != "name":  # names are looked for as they are written
            assert bool(values) == (rule in agreeing)
