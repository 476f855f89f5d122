"""Aircall's sandbox: what a call sends, the API, and files whose addresses die."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession, encode_basic_auth, web

from tests.sandboxes.conftest import Caller
from tieline.connectors.aircall.events import arrive
from tieline.connectors.aircall.sandbox import API_ID, API_TOKEN
from tieline.connectors.aircall.sandbox_events import SimulatedCall, call_from, events_of
from tieline.sdk.contract import Request
from tieline.sdk.sandbox import Running, serve

BEGAN = 1_795_000_000
CALL = SimulatedCall(812, "+33612345678", ("+33186950041",), started=float(BEGAN))


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = await serve(0, ["aircall"])
    yield running
    await running.close()


@pytest.fixture
async def aircall(running: Running, session: ClientSession) -> Caller:
    caller = Caller(running, session, "aircall")
    caller.headers = {"Authorization": encode_basic_auth(API_ID, API_TOKEN)}
    return caller


@pytest.fixture
async def got() -> AsyncIterator[tuple[str, list[Request]]]:
    """An address and what came there."""
    requests: list[Request] = []
    app = web.Application()

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        requests.append(Request(request.method, request.query_string, headers, await request.read()))
        return web.Response(status=202)

    app.router.add_route("*", "/in", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/in", requests
    await runner.cleanup()


@pytest.mark.parametrize(
    ("change", "events"),
    [
        ({}, ["created", "ringing_on_agent", "answered", "hungup", "ended"]),
        ({"recording": "late"}, ["created", "ringing_on_agent", "answered", "hungup", "ended", "comm_assets_generated"]),
        ({"transferred_to": "bruno@example.com"}, ["created", "ringing_on_agent", "answered", "transferred", "hungup", "ended"]),
        ({"outcome": "missed", "agents": ("a", "b")}, ["created", "ringing_on_agent", "ringing_on_agent", "hungup", "ended"]),
        ({"outcome": "abandoned", "lines": ("+331", "+332")}, ["created", "created", "hungup", "ended"]),
        ({"outcome": "voicemail"}, ["created", "ringing_on_agent", "hungup", "voicemail_left", "ended", "comm_assets_generated"]),
        ({"direction": "outbound"}, ["created", "answered", "hungup", "ended"]),
        ({"direction": "outbound", "outcome": "no_answer"}, ["created", "hungup", "ended"]),
        ({"lost": ("call.created", "call.hungup")}, ["ringing_on_agent", "answered", "ended"]),
    ],
)  # fmt: skip
def test_the_events_of_a_call(change: dict[str, Any], events: list[str]) -> None:
    assert [one.event.removeprefix("call.") for one in events_of(replace(CALL, **change))] == events


def test_what_is_known_when() -> None:
    """duration has the ringing in it, hungup has no reason yet, and only ended comes half a minute later."""
    by_name = {one.event: one for one in events_of(replace(CALL, outcome="missed", number="anonymous"))}
    assert by_name["call.created"].fields["status"] == "initial"
    hungup, ended = by_name["call.hungup"], by_name["call.ended"]
    assert ended.at - hungup.at == 30
    assert (hungup.fields["missed_call_reason"], ended.fields["missed_call_reason"]) == (None, "agents_did_not_answer")
    end = {one.event: one for one in events_of(CALL)}["call.ended"].fields
    assert (end["duration"], end["ended_at"] - end["answered_at"], end["raw_digits"]) == (68, 60, "+33 6 12 34 56 78")
    outbound = events_of(replace(CALL, direction="outbound", outcome="no_answer"))[-1].fields
    assert (outbound["answered_at"], outbound["missed_call_reason"]) == (None, None)
    for wrong in ({"outcome": "levitated"}, {"direction": "up"}, {"id": "x"}, {"lines": []}, {"colour": "red"}):
        with pytest.raises((ValueError, TypeError)):
            call_from({"id": 1, "number": "1", "lines": ["2"], **wrong})


@pytest.mark.proves("HUB-10")
async def test_a_call_is_delivered_with_its_token(aircall: Caller, got: tuple[str, list[Request]]) -> None:
    """As the pages ask for it, whichever phone system it is."""
    url, requests = got
    await aircall.control("POST", "webhooks", {"contract": "new", "url": url, "secret": "t"})
    asked = {"number": "+33639980001", "lines": ["+33186950041"], "outcome": "missed", "talk_s": 0}
    made = await aircall.control("POST", "calls", asked)
    assert [one["status"] for one in made["delivered"]] == [202] * 4
    await aircall.control("POST", "test")
    assert len(requests) == 5
    assert {arrive(one, {"webhook_token": "t"}, 0.0).signature for one in requests} == {"token"}
    assert {arrive(one, {"webhook_token": "u"}, 0.0).signature for one in requests} == {"failed"}
    assert orjson.loads(requests[0].body)["data"]["id"] == int(made["ids"][0])


async def test_calls_by_time_and_page(aircall: Caller) -> None:
    rows = [{"id": n, "number": "+336", "lines": ["+331"], "started": float(BEGAN + n)} for n in range(1, 121)]
    aircall.running.sandbox("aircall").store({"calls": rows})
    _, body = await aircall("GET", f"/v1/calls?from={BEGAN + 11}&to={BEGAN + 100}&per_page=100&page=2")
    assert (body["meta"]["total"], body["meta"]["per_page"], body["meta"]["count"]) == (90, 50, 40)
    assert body["meta"]["next_page_link"] is None
    assert [call["id"] for call in body["calls"]] == list(range(61, 101))
    _, body = await aircall("GET", "/v1/calls?order=desc")
    assert [body["calls"][0]["id"], body["meta"]["per_page"]] == [120, 20]
    assert "sid" in body["calls"][0]
    assert "call_uuid" not in body["calls"][0]
    assert (await aircall("GET", "/v1/calls?page=0"))[0] == 400
    assert (await aircall("GET", "/v1/calls?from=soon"))[0] == 400
    assert (await aircall("GET", "/v1/calls/999"))[0] == 404


async def test_a_recordings_address_dies(aircall: Caller) -> None:
    sandbox = aircall.running.sandbox("aircall")
    sandbox.store({"calls": [{"id": 1, "number": "+336", "lines": ["+331"], "started": 1.0, "recording": "late", "recording_base": aircall.base}]})  # fmt: skip
    address = (await aircall("GET", "/v1/calls/1"))[1]["call"]["recording"].removeprefix(aircall.base)
    assert (await aircall("GET", address))[0] == 200
    await aircall.control("POST", "clock", {"advance": 3601})
    assert (await aircall("GET", address))[0] == 403
    assert (await aircall("GET", "/recordings/1.mp3"))[0] == 403


async def test_who_may_ask(aircall: Caller) -> None:
    assert (await aircall("GET", "/v1/company"))[1]["company"]["name"] == "Sandbox & Co"
    assert [row["name"] for row in (await aircall("GET", "/v1/numbers"))[1]["numbers"]] == ["Front desk", "Support", "Sales"]  # fmt: skip
    for headers in ({"Authorization": "Basic eDp5"}, {"Authorization": ""}):
        assert (await aircall("GET", "/v1/company", headers=headers))[0] == 401
    assert (await aircall("POST", "/v1/calls"))[0] == 404
