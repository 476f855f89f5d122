"""SipSim: what a call sends under both contracts, the API, and the switchboard's deliveries."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import orjson
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from tests.sandboxes.conftest import Caller
from tieline.connectors.sipsim.sandbox_events import OLD_EVENTS, OUTCOMES, Delivery, SimulatedCall, call_from, events_of

STARTED = 1_795_000_000.0
CALL = SimulatedCall("call_1", "+33612345678", ("+33198765432",), started=STARTED)
CHAIN = replace(CALL, lines=("+33198765431", "+33198765432", "+33198765433"))


def payload(delivery: Delivery) -> dict[str, Any]:
    """What the receiver sees, whichever way it came."""
    if delivery.method == "GET":
        return dict(parse_qsl(delivery.query))
    if delivery.headers["Content-Type"] == "application/json":
        return orjson.loads(delivery.body)
    return dict(parse_qsl(delivery.body.decode()))


def names(call: SimulatedCall) -> list[str]:
    return [delivery.event for delivery in events_of(call)]


@pytest.mark.parametrize(
    ("change", "events"),
    [
        ({}, ["incoming_call_start", "incoming_call_answer", "incoming_call_end"]),
        ({"outcome": "missed"}, ["incoming_call_start", "incoming_call_end"]),
        ({"outcome": "voicemail"}, ["incoming_call_start", "incoming_call_end", "voicemail"]),
        ({"direction": "outbound"}, ["outgoing_call_start", "outgoing_call_answer", "outgoing_call_end"]),
        ({"direction": "outbound", "outcome": "busy"}, ["outgoing_call_start", "outgoing_call_end"]),
        (
            {"recording": "late"},
            ["incoming_call_start", "incoming_call_answer", "incoming_call_end", "incoming_call_end"],
        ),
        ({"doubled": True, "outcome": "missed"}, ["incoming_call_start"] * 2 + ["incoming_call_end"] * 2),
        ({"reversed": True}, ["incoming_call_end", "incoming_call_answer", "incoming_call_start"]),
        ({"lost": ("incoming_call_start",)}, ["incoming_call_answer", "incoming_call_end"]),
        ({"late": ("incoming_call_answer",)}, ["incoming_call_start", "incoming_call_end", "incoming_call_answer"]),
        ({"contract": "old", "outcome": "voicemail"}, ["incoming_call_start", "incoming_call_end"]),
    ],
)
def test_the_events_of_a_call(change: dict[str, Any], events: list[str]) -> None:
    assert names(replace(CALL, **change)) == events


def test_a_chain_rings_one_after_the_other() -> None:
    seen = [
        (one["event"].removeprefix("incoming_call_"), one["receiver"][-1], one.get("status"))
        for one in map(payload, events_of(replace(CHAIN, answered_by=1)))
    ]
    assert seen == [
        ("start", "1", None),
        ("start_chain_member_call", "1", None),
        ("end_chain_member_call", "1", "NOANSWER"),
        ("start_chain_member_call", "2", None),
        ("answer", "2", None),
        ("end_chain_member_call", "2", "ANSWER"),
        ("end", "2", "ANSWER"),
    ]
    missed = names(replace(CHAIN, outcome="missed"))
    assert (
        missed.count("incoming_call_start_chain_member_call")
        == missed.count("incoming_call_end_chain_member_call")
        == 3
    )


@pytest.mark.parametrize(
    ("direction", "outcome", "new", "old"),
    [
        ("inbound", "answered", "ANSWER", "answer"),
        ("inbound", "missed", "MISSED", "noanswer"),
        ("inbound", "voicemail", "MISSED", "noanswer"),
        ("inbound", "busy", "BUSY", "noanswer"),
        ("inbound", "no_answer", "NOANSWER", "noanswer"),
        ("outbound", "answered", "ANSWER", "answer"),
        ("outbound", "missed", "NOANSWER", "noanswer"),
        ("outbound", "busy", "BUSY", "noanswer"),
        ("outbound", "no_answer", "NOANSWER", "noanswer"),
    ],
)
def test_the_status_of_an_end(direction: Any, outcome: Any, new: str, old: str) -> None:
    for contract, status in (("new", new), ("old", old)):
        deliveries = events_of(replace(CALL, direction=direction, outcome=outcome, contract=contract))
        (end,) = [payload(one) for one in deliveries if one.event.endswith("_call_end")]
        assert end["status"] == status
        assert int(end["duration"]) == (60 if outcome == "answered" else 0)
        outside, line = ("caller", "receiver") if direction == "inbound" else ("receiver", "caller")
        assert (end[outside], end[line]) == ("+33612345678", "+33198765432")


def test_the_recording_comes_with_the_end_late_or_not_at_all() -> None:
    found = {
        kind: [
            payload(one)["audio_path"]
            for one in events_of(replace(CALL, recording=kind))
            if one.event == "incoming_call_end"
        ]
        for kind in ("none", "end", "late")
    }
    url = "https://app.sipsim.com/recordings/call_1.mp3"
    assert found == {"none": [None], "end": [url], "late": [None, url]}
    old = [payload(one) for one in events_of(replace(CALL, contract="old"))]
    assert "audio_path" not in old[-1], "the old contract leaves out what there is not"
    assert payload(events_of(replace(CALL, outcome="missed", recording="end"))[-1])["audio_path"] is None


def test_the_signature_is_over_timestamp_dot_body() -> None:
    for delivery in events_of(replace(CALL, outcome="voicemail"), "whsec_1", sent_at=1_795_000_900.7):
        stamp = delivery.headers["X-Webhook-Timestamp"]
        assert stamp == "1795000900"
        wanted = hmac.new(b"whsec_1", b"1795000900." + delivery.body, hashlib.sha256).hexdigest()
        assert delivery.headers["X-Webhook-Signature"] == wanted
    assert events_of(CALL, "whsec_1")[0].headers["X-Webhook-Timestamp"] == "1795000000", "else the event's own time"


@pytest.mark.parametrize(("method", "body"), [("GET", "form"), ("POST", "form"), ("POST", "json")])
def test_the_old_contract_in_each_of_its_shapes(method: Any, body: Any) -> None:
    start, *_ = events_of(replace(CALL, contract="old", old_method=method, old_body=body))
    assert start.method == method
    assert "X-Webhook-Signature" not in start.headers
    assert payload(start) == {
        "event": "incoming_call_start",
        "caller": "+33612345678",
        "receiver": "+33198765432",
        "time": "2026-11-18T11:06:40+00:00",
        "pbx_id": "call_1",
    }
    assert start.url("http://h/in?event=incoming_call_start").count("?") == 1


calls = st.builds(
    SimulatedCall,
    pbx_id=st.just("call_1"),
    number=st.sampled_from(["+33612345678", "anonymous", "102"]),
    lines=st.lists(st.sampled_from(["+331", "+332", "+333"]), min_size=1, max_size=3, unique=True).map(tuple),
    contract=st.sampled_from(["new", "old"]),
    direction=st.sampled_from(["inbound", "outbound"]),
    outcome=st.sampled_from(OUTCOMES),
    started=st.just(STARTED),
    recording=st.sampled_from(["none", "end", "late"]),
    doubled=st.booleans(),
    reversed=st.booleans(),
    shuffled=st.none() | st.integers(0, 9),
)


@given(calls)
def test_delivery_changes_order_and_count_but_never_content(call: SimulatedCall) -> None:
    plain = replace(call, doubled=False, reversed=False, shuffled=None)
    mine, straight = [[(one.event, one.query, one.body) for one in events_of(each)] for each in (call, plain)]
    assert set(mine) == set(straight)
    assert len(mine) == len(straight) * (2 if call.doubled else 1)
    assert all(event in OLD_EVENTS for event, _, _ in mine) or call.contract == "new"
    assert events_of(call) == events_of(call), "the same call sends the same"


@pytest.mark.parametrize(
    "wrong", [{"outcome": "sung"}, {"lines": []}, {"direction": "up"}, {"contract": "none"}, {"x": 1}]
)
def test_what_is_no_call_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        call_from({"pbx_id": "1", "number": "1", "lines": ["1"], **wrong})


# -- the API ----------------------------------------------------------------------------------------------------------


async def test_client_credentials(sipsim: Caller) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "scope": "calls.read phones.read",
    }
    status, got = await sipsim("POST", "/oauth/token", data=form)
    assert (status, got["token_type"], got["expires_in"], got["scope"]) == (
        200,
        "Bearer",
        7200,
        "calls.read phones.read",
    )
    sipsim.headers = {"Authorization": f"Bearer {got['access_token']}"}
    assert (await sipsim("GET", "/api/v2/phones"))[0] == 200
    assert (await sipsim("GET", "/api/v2/account"))[0] == 403
    await sipsim.control("POST", "clock", {"advance": 7201})
    assert (await sipsim("GET", "/api/v2/phones"))[0] == 401
    for change, status in (({"client_secret": "x"}, 401), ({"scope": "all"}, 400), ({"grant_type": "password"}, 400)):
        assert (await sipsim("POST", "/oauth/token", data={**form, **change}))[0] == status


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Zoho-oauthtoken sandbox-token"])
async def test_a_bad_token(sipsim: Caller, header: str) -> None:
    sipsim.headers = {"Authorization": header}
    status, body = await sipsim("GET", "/api/v2/phones")
    assert (status, body["status"]) == (401, 401)


async def test_the_envelope_and_both_lists_of_phones(sipsim: Caller) -> None:
    status, body = await sipsim("GET", "/api/v2/phones")
    assert status == body["status"] == 200
    assert {"request_id", "timestamp", "data"} <= body.keys()
    assert {phone["type"] for phone in body["data"]} == {"regular", "department"}
    status, old = await sipsim("GET", "/api/v1/phones?token=sandbox-token")
    assert status == 200
    assert [phone["number"] for phone in old] == [phone["number"] for phone in body["data"]]
    assert (await sipsim("GET", "/api/v1/phones?token=no"))[0] == 401
    await sipsim.control("POST", "records", {"phones": [{"number": "70100411", "name": "Anna"}]})
    assert [phone["number"] for phone in (await sipsim("GET", "/api/v2/phones"))[1]["data"]] == ["70100411"]


@pytest.mark.parametrize(
    "query", ["", "start_time=yesterday", "start_time=2026-01-01T00:00:00Z&limit=19", "start_time=2026-01-01T00:00:00Z&limit=1001",
              "start_time=2026-01-01T00:00:00Z&page=x"],
)  # fmt: skip
async def test_a_list_of_calls_that_is_refused(sipsim: Caller, query: str) -> None:
    assert (await sipsim("GET", f"/api/v2/calls?{query}"))[0] == 400


async def test_the_list_of_calls_by_pages_and_kinds(sipsim: Caller) -> None:
    kinds = [("inbound", outcome) for outcome in OUTCOMES] + [("outbound", "answered"), ("outbound", "busy")]
    made = [
        {
            "pbx_id": f"c{number:03}",
            "number": f"+336{number:08}",
            "lines": ["+331"],
            "direction": direction,
            "outcome": outcome,
            "started": STARTED + number // 2,
        }
        for number, (direction, outcome) in enumerate(kinds * 10)
    ]
    await sipsim.control("POST", "records", {"calls": made})
    base = "/api/v2/calls?start_time=2026-11-01T00:00:00Z&end_time=2026-12-01T00:00:00Z"
    seen: list[str] = []
    page = ""
    while True:
        _, body = await sipsim("GET", f"{base}&limit=20{page}")
        seen += [call["id"] for call in body["data"]]
        assert body["pagination"]["count"] == len(body["data"])
        if not body["pagination"]["has_more"]:
            break
        page = f"&page={body['pagination']['page']}"
    assert seen == [call["pbx_id"] for call in made]
    for types, count in (
        ("inbound", 10),
        ("missed", 30),
        ("voicemail", 10),
        ("outgoing", 20),
        ("inbound,outgoing", 30),
    ):
        assert len((await sipsim("GET", f"{base}&call_types={types}"))[1]["data"]) == count
    assert len((await sipsim("GET", f"{base}&search=00000007"))[1]["data"]) == 1
    assert (await sipsim("GET", "/api/v2/calls?start_time=2026-12-01T00:00:00Z&end_time=2026-12-02T00:00:00Z"))[1][
        "data"
    ] == []
    _, one = await sipsim("GET", "/api/v2/calls/c005")
    assert (one["data"]["direction"], one["data"]["caller_number"], one["data"]["receiver_number"]) == (
        "outgoing",
        "+331",
        "+33600000005",
    )
    assert (await sipsim("GET", "/api/v2/calls/none"))[0] == 404


async def test_events_can_be_switched_on_and_off(sipsim: Caller) -> None:
    assert len((await sipsim("GET", "/api/v2/webhooks/available"))[1]["data"]) == 14
    await sipsim("DELETE", "/api/v2/webhooks/tags")
    assert {"event": "tags"} not in (await sipsim("GET", "/api/v2/webhooks"))[1]["data"]
    await sipsim("POST", "/api/v2/webhooks/tags")
    assert {"event": "tags"} in (await sipsim("GET", "/api/v2/webhooks"))[1]["data"]
    token = await sipsim.control("POST", "token", {"scope": "webhooks.read"})
    sipsim.headers = {"Authorization": f"Bearer {token['access_token']}"}
    assert (await sipsim("POST", "/api/v2/webhooks/tags"))[0] == 403


# -- the switchboard --------------------------------------------------------------------------------------------------


class Receiver:
    """Takes webhooks."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, dict[str, str], bytes]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((request.method, request.query_string, dict(request.headers), await request.read()))
        return web.Response(status=202)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/in", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    yield receiver
    await runner.cleanup()


@pytest.mark.proves("HUB-10")
async def test_a_call_is_delivered_signed_and_its_late_part_later(sipsim: Caller, receiver: Receiver) -> None:
    hook = await sipsim.control("POST", "webhooks", {"contract": "new", "url": receiver.url, "secret": "whsec_x"})
    assert hook["secret"] == "whsec_x"
    made = await sipsim.control("POST", "calls", {"number": "+336", "lines": ["+331"], "recording": "late"})
    assert [one["status"] for one in made["delivered"]] == [202, 202, 202]
    assert made["held"] == 1
    assert len(receiver.got) == 3
    assert (await sipsim.control("POST", "late"))["delivered"] == [{"event": "incoming_call_end", "status": 202}]
    for method, _, headers, body in receiver.got:
        signed = headers["X-Webhook-Timestamp"].encode() + b"." + body
        assert (method, headers["X-Webhook-Signature"]) == (
            "POST",
            hmac.new(b"whsec_x", signed, hashlib.sha256).hexdigest(),
        )
    audio = orjson.loads(receiver.got[-1][3])["audio_path"]
    async with sipsim.session.get(audio) as answer:
        assert (answer.status, answer.content_type) == (200, "audio/mpeg")
        assert len(await answer.read()) > 1000
    async with sipsim.session.get(audio.replace("call_", "none_")) as answer:
        assert answer.status == 404


async def test_a_new_secret_and_the_test_event(sipsim: Caller, receiver: Receiver) -> None:
    await sipsim.control("POST", "webhooks", {"url": receiver.url, "secret": "old"})
    secret = (await sipsim.control("POST", "secret"))["secret"]
    await sipsim.control("POST", "test")
    ((_, _, headers, body),) = receiver.got
    event = orjson.loads(body)
    assert (event["event"], event["pbx_id"]) == ("test", "test_000000")
    assert "timestamp" in event
    assert "time" not in event
    wanted = hmac.new(
        secret.encode(), headers["X-Webhook-Timestamp"].encode() + b"." + body, hashlib.sha256
    ).hexdigest()
    assert headers["X-Webhook-Signature"] == wanted


@pytest.mark.parametrize(("method", "body"), [("GET", "form"), ("POST", "form"), ("POST", "json")])
async def test_the_old_contract_goes_to_a_url_per_event(
    sipsim: Caller, receiver: Receiver, method: str, body: str
) -> None:
    await sipsim.control(
        "POST", "webhooks", {"contract": "old", "url": f"{receiver.url}?key=k", "method": method, "body": body}
    )
    await sipsim.control("POST", "calls", {"contract": "old", "number": "+336", "lines": ["+331"], "outcome": "missed"})
    assert [one[0] for one in receiver.got] == [method, method]
    queries = [parse_qs(one[1]) for one in receiver.got]
    assert [query["event"][0] for query in queries] == ["incoming_call_start", "incoming_call_end"]
    assert all(query["key"] == ["k"] for query in queries)
    assert ("pbx_id" in queries[0]) is (method == "GET")


async def test_lost_webhooks_are_still_in_the_list_and_nobody_answers_at_a_dead_address(sipsim: Caller) -> None:
    await sipsim.control("POST", "webhooks", {"url": "http://127.0.0.1:9/in"})
    made = await sipsim.control("POST", "calls", [{"number": "+336", "lines": ["+331"], "outcome": "missed"}])
    assert [one["status"] for one in made["delivered"]] == [0, 0], "no retry is documented"
    await sipsim("DELETE", "/api/v2/webhooks/incoming_call_start")
    made = await sipsim.control("POST", "calls", {"number": "+336", "lines": ["+331"], "lost": ["incoming_call_end"]})
    assert [one["event"] for one in made["delivered"]] == ["incoming_call_answer"]
    listed = (await sipsim("GET", "/api/v2/calls?start_time=2026-01-01T00:00:00Z"))[1]["data"]
    assert made["pbx_ids"][0] in [call["id"] for call in listed]
