"""What phone systems add to a call afterwards (a tag, a rating, a comment) is no call: of one that Tieline never heard of (older than
its connection, or than what is kept) it makes no record, and to one that it knows it adds none."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.test_phones_drain import put
from tests.connectors.test_phones_fold import FIXTURES, once_each, opened
from tests.engine.calls import calls_bench
from tieline.sdk.contract import Request
from tieline.sdk.manifest import connectors, load


def sent(value: dict[str, Any]) -> Request:
    return Request("POST", "", {"content-type": "application/json"}, json.dumps(value).encode())


def form(body: str) -> Request:
    return Request("POST", "", {"content-type": "application/x-www-form-urlencoded"}, body.encode())


ADDED = {
    "sipsim": lambda call, what="rating": sent({"event": what, "pbx_id": call, "time": "2026-06-01T12:00:00Z"}),
    "twilio": lambda call, what="absent": form(f"CallSid={call}&RecordingSid=RE1&RecordingStatus={what}"),
    "aircall": lambda call, what="call.tagged": sent(
        {"event": what, "timestamp": 1780315200, "data": {"id": int(call) if call.isdigit() else call}}
    ),
    "ringover": lambda call, what="tags_updated": sent(
        {"resource": "call", "event": what, "timestamp": 1780315200, "data": {"call_id": call}}
    ),
}
"""Phone system → something that it says of a call afterwards."""


async def made(name: str, requests: list[Request]) -> tuple[dict[str, int], int]:
    """(object → records, events that could not be read) once every wait is over."""
    bench = calls_bench()
    bench.sources = {1: load(name)(None)}
    drain = bench.drain()
    drain._settle_s = {1: connectors()[name].events.settle_s}
    for request in requests:
        put(bench, request)
    await drain.run_until_quiet()
    bench.clock.now += 5 * 3600
    await bench.quiet(drain)
    return {role: bench.crm.count(role) for role in ("Calls", "Leads", "Tasks")}, len(bench.store.refused)


@pytest.mark.proves("CALL-19")
@pytest.mark.parametrize(
    ("name", "what"),
    [
        *(("sipsim", what) for what in ("tags", "speech", "summary", "rating")),
        *(("twilio", what) for what in ("in-progress", "absent", "failed")),
        *(("aircall", f"call.{what}") for what in ("tagged", "untagged", "commented", "assigned", "archived", "hold")),
        *(("ringover", what) for what in ("tags_updated", "comments_updated")),
    ],
)
def test_of_a_call_that_nobody_knows_it_makes_no_record(name: str, what: str) -> None:
    request = ADDED[name]("77", what)
    assert load(name)(None).parse(request)[0].type == "enriched"
    assert asyncio.run(made(name, [request])) == ({"Calls": 0, "Leads": 0, "Tasks": 0}, 0)


@pytest.mark.proves("CALL-19")
@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("twilio", form("CallSid=77&RecordingSid=RE1&RecordingStatus=completed&RecordingUrl=https%3A%2F%2Fapi.twilio.com%2Fr")),
        ("ringover", sent({"resource": "call", "event": "record_available", "timestamp": 1780315200, "data": {"call_id": "77", "record_link": "https://cdn.ringover.com/r"}})),
        ("aircall", sent({"event": "call.comm_assets_generated", "timestamp": 1780315200, "data": {"id": 77, "recording_short_url": "https://x"}})),
        ("webhook", sent({"kind": "recording", "call_id": "77", "recording_url": "https://pbx.example.com/r"})),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_recording_alone_is_no_call(name: str, request_: Request) -> None:
    assert load(name)(None).parse(request_)[0].recording_url
    assert asyncio.run(made(name, [request_])) == ({"Calls": 0, "Leads": 0, "Tasks": 0}, 0)


@pytest.mark.proves("CALL-19")
@pytest.mark.parametrize(("name", "path"), [one for one in FIXTURES if one.values[0] in ADDED])
@pytest.mark.parametrize("first", [True, False])
def test_of_a_call_that_is_known_it_changes_nothing(name: str, path: Path, first: bool) -> None:
    requests, expected = opened(path)
    requests = once_each(load(name)(None), requests)
    added = ADDED[name](expected["key"])
    with_it = [added, *requests] if first else [*requests, added]
    plain, odd = asyncio.run(made(name, requests))
    assert (plain["Calls"], odd) == (1, 0)
    assert asyncio.run(made(name, with_it)) == (plain, 0)
