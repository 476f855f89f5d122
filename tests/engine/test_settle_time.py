"""Sources with several legs are waited for; an authoritative end is acted on at once (walk step 2, CALL-19)."""

from __future__ import annotations

import pytest

from tests.engine.bench import Bench
from tests.engine.calls import ALL_ON, calls_bench, say
from tieline.engine.times import iso


def ended(bench: Bench, source: int, *, final: bool = False, outcome: str = "missed") -> None:
    say(
        bench,
        f"c{source}",
        "ended",
        iso(bench.clock.now),
        source=source,
        direction="inbound",
        external_number=f"+3361200000{source}",
        line_number="+33140000001",
        outcome=outcome,
        talk_s=0 if outcome == "missed" else 30,
        final=final,
    )


@pytest.mark.proves("CALL-19")
async def test_only_a_source_that_settles_is_waited_for_and_the_page_can_say_so() -> None:
    bench = calls_bench(**ALL_ON)
    bench.settle = {1: 8.0}
    drain = bench.drain()
    ended(bench, 1)
    ended(bench, 2)
    progress = await drain.run_until_quiet()
    states = {row.key: (row.state, (row.why or {}).get("code")) for row in bench.store.rows.values()}
    assert states == {"c1": ("waiting", "call.wait.settling"), "c2": ("done", None)}
    assert progress.next_s == pytest.approx(bench.clock.now + 8.0)
    # the second leg was answered: it says so within the time, and there is one decision
    bench.clock.now += 5
    ended(bench, 1, outcome="answered")
    await drain.run_until_quiet()
    assert bench.crm.count("Calls") == 1
    await bench.quiet(drain)
    assert bench.crm.count("Calls") == 2
    row = next(row for row in bench.store.rows.values() if row.key == "c1")
    assert (row.state, row.subject["result"]) == ("done", "answered")
    assert sum(run.subject == row.id for run in bench.store.runs.values()) == 1


@pytest.mark.proves("CALL-19")
async def test_an_authoritative_end_of_such_a_source_is_acted_on_at_once() -> None:
    bench = calls_bench(**ALL_ON)
    bench.settle = {1: 8.0}
    ended(bench, 1, final=True)
    progress = await bench.drain().run_until_quiet()
    assert bench.states() == {"done": 1}
    assert progress.next_s is None
