"""CALL-16: a further value that its field cannot hold is refused when the settings are saved, not with every call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flows.desk import TARGET, settings
from tests.flows.strategies import valid_settings
from tieline.flows.calls import FLOW
from tieline.flows.calls.further import fits
from tieline.flows.calls.settings import Settings

TYPES = {
    ("lead", "=Employees"): "number", ("lead", "=Revenue"): "money", ("lead", "=Mail"): "email", ("lead", "=Since"): "date",
    ("lead", "company"): "text", ("task", "=Hours"): "number", ("call", "=Hours"): "number",
}  # fmt: skip
CHOICES = {("task", "=Priority"): (("high", "High"),), ("call", "=Topic"): (("sale", "Sale"),)}
DESCRIBED = replace(TARGET, types=TYPES, choices={**TARGET.choices, **CHOICES})


def refused(**rules: dict[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    return [
        (clash.reason.code.removeprefix("call.clash."), clash.rules)
        for clash in FLOW.check(settings(**{role: {"values": values} for role, values in rules.items()}), DESCRIBED)
    ]


@pytest.mark.proves("CALL-16", "CALL-24")
def test_what_a_field_cannot_hold_blocks_saving() -> None:
    assert refused(lead={"Employees": "about ten", "Revenue": "abc", "Since": "soon"}) == [
        ("value", ("lead.values.Employees",)), ("value", ("lead.values.Revenue",)), ("value", ("lead.values.Since",)),
    ]  # fmt: skip
    assert refused(lead={"Employees": float("nan")}) == [("value", ("lead.values.Employees",))]
    assert refused(lead={"Employees": 10, "Revenue": 2.5, "Since": "2026-11-22", "company": "Nordlys"}) == []
    assert refused(lead={"Employees": "", "Revenue": None, "Unheard_of": "anything"}) == []


@pytest.mark.proves("CALL-16", "CALL-24")
def test_values_of_tasks_and_call_records_are_looked_at_too() -> None:
    assert refused(task={"Priority": "low", "Hours": "two"}, call={"Topic": "weather", "Hours": True}) == [
        ("choice", ("task.values.Priority",)), ("value", ("task.values.Hours",)),
        ("choice", ("call.values.Topic",)), ("value", ("call.values.Hours",)),
    ]  # fmt: skip
    assert refused(task={"Priority": "high", "Hours": 2}, call={"Topic": ["sale"]}) == []


def test_a_rule_that_is_off_is_not_looked_at() -> None:
    off = settings(task={"create": False, "values": {"Hours": "two"}})
    assert FLOW.check(off, DESCRIBED) == ()


@given(valid_settings())
def test_valid_settings_are_fine_with_types_too(using: Settings) -> None:
    assert FLOW.check(using, DESCRIBED) == ()


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("number", [0, -3, 2.5], ["3", True, float("inf"), "", [1]]),
        ("money", [100, 0.5], ["abc"]),
        ("bool", [True, False], ["true", 1]),
        ("date", ["2024-02-29"], ["2023-02-29", "2026-W47-1", "22.11.2026", 20261122]),
        ("datetime", ["2026-11-22T09:30:00Z", "2026-11-22T09:30:00+01:00"], ["2026-11-22", "tomorrow", "T"]),
        ("email", ["a.b@nordlys.example"], ["nordlys", "a@b", "a b@c.dk", "@c.dk"]),
        ("choices", [["a"], ["a", "b"]], ["a", [1]]),
        ("text", ["a", 3], [["a"], {"a": 1}, True]),
    ],
)
def test_what_fits(kind: str, good: list[Any], bad: list[Any]) -> None:
    assert [one for one in good if not fits(kind, one)] == []
    assert [one for one in bad if fits(kind, one)] == []


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_one(number: float) -> None:
    assert fits("number", number)
    assert not fits("number", str(number))
