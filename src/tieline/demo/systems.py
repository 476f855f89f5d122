"""A line of the day as the other phone systems live it: the requests that each of them would make."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tieline.connectors.aircall import sandbox_events as aircall
from tieline.connectors.ringover import sandbox_events as ringover
from tieline.connectors.twilio import sandbox_events as twilio
from tieline.connectors.webhook import sandbox_events as webhook
from tieline.demo.day import DayCall
from tieline.demo.tally import e164

OUTCOMES = {"ans": "answered", "miss": "missed", "vm": "voicemail", "busy": "busy", "noans": "no_answer"}
WITHHELD = "anonymous"
TWILIO_WITHHELD = "+266696687"
AGENT = "+4526260001"
"""Whose mobile Twilio dials when a line rings."""
LONG_TALK_S = 200
"""From so many seconds on, an Aircall call is handed over to a colleague half-way."""
SECRETS = {
    "twilio": "sandbox-auth-token",
    "aircall": "the-token-that-aircall-shows",
    "ringover": "the-key-that-ringover-shows",
    "webhook": "whsec_" + base64.b64encode(b"the secret of the demo's switchboard").decode(),
}
"""What each of them signs with, in the sandbox."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request of a phone system. `late`: it comes after the whole day."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    event: str = ""
    late: bool = False


def requests_of(call: DayCall, url: str, started: float, now: float, audio_base: str, country: str) -> list[Sent]:
    """Every request for this call, in the order in which it comes. `started`, `now`: Unix seconds."""
    out = _SYSTEMS[call.contract](call, url, started, now, audio_base, country)
    if call.delivery == "late":  # only that it rang is told in time
        out = [out[0], *(Sent(one.method, one.url, one.headers, one.body, one.event, late=True) for one in out[1:])]
    return out


def _twilio(call: DayCall, url: str, started: float, now: float, audio_base: str, country: str) -> list[Sent]:  # noqa: ARG001
    line, *others = [e164(one, country) for one in call.lines]
    made = twilio.SimulatedCall(
        sid="CA" + hashlib.md5(call.id.encode(), usedforsecurity=False).hexdigest(),
        number=TWILIO_WITHHELD if call.number == WITHHELD else e164(call.number, country),
        lines=(line,),
        agents=tuple(others) or (AGENT,),
        direction="inbound" if call.direction == "in" else "outbound",
        outcome=OUTCOMES[call.outcome],  # type: ignore[arg-type]  # the day's words, checked when it is read
        started=started,
        talk_s=call.talk_s,
        recording="late" if call.recording != "-" else "none",
        doubled=call.delivery == "dbl",
        shuffled=7 if call.delivery == "ooo" else None,
        lost=(":initiated", ":ringing") if call.delivery == "lost" else (),
    )
    found = twilio.events_of(made)
    if made.direction == "inbound":
        # how long to wait for the legs counts from the call's own end, which was yesterday: the call's end comes after theirs
        found.sort(key=lambda one: 2 if one.event.startswith("RE") else one.event.startswith(made.sid))
    return [Sent(*one.request(url, SECRETS["twilio"]), event=one.event) for one in found]


def _aircall(call: DayCall, url: str, started: float, now: float, audio_base: str, country: str) -> list[Sent]:  # noqa: ARG001
    made = aircall.SimulatedCall(
        id=_number(call),
        number=call.number if call.number == WITHHELD else e164(call.number, country),
        lines=tuple(e164(one, country) for one in call.lines),
        agents=("anna@nordlys.example", "bruno@nordlys.example")
        if call.outcome == "miss"
        else ("anna@nordlys.example",),
        direction="inbound" if call.direction == "in" else "outbound",
        outcome=OUTCOMES[call.outcome],  # type: ignore[arg-type]  # likewise
        started=started,
        talk_s=call.talk_s,
        transferred_to="chloe@nordlys.example" if call.talk_s >= LONG_TALK_S else "",
        recording="late" if call.recording != "-" else "none",
        doubled=call.delivery == "dbl",
        shuffled=7 if call.delivery == "ooo" else None,
        lost=("call.created",) if call.delivery == "lost" else (),
    )
    return [Sent(*one.request(url, SECRETS["aircall"]), event=one.event) for one in aircall.events_of(made)]


def _ringover(call: DayCall, url: str, started: float, now: float, audio_base: str, country: str) -> list[Sent]:
    made = ringover.SimulatedCall(
        call_id=_number(call),
        number=call.number if call.number == WITHHELD else e164(call.number, country).removeprefix("+"),
        line=e164(call.lines[0], country).removeprefix("+"),
        direction="inbound" if call.direction == "in" else "outbound",
        outcome=OUTCOMES[call.outcome],  # type: ignore[arg-type]  # likewise
        started=started,
        talk_s=call.talk_s,
        members=3 if call.outcome == "miss" else 1,
        recording={"y": "end", "late": "late", "-": "none"}[call.recording],  # type: ignore[arg-type]  # likewise
        audio_base=audio_base,
        doubled=call.delivery == "dbl",
        reversed=call.delivery == "ooo",
    )
    key = SECRETS["ringover"]
    found = ringover.events_of(made, key, url, "v3" if call.delivery == "dbl" else "jwt", now)
    return [
        Sent("POST", url, one.headers, one.body, one.event)
        for one in found
        if call.delivery != "lost" or one.event != "ringing"
    ]


def _webhook(call: DayCall, url: str, started: float, now: float, audio_base: str, country: str) -> list[Sent]:  # noqa: ARG001
    made = webhook.SimulatedCall(
        call_id=call.id,
        number="" if call.number == WITHHELD else call.number,
        line=call.lines[0],
        direction="inbound" if call.direction == "in" else "outbound",
        outcome=OUTCOMES[call.outcome],  # type: ignore[arg-type]  # likewise
        started=started,
        talk_s=call.talk_s,
        recording_url=f"{audio_base}/{call.id}.mp3" if call.recording != "-" or call.outcome == "vm" else "",
        method="GET" if call.contract == "get" else "POST",
        only_end=call.delivery == "lost",
        doubled=call.delivery == "dbl",
        reversed=call.delivery == "ooo",
    )
    found = webhook.events_of(made, SECRETS["webhook"], now)
    return [Sent(one.method, one.url(url), one.headers, one.body, one.event) for one in found]


_SYSTEMS: Mapping[str, Callable[[DayCall, str, float, float, str, str], list[Sent]]] = {
    "twilio": _twilio,
    "aircall": _aircall,
    "ringover": _ringover,
    "webhook": _webhook,
    "get": _webhook,
}
CONNECTORS = {"twilio": "Twilio", "aircall": "Aircall", "ringover": "Ringover", "webhook": "Switchboard"}


def typed(connector: str) -> dict[str, str]:
    """What a person types to connect it."""
    match connector:
        case "twilio":
            return {"account_sid": twilio.ACCOUNT, "auth_token": SECRETS["twilio"]}
        case "aircall":
            return {"webhook_token": SECRETS["aircall"]}
        case "ringover":
            return {"webhook_key": SECRETS["ringover"]}
    return {"signing_secret": SECRETS["webhook"]}


def call_list(calls: Sequence[DayCall], day: str) -> bytes:
    """Calls as the list (CSV) that a person would export from an old telephone system; `day` as YYYY-MM-DD."""
    words = {"ans": "answered", "miss": "missed", "noans": "no answer", "busy": "busy", "vm": "voicemail"}
    rows = ["Date;Direction;Number;Line;Duration;Status;Call ID"]
    rows += [
        f"{day} {one.time}:00;{one.direction};{one.number};{one.lines[0]};{one.talk_s};{words[one.outcome]};{one.id}"
        for one in calls
    ]
    return "\n".join(rows).encode()


def _number(call: DayCall) -> int:
    """The call's id where the system counts."""
    return 700_000_000 + int(call.id.rpartition("-")[2])
