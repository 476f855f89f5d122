"""Ringover's deliveries: what proves them, which event they are, and what they mean."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import orjson
import pytest

from tieline.connectors.ringover import events
from tieline.connectors.ringover.sandbox_events import SimulatedCall, delivery, events_of, jwt
from tieline.connectors.ringover.tests import HANGUP
from tieline.core.errors import ProtocolError
from tieline.engine.events.fold import fact
from tieline.flows.calls.fold import fold
from tieline.flows.calls.settings import Settings
from tieline.sdk.contract import Request

ADDRESS = "https://tieline.example.com/in/key"
KEY = "webhook-key"
SECRETS = {"webhook_key": KEY}
NOW = 1_768_473_000.0


def request(
    message: dict[str, Any],
    signing: Any = "jwt",
    *,
    key: str = KEY,
    url: str = ADDRESS,
    at: float = NOW,
    to: str = ADDRESS,
) -> Request:
    sent = delivery(message, key, url, signing, at)
    address, _, query = to.partition("?")
    return Request("POST", query, {name.lower(): value for name, value in sent.headers.items()}, sent.body, address)


def signature(message: dict[str, Any], **more: Any) -> str:
    return events.arrive(request(message, **more), SECRETS, NOW).signature


def token(claims: dict[str, Any], **more: Any) -> Request:
    headers = {"x-ringover-webhook-signature": jwt(claims, KEY, **more)}
    return Request("POST", "", headers, orjson.dumps(HANGUP), ADDRESS)


@pytest.mark.proves("CALL-19")
@pytest.mark.parametrize("signing", ["jwt", "flat", "v3"])
def test_each_way_of_signing_is_read(signing: Any) -> None:
    assert signature(HANGUP, signing=signing) == "verified"
    assert signature(HANGUP, signing=signing, key="another") == "failed"


def test_only_hs512_is_a_proof() -> None:
    claims = {"url": ADDRESS, "payload": HANGUP}
    assert events.arrive(token(claims), SECRETS, NOW).signature == "verified"
    for alg in ("none", "HS256", "RS256", "hs512", ""):
        assert events.arrive(token(claims, alg=alg), SECRETS, NOW).signature == "failed"
    head, payload, _ = token(claims).headers["x-ringover-webhook-signature"].split(".")
    for forged in (f"{head}.{payload}.", f"{head}.{payload}", f"{payload}", "..", "a.b.c", f"{head}.{payload}.é"):
        arrived = events.arrive(replace(token(claims), headers={"x-ringover-webhook-signature": forged}), SECRETS, NOW)
        assert arrived.signature == "failed"


@pytest.mark.parametrize(
    "url",
    ["https://tieline.example.com/in/other", "https://elsewhere.example/in/key", "https://tieline.example.com:8443/in/key",
     "https://tieline.example.com/in/key?more=1", "https://[::1/in/key", "", 7],
)  # fmt: skip
def test_what_was_signed_for_another_address_is_refused(url: Any) -> None:
    assert events.arrive(token({"url": url, "payload": HANGUP}), SECRETS, NOW).signature == "failed"


def test_the_address_is_ours_in_other_letters_behind_a_proxy_and_with_its_query() -> None:
    assert (
        events.arrive(token({"url": "https://TIELINE.example.com/in/key", "payload": HANGUP}), SECRETS, NOW).signature
        == "verified"
    )
    assert signature(HANGUP, url=f"{ADDRESS}?event=hangup", to=f"{ADDRESS}?event=hangup") == "verified"
    assert signature(HANGUP, signing="v3", url=f"{ADDRESS}?event=hangup", to=f"{ADDRESS}?event=hangup") == "verified"
    assert signature(HANGUP, signing="v3", url=f"{ADDRESS}?event=other", to=f"{ADDRESS}?event=hangup") == "failed"


def test_the_signed_message_counts_and_not_the_body() -> None:
    other = orjson.dumps({**HANGUP, "event": "missed", "data": {**HANGUP["data"], "call_id": 9}})
    swapped = replace(request(HANGUP), body=other)
    assert events.arrive(swapped, SECRETS, NOW).event_key == events.arrive(request(HANGUP), SECRETS, NOW).event_key
    assert {one.call_key for one in events.parse(swapped)} == {"1234567890987654401"}


def test_a_forged_token_beside_a_true_signature_of_the_body_is_refused() -> None:
    true = request(HANGUP, "v3")
    forged = jwt({"url": ADDRESS, "payload": {**HANGUP, "event": "missed"}}, "another")
    both = replace(true, headers={**true.headers, "x-ringover-webhook-signature": forged})
    assert events.arrive(both, SECRETS, NOW).signature == "failed"


def test_version_3_is_for_now_and_for_this_body() -> None:
    assert signature(HANGUP, signing="v3", at=NOW - 301) == "failed"
    assert signature(HANGUP, signing="v3", at=NOW + 301) == "failed"
    changed = replace(request(HANGUP, "v3"), body=orjson.dumps(HANGUP) + b" ")
    assert events.arrive(changed, SECRETS, NOW).signature == "failed"
    signed = hmac.digest(KEY.encode(), f"POST{ADDRESS}".encode() + b"{}" + b"soon", hashlib.sha256)
    headers = {
        "x-ringover-webhook-signature-v3": base64.b64encode(signed).decode(),
        "x-ringover-request-signature-v3-timestamp": "soon",
    }
    assert events.arrive(Request("POST", "", headers, b"{}", ADDRESS), SECRETS, NOW).signature == "failed"


def test_every_digit_of_a_call_id_is_kept() -> None:
    body = b'{"resource":"call","event":"hangup","timestamp":1,"data":{"id":"u","call_id":9007199254740993,"direction":"inbound"}}'
    plain = Request("POST", "", {}, body)
    assert {one.call_key for one in events.parse(plain)} == {"9007199254740993"}
    as_text = plain.body.replace(b"9007199254740993", b'"9007199254740993"')
    assert {one.call_key for one in events.parse(replace(plain, body=as_text))} == {"9007199254740993"}
    for lost in (b"9.007199254740993e15", b"null", b"true", b'""', b'"' + b"9" * 61 + b'"'):
        with pytest.raises(ProtocolError):
            events.parse(replace(plain, body=body.replace(b"9007199254740993", lost)))


def test_another_attempt_is_the_same_event_and_a_later_recording_is_not() -> None:
    first = events.arrive(request(HANGUP), SECRETS, NOW).event_key
    assert events.arrive(request({**HANGUP, "attempt": 7, "timestamp": 1e9}), SECRETS, NOW).event_key == first
    recorded = {**HANGUP, "data": {**HANGUP["data"], "record": "https://cdr.ringover.com/1.mp3"}}
    assert events.arrive(request(recorded), SECRETS, NOW).event_key != first


@pytest.mark.parametrize(
    ("given", "expected"),
    [("33601020304", "+33601020304"), (33601020304, "+33601020304"), ("101", "101"), ("3949", "3949"), ("0601020304", "0601020304"),
     ("+33601020304", "+33601020304"), ("anonymous", "anonymous"), ("", ""), (None, None), (True, None)],
)  # fmt: skip
def test_numbers_get_their_plus(given: object, expected: str | None) -> None:
    assert events.number(given) == expected


def test_a_hangup_of_a_call_that_nobody_answered_is_no_answer() -> None:
    silent = {**HANGUP["data"], "duration_in_seconds": 0, "direction": "outbound"}
    (_, end) = events.parse(request({**HANGUP, "data": silent}))
    assert (end.outcome, end.talk_s, end.final, end.external_number) == ("no_answer", 0, True, "+33101020304")


def test_internal_calls_and_messages_make_no_outside_call() -> None:
    (_, end) = events.parse(request({**HANGUP, "data": {**HANGUP["data"], "is_internal": True}}))
    assert end.direction == "internal"
    for resource, event in (("sms", "sent"), ("call", "contact"), ("call", "never_heard_of")):
        (said,) = events.parse(request({**HANGUP, "resource": resource, "event": event}))
        assert said.type == "other"


@pytest.mark.parametrize("signing", ["jwt", "flat", "v3"])
@pytest.mark.parametrize("outcome", ["answered", "missed", "no_answer", "voicemail"])
@pytest.mark.parametrize("how", [{}, {"doubled": True, "shuffled": 5}, {"reversed": True, "members": 3}])
def test_the_sandbox_s_calls_come_to_what_happened(outcome: Any, signing: Any, how: dict[str, Any]) -> None:
    direction = "outbound" if outcome == "no_answer" else "inbound"
    call = SimulatedCall(
        2**62 + 1, "33612345678", "33186950021", direction, outcome, started=NOW, recording="late", **how
    )
    subject: Any = None
    keys = set()
    for sent in events_of(call, KEY, ADDRESS, signing, NOW):
        headers = {name.lower(): value for name, value in sent.headers.items()}
        arriving = Request("POST", "", headers, sent.body, ADDRESS)
        arrived = events.arrive(arriving, SECRETS, NOW)
        assert arrived.signature == "verified"
        keys.add(arrived.event_key)
        said = [fact(one, "2026-02-01T00:00:00Z") for one in events.parse(arriving)]
        subject = fold(subject, said, Settings()).subject
    assert len(keys) == len(events_of(replace(call, doubled=False)))
    assert (subject["key"], subject["external"], subject["line"]) == (str(2**62 + 1), "+33612345678", "+33186950021")
    assert (subject["result"], subject["talk_s"]) == (outcome, 60 if outcome == "answered" else 0)
    assert bool(subject.get("recordings")) == (outcome in ("answered", "voicemail"))


@pytest.mark.parametrize("value", ["inf", "nan", -1, 1e300, "1e400", True, [], {}, "", "later", 10**30])
@pytest.mark.parametrize(
    "name", ["start_time", "answered_time", "hangup_time", "duration_in_seconds", "from_number", "user", "record"]
)
def test_whatever_a_field_holds_the_event_is_read(name: str, value: Any) -> None:
    body = json.dumps({**HANGUP, "data": {**HANGUP["data"], name: value}}).encode()
    said = events.parse(Request("POST", "", {}, body))
    fold(None, [fact(one, "2026-02-01T00:00:00Z") for one in said], Settings())
