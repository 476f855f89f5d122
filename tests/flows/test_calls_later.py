"""Events that come after a call was decided: its persons stay as they were decided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.flows.desk import ALL, DUVAL, MARIE, TARGET, applied, call, decided, settings
from tieline.flows.calls import FLOW


def test_a_decided_call_makes_nobody_on_todays_crm_and_settings() -> None:
    """Neither logged nor tasked, there is no record that shows the call was decided."""
    using = settings(call={"log": "none"}, task={"create": False}, **ALL)
    assert set(decided(call(), using).slots) == {"account", "lead", "contact", "deal"}
    later = decided(call(), using, before=True)
    assert later.slots == []
    for role in ("account", "lead", "contact", "deal"):
        assert later.why(f"{role}.create") == "call.decided_before"


def test_a_task_of_a_decided_call_still_finds_whom_it_hangs_on() -> None:
    using = settings(call={"log": "none"}, task={"owner": {"kind": "contact"}})
    later = decided(call(), using, {"contact": [MARIE]}, before=True)
    assert later.slots == ["task"]
    assert later.links("task")["contact"].id == "5"
    assert later.owner("task") == "bruno"


def test_a_task_that_comes_later_takes_its_owner_from_whom_the_call_hangs_on() -> None:
    using = settings(task={"owner": {"kind": "contact"}})
    crm = {"contact": [MARIE]}
    _, own = applied(decided(call(outcome="answered"), using, crm).plan)
    later = decided(call(), using, crm, own=own)
    assert later.made["task"].values["contact"].id == "5"
    assert later.owner("task") == "bruno"


def test_a_leg_on_an_ignored_line_after_the_call_was_written_is_said() -> None:
    _, own = applied(decided(call()).plan)
    got = decided(call(line="70100419"), own=own).plan
    assert not got.operations
    assert [(one.kind, one.reason.code) for one in got.notices] == [("ignored_late", "call.ignored_late")]
    assert not decided(call(line="70100419")).plan.notices


def test_an_open_deal_of_the_account_counts_for_its_contact() -> None:
    other = MARIE | {"id": "6", "name": "Paul", "account": "7"}
    deal = {"id": "1", "name": "Roof", "stage_kind": "open", "account": "7"}
    got = decided(call(), crm={"contact": [MARIE, other], "account": [DUVAL], "deal": [deal]})
    assert got.links("task")["contact"].id == "6"


@pytest.mark.parametrize("value", [None, "", []])
def test_an_empty_value_is_none(value: object) -> None:
    using = settings(lead={"layout": {"id": "trade"}, "values": {"Industry": value}})
    assert "call.clash.required" in {one.reason.code for one in FLOW.check(using, TARGET)}


def test_further_values_are_among_the_choices_of_the_crm() -> None:
    choices = {**TARGET.choices, ("lead", "=Industry"): (("trade", "Trade"),)}
    target = replace(TARGET, choices=choices)
    for value, clashes in [("trade", False), ("Trades", True), (None, False)]:
        found = FLOW.check(settings(lead={"values": {"Industry": value}}), target)
        assert ("call.clash.choice" in {one.reason.code for one in found}) == clashes
