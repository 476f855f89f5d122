"""What a call becomes: each clause with its examples."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.desk import STRANGER, STRANGER_TEXT, TARGET, USERS, applied, call, decided, settings
from tieline.core.flow import Target
from tieline.core.plan import Find, Own
from tieline.core.record import Local, Ref
from tieline.flows.calls import FLOW
from tieline.flows.calls.explain import WHOLE

ALL: dict[str, Any] = {
    "account": {"create": True},
    "contact": {"create": True},
    "deal": {"when": "no_active"},
}
MARIE = {"id": "5", "name": "Marie Duval", "phone": "31 10 00 01", "owner": "bruno"}
DUVAL = {"id": "7", "name": "Duval SARL", "phone": "+45 31100001", "owner": "chloe"}
BELLA = {"id": "9", "name": "Bella", "phone": "0045 31100001", "owner": "bruno"}


def without(role: str, *fields: str, **limits: Any) -> Target:
    roles = {name: have - set(fields) if name == role else have for name, have in WHOLE.roles.items()}
    if not fields:
        del roles[role]
    return Target(roles=roles, limits=limits)


# -- a stranger --------------------------------------------------------------------------------------------------------


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


# -- lines and owners --------------------------------------------------------------------------------------------------


@pytest.mark.proves("CALL-6")
@pytest.mark.parametrize(
    ("line", "owner", "why", "notice"),
    [
        ("70100411", "anna", "call.owner.manager", None),
        ("+45 70 10 04 12", "bruno", "call.owner.manager", None),
        ("70100420", "emma", "call.owner.no_manager", None),
        ("70100499", "emma", "call.owner.unknown_line", "+4570100499"),
        ("299", "emma", "call.owner.unknown_line", "299"),
        (None, "emma", "call.owner.no_line", None),
    ],
)
def test_the_manager_of_the_line(line: str | None, owner: str, why: str, notice: str | None) -> None:
    got = decided(call(line=line))
    assert (got.owner("lead"), got.owner("task"), got.owner("call")) == (owner, owner, owner)
    assert got.why("lead.owner") == why
    assert [(one.kind, one.topic) for one in got.plan.notices] == ([("unknown_line", notice)] if notice else [])


@pytest.mark.proves("CALL-6")
def test_the_line_dialled_counts_not_the_phone_that_answered() -> None:
    subject = call(outcome="answered", agent_number="70100412")
    assert decided(subject).owner("call") == "anna"


@pytest.mark.proves("CALL-8")
def test_an_inactive_manager_gives_way_to_the_default_user() -> None:
    got = decided(call(line="70100414"))
    assert (got.owner("lead"), got.why("lead.owner")) == ("emma", "call.owner.inactive")
    gone = decided(call(), users={"emma": USERS["emma"]})
    assert (gone.owner("lead"), gone.why("lead.owner")) == ("emma", "call.owner.inactive")


def test_nobody_where_even_the_default_user_is_gone() -> None:
    got = decided(call(line="70100420"), users={"anna": USERS["anna"]})
    assert "owner" not in got.values("lead")
    assert got.why("lead.owner") == "call.owner.nobody"
    without_default = decided(call(line="70100420"), settings(default_user=None))
    assert without_default.why("lead.owner") == "call.owner.nobody"


OWNERS = [
    ("manager", "anna", "call.owner.manager"),
    ("default", "emma", "call.owner.default"),
    ("user", "chloe", "call.owner.user"),
]


@pytest.mark.proves("CALL-8")
@pytest.mark.parametrize("role", ["account", "lead", "contact", "deal", "task", "call"])
@pytest.mark.parametrize(("kind", "owner", "why"), OWNERS)
def test_owner_sources_of_each_record(role: str, kind: str, owner: str, why: str) -> None:
    raw = {**ALL, role: {**ALL.get(role, {}), "owner": {"kind": kind, "user": {"id": "chloe", "label": "Chloé"}}}}
    got = decided(call(), settings(**raw))
    assert (got.owner(role), got.why(f"{role}.owner")) == (owner, why)


@pytest.mark.proves("CALL-8")
@pytest.mark.parametrize(
    ("source", "crm", "owner"),
    [
        ("account", {"account": [DUVAL]}, "chloe"),
        ("account", {"contact": [{**MARIE, "account": "7"}], "account": [{**DUVAL, "phone": ""}]}, "chloe"),
        ("contact", {"contact": [MARIE]}, "bruno"),
        ("lead", {"lead": [BELLA]}, "bruno"),
        (
            "deal",
            {"account": [DUVAL], "deal": [{"id": "1", "account": "7", "owner": "anna", "stage_kind": "won"}]},
            "anna",
        ),
        ("deal", {"contact": [MARIE], "deal": [{"id": "1", "contact": "5", "owner": "chloe"}]}, "chloe"),
    ],
)
def test_the_owner_of_a_found_record(source: str, crm: dict[str, Any], owner: str) -> None:
    got = decided(
        call(line="70100420"), settings(task={"owner": {"kind": source}}, call={"owner": {"kind": source}}), crm
    )
    assert (got.owner("task"), got.owner("call")) == (owner, owner)
    assert (got.why("task.owner"), got.why("call.owner")) == ("call.owner.record", "call.owner.record")


@pytest.mark.proves("CALL-8")
@pytest.mark.parametrize("source", ["account", "lead", "contact", "deal"])
def test_an_owner_source_that_is_not_there(source: str) -> None:
    got = decided(call(), settings(lead={"create": False}, task={"owner": {"kind": source}}))
    assert (got.owner("task"), got.why("task.owner")) == ("emma", "call.owner.absent")


@pytest.mark.proves("CALL-8")
def test_an_inactive_owner_of_a_found_record() -> None:
    got = decided(call(), settings(task={"owner": {"kind": "contact"}}), {"contact": [{**MARIE, "owner": "felix"}]})
    assert (got.owner("task"), got.why("task.owner")) == ("emma", "call.owner.inactive")


@pytest.mark.proves("CALL-8")
def test_owners_cascade_through_what_the_same_call_makes() -> None:
    chain = settings(
        account={"create": True, "owner": {"kind": "user", "user": {"id": "chloe"}}},
        contact={"create": True, "owner": {"kind": "account"}},
        deal={"when": "always", "owner": {"kind": "contact"}},
        task={"owner": {"kind": "deal"}},
    )
    got = decided(call(), chain)
    assert [got.owner(slot) for slot in ("account", "contact", "deal", "task")] == ["chloe"] * 4
    assert got.why("task.owner") == "call.owner.same_call"


@pytest.mark.proves("CALL-8")
def test_the_found_record_counts_not_the_rule_that_would_have_made_it() -> None:
    ring = settings(
        account={"create": True, "owner": {"kind": "lead"}}, lead={"owner": {"kind": "account"}},
    )  # fmt: skip
    got = decided(call(), ring, {"lead": [BELLA]})
    assert (got.slots[0], got.owner("account")) == ("account", "bruno")


@pytest.mark.proves("CALL-24")
def test_owners_that_wait_for_each_other_choose_nobody() -> None:
    ring = settings(account={"create": True, "owner": {"kind": "lead"}}, lead={"owner": {"kind": "account"}})
    got = decided(call(), ring)
    assert (got.why("account.create"), got.why("lead.create")) == ("call.owner.cycle", "call.owner.cycle")
    assert got.slots == ["task", "call"]


# -- left out ----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("CALL-7")
@pytest.mark.parametrize("direction", ["inbound", "outbound"])
@pytest.mark.parametrize("outcome", ["missed", "answered"])
def test_a_line_left_out_of_the_crm(direction: str, outcome: str) -> None:
    subject = call(line="70100419", outcome=outcome, direction=direction)
    got = decided(subject, settings(**ALL))
    assert (got.plan.operations, got.plan.notices, got.plan.questions, dict(got.known.found)) == ((), (), (), {})
    assert set(got.reasons.values()) == {"call.ignored_line"}


@pytest.mark.proves("CALL-7")
def test_a_line_left_out_that_is_only_one_leg() -> None:
    leg = {
        "call_key": "c1",
        "type": "leg_ringing",
        "occurred_at": "2026-11-20T09:00:10Z",
        "agent_number": "+4570100419",
    }
    got = decided(call("+4531100001", "70100411", "missed", leg), settings(**ALL))
    assert (got.plan.operations, dict(got.known.found)) == ((), {})


def test_a_call_between_colleagues_is_no_business_of_the_crm() -> None:
    got = decided(call(direction="internal"), settings(**ALL))
    assert (got.plan.operations, set(got.reasons.values()), dict(got.known.found)) == ((), {"call.internal"}, {})


@pytest.mark.proves("CALL-22")
@pytest.mark.parametrize(
    ("external", "kind"),
    [
        ("anonymous", "withheld"), ("266696687", "withheld"), ("0", "withheld"), ("", "empty"), (None, "empty"),
        ("112", "short"), ("102", "internal"), ("12345678901234567890", "invalid"), ("70100412", "own_line"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("deal", ["always", "none"])
def test_what_is_no_number_of_a_person_is_logged_and_gets_its_task(external: str | None, kind: str, deal: str) -> None:
    got = decided(
        call(external), settings(**{**ALL, "deal": {"when": deal}}), {"contact": [{**MARIE, "phone": external}]}
    )
    assert got.slots == ["task", "call"]
    assert got.links("task") == got.links("call") == {}
    assert dict(got.known.found) == {}
    for role in ("account", "lead", "contact", "deal"):
        [reason] = [one.reason for one in got.plan.considered if one.rule == f"{role}.create"]
        assert (reason.code, reason.params) == ("call.no_person", {"kind": kind})


# -- accounts, leads, contacts -----------------------------------------------------------------------------------------


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


# -- several matches ---------------------------------------------------------------------------------------------------

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


# -- deals -------------------------------------------------------------------------------------------------------------


def deal(kind: str | None, created: str | None = "2026-03-03T10:00:00Z", id: str = "1", **links: str) -> dict[str, Any]:
    return {"id": id, "name": "Roof", "stage_kind": kind, "created_at": created, **(links or {"account": "7"})}


@pytest.mark.proves("CALL-13")
@pytest.mark.parametrize(
    ("deals", "none", "no_active"),
    [
        ([], True, True),
        ([deal("open")], False, False),
        ([deal("won")], False, True),
        ([deal("lost")], False, True),
        ([deal("won"), deal("open", id="2")], False, False),
        ([deal("open", "2025-11-20T09:00:01Z")], False, False),
        ([deal("open", "2025-11-20T09:00:00Z")], False, True),
        ([deal("open", "2025-11-20T10:00:00+01:00")], False, True),
        ([deal("open", "2024-01-01T00:00:00Z")], False, True),
        ([deal("open", None)], False, False),
        ([deal(None)], False, False),
        ([deal("open", contact="5", account="8")], True, True),
    ],
)
def test_deals_by_what_is_there(deals: list[dict[str, Any]], none: bool, no_active: bool) -> None:
    crm = {"contact": [{**MARIE, "account": "7"}], "deal": deals}
    for when, made in [("never", False), ("always", True), ("none", none), ("no_active", no_active)]:
        got = decided(call(), settings(deal={"when": when}), crm)
        assert ("deal" in got.made) == made, when
        if made:
            assert got.links("deal") == {"account": Ref("account", "7"), "contact": Ref("contact", "5")}


@pytest.mark.proves("CALL-13")
@pytest.mark.parametrize("kind", ["open", "won"])
def test_deals_of_the_contact_count_only_where_there_is_no_account(kind: str) -> None:
    crm = {"contact": [MARIE], "deal": [deal(kind, contact="5")]}
    assert ("deal" in decided(call(), settings(deal={"when": "no_active"}), crm).made) == (kind == "won")
    both = {"contact": [MARIE], "account": [DUVAL], "deal": [deal(kind, contact="5")]}
    assert "deal" in decided(call(), settings(deal={"when": "no_active"}), both).made


@pytest.mark.proves("CALL-13")
@pytest.mark.parametrize(
    ("called", "created", "active"),
    [
        ("2024-02-29T11:00:00Z", "2023-02-28T11:00:01Z", True),
        ("2024-02-29T11:00:00Z", "2023-02-28T11:00:00Z", False),
        # the clock of Copenhagen: summer time began between the two
        ("2026-03-29T12:00:00Z", "2025-03-29T13:00:01Z", True),
        ("2026-03-29T12:00:00Z", "2025-03-29T12:59:00Z", False),
    ],
)
def test_a_calendar_year_ago_by_the_workspaces_clock(called: str, created: str, active: bool) -> None:
    crm = {"account": [DUVAL], "deal": [deal("open", created)]}
    got = decided(call(at=called), settings(deal={"when": "no_active"}), crm)
    assert ("deal" not in got.made) == active


def place(layout: str, pipeline: str, stage: str) -> dict[str, Any]:
    return {"layout": {"id": layout}, "pipeline": {"id": pipeline}, "stage": {"id": stage}}


@pytest.mark.proves("CALL-14")
def test_where_a_deal_stands() -> None:
    one = settings(deal={"when": "always", "place": place("big", "tenders", "propose"), "values": {"Reason": "call"}})
    got = decided(call(), one).values("deal")
    assert {name: got[name] for name in ("layout", "pipeline", "stage", "=Reason")} == {
        "layout": "big", "pipeline": "tenders", "stage": "propose", "=Reason": "call",
    }  # fmt: skip
    insisted = decided(call(), settings(deal={"when": "always"})).values("deal")
    assert (insisted["layout"], insisted["pipeline"], insisted["stage"]) == ("standard", "sales", "qualify")
    assert insisted["closing_date"] == "2026-12-20"
    left_alone = decided(call(), settings(deal={"when": "always"}), target=WHOLE).values("deal")
    assert not {"layout", "pipeline", "stage", "closing_date"} & left_alone.keys()


@pytest.mark.proves("CALL-14")
@pytest.mark.parametrize(
    ("line", "stage"), [("70100411", "won"), ("70100412", "lost"), ("70100420", "lost"), ("70100499", "lost")]
)
def test_a_place_per_manager(line: str, stage: str) -> None:
    places = {"anna": place("standard", "sales", "won"), "emma": place("standard", "sales", "lost")}
    got = decided(call(line=line), settings(deal={"when": "always", "per_manager": True, "places": places}))
    assert got.values("deal")["stage"] == stage
    only = {"anna": places["anna"]}
    missing = decided(call(line=line), settings(deal={"when": "always", "per_manager": True, "places": only}))
    kinds = [one.kind for one in missing.plan.notices]
    assert ("deal_place_missing" in kinds) == (line != "70100411")
    assert missing.values("deal")["stage"] == ("won" if line == "70100411" else "qualify")


@pytest.mark.proves("CALL-15")
def test_a_link_that_the_crm_cannot_hold_is_left_out() -> None:
    got = decided(call(), settings(**ALL), target=without("deal", "contact"))
    assert got.links("deal") == {"account": Local("account")}
    assert got.made["deal"].match_keys == (("account", Local("account")),)


# -- names and values --------------------------------------------------------------------------------------------------


@pytest.mark.proves("CALL-16")
def test_names_and_further_values() -> None:
    using = settings(
        lead={
            "name": "{direction} {number} {line} {date}", "layout": {"id": "trade"},
            "values": {"Industry": "Roofing", "=Source": "phone", "company": "Nobody yet"},
        },
        language="fr",
    )  # fmt: skip
    assert decided(call(), using).values("lead") == {
        "name": f"Appel manqué {STRANGER_TEXT} Front 20/11/2026",
        "phone": STRANGER,
        "layout": "trade",
        "owner": "anna",
        "=Industry": "Roofing",
        "=Source": "phone",
        "company": "Nobody yet",
    }


# -- tasks -------------------------------------------------------------------------------------------------------------


@pytest.mark.proves("CALL-18")
@pytest.mark.parametrize(
    ("direction", "outcome", "made", "why"),
    [
        ("inbound", "answered", False, "call.task.reached"),
        ("inbound", "unknown", False, "call.task.result_unknown"),
        *(
            ("inbound", one, True, "call.task.unreached")
            for one in ("missed", "busy", "no_answer", "canceled", "failed", "voicemail")
        ),
        ("outbound", "answered", False, "call.task.reached"),
        *(
            ("outbound", one, True, "call.task.unreached")
            for one in ("busy", "no_answer", "canceled", "failed", "rejected")
        ),
    ],
)
def test_a_task_for_each_call_that_reached_nobody(direction: str, outcome: str, made: bool, why: str) -> None:
    got = decided(call(direction=direction, outcome=outcome))
    assert ("task" in got.made, got.why("task.create")) == (made, why)
    if made:
        assert got.values("task")["description"].startswith("The call did not take place.")
    off = decided(call(direction=direction, outcome=outcome), settings(task={"create": False}))
    assert ("task" in off.made, off.why("task.create")) == (False, "call.rule_off")


@pytest.mark.proves("CALL-18")
@pytest.mark.parametrize(("days", "due"), [(0, "2026-11-21"), (2, "2026-11-23")])
def test_a_task_is_due_by_the_workspaces_calendar(days: int, due: str) -> None:
    got = decided(call(at="2026-11-20T23:30:00Z"), settings(task={"due_days": days}))
    assert got.values("task")["due"] == due


# -- call records ------------------------------------------------------------------------------------------------------


@pytest.mark.proves("CALL-20")
@pytest.mark.parametrize(
    ("log", "direction", "made"),
    [
        ("all", "inbound", True), ("all", "outbound", True), ("inbound", "inbound", True), ("inbound", "outbound", False),
        ("outbound", "outbound", True), ("outbound", "inbound", False), ("none", "inbound", False),
    ],
)  # fmt: skip
def test_what_is_logged(log: str, direction: str, made: bool) -> None:
    got = decided(call(direction=direction, outcome="answered"), settings(call={"log": log}))
    assert ("call" in got.made, got.why("call.log")) == (made, "call.log.on" if made else "call.log.off")
    assert "lead" in got.made


@pytest.mark.proves("CALL-20")
def test_nothing_is_looked_up_that_no_rule_needs() -> None:
    off = settings(call={"log": "none"}, lead={"create": False})
    assert FLOW.lookups(call(outcome="answered"), decided(call()).known, off) == ()
    assert dict(decided(call(outcome="answered"), off).known.found) == {}
    assert len(decided(call(outcome="missed"), off).known.found) == 3
    other = settings(call={"log": "outbound"}, lead={"create": False})
    assert dict(decided(call(outcome="answered"), other).known.found) == {}
    plain = decided(call(), crm={"contact": [{**MARIE, "account": "7"}], "account": [DUVAL]})
    assert {(find.role, find.by) for find in plain.known.found} == {
        (role, "phone") for role in ("contact", "lead", "account")
    }


URL, URL2, URL3 = (f"https://phone.example/{name}.mp3" for name in ("a", "b", "c"))


def recording(url: str, at: str = "2026-11-20T09:05:00Z") -> dict[str, Any]:
    return {"call_key": "c1", "type": "recording_ready", "occurred_at": at, "recording_url": url}


@pytest.mark.proves("CALL-20")
def test_recordings_as_link_copy_or_not_at_all() -> None:
    subject = call(STRANGER, "70100411", "answered", recording(URL2), recording(URL, "2026-11-20T09:04:00Z"))
    link = decided(subject)
    assert (link.values("call")["recording_url"], link.slots) == (URL, ["lead", "call"])
    assert f"Recording: {URL2}" in link.values("call")["description"]
    copy = decided(subject, settings(call={"recording": "copy"}))
    assert copy.slots == ["lead", "call", "call.recording", "call.recording.2"]
    first = copy.made["call.recording"]
    assert (first.verb, first.role, first.target) == ("attach", "call", Local("call"))
    assert first.values == {"name": "Recording 2026-11-20 10.00", "url": URL, "source": "c1"}
    assert "recording_url" not in copy.values("call")
    none = decided(subject, settings(call={"recording": "none"}))
    assert "recording_url" not in none.values("call")
    assert URL2 not in none.values("call")["description"]
    cannot = decided(
        subject, settings(call={"recording": "copy"}), target=Target(roles=WHOLE.roles, limits={"call_attach": False})
    )
    assert (cannot.slots, cannot.why("call.recording")) == (["lead", "call"], "call.recording.unsupported")


@pytest.mark.proves("CALL-19")
def test_a_recording_that_comes_later_joins_the_call_record() -> None:
    records, own = applied(decided(call(outcome="answered"), settings(**ALL)).plan)
    later = call(STRANGER, "70100411", "answered", recording(URL))
    again = decided(later, settings(**ALL), records, own=own)
    assert again.slots == ["call.update"]
    update = again.made["call.update"]
    assert (update.verb, update.target, update.values) == ("update", own["call"].ref, {"recording_url": URL})
    assert update.before == {"recording_url": None}
    assert dict(again.known.found) == {}
    for role in ("account", "lead", "contact", "deal"):
        assert again.why(f"{role}.create") == "call.made_before"


@pytest.mark.proves("CALL-19")
def test_recordings_copied_later_take_slots_of_their_own() -> None:
    copying = settings(call={"recording": "copy"})
    records, own = applied(decided(call(STRANGER, "70100411", "answered", recording(URL2)), copying).plan)
    later = call(
        STRANGER, "70100411", "answered", recording(URL2), recording(URL, "2026-11-20T09:01:00Z"), recording(URL3)
    )
    again = decided(later, copying, records, own=own)
    assert [(one.slot, one.values["url"]) for one in again.plan.operations] == [
        ("call.recording.2", URL), ("call.recording.3", URL3),
    ]  # fmt: skip
    assert again.made["call.recording.2"].target == own["call"].ref


@pytest.mark.proves("CALL-19")
def test_nothing_new_means_nothing_is_written() -> None:
    records, own = applied(decided(call(), settings(**ALL)).plan)
    again = decided(call(), settings(**ALL), records, own=own)
    assert (again.plan.operations, again.why("call.log")) == ((), "call.log.same")


@pytest.mark.proves("CALL-19", "CALL-18")
def test_an_end_that_comes_after_all_corrects_the_record_and_gets_its_task() -> None:
    facts = [
        {"call_key": "c1", "type": "ringing", "occurred_at": "2026-11-20T09:00:00Z", "direction": "inbound",
         "external_number": STRANGER, "line_number": "70100411"},
    ]  # fmt: skip
    over = FLOW.expire(FLOW.fold(None, facts, settings()).subject, settings())
    first = decided(over.subject)
    assert first.slots == ["lead", "call"]
    assert first.values("call")["outcome"] == "unknown"
    records, own = applied(first.plan)
    end = {"call_key": "c1", "type": "ended", "occurred_at": "2026-11-20T09:00:30Z", "outcome": "missed", "final": True}
    late = FLOW.fold(over.subject, [end], settings())
    assert (late.ready, late.changed) == (True, True)
    # meanwhile somebody made a contact of that number: the task still hangs where the call does
    again = decided(late.subject, None, [*records, *decided_records(MARIE)], own=own)
    assert again.slots == ["task", "call.update"]
    assert again.links("task") == {"lead": own["lead"].ref}
    assert again.values("call.update") == {
        "outcome": "missed", "duration_s": 0, "name": f"Missed call from {STRANGER_TEXT}",
        "description": "Line: Front (+45 70 10 04 11)",
    }  # fmt: skip


def decided_records(*contacts: dict[str, Any]) -> Any:
    from tieline.flows.calls.explain import records_of

    return records_of({"contact": contacts})


@pytest.mark.proves("CALL-18", "CALL-19")
def test_a_task_stays_when_the_call_turns_out_answered() -> None:
    records, own = applied(decided(call()).plan)
    answered = call(outcome="answered", talk_s=12)
    again = decided(answered, None, records, own=own)
    assert again.slots == ["call.update"]
    assert again.values("call.update")["outcome"] == "answered"


# -- targets -----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("CALL-15")
def test_a_call_that_must_hang_on_something() -> None:
    needs_parent = Target(roles=WHOLE.roles, limits={"call_needs_parent": True})
    assert "call" in decided(call(), target=needs_parent).made
    alone = decided(call("anonymous"), target=needs_parent)
    assert (alone.slots, alone.why("call.log")) == (["task"], "call.log.no_parent")
    nobody = decided(call(), settings(lead={"create": False}), target=needs_parent)
    assert nobody.why("call.log") == "call.log.no_parent"


@pytest.mark.proves("CALL-1")
@pytest.mark.parametrize("role", ["account", "lead", "contact", "deal", "task", "call"])
def test_a_role_that_the_target_lacks_is_passed_over_with_the_reason(role: str) -> None:
    got = decided(call(), settings(**ALL), target=without(role))
    assert role not in got.made
    assert got.why("call.log" if role == "call" else f"{role}.create") == "call.role_missing"
    assert len(got.made) == 5


def test_a_crm_without_owners_gets_none() -> None:
    got = decided(call(), target=without("lead", "owner"))
    assert "owner" not in got.values("lead")
    assert "lead.owner" not in got.reasons


def test_every_rule_is_listed_with_its_first_failed_condition() -> None:
    for subject in (call(), call("anonymous"), call(line="70100419"), call(outcome="answered")):
        got = decided(subject, target=TARGET)
        for rule in (
            "call.log",
            "account.create",
            "lead.create",
            "contact.create",
            "contact.link",
            "deal.create",
            "task.create",
        ):
            assert rule in got.reasons
        assert len(got.reasons) == len(got.plan.considered)


@pytest.mark.proves("CALL-22")
@pytest.mark.parametrize(
    "stored", ["31100001", "+45 31 10 00 01", "0045 31100001", "31 10 00 01 / 20 12 34 56", "+45 (0)31100001"]
)
@pytest.mark.parametrize("called", ["31100001", "+4531100001", "sip:+4531100001@pbx.example"])
def test_numbers_match_in_any_format_on_either_side(stored: str, called: str) -> None:
    got = decided(call(called), crm={"contact": [{**MARIE, "phone": ["", stored]}]})
    assert got.links("call") == {"contact": Ref("contact", "5")}
