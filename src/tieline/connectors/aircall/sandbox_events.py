"""What Aircall sends for a call. Pure: used by the sandbox, demos and tests.

Docs: "Webhooks overview" and API reference, "Call events". Every event is a POST of JSON: resource, event, timestamp (Unix seconds), token, data (the call as it is
then). Nothing is signed: the token is what proves it. Events come at least once and in any order; hungup comes at the end, ended about thirty seconds
later with the final data, comm_assets_generated when a recording or voicemail can be fetched.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Literal

import orjson

Outcome = Literal["answered", "missed", "voicemail", "abandoned", "no_answer", "busy"]
Direction = Literal["inbound", "outbound"]
REASONS = {
    "missed": "agents_did_not_answer",
    "voicemail": "no_available_agent",
    "abandoned": "abandoned_in_ivr",
    "busy": "no_available_agent",
}
ENDED_AFTER_S = 30
ASSETS_AFTER_S = 45


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    """A call as it happens.

    id is Aircall's; number is the one outside ("anonymous" when withheld), lines the company's number first, then those of menus below it (each gets an event
    created of its own). agents ring one after the other; the last one answers, or ``answered_by``. transferred_to: the colleague who takes it over half-way.
    started: seconds since 1970; ring_s (of each agent) and talk_s in seconds. Deliveries: doubled, shuffled (by seed), lost (event names), late as
    Aircall's are: ended and comm_assets_generated.
    """

    id: int
    number: str
    lines: tuple[str, ...]
    agents: tuple[str, ...] = ("anna@example.com",)
    direction: Direction = "inbound"
    outcome: Outcome = "answered"
    started: float = 0.0
    ring_s: int = 8
    talk_s: int = 60
    answered_by: int | None = None
    transferred_to: str = ""
    recording: Literal["none", "late"] = "none"
    recording_base: str = "https://production.aircall.example"
    doubled: bool = False
    shuffled: int | None = None
    lost: tuple[str, ...] = ()

    @property
    def is_answered(self) -> bool:
        """Whether somebody talked."""
        return self.outcome == "answered"

    @property
    def rung(self) -> tuple[str, ...]:
        """The agents whose phones rang, the one who answered last."""
        if self.outcome == "abandoned" or self.direction == "outbound":
            return ()
        last = len(self.agents) - 1 if self.answered_by is None else self.answered_by
        return self.agents[: last + 1] if self.is_answered else self.agents

    @property
    def answered_at(self) -> int | None:
        """Unix seconds."""
        return int(self.started) + self.ring_s * max(1, len(self.rung)) if self.is_answered else None

    @property
    def ended_at(self) -> int:
        """Unix seconds."""
        if self.answered_at is not None:
            return self.answered_at + self.talk_s
        waited = 5 if self.outcome == "abandoned" else self.ring_s * max(1, len(self.rung))
        return int(self.started) + waited + (15 if self.outcome == "voicemail" else 0)

    @property
    def recorded(self) -> bool:
        """Whether the conversation was recorded."""
        return self.is_answered and self.recording == "late"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event: a POST of JSON to the webhook's address."""

    event: str
    at: int
    fields: dict[str, Any]

    def body(self, token: str) -> bytes:
        """The body with the webhook's token."""
        return orjson.dumps(
            {"resource": "call", "event": self.event, "timestamp": self.at, "token": token, "data": self.fields}
        )

    def request(self, base: str, token: str) -> tuple[str, str, dict[str, str], bytes]:
        """(method, URL, headers, body) for the webhook's address and token."""
        return "POST", base, {"Content-Type": "application/json"}, self.body(token)


def call_from(value: dict[str, Any]) -> SimulatedCall:
    """A call from its JSON; raises ValueError or TypeError for what cannot be."""
    made: dict[str, Any] = {name: tuple(part) if isinstance(part, list) else part for name, part in value.items()}
    call = SimulatedCall(**made)
    if call.direction not in ("inbound", "outbound") or not call.lines or not isinstance(call.id, int):
        raise ValueError(f"not a call: {value!r}")
    if call.outcome not in ("answered", "missed", "voicemail", "abandoned", "no_answer", "busy"):
        raise ValueError(f"not an outcome: {call.outcome!r}")
    return call


def events_of(call: SimulatedCall) -> list[Delivery]:
    """The events of a call in the order in which they happen."""
    start, end = int(call.started), call.ended_at
    found = [Delivery("call.created", start + after, _told(call, start, line)) for after, line in enumerate(call.lines)]
    for number, agent in enumerate(call.rung):
        at = start + number * call.ring_s
        found.append(Delivery("call.ringing_on_agent", at, {**_told(call, at), "user": user(agent)}))
    if call.answered_at is not None:
        found.append(Delivery("call.answered", call.answered_at, _told(call, call.answered_at)))
        if call.transferred_to:
            at = call.answered_at + call.talk_s // 2
            by = {"transferred_by": _agent(call, at - 1), "transferred_to": user(call.transferred_to)}
            found.append(Delivery("call.transferred", at, {**_told(call, at), **by}))
    found.append(Delivery("call.hungup", end, {**_told(call, end), "missed_call_reason": None}))
    if call.outcome == "voicemail":
        found.append(Delivery("call.voicemail_left", end + 5, _told(call, end + 5)))
    found.append(Delivery("call.ended", end + ENDED_AFTER_S, _told(call, end + ENDED_AFTER_S)))
    if call.recorded or call.outcome == "voicemail":
        found.append(
            Delivery(
                "call.comm_assets_generated", end + ASSETS_AFTER_S, _told(call, end + ASSETS_AFTER_S, expires=3600)
            )
        )
    found = [one for one in found if one.event not in call.lost]
    if call.doubled:
        found = [one for one in found for _ in range(2)]
    if call.shuffled is not None:
        random.Random(call.shuffled).shuffle(found)
    return found


def shown(call: SimulatedCall, now: float) -> dict[str, Any]:
    """The call as the API shows it at a time: sid instead of call_uuid, and files whose address lives for an hour."""
    found = _told(call, int(now), expires=3600)
    found["sid"] = found.pop("call_uuid")
    return found


def user(email: str) -> dict[str, Any]:
    """A person of the company."""
    number = sum(email.encode()) * 7
    name = email.partition("@")[0].replace(".", " ").title()
    return {"id": number, "direct_link": f"https://api.aircall.io/v1/users/{number}", "name": name, "email": email}


def spaced(number: str) -> str:
    """A number as Aircall writes it."""
    if not number.startswith("+") or len(number) < 8:
        return number
    rest = number[3:]
    odd = len(rest) % 2
    return " ".join(filter(None, [number[:3], rest[:odd], *(rest[at : at + 2] for at in range(odd, len(rest), 2))]))


def _agent(call: SimulatedCall, at: int) -> dict[str, Any] | None:
    """Who has the call at a time."""
    if call.answered_at is None or at < call.answered_at:
        return user(call.agents[0]) if call.direction == "outbound" else None
    if call.transferred_to and at >= call.answered_at + call.talk_s // 2:
        return user(call.transferred_to)
    return user(call.agents[0] if call.direction == "outbound" else call.rung[-1])


def _told(call: SimulatedCall, at: int, line: str = "", expires: int = 0) -> dict[str, Any]:
    line = line or call.lines[-1]
    over = at >= call.ended_at
    answered = call.answered_at is not None and at >= call.answered_at
    missed = over and not call.is_answered and call.direction == "inbound"
    recording, voicemail = over and call.recorded and expires, over and call.outcome == "voicemail" and expires
    stem = f"{call.recording_base}/recordings/{call.id}.mp3?Expires={at + expires}&Signature=made-up"
    number = sum(line.encode())
    return {
        "id": call.id,
        "direct_link": f"https://api.aircall.io/v1/calls/{call.id}",
        "call_uuid": f"CA{call.id:032x}",
        "direction": call.direction,
        "status": "done" if over else "answered" if answered else "initial",
        "missed_call_reason": REASONS.get(call.outcome, "agents_did_not_answer") if missed else None,
        "started_at": int(call.started),
        "answered_at": call.answered_at if answered else None,
        "ended_at": call.ended_at if over else None,
        "duration": call.ended_at - int(call.started) if over else 0,
        "raw_digits": spaced(call.number),
        "recording": stem if recording else None,
        "voicemail": stem if voicemail else None,
        "asset": f"https://assets.aircall.io/calls/{call.id}/recording" if recording else None,
        "hangup_cause": "normal_clearing" if over else None,
        "user": _agent(call, at),
        "contact": None,
        "number": {
            "id": number,
            "direct_link": f"https://api.aircall.io/v1/numbers/{number}",
            "name": "Front desk",
            "digits": spaced(line),
            "country": "FR",
            "time_zone": "Europe/Paris",
            "open": True,
        },
        "participants": [],
        "tags": [],
        "comments": [],
        "archived": False,
        "cost": "0",
    }
