"""Twilio's callbacks. The signed examples are those that Twilio publishes with its libraries."""

import base64
import contextlib
import hashlib
import hmac
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.connectors.twilio.events import Leg as ReadLeg
from tieline.connectors.twilio.events import arrive, facts_of, instant, parse, seconds_of
from tieline.core.errors import ProtocolError
from tieline.sdk.contract import Request

TOKEN = {"auth_token": "12345"}
URL = "https://mycompany.com/myapp.php"
QUERY = "foo=1&bar=2"
PARAMS = {
    "CallSid": "CA1234567890ABCDE",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
    "Caller": "+14158675309",
}
SIGNED = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
FORM = "application/x-www-form-urlencoded"


def form(params: Any, signature: str, *, url: str = URL, query: str = QUERY) -> Request:
    headers = {"x-twilio-signature": signature, "content-type": FORM}
    return Request("POST", query, headers, urlencode(params).encode(), url)


def signature(text: str, token: str = "12345") -> str:
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def said(**fields: str) -> Request:
    return Request("POST", "", {"content-type": FORM}, urlencode(fields).encode(), URL)


@pytest.mark.proves("CALL-21")
def test_the_published_example_of_a_form_is_genuine() -> None:
    assert arrive(form(PARAMS, SIGNED), TOKEN, 0.0).signature == "verified"
    assert arrive(form(dict(reversed(PARAMS.items())), SIGNED), TOKEN, 0.0).signature == "verified"


def test_the_published_example_of_json_is_genuine() -> None:
    body = b'{"property": "value", "boolean": true}'
    digest = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    headers = {"x-twilio-signature": "a9nBmqA0ju/hNViExpshrM61xv4=", "content-type": "application/json; charset=utf-8"}
    genuine = Request("POST", f"{QUERY}&bodySHA256={digest}", headers, body, URL)
    with pytest.raises(ProtocolError, match="neither a call"):  # it is genuine, and of no call
        arrive(genuine, TOKEN, 0.0)
    for false in (
        replace(genuine, body=body + b" "),
        replace(genuine, query=QUERY),
        replace(genuine, query=f"{QUERY}&bodySHA256={hashlib.sha256(body + b' ').hexdigest()}", body=body + b" "),
    ):
        assert arrive(false, TOKEN, 0.0).signature == "failed"


@pytest.mark.parametrize(
    "false",
    [
        form({**PARAMS, "Digits": "1235"}, SIGNED),
        form({**PARAMS, "New": "parameter"}, SIGNED),
        form({name: value for name, value in PARAMS.items() if name != "Digits"}, SIGNED),
        form({**PARAMS, "Digits": "1234 "}, SIGNED),
        form(PARAMS, SIGNED, query="foo=1"),
        form(PARAMS, SIGNED, query="bar=2&foo=1"),
        form(PARAMS, SIGNED, url="http://mycompany.com/myapp.php"),
        form(PARAMS, SIGNED, url="https://mycompany.com/myapp.php/"),
        form(PARAMS, SIGNED, url="https://mycompany.com:8443/myapp.php"),
        form(PARAMS, ""),
        form(PARAMS, "é=,;"),
        form(PARAMS, SIGNED.swapcase()),
        Request("GET", f"{QUERY}&{urlencode(PARAMS)}", {"x-twilio-signature": SIGNED}, b"", URL),
        Request("POST", QUERY, {"x-twilio-signature": SIGNED, "content-type": FORM}, b"\xff\xfe", URL),
    ],
)
def test_what_differs_from_what_was_signed_is_false(false: Request) -> None:
    assert arrive(false, TOKEN, 0.0).signature == "failed"
    assert arrive(form(PARAMS, SIGNED), {"auth_token": "54321"}, 0.0).signature == "failed"


def test_new_and_empty_parameters_are_signed_as_they_come() -> None:
    params = {**PARAMS, "Zeal": "", "ähnlich": " ü "}
    text = f"{URL}?{QUERY}" + "".join(name + params[name] for name in sorted(params))
    assert arrive(form(params, signature(text)), TOKEN, 0.0).signature == "verified"


def test_a_get_is_signed_with_its_query_alone() -> None:
    query = urlencode({**PARAMS, "CallStatus": "ringing"})
    request = Request("GET", query, {"x-twilio-signature": signature(f"{URL}?{query}")}, b"", URL)
    assert arrive(request, TOKEN, 0.0).signature == "verified"
    assert arrive(replace(request, query=query.replace("ringing", "busy")), TOKEN, 0.0).signature == "failed"


@pytest.mark.parametrize(("given", "signed"), [("https://a.example/in", "https://a.example:443/in"), ("https://a.example:443/in", "https://a.example/in"), ("http://a.example/in", "http://a.example:80/in")])  # fmt: skip
def test_the_default_port_may_be_signed_or_not(given: str, signed: str) -> None:
    text = "".join(name + PARAMS[name] for name in sorted(PARAMS))
    assert arrive(form(PARAMS, signature(signed + text), url=given, query=""), TOKEN, 0.0).signature == "verified"


def test_the_secondary_token_is_good_while_tokens_are_exchanged() -> None:
    text = f"{URL}?{QUERY}" + "".join(name + PARAMS[name] for name in sorted(PARAMS))
    request = form(PARAMS, signature(text, "next"))
    assert arrive(request, TOKEN, 0.0).signature == "failed"
    assert arrive(request, {**TOKEN, "secondary_token": "next"}, 0.0).signature == "verified"


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=6), st.data())
def test_no_parameter_can_be_changed(params: dict[str, str], data: st.DataObject) -> None:
    params = {**params, "CallSid": "CA1"}
    if any("\ud800" <= sign <= "\udfff" for text in (*params, *params.values()) for sign in text):
        return
    text = URL + "".join(name + params[name] for name in sorted(params))
    genuine = form(params, signature(text), query="")
    assert arrive(genuine, TOKEN, 0.0).signature == "verified"
    name = data.draw(st.sampled_from(sorted(params)))
    changed = form({**params, name: params[name] + "x"}, signature(text), query="")
    assert arrive(changed, TOKEN, 0.0).signature == "failed"


@pytest.mark.proves("CALL-19")
def test_the_same_callback_has_the_same_key() -> None:
    def key(**fields: str) -> str:
        return arrive(said(CallSid="CA1", **fields), {}, 0.0).event_key

    assert key(CallStatus="ringing", SequenceNumber="1") == key(CallStatus="ringing", SequenceNumber="1", New="field")
    keys = [
        key(CallStatus="ringing"),
        key(CallStatus="completed"),
        key(CallStatus="completed", RecordingUrl="https://api.twilio.com/r"),
        key(RecordingSid="RE1", RecordingStatus="completed"),
        key(RecordingSid="RE1", RecordingStatus="in-progress"),
        key(RecordingSid="RE2", RecordingStatus="completed"),
        key(TranscriptionSid="TR1"),
        key(TranscriptionSid="TR2"),
    ]
    assert len(set(keys)) == len(keys)
    assert arrive(said(CallSid="CA2", CallStatus="ringing"), {}, 0.0).event_key not in keys


@pytest.mark.parametrize("status", ["in-progress", "completed", "ringing"])
def test_a_leg_never_ends_its_call(status: str) -> None:
    facts = parse(said(CallSid="CA2", ParentCallSid="CA1", CallStatus=status, From="+331", To="client:anna", CallDuration="3"))  # fmt: skip
    assert {fact.call_key for fact in facts} == {"CA1"}
    assert all(fact.type != "ended" and not fact.final and fact.direction is None for fact in facts)
    assert {fact.leg_key for fact in facts} == {"CA2"}
    assert all(fact.external_number is None for fact in facts), "a browser is nobody outside"


@pytest.mark.parametrize(("status", "outcome"), [("busy", "busy"), ("no-answer", "no_answer"), ("canceled", "canceled"), ("failed", "failed"), ("completed", "answered")])  # fmt: skip
def test_how_an_outbound_call_ends(status: str, outcome: str) -> None:
    end = parse(said(CallSid="CA1", CallStatus=status, Direction="outbound-api", From="+331", To="+336", CallDuration="9"))[-1]  # fmt: skip
    assert (end.type, end.outcome, end.outcome_reason, end.direction) == ("ended", outcome, status, "outbound")
    assert (end.external_number, end.line_number, end.final) == ("+336", "+331", False)
    assert end.talk_s == (9 if status == "completed" else 0)


def test_what_is_not_known_is_kept() -> None:
    (unknown,) = parse(said(CallSid="CA1", CallStatus="levitating", Timestamp="Wed, 15 Jan 2025 10:30:00 +0000"))
    assert (unknown.type, unknown.call_key, unknown.occurred_at) == ("other", "CA1", "2025-01-15T10:30:00Z")
    (failed,) = parse(said(CallSid="CA1", RecordingSid="RE1", RecordingStatus="failed", ErrorCode="16101"))
    assert (failed.type, failed.outcome_reason) == ("enriched", "recording failed 16101")
    (transcription,) = parse(said(CallSid="CA1", TranscriptionSid="TR1"))
    assert transcription.type == "other"


def test_a_trunk_is_a_call_without_legs() -> None:
    leg = ReadLeg("CA1", "", "completed", "trunking-originating", "+336", "+331", "2025-01-15T10:31:00Z", 40, "2025-01-15T10:30:00Z", is_final=True)  # fmt: skip
    end = facts_of(leg)[-1]
    assert (end.direction, end.external_number, end.outcome, end.talk_s, end.final) == (
        "inbound",
        "+336",
        "answered",
        40,
        True,
    )
    out = facts_of(replace(leg, direction="trunking-terminating"))[-1]
    assert (out.direction, out.external_number, out.outcome) == ("outbound", "+331", "answered")


def test_a_sid_longer_than_any_is_refused() -> None:
    with pytest.raises(ProtocolError):
        parse(said(CallSid="CA" + "1" * 100, CallStatus="ringing"))


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("Tue, 31 May 2016 18:31:02 +0000", "2016-05-31T18:31:02Z"),
        ("Tue, 31 May 2016 20:31:02 +0200", "2016-05-31T18:31:02Z"),
        ("soon", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_times(text: object, utc: str | None) -> None:
    assert instant(text) == utc


@pytest.mark.parametrize(("text", "seconds"), [("15", 15), ("0", 0), ("-1", None), ("", None), (None, None), (7, 7), ("²", None)])  # fmt: skip
def test_seconds(text: object, seconds: int | None) -> None:
    assert seconds_of(text) == seconds


@given(st.binary(max_size=200), st.text(max_size=40), st.sampled_from(["", FORM, "application/json"]))
def test_any_delivery_is_read_or_refused(body: bytes, query: str, kind: str) -> None:
    request = Request("POST", query, {"content-type": kind}, body, URL)
    for read in (lambda: arrive(request, {}, 0.0), lambda: parse(request), lambda: arrive(request, TOKEN, 0.0)):
        with contextlib.suppress(ProtocolError):
            read()
