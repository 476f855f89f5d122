"""Ringover's deliveries (webhooks 2.0): POST of JSON {resource, event, timestamp, data, attempt}.

Proof. Version 1: X-Ringover-Webhook-Signature is a JWT, HS512, with the key of the webhook block; its claims are {url, payload} (or, as
its documentation has it, the message flat). The address has to be ours, and the signed message is what is read: the body beside it
proves nothing. Version 3, on request: base64 HMAC-SHA256 of method, address, body and time.

Traps, as public receivers met them: call_id exceeds what JavaScript counts and data.id is another id; numbers come in international
digits without +; record and voicemail links come in events of their own.
Sources: developer.ringover.com (webhook), the vendor's sample receivers, public receivers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tieline.connectors.ringover import proof
from tieline.core.errors import ProtocolError
from tieline.core.facts import CallFact, Direction
from tieline.sdk.contract import Arrived, Request
from tieline.sdk.webhook import digest, json_of

CALLS = frozenset({"ringing", "answered", "hangup", "missed", "voicemail"})
AFTERWARDS = frozenset({"record_available", "voicemail_available", "comments_updated", "tags_updated"})
LONGEST_ID = 60
FEWEST_DIGITS = 7
"""Fewer are an extension or a short code, which have no country."""
DIRECTIONS: Mapping[str, Direction] = {"inbound": "inbound", "in": "inbound", "outbound": "outbound", "out": "outbound"}


def arrive(request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:
    """Verifies and keys a delivery. With a key everything must be signed with it."""
    key = secrets.get("webhook_key", "")
    if key and not proof.is_genuine(key, request, now_s):
        return Arrived("failed", "")
    message = message_of(request)
    return Arrived("verified" if key else "absent", _key(message))


def message_of(request: Request) -> dict[str, Any]:
    """The signed message where there is one, else the body. ProtocolError for what is neither."""
    token = request.headers.get(proof.SIGNATURE)
    message: Any
    message = proof.message_of(token) if token else json_of(request.body)
    if not isinstance(message, dict) or not isinstance(message.get("event"), str) or not message["event"]:
        raise ProtocolError("a delivery without an event")
    if message["event"] in CALLS | AFTERWARDS and not _id(_data(message)):
        raise ProtocolError("a call event without call_id")
    return message


def _key(message: Mapping[str, Any]) -> str:
    """The same for each attempt: what is told, without which attempt it is and when."""
    data = _data(message)
    return f"{_id(data)}|{message.get('resource', '')}|{message['event']}|{digest(data)}"


def _data(message: Mapping[str, Any]) -> Mapping[str, Any]:
    data = message.get("data")
    return data if isinstance(data, dict) else {}


def _id(data: Mapping[str, Any]) -> str:
    """call_id as text, every digit of it. Never data.id: that is another one."""
    value = data.get("call_id")
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return ""  # a float has lost digits
    text = str(value).strip()
    return text if len(text) <= LONGEST_ID and "\x00" not in text else ""


def parse(request: Request) -> list[CallFact]:
    """The fact of a delivery."""
    message = message_of(request)
    event, data = message["event"], _data(message)
    key, at = _id(data), instant(message.get("timestamp"))
    if event in AFTERWARDS:
        return [_afterwards(event, key, at, data)]
    if event not in CALLS or message.get("resource") not in ("call", None):
        return [CallFact(key, "other", at)]
    direction = direction_of(data)
    common: dict[str, Any] = {"call_key": key, "direction": direction, **numbers(data, direction)}
    began = instant(data.get("start_time"))
    if event == "ringing":
        return [CallFact(type="ringing", occurred_at=began or at, **common)]
    agent = agent_of(data)
    start = [CallFact(type="ringing", occurred_at=began, **common)] if began else []
    if event == "answered":
        answered = instant(data.get("answered_time")) or at
        return [*start, CallFact(type="answered", occurred_at=answered, agent_number=agent, **common)]
    ended: dict[str, Any] = {
        "occurred_at": instant(data.get("hangup_time")) or at,
        "total_s": seconds(data.get("duration_in_seconds")),
    }
    url = _text(data.get("record"))
    if event == "voicemail":
        # its duration is that of the message
        end: dict[str, Any] = {**ended, "total_s": None, "outcome": "voicemail", "talk_s": 0, "final": True}
        return [*start, CallFact(type="voicemail", recording_url=url, **end, **common)]
    if event == "missed":
        # not the last word: while a group rings, one member's miss is followed by a colleague's answer
        missed: dict[str, Any] = {**ended, "outcome": "no_answer" if direction == "outbound" else "missed", "talk_s": 0}
        return [*start, CallFact(type="ended", outcome_reason=_text(data.get("reason")), **missed, **common)]
    return [*start, *_hangup(data, ended, agent, url, common)]


def _hangup(
    data: Mapping[str, Any], ended: dict[str, Any], agent: str | None, url: str | None, common: dict[str, Any]
) -> list[CallFact]:
    """The end of a call that was answered; one without a second of duration was not."""
    if ended["total_s"] == 0 and not data.get("answered_time"):
        ended |= {"outcome": "no_answer" if common["direction"] == "outbound" else "missed", "talk_s": 0}
        return [CallFact(type="ended", final=True, **ended, **common)]
    over, picked_up = _float(data.get("hangup_time")), _float(data.get("answered_time"))
    talk = max(0, round(over - picked_up)) if over and picked_up else None
    ended |= {"outcome": "answered", "talk_s": talk, "recording_url": url}
    answered = instant(data.get("answered_time"))
    facts = [CallFact(type="answered", occurred_at=answered, **common)] if answered else []
    return [*facts, CallFact(type="ended", agent_number=agent, final=True, **ended, **common)]


def _afterwards(event: str, key: str, at: str | None, data: Mapping[str, Any]) -> CallFact:
    if event == "record_available":
        url, length = _text(data.get("record_link")), seconds(data.get("record_duration"))
        return CallFact(key, "recording_ready", at, recording_url=url, recording_s=length)
    if event == "voicemail_available":
        url, length = _text(data.get("voicemail_link")), seconds(data.get("voicemail_duration"))
        return CallFact(key, "voicemail", at, recording_url=url, recording_s=length)
    return CallFact(key, "enriched", at)


# -- shared with the list of calls ----------------------------------------------------------------------------------


def direction_of(data: Mapping[str, Any]) -> Direction | None:
    """Who called whom; between two of ours it is internal."""
    if data.get("is_internal") is True:
        return "internal"
    said = data.get("direction")
    return DIRECTIONS.get(said.lower()) if isinstance(said, str) else None


def numbers(data: Mapping[str, Any], direction: Direction | None) -> dict[str, str | None]:
    """The number outside and our line, with their +. A withheld number is empty."""
    caller, called = number(data.get("from_number")), number(data.get("to_number"))
    if data.get("is_anonymous") is True and direction != "outbound":
        caller = ""
    outside, ours = (called, caller) if direction == "outbound" else (caller, called)
    return {"external_number": outside, "line_number": ours or None}


def number(value: object) -> str | None:
    """International digits without + are given theirs; extensions, short codes and words stay as they are."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value).strip()
    return f"+{text}" if text.isascii() and text.isdecimal() and len(text) >= FEWEST_DIGITS and text[0] != "0" else text


def agent_of(data: Mapping[str, Any]) -> str | None:
    """The person: e-mail, else name, else id."""
    user = data.get("user")
    found = user if isinstance(user, dict) else {}
    name = _text(found.get("concat_name")) or f"{found.get('firstname') or ''} {found.get('lastname') or ''}".strip()
    id = found.get("user_id") or data.get("user_id")
    return _text(found.get("email")) or name or (str(id) if isinstance(id, (int, str)) and id else None)


def instant(value: object) -> str | None:
    """Unix seconds with their fraction, or ISO 8601, as UTC text in whole seconds; None for anything else."""
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
            at = datetime.fromtimestamp(value, UTC)
        else:
            return None
        return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at.year >= 1000 else None
    except (ValueError, OverflowError, OSError):
        return None


def seconds(value: object) -> int | None:
    """Seconds, also where they are written as text."""
    found = _float(value)
    return None if found is None or not 0 <= found < 1e7 else int(found)


def _float(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value and "\x00" not in value else None
