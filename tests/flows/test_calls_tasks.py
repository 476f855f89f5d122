"""One open task per caller: used again by the next call that reaches nobody, closed by the one that does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flows.desk import STRANGER, TARGET, Decided, call, decided, settings
from tieline.core.plan import Own
from tieline.core.record import Local, Record, Ref
from tieline.flows.calls import FLOW
from tieline.flows.calls.needs import needs

PER_CALLER = settings(task={"per": "caller"})
MARIE = Record("contact", "1", {"name": "Marie", "phone": "31 10 00 01", "account": Ref("account", "7")})
OURS = {"contact": Ref("contact", "1"), "name": "Missed call +45 31 10 00 01", "origin": "k1", "description": "Once."}


def task(id: str, **more: Any) -> Record:
    """An open task of ours at Marie."""
    return Record("task", id, {**OURS, "status": "Not Started", **more})


def at(got: Decided, slot: str) -> tuple[str, dict[str, Any]]:
    """(task, values) of an update."""
    made = got.made[slot]
    assert isinstance(made.target, Ref)
    return made.target.id, dict(made.values)


@pytest.mark.proves("CALL-18")
def test_the_open_task_hears_of_the_next_call_too() -> None:
    got = decided(call(), PER_CALLER, [MARIE, task("50")])
    assert got.slots == ["task.again", "call"]
    assert at(got, "task.again") == (
        "50", {"description": "Once.\n+45 31 10 00 01 called on 2026-11-20 at 10:00 and reached nobody."},
    )  # fmt: skip
    assert got.made["task.again"].before == {"description": "Once."}
    assert (got.why("task.create"), got.why("task.again")) == ("call.task.again", "call.task.again")


@pytest.mark.proves("CALL-18")
def test_each_call_has_its_own_by_default() -> None:
    for subject in (call(), call(outcome="answered", talk_s=9)):
        got = decided(subject, settings(), [MARIE, task("50")])
        assert not [slot for slot in got.slots if slot.startswith("task.")]
        assert not [find for find in got.known.found if find.role == "task"]
    assert "task" in decided(call(), settings(), [MARIE, task("50")]).made


@pytest.mark.proves("CALL-18")
@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_an_answered_call_closes_what_is_open(direction: str) -> None:
    subject = call(outcome="answered", talk_s=30, direction=direction)
    got = decided(subject, PER_CALLER, [MARIE, task("50"), task("51"), task("52", status="Completed")])
    assert at(got, "task.close") == ("50", {"status": "Completed"})
    assert at(got, "task.close.2") == ("51", {"status": "Completed"})
    assert got.slots == ["task.close", "task.close.2", "call"]
    assert got.why("task.close") == "call.task.closed"
    assert decided(subject, PER_CALLER, [MARIE]).why("task.close") == "call.task.none_open"


@pytest.mark.parametrize("outcome", ["voicemail", "missed", "busy", "no_answer", "unknown"])
def test_nothing_is_closed_by_a_call_that_reached_nobody(outcome: str) -> None:
    got = decided(call(outcome=outcome), PER_CALLER, [MARIE, task("50")])
    assert "task.close" not in got.made


@pytest.mark.proves("CALL-18")
def test_a_task_that_a_person_wrote_is_left_alone() -> None:
    theirs = task("50", origin=None)
    assert "task" in decided(call(), PER_CALLER, [MARIE, theirs]).made
    assert "task.close" not in decided(call(outcome="answered", talk_s=9), PER_CALLER, [MARIE, theirs]).made
    just_made = Record("task", "60", {name: value for name, value in OURS.items() if name != "origin"})
    assert at(decided(call(), PER_CALLER, [MARIE, just_made]), "task.again")[0] == "60"


def test_whose_task_it_is() -> None:
    firm = Record("account", "7", {"name": "Firm", "phone": "31100001"})
    at_firm = Record("task", "50", {"account": Ref("account", "7"), "name": "A", "origin": "k"})
    colleague = Record("task", "51", {"account": Ref("account", "7"), "contact": Ref("contact", "9"), "origin": "k"})
    assert at(decided(call(), PER_CALLER, [firm, at_firm, colleague]), "task.again")[0] == "50"
    assert "task" in decided(call(), PER_CALLER, [firm, colleague]).made
    lead = Record("lead", "3", {"name": "Lea", "phone": "31100001"})
    at_lead = Record("task", "52", {"lead": Ref("lead", "3"), "name": "L", "origin": "k"})
    assert at(decided(call(), PER_CALLER, [lead, at_lead]), "task.again")[0] == "52"


def test_a_stranger_gets_one_that_the_next_call_finds() -> None:
    made = decided(call(), PER_CALLER).made["task"]
    assert made.match_keys == (("lead", Local("lead")),)
    assert decided(call(), settings()).made["task"].match_keys == ()


def test_no_line_twice_and_no_end_to_it() -> None:
    line = "+45 31 10 00 01 called on 2026-11-20 at 10:00 and reached nobody."
    for description in (f"x\n{line}", "x" * 9000):
        got = decided(call(), PER_CALLER, [MARIE, task("50", description=description)])
        assert got.slots == ["call"]
        assert got.why("task.create") == "call.task.again"


@pytest.mark.proves("CALL-19")
def test_later_events_of_a_call_do_it_only_once() -> None:
    own = {"task.again": Own("task.again", Ref("task", "50"), {"description": "…"})}
    got = decided(call(), PER_CALLER, [MARIE, task("50")], own=own, before=True)
    assert not [slot for slot in got.slots if slot.startswith("task")]
    closed = {"task.close": Own("task.close", Ref("task", "50"), {"status": "Completed"})}
    got = decided(call(outcome="answered", talk_s=1), PER_CALLER, [MARIE, task("51")], own=closed)
    assert (got.slots, got.why("task.close")) == (["call"], "call.made_before")


def test_a_call_that_was_answered_after_all_closes_its_own_task() -> None:
    own = {
        "call": Own("call", Ref("call", "80"), {"contact": Ref("contact", "1"), "outcome": "missed"}),
        "task": Own("task", Ref("task", "50"), {"contact": Ref("contact", "1")}),
    }
    got = decided(call(outcome="answered", talk_s=30), PER_CALLER, [MARIE, task("50")], own=own, before=True)
    assert at(got, "task.close") == ("50", {"status": "Completed"})


def test_the_chosen_status_closes() -> None:
    using = settings(task={"per": "caller", "done": {"id": "Done", "label": "Done"}})
    answered = call(outcome="answered", talk_s=9)
    assert at(decided(answered, using, [MARIE, task("50")]), "task.close")[1] == {"status": "Done"}
    assert "task.close" not in decided(answered, using, [MARIE, task("50", status="Done")]).made


def test_only_who_asks_for_it_needs_the_right_to_change_tasks() -> None:
    wanted = {(one.role, one.verb) for one in needs(PER_CALLER)} - {(one.role, one.verb) for one in needs(settings())}
    assert wanted == {("task", "read"), ("task", "update")}


@pytest.mark.proves("CALL-18")
def test_strangers_that_nobody_can_find_again_are_told_of() -> None:
    codes = {one.reason.code for one in FLOW.remarks(settings(task={"per": "caller"}, lead={"create": False}), TARGET)}
    assert "call.remark.task_stranger" in codes
    assert "call.remark.task_stranger" not in {one.reason.code for one in FLOW.remarks(PER_CALLER, TARGET)}
    nobody = replace(TARGET, roles={role: fields for role, fields in TARGET.roles.items() if role != "task"})
    assert {one.reason.code for one in FLOW.check(PER_CALLER, nobody)} == {"call.clash.role_missing"}


# -- a CRM that plans are applied to ---------------------------------------------------------------------------------------


def applied(records: Sequence[Record], got: Decided, key: str) -> list[Record]:
    """The CRM after a plan."""
    out = {record.ref: record for record in records}
    ids = {slot: f"{key}-{slot}" for slot in got.slots}
    for one in got.plan.operations:
        values = {
            name: Ref(value.slot, ids[value.slot]) if isinstance(value, Local) else value
            for name, value in one.values.items()
        }
        if one.verb == "create":
            record = Record(one.role, ids[one.slot], {"status": "Not Started", **values, "origin": ids[one.slot]})
            out[record.ref] = record
        elif isinstance(one.target, Ref):
            old = out[one.target]
            out[one.target] = Record(old.role, old.id, {**old.fields, **values})
    return list(out.values())


@pytest.mark.proves("CALL-18")
@given(
    st.lists(
        st.tuples(st.sampled_from([STRANGER, "+4531100002", "+4531100003"]), st.booleans(), st.booleans()), max_size=12
    ),
    st.booleans(),
)
def test_never_more_than_one_open_task_per_caller(story: list[tuple[str, bool, bool]], account: bool) -> None:
    using = settings(task={"per": "caller"}, account={"create": account})
    theirs = Record(
        "task", "mine", {"contact": Ref("contact", "1"), "name": "Offer", "status": "Not Started", "origin": None}
    )
    crm: list[Record] = [MARIE, theirs]
    waiting: dict[str, int] = {}
    for number, (caller, reached, out) in enumerate(story):
        subject = call(
            caller, outcome="answered" if reached else "no_answer" if out else "missed", talk_s=9 if reached else 0,
            direction="outbound" if out else "inbound", at=f"2026-11-20T09:{number:02}:00Z",
        )  # fmt: skip
        crm = applied(crm, decided(subject, using, crm), f"c{number}")
        waiting[caller] = 0 if reached else waiting.get(caller, 0) + 1
        open_now = [one for one in crm if one.role == "task" and one.get("origin") and one.get("status") != "Completed"]
        assert len(open_now) == sum(1 for count in waiting.values() if count)
        said = sum(str(one.get("description")).count("2026-11-20 at") for one in open_now)
        assert said == sum(waiting.values())
        assert theirs in crm
