"""What SipSim sends for a call, under its old and its new webhook contract. Pure: used by the sandbox, the demo, benchmarks and tests.

New (developer site, "Webhooks Integration"): every event goes to one URL as a POST of JSON with ``X-Webhook-Signature`` = hex HMAC-SHA256 of
timestamp + "." + body, and ``X-Webhook-Timestamp`` in seconds. Old (help centre, "Webhooks"): one URL per event, GET or POST, no signature; fields go
into the query or into a form; status in lower case; end events know only answer and noanswer; there is no voicemail event.
"""

from __future__ import annotations

import hashlib
import hmac
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlencode

import orjson

Outcome = Literal["answered", "missed", "no_answer", "busy", "voicemail"]
OUTCOMES: tuple[Outcome, ...] = ("answered", "missed", "no_answer", "busy", "voicemail")
EVENTS = (
    "incoming_call_start", "incoming_call_start_chain_member_call", "incoming_call_end_chain_member_call", "incoming_call_answer", "incoming_call_end",
    "outgoing_call_start", "outgoing_call_answer", "outgoing_call_end", "voicemail", "tags", "speech", "summary", "sms", "rating",
)  # fmt: skip
OLD_EVENTS = EVENTS[:8]
_NEW_STATUS = {"answered": "ANSWER", "missed": "MISSED", "no_answer": "NOANSWER", "busy": "BUSY", "voicemail": "MISSED"}


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    """A call as it happens.

    number is the outside number as the network shows it ("anonymous" when withheld), lines the company's line or the members of a dial chain in the
    order they ring; the call is answered by ``answered_by`` (an index, the last one by default). started: seconds since 1970; ring_s and talk_s in
    seconds. recording: "none", "end" (in the end event) or "late" (the end event comes once more with it). Deliveries: doubled (each event twice),
    reversed, shuffled (by seed), lost (event names never sent), late (event names held back); old_method and old_body shape the old contract.
    """

    pbx_id: str
    number: str
    lines: tuple[str, ...]
    contract: Literal["new", "old"] = "new"
    direction: Literal["inbound", "outbound"] = "inbound"
    outcome: Outcome = "answered"
    started: float = 0.0
    ring_s: int = 12
    talk_s: int = 60
    answered_by: int | None = None
    recording: Literal["none", "end", "late"] = "none"
    audio_base: str = "https://app.sipsim.com/recordings"
    doubled: bool = False
    reversed: bool = False
    shuffled: int | None = None
    lost: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    old_method: Literal["GET", "POST"] = "GET"
    old_body: Literal["form", "json"] = "form"

    @property
    def audio_path(self) -> str | None:
        """Where the recording is, if the call has one."""
        has = self.outcome == "answered" and self.recording != "none"
        return f"{self.audio_base}/{self.pbx_id}.mp3" if has else None

    @property
    def duration(self) -> int:
        """Seconds of talk; 0 if unanswered."""
        return self.talk_s if self.outcome == "answered" else 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request that SipSim makes. ``query`` is to be added to the configured URL ("" for none); late: to be sent after everything else."""

    event: str
    method: str
    query: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    late: bool = False

    def url(self, base: str) -> str:
        """The configured URL with the query."""
        return base if not self.query else f"{base}{'&' if '?' in base else '?'}{self.query}"


def call_from(value: dict[str, Any]) -> SimulatedCall:
    """A call from its JSON; raises ValueError or TypeError for what cannot be."""
    made: dict[str, Any] = {name: tuple(part) if isinstance(part, list) else part for name, part in value.items()}
    call = SimulatedCall(**made)
    if (
        call.outcome not in OUTCOMES
        or not call.lines
        or call.direction not in ("inbound", "outbound")
        or call.contract not in ("new", "old")
    ):
        raise ValueError(f"not a call: {value!r}")
    return call


def events_of(call: SimulatedCall, secret: str = "", sent_at: float | None = None) -> list[Delivery]:
    """The requests for a call in the order in which they are sent; ``sent_at`` (seconds) goes into the signature, else each event's own time."""
    happened = [one for one in _happened(call) if one[0]["event"] not in call.lost]
    if call.contract == "old":
        happened = [one for one in happened if one[0]["event"] in OLD_EVENTS]
    if call.doubled:
        happened = [one for one in happened for _ in range(2)]
    if call.reversed:
        happened.reverse()
    if call.shuffled is not None:
        random.Random(call.shuffled).shuffle(happened)
    made = [
        _delivery(call, payload, at if sent_at is None else sent_at, secret, late) for payload, at, late in happened
    ]
    return [one for one in made if not one.late] + [one for one in made if one.late]


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The X-Webhook-Signature of a body."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def test_event(sent_at: float, secret: str) -> Delivery:
    """The event that the dashboard's test button sends: pbx_id "test_000000", and ``timestamp`` where others have ``time``."""
    body = orjson.dumps({"event": "test", "pbx_id": "test_000000", "timestamp": _time(sent_at)})
    return _signed("test", body, sent_at, secret, False)


test_event.__test__ = False  # type: ignore[attr-defined]  # a name from the field, not a test


def _happened(call: SimulatedCall) -> list[tuple[dict[str, Any], float, bool]]:
    """Payload, time and whether it is held back, for each event in true order."""
    found: list[tuple[dict[str, Any], float, bool]] = []
    inbound = call.direction == "inbound"
    stem = "incoming" if inbound else "outgoing"
    chain = call.lines if inbound and len(call.lines) > 1 else ()
    agent = call.lines[-1 if call.answered_by is None else call.answered_by]
    answered = call.outcome == "answered"

    def happens(event: str, at: float, line: str, late: bool = False, **more: Any) -> None:
        caller, receiver = (call.number, line) if inbound else (line, call.number)
        payload = {
            "event": event,
            "caller": caller,
            "receiver": receiver,
            "time": _time(at),
            "pbx_id": call.pbx_id,
            **more,
        }
        found.append((payload, at, late or event in call.late))

    at = call.started
    happens(f"{stem}_call_start", at, call.lines[0])
    for line in chain:
        happens("incoming_call_start_chain_member_call", at, line)
        at += call.ring_s
        if answered and line == agent:
            break
        happens("incoming_call_end_chain_member_call", at, line, status=_member_status(call))
    at = max(at, call.started + call.ring_s)
    if answered:
        happens(f"{stem}_call_answer", at, agent)
        at += call.talk_s
        if chain:
            happens("incoming_call_end_chain_member_call", at, agent, status="ANSWER")
    status = _NEW_STATUS[call.outcome]
    if not inbound and status == "MISSED":
        status = "NOANSWER"
    last = agent if answered else call.lines[-1]
    end: dict[str, Any] = {
        "duration": call.duration,
        "audio_path": call.audio_path if call.recording == "end" else None,
        "status": status,
    }
    happens(f"{stem}_call_end", at, last, **end)
    if inbound and call.outcome == "voicemail":
        happens("voicemail", at + 30, call.lines[0], duration=15, audio_path=f"{call.audio_base}/vm_{call.pbx_id}.mp3")
    if answered and call.recording == "late":
        happens(f"{stem}_call_end", at, last, True, **{**end, "audio_path": call.audio_path})
    return found


def _member_status(call: SimulatedCall) -> str:
    return "BUSY" if call.outcome == "busy" else "NOANSWER"


def _delivery(call: SimulatedCall, payload: dict[str, Any], at: float, secret: str, late: bool) -> Delivery:
    event = payload["event"]
    if call.contract == "new":
        return _signed(event, orjson.dumps(payload), at, secret, late)
    fields = {name: value for name, value in payload.items() if value is not None}
    fields["time"] = fields["time"].replace("Z", "+00:00")
    if "status" in fields:
        known = fields["status"].lower()
        fields["status"] = known if event == "incoming_call_end_chain_member_call" or known == "answer" else "noanswer"
    if call.old_method == "GET":
        return Delivery(event, "GET", urlencode(fields), late=late)
    if call.old_body == "json":
        return Delivery(event, "POST", "", {"Content-Type": "application/json"}, orjson.dumps(fields), late)
    return Delivery(
        event, "POST", "", {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(fields).encode(), late
    )


def _signed(event: str, body: bytes, at: float, secret: str, late: bool) -> Delivery:
    stamp = str(int(at))
    headers = {
        "Content-Type": "application/json",
        "X-Webhook-Timestamp": stamp,
        "X-Webhook-Signature": signature(secret, stamp, body),
    }
    return Delivery(event, "POST", "", headers, body, late)


def _time(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
