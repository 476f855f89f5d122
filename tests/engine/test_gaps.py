"""When a source's list is worth a look, and how large a portion of what it gives is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.bench import Bench
from tests.engine.test_backfill import BEGAN
from tieline.engine.events import gaps
from tieline.engine.events.gaps import DAY_S, Seen, wanted
from tieline.engine.events.turns import LEAST, STEP_S, Turns
from tieline.sdk.asking import BACKFILL, LIVE, BudgetSpentError, priority_of

NOW = BEGAN + 100 * DAY_S
WELL = {"daily": NOW - 3600, "silent": NOW - 60}


def seen(**more: Any) -> Seen:
    given: dict[str, Any] = {"created": BEGAN, "watched_at": NOW - 60, "event_at": NOW - 60, "done": WELL}
    return Seen(**given | more)


@pytest.mark.proves("CALL-21")
@pytest.mark.parametrize(
    ("known", "why", "since"),
    [
        (seen(), None, None),
        (seen(watched_at=NOW - 7200), "gap", NOW - 7200),
        (seen(watched_at=None), None, None),
        (seen(refused_from=NOW - 500, refused_at=NOW - 400), "refused", NOW - 500),
        (seen(refused_from=NOW - 500, refused_at=NOW - 30), None, None),
        (seen(refused_from=NOW - 5000, refused_at=NOW - 4000, done={**WELL, "refused": NOW - 60}), None, None),
        (seen(waits_from=NOW - 13500), "no_end", NOW - 13500),
        (seen(waits_from=NOW - 13500, done={**WELL, "no_end": NOW - 60}), None, None),
        (seen(failed_from=NOW - 9999), "again", NOW - 9999),
        (seen(event_at=NOW - 4000, done={"daily": NOW - 3600}), "silent", NOW - 4000),
        (seen(event_at=None, done={"daily": NOW - 3600}), None, None),
        (seen(done={"silent": NOW - 60, "daily": NOW - DAY_S}), "daily", NOW - DAY_S),
        (seen(done={"silent": NOW - 60, "daily": NOW - 2 * DAY_S}), "daily", NOW - 2 * DAY_S),
    ],
)
def test_a_source_is_looked_at_where_events_may_be_missing(known: Seen, why: str | None, since: float | None) -> None:
    look = wanted(known, NOW)
    assert (look.why if look else None) == why
    if look is not None and since is not None:
        assert look.since == since - gaps.BEFORE_S


@pytest.mark.proves("CALL-21")
def test_no_look_by_itself_goes_behind_the_day_of_connecting() -> None:
    look = wanted(Seen(created=NOW - 2 * DAY_S, watched_at=NOW - 40 * DAY_S), NOW)
    assert look is not None
    assert look.since == NOW - 2 * DAY_S
    assert wanted(Seen(created=NOW - 3600), NOW) is None


def test_a_portion_grows_at_a_fast_vendor_and_shrinks_at_a_slow_one() -> None:
    turns = Turns()
    for _ in range(10):
        turns.took(0.1, turns.portion, backfill=True, most=500)
    assert turns.portion == 500
    turns.took(10 * STEP_S, 500, backfill=True, most=500)
    assert turns.portion == 50
    for _ in range(10):
        turns.took(100.0, turns.portion, backfill=True, most=500)
    assert turns.portion == LEAST
    turns.took(0.1, 3, backfill=False, most=500)
    assert turns.backfill_next, "a steady load leaves back-fill its turn"
    assert turns.portion == LEAST


@pytest.mark.proves("HUB-6")
async def test_a_budget_that_is_used_up_for_back_fill_stops_nothing_live() -> None:
    """Look-ups of back-fill are refused by our own budget until tomorrow; those of live calls are not, of the same caller too."""
    bench = Bench()
    inner = bench.crm._request

    async def request(name: str, count: int) -> str:
        if priority_of(LIVE) == BACKFILL:
            raise BudgetSpentError("our own budget is used up", wait_s=DAY_S)
        return await inner(name, count)

    bench.crm._request = request  # type: ignore[method-assign]
    drain = bench.drain()
    for index in range(30):
        bench.event(f"old{index}", f"+336120000{index:02}")
    await drain._fold()
    for row in bench.store.rows.values():
        row.backfill = True
    await drain.run_until_quiet()
    assert bench.states() == {"due": 30}
    assert bench.crm.count("Leads") == 0
    bench.event("new", "+33611000001")
    bench.event("behind", "+33612000007")
    await drain.run_until_quiet()
    assert {row.key for row in bench.store.rows.values() if row.state == "done"} == {"new", "behind", "old7"}
    bench.clock.now += DAY_S + 1
    bench.crm._request = inner  # type: ignore[method-assign]
    await bench.quiet(drain)
    assert bench.states() == {"done": 32}
