"""A load of calls as phone systems send it: 32 connections, each event again and again until it is acknowledged with 202."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import aiohttp

from tests.crash.company import LINES, SECRET
from tieline.connectors.sipsim.sandbox_events import Delivery, SimulatedCall, events_of

CONNECTIONS = 32
SPACING_S = 120
"""Calls begin so far apart that a start time, even one worked out from the end, names its call."""
RESEND_S = 0.2
TRICKLE_S = 0.25
UNREACHED = ("missed", "no_answer", "busy", "voicemail")


@dataclass(frozen=True)
class Call:
    """A call to be played and what is known about it beforehand. `known`: the seeded record that its number belongs to."""

    slot: int
    sim: SimulatedCall
    known: str = ""
    company: str = "defaults"

    @property
    def number(self) -> str:
        """Digits of the outside number; empty when it is withheld."""
        return "" if self.sim.number == "anonymous" else self.sim.number.lstrip("+")

    @property
    def unreached(self) -> bool:
        return self.sim.outcome != "answered"

    @property
    def recording(self) -> str:
        """What its recording's address ends with."""
        if self.sim.outcome == "answered" and self.sim.recording != "none":
            return f"/{self.sim.pbx_id}.mp3"
        return f"/vm_{self.sim.pbx_id}.mp3" if self.sim.outcome == "voicemail" else ""


class Phones:
    """Makes calls. Each has a slot of time of its own since `base` (seconds since 1970); numbers are told apart by scenario."""

    def __init__(self, base: int) -> None:
        self.base = base
        self._slots = count()
        self._scenarios = count(1)

    def scenario(self) -> int:
        """A number of two digits that this scenario's numbers have in them."""
        return next(self._scenarios)

    def call(self, number: str, *, known: str = "", company: str = "defaults", **more: object) -> Call:
        """One call; `more` as SimulatedCall has it."""
        slot = next(self._slots)
        values: dict[str, object] = {"lines": (LINES[slot % len(LINES)][0],), **more}
        sim = SimulatedCall(
            pbx_id=f"call-{slot}",
            number=number,
            started=float(self.base + slot * SPACING_S),
            audio_base="https://app.sipsim.com/recordings",
            **values,  # type: ignore[arg-type]
        )
        return Call(slot, sim, known, company)

    def mixed(self, calls: int, seed: int, known: Mapping[str, Sequence[str]], scenario: int) -> list[Call]:
        """A load: new numbers, repeated ones, those of seeded records (`known`: kind → numbers), withheld ones; answered or
        not; in order, doubled, reversed, shuffled; recordings with the end or later; both contracts."""
        chance = random.Random(seed)
        fresh = (f"+4531{scenario:02d}{number:04d}" for number in count())
        met: list[str] = []
        made: list[Call] = []
        for _ in range(calls):
            number, kind = self._number(chance, fresh, met, known)
            direction = "inbound" if chance.random() < 0.8 or number == "anonymous" else "outbound"
            contract = "new" if chance.random() < 0.6 else "old"
            outcomes = ["answered"] * 5 + ["no_answer", "busy"]
            if direction == "inbound":
                outcomes += ["missed", "missed"] + (["voicemail"] if contract == "new" else [])
            several = direction == "inbound" and chance.random() < 0.15
            delivery = chance.random()
            made.append(
                self.call(
                    number,
                    known=kind,
                    contract=contract,
                    direction=direction,
                    outcome=chance.choice(outcomes),
                    talk_s=chance.randint(5, 40),
                    ring_s=6,
                    recording=chance.choices(["none", "end", "late"], [6, 3, 1])[0],
                    doubled=delivery < 0.15,
                    reversed=0.15 <= delivery < 0.25,
                    shuffled=chance.randrange(1000) if 0.25 <= delivery < 0.3 else None,
                    old_method=chance.choice(["GET", "POST"]),
                    **({"lines": tuple(line for line, _ in LINES)} if several else {}),
                )
            )
        return made

    @staticmethod
    def _number(
        chance: random.Random, fresh: Iterator[str], met: list[str], known: Mapping[str, Sequence[str]]
    ) -> tuple[str, str]:
        draw = chance.random()
        if draw < 0.05:
            return "anonymous", ""
        if draw < 0.2:
            kind = chance.choice(sorted(known))
            return chance.choice(list(known[kind])), kind
        if draw < 0.6 and met:
            return chance.choice(met[-50:]), ""
        met.append(next(fresh))
        return met[-1], ""


@dataclass
class Load:
    """Sends calls in a thread of its own. `urls`: company → contract → address; `pace`: calls begun each second;
    `most`: after so many, calls begin only now and then, until it is raised.

    sent, resent, acknowledged  events; acknowledged_calls those of which every event was, and `done` is set after the last
    """

    calls: Sequence[Call]
    urls: Mapping[str, Mapping[str, str]]
    pace: float = 1000.0
    most: float = float("inf")
    sent: int = 0
    resent: int = 0
    acknowledged: int = 0
    acknowledged_calls: list[Call] = field(default_factory=list)
    failed: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Load:
        self._thread.start()
        return self

    def join(self, limit_s: float = 240.0) -> Load:
        """Waits until everything is acknowledged."""
        self._thread.join(limit_s)
        if self.failed:
            raise self.failed[0]
        assert not self._thread.is_alive(), f"{len(self.acknowledged_calls)} of {len(self.calls)} calls acknowledged"
        return self

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._send_all())
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            self.failed.append(error)

    async def _send_all(self) -> None:
        began = time.monotonic()
        waiting = deque(enumerate(self.calls))
        late: deque[tuple[Call, int]] = deque()
        left: dict[int, int] = {}

        async def client(session: aiohttp.ClientSession) -> None:
            while waiting:
                place, call = waiting.popleft()
                await asyncio.sleep(max(0.0, began + place / self.pace - time.monotonic()))
                patience_ends = time.monotonic() + TRICKLE_S * CONNECTIONS
                while place >= self.most and time.monotonic() < patience_ends:  # noqa: ASYNC110 - raised by another thread
                    await asyncio.sleep(0.05)
                deliveries = events_of(call.sim, SECRET, time.time())
                left[call.slot] = len(deliveries)
                for place_in_call, delivery in enumerate(deliveries):
                    if delivery.late:
                        late.append((call, place_in_call))
                    else:
                        await send(session, call, delivery)

        async def client_of_late(session: aiohttp.ClientSession) -> None:
            while late:
                call, place_in_call = late.popleft()  # signed when it is sent: an old signature is refused
                await send(session, call, events_of(call.sim, SECRET, time.time())[place_in_call])

        async def send(session: aiohttp.ClientSession, call: Call, delivery: Delivery) -> None:
            await self._until_acknowledged(session, self.urls[call.company][call.sim.contract], delivery)
            left[call.slot] -= 1
            if not left[call.slot]:
                self.acknowledged_calls.append(call)

        patience = aiohttp.ClientTimeout(total=15)
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS), timeout=patience
        ) as session:
            for clients in (client, client_of_late):
                await asyncio.gather(*(clients(session) for _ in range(CONNECTIONS)))

    async def _until_acknowledged(self, session: aiohttp.ClientSession, url: str, delivery: Delivery) -> None:
        while True:
            self.sent += 1
            try:
                async with session.request(
                    delivery.method, delivery.url(url), headers=delivery.headers, data=delivery.body or None
                ) as answer:
                    if answer.status == 202:
                        self.acknowledged += 1
                        return
                    if answer.status != 503:
                        raise RuntimeError(f"{delivery.event}: {answer.status} {(await answer.text())[:200]}")
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError):
                pass
            self.resent += 1
            await asyncio.sleep(RESEND_S)
