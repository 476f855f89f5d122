"""A customer that only one side has: switches, mark, active, first match, and what a new record gets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.flows.pair import CRM, ERP, crm, decide, erp, link, person, raw, rules, why, writes
from tieline.core.pairing import Joined, Told, Watched
from tieline.core.record import Record
from tieline.flows.customers import CUSTOMERS
from tieline.flows.customers import reasons as r

ACTIVE = {"tests": [{"field": "stage", "operator": "is", "values": ["customer"]}]}


@pytest.mark.proves("CUST-2", "CUST-9")
def test_a_new_customer_of_the_crm_is_made_in_the_erp_with_what_it_asks_for() -> None:
    decision = decide(rules(), crm(city="Aarhus"), event="created")
    assert writes(decision) == [
        ("right", "create", {
            "name": "Nordlys ApS", "registration_number": "DK26134439", "city": "Aarhus",
            "currency": "DKK", "group": "1", "vat_zone": "1", "terms": "1",
        })
    ]  # fmt: skip
    assert (decision.status, decision.become, why(decision)) == ("missing", "make", r.CREATED)
    (write,) = decision.writes
    assert write.lines["city"].code == "customers.line.created"
    assert write.lines["=group"].code == r.DEFAULT
    assert decision.base["name"] == ("Nordlys ApS", "Nordlys ApS")
    assert decision.base["phone"] == (None, None)  # empty on both sides: agreed
    assert "currency" not in decision.base  # the ERP's own choice is still to come back


@pytest.mark.proves("CUST-11")
def test_what_the_erp_cannot_hold_in_full_is_cut_there() -> None:
    decision = decide(rules(), crm(name="Nordlys Ventilation og Klimateknik ApS"), event="created")
    assert decision.writes[0].values["name"] == "Nordlys Ventilation og Klimate"
    assert decision.base["name"] == ("Nordlys Ventilation og Klimateknik ApS", "Nordlys Ventilation og Klimate")


@pytest.mark.proves("CUST-2")
@pytest.mark.parametrize(
    ("settings", "event", "made", "code"),
    [
        ({}, "created", True, r.CREATED),
        ({}, "changed", False, r.NOT_NEW),
        ({"crm_new": "by_hand"}, "created", False, r.BY_HAND),
        ({"crm_new": "off"}, "created", False, r.SWITCH),
        ({"crm_new": "off", "crm_changed": False}, "created", False, r.SWITCH),
        ({"crm_new": "when_active"}, "created", False, r.NO_CONDITION),
        ({"crm_new": "when_active", "active": ACTIVE}, "created", False, r.NOT_ACTIVE),
        ({"on": False}, "created", False, r.OFF),
        ({"crm_changed": False, "erp_created": False, "erp_changed": False}, "created", True, r.CREATED),
    ],
)
def test_when_a_customer_of_the_crm_is_made_in_the_erp(
    settings: dict[str, Any], event: str, made: bool, code: str
) -> None:
    decision = decide(rules(**settings), crm(stage="prospect"), event=event)
    assert (bool(decision.writes), decision.become, why(decision)) == (made, "make" if made else "none", code)
    assert decision.status == ("switched_off" if code == r.OFF else "missing")


@pytest.mark.proves("CUST-2")
@pytest.mark.parametrize(
    ("settings", "made", "code"),
    [
        ({}, True, r.CREATED),
        ({"erp_created": False}, False, r.SWITCH),
        ({"erp_created": False, "erp_changed": False}, False, r.SWITCH),
        ({"on": False}, False, r.OFF),
        ({"crm_new": "off", "crm_changed": False}, True, r.CREATED),
    ],
)
def test_when_a_customer_of_the_erp_is_made_in_the_crm(settings: dict[str, Any], made: bool, code: str) -> None:
    decision = decide(rules(**settings), None, erp(), event="created", by="right")
    assert (bool(decision.writes), why(decision)) == (made, code)
    if made:
        assert writes(decision)[0][:2] == ("left", "create")
    edited = decide(rules(**settings), None, erp(), event="changed", by="right")
    assert (edited.writes, edited.status, why(edited)) == (
        (), "switched_off" if code == r.OFF else "missing", r.NOT_NEW if made else code,
    )  # fmt: skip


@pytest.mark.proves("CUST-2")
def test_an_edit_of_what_was_there_before_links_it_and_makes_nothing() -> None:
    of = rules()
    for role, mine in (("account", crm()), ("contact", person())):
        assert why(decide(of, mine, role=role, event="changed")) == r.NOT_NEW
        assert decide(of, mine, role=role, event="created").writes
    found = decide(of, crm(), found=[erp()], event="changed")
    assert (found.become, found.matched.record.id if found.matched else "") == ("make", erp().id)
    for chosen in ({"crm_new": "by_hand"}, {"crm_new": "when_active", "active": ACTIVE}):
        assert decide(rules(**chosen), person(), role="contact", event="changed").writes


@pytest.mark.proves("CUST-7", "CUST-8")
def test_a_person_has_it_made_whatever_the_switches_say() -> None:
    for settings in ({"crm_new": "off", "crm_changed": False}, {"crm_new": "by_hand"}, {"crm_new": "when_active"}):
        decision = decide(rules(**settings), crm(), create=True)
        assert writes(decision)[0][:2] == ("right", "create")
        assert why(decision) == r.CREATED_BY_HAND
    decision = decide(rules(erp_created=False, erp_changed=False), None, erp(), create=True, by="right")
    assert writes(decision)[0][:2] == ("left", "create")


def test_a_customer_that_becomes_active_is_made_once() -> None:
    of = rules(crm_new="when_active", active=ACTIVE)
    assert not decide(of, crm(stage="prospect"), event="created").writes
    decision = decide(of, crm(stage="Customer"))
    assert (len(decision.writes), why(decision)) == (1, r.CREATED_ACTIVE)
    from tests.flows.pair import link

    left, right = crm(stage="customer"), erp()
    again = decide(of, left, right, link(left, right))  # linked now: nothing more, active or not
    assert not again.writes
    assert not decide(of, crm(stage="prospect"), right, link(left, right)).writes


@pytest.mark.parametrize(
    ("test", "fields", "active"),
    [
        ({"field": "stage", "operator": "in", "values": ["a", "customer"]}, {"stage": "customer"}, True),
        ({"field": "stage", "operator": "is_not", "values": ["lost"]}, {"stage": None}, True),
        ({"field": "stage", "operator": "filled"}, {"stage": " "}, False),
        ({"field": "stage", "operator": "empty"}, {"stage": None}, True),
        ({"field": "won", "operator": "yes"}, {"won": True}, True),
        ({"field": "won", "operator": "no"}, {"won": None}, True),
        ({"field": "turnover", "operator": "more", "values": ["1000"]}, {"turnover": 1000.5}, True),
        ({"field": "turnover", "operator": "more", "values": ["1000"]}, {"turnover": "999"}, False),
        ({"field": "since", "operator": "less", "values": ["2026-01-01"]}, {"since": "2025-12-31"}, True),
        ({"field": "since", "operator": "less", "values": ["2026-01-01"]}, {"since": None}, False),
        ({"field": "tags", "operator": "is", "values": ["Key"]}, {"tags": ["new", "key"]}, True),
        ({"field": "name", "operator": "contains", "values": ["LYS"]}, {}, True),
        ({"field": "not_read", "operator": "empty"}, {}, False),
    ],
)
def test_each_comparison_of_a_condition(test: dict[str, Any], fields: dict[str, Any], active: bool) -> None:
    decision = decide(rules(crm_new="when_active", active={"tests": [test]}), crm(**fields))
    assert bool(decision.writes) is active


def test_conditions_of_several_tests_and_of_records_that_lead_to_the_customer() -> None:
    two = [{"field": "stage", "values": ["customer"]}, {"field": "city", "values": ["Aarhus"]}]
    for match, made in (("all", False), ("any", True)):
        of = rules(crm_new="when_active", active={"tests": two, "match": match})
        assert bool(decide(of, crm(stage="customer", city="Horsens")).writes) is made
    won = {"role": "deal", "link": "account", "tests": [{"field": "stage_kind", "values": ["won"]}]}
    of = rules(crm_new="when_active", active=won)
    assert of.watched == (Watched("deal", "account", "account", ("stage_kind", "name")),)
    asked = of.related_finds("account", crm(), Told())
    assert [(one.role, one.by, one.value) for one in asked] == [("deal", "account", "1")]
    assert of.related_finds("contact", person(), Told()) == ()
    assert of.related_finds("account", crm(), Told(create=True)) == ()
    lost, deal = (Record("deal", id, {"stage_kind": kind}) for id, kind in (("7", "lost"), ("8", "won")))
    assert not decide(of, crm(), related=[lost]).writes
    assert decide(of, crm(), related=[lost, deal]).writes
    assert rules().watched == ()
    assert rules().related_finds("account", crm(), Told()) == ()
    assert (
        rules(crm_new="at_creation", active=won).watched
        == rules(crm_new="when_active", on=False, active=won).watched
        == ()
    )


def test_the_record_that_made_a_customer_active_is_named() -> None:
    won = {"role": "deal", "link": "account", "tests": [{"field": "stage_kind", "values": ["won"]}]}
    of = rules(crm_new="when_active", active=won)
    deals = [
        Record("deal", id, {"account": "1", "name": f"Deal {id}", "stage_kind": kind})
        for id, kind in (("7", "lost"), ("8", "won"))
    ]
    decision = decide(of, crm(), related=deals)
    assert decision.reason is not None
    assert (decision.reason.code, decision.reason.params) == (
        r.CREATED_THROUGH, {"one": "deal", "name": "Deal 8", "id": "8"},
    )  # fmt: skip
    assert [of.made_active(one) for one in deals] == ["", "1"]
    assert of.made_active(Record("deal", "9", {"account": None, "stage_kind": "won"})) == ""
    assert rules().made_active(deals[1]) == ""
    lead = {
        "role": "lead",
        "link": "converted_account",
        "tests": [{"field": "converted_account", "operator": "filled"}],
    }
    of = rules(crm_new="when_active", active=lead)
    assert of.made_active(Record("lead", "3", {"converted_account": "1", "name": "Berg"})) == "1"
    assert of.made_active(Record("lead", "3", {"converted_account": None})) == ""


@pytest.mark.proves("CUST-2")
def test_the_mark_is_a_field_of_the_crm() -> None:
    mark = {"kind": "field", "field": "kept"}
    of = rules(mark=mark)
    assert "kept" in of.reads("account", "left")
    assert "kept" not in of.reads("account", "right")
    unmarked = decide(of, crm(kept=False), event="created")
    assert (unmarked.status, why(unmarked)) == ("not_marked", r.NOT_MARKED)
    assert decide(of, crm(kept=True), event="changed").writes  # marking it is the word
    new = {"by": "right", "event": "created"}
    assert decide(of, None, erp(), **new).writes[0].values["kept"] is True
    assert "kept" not in decide(of, None, erp(), mark=False, **new).writes[0].values
    assert "kept" not in decide(rules(mark={**mark, "new": False}), None, erp(), **new).writes[0].values
    listed = rules(mark={"kind": "field", "field": "stage", "values": ["customer"]})
    assert decide(listed, crm(stage="Customer")).writes
    assert decide(listed, None, erp(), **new).writes[0].values["stage"] == "customer"
    assert not decide(listed, crm(stage="prospect"), event="created").writes


@pytest.mark.proves("CUST-8")
def test_one_of_the_crm_that_a_transfer_makes_is_marked_there_where_that_was_asked_for() -> None:
    of, told = rules(mark={"kind": "field", "field": "kept"}), {"event": "created", "create": True}
    _, mark = decide(of, crm(kept=False), mark=True, **told).writes
    assert (mark.side, mark.verb, mark.id, mark.values, mark.before) == (
        "left",
        "update",
        "1",
        {"kept": True},
        {"kept": False},
    )
    assert mark.lines["mark"].code == r.MARKED
    for kept, said in ((True, True), (False, False), (False, None)):
        assert len(decide(of, crm(kept=kept), mark=said, **told).writes) == 1


@pytest.mark.proves("CUST-2", "CUST-8")
def test_tielines_own_mark_is_a_link_that_is_not_stopped() -> None:
    assert decide(rules(mark={"kind": "own"}), crm(), event="created").become == "make"
    unmarked = decide(rules(mark={"kind": "own", "new": False}), crm(), event="created")
    assert (unmarked.writes, why(unmarked)) == ((), r.NOT_MARKED)
    assert decide(rules(), crm(), event="created", create=True, mark=False).become == "stop"
    assert decide(rules(), crm(), event="created", create=True, mark=True).become == "make"


@pytest.mark.proves("CUST-2")
def test_without_tielines_own_mark_on_new_ones_one_of_the_erp_is_made_and_not_kept_the_same() -> None:
    of, new = rules(mark={"kind": "own", "new": False}), {"by": "right", "event": "created"}
    made = decide(of, None, erp(), **new)
    assert ([one.verb for one in made.writes], made.become) == (["create"], "stop")
    for said in ({"mark": True}, {"create": True}):
        assert decide(of, None, erp(), **new, **said).become == "make"
    assert decide(rules(mark={"kind": "own"}), None, erp(), **new).become == "make"


@pytest.mark.proves("CUST-9")
def test_what_the_erp_asks_for_and_nobody_gives_keeps_it_here() -> None:
    settings = raw()
    settings["roles"][0]["right_values"] = {"group": {"id": "1", "label": "Danish customers"}}
    of = CUSTOMERS.of(CUSTOMERS.load(settings), rules().targets)
    decision = decide(of, crm(), event="created")
    assert (decision.writes, why(decision)) == ((), r.REQUIRED)
    assert decision.reason is not None
    assert decision.reason.params == {"side": "right", "fields": ["currency", "terms", "vat_zone"]}


@pytest.mark.proves("CUST-9")
def test_a_field_of_the_vendors_own_that_a_new_record_must_have() -> None:
    target = replace(
        ERP, required={"account": {"": ("name", "Industry")}}, choices={("account", "=Industry"): (("7", "Bakeries"),)}
    )
    of = CUSTOMERS.of(CUSTOMERS.load(CUSTOMERS.defaults(CRM, target)), {"left": CRM, "right": target})
    assert decide(of, crm(), event="created").writes[0].values["=Industry"] == "7"
    settings = CUSTOMERS.defaults(CRM, target)
    settings["roles"][0]["right_values"] = {"Industry": "8"}  # as a page may write it
    of = CUSTOMERS.of(CUSTOMERS.load(settings), {"left": CRM, "right": target})
    assert decide(of, crm(), event="created").writes[0].values["=Industry"] == "8"
    settings["roles"][0]["right_values"] = {}
    decision = decide(CUSTOMERS.of(CUSTOMERS.load(settings), {"left": CRM, "right": target}), crm(), event="created")
    assert (decision.reason and decision.reason.params) == {"side": "right", "fields": ["=Industry"]}


# -- the first match -------------------------------------------------------------------------------------------------------


@pytest.mark.proves("CUST-9")
def test_one_that_is_there_already_is_linked_and_made_the_same() -> None:
    decision = decide(
        rules(), crm(city="Aarhus", phone="86123456"), found=[erp(email="info@nordlys.dk")], event="created"
    )
    assert (decision.become, decision.status) == ("make", "differs")
    assert decision.matched is not None
    assert decision.matched.record.id == "9"
    assert writes(decision) == [
        ("left", "update", {"email": "info@nordlys.dk"}),
        ("right", "update", {"city": "Aarhus", "phone": "86123456"}),
    ]
    assert all(one.reason.code == r.MATCHED for one in decision.writes)
    assert [one.before for one in decision.writes] == [{"email": None}, {"city": None, "phone": None}]


@pytest.mark.proves("CUST-9")
def test_several_or_unsure_are_asked() -> None:
    several = decide(rules(), crm(), found=[erp("8"), erp("9")], event="created")
    assert (several.status, several.become, several.writes) == ("candidates", "none", ())
    assert several.asks is not None
    assert several.asks.code == r.AMBIGUOUS
    assert len(several.candidates) == 2
    by_name = decide(rules(), crm(registration_number=None), found=[erp(registration_number=None)], event="created")
    assert by_name.asks is not None
    assert by_name.asks.code == r.UNSURE
    silent = decide(rules(crm_new="by_hand"), crm(), found=[erp("8"), erp("9")])
    assert (silent.status, silent.asks, why(silent)) == ("candidates", None, r.BY_HAND)  # nobody is asked for nothing


@pytest.mark.proves("CUST-9")
def test_what_a_person_says_of_candidates() -> None:
    found = [erp("8"), erp("9")]
    chosen = decide(rules(), crm(), found=found, partner="8")
    assert (chosen.become, chosen.matched and chosen.matched.record.id) == ("make", "8")
    none = decide(rules(), crm(), found=found, partner="", create=True)
    assert writes(none)[0][:2] == ("right", "create")
    assert not decide(rules(), crm(), found=found, partner="", event="changed").writes
    gone = decide(rules(), crm(), found=found, partner="77")
    assert (gone.writes, why(gone)) == ((), r.REFUSED_PARTNER)


def test_two_records_that_a_person_links() -> None:
    of = rules()
    decision = decide(of, crm(name="Nordlys"), erp(name="Helt anden"), partner="9")
    assert (decision.become, [one.line for one in decision.conflicts]) == ("make", ["name"])
    from_erp = decide(of, crm(), erp(), partner="1", by="right")
    assert (from_erp.become, from_erp.status) == ("make", "same")


def test_one_that_is_linked_already_is_never_taken() -> None:
    decision = decide(rules(), crm(), found=[erp()], event="created", taken={"9"})
    assert decision.status == "candidates"
    assert decision.asks is not None


# -- contact persons ---------------------------------------------------------------------------------------------------------


@pytest.mark.proves("CUST-1")
def test_contact_persons_come_after_their_customer_and_go_along_with_it() -> None:
    of = rules(crm_new="when_active", active=ACTIVE)
    assert of.roles == ("account", "contact")
    waiting = decide(of, person(parent=Joined(side="left", id="1")), role="contact")
    assert (waiting.writes, why(waiting)) == ((), r.PARENT)
    assert waiting.waits_for == Joined(side="left", id="1")
    made = decide(of, person(), role="contact")
    assert writes(made) == [("right", "create", {"name": "Anna Holm", "account": Joined("k1")})]
    alone = Record("contact", "6", {**person().fields, "account": None})
    assert why(decide(of, alone, role="contact")) == r.NO_PARENT
    assert decide(
        of, None, alone, role="contact", by="right", event="created"
    ).writes  # the CRM takes one without a customer


@pytest.mark.proves("CUST-2")
def test_contact_persons_of_a_customer_that_is_not_kept_the_same_stay() -> None:
    of = rules(mark={"kind": "field", "field": "kept"})
    assert of.parent_fields("contact") == ("kept",)
    assert of.parent_fields("account") == ()
    assert why(decide(of, person(), role="contact", parent=crm(kept=False))) == r.NOT_MARKED
    assert decide(of, person(), role="contact", parent=crm(kept=True)).writes
    assert why(decide(of, None, person(), role="contact", by="right", parent=crm(kept=False))) == r.NOT_MARKED
    linked = decide(
        of, person(name="Ann"), person("6"), link(person(), person("6")), role="contact", parent=crm(kept=False)
    )
    assert (linked.status, why(linked), linked.writes) == ("not_marked", r.NOT_MARKED, ())
    stopped = decide(rules(), person(), role="contact", parent_stopped=True)
    assert (stopped.status, why(stopped)) == ("not_marked", r.STOPPED)
    assert decide(rules(), person(), role="contact", parent_stopped=True, create=True).writes


def test_a_role_that_is_off_moves_nothing() -> None:
    settings = raw()
    settings["roles"][1]["on"] = False
    of = CUSTOMERS.of(CUSTOMERS.load(settings))
    assert of.roles == ("account",)
    decision = decide(of, person(), role="contact", event="created")
    assert (decision.status, why(decision)) == ("not_set_up", r.ROLE_OFF)


@pytest.mark.proves("CUST-5", "CUST-15")
def test_a_look_writes_nothing() -> None:
    of = rules()
    for decision in (
        decide(of, crm(), event="look"),
        decide(of, crm(), found=[erp()], event="look"),
        decide(of, None, erp(), event="look", by="right"),
    ):
        assert (decision.writes, decision.become) == ((), "none")
    assert decide(of, crm(), event="look").status == "missing"


def test_who_may_be_the_same_is_asked_of_one_that_was_there_before_too() -> None:
    """A transfer asks; the next feed names the record again, as one that is not new, and the question must stay."""
    alike = [crm("1", registration_number=None), crm("2", registration_number=None)]
    for event in ("created", "changed"):
        decision = decide(rules(), None, erp(registration_number=None), found=alike, event=event, by="right")
        assert (decision.status, decision.asks is not None) == ("candidates", True)
    assert decide(rules(erp_created=False), None, erp(registration_number=None), found=alike, by="right").asks is None
