"""Plays a day: each call's events go to Tieline's intake as its phone system would send them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import aiohttp
from yarl import URL

from tieline.connectors.sipsim.sandbox_events import SimulatedCall, events_of
from tieline.demo.day import DayCall
from tieline.demo.systems import OUTCOMES, Sent, call_list, requests_of

ENDS = ("incoming_call_end", "outgoing_call_end")
STARTS = ("incoming_call_start", "incoming_call_start_chain_member_call", "outgoing_call_start")


@dataclass(frozen=True, slots=True)
class Phones:
    """Where the events of one workspace go: intake URL by contract, SipSim's signing secret, and how a call list is imported
    (its content; None: there is none)."""

    urls: Mapping[str, str]
    secret: str
    audio_base: str
    country: str = ""
    bring: Callable[[bytes], None] | None = None


def simulated(call: DayCall, day: date, zone: str, audio_base: str) -> SimulatedCall:
    """A line of the day as SipSim would live it."""
    return SimulatedCall(
        pbx_id=call.id,
        number=call.number,
        lines=call.lines,
        contract="old" if call.contract == "old" else "new",
        direction="inbound" if call.direction == "in" else "outbound",
        outcome=OUTCOMES[call.outcome],  # type: ignore[arg-type]  # the day's words, checked when it is read
        started=_started(call, day, zone),
        talk_s=call.talk_s,
        recording={"y": "end", "late": "late", "-": "none"}[call.recording],  # type: ignore[arg-type]  # likewise
        audio_base=audio_base,
        doubled=call.delivery == "dbl",
        reversed=call.delivery == "ooo",
        late=ENDS if call.delivery == "late" else (),
        lost=STARTS if call.delivery == "lost" else (),
    )


async def play(calls: Sequence[DayCall], day: date, zone: str, phones: Phones) -> int:
    """Sends the calls' events in the day's order, late ones after all others; the number of events acknowledged.

    Calls follow one another in time, so each call's events are sent before the next call's; an answer other than 202 is an error."""
    sent = 0
    held_back: list[Sent] = []
    async with aiohttp.ClientSession() as session:
        for call in calls:
            for one in _requests(call, day, zone, phones):
                if one.late:
                    held_back.append(one)
                else:
                    await _send(session, one)
                    sent += 1
        await asyncio.sleep(0.2)
        for one in held_back:
            await _send(session, one)
            sent += 1
    listed = [call for call in calls if call.contract == "list"]
    if listed and phones.bring is not None:
        content = call_list(listed, day.isoformat())
        for _ in range(2):  # somebody imports the list, and then again: the second time there is nothing new in it
            await asyncio.to_thread(phones.bring, content)
    return sent


def _requests(call: DayCall, day: date, zone: str, phones: Phones) -> list[Sent]:
    now = time.time()
    if call.contract == "list":
        return []
    if call.contract not in ("new", "old"):
        started = _started(call, day, zone)
        return requests_of(call, phones.urls[call.contract], started, now, phones.audio_base, phones.country)
    url = phones.urls[call.contract]
    return [
        Sent(one.method, one.url(url), one.headers, one.body, one.event, one.late)
        for one in events_of(simulated(call, day, zone, phones.audio_base), phones.secret, now)
    ]


def _started(call: DayCall, day: date, zone: str) -> float:
    hour, minute = map(int, call.time.split(":"))
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp()


async def _send(session: aiohttp.ClientSession, one: Sent) -> None:
    url = URL(one.url, encoded=True)  # signed as it stands
    async with session.request(one.method, url, headers=one.headers, data=one.body or None) as answer:
        if answer.status != 202:
            raise RuntimeError(f"intake answered {answer.status} to {one.event}: {(await answer.text())[:200]}")
