"""Values that the store cannot hold: whoever brought them is stopped and shown, and nobody else waits for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.engine.bench import Bench
from tests.engine.calls import calls_bench, end
from tests.engine.crm import ZOHO
from tieline.core.errors import ProtocolError
from tieline.core.facts import CallFact
from tieline.engine.events.fold import LONGEST_S, LONGEST_TEXT, LONGEST_URL, fact
from tieline.engine.events.fold import _check as check
from tieline.sdk.contract import PushOperation, Rejected, Written

WAVES = ZOHO.model_copy(update={"push_dependent": 0})


def number(index: int) -> str:
    return f"+3361000000{index}"


@pytest.mark.proves("HUB-5")
async def test_a_decision_that_cannot_be_kept_is_parked_and_the_others_are_written() -> None:
    bench = calls_bench()
    bench.crm.put("Contacts", Last_Name="odd\0name", Phone=number(1))
    for index in range(4):
        end(bench, f"c{index}", number(index))
    end(bench, "again", number(0))
    await bench.quiet()
    states = {row.key: row.state for row in bench.store.rows.values()}
    assert states == {"c0": "done", "c1": "parked", "c2": "done", "c3": "done", "again": "done"}
    parked = next(row for row in bench.store.rows.values() if row.state == "parked")
    assert parked.why == {"code": "decide.failed", "params": {"error": "NotStorable"}}
    assert bench.crm.count("Leads") == 3
    assert bench.crm.count("Calls") == 4


async def test_who_counted_on_a_decision_that_cannot_be_kept_is_decided_again() -> None:
    bench = Bench()
    decide = bench.flow.decide

    def spoilt(subject: Any, known: Any, settings: Any, target: Any) -> Any:
        plan = decide(subject, known, settings, target)
        if subject["key"] != "c0":
            return plan
        return replace(
            plan, operations=tuple(replace(one, values={**one.values, "x": "\0"}) for one in plan.operations)
        )

    bench.flow.decide = spoilt
    bench.event("c0", number(0))
    bench.event("c1", number(0))
    await bench.quiet()
    assert {row.key: row.state for row in bench.store.rows.values()} == {"c0": "parked", "c1": "done"}
    assert bench.crm.count("Leads") == bench.crm.count("Calls") == 1


@pytest.mark.parametrize("outcome", ["refused", "made"])
async def test_an_answer_that_cannot_be_kept_stops_its_own_call_only(outcome: str) -> None:
    bench = Bench(capabilities=WAVES)
    one = bench.crm._one

    def odd(operation: PushOperation, made: dict[str, str]) -> Any:
        out = one(operation, made)
        if operation.values.get("Phone") != number(1):
            return out
        return Written("odd\0id") if outcome == "made" else Rejected("NO\0", detail="\0" * 5000)

    bench.crm._one = odd  # type: ignore[method-assign]
    for index in range(3):
        bench.event(f"c{index}", number(index))
    await bench.quiet()
    states = {row.key: row.state for row in bench.store.rows.values()}
    assert states == {"c0": "done", "c1": "asked" if outcome == "made" else "parked", "c2": "done"}
    assert bench.crm.count("Calls") == 2


async def test_a_subject_that_cannot_be_kept_after_its_wait_is_parked() -> None:
    bench = Bench()
    fold, bench.flow.expire = (
        bench.flow.fold,
        lambda subject, settings: replace(  # type: ignore[assignment]
            fold(subject, [], settings),
            subject={**subject, "ended": True, "x": "\0" * (subject["key"] == "c0")},
            ready=True,
        ),
    )
    waits = bench.flow.fold

    def until(subject: Any, facts: Any, settings: Any) -> Any:
        return replace(waits(subject, facts, settings), due_at=bench.clock.iso())

    bench.flow.fold = until
    for index in range(3):
        bench.event(f"c{index}", number(index), "ringing")
    bench.clock.now += 1
    await bench.quiet()
    assert {row.key: row.state for row in bench.store.rows.values()} == {"c0": "parked", "c1": "done", "c2": "done"}


def test_texts_of_a_fact_have_an_end() -> None:
    said = CallFact("c", "ended", line_number="x" * 9000, outcome_reason="é" * 9000, recording_url="h" * LONGEST_URL)
    check(said)
    kept = fact(said, "2026-11-18T10:00:00Z")
    assert len(kept["line_number"]) == len(kept["outcome_reason"]) == LONGEST_TEXT
    assert len(kept["recording_url"]) == LONGEST_URL
    check(replace(said, talk_s=-1, total_s=LONGEST_S))
    for more in (
        {"leg_key": "x" * 201},
        {"recording_url": "h" * (LONGEST_URL + 1)},
        {"talk_s": 2**63},
        {"total_s": -(2**63)},
    ):
        with pytest.raises(ProtocolError):
            check(replace(said, **more))  # type: ignore[arg-type]
