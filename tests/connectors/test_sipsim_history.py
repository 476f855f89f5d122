"""SipSim's call list, lines and recordings."""

import pytest
from aiohttp import ClientSession, web

from tests.sdk.vendor import Vendor
from tieline.connectors.sipsim.connector import Connector
from tieline.core.errors import ConfigError, ProtocolError
from tieline.core.facts import CallFact
from tieline.sdk.connect import open_client
from tieline.sdk.manifest import connectors

TOKEN = "sipsim-token"


def subject(vendor: Vendor, session: ClientSession, token: str = TOKEN) -> Connector:
    return Connector(open_client(connectors()["sipsim"], session, {"token": token}, base_url=vendor.url))


def envelope(data: object, **pagination: object) -> dict[str, object]:
    return {
        "status": 200,
        "request_id": "r",
        "timestamp": "2025-01-15T10:30:00Z",
        "data": data,
        **({"pagination": pagination} if pagination else {}),
    }


def row(number: int, **more: object) -> dict[str, object]:
    return {
        "id": f"call_{number}",
        "direction": "inbound",
        "caller_number": "+33612345678",
        "receiver_number": "+33198765432",
        "start_time": f"2025-01-15T10:{number:02}:00Z",
        "duration": 60,
        "status": "ANSWER",
        "audio_path": None,
        **more,
    }


@pytest.mark.proves("CALL-21")
async def test_gaps_are_filled_page_by_page(vendor: Vendor, session: ClientSession) -> None:
    pages = {
        None: envelope([row(1), row(2, direction="outbound")], count=2, limit=2, page="p2", has_more=True),
        "p2": envelope([row(3, duration=0, status="MISSED"), row(9)], count=2, limit=2, page=None, has_more=False),
    }

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.path == "/api/v2/calls"
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert request.query["start_time"] == "2025-01-15T10:00:00Z"
        assert request.query["end_time"] == "2025-01-15T10:09:00Z"
        return web.json_response(pages[request.query.get("page")])

    vendor.answer = answer
    source = subject(vendor, session).list_since("2025-01-15T10:00:00Z", "2025-01-15T10:09:00Z")
    seen: list[list[CallFact]] = [list(page) async for page in source]
    assert [len(page) for page in seen] == [4, 2]  # a start and an end each; call 9 began at the end, which is outside
    start, end = seen[0][:2]
    assert (start.type, start.occurred_at, start.line_number) == ("ringing", "2025-01-15T10:01:00Z", "+33198765432")
    assert (end.call_key, end.final, end.outcome, end.talk_s, end.occurred_at) == (
        "call_1",
        True,
        "answered",
        60,
        "2025-01-15T10:02:00Z",
    )
    assert (seen[0][3].direction, seen[0][3].external_number) == ("outbound", "+33198765432")
    assert seen[1][1].outcome == "missed"


async def test_a_list_that_never_ends_is_refused(vendor: Vendor, session: ClientSession) -> None:
    vendor.in_turn(lambda _request: web.json_response(envelope([], page="same", has_more=True)))
    with pytest.raises(ProtocolError):
        [page async for page in subject(vendor, session).list_since("2025-01-15T10:00:00Z")]
    assert len(vendor.seen) == 2


async def test_lines_and_account(vendor: Vendor, session: ClientSession) -> None:
    phones = [
        {"type": "regular", "number": "+33198765432", "name": "Anna"},
        {"type": "ivr", "number": "+33198765400"},
        {"type": "regular"},
    ]
    vendor.in_turn(lambda _request: web.json_response(envelope(phones)))
    assert await subject(vendor, session).lines() == [("+33198765432", "Anna"), ("+33198765400", "ivr")]
    vendor.in_turn(
        lambda _request: web.json_response(envelope({"id": 12345, "company_name": "Acme", "email": "a@b.c"}))
    )
    identity = await subject(vendor, session).check()
    assert (identity.account_id, identity.name) == ("12345", "Acme")


async def test_without_a_token_nothing_is_asked(vendor: Vendor, session: ClientSession) -> None:
    connector = subject(vendor, session, token="")
    assert (await connector.check()).account_id == ""
    with pytest.raises(ConfigError):
        await connector.lines()
    assert not vendor.seen


async def test_a_recording(vendor: Vendor, session: ClientSession) -> None:
    vendor.in_turn(lambda _request: web.Response(body=b"ID3", content_type="audio/mpeg"))
    assert await subject(vendor, session).open(f"{vendor.url}/recordings/1.mp3", 100) == ("audio/mpeg", b"ID3")
    with pytest.raises(ConfigError):
        await subject(vendor, session).open("https://elsewhere.example/1.mp3", 100)
