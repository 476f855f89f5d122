"""Aircall's list of calls, numbers and recordings."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web

from tests.sdk.vendor import Vendor
from tieline.connectors.aircall import connector as module
from tieline.connectors.aircall.connector import Connector
from tieline.connectors.aircall.sandbox import API_ID, API_TOKEN
from tieline.core.errors import ConfigError, ProtocolError, TransientError
from tieline.core.facts import CallFact
from tieline.sdk.connect import open_client
from tieline.sdk.manifest import connectors
from tieline.sdk.sandbox import Running, serve

BEGAN = 1_790_000_000


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = await serve(0, ["aircall"])
    yield running
    await running.close()


def subject(base_url: str, session: ClientSession, token: str = API_TOKEN) -> Connector:
    fields = {"api_id": API_ID, "api_token": token}
    return Connector(open_client(connectors()["aircall"], session, fields, base_url=base_url))


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"id": n, "number": "+33612345678", "lines": ["+33186950041"], "started": BEGAN + n, **more} for n in range(1, count + 1)]  # fmt: skip


@pytest.mark.proves("CALL-21")
async def test_more_calls_than_a_query_shows(running: Running, session: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """Behind the last one shown is asked anew, from its second on."""
    monkeypatch.setattr("tieline.connectors.aircall.sandbox.MOST_OF_A_QUERY", 100)
    monkeypatch.setattr(module, "LAST_PAGE", 2)
    running.sandbox("aircall").store({"calls": rows(270)})
    source = subject(f"{running.url}/aircall", session).list_since("2026-09-21T14:13:20Z")
    pages: list[list[CallFact]] = [list(page) async for page in source]
    assert {fact.call_key for page in pages for fact in page if fact.final} == {str(n) for n in range(1, 271)}
    running.sandbox("aircall").store({"calls": [{**row, "id": row["id"] + 1000, "started": BEGAN + 400} for row in rows(150)]})  # fmt: skip
    with pytest.raises(ProtocolError, match="one second"):
        [page async for page in subject(f"{running.url}/aircall", session).list_since("2026-09-21T14:20:00Z")]


async def test_calls_that_go_on_are_not_listed(vendor: Vendor, session: ClientSession) -> None:
    call = {"id": 1, "direction": "inbound", "status": "answered", "started_at": BEGAN, "answered_at": BEGAN + 1}
    over = {**call, "id": 2, "status": "done", "ended_at": BEGAN + 9, "duration": 9}
    vendor.in_turn(
        lambda _request: web.json_response({"calls": [call, over], "meta": {"total": 2, "next_page_link": None}})
    )
    facts = [fact async for page in subject(vendor.url, session).list_since("2026-09-21T00:00:00Z") for fact in page]
    assert {fact.call_key for fact in facts} == {"2"}


async def test_a_list_that_never_ends_is_refused(vendor: Vendor, session: ClientSession) -> None:
    vendor.in_turn(lambda _request: web.json_response({"calls": [], "meta": {"next_page_link": "https://x.example/"}}))
    with pytest.raises(ProtocolError):
        [page async for page in subject(vendor.url, session).list_since("2026-09-21T00:00:00Z")]
    assert len(vendor.seen) == 1


async def test_lines_and_company(running: Running, session: ClientSession) -> None:
    connector = subject(f"{running.url}/aircall", session)
    assert (await connector.lines())[0] == ("+33 1 86 95 00 41", "Front desk")
    assert (await connector.check()).name == "Sandbox & Co"
    unkeyed = subject(f"{running.url}/aircall", session, token="")
    assert (await unkeyed.check()).account_id == ""
    with pytest.raises(ConfigError):
        await unkeyed.lines()


@pytest.mark.proves("CALL-20")
async def test_a_recording_is_asked_for_anew_when_its_address_is_dead(running: Running, session: ClientSession) -> None:  # fmt: skip
    sandbox = running.sandbox("aircall")
    base = f"{running.url}/aircall"
    sandbox.store({"calls": rows(1, recording="late", recording_base=base)})
    connector = subject(base, session)
    url = "https://assets.aircall.io/calls/1/recording"
    assert (await connector.open(url, 1 << 20))[0] == "audio/mpeg"
    sandbox.clock_offset = 30 * 24 * 3600
    assert (await connector.open(url, 1 << 20))[0] == "audio/mpeg"
    with pytest.raises(TransientError):
        await connector.open("https://assets.aircall.io/calls/1/voicemail", 1 << 20)
    for other in (
        "https://assets.aircall.io/calls/1/recording/../../2",
        "https://assets.aircall.io.evil.example/calls/1/recording",
        "https://s3.amazonaws.com/anything",
    ):
        with pytest.raises(ConfigError):
            await connector.open(other, 1 << 20)


async def test_no_credentials_go_where_the_recording_lies(vendor: Vendor, session: ClientSession) -> None:
    address = f"{vendor.url}/rec.mp3?Signature=s"
    vendor.in_turn(
        lambda _request: web.json_response({"call": {"id": 1, "recording": address}}),
        lambda _request: web.Response(body=b"ID3", content_type="audio/mpeg"),
    )
    assert await subject(vendor.url, session).open("https://assets.aircall.io/calls/1/recording", 9) == ("audio/mpeg", b"ID3")  # fmt: skip
    assert ["Authorization" in headers for _, _, headers, _ in vendor.seen] == [True, False]
