"""Accounts, leads and contacts: which are made, which match, whom several matches mean (CALL-9 … 12, 15, 17, 22)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.desk import (
    ALL,
    BELLA,
    DUVAL,
    MARIE,
    STRANGER,
    STRANGER_TEXT,
    applied,
    call,
    decided,
    settings,
    without,
)
from tieline.core.plan import Find, Own
from tieline.core.record import Local, Ref

# -- a stranger ----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("CALL-1", "CALL-4", "CALL-18")
def test_a_stranger_misses_us_with_the_defaults() -> None:
    got = decided(call())
    assert got.slots == ["lead", "task", "call"]
    assert got.values("lead") == {
        "name": STRANGER_TEXT, "company": STRANGER_TEXT, "phone": STRANGER, "owner": "anna",
    }  # fmt: skip
    assert got.values("task") == {
        "name": f"Missed call {STRANGER_TEXT}",
        "description": (
            f"The call did not take place.\n{STRANGER_TEXT} called on 2026-11-20 at 10:00 and reached nobody.\n"
            "Line: Front (+45 70 10 04 11)"
        ),
        "due": "2026-11-21",
        "owner": "anna",
        "lead": Local("lead"),
    }
    assert got.values("call") == {
        "name": f"Missed call from {STRANGER_TEXT}",
        "direction": "inbound",
        "outcome": "missed",
        "started_at": "2026-11-20T09:00:00Z",
        "duration_s": 0,
        "external_number": STRANGER,
        "line_number": "+4570100411",
        "description": "Line: Front (+45 70 10 04 11)",
        "owner": "anna",
        "lead": Local("lead"),
    }
    assert got.made["lead"].match_keys == (("phone", STRANGER),)
    assert got.plan.notices == ()


@pytest.mark.proves("CALL-1", "CALL-10", "CALL-15")
def test_a_stranger_with_every_rule_on() -> None:
    got = decided(call(outcome="answered", talk_s=60), settings(**ALL))
    assert got.slots == ["account", "lead", "contact", "deal", "call"]
    assert got.values("contact")["account"] == Local("account")
    assert got.links("deal") == {"account": Local("account"), "contact": Local("contact")}
    assert got.links("call") == {"contact": Local("contact"), "account": Local("account")}
    assert got.made["deal"].match_keys == (("account", Local("account")), ("contact", Local("contact")))
    assert got.values("call")["duration_s"] == 60
    assert got.why("task.create") == "call.task.reached"


@pytest.mark.proves("CALL-1")
def test_an_outbound_call_makes_the_same() -> None:
    got = decided(call(outcome="no_answer", direction="outbound"), settings(**ALL))
    assert got.slots == ["account", "lead", "contact", "deal", "task", "call"]
    assert got.values("call")["name"] == f"Unanswered call to {STRANGER_TEXT}"
    assert got.values("call")["direction"] == "outbound"


# -- accounts, leads, contacts -------------------------------------------------------------------------------------------


@pytest.mark.proves("CALL-9")
@pytest.mark.parametrize(
    ("crm", "made", "why"),
    [
        ({}, True, "call.account.new"),
        ({"account": [DUVAL]}, False, "call.account.matches"),
        ({"contact": [{**MARIE, "account": "7"}]}, False, "call.account.of_contact"),
        ({"contact": [MARIE]}, True, "call.account.new"),
        ({"lead": [BELLA]}, True, "call.account.new"),
        ({"contact": [MARIE, {**MARIE, "id": "6", "account": "7"}]}, False, "call.account.of_contact"),
    ],
)
def test_an_account_only_where_none_can_be_associated(crm: dict[str, Any], made: bool, why: str) -> None:
    got = decided(call(), settings(account={"create": True}), crm)
    assert ("account" in got.made, got.why("account.create")) == (made, why)


@pytest.mark.proves("CALL-9", "CALL-15")
def test_a_contact_without_account_is_linked_to_the_new_one() -> None:
    got = decided(call(), settings(account={"create": True}), {"contact": [MARIE]})
    link = got.made["contact.link"]
    assert (link.verb, link.role, link.target, link.values) == (
        "update", "contact", Ref("contact", "5"), {"account": Local("account")},
    )  # fmt: skip
    assert link.before == {"account": None}
    assert got.slots.index("account") < got.slots.index("contact.link")
    assert got.links("call") == {"contact": Ref("contact", "5"), "account": Local("account")}


@pytest.mark.proves("CALL-9", "CALL-15")
def test_a_contact_is_not_linked_to_an_account_that_was_there_nor_where_there_is_no_room() -> None:
    there = decided(call(), settings(account={"create": True}), {"contact": [MARIE], "account": [DUVAL]})
    assert "contact.link" not in there.made
    no_room = decided(call(), settings(account={"create": True}), {"contact": [MARIE]}, without("contact", "account"))
    assert ("contact.link" not in no_room.made, no_room.why("contact.link")) == (True, "call.link_missing")


@pytest.mark.proves("CALL-10")
@pytest.mark.parametrize(
    ("crm", "made"),
    [
        ({}, True),
        ({"account": [DUVAL]}, False),
        ({"lead": [BELLA]}, False),
        ({"contact": [MARIE]}, False),
        ({"contact": [{**MARIE, "phone": "+4531100009"}]}, True),
    ],
)
def test_a_lead_only_for_who_is_unknown(crm: dict[str, Any], made: bool) -> None:
    got = decided(call(), crm=crm)
    assert ("lead" in got.made) == made
    assert got.why("lead.create") == ("call.lead.new" if made else "call.lead.match")


@pytest.mark.proves("CALL-10")
def test_a_lead_is_judged_before_the_calls_own_creations_also_when_taken_up_again() -> None:
    every = settings(**ALL)
    first = decided(call(), every)
    records, own = applied(first.plan)
    # the account was written, then the server died: its own account does not make the stranger known
    again = decided(call(), every, records[:1], own={"account": own["account"]})
    assert again.slots == ["lead", "contact", "deal", "task", "call"]
    assert again.values("contact")["account"] == own["account"].ref
    assert again.why("account.create") == "call.made_before"


def test_an_id_says_nothing_without_its_role() -> None:
    """Some CRMs number each kind from 1: the contact 5 is not the account 5 that the call made."""
    own = {"account": Own("account", Ref("account", "5"), {"owner": "anna"})}
    got = decided(call(), settings(**ALL), {"contact": [MARIE]}, own=own)
    assert (got.slots, got.why("contact.create")) == (["contact.link", "deal", "task", "call"], "call.contact.matches")


@pytest.mark.proves("CALL-11")
def test_the_status_of_new_leads() -> None:
    assert "status" not in decided(call()).values("lead")
    assert decided(call(), settings(lead={"status": {"id": "tried"}})).values("lead")["status"] == "tried"


@pytest.mark.proves("CALL-12")
@pytest.mark.parametrize(
    ("crm", "made"),
    [({}, True), ({"account": [DUVAL]}, True), ({"lead": [BELLA]}, True), ({"contact": [MARIE]}, False)],
)
def test_a_contact_only_where_none_matches(crm: dict[str, Any], made: bool) -> None:
    got = decided(call(), settings(contact={"create": True}), crm)
    assert ("contact" in got.made) == made
    if "account" in crm:
        assert got.values("contact")["account"] == Ref("account", "7")


@pytest.mark.proves("CALL-17")
def test_a_converted_lead_counts_as_its_contact() -> None:
    crm = {"lead": [{**BELLA, "converted_contact": "5"}], "contact": [{**MARIE, "phone": "", "account": "7"}]}
    got = decided(call(), settings(**ALL), crm)
    assert got.slots == ["deal", "task", "call"]
    assert got.links("call") == {"contact": Ref("contact", "5"), "account": Ref("account", "7")}
    assert Find("contact", "id", "5") in got.known.found


def test_a_planned_record_is_one_like_any_other() -> None:
    crm = {"contact": [{**MARIE, "id": "~k1", "account": "~k0"}], "deal": [{"id": "~k2", "account": "~k0"}]}
    got = decided(call(), settings(**ALL), crm)
    assert got.slots == ["task", "call"]
    assert got.links("call") == {"contact": Ref("contact", "~k1"), "account": Ref("account", "~k0")}


# -- several matches -----------------------------------------------------------------------------------------------------

SECOND = {**MARIE, "id": "6", "name": "Gianni"}


@pytest.mark.proves("CALL-17")
@pytest.mark.parametrize(
    ("crm", "links"),
    [
        ({"contact": [MARIE], "account": [DUVAL], "lead": [BELLA]}, {"contact": "5", "account": "7"}),
        ({"account": [DUVAL], "lead": [BELLA]}, {"account": "7"}),
        ({"lead": [BELLA, {**BELLA, "id": "8"}]}, {"lead": "8"}),
        ({"contact": [SECOND, MARIE]}, {"contact": "5"}),
        ({"contact": [MARIE, SECOND], "deal": [{"id": "1", "contact": "6", "stage_kind": "open"}]}, {"contact": "6"}),
        ({"contact": [MARIE, SECOND], "deal": [{"id": "1", "contact": "6", "stage_kind": "lost"}]}, {"contact": "5"}),
        (
            {
                "contact": [
                    {**MARIE, "last_activity": "2026-01-01T00:00:00Z"},
                    {**SECOND, "last_activity": "2026-02-01T00:00:00+01:00"},
                ]
            },
            {"contact": "6"},
        ),
        (
            {
                "contact": [{**MARIE, "last_activity": "2026-03-01T00:00:00Z"}, SECOND],
                "deal": [{"id": "1", "contact": "6", "stage_kind": "open"}],
            },
            {"contact": "6"},
        ),
        ({"account": [DUVAL, {**DUVAL, "id": "8"}], "deal": [{"id": "1", "account": "8"}]}, {"account": "8"}),
        ({"contact": [{**MARIE, "id": "10"}, {**MARIE, "id": "9"}]}, {"contact": "9"}),
    ],
)
def test_several_matches_in_the_set_order(crm: dict[str, Any], links: dict[str, str]) -> None:
    got = decided(call(), crm=crm)
    assert got.slots == ["task", "call"]
    assert {name: ref.id for name, ref in got.links("call").items()} == links
    assert got.links("task") == got.links("call")


ASK = {"several": {"decide": "inbox"}}


@pytest.mark.proves("CALL-17")
def test_several_matches_ask_a_person_who_is_obeyed() -> None:
    crm = {"contact": [MARIE, SECOND], "lead": [BELLA]}
    asked = decided(call(), settings(**ASK), crm)
    assert asked.plan.operations == ()
    [question] = asked.plan.questions
    assert (question.kind, question.topic) == ("several", STRANGER)
    assert [(one.role, one.id) for one in question.options] == [("contact", "5"), ("contact", "6"), ("lead", "9")]
    for answer, links in [
        ({"role": "contact", "id": "6"}, {"contact": Ref("contact", "6")}),
        ("lead:9", {"lead": Ref("lead", "9")}),
        ("5", {"contact": Ref("contact", "5")}),
        ("none", {"lead": Local("lead")}),
    ]:
        got = decided(call(), settings(**ASK), crm, answers={"several": answer})
        assert got.plan.questions == ()
        assert got.links("call") == links
    gone = decided(call(), settings(**ASK), crm, answers={"several": "contact:77"})
    assert len(gone.plan.questions) == 1


@pytest.mark.proves("CALL-17")
def test_a_contact_and_its_own_account_are_not_several() -> None:
    crm = {"contact": [{**MARIE, "account": "7"}], "account": [DUVAL]}
    assert decided(call(), settings(**ASK), crm).plan.questions == ()
    assert len(decided(call(), settings(**ASK), {"contact": [MARIE], "account": [DUVAL]}).plan.questions) == 1
