"""Tasks and call records, and what comes later (CALL-18, 19, 20)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.desk import (
    ALL,
    DUVAL,
    MARIE,
    STRANGER,
    STRANGER_TEXT,
    TARGET,
    applied,
    call,
    decided,
    settings,
    without,
)
from tieline.core.flow import Target
from tieline.core.record import Local, Ref
from tieline.flows.calls import FLOW
from tieline.flows.calls.explain import WHOLE, records_of

# -- tasks ---------------------------------------------------------------------------------------------------------------


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


# -- call records --------------------------------------------------------------------------------------------------------


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
def test_a_second_recording_joins_in_words() -> None:
    records, own = applied(decided(call(STRANGER, "70100411", "answered", recording(URL))).plan)
    later = call(STRANGER, "70100411", "answered", recording(URL), recording(URL2, "2026-11-20T09:09:00Z"))
    again = decided(later, None, records, own=own)
    assert again.slots == ["call.update"]
    assert again.values("call.update") == {"description": f"Line: Front (+45 70 10 04 11)\nRecording: {URL2}"}


@pytest.mark.proves("CALL-19", "CALL-15")
def test_a_crm_that_lets_only_some_of_a_call_record_change() -> None:
    target = Target(roles=WHOLE.roles, limits={"call_update": ["recording_url"]})
    records, own = applied(decided(call(outcome="missed"), target=target).plan)
    corrected = call(STRANGER, "70100411", "answered", recording(URL))
    assert decided(corrected, None, records, target, own).values("call.update") == {"recording_url": URL}
    fixed = decided(call(outcome="answered"), None, records, target, own)
    assert (fixed.slots, fixed.why("call.log")) == ([], "call.log.fixed")


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
    again = decided(late.subject, None, [*records, *records_of({"contact": [MARIE]})], own=own)
    assert again.slots == ["task", "call.update"]
    assert again.links("task") == {"lead": own["lead"].ref}
    assert again.values("call.update") == {
        "outcome": "missed", "duration_s": 0, "name": f"Missed call from {STRANGER_TEXT}",
        "description": "Line: Front (+45 70 10 04 11)",
    }  # fmt: skip


@pytest.mark.proves("CALL-18", "CALL-19")
def test_a_task_stays_when_the_call_turns_out_answered() -> None:
    records, own = applied(decided(call()).plan)
    answered = call(outcome="answered", talk_s=12)
    again = decided(answered, None, records, own=own)
    assert again.slots == ["call.update"]
    assert again.values("call.update")["outcome"] == "answered"


# -- targets -------------------------------------------------------------------------------------------------------------


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
