"""What a telephone system that follows the contract sends for a call. Pure: used by the sandbox, the demo and tests."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlencode

import orjson

from tieline.connectors.webhook.signing import ID, SIGNATURE, TIMESTAMP, signature

Outcome = Literal["answered", "missed", "no_answer", "busy", "voicemail"]


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    """A call as it happens: number is the one outside ("" when withheld), line ours. started: Unix seconds. method GET puts the
    fields into the query. only_end: the sender knows a call only when it is over. Deliveries: doubled, reversed, shuffled (by seed)."""

    call_id: str
    number: str
    line: str
    direction: Literal["inbound", "outbound"] = "inbound"
    outcome: Outcome = "answered"
    agent: str = ""
    started: float = 0.0
    ring_s: int = 12
    talk_s: int = 60
    recording_url: str = ""
    method: Literal["POST", "GET"] = "POST"
    only_end: bool = False
    doubled: bool = False
    reversed: bool = False
    shuffled: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request. ``query`` is added to the address ("" for none)."""

    event: str
    method: str
    query: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def url(self, base: str) -> str:
        """The address with the query."""
        return base if not self.query else f"{base}{'&' if '?' in base else '?'}{self.query}"


def events_of(call: SimulatedCall, secret: str = "", sent_at: float | None = None) -> list[Delivery]:
    """The requests for a call in the order in which they are sent; ``sent_at`` (Unix seconds) goes into the signature, else each
    event's own time."""
    happened = _happened(call)
    if call.doubled:
        happened = [one for one in happened for _ in range(2)]
    if call.reversed:
        happened.reverse()
    if call.shuffled is not None:
        random.Random(call.shuffled).shuffle(happened)
    return [delivery(fields, secret, at if sent_at is None else sent_at, call.method) for fields, at in happened]


def delivery(fields: dict[str, Any], secret: str, at: float, method: str = "POST") -> Delivery:
    """One event as it is sent; signed where there is a secret."""
    query = urlencode({name: value for name, value in fields.items() if value is not None}) if method == "GET" else ""
    body = orjson.dumps(fields) if method == "POST" else b""
    headers = {"Content-Type": "application/json"} if method == "POST" else {}
    if secret:
        stamp, webhook_id = str(int(at)), f"msg_{fields.get('event_id', 'test')}"
        signed = signature(secret, webhook_id, stamp, query.encode() if method == "GET" else body)
        headers |= {ID: webhook_id, TIMESTAMP: stamp, SIGNATURE: signed}
    return Delivery(str(fields.get("kind", "")), method, query, headers, body)


def _happened(call: SimulatedCall) -> list[tuple[dict[str, Any], float]]:
    """Fields and time of each event in true order."""
    inbound, answered = call.direction == "inbound", call.outcome == "answered"
    caller, called = (call.number, call.line) if inbound else (call.line, call.number)
    ended = call.started + call.ring_s + (call.talk_s if answered else 0)
    found: list[tuple[dict[str, Any], float]] = []

    def happens(kind: str, at: float, **more: Any) -> None:
        fields = {
            "event_id": f"{call.call_id}-{len(found) + 1}",
            "call_id": call.call_id,
            "kind": kind,
            "direction": call.direction,
            "caller": caller,
            "called": called,
            "at": _time(at),
            **{name: value for name, value in more.items() if value not in (None, "")},
        }
        found.append((fields, at))

    if not call.only_end:
        happens("ringing", call.started)
        if answered:
            happens("answered", call.started + call.ring_s, agent=call.agent)
    end: dict[str, Any] = {"started_at": _time(call.started), "talk_s": call.talk_s if answered else 0}
    if answered:
        happens("ended", ended, **end, agent=call.agent, outcome="answered")
    elif call.outcome in ("missed", "voicemail"):
        happens("missed", ended, **end)
    else:
        happens("ended", ended, **end, outcome=call.outcome)
    if call.outcome == "voicemail":
        happens("voicemail", ended + 30, recording_url=call.recording_url, recording_s=15)
    elif answered and call.recording_url:
        happens("recording", ended + 20, recording_url=call.recording_url, recording_s=call.talk_s)
    return found


def _time(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
