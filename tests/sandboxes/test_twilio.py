"""Twilio's sandbox: what a call sends, the API, and callbacks that a connector takes as genuine."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession, encode_basic_auth, web

from tests.sandboxes.conftest import Caller
from tieline.connectors.twilio.events import arrive
from tieline.connectors.twilio.sandbox import TOKEN
from tieline.connectors.twilio.sandbox_events import ACCOUNT, SimulatedCall, call_from, events_of, signature
from tieline.sdk.contract import Request
from tieline.sdk.sandbox import Running, serve

CALL = SimulatedCall("CA1", "+33612345678", ("+33186950031",), started=1_795_000_000.0)
API = f"/2010-04-01/Accounts/{ACCOUNT}"


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = await serve(0, ["twilio"])
    yield running
    await running.close()


@pytest.fixture
async def twilio(running: Running, session: ClientSession) -> Caller:
    caller = Caller(running, session, "twilio")
    caller.headers = {"Authorization": encode_basic_auth(ACCOUNT, TOKEN)}
    return caller


@pytest.fixture
async def got() -> AsyncIterator[tuple[str, list[Request]]]:
    """An address and what came there, as intake gives it to a connector."""
    requests: list[Request] = []
    app = web.Application()

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = request.rel_url.raw_query_string
        requests.append(Request(request.method, query, headers, await request.read(), url))
        return web.Response(status=202)

    app.router.add_route("*", "/in/key", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/in/key"
    yield url, requests
    await runner.cleanup()


@pytest.mark.parametrize(
    ("change", "statuses"),
    [
        ({}, ["initiated", "ringing", "in-progress", "completed", "completed"]),
        ({"outcome": "missed"}, ["initiated", "ringing", "no-answer", "completed"]),
        ({"outcome": "abandoned"}, ["completed"]),
        ({"outcome": "busy"}, ["busy"]),
        ({"outcome": "voicemail"}, ["initiated", "ringing", "no-answer", "completed", "recording"]),
        ({"recording": "late"}, ["initiated", "ringing", "in-progress", "completed", "completed", "recording"]),
        ({"direction": "outbound"}, ["initiated", "ringing", "in-progress", "completed"]),
        ({"direction": "outbound", "outcome": "canceled"}, ["initiated", "ringing", "canceled"]),
        ({"direction": "softphone", "outcome": "busy"}, ["initiated", "ringing", "busy", "completed"]),
    ],
)
def test_the_callbacks_of_a_call(change: dict[str, Any], statuses: list[str]) -> None:
    """An inbound parent tells its end only, and "completed" whatever became of its legs."""
    told = [one.fields.get("CallStatus", "recording") for one in events_of(replace(CALL, **change))]
    assert sorted(told) == sorted(statuses)
    last = [one.fields for one in events_of(replace(CALL, **change)) if "ParentCallSid" not in one.fields and "CallStatus" in one.fields]  # fmt: skip
    assert "CallDuration" in last[-1]


def test_deliveries_are_doubled_lost_and_shuffled() -> None:
    plain = [one.event for one in events_of(CALL)]
    assert [one.event for one in events_of(replace(CALL, doubled=True))][::2] == plain
    assert sorted(one.event for one in events_of(replace(CALL, shuffled=1))) == sorted(plain)
    assert len(events_of(replace(CALL, lost=(":in-progress",)))) == len(plain) - 1
    for wrong in ({"outcome": "levitated"}, {"direction": "up"}, {"lines": []}, {"colour": "red"}):
        with pytest.raises((ValueError, TypeError)):
            call_from({"sid": "CA1", "number": "1", "lines": ["2"], **wrong})


def test_the_signature_is_the_published_one() -> None:
    params = {"CallSid": "CA1234567890ABCDE", "Digits": "1234", "From": "+14158675309", "To": "+18005551212", "Caller": "+14158675309"}  # fmt: skip
    assert signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", params) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.proves("HUB-10")
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_call_is_delivered_signed(twilio: Caller, got: tuple[str, list[Request]], method: str) -> None:
    url, requests = got
    await twilio.control("POST", "webhooks", {"url": f"{url}?leg=a%20b", "secret": "s", "method": method})
    made = await twilio.control("POST", "calls", {"number": "+33612345678", "recording": "late"})
    assert {one["status"] for one in made["delivered"]} == {202}
    assert len(requests) == len(made["delivered"]) == 6
    for request in requests:
        assert request.method == method
        assert arrive(request, {"auth_token": "s"}, 0.0).signature == "verified"
        assert arrive(replace(request, url=url + "/"), {"auth_token": "s"}, 0.0).signature == "failed"
    fresh = (await twilio.control("POST", "token"))["secret"]
    await twilio.control("POST", "test")
    assert arrive(requests[-1], {"auth_token": fresh}, 0.0).signature == "verified"


async def test_a_call_of_the_set_up_page(twilio: Caller, got: tuple[str, list[Request]]) -> None:
    """What the pages ask a sandbox for, whichever phone system it is."""
    await twilio.control("POST", "webhooks", {"contract": "new", "url": got[0], "secret": "s"})
    asked = {"number": "+33639980001", "lines": ["+33186950031"], "outcome": "missed", "talk_s": 0}
    made = await twilio.control("POST", "calls", asked)
    assert made["sids"]
    assert {one["status"] for one in made["delivered"]} == {202}


async def test_who_may_ask(twilio: Caller) -> None:
    assert (await twilio("GET", f"{API}.json"))[1]["friendly_name"] == "Sandbox & Co"
    for headers in ({"Authorization": "Basic eDp5"}, {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": ""}):
        status, body = await twilio("GET", f"{API}/Calls.json", headers=headers)
        assert (status, body["code"]) == (401, 20003)
    status, body = await twilio("GET", "/2010-04-01/Accounts/AC1/Calls.json")
    assert (status, body["code"]) == (404, 20404)


async def test_lists_are_newest_first_in_pages(twilio: Caller) -> None:
    rows = [{"sid": f"CA{n:02}", "number": "+336", "lines": ["+331"], "started": 1_795_000_000.0 + n // 3, "direction": "outbound"} for n in range(10)]  # fmt: skip
    twilio.running.sandbox("twilio").store({"calls": rows})
    seen: list[str] = []
    path = f"{API}/Calls.json?PageSize=3&StartTime%3E=2026-11-18T11:06:41Z"
    while path:
        _, body = await twilio("GET", path)
        seen += [call["sid"] for call in body["calls"]]
        path = body["next_page_uri"]
    assert seen == ["CA09", "CA06", "CA07", "CA08", "CA03", "CA04", "CA05"], "what began in the named second is listed"
    assert (await twilio("GET", f"{API}/Calls.json?PageSize=x"))[0] == 400
    assert (await twilio("GET", f"{API}/Calls.json?StartTime%3C=2026-01-01"))[1]["calls"] == []


async def test_recordings_want_credentials(twilio: Caller) -> None:
    twilio.running.sandbox("twilio").store({"calls": [{"sid": "CA1", "number": "+336", "lines": ["+331"], "outcome": "voicemail", "started": 1.0}]})  # fmt: skip
    (recording,) = (await twilio("GET", f"{API}/Recordings.json"))[1]["recordings"]
    assert (recording["call_sid"], recording["source"]) == ("CA1", "RecordVerb")
    path = recording["uri"].removesuffix(".json")
    assert (await twilio("GET", f"{path}.mp3"))[0] == 200
    assert (await twilio("GET", f"{path}.mp3", headers={"Authorization": ""}))[0] == 401
    assert (await twilio("GET", f"{API}/Recordings/RE1.mp3"))[0] == 404
