"""Records that a person deletes while a call is on its way to them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.engine.calls import calls_bench, end
from tieline.sdk.contract import Outcome, PushOperation, Rejected

NUMBER = "+33611111111"


@pytest.mark.proves("HUB-5")
async def test_a_contact_that_goes_between_look_up_and_write_parks_no_call() -> None:
    bench = calls_bench()
    ann = bench.crm.put("Contacts", Last_Name="Ann", Phone=NUMBER)
    end(bench, "c0", NUMBER)
    push = bench.crm.push

    async def late(operations: Sequence[PushOperation]) -> list[Outcome]:
        bench.crm.records["Contacts"].pop(ann, None)
        return await push(operations)

    bench.crm.push = late  # type: ignore[method-assign]
    await bench.quiet()
    assert bench.states() == {"done": 1}
    assert bench.crm.count("Calls") == bench.crm.count("Leads") == 1
    assert [run.state for run in bench.store.runs.values()] == ["superseded", "done"]


@pytest.mark.proves("HUB-5")
async def test_a_lead_of_ours_that_a_person_deleted_is_not_remembered() -> None:
    bench = calls_bench()
    drain = bench.drain()
    end(bench, "c0", NUMBER)
    await bench.quiet(drain)
    bench.crm.records["Leads"].clear()
    bench.clock.now += 60
    end(bench, "c1", NUMBER)
    await bench.quiet(drain)
    assert bench.states() == {"done": 2}
    assert bench.crm.count("Calls") == 2
    assert bench.crm.count("Leads") == 1


async def test_a_link_that_is_refused_for_ever_parks_its_call_and_says_why() -> None:
    bench = calls_bench()
    bench.crm.put("Contacts", Last_Name="Ann", Phone=NUMBER)
    end(bench, "c0", NUMBER)
    bench.crm.reject = lambda one: Rejected("INVALID_DATA", "Who") if one.object == "Calls" else None
    await bench.quiet()
    (row,) = bench.store.rows.values()
    assert row.state == "parked"
    assert (row.why or {})["code"] == "outcome.link_refused"
