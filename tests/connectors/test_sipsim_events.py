"""SipSim's deliveries. Bodies are those of its developer site and help centre."""

import hashlib
import hmac
import json
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.connectors.sipsim.events import KINDS, arrive, instant, parse
from tieline.core.errors import ProtocolError
from tieline.sdk.contract import Request

SECRET = {"signing_secret": "whsec-1"}
NOW = 1736937300.0

END = {
    "event": "incoming_call_end",
    "caller": "+33612345678",
    "receiver": "+33198765432",
    "time": "2025-01-15T10:35:00Z",
    "pbx_id": "call_abc123",
    "duration": 285,
    "audio_path": "https://app.sipsim.com/recordings/call_abc123.mp3",
    "status": "ANSWER",
}


def signed(
    fields: dict[str, object], *, secret: str = "whsec-1", at: float = NOW, body: bytes | None = None
) -> Request:
    raw = orjson.dumps(fields)
    stamp = str(int(at))
    signature = hmac.new(secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
    return Request(
        "POST", "", {"x-webhook-signature": signature, "x-webhook-timestamp": stamp}, raw if body is None else body
    )


def plain(**fields: str) -> list[Request]:
    """The same event in each of the old contract's ways."""
    form = urlencode(fields)
    event = fields.pop("event")
    return [
        Request("GET", form, {}, b""),
        Request("POST", "", {"content-type": "application/x-www-form-urlencoded"}, form.encode()),
        Request("POST", "", {"content-type": "application/json"}, orjson.dumps({"event": event, **fields})),
        Request(
            "POST",
            urlencode({"event": event}),
            {"content-type": "application/x-www-form-urlencoded"},
            urlencode(fields).encode(),
        ),
    ]


@pytest.mark.proves("CALL-19")
def test_the_same_event_has_the_same_key_in_both_contracts() -> None:
    arrived = arrive(signed(END), SECRET, NOW)
    assert (arrived.signature, arrived.event_key) == ("verified", "call_abc123|incoming_call_end|+33198765432|audio")
    old = {name: str(value) for name, value in END.items()} | {"status": "answer"}
    for request in plain(**old):
        assert arrive(request, {}, NOW) == type(arrived)("absent", arrived.event_key)
        assert [(fact.call_key, fact.outcome, fact.talk_s) for fact in parse(request)] == [
            ("call_abc123", "answered", 285)
        ]


def test_a_delivery_that_is_not_signed_as_it_should_be_has_failed() -> None:
    refused = [
        signed(END, secret="another"),
        signed(END, body=orjson.dumps({**END, "duration": 1})),
        signed(END, at=NOW - 301),
        signed(END, at=NOW + 301),
        Request("POST", "", {}, orjson.dumps(END)),
        Request("POST", "", {"x-webhook-signature": "zz", "x-webhook-timestamp": str(int(NOW))}, orjson.dumps(END)),
        Request("GET", urlencode(END), {}, b""),
        Request("POST", "", {}, b"\xff nonsense"),
    ]
    for request in refused:
        assert arrive(request, SECRET, NOW).signature == "failed"
    assert arrive(signed(END, at=NOW - 299), SECRET, NOW).signature == "verified"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b"\xff\xfe",
        b"hello",
        b'{"event":""}',
        b'{"event":5,"pbx_id":"x"}',
        b'{"event":"incoming_call_end"}',
        b'"text"',
    ],
)
def test_a_body_that_no_version_could_send(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        arrive(Request("POST", "", {}, body), {}, NOW)


def test_an_inbound_call_through_a_department() -> None:
    base = {"caller": "0612345678", "pbx_id": "c1", "time": "2025-01-15T10:30:00Z"}
    start = parse(signed({**base, "event": "incoming_call_start", "receiver": "0198765432"}))[0]
    rings = parse(signed({**base, "event": "incoming_call_start_chain_member_call", "receiver": "102"}))[0]
    stops = parse(
        signed({**base, "event": "incoming_call_end_chain_member_call", "receiver": "102", "status": "NOANSWER"})
    )[0]
    answer = parse(signed({**base, "event": "incoming_call_answer", "receiver": "103"}))[0]
    end = parse(signed({**END, "pbx_id": "c1", "receiver": "103"}))[0]
    assert {fact.direction for fact in (start, rings, stops, answer, end)} == {"inbound"}
    assert (start.type, start.external_number, start.line_number, start.agent_number) == (
        "ringing",
        "0612345678",
        "0198765432",
        None,
    )
    assert (rings.type, rings.leg_key, rings.agent_number, rings.line_number) == ("leg_ringing", "102", "102", None)
    assert (stops.type, stops.outcome, stops.outcome_reason, stops.final) == ("leg_ended", None, "NOANSWER", False)
    assert (answer.type, answer.agent_number, answer.line_number) == ("answered", "103", None)
    assert (end.type, end.final, end.outcome, end.talk_s, end.recording_url) == (
        "ended",
        True,
        "answered",
        285,
        END["audio_path"],
    )


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("ANSWER", "answered"),
        ("answer", "answered"),
        ("MISSED", "missed"),
        ("NOANSWER", "no_answer"),
        ("noanswer", "no_answer"),
        ("BUSY", "busy"),
        ("cancel", "canceled"),
        ("unavailable", "failed"),
        ("other", "failed"),
        ("Voiceprint", "unknown"),
        ("", None),
    ],
)
def test_statuses_of_both_contracts(status: str, outcome: str | None) -> None:
    fact = parse(signed({**END, "status": status, "duration": 0, "audio_path": None}))[0]
    assert (fact.outcome, fact.outcome_reason, fact.talk_s, fact.recording_url) == (outcome, status or None, 0, None)


def test_an_outbound_call() -> None:
    fact = parse(signed({**END, "event": "outgoing_call_end", "caller": "+33198765432", "receiver": "+33612345678"}))[0]
    assert (fact.direction, fact.external_number, fact.line_number) == ("outbound", "+33612345678", "+33198765432")


def test_a_voicemail_comes_after_the_end() -> None:
    fact = parse(
        signed({**END, "event": "voicemail", "duration": 15, "audio_path": "https://app.sipsim.com/recordings/vm.mp3"})
    )[0]
    assert (fact.type, fact.outcome, fact.talk_s, fact.recording_s, fact.final) == ("voicemail", None, None, 15, False)
    assert fact.recording_url == "https://app.sipsim.com/recordings/vm.mp3"


@pytest.mark.parametrize("event", ["tags", "speech", "summary", "rating"])
def test_what_is_learnt_later(event: str) -> None:
    assert parse(signed({"event": event, "pbx_id": "c1", "time": "2025-01-15T10:30:00+01:00"}))[0].to_json() == {
        "call_key": "c1",
        "type": "enriched",
        "occurred_at": "2025-01-15T09:30:00Z",
    }


@pytest.mark.proves("CALL-21")
def test_a_test_and_unknown_kinds_are_kept() -> None:
    test = {
        "event": "test",
        "message": "This is a test webhook",
        "timestamp": "2025-01-15T10:30:00Z",
        "pbx_id": "test_000000",
    }
    first, second = (arrive(signed({**test, "timestamp": f"2025-01-15T10:3{n}:00Z"}), SECRET, NOW) for n in (0, 1))
    assert first.signature == second.signature == "verified"
    assert first.event_key != second.event_key
    assert first == arrive(signed(test), SECRET, NOW)
    fact = parse(signed(test))[0]
    assert (fact.type, fact.occurred_at) == ("other", "2025-01-15T10:30:00Z")
    assert parse(signed({"event": "sms", "from": "+33612345678"}))[0].type == "other"
    arrived = arrive(signed({"event": "call_on_the_moon", "pbx_id": "m1", "receiver": "9"}), SECRET, NOW)
    assert arrived.event_key == "m1|call_on_the_moon|9"
    assert parse(signed({"event": "call_on_the_moon", "pbx_id": "m1"}))[0].type == "other"


def test_times() -> None:
    assert instant("2025-01-15T10:30:00.250+01:00") == "2025-01-15T09:30:00Z"
    assert instant("2025-01-15T10:30:00") == "2025-01-15T10:30:00Z"
    assert instant("yesterday") is None
    assert instant(17) is None


json_value = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.lists(st.text(), max_size=2)
)


@given(event=st.sampled_from([*KINDS, "sms", "x"]), fields=st.dictionaries(st.sampled_from([*END]), json_value))
def test_odd_values_are_facts_or_refused_never_a_crash(event: str, fields: dict[str, object]) -> None:
    request = Request("POST", "", {}, json.dumps({**fields, "event": event}).encode())
    try:
        arrive(request, {}, NOW)
    except ProtocolError:
        assert not fields.get("pbx_id")
    try:
        fact = parse(request)[0]
    except ProtocolError:
        assert any("\0" in value for value in fields.values() if isinstance(value, str))
        return
    assert isinstance(fact.call_key, str)
    assert fact.talk_s is None or fact.talk_s >= 0


def test_an_end_that_comes_again_with_its_recording_is_another_event() -> None:
    without = arrive(signed({**END, "audio_path": None}), SECRET, NOW).event_key
    assert arrive(signed(END), SECRET, NOW).event_key != without
    assert arrive(signed({**END, "audio_path": None}), SECRET, NOW).event_key == without


@pytest.mark.parametrize("more", [{"pbx_id": "a\0b"}, {"caller": "06\0"}, {"pbx_id": "x" * 201}])
def test_what_no_call_is_named_by_is_refused(more: dict[str, str]) -> None:
    with pytest.raises(ProtocolError):
        parse(signed({**END, **more}))
    assert parse(signed({**END, "pbx_id": "x" * 200}))[0].call_key == "x" * 200
