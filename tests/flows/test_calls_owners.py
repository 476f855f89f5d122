"""Whose record it becomes, and which lines are left out (CALL-6, 7, 8)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.desk import (
    ALL,
    BELLA,
    DUVAL,
    MARIE,
    USERS,
    call,
    decided,
    settings,
)

# -- lines and owners ----------------------------------------------------------------------------------------------------


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


# -- left out ------------------------------------------------------------------------------------------------------------


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
