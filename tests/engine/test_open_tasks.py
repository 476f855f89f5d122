"""One open task per caller through the whole drain: found before the vendor's index shows it, in one batch and over many."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.engine.bench import Bench
from tests.engine.calls import TARGET, calls_bench, end

WITH_STATUS = replace(TARGET, limits={"task_closed": "Completed"})
ALICE = {"Last_Name": "Alice", "Phone": "+33612000001", "Owner": "anna"}


def bench(**task: object) -> Bench:
    made = calls_bench(task={"per": "caller", **task})
    made.target = WITH_STATUS
    return made


def number(index: int) -> str:
    return f"+336120{index:05d}"


@pytest.mark.proves("CALL-18")
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
async def test_three_calls_make_one_task_and_an_answer_closes_it(together: bool) -> None:
    made = bench()
    for index, outcome in enumerate(("missed", "voicemail", "missed")):
        end(made, f"c{index}", number(1), outcome=outcome, at=f"2026-11-18T10:0{index}:00Z")
        if not together:
            await made.quiet()
    await made.quiet()
    [task] = made.crm.all("Tasks")
    assert [line[-60:] for line in task["Description"].splitlines() if "2026-11-18 at 11:0" in line] != []
    assert all(task["Description"].count(f"at 11:0{index}") == 1 for index in range(3))
    assert task.get("Status") is None
    end(made, "c9", number(1), at="2026-11-18T12:00:00Z")
    await made.quiet()
    assert [one["Status"] for one in made.crm.all("Tasks")] == ["Completed"]
    assert made.crm.count("Calls") == 4
    end(made, "c10", number(1), outcome="missed", at="2026-11-18T13:00:00Z")
    await made.quiet()
    assert [one.get("Status") for one in made.crm.all("Tasks")] == ["Completed", None]


@pytest.mark.proves("CALL-18")
async def test_what_a_person_wrote_stays_open() -> None:
    made = bench()
    alice = made.crm.put("Contacts", **ALICE)
    made.crm.put("Tasks", Subject="Send the offer", Who=alice, Status="Not Started")
    end(made, "c1", "+33612000001", outcome="missed")
    await made.quiet()
    assert made.crm.count("Tasks") == 2
    end(made, "c2", "+33612000001")
    await made.quiet()
    assert [one.get("Status") for one in made.crm.all("Tasks")] == ["Not Started", "Completed"]


@pytest.mark.proves("CALL-18")
@pytest.mark.parametrize("seed", range(4))
async def test_a_day_of_it_ends_with_a_task_for_whoever_was_not_reached_last(seed: int) -> None:
    chance = random.Random(seed)
    made = bench()
    alice = made.crm.put("Contacts", **ALICE)
    open_now: dict[str, int] = {}
    for index in range(80):
        caller = number(chance.randrange(12) + 1) if chance.random() < 0.8 else "+33612000001"
        reached = chance.random() < 0.4
        end(
            made,
            f"c{index}",
            caller,
            outcome="answered" if reached else "missed",
            at=f"2026-11-18T{8 + index // 60:02}:{index % 60:02}:00Z",
        )
        open_now[caller] = 0 if reached else open_now.get(caller, 0) + 1
        if chance.random() < 0.3:
            await made.quiet()
        if chance.random() < 0.1:
            made.clock.now += 400  # the index has caught up
    await made.quiet()
    still = [one for one in made.crm.all("Tasks") if one.get("Status") != "Completed"]
    assert len(still) == sum(1 for count in open_now.values() if count)
    assert sum(one["Description"].count("2026-11-18 at") for one in still) == sum(open_now.values())
    assert all(one["Who"] == alice for one in made.crm.all("Tasks") if "12 00 00 01" in one["Subject"])


async def test_it_costs_one_look_up_more_for_callers_who_are_known_and_none_for_strangers() -> None:
    spent = {}
    for name, task in (("call", {"per": "call"}), ("caller", {})):
        for known in (False, True):
            made = bench(**task)
            if known:
                made.crm.put("Contacts", **ALICE)
            end(made, "c1", "+33612000001", outcome="missed")
            await made.quiet()
            spent[name, known] = made.crm.requests
    assert spent["caller", False] == spent["call", False] <= 6
    assert (
        spent["caller", True] == spent["call", True] + 1
    )  # a second call of hers reads the task that is there by its id
