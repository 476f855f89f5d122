"""Events that come after a call was decided: its persons stay as they were decided."""

from __future__ import annotations

from tests.flows.desk import ALL, MARIE, call, decided, settings


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
