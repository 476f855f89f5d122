"""What must hold for every call, every CRM and all settings that can be saved."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.flows.desk import STRANGER, TARGET, USERS, applied, call, decided
from tests.flows.strategies import crms, cyclic_settings, valid_settings
from tieline.core.plan import Known
from tieline.core.record import Local, Ref
from tieline.core.values import phone
from tieline.flows.calls import FLOW
from tieline.flows.calls.explain import records_of
from tieline.flows.calls.settings import Settings

EXTERNAL = st.sampled_from(
    [STRANGER, STRANGER, "31100001", "anonymous", "102", "112", "", "+266696687", "garbage", "70100411"]
)
OUTCOME = st.sampled_from(["answered", "missed", "voicemail", "unknown", "busy"])
CALLS = st.builds(
    lambda external, line, outcome, direction: call(external, line, outcome, direction=direction),
    EXTERNAL,
    st.sampled_from(["70100411", "70100412", "102", "+33186765432", "555", None]),
    OUTCOME,
    st.sampled_from(["inbound", "outbound"]),
)
PERSONS = {"account", "lead", "contact", "deal"}


@pytest.mark.proves("CALL-24")
@given(valid_settings())
@effort(max_examples=300)
def test_valid_settings_are_never_refused(using: Settings) -> None:
    assert FLOW.check(using, TARGET) == ()
    assert FLOW.load(using.model_dump(mode="json")) == using


@pytest.mark.proves("CALL-24")
@given(cyclic_settings())
@effort(max_examples=300)
def test_cycles_of_owners_are_always_refused_with_an_example_in_which_nobody_is_chosen(using: Settings) -> None:
    rings = [clash for clash in FLOW.check(using, TARGET) if clash.reason.code == "call.clash.owner_cycle"]
    assert rings
    for clash in rings:
        assert clash.example is not None
        plan = FLOW.decide(clash.example, _nothing_there(clash.example, using), using, TARGET)
        roles = {rule.removesuffix(".owner") for rule in clash.rules}
        assert roles.isdisjoint(operation.role for operation in plan.operations)
        why = {one.rule: one.reason.code for one in plan.considered}
        assert {why[f"{role}.create"] for role in roles} == {"call.owner.cycle"}
        for _, changes in clash.ways_out:
            left = [other for other in FLOW.check(_changed(using, changes), TARGET) if other.rules == clash.rules]
            assert left == []


def _nothing_there(subject: dict[str, Any], using: Settings) -> Known:
    return decided(subject, using).known


def _changed(using: Settings, changes: Any) -> Settings:
    raw = using.model_dump(mode="json")
    for path, value in changes.items():
        at = raw
        *parts, last = path.split(".")
        for part in parts:
            at = at[part]
        at[last] = value
    return FLOW.load(raw)


@given(CALLS, valid_settings(), crms())
@effort(max_examples=400)
def test_every_plan_is_sound(subject: dict[str, Any], using: Settings, crm: dict[str, Any]) -> None:
    got = decided(subject, using, crm)
    records = {record.ref for record in records_of(crm)}
    seen: dict[str, str] = {}
    for operation in got.plan.operations:
        assert operation.slot not in seen, "two operations in one slot"
        if operation.verb == "create":
            assert operation.role not in seen.values(), "two creates of one role"
        for value in (operation.target, *operation.values.values(), *(value for _, value in operation.match_keys)):
            if isinstance(value, Local):
                assert value.slot in seen, "a reference to what is not made yet"
            elif isinstance(value, Ref) and value.role != "account":
                assert value in records, "a link to what nobody found"
        if operation.verb == "create":
            seen[operation.slot] = operation.role
            assert operation.values.get("owner", "emma") in USERS
            assert (
                operation.values.keys() - {name for name in operation.values if name.startswith("=")}
                <= TARGET.roles[operation.role]
            )
    assert sum(one.rule.endswith("log") and one.applied for one in got.plan.considered) == ("call" in got.made)
    assert not (got.plan.questions and got.plan.operations)


@pytest.mark.proves("CALL-22")
@given(CALLS, valid_settings(), crms())
def test_no_person_ever_for_what_is_no_number(subject: dict[str, Any], using: Settings, crm: dict[str, Any]) -> None:
    got = decided(subject, using, crm)
    if phone(subject.get("external"), "DK").kind != "number":
        assert PERSONS.isdisjoint(operation.role for operation in got.plan.operations)
        assert dict(got.known.found) == {}


@given(CALLS, valid_settings(), crms())
def test_three_rounds_of_look_ups_at_most_and_none_that_the_decision_misses(
    subject: dict[str, Any], using: Settings, crm: dict[str, Any]
) -> None:
    records = records_of(crm)
    found: dict[Any, Any] = {}
    rounds = 0
    while finds := FLOW.lookups(subject, Known(found=found, users=USERS), using):
        rounds += 1
        assert not set(finds) & found.keys()
        found |= {find: decided_answers(find, records) for find in finds}
    assert rounds <= 3
    full = FLOW.decide(subject, Known(found=found, users=USERS), using, TARGET)

    class Watched(dict[Any, Any]):
        def get(self, key: Any, default: Any = None) -> Any:
            assert key in self, f"the decision needs {key}, which nobody looked up"
            return super().get(key, default)

    assert FLOW.decide(subject, Known(found=Watched(found), users=USERS), using, TARGET) == full


def decided_answers(find: Any, records: list[Any]) -> Any:
    from tieline.flows.calls.explain import _fits

    return tuple(record for record in records if _fits(record, find, FLOW.load({"default_country": "DK"})))


@pytest.mark.proves("CALL-19")
@given(CALLS, valid_settings(), crms())
def test_deciding_again_writes_nothing_more(subject: dict[str, Any], using: Settings, crm: dict[str, Any]) -> None:
    first = decided(subject, using, crm)
    assert decided(subject, using, crm).plan == first.plan
    records, own = applied(first.plan)
    again = decided(subject, using, [*records_of(crm), *records], own=own)
    if not first.plan.questions:
        assert [one.slot for one in again.plan.operations if one.slot in first.slots] == []
        if "call" in own or "task" in own:
            assert again.plan.operations == ()


@pytest.mark.proves("CALL-19")
@given(CALLS, valid_settings(), crms(), st.integers(0, 6))
def test_a_plan_cut_short_is_finished_as_it_would_have_been(
    subject: dict[str, Any], using: Settings, crm: dict[str, Any], done: int
) -> None:
    """Persons are written before what hangs on them; whatever was written before a crash, the rest is the same."""
    first = decided(subject, using, crm)
    made = [one for one in first.plan.operations if one.slot in (*PERSONS, "contact.link")][:done]
    records, own = applied(type(first.plan)(tuple(made)))
    again = decided(subject, using, [*records_of(crm), *records], own=own, answers={})
    if first.plan.questions:
        return
    assert [*(one.slot for one in made), *again.slots] == first.slots

    def settled(value: Any) -> Any:
        return own[value.slot].ref if isinstance(value, Local) and value.slot in own else value

    for slot in again.slots:
        before = {name: settled(value) for name, value in first.values(slot).items()}
        assert before == again.values(slot)
