"""What Twilio sends for a call: status callbacks of its legs and recording callbacks. Pure: used by the sandbox, demos and tests.

Docs: "Call resource" and "Voice webhooks" (status callbacks), "Recording status callbacks", "Webhooks security". Callbacks are forms (POST), or a query
where GET was chosen; each carries X-Twilio-Signature: base64 of HMAC-SHA1 with the account's auth token over the address as it was configured, then, of
a POST, each parameter's name and value by name. An inbound number's callback tells only the end; those of dialled legs what was asked for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Literal
from urllib.parse import urlencode

Outcome = Literal["answered", "missed", "voicemail", "abandoned", "no_answer", "busy", "canceled", "failed"]
Direction = Literal["inbound", "outbound", "softphone"]
ACCOUNT = "AC" + "5a" * 16
UNANSWERED = {
    "missed": "no-answer",
    "no_answer": "no-answer",
    "busy": "busy",
    "canceled": "canceled",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    """A call as it happens.

    number is the number outside as Twilio shows it ("+266696687" when withheld), lines the company's number. direction: inbound (an agent's leg is
    dialled for each of ``agents``, one after the other, until one answers), outbound (one leg to the number), softphone (a browser's leg that dials the
    number). outcome: abandoned ends before any leg; of an inbound call busy and no_answer are its own, missed means that every leg was not answered.
    started: seconds since 1970; ring_s, talk_s, recording_s in seconds. Deliveries: doubled, shuffled (by seed), lost ("sid suffix:status").
    """

    sid: str
    number: str
    lines: tuple[str, ...]
    agents: tuple[str, ...] = ("+33700000001",)
    direction: Direction = "inbound"
    outcome: Outcome = "answered"
    started: float = 0.0
    ring_s: int = 12
    talk_s: int = 60
    answered_by: int | None = None
    recording: Literal["none", "late"] = "none"
    recording_base: str = "https://api.twilio.com"
    method: Literal["POST", "GET"] = "POST"
    doubled: bool = False
    shuffled: int | None = None
    lost: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The company's number."""
        return self.lines[0]

    @property
    def recorded(self) -> bool:
        """Whether there is a recording: of an answered call as asked, of a voicemail always."""
        return self.has_voicemail or (self.outcome == "answered" and self.recording == "late")

    @property
    def has_voicemail(self) -> bool:
        """Whether the caller was asked to speak after the tone; of a call that we make nobody is, and it is not answered."""
        return self.outcome == "voicemail" and self.direction == "inbound"


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg as the list of calls shows it; times in seconds since 1970. ``talk_s``: since it was answered."""

    sid: str
    parent: str
    caller: str
    called: str
    direction: str
    status: str
    started: float
    ended: float
    talk_s: int


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of a call. ``source``: DialVerb, RecordVerb …"""

    sid: str
    call: str
    source: str
    started: float
    duration_s: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request that Twilio makes. Its URL is the configured one, with the fields behind it where the method is GET."""

    event: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)

    def url(self, base: str) -> str:
        """Where it goes."""
        if self.method != "GET":
            return base
        return f"{base}{'&' if '?' in base else '?'}{urlencode(self.fields)}"

    @property
    def body(self) -> bytes:
        """The form."""
        return urlencode(self.fields).encode() if self.method == "POST" else b""

    def headers(self, base: str, token: str) -> dict[str, str]:
        """Content type and signature for a configured URL."""
        params = self.fields if self.method == "POST" else {}
        headers = {"X-Twilio-Signature": signature(token, self.url(base), params)}
        if self.method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        return headers

    def request(self, base: str, token: str) -> tuple[str, str, dict[str, str], bytes]:
        """(method, URL, headers, body) for a configured URL."""
        return self.method, self.url(base), self.headers(base, token), self.body


def signature(token: str, url: str, params: dict[str, str]) -> str:
    """The X-Twilio-Signature of a request."""
    text = url + "".join(name + params[name] for name in sorted(params))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def call_from(value: dict[str, Any]) -> SimulatedCall:
    """A call from its JSON; raises ValueError or TypeError for what cannot be."""
    made: dict[str, Any] = {name: tuple(part) if isinstance(part, list) else part for name, part in value.items()}
    call = SimulatedCall(**made)
    if call.direction not in ("inbound", "outbound", "softphone") or not call.lines or not call.sid:
        raise ValueError(f"not a call: {value!r}")
    if call.outcome not in ("answered", "voicemail", "abandoned", *UNANSWERED):
        raise ValueError(f"not an outcome: {call.outcome!r}")
    return call


def child_sid(call: SimulatedCall, number: int) -> str:
    """The sid of a dialled leg."""
    return "CA" + hashlib.md5(f"{call.sid}/{number}".encode(), usedforsecurity=False).hexdigest()


def legs_of(call: SimulatedCall) -> list[Leg]:
    """Every leg, the parent first."""
    at = call.started
    if call.direction == "outbound":
        answered = call.outcome == "answered"
        status = "completed" if answered else UNANSWERED.get(call.outcome, "no-answer")
        talk = call.talk_s if answered else 0
        end = at + call.ring_s + talk
        return [Leg(call.sid, "", call.line, call.number, "outbound-api", status, at, end, talk)]
    inbound = call.direction == "inbound"
    caller, called = (call.number, call.line) if inbound else ("client:anna", call.number)
    if inbound and call.outcome in ("busy", "no_answer", "canceled", "failed"):
        return [Leg(call.sid, "", caller, called, "inbound", UNANSWERED[call.outcome], at, at + call.ring_s, 0)]
    children: list[Leg] = []
    if call.outcome != "abandoned":
        dialled = call.agents if inbound else (call.number,)
        shown = caller if inbound else call.line
        answered_by = (
            (len(dialled) - 1 if call.answered_by is None else call.answered_by) if call.outcome == "answered" else -1
        )
        for number, to in enumerate(dialled):
            rang_until = at + call.ring_s
            talk = call.talk_s if number == answered_by else 0
            status = "completed" if number == answered_by else UNANSWERED.get(call.outcome, "no-answer")
            children.append(
                Leg(child_sid(call, number), call.sid, shown, to, "outbound-dial", status, at, rang_until + talk, talk)
            )
            at = rang_until + talk
            if number == answered_by:
                break
    end = at + (20 if call.has_voicemail else 4 if call.outcome == "abandoned" else 0)
    parent = Leg(call.sid, "", caller, called, "inbound", "completed", call.started, end, round(end - call.started))
    return [parent, *children]


def recordings_of(call: SimulatedCall) -> list[Recording]:
    """Its recordings: always of the parent leg."""
    if not call.recorded:
        return []
    sid = "RE" + hashlib.md5(call.sid.encode(), usedforsecurity=False).hexdigest()
    if call.has_voicemail:
        return [Recording(sid, call.sid, "RecordVerb", legs_of(call)[0].ended - 15, 15)]
    source = "OutboundAPI" if call.direction == "outbound" else "DialVerb"
    return [Recording(sid, call.sid, source, legs_of(call)[-1].ended - call.talk_s, call.talk_s)]


def events_of(call: SimulatedCall, account: str = ACCOUNT) -> list[Delivery]:
    """The callbacks of a call in the order in which they are sent, a recording's last."""
    timed: list[tuple[float, Delivery]] = []
    for leg in legs_of(call):
        told = _told_of(leg)
        timed += [
            (at, Delivery(f"{leg.sid}:{status}", call.method, _fields(leg, status, at, number, account)))
            for number, (status, at) in enumerate(told)
        ]
    timed.sort(key=lambda one: one[0])
    found = [one for _, one in timed]
    found += [
        Delivery(f"{one.sid}:completed", call.method, recording_fields(call, one, account))
        for one in recordings_of(call)
    ]
    found = [one for one in found if not any(one.event.endswith(lost) for lost in call.lost)]
    if call.doubled:
        found = [one for one in found for _ in range(2)]
    if call.shuffled is not None:
        random.Random(call.shuffled).shuffle(found)
    return found


def _told_of(leg: Leg) -> list[tuple[str, float]]:
    """Which statuses are called back, and when: of an inbound leg the end alone."""
    if leg.direction == "inbound":
        return [(leg.status, leg.ended)]
    told = [("initiated", leg.started), ("ringing", leg.started + 1)]
    if leg.status == "completed":
        told.append(("in-progress", leg.ended - leg.talk_s))
    return [*told, (leg.status, leg.ended)]


def _fields(leg: Leg, status: str, at: float, number: int, account: str) -> dict[str, str]:
    over = status == leg.status
    return {
        "AccountSid": account,
        "ApiVersion": "2010-04-01",
        "CallSid": leg.sid,
        **({"ParentCallSid": leg.parent} if leg.parent else {}),
        "From": leg.caller,
        "Caller": leg.caller,
        "To": leg.called,
        "Called": leg.called,
        "Direction": leg.direction,
        "CallStatus": status,
        **({"CallDuration": str(leg.talk_s), "Duration": "1"} if over else {}),
        "Timestamp": formatdate(int(at), localtime=False).replace("-0000", "+0000"),
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(number),
    }


def recording_fields(
    call: SimulatedCall, one: Recording, account: str = ACCOUNT, status: str = "completed"
) -> dict[str, str]:
    """The parameters of a recording's callback."""
    return {
        "AccountSid": account,
        "CallSid": one.call,
        "RecordingSid": one.sid,
        "RecordingUrl": f"{call.recording_base}/2010-04-01/Accounts/{account}/Recordings/{one.sid}",
        "RecordingStatus": status,
        "RecordingDuration": str(one.duration_s),
        "RecordingChannels": "1",
        "RecordingStartTime": formatdate(int(one.started), localtime=False).replace("-0000", "+0000"),
        "RecordingSource": one.source,
        "RecordingTrack": "both",
        "ErrorCode": "0",
    }
