"""Every fixture of every phone system through the whole drain, on memory ports: one call record, and the records that its outcome implies."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.connectors.test_phones_fold import FIXTURES, once_each, opened
from tests.engine.bench import Bench
from tests.engine.calls import calls_bench
from tieline.core.values import phone
from tieline.engine.ports import EventRow
from tieline.flows.calls.call import UNREACHED
from tieline.sdk.contract import Request
from tieline.sdk.manifest import connectors, load


def put(bench: Bench, request: Request) -> None:
    """One delivery, kept."""
    id = len(bench.store.events) + 1
    row = EventRow(id, 1, request.method, request.query, request.headers, request.body, bench.store.clock.iso())
    bench.store.events[id] = row
    bench.store.open[id] = None


async def drained(name: str, requests: list[Request], pauses: list[float]) -> Bench:
    """The bench after these deliveries, with a drain and so many seconds after each."""
    connector = load(name)(None)
    bench = calls_bench()
    bench.sources = {1: connector}
    drain = bench.drain()
    drain._settle_s = {1: connectors()[name].events.settle_s}
    for request, pause in zip(once_each(connector, requests), pauses, strict=False):
        put(bench, request)
        if pause:
            await drain.run_until_quiet()
            bench.clock.now += pause
    await bench.quiet(drain)
    return bench


@pytest.mark.proves("CALL-19", "CALL-18")
@pytest.mark.parametrize(("name", "path"), FIXTURES)
@settings(max_examples=8, deadline=None)
@given(random=st.randoms(use_true_random=False), slow=st.booleans())
def test_a_call_makes_its_records_once(name: str, path: Path, random: Any, slow: bool) -> None:
    requests, expected = opened(path)
    doubled = requests + random.choices(requests, k=len(requests))
    random.shuffle(doubled)
    # slow: more apart than any source takes to settle, so that what came so far is decided each time
    pauses = [random.choice([0.0, 1.0, 90.0]) if slow else 0.0 for _ in doubled]
    bench = asyncio.run(drained(name, doubled, pauses))
    made = {role: bench.crm.count(role) for role in ("Calls", "Leads", "Tasks")}
    is_person = phone(expected["external"], "FR").kind == "number"
    unreached = expected["result"] in UNREACHED
    assert made["Calls"] == 1
    (call,) = bench.crm.all("Calls")
    recording = expected["recordings"][0][0] if expected["recordings"] else None
    assert (call["Call_Result"], call["Seconds"]) == (expected["result"], expected["talk_s"])
    assert call.get("Recording") == recording
    if not slow:
        assert made["Leads"] == is_person
        assert made["Tasks"] == unreached
    elif unreached:
        assert made["Tasks"] == 1
    assert not bench.store.refused
