"""Twilio's callbacks: statuses of legs and recordings.

Sources: Twilio docs "Call resource" (status callback), "Recording status callbacks", "Webhooks security". A form (POST) or a query (GET), signed by
X-Twilio-Signature: base64 HMAC-SHA1 with the auth token over the exact address and, of a form, each parameter by name; of a JSON body the
address carries its SHA-256 as bodySHA256. Nothing in it says when it was sent, so that an old one is told from a new one by its event key alone.

A call is a parent leg and those dialled from it (ParentCallSid). Twilio answers an inbound call itself, for menus and music: its parent is "completed"
however the agents' legs ended. So the legs say whether a person was reached and for how long, and the parent when it was over; since callbacks
come unordered the call settles after that (`settle_s`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from tieline.core.errors import ProtocolError
from tieline.core.facts import CallEventType, CallFact, Direction, Outcome
from tieline.sdk.contract import Arrived, Request
from tieline.sdk.webhook import digest, is_same, is_signed, json_of

SIGNATURE = "x-twilio-signature"
BODY_HASH = "bodySHA256"
LONGEST_SID = 64
MOST_FIELDS = 500
"""Parameters of a callback. Twilio's have some forty."""

UNDER_WAY = frozenset(("queued", "initiated", "ringing"))
ANSWERED = "in-progress"
COMPLETED = "completed"
OUTCOMES: Mapping[str, Outcome] = {
    "busy": "busy",
    "no-answer": "no_answer",
    "canceled": "canceled",
    "failed": "failed",
}
"""Statuses of a leg that ended without being answered → outcome."""
WITHHELD = "anonymous"
"""For an inbound call without a number: that it is withheld is said, so that no leg's number is taken for the caller's."""
VOICEMAIL_SOURCE = "RecordVerb"
"""The source of a recording that a caller was asked for; all others record a conversation."""


def arrive(request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:  # noqa: ARG001  (the contract's)
    """Verifies and keys a callback. The secondary auth token is good too, while tokens are exchanged."""
    tokens = [token for name in ("auth_token", "secondary_token") if (token := secrets.get(name))]
    try:
        sent, asked = _sent(request), _query(request)
    except ProtocolError:
        if tokens:
            return Arrived("failed", "")
        raise
    if tokens and not any(_is_genuine(request, sent, asked, token) for token in tokens):
        return Arrived("failed", "")
    fields = _fields(asked, sent)
    return Arrived("verified" if tokens else "absent", _key(fields))


Pairs = list[tuple[str, str]]
Sent = Pairs | dict[str, str]
"""A body's parameters: pairs as a form has them, or what a JSON object says."""


def _is_genuine(request: Request, sent: Sent, asked: Pairs, token: str) -> bool:
    """Whether the signature is Twilio's: of the address as given, with and without its default port."""
    given = request.headers.get(SIGNATURE, "")
    if not given:
        return False
    params = ""
    if isinstance(sent, dict):
        named = dict(asked).get(BODY_HASH, "")
        if not is_same(hashlib.sha256(request.body).hexdigest(), named.lower()):
            return False
    else:
        params = "".join([name + value for name, value in sorted(set(sent))])
    return any(
        is_signed(token, (url + params).encode("utf-8", "surrogateescape"), given, encoding="base64", algorithm="sha1")
        for url in _addresses(request)
    )


def _addresses(request: Request) -> Iterator[str]:
    """The address in the forms that are signed: as configured first; some of Twilio's parts add or drop the default port."""
    query = f"?{request.query}" if request.query else ""
    yield request.url + query
    parts = urlsplit(request.url)
    host = parts.netloc
    default = ":443" if parts.scheme == "https" else ":80"
    if host.endswith(default):
        yield parts._replace(netloc=host.removesuffix(default)).geturl() + query
    elif host and ":" not in host:
        yield parts._replace(netloc=host + default).geturl() + query


def _sent(request: Request) -> Sent:
    """The body's parameters as they came: a form's values are not trimmed, since they are signed."""
    body = request.body
    if not body:
        return []
    kind = request.headers.get("content-type", "")
    if body[:1] in (b"{", b"[") or kind.partition(";")[0].strip().lower() == "application/json":
        sent = json_of(body)
        if not isinstance(sent, dict):
            raise ProtocolError("a body of JSON that is no object")
        said = {name: value for name, value in sent.items() if value is not None}
        return {name: value if isinstance(value, str) else str(value) for name, value in said.items()}
    if body.count(b"&") >= MOST_FIELDS:
        raise ProtocolError("more parameters than any callback has")
    try:
        return [_pair(part) for part in body.decode("utf-8").split("&")]
    except ValueError:
        raise ProtocolError("a body that is no form") from None


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise ValueError(text)
    return unquote_plus(name) if "%" in name or "+" in name else name, (
        unquote_plus(value) if "%" in value or "+" in value else value
    )


def _query(request: Request) -> Pairs:
    if not request.query:
        return []
    try:
        return parse_qsl(request.query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise ProtocolError("a query that no callback has") from None


def fields_of(request: Request) -> dict[str, str]:
    """The callback's parameters, of the body before those of the address."""
    return _fields(_query(request), _sent(request))


def _fields(asked: Pairs, sent: Sent) -> dict[str, str]:
    fields = dict(asked)
    fields.pop(BODY_HASH, None)
    fields.update(sent)
    return fields


def _key(fields: Mapping[str, str]) -> str:
    call = fields.get("CallSid", "")
    recording = fields.get("RecordingSid", "")
    if not call and not recording:
        raise ProtocolError("a callback that names neither a call nor a recording")
    if "RecordingStatus" in fields and "CallStatus" not in fields:
        return f"{recording or call}|{fields['RecordingStatus']}"
    if status := fields.get("CallStatus"):
        # the end may be told once more with its recording
        return f"{call}|{status}{'|audio' if fields.get('RecordingUrl') else ''}"
    return f"{call or recording}|{digest(dict(fields))}"


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg as a callback or the list of calls tells of it. Times are UTC text; `seconds` since it was answered. `is_agents`:
    the configured address says ?leg=agent, so that the called number of this parent is one of ours."""

    sid: str
    parent: str
    status: str
    direction: str
    caller: str
    called: str
    at: str | None
    seconds: int | None
    began: str | None = None
    is_agents: bool = False
    is_final: bool = False
    recording_url: str | None = None
    recording_s: int | None = None


def parse(request: Request) -> list[CallFact]:
    """The facts of a callback."""
    fields = fields_of(request)
    sid, parent = fields.get("CallSid", ""), fields.get("ParentCallSid", "")
    if max(len(sid), len(parent)) > LONGEST_SID:
        raise ProtocolError("a sid longer than any")
    if "CallStatus" not in fields:
        if "RecordingStatus" not in fields:
            return [CallFact(parent or sid, "other")]
        return [
            recorded(
                parent or sid,
                fields["RecordingStatus"],
                fields.get("RecordingSource", ""),
                fields.get("RecordingUrl") or None,
                seconds_of(fields.get("RecordingDuration")),
                instant(fields.get("RecordingStartTime")),
                fields.get("ErrorCode", ""),
            )
        ]
    return facts_of(
        Leg(
            sid,
            parent,
            fields["CallStatus"].lower(),
            fields.get("Direction", ""),
            fields.get("From", "").strip(),
            fields.get("To", "").strip(),
            instant(fields.get("Timestamp")),
            seconds_of(fields.get("CallDuration")),
            is_agents=fields.get("leg") == "agent",
            recording_url=fields.get("RecordingUrl") or None,
            recording_s=seconds_of(fields.get("RecordingDuration")),
        )
    )


def recorded(
    call: str, status: str, source: str, url: str | None, seconds: int | None, began: str | None, error: str = ""
) -> CallFact:
    """What a recording says of its call (which is always the parent leg)."""
    if status.lower() != COMPLETED or url is None:
        return CallFact(call, "enriched", began, outcome_reason=f"recording {status} {error}".strip())
    kind: CallEventType = "voicemail" if source == VOICEMAIL_SOURCE else "recording_ready"
    return CallFact(call, kind, began, recording_url=url, recording_s=seconds)


def facts_of(leg: Leg) -> list[CallFact]:
    """A leg's facts. An unknown status is "other"."""
    if leg.status not in UNDER_WAY and leg.status not in OUTCOMES and leg.status not in (ANSWERED, COMPLETED):
        return [CallFact(leg.parent or leg.sid, "other", leg.at)]
    return _of_child(leg) if leg.parent else _of_parent(leg)


def _of_child(leg: Leg) -> list[CallFact]:
    """A dialled leg. Its numbers count only where the parent names none: a browser's leg knows nobody outside."""
    known: dict[str, Any] = {
        "call_key": leg.parent,
        "leg_key": leg.sid,
        "external_number": None if _is_endpoint(leg.called) else leg.called or None,
        "line_number": None if _is_endpoint(leg.caller) else leg.caller or None,
        "agent_number": leg.called or None,
    }
    facts = [CallFact(type="leg_ringing", occurred_at=leg.began, **known)] if leg.began else []
    if leg.status in UNDER_WAY:
        return [CallFact(type="leg_ringing", occurred_at=leg.at, **known)]
    if leg.status == ANSWERED:
        return [CallFact(type="answered", occurred_at=leg.at, **known)]
    if leg.status == COMPLETED and leg.is_final and leg.at and leg.seconds is not None:
        # the list does not tell when it was answered, but for how long it was
        facts.append(CallFact(type="answered", occurred_at=moved(leg.at, -leg.seconds), **known))
    end = CallFact(
        type="leg_ended",
        occurred_at=leg.at,
        outcome=OUTCOMES.get(leg.status, "answered"),
        outcome_reason=leg.status,
        talk_s=leg.seconds if leg.status == COMPLETED else 0,
        recording_url=leg.recording_url,
        recording_s=leg.recording_s,
        **known,
    )
    return [*facts, end]


def _of_parent(leg: Leg) -> list[CallFact]:
    direction, external, line, agent = _sides(leg)
    reached = (direction == "outbound" and external is not None) or leg.direction.startswith("trunking")
    known: dict[str, Any] = {
        "call_key": leg.sid,
        "direction": direction,
        "external_number": external,
        "line_number": line,
        "agent_number": agent,
    }
    if leg.status in UNDER_WAY or (leg.status == ANSWERED and not reached):
        return [CallFact(type="ringing", occurred_at=leg.at, **known)]
    if leg.status == ANSWERED:
        return [CallFact(type="answered", occurred_at=leg.at, **known)]
    began = leg.began
    if began is None and leg.at and not reached and leg.seconds is not None:
        began = moved(leg.at, -leg.seconds)  # Twilio answers an inbound call as soon as it comes
    facts = [CallFact(type="ringing", occurred_at=began, **known)] if began else []
    completed = leg.status == COMPLETED
    end = CallFact(
        type="ended",
        occurred_at=leg.at,
        # who was reached is for the legs to say: the parent itself talked to nobody
        outcome=OUTCOMES.get(leg.status, "answered" if reached else None),
        outcome_reason=leg.status,
        talk_s=leg.seconds if completed and reached else 0,
        total_s=leg.seconds if completed and not reached else None,
        recording_url=leg.recording_url,
        recording_s=leg.recording_s,
        final=leg.is_final,
        **known,
    )
    return [*facts, end]


def _sides(leg: Leg) -> tuple[Direction, str | None, str | None, str | None]:
    """Direction, number outside, line and agent of a parent leg."""
    if leg.is_agents:  # a program rang our own person first and dials the number from there
        return "outbound", None, leg.caller or None, leg.called or None
    if leg.direction.startswith("outbound") or leg.direction == "trunking-terminating":
        return "outbound", leg.called or None, leg.caller or None, None
    if _is_endpoint(leg.caller):  # a browser or desk phone of ours dials through Twilio
        return "outbound", None, None, leg.caller
    return "inbound", leg.caller or WITHHELD, leg.called or None, None


def _is_endpoint(address: str) -> bool:
    """A browser or a SIP phone, not a number."""
    return address.startswith(("client:", "sip:", "sips:"))


def seconds_of(value: object) -> int | None:
    """Whole seconds from their text; None for what is none (Twilio writes -1 where it does not know)."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def instant(value: object) -> str | None:
    """A time as Twilio writes it (RFC 2822, UTC) as UTC text; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        at = parsedate_to_datetime(value)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def moved(at: str, seconds: int) -> str:
    """UTC text moved by so many seconds."""
    try:
        return (datetime.fromisoformat(at) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        return at
