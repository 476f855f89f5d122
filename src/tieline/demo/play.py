"""Plays a day: each call's events go to Tieline's intake as SipSim would send them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import aiohttp

from tieline.connectors.sipsim.sandbox_events import Delivery, SimulatedCall, events_of
from tieline.demo.day import DayCall

OUTCOMES = {"ans": "answered", "miss": "missed", "vm": "voicemail", "busy": "busy", "noans": "no_answer"}
ENDS = ("incoming_call_end", "outgoing_call_end")
STARTS = ("incoming_call_start", "incoming_call_start_chain_member_call", "outgoing_call_start")


@dataclass(frozen=True, slots=True)
class Phones:
    """Where the events of one workspace go: intake URL by contract, and the signing secret of the new one."""

    urls: Mapping[str, str]
    secret: str
    audio_base: str


def simulated(call: DayCall, day: date, zone: str, audio_base: str) -> SimulatedCall:
    """A line of the day as SipSim would live it."""
    hour, minute = map(int, call.time.split(":"))
    started = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp()
    return SimulatedCall(
        pbx_id=call.id,
        number=call.number,
        lines=call.lines,
        contract="old" if call.contract == "old" else "new",
        direction="inbound" if call.direction == "in" else "outbound",
        outcome=OUTCOMES[call.outcome],  # type: ignore[arg-type]  # the day's words, checked when it is read
        started=started,
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
    held_back: list[tuple[DayCall, Delivery]] = []
    async with aiohttp.ClientSession() as session:
        for call in calls:
            now = time.time()
            for delivery in events_of(simulated(call, day, zone, phones.audio_base), phones.secret, now):
                if delivery.late:
                    held_back.append((call, delivery))
                else:
                    await _send(session, phones.urls[call.contract], delivery)
                    sent += 1
        await asyncio.sleep(0.2)
        for call, delivery in held_back:
            await _send(session, phones.urls[call.contract], delivery)
            sent += 1
    return sent


async def _send(session: aiohttp.ClientSession, url: str, delivery: Delivery) -> None:
    headers = delivery.headers
    async with session.request(
        delivery.method, delivery.url(url), headers=headers, data=delivery.body or None
    ) as answer:
        if answer.status != 202:
            raise RuntimeError(f"intake answered {answer.status} to {delivery.event}: {(await answer.text())[:200]}")
