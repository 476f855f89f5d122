"""SipSim's deliveries, both contracts.

signed  POST, JSON, X-Webhook-Signature: hex HMAC-SHA256 of timestamp + "." + raw body, X-Webhook-Timestamp: Unix seconds
plain   one URL per event, GET or POST with query, form or JSON, no signature; the secret in the URL protects it

Sources: SIPSIM developer site (webhooks, signature verification, one page per event), SipSim help centre (Webhooks).
Statuses are upper case in one contract and lower case in the other. There is no event id: the same event has the same
call, name and receiver.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from tieline.core.errors import ProtocolError
from tieline.core.facts import CallEventType, CallFact, Direction, Outcome
from tieline.sdk.contract import Arrived, Request
from tieline.sdk.webhook import digest, is_recent, is_signed, json_of

SIGNATURE = "x-webhook-signature"
TIMESTAMP = "x-webhook-timestamp"

TEST_CALL = "test_000000"

OUTCOMES: Mapping[str, Outcome] = {
    "answer": "answered",
    "missed": "missed",
    "noanswer": "no_answer",
    "busy": "busy",
    "cancel": "canceled",
    "unavailable": "failed",
    "other": "failed",
}
"""Status in lower case → outcome; any other status is kept as the reason of an unknown outcome."""


class Kind(NamedTuple):
    """What an event name says."""

    type: CallEventType
    direction: Direction | None
    is_final: bool = False


KINDS: Mapping[str, Kind] = {
    "incoming_call_start": Kind("ringing", "inbound"),
    "incoming_call_start_chain_member_call": Kind("leg_ringing", "inbound"),
    "incoming_call_end_chain_member_call": Kind("leg_ended", "inbound"),
    "incoming_call_answer": Kind("answered", "inbound"),
    "incoming_call_end": Kind("ended", "inbound", is_final=True),
    "outgoing_call_start": Kind("ringing", "outbound"),
    "outgoing_call_answer": Kind("answered", "outbound"),
    "outgoing_call_end": Kind("ended", "outbound", is_final=True),
    "voicemail": Kind("voicemail", "inbound"),
    "tags": Kind("enriched", None),
    "speech": Kind("enriched", None),
    "summary": Kind("enriched", None),
    "rating": Kind("enriched", None),
}
"""Event name → meaning; every other name (sms, test, what comes one day) is "other"."""


def arrive(request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:
    """Verifies and keys a delivery. With a signing secret everything must be signed; without one nothing can be checked."""
    secret = secrets.get("signing_secret", "")
    if secret:
        stamp = request.headers.get(TIMESTAMP, "")
        signed = is_recent(stamp, now_s) and is_signed(
            secret, stamp.encode() + b"." + request.body, request.headers.get(SIGNATURE, "")
        )
        if not signed:
            return Arrived("failed", "")
    fields = fields_of(request)
    return Arrived("verified" if secret else "absent", _key(fields))


def _key(fields: Mapping[str, Any]) -> str:
    name = fields.get("event")
    if not isinstance(name, str) or not name:
        raise ProtocolError("a delivery without an event name")
    call = fields.get("pbx_id")
    if name not in KINDS and (not call or call == TEST_CALL):
        # tests all have one call id, messages may have none: each is an event of its own
        return f"{name}|{digest(fields)}"
    if not call:
        raise ProtocolError("a call event without pbx_id")
    # an end may come once more when its recording is ready: that is news, not the same event again
    told = "|audio" if fields.get("audio_path") else ""
    return f"{call}|{name}|{fields.get('receiver') or ''}{told}"


LONGEST_ID = 200
"""Characters of a pbx_id. The contract names no limit; its examples have fewer than 20."""


def fields_of(request: Request) -> dict[str, Any]:
    """The delivery's fields, wherever this contract puts them; the body wins over the query."""
    fields: dict[str, Any] = dict(parse_qsl(request.query)) if request.query else {}
    body = request.body
    if body[:1] == b"{" or body[:64].lstrip()[:1] == b"{":
        sent = json_of(body)
        return {**fields, **sent} if fields else dict(sent)
    if body:
        try:
            fields.update(parse_qsl(body.decode("utf-8"), strict_parsing=True))
        except ValueError:
            raise ProtocolError("a body that is neither JSON nor a form") from None
    return fields


def parse(request: Request) -> list[CallFact]:
    """The one fact of a delivery. ProtocolError also for what no call is named by: it is kept and shown, not folded."""
    fields = fields_of(request)
    if any("\x00" in value for value in fields.values() if isinstance(value, str)):
        raise ProtocolError("a NUL in a field")
    kind = KINDS.get(str(fields.get("event")))
    key = _text(fields.get("pbx_id")) or ""
    if len(key) > LONGEST_ID:
        raise ProtocolError("a pbx_id longer than any call's")
    at = instant(fields.get("time") or fields.get("timestamp"))
    if kind is None or not key:
        return [CallFact(key, "other", at)]
    caller, receiver = _text(fields.get("caller")), _text(fields.get("receiver"))
    inbound = kind.direction == "inbound"
    outside, ours = (caller, receiver) if inbound else (receiver, caller)
    if kind.type == "enriched":
        return [CallFact(key, "enriched", at)]
    seconds = _seconds(fields.get("duration"))
    audio = _text(fields.get("audio_path"))
    if kind.type == "voicemail":
        fact = CallFact(
            key,
            "voicemail",
            at,
            kind.direction,
            outside,
            ours,
            recording_url=audio,
            recording_s=seconds if audio else None,
        )
        return [fact]
    reason = _text(fields.get("status"))
    is_leg = kind.type in ("leg_ringing", "leg_ended")
    # the receiver of an inbound call changes on its way through a department: only the start names the line dialled
    line = ours if kind.type == "ringing" or not inbound else None
    return [
        CallFact(
            call_key=key,
            type=kind.type,
            occurred_at=at,
            direction=kind.direction,
            external_number=outside,
            line_number=line,
            agent_number=None if kind.type == "ringing" else ours,
            leg_key=ours if is_leg else None,
            outcome=OUTCOMES.get(reason.lower(), "unknown") if kind.is_final and reason else None,
            outcome_reason=reason if kind.is_final or is_leg else None,
            talk_s=seconds if kind.is_final else None,
            recording_url=audio if kind.is_final else None,
            final=kind.is_final,
        )
    ]


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else str(value)


def _seconds(value: object) -> int | None:
    try:
        return max(0, int(float(value))) if isinstance(value, (int, float, str)) else None
    except (ValueError, OverflowError):
        return None


def instant(value: object) -> str | None:
    """A time as SipSim writes it (ISO 8601; a plain one is taken as UTC) as UTC text; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
