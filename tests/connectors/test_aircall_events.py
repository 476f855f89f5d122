"""Aircall's webhooks. Fields are those of its API reference."""

import contextlib
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.connectors.aircall.events import KINDS, arrive, facts_of, instant, outcome_of, parse
from tieline.connectors.aircall.sandbox_events import SimulatedCall, events_of, shown
from tieline.core.errors import ProtocolError
from tieline.flows.calls.fold import fold
from tieline.flows.calls.settings import Settings
from tieline.sdk.contract import Request

TOKEN = "45XXYYZZa08"
SECRETS = {"webhook_token": TOKEN}
BEGAN = 1_736_937_000
CALL: dict[str, Any] = {
    "id": 812,
    "direction": "inbound",
    "status": "done",
    "started_at": BEGAN,
    "answered_at": BEGAN + 12,
    "ended_at": BEGAN + 100,
    "duration": 100,
    "raw_digits": "+33 6 12 34 56 78",
    "missed_call_reason": None,
    "user": {"id": 7, "name": "Anna", "email": "anna@example.com"},
    "number": {"id": 3, "digits": "+33 1 86 95 00 41"},
}


def delivery(event: str, call: dict[str, Any] | None = None, *, token: Any = TOKEN, at: Any = BEGAN, **more: Any) -> Request:  # fmt: skip
    body = {"resource": "call", "event": event, "timestamp": at, "token": token, "data": {**(call or CALL), **more}}
    return Request("POST", "", {"content-type": "application/json"}, orjson.dumps(body))


@pytest.mark.proves("CALL-21")
def test_the_token_in_the_body_proves_it() -> None:
    assert arrive(delivery("call.ended"), SECRETS, 0.0).signature == "token"
    assert arrive(delivery("call.ended"), {}, 0.0).signature == "absent"
    for false in (TOKEN + "x", TOKEN.upper(), "", None, 45, [TOKEN], {"token": TOKEN}):
        assert arrive(delivery("call.ended", token=false), SECRETS, 0.0).signature == "failed"
    in_data = delivery("call.ended", {**CALL, "token": TOKEN}, token="")
    assert arrive(in_data, SECRETS, 0.0).signature == "failed"
    header = replace(delivery("call.ended", token=""), headers={"x-aircall-signature": TOKEN, "authorization": TOKEN})
    assert arrive(header, SECRETS, 0.0).signature == "failed"
    assert arrive(Request("GET", f"token={TOKEN}", {}, b""), SECRETS, 0.0).signature == "failed"


@pytest.mark.proves("CALL-19")
def test_what_is_sent_again_has_the_same_key() -> None:
    """Again later (once-only events), or with another token after it was exchanged."""

    def key(event: str, **more: Any) -> str:
        return arrive(delivery(event, **more), {}, 0.0).event_key

    assert key("call.ended") == key("call.ended", at=BEGAN + 900, token="another")
    assert key("call.hold") == key("call.hold", token="another")
    assert key("call.hold") != key("call.hold", at=BEGAN + 900)
    assert key("call.created") != key("call.created", number={"id": 4, "digits": "+33"})
    assert key("call.ended") != key("call.ended", recording="https://x.example/1")
    assert key("call.ended", recording="https://x.example/1") == key("call.ended", recording="https://x.example/2")
    assert key("call.ringing_on_agent") != key("call.ringing_on_agent", user={"id": 8})
    keys = {key(event) for event in KINDS}
    assert len(keys) == len(KINDS)
    assert keys.isdisjoint(key(event, id=813) for event in KINDS)


def test_an_id_of_any_size_is_kept_as_it_is() -> None:
    large = 2**63 + 1
    assert {fact.call_key for fact in parse(delivery("call.ended", id=large))} == {str(large)}
    assert {fact.call_key for fact in parse(delivery("call.ended", id="812"))} == {"812"}
    for none in (None, True, 1.5, [], ""):
        with pytest.raises(ProtocolError):
            arrive(delivery("call.ended", id=none), {}, 0.0)
    with pytest.raises(ProtocolError):
        arrive(delivery("call.ended", id="9" * 100), {}, 0.0)


def test_every_documented_event_has_a_meaning() -> None:
    assert len(KINDS) == 19
    for event, kind in KINDS.items():
        facts = parse(delivery(event, recording="https://x.example/1"))
        assert kind in {fact.type for fact in facts}
        assert {fact.call_key for fact in facts} == {"812"}
        assert any(fact.final for fact in facts) is (event == "call.ended"), "hungup is not the last word"


@pytest.mark.parametrize("event", ["call.levitated", "number.closed", "webhook.test", "user.created"])
def test_an_unknown_event_is_kept(event: str) -> None:
    (fact,) = parse(delivery(event))
    assert (fact.type, fact.call_key) == ("other", "812" if event.startswith("call.") else "")
    assert arrive(delivery(event), SECRETS, 0.0).event_key.startswith(f"{event}|")


@pytest.mark.proves("CALL-18")
@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({}, "answered", None),
        ({"answered_at": None, "missed_call_reason": "agents_did_not_answer"}, "missed", "agents_did_not_answer"),
        ({"answered_at": None, "missed_call_reason": "abandonned_in_ivr"}, "missed", "abandonned_in_ivr"),
        ({"answered_at": None, "missed_call_reason": "never heard of"}, "missed", "never heard of"),
        ({"answered_at": None}, "missed", None),
        ({"answered_at": None, "missed_call_reason": "no_available_agent", "voicemail": "https://x.example/v"}, "voicemail", "no_available_agent"),
        ({"answered_at": None, "direction": "outbound"}, "no_answer", None),
        ({"direction": "outbound"}, "answered", None),
    ],
)  # fmt: skip
def test_how_a_call_ends(changes: dict[str, Any], outcome: str, reason: str | None) -> None:
    assert outcome_of({**CALL, **changes}) == (outcome, reason)
    end = next(fact for fact in parse(delivery("call.ended", {**CALL, **changes})) if fact.type == "ended")
    assert (end.outcome, end.outcome_reason, end.final) == (outcome, reason, True)


def test_the_talk_is_counted_from_the_answer() -> None:
    """duration has the ringing in it."""
    end = parse(delivery("call.ended"))[-1]
    assert (end.talk_s, end.total_s, end.occurred_at) == (88, 100, "2025-01-15T10:31:40Z")
    assert parse(delivery("call.ended", answered_at=None))[-1].talk_s == 0


def test_a_recording_is_kept_by_an_address_that_stays() -> None:
    urls = {
        fact.recording_url
        for signature in "ab"
        for event in ("call.ended", "call.comm_assets_generated")
        for fact in parse(delivery(event, recording=f"https://rec.example/812.mp3?Signature={signature}"))
        if fact.recording_url
    }
    assert urls == {"https://assets.aircall.io/calls/812/recording"}
    (voicemail,) = parse(delivery("call.voicemail_left", voicemail=None))
    assert (voicemail.type, voicemail.recording_url) == ("voicemail", "https://assets.aircall.io/calls/812/voicemail")
    (none,) = parse(delivery("call.comm_assets_generated"))
    assert none.type == "enriched"


def test_a_transfer_names_the_next_agent() -> None:
    (to,) = parse(delivery("call.transferred", transferred_to={"id": 8, "email": "bruno@example.com"}))
    assert (to.type, to.agent_number) == ("transferred", "bruno@example.com")
    (outside,) = parse(delivery("call.external_transferred", transferred_to=None))
    assert (outside.type, outside.agent_number) == ("transferred", None)


@pytest.mark.parametrize(("value", "utc"), [(BEGAN, "2025-01-15T10:30:00Z"), (0, None), (True, None), ("1", None), (1e30, None), (-5, None)])  # fmt: skip
def test_times(value: object, utc: str | None) -> None:
    assert instant(value) == utc


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**63) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*CALL, "email", "digits"]), inner),
    max_leaves=12,
)


@given(st.sampled_from([*KINDS, "odd"]), st.dictionaries(st.sampled_from([*CALL, "recording", "voicemail", "transferred_to"]), JSON), JSON)  # fmt: skip
def test_any_call_is_read_or_refused(event: str, call: dict[str, Any], at: Any) -> None:
    request = delivery(event, {**CALL, **call}, at=at)
    for read in (lambda: arrive(request, {}, 0.0), lambda: parse(request)):
        with contextlib.suppress(ProtocolError):
            read()


@given(st.binary(max_size=100))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    request = Request("POST", "", {}, body)
    assert arrive(request, SECRETS, 0.0).signature == "failed"
    for read in (lambda: arrive(request, {}, 0.0), lambda: parse(request)):
        with contextlib.suppress(ProtocolError):
            read()


CALLS = st.builds(
    SimulatedCall,
    id=st.just(812),
    number=st.sampled_from(["+33612345678", "anonymous"]),
    lines=st.sampled_from([("+33186950041",), ("+33186950041", "+33186950039")]),
    agents=st.sampled_from([("anna@example.com",), ("anna@example.com", "bruno@example.com")]),
    direction=st.sampled_from(["inbound", "outbound"]),
    outcome=st.sampled_from(["answered", "missed", "abandoned", "no_answer"]),
    started=st.just(float(BEGAN)),
    talk_s=st.integers(1, 600),
    transferred_to=st.sampled_from(["", "chloe@example.com"]),
    recording=st.sampled_from(["none", "late"]),
    doubled=st.booleans(),
    shuffled=st.none() | st.integers(0, 5),
    lost=st.sampled_from([(), ("call.created",), ("call.answered",), ("call.hungup",)]),
)
SEEN = ("key", "direction", "external", "agent", "result", "talk_s", "total_s", "started_at", "ended_at", "recordings")


@pytest.mark.proves("CALL-19", "CALL-21")
@settings(max_examples=300)
@given(CALLS)
def test_the_list_says_what_the_events_said(call: SimulatedCall) -> None:
    told = [fact.to_json() for one in events_of(call) for fact in parse(Request("POST", "", {}, one.body(TOKEN)))]
    listed = [fact.to_json() for fact in facts_of(shown(call, call.ended_at + 600), is_final=True)]
    by_events, by_list = (fold(None, facts, Settings()).subject for facts in (told, listed))
    urls = [[one["url"] for one in subject.get("recordings", ())] for subject in (by_events, by_list)]
    assert urls[0] == urls[1]
    same = [name for name in SEEN if name != "recordings" and not (name == "agent" and call.outcome != "answered")]
    assert {name: by_events.get(name) for name in same} == {name: by_list.get(name) for name in same}
    if "call.created" not in call.lost:
        assert by_events["line"] == "+33 1 86 95 00 41", "the number that was dialled, not the menu's"
