"""Our own contract of a call's events, as docs/how-to/generic-webhook.md and schema.json describe it: JSON by POST, or the same
fields in the query of a GET. Signed in the manner of Standard Webhooks, or protected by the secret in the address alone.

One rule makes it easy to follow: a sender that knows a call only when it is over sends one "ended" (or "missed") with started_at and
talk_s, and is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from urllib.parse import parse_qsl

from tieline.connectors.webhook import signing
from tieline.core.errors import ProtocolError
from tieline.core.facts import CallEventType, CallFact, Direction, Outcome
from tieline.sdk.contract import Arrived, Request
from tieline.sdk.webhook import digest, json_of

KINDS: Mapping[str, CallEventType] = {
    "ringing": "ringing",
    "answered": "answered",
    "ended": "ended",
    "missed": "ended",
    "voicemail": "voicemail",
    "recording": "recording_ready",
}
"""Kind → meaning. Any other kind is kept and shown, and changes no call; "test" needs no call_id."""
DIRECTIONS = get_args(Direction)
OUTCOMES = get_args(Outcome)
LONGEST_ID = 160
LONGEST_CALL_S = 7 * 24 * 3600


def arrive(request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:
    """Verifies and keys a delivery. With a signing secret everything must be signed."""
    secret = secrets.get("signing_secret", "")
    if secret:
        content = request.body if request.method != "GET" else request.query.encode("latin-1")
        if not signing.is_genuine(secret, request.headers, content, now_s):
            return Arrived("failed", "")
    fields = fields_of(request)
    return Arrived("verified" if secret else "absent", _key(fields, request.headers.get(signing.ID, "")))


def _key(fields: Mapping[str, Any], webhook_id: str) -> str:
    """The event's own id, else the delivery's, else what it says."""
    if event := _text(fields.get("event_id")):
        return f"event|{event}"
    if webhook_id:
        return f"webhook|{webhook_id}"
    return f"fields|{digest(fields, 16)}"


def fields_of(request: Request) -> dict[str, Any]:
    """The fields of a delivery. ProtocolError where no version of the contract could send it."""
    fields: dict[str, Any]
    if request.method == "GET":
        fields = dict(parse_qsl(request.query, keep_blank_values=True))
    else:
        sent = json_of(request.body)
        if not isinstance(sent, dict):
            raise ProtocolError("a body that is no JSON object")
        fields = sent
    if isinstance(fields.get("call_id"), float):  # beyond 64 bits, or a fraction: its digits are lost already
        raise ProtocolError("a call_id that is not written as text")
    kind, call = fields.get("kind"), _text(fields.get("call_id"))
    if not isinstance(kind, str) or not kind:
        raise ProtocolError("no kind")
    if call is None and kind in KINDS:
        raise ProtocolError("no call_id")
    if call is not None and len(call) > LONGEST_ID:
        raise ProtocolError(f"a call_id of more than {LONGEST_ID} characters")
    return fields


def parse(request: Request) -> list[CallFact]:
    """What the event says; an end that knows when the call began says that too."""
    fields = fields_of(request)
    name = fields["kind"]
    kind = KINDS.get(name)
    key = _text(fields.get("call_id")) or ""
    at, began = instant(fields.get("at")), instant(fields.get("started_at"))
    if kind is None or not key:
        return [CallFact(key, "other", at)]
    direction: Direction | None = fields.get("direction") if fields.get("direction") in DIRECTIONS else None
    common: dict[str, Any] = {"call_key": key, "direction": direction, **_numbers(fields, direction)}
    url, url_s = _text(fields.get("recording_url")), _seconds(fields.get("recording_s"))
    if kind == "recording_ready":
        return [CallFact(type=kind, occurred_at=at, recording_url=url, recording_s=url_s, **common)]
    agent = _text(fields.get("agent"))
    if kind == "ringing":
        return [CallFact(type=kind, occurred_at=began or at, agent_number=agent, **common)]
    facts = [CallFact(type="ringing", occurred_at=began, **common)] if began else []
    if kind == "answered":
        return [*facts, CallFact(type=kind, occurred_at=at, agent_number=agent, **common)]
    talk = _seconds(fields.get("talk_s"))
    talk = 0 if talk is None and name in ("missed", "voicemail") else talk
    outcome, reason = _outcome(name, _text(fields.get("outcome")), direction)
    facts.append(
        CallFact(
            type=kind,
            occurred_at=at or _moved(began, talk or 0),
            agent_number=agent,
            outcome=outcome,
            outcome_reason=reason,
            talk_s=talk,
            recording_url=url,
            recording_s=url_s,
            final=True,
            **common,
        )
    )
    return facts


def _numbers(fields: Mapping[str, Any], direction: Direction | None) -> dict[str, str | None]:
    """The number outside and our line. A number that is there and empty is withheld."""
    caller, called = _plain(fields.get("caller")), _plain(fields.get("called"))
    outside, ours = (caller, called) if direction == "inbound" else (called, caller)
    if direction is None:
        return {"line_number": _text(fields.get("line"))}
    return {"external_number": outside, "line_number": _text(fields.get("line")) or ours or None}


def _outcome(name: str, said: str | None, direction: Direction | None) -> tuple[Outcome | None, str | None]:
    if name == "voicemail":
        return "voicemail", said
    if said is not None:
        return (said if said in OUTCOMES else "unknown"), said  # type: ignore[return-value]
    if name == "missed":
        return ("no_answer" if direction == "outbound" else "missed"), None
    return None, None


def instant(value: object) -> str | None:
    """ISO 8601 (without a zone: UTC) or Unix seconds as UTC text; None for anything else."""
    try:
        if isinstance(value, (int, float)) or (isinstance(value, str) and value.isdecimal()):
            at = datetime.fromtimestamp(float(value), UTC)
        elif isinstance(value, str):
            at = datetime.fromisoformat(value)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        else:
            return None
        return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at.year >= 1000 else None
    except (ValueError, OverflowError, OSError):
        return None


def _moved(at: str | None, seconds: int) -> str | None:
    if at is None:
        return None
    try:
        return (datetime.fromisoformat(at) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        return at


def _plain(value: object) -> str | None:
    return None if value is None else _text(value) or ""


def _text(value: object) -> str | None:
    """Text, also of a number; None for nothing and for what is neither."""
    if isinstance(value, str):
        text = value.strip()
        if "\x00" in text:
            raise ProtocolError("a NUL in a field")
        return text or None
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _seconds(value: object) -> int | None:
    try:
        seconds = int(float(value)) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    return None if seconds is None else min(max(0, seconds), LONGEST_CALL_S)
