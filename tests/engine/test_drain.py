"""One call, and many, from events to their records."""

from __future__ import annotations

import pytest

from tests.engine.bench import Bench


def number(index: int) -> str:
    return f"+3361234{index:04d}"


async def test_a_call_becomes_its_records() -> None:
    bench = Bench()
    bench.event("c1", number(1))
    progress = await bench.quiet()
    assert progress.written == 3
    lead, deal, call = bench.crm.all("Leads")[0], bench.crm.all("Deals")[0], bench.crm.all("Calls")[0]
    ids = {name: next(iter(bench.crm.records[name])) for name in ("Leads", "Deals")}
    assert lead["Phone"] == number(1)
    assert deal["Lead"] == ids["Leads"] == call["What_Lead"]
    assert bench.states() == {"done": 1}
    (row,) = bench.store.rows.values()
    assert row.own["lead"]["ref"] == ["lead", ids["Leads"]]
    assert row.own["deal"]["values"]["lead"] == {"$ref": ["lead", ids["Leads"]]}
    (run,) = bench.store.runs.values()
    assert run.state == "done"
    assert [one.state for one in run.operations] == ["done"] * 3
    total = run.requests + sum(one.requests for one in bench.store.operations.values())
    assert total == pytest.approx(bench.crm.requests)
