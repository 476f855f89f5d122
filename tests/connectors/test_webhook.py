"""The generic signed webhook: its signatures, its contract, and what its events mean."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jsonschema_rs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.connectors.webhook import events, signing
from tieline.connectors.webhook.sandbox_events import SimulatedCall, delivery, events_of
from tieline.core.errors import ProtocolError
from tieline.engine.events.fold import fact
from tieline.flows.calls.fold import fold
from tieline.flows.calls.settings import Settings
from tieline.sdk.contract import Request
from tieline.sdk.manifest import connector

NOW = 1_790_000_000.0
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
SECRETS = {"signing_secret": SECRET}
EVENT = {"call_id": "c-1", "kind": "ended", "event_id": "e-1"}


def request(fields: dict[str, Any], *, secret: str = SECRET, at: float = NOW, method: str = "POST") -> Request:
    sent = delivery(fields, secret, at, method)
    return Request(sent.method, sent.query, {name.lower(): value for name, value in sent.headers.items()}, sent.body)


def facts(**fields: Any) -> list[Any]:
    return events.parse(Request("POST", "", {}, orjson.dumps({"call_id": "c-1", **fields})))


def test_the_example_of_the_specification_is_genuine() -> None:
    """The values of Standard Webhooks' own test."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    assert signing.is_genuine(secret, headers, body, 1614265330.0)
    assert not signing.is_genuine(secret, headers, body + b" ", 1614265330.0)
    assert not signing.is_genuine(secret, headers, body, 1614265330.0 + 301)
    assert not signing.is_genuine(secret, headers, body, 1614265330.0 - 301)


@pytest.mark.proves("CALL-19")
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_signed_delivery_is_verified_and_a_changed_one_is_not(method: str) -> None:
    genuine = request(EVENT, method=method)
    assert events.arrive(genuine, SECRETS, NOW + 60).signature == "verified"
    assert events.arrive(genuine, SECRETS, NOW + 60).event_key == "event|e-1"
    other = {"webhook-id": "msg_other"}
    for false in (
        Request(method, genuine.query, {**genuine.headers, **other}, genuine.body),
        Request(method, genuine.query + "&x=1", genuine.headers, genuine.body + b" "),
        Request(method, genuine.query, {}, genuine.body),
        request(EVENT, secret="whsec_b3RoZXI=", method=method),
        request(EVENT, at=NOW - 301, method=method),
        request(EVENT, at=NOW + 362, method=method),
    ):
        assert events.arrive(false, SECRETS, NOW + 60).signature == "failed"


def test_while_a_secret_is_replaced_one_of_two_signatures_is_enough() -> None:
    genuine = request(EVENT)
    old = request(EVENT, secret="whsec_b2xk").headers["webhook-signature"]
    both = {**genuine.headers, "webhook-signature": f"{old} v1a,xxxx {genuine.headers['webhook-signature']}"}
    assert events.arrive(Request("POST", "", both, genuine.body), SECRETS, NOW).signature == "verified"


def test_a_secret_that_is_no_base64_is_taken_as_it_is() -> None:
    for secret in ("correct horse", "whsec_not base64!"):
        signed = hmac.digest(secret.encode(), b"m.1790000000.{}", hashlib.sha256)
        headers = {
            "webhook-id": "m",
            "webhook-timestamp": "1790000000",
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }
        assert signing.is_genuine(secret, headers, b"{}", NOW)


def test_without_a_secret_the_address_is_what_protects() -> None:
    arrived = events.arrive(request(EVENT, secret=""), {}, NOW)
    assert (arrived.signature, arrived.event_key) == ("absent", "event|e-1")


def test_an_event_without_an_id_is_known_by_its_delivery_or_its_content() -> None:
    bare = {"call_id": "c-1", "kind": "ended"}
    assert events.arrive(request(bare, secret=""), {"signing_secret": ""}, NOW).event_key.startswith("fields|")
    assert events.arrive(request(bare), SECRETS, NOW).event_key == "webhook|msg_test"
    again = events.arrive(request({"kind": "ended", "call_id": "c-1"}, secret=""), {}, NOW).event_key
    assert again == events.arrive(request(bare, secret=""), {}, NOW).event_key
    other = events.arrive(request({**bare, "talk_s": 1}, secret=""), {}, NOW).event_key
    assert other != again


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"x"', b"null", b"{", b"\xff", b"{}", b'{"kind":"ended"}', b'{"call_id":"1"}', b'{"kind":1,"call_id":"1"}',
     b'{"kind":"ended","call_id":{}}', b'{"kind":"ended","call_id":123456789012345678901234567890}',
     b'{"kind":"ended","call_id":"' + b"x" * 161 + b'"}', b'{"kind":"ended","call_id":"a\\u0000b"}'],
)  # fmt: skip
def test_what_is_not_the_contract_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        events.arrive(Request("POST", "", {}, body), {}, NOW)


def test_numbers_by_direction() -> None:
    (inbound,) = facts(kind="ringing", direction="inbound", caller="1", called="2")
    assert (inbound.external_number, inbound.line_number) == ("1", "2")
    (outbound,) = facts(kind="ringing", direction="outbound", caller="1", called="2", line="3")
    assert (outbound.external_number, outbound.line_number) == ("2", "3")
    (withheld,) = facts(kind="ringing", direction="inbound", caller="", called="2")
    assert withheld.external_number == ""
    (unsaid,) = facts(kind="ringing", caller="1", called="2")
    assert (unsaid.external_number, unsaid.line_number) == (None, None)


def test_one_end_says_when_the_call_began_and_how_it_went() -> None:
    start, end = facts(
        kind="ended", direction="inbound", started_at="2026-01-15T11:30:00+01:00", talk_s="65", agent="Anna"
    )
    assert (start.type, start.occurred_at) == ("ringing", "2026-01-15T10:30:00Z")
    assert (end.type, end.occurred_at, end.talk_s, end.final) == ("ended", "2026-01-15T10:31:05Z", 65, True)
    (end,) = facts(kind="ended", outcome="exploded")
    assert (end.outcome, end.outcome_reason) == ("unknown", "exploded")
    for direction, outcome in (("inbound", "missed"), ("outbound", "no_answer")):
        (end,) = facts(kind="missed", direction=direction)
        assert (end.outcome, end.talk_s, end.final) == (outcome, 0, True)
    (left,) = facts(kind="voicemail", recording_url="https://x/1.mp3", recording_s=9)
    assert (left.type, left.outcome, left.recording_url, left.recording_s) == (
        "voicemail",
        "voicemail",
        "https://x/1.mp3",
        9,
    )


@pytest.mark.parametrize("kind", ["test", "never_heard_of"])
def test_another_kind_is_kept_and_changes_nothing(kind: str) -> None:
    (said,) = events.parse(Request("POST", "", {}, orjson.dumps({"kind": kind})))
    assert (said.type, said.call_key) == ("other", "")


@given(
    st.dictionaries(
        st.sampled_from(
            ["at", "started_at", "talk_s", "recording_s", "caller", "agent", "outcome", "direction", "line"]
        ),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2),
    )
)
def test_whatever_a_field_holds_the_event_is_read(fields: dict[str, Any]) -> None:
    """A NUL is refused by name; everything else gives facts that any store takes."""
    body = json.dumps({"call_id": "c", "kind": "ended", **fields}).encode()
    try:
        said = events.parse(Request("POST", "", {}, body))
    except ProtocolError:
        assert b"\\u0000" in body or b"NaN" in body or b"Infinity" in body or b"\\ud" in body
        return
    for one in said:
        fold(None, [fact(one, "2026-06-01T12:00:00Z")], Settings())


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("outcome", ["answered", "missed", "no_answer", "busy", "voicemail"])
def test_the_sandbox_sends_what_the_contract_says(method: Any, outcome: Any) -> None:
    schema = jsonschema_rs.validator_for(json.loads(connector("webhook").text("schema.json")))
    call = SimulatedCall(
        "c-7", "+33612345678", "+33198765432", outcome=outcome, agent="Anna", started=NOW, method=method,
        recording_url="https://pbx.example.com/7.mp3",
    )  # fmt: skip
    subject: Any = None
    for sent in events_of(call, SECRET, NOW + 100):
        arriving = Request(
            sent.method, sent.query, {name.lower(): one for name, one in sent.headers.items()}, sent.body
        )
        assert events.arrive(arriving, SECRETS, NOW + 100).signature == "verified"
        if method == "POST":
            schema.validate(json.loads(sent.body))
        subject = fold(
            subject, [fact(one, "2026-12-01T00:00:00Z") for one in events.parse(arriving)], Settings()
        ).subject
    assert (subject["result"], subject["external"], subject["line"]) == (outcome, call.number, call.line)
    assert bool(subject.get("recordings")) == (outcome in ("answered", "voicemail"))


def test_the_schema_takes_the_fixtures_and_refuses_what_lacks_its_fields() -> None:
    schema = jsonschema_rs.validator_for(json.loads(connector("webhook").text("schema.json")))
    found = json.loads(connector("webhook").text("fixtures/events.json"))
    assert len(found) > 4
    for one in found:
        schema.validate(one)
    assert not schema.is_valid({"kind": "ended"})
    assert not schema.is_valid({"kind": "ended", "call_id": "1", "talk_s": -1})
