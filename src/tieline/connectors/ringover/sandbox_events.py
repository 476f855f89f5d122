"""What Ringover sends for a call (webhooks 2.0), signed as its first signature version is. Pure: used by the sandbox, the demo and tests.

Every event is a POST of JSON {resource, event, timestamp, data, attempt}. X-Ringover-Webhook-Signature holds a JWT (HS512, key of the
webhook block) whose claims are the address and the whole message; a newer account may send the message flat, without the address.
Version 3, on request: base64 HMAC-SHA256 of method, address, body and time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

Outcome = Literal["answered", "missed", "no_answer", "voicemail"]
Signing = Literal["jwt", "flat", "v3"]


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    """A call as it happens: number outside and line in international digits without +, as Ringover writes them ("anonymous": withheld).

    started: Unix seconds. recording: "none", "end" (in the hangup event), "late" (record_available). members: how many phones ring.
    """

    call_id: int
    number: str
    line: str
    direction: Literal["inbound", "outbound"] = "inbound"
    outcome: Outcome = "answered"
    agent: str = "anna.lindqvist@sandbox.example"
    started: float = 0.0
    ring_s: int = 12
    talk_s: int = 60
    members: int = 1
    recording: Literal["none", "end", "late"] = "none"
    audio_base: str = "https://cdr.ringover.com/record"
    doubled: bool = False
    reversed: bool = False
    shuffled: int | None = None

    @property
    def talk(self) -> int:
        """Seconds of talk; 0 if unanswered."""
        return self.talk_s if self.outcome == "answered" else 0

    @property
    def ended(self) -> float:
        """When it was over."""
        return self.started + self.ring_s + self.talk

    def link(self, kind: str = "record") -> str:
        """Where the recording or voicemail is."""
        return f"{self.audio_base}/{kind}-{self.call_id}.mp3"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request that Ringover makes."""

    event: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def messages_of(call: SimulatedCall) -> list[dict[str, Any]]:
    """The messages of a call in the order in which they are sent."""
    found: list[dict[str, Any]] = []
    chance = random.Random(call.call_id)
    name, _, rest = call.agent.partition("@")[0].partition(".")
    user = {"user_id": 12854321, "firstname": name.title(), "lastname": rest.title(), "email": call.agent, "photo": ""}
    caller, called = (call.number, call.line) if call.direction == "inbound" else (call.line, call.number)
    common: dict[str, Any] = {
        "call_id": call.call_id,
        "start_time": call.started,
        "direction": call.direction,
        "from_number": caller,
        "to_number": called,
        "user_id": 12854321,
        "is_internal": False,
        "is_anonymous": call.number == "anonymous",
        "is_ivr": False,
    }

    def happens(resource: str, event: str, at: float, **data: Any) -> None:
        found.append({"resource": resource, "event": event, "timestamp": at, "data": data, "attempt": 1})

    def about() -> dict[str, Any]:
        return {"id": str(uuid.UUID(int=chance.getrandbits(128), version=4)), **common}

    for member in range(call.members):
        happens("call", "ringing", call.started, **about(), channel_id=1000 + member, user=user, status="ringing")
    answered_at = call.started + call.ring_s
    if call.outcome == "answered":
        happens("call", "answered", answered_at, **about(), channel_id=1000, status="answered", user=user)
        record = call.link() if call.recording == "end" else None
        over = {"hangup_time": call.ended, "duration_in_seconds": call.talk + call.ring_s, "record": record}
        happens("call", "hangup", call.ended, **about(), channel_id=1000, answered_time=answered_at, **over, user=user)
        if call.recording == "late":
            late: dict[str, Any] = {"record_link": call.link(), "record_duration": str(call.talk)}
            happens("aftercall", "record_available", call.ended + 20, call_id=call.call_id, **late)
        return found
    reason = "NO_ANSWER" if call.direction == "outbound" else "NOT_ANSWERED"
    happens("call", "missed", call.ended, **about(), hangup_time=call.ended, status="missed", reason=reason)
    if call.outcome == "voicemail":
        left = call.ended + 15
        times = {"answered_time": call.ended, "hangup_time": left, "duration_in_seconds": 15}
        happens("call", "voicemail", left, **about(), **times)
        late = {"voicemail_link": call.link("voicemail"), "voicemail_duration": 15}
        happens("aftercall", "voicemail_available", left + 10, call_id=call.call_id, **late)
    return found


def events_of(
    call: SimulatedCall, key: str = "", url: str = "", signing: Signing = "jwt", sent_at: float | None = None
) -> list[Delivery]:
    """The requests for a call. ``key`` "" leaves them unsigned; ``url`` is the address that was configured."""
    messages = messages_of(call)
    if call.doubled:
        messages = [again for one in messages for again in (one, {**one, "attempt": 2})]
    if call.reversed:
        messages.reverse()
    if call.shuffled is not None:
        random.Random(call.shuffled).shuffle(messages)
    return [delivery(one, key, url, signing, one["timestamp"] if sent_at is None else sent_at) for one in messages]


def delivery(message: dict[str, Any], key: str, url: str, signing: Signing = "jwt", at: float = 0.0) -> Delivery:
    """One request, signed."""
    body = orjson.dumps(message)
    headers = {"Content-Type": "application/json"}
    if key and signing == "v3":
        signed = f"POST{url}".encode() + body + str(int(at)).encode()
        headers["X-Ringover-Webhook-Signature-V3"] = base64.b64encode(
            hmac.digest(key.encode(), signed, "sha256")
        ).decode()
        headers["X-Ringover-Request-Signature-V3-Timestamp"] = str(int(at))
    elif key:
        headers["X-Ringover-Webhook-Signature"] = jwt(
            message if signing == "flat" else {"url": url, "payload": message}, key
        )
    return Delivery(str(message.get("event")), body, headers)


def jwt(claims: dict[str, Any], key: str, alg: str = "HS512") -> str:
    """A signed token; the signature is that of HS512 whatever ``alg`` says, as a forger's would be."""
    parts = [_b64(orjson.dumps({"typ": "JWT", "alg": alg})), _b64(orjson.dumps(claims))]
    signed = ".".join(parts).encode()
    return ".".join([*parts, _b64(hmac.new(key.encode(), signed, hashlib.sha512).digest())])


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
