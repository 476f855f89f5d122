"""A write that was planned before a stop, and what a person did meanwhile: what a person did stays."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.engine.bench import Bench
from tests.engine.calls import calls_bench, end
from tests.engine.crm import ZOHO
from tieline.core.errors import AuthError
from tieline.engine.access import LEAVES_S
from tieline.engine.events.drain import OUTDATED_S
from tieline.sdk.contract import Outcome, PushOperation

WAVES = ZOHO.model_copy(update={"push_dependent": 0, "search_lag_s": 0})
NUMBER = "+33611111111"


def fail_pushes(bench: Bench, *numbers: int, fault: str = "auth") -> list[PushOperation]:
    """These pushes (from 1) end with the fault; gives all that is pushed."""
    push, count, seen = bench.crm.push, [0], []

    async def pushed(operations: Sequence[PushOperation]) -> list[Outcome]:
        count[0] += 1
        seen.extend(operations)
        if count[0] in numbers:
            bench.crm.faults.insert(0, fault)
        return await push(operations)

    bench.crm.push = pushed  # type: ignore[method-assign]
    return seen


def company_of_ann(**more: object) -> tuple[Bench, str]:
    bench = calls_bench(account={"create": True}, **more)  # type: ignore[arg-type]
    ann = bench.crm.put("Contacts", Last_Name="Ann", Phone=NUMBER, Account_Name=None)
    end(bench, "c0", NUMBER)
    return bench, ann


@pytest.mark.proves("CALL-23", "HUB-5")
@pytest.mark.parametrize("restarted", [False, True])
async def test_what_was_planned_before_a_stop_is_decided_again(restarted: bool) -> None:
    bench, ann = company_of_ann()
    drain = bench.drain()
    fail_pushes(bench, 1)
    progress = await drain.run_until_quiet()
    assert isinstance(progress.stopped, AuthError)
    real = bench.crm.put("Accounts", Account_Name="Real one", Phone="")
    bench.crm.records["Contacts"][ann].fields["Account_Name"] = real
    bench.clock.now += 3 * 86400
    await bench.quiet(bench.drain() if restarted else drain)
    assert bench.states() == {"done": 1}
    assert bench.crm.records["Contacts"][ann].fields["Account_Name"] == real
    assert bench.crm.count("Accounts") == 1, "no account that nobody needs"
    assert [run.state for run in bench.store.runs.values()] == ["superseded", "done"]
    assert bench.store.rows[1].attempts == 0


@pytest.mark.proves("CALL-23")
async def test_a_record_that_changed_after_a_part_was_written_is_not_written_over() -> None:
    bench, ann = company_of_ann(capabilities=WAVES)
    drain = bench.drain()
    fail_pushes(bench, 2)  # the account is made, its link is not
    await drain.run_until_quiet()
    assert bench.crm.count("Accounts") == 1
    kept = bench.crm.records["Contacts"][ann]
    kept.fields["Account_Name"], kept.version = bench.crm.put("Accounts", Account_Name="Real one"), kept.version + 1
    real = kept.fields["Account_Name"]
    bench.clock.now += LEAVES_S * 6
    await bench.quiet(drain)
    assert bench.states() == {"done": 1}
    assert kept.fields["Account_Name"] == real


async def test_what_was_looked_up_a_moment_ago_costs_no_second_look() -> None:
    bench, _ = company_of_ann()
    seen = fail_pushes(bench)
    await bench.quiet()
    updates = [one for one in seen if one.verb == "update"]
    assert [one.version for one in updates] == [None]
    bench, _ = company_of_ann(capabilities=ZOHO.model_copy(update={"conditional_write": True}))
    seen = fail_pushes(bench)
    await bench.quiet()
    assert [one.version for one in seen if one.verb == "update"] == ["1"]


async def test_many_long_stops_park_nobody_and_who_counts_on_it_goes_on() -> None:
    bench, _ = company_of_ann()
    end(bench, "c1", NUMBER)
    drain = bench.drain()
    fail_pushes(bench, *range(1, 9))
    for _ in range(8):
        assert (await drain.run_until_quiet()).stopped is not None
        bench.clock.now += OUTDATED_S * 2
    await bench.quiet(drain)
    assert bench.states() == {"done": 2}
    assert bench.crm.count("Accounts") == 1
    assert bench.crm.count("Calls") == 2


async def test_a_vendor_that_fails_for_hours_is_still_given_up() -> None:
    bench, _ = company_of_ann()
    fail_pushes(bench, *range(1, 60), fault="transient")
    await bench.quiet()
    assert bench.states() == {"parked": 1}
