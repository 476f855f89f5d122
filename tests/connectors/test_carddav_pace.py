"""How many writes go to a server side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tieline.connectors.carddav.pace import ALONE, KEPT, MOST, TRIED, Pace

Server = Callable[[int], float]
"""Seconds from one write's end to the next one's, while so many are under way."""


def one_at_a_time(beside: int) -> float:
    return 0.05 * (1.5 if beside > 1 else 1.0)


def far_away(beside: int) -> float:
    return 0.1 / beside


def write(pace: Pace, server: Server, count: int) -> list[int]:
    """So many writes; how wide it was at each."""
    widths = []
    for _ in range(count):
        widths.append(pace.width)
        pace.count(server(pace.width))
    return widths


@pytest.mark.parametrize(("server", "best"), [(one_at_a_time, ALONE), (far_away, MOST)])
def test_what_is_quicker_is_kept_after_both_were_tried(server: Server, best: int) -> None:
    pace = Pace()
    assert write(pace, server, TRIED[ALONE]) == [ALONE] * TRIED[ALONE]
    assert write(pace, server, TRIED[MOST]) == [MOST] * TRIED[MOST]
    assert set(write(pace, server, KEPT)) == {best}


def test_a_server_that_has_become_another_is_noticed() -> None:
    pace = Pace()
    write(pace, one_at_a_time, sum(TRIED.values()) + 1)
    assert pace.width == ALONE
    write(pace, far_away, KEPT + TRIED[MOST])
    assert pace.width == MOST
    write(pace, one_at_a_time, KEPT + TRIED[ALONE])
    assert pace.width == ALONE


async def test_only_what_ends_while_others_wait_is_timed() -> None:
    pace = Pace()
    now = 0.0

    async def one(seconds: float) -> None:
        nonlocal now
        async with pace.turn():
            await asyncio.sleep(0)
            now += seconds
            pace.done(now)

    for _ in range(100):  # nobody waits: how long it is from one to the next is not the server's affair
        await one(60.0)
    assert pace.width == ALONE
    await asyncio.gather(*(one(1.0) for _ in range(TRIED[ALONE])))
    assert pace.width == ALONE  # the first of them begins the timing
    await asyncio.gather(*(one(1.0) for _ in range(TRIED[ALONE] + 1)))
    assert pace.width == MOST


async def test_no_more_are_under_way_than_may_be_and_a_cancelled_one_leaves_its_place() -> None:
    pace, under_way, most = Pace(), 0, [0]
    go = asyncio.Event()

    async def one() -> None:
        nonlocal under_way
        async with pace.turn():
            under_way += 1
            most[0] = max(most[0], under_way)
            try:
                await go.wait()
            finally:
                under_way -= 1

    pace.width = 3
    tasks = [asyncio.create_task(one()) for _ in range(10)]
    await asyncio.sleep(0)
    for task in (tasks[0], tasks[5]):  # one that is under way, one that waits
        task.cancel()
    await asyncio.gather(tasks[0], tasks[5], return_exceptions=True)
    assert pace.busy == 3
    go.set()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ends].count(asyncio.CancelledError) == 2
    assert (most[0], pace.busy) == (3, 0)
