"""Aircall's webhooks: POST of JSON with resource, event, timestamp, token and data, the call as it is at that moment.

Source: Aircall developer site ("Webhooks overview", API reference "Call", "Call events"). No signature: a token in the body that the webhook was given when it was
made proves it. At least once, in any order. A call's key is data.id; call_uuid is the API's sid. hungup comes at once, ended about
thirty seconds later with the final figures, and is the authoritative end; a source that loses it settles (`settle_s`).

Addresses of recordings live an hour at most, and each event has a new one. So what is kept is the page under which Aircall shows the recording to people who
are signed in there, which stays; `Connector.open` asks the API for the address of the hour.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tieline.core.errors import ProtocolError
from tieline.core.facts import CallEventType, CallFact, Direction, Outcome
from tieline.sdk.contract import Arrived, Request
from tieline.sdk.webhook import digest, is_same, json_of

ASSET = "https://assets.aircall.io/calls/{}/{}"
"""Where people see the recording or the voicemail of a call."""
IS_ASSET = re.compile(r"https://assets\.aircall\.io/calls/(\d+)/(recording|voicemail)")
LONGEST_ID = 40

KINDS: Mapping[str, CallEventType] = {
    "call.created": "ringing",
    "call.ringing_on_agent": "leg_ringing",
    "call.agent_declined": "leg_ended",
    "call.answered": "answered",
    "call.transferred": "transferred",
    "call.external_transferred": "transferred",
    "call.unsuccessful_transfer": "enriched",
    "call.hungup": "ended",
    "call.ended": "ended",
    "call.voicemail_left": "voicemail",
    "call.comm_assets_generated": "recording_ready",
    "call.hold": "enriched",
    "call.unhold": "enriched",
    "call.ivr_option_selected": "enriched",
    "call.assigned": "enriched",
    "call.archived": "enriched",
    "call.tagged": "enriched",
    "call.untagged": "enriched",
    "call.commented": "enriched",
}
"""Event → meaning; every other one is "other"."""
ONCE = frozenset(("call.created", "call.answered", "call.hungup", "call.ended"))
"""Happen once in a call (created once for each number of a menu), so that their time is no part of their key."""


def arrive(request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:  # noqa: ARG001  (the contract's)
    """Checks the token, where one is known, and keys the event."""
    expected = secrets.get("webhook_token", "")
    try:
        body = body_of(request)
    except ProtocolError:
        if expected:
            return Arrived("failed", "")
        raise
    given = body.get("token")
    if expected and not is_same(given if isinstance(given, str) else "", expected):
        return Arrived("failed", "")
    return Arrived("token" if expected else "absent", _key(body))


def body_of(request: Request) -> dict[str, Any]:
    """The delivery's JSON object."""
    body = json_of(request.body)
    if not isinstance(body, dict):
        raise ProtocolError("a body that is no object")
    return body


def _key(body: Mapping[str, Any]) -> str:
    event = body.get("event")
    if not isinstance(event, str) or not event:
        raise ProtocolError("a delivery without an event name")
    call = _part(body, "data")
    id = call_id(call)
    if event not in KINDS or not id:
        if event in KINDS:
            raise ProtocolError("a call event without data.id")
        return f"{event}|{digest({name: value for name, value in body.items() if name != 'token'})}"
    # the final data may come once more when its files are ready: that is news
    files = "".join(f"|{name}" for name in ("recording", "voicemail") if has_file(call, name))
    number = _part(call, "number").get("id", "")
    if event in ONCE:
        return f"{id}|{event}|{number}{files}"
    user = _part(call, "user").get("id", "")
    return f"{id}|{event}|{number}|{user}|{body.get('timestamp', '')}{files}"


def parse(request: Request) -> list[CallFact]:
    """The facts of a delivery."""
    body = body_of(request)
    event = str(body.get("event") or "")
    call = _part(body, "data")
    at = instant(body.get("timestamp"))
    kind = KINDS.get(event)
    id = call_id(call) if event.startswith("call.") else ""
    if kind is None or not id:
        return [CallFact(id, "other", at)]
    if kind == "enriched":
        return [CallFact(id, "enriched", at)]
    if kind == "ended":
        return facts_of(call, is_final=event == "call.ended")
    if kind == "recording_ready":
        return _files(call, at) or [CallFact(id, "enriched", at)]
    known = common(call)
    if kind == "voicemail":
        url = ASSET.format(id, "voicemail")
        return [CallFact(type="voicemail", occurred_at=at, recording_url=url, **known)]
    if kind == "ringing":
        # one for each number of a menu, all with the call's beginning: the line dialled is that of the first event
        return [*_began(call, known), CallFact(type="ringing", occurred_at=at, **known)]
    if kind == "transferred":
        # to a colleague, who is the agent from now on; outside nobody of ours is
        known["agent_number"] = person(_part(call, "transferred_to")) or None
        return [CallFact(type="transferred", occurred_at=at, **known)]
    if kind == "answered":
        return [CallFact(type="answered", occurred_at=instant(call.get("answered_at")) or at, **known)]
    leg = _part(call, "user").get("id")
    return [CallFact(type=kind, occurred_at=at, leg_key=None if leg is None else str(leg), **known)]


def facts_of(call: Mapping[str, Any], *, is_final: bool) -> list[CallFact]:
    """A call that is over, as it began, was answered and ended: of its end event, or as the API lists it."""
    known = common(call)
    answered, ended = instant(call.get("answered_at")), instant(call.get("ended_at"))
    facts = _began(call, known)
    if answered:
        facts.append(CallFact(type="answered", occurred_at=answered, **{**known, "agent_number": None}))
    outcome, reason = outcome_of(call)
    end = CallFact(
        type="ended",
        occurred_at=ended,
        outcome=outcome,
        outcome_reason=reason,
        talk_s=_between(call, "answered_at", "ended_at") if answered else 0,
        total_s=seconds_of(call.get("duration")),
        final=is_final,
        **known,
    )
    return [*facts, *_files(call, ended), end]


def _began(call: Mapping[str, Any], known: Mapping[str, Any]) -> list[CallFact]:
    """The call's beginning, without a line: the number that an event names may be one that the caller reached by a menu."""
    began = instant(call.get("started_at"))
    plain = {**known, "line_number": None, "agent_number": None}
    return [CallFact(type="ringing", occurred_at=began, **plain)] if began else []


def outcome_of(call: Mapping[str, Any]) -> tuple[Outcome, str | None]:
    """Outcome and the vendor's reason. A reason that nobody knows yet is kept as it is: the call was missed all the same."""
    said = call.get("missed_call_reason")
    reason = said if isinstance(said, str) and said else None
    if call.get("answered_at"):
        return "answered", reason
    if has_file(call, "voicemail"):
        return "voicemail", reason
    if call.get("direction") == "outbound":
        return "no_answer", reason
    return "missed", reason


def common(call: Mapping[str, Any]) -> dict[str, Any]:
    """What any event says of its call."""
    direction = call.get("direction")
    sides: Mapping[object, Direction] = {"inbound": "inbound", "outbound": "outbound", "internal": "internal"}
    digits, line = call.get("raw_digits"), _part(call, "number").get("digits")
    return {
        "call_key": call_id(call),
        "direction": sides.get(direction) if isinstance(direction, str) else None,
        "external_number": digits if isinstance(digits, str) else None,
        "line_number": line if isinstance(line, str) and line else None,
        "agent_number": person(_part(call, "user")) or None,
    }


def _files(call: Mapping[str, Any], at: str | None) -> list[CallFact]:
    """The recording and the voicemail that a call has."""
    kinds: tuple[tuple[str, CallEventType], ...] = (("recording", "recording_ready"), ("voicemail", "voicemail"))
    key = call_id(call)
    return [
        CallFact(key, kind, at, recording_url=ASSET.format(key, name)) for name, kind in kinds if has_file(call, name)
    ]


def has_file(call: Mapping[str, Any], name: str) -> bool:
    """Whether a call has a recording or a voicemail."""
    return bool(call.get(name) or call.get(f"{name}_short_url"))


def call_id(call: Mapping[str, Any]) -> str:
    """data.id as text, "" for what is none."""
    value = call.get("id")
    text = value if isinstance(value, str) else str(value) if type(value) is int else ""
    if len(text) > LONGEST_ID:
        raise ProtocolError("an id longer than any call's")
    return text


def person(user: Mapping[str, Any]) -> str:
    """The address of somebody, else the name, else the id."""
    for name in ("email", "name", "id"):
        if value := user.get(name):
            return str(value)
    return ""


def instant(value: object) -> str | None:
    """Unix seconds as UTC text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 253_402_300_800:
        return None
    return datetime.fromtimestamp(int(value), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(value: object) -> int | None:
    """Whole seconds; None for what is none."""
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9 else None


def _between(call: Mapping[str, Any], first: str, last: str) -> int | None:
    a, b = call.get(first), call.get(last)
    return seconds_of(max(0, b - a)) if isinstance(a, (int, float)) and isinstance(b, (int, float)) else None


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, dict) else {}
