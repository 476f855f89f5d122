"""Twilio's list of calls, numbers and recordings; what is listed is what the callbacks said."""

from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import ClientSession, web
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sdk.vendor import Vendor
from tieline.connectors.twilio import events
from tieline.connectors.twilio.connector import Connector, leg_of
from tieline.connectors.twilio.sandbox import _shown_leg
from tieline.connectors.twilio.sandbox_events import SimulatedCall, events_of, legs_of
from tieline.core.errors import ConfigError, ProtocolError
from tieline.flows.calls.fold import fold
from tieline.flows.calls.settings import Settings
from tieline.sdk.connect import open_client
from tieline.sdk.contract import Request
from tieline.sdk.manifest import connectors

SID = "AC1"


def subject(vendor: Vendor, session: ClientSession) -> Connector:
    fields = {"account_sid": SID, "auth_token": "t"}
    return Connector(open_client(connectors()["twilio"], session, fields, base_url=vendor.url))


def row(sid: str, minute: int, parent: str | None = None, **more: object) -> dict[str, object]:
    began = f"Wed, 15 Jan 2025 10:{minute:02}:00 +0000"
    ended = f"Wed, 15 Jan 2025 10:{minute:02}:50 +0000"
    return {
        "sid": sid,
        "parent_call_sid": parent,
        "from": "+33612345678",
        "to": "+33186950031" if parent is None else "client:anna",
        "direction": "inbound" if parent is None else "outbound-dial",
        "status": "completed",
        "start_time": began,
        "end_time": ended,
        "duration": "50" if parent is None else "30",
        **more,
    }


@pytest.mark.proves("CALL-21")
async def test_gaps_are_filled_with_legs_and_recordings(vendor: Vendor, session: ClientSession) -> None:
    """A leg may stand on the page before its call, and legs of calls that are not listed make no call."""
    answers: list[dict[str, Any]] = [
        {
            "calls": [row("CA9", 20), row("CA22", 2, "CA2"), row("CA33", 1, "CA0")],
            "next_page_uri": "/2010-04-01/Accounts/AC1/Calls.json?PageSize=1000&Page=1&PageToken=PAx",
        },
        {"calls": [row("CA2", 2), row("CA1", 1, status="in-progress"), row("CA3", 1)], "next_page_uri": None},
        {
            "recordings": [
                {"sid": "RE1", "call_sid": "CA2", "status": "completed", "source": "DialVerb", "duration": "30",
                 "start_time": "Wed, 15 Jan 2025 10:02:20 +0000", "uri": "/2010-04-01/Accounts/AC1/Recordings/RE1.json"},
                {"sid": "RE2", "call_sid": "CA9", "status": "completed", "uri": "/2010-04-01/Accounts/AC1/Recordings/RE2.json"},
            ],
            "next_page_uri": None,
        },
    ]  # fmt: skip
    asked: list[tuple[str, dict[str, str]]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append((request.path, dict(parse_qsl(request.query_string))))
        assert request.headers["Authorization"].startswith("Basic ")
        return web.json_response(answers[len(asked) - 1])

    vendor.answer = answer
    found = subject(vendor, session).list_since("2025-01-15T10:01:00Z", "2025-01-15T10:20:00Z")
    facts = [fact async for page in found for fact in page]
    assert {fact.call_key for fact in facts} == {"CA2", "CA3"}
    calls = {key: fold(None, [one.to_json() for one in facts if one.call_key == key], Settings()).subject for key in ("CA2", "CA3")}  # fmt: skip
    assert (calls["CA2"]["result"], calls["CA2"]["talk_s"], calls["CA2"]["agent"]) == ("answered", 30, "client:anna")
    assert (calls["CA3"]["result"], calls["CA3"]["talk_s"]) == ("missed", 0)
    assert calls["CA2"]["recordings"][0]["url"] == f"{vendor.url}/2010-04-01/Accounts/AC1/Recordings/RE1"
    assert [path.rpartition("/")[2] for path, _ in asked] == ["Calls.json", "Calls.json", "Recordings.json"]
    assert asked[0][1] == {"StartTime>": "2025-01-15T10:01:00Z", "StartTime<": "2025-01-16T10:20:00Z", "PageSize": "1000"}  # fmt: skip
    assert asked[1][1]["PageToken"] == "PAx"


async def test_a_list_that_never_ends_is_refused(vendor: Vendor, session: ClientSession) -> None:
    following = "/2010-04-01/Accounts/AC1/Calls.json?PageSize=1000&Page=1&PageToken=PAx"
    vendor.in_turn(lambda _request: web.json_response({"calls": [], "next_page_uri": following}))
    with pytest.raises(ProtocolError):
        [page async for page in subject(vendor, session).list_since("2025-01-15T10:00:00Z")]
    assert len(vendor.seen) == 2


async def test_the_next_page_is_asked_where_we_ask(vendor: Vendor, session: ClientSession) -> None:
    """Whatever path the answer names: it is one of ours with the place behind it."""
    elsewhere = "/2010-04-01/Accounts/AC2/Secrets.json?PageToken=PAx"
    vendor.in_turn(
        lambda _request: web.json_response({"incoming_phone_numbers": [], "next_page_uri": elsewhere}),
        lambda _request: web.json_response(
            {"incoming_phone_numbers": [{"phone_number": "+331", "friendly_name": "F"}]}
        ),
    )
    assert await subject(vendor, session).lines() == [("+331", "F")]
    assert [path.partition("?")[0] for _, path, _, _ in vendor.seen] == ["/2010-04-01/Accounts/AC1/IncomingPhoneNumbers.json"] * 2  # fmt: skip


async def test_a_recording_is_asked_for_as_mp3_with_credentials(vendor: Vendor, session: ClientSession) -> None:
    vendor.in_turn(lambda _request: web.Response(body=b"ID3", content_type="audio/mpeg"))
    url = f"{vendor.url}/2010-04-01/Accounts/AC1/Recordings/RE1"
    assert await subject(vendor, session).open(url, 100) == ("audio/mpeg", b"ID3")
    assert await subject(vendor, session).open(f"{url}.wav", 100) == ("audio/mpeg", b"ID3")
    assert [(path.rpartition("/")[2], headers["Authorization"]) for _, path, headers, _ in vendor.seen] == [
        ("RE1.mp3", "Basic QUMxOnQ="),
        ("RE1.wav", "Basic QUMxOnQ="),
    ]
    with pytest.raises(ConfigError):
        await subject(vendor, session).open("https://elsewhere.example/Recordings/RE1", 100)


CALLS = st.builds(
    SimulatedCall,
    sid=st.just("CA1"),
    number=st.sampled_from(["+33612345678", "+266696687", "anonymous"]),
    lines=st.just(("+33186950031",)),
    agents=st.sampled_from([("+33700000001",), ("client:anna", "+33700000002"), ("sip:a@b.example",)]),
    direction=st.sampled_from(["inbound", "outbound", "softphone"]),
    outcome=st.sampled_from(
        ["answered", "missed", "voicemail", "abandoned", "no_answer", "busy", "canceled", "failed"]
    ),
    started=st.just(1_736_937_000.0),
    ring_s=st.integers(2, 30),
    talk_s=st.integers(1, 600),
    method=st.sampled_from(["POST", "GET"]),
    shuffled=st.none() | st.integers(0, 5),
    doubled=st.booleans(),
)
SEEN = ("key", "direction", "external", "line", "result", "talk_s", "started_at", "ended_at")


@pytest.mark.proves("CALL-19", "CALL-21")
@settings(max_examples=300)
@given(CALLS)
def test_the_list_says_what_the_callbacks_said(call: SimulatedCall) -> None:
    told: list[dict[str, Any]] = []
    for delivery in events_of(call):
        query = delivery.url("").removeprefix("?") if delivery.method == "GET" else ""
        headers = {"content-type": "application/x-www-form-urlencoded"}
        told += [fact.to_json() for fact in events.parse(Request(delivery.method, query, headers, delivery.body))]
    listed: list[dict[str, Any]] = []
    for leg in legs_of(call):
        read = leg_of(_shown_leg(leg))
        assert read is not None
        listed += [fact.to_json() for fact in events.facts_of(read)]
    by_events, by_list = (fold(None, facts, Settings()).subject for facts in (told, listed))
    if call.has_voicemail:  # its recording is listed elsewhere
        assert by_events["result"] == "voicemail"
        by_list = {**by_list, "result": "voicemail"}
    same = [name for name in SEEN if name != "started_at" or call.direction == "outbound"]
    assert {name: by_events.get(name) for name in same} == {name: by_list.get(name) for name in same}
    assert fold(by_events, listed, Settings()).subject["result"] == by_events["result"]
    reached = call.outcome == "answered"
    assert (by_events["result"] == "answered") is reached
    assert by_events["talk_s"] == (call.talk_s if reached else 0)
