"""How many writes a server is sent side by side: as many as make it quicker, found out by trying.

CardDAV has no batch, so writes go side by side to hide the way to the server. A server that does them one at a time anyway gets slower by
it: Radicale takes half as long again for a card, since what it does at once stands in its own way. So a few are timed one by one, a
few side by side, and what was cheaper is kept for a while; then the other is tried again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import fmean as mean

ALONE, MOST = 1, 4
"""Four, as `concurrency` in connector.toml: Radicale lets five connections wait to be taken (see doc.md)."""
TRIED = {ALONE: 5, MOST: 10}
"""So many writes are timed before it is decided."""
KEPT = 200
"""For so many writes what was cheaper is kept."""
LATELY = 20
"""So many of them count when it is compared anew."""
GAIN = 0.8
"""Side by side is for what takes at most this share of the time."""


class Pace:
    """The writes to one server: `width` at a time. What is timed is from one write's end to the next one's, while others wait."""

    def __init__(self) -> None:
        self.width = ALONE
        self.busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._last: float | None = None
        self._times: dict[int, deque[float]] = {}
        self._left = TRIED[ALONE]
        self._is_trial = True

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits until a write may begin; it is under way inside."""
        if self.busy < self.width and not self._waiting:
            self.busy += 1
        else:
            await self._wait()
        try:
            yield
        finally:
            self._leave()

    async def _wait(self) -> None:
        free = asyncio.get_running_loop().create_future()
        self._waiting.append(free)
        try:
            await free
        except asyncio.CancelledError:
            if free.done() and not free.cancelled():  # it was let in as it was cancelled
                self._leave()
            raise

    def _leave(self) -> None:
        self.busy -= 1
        while self._waiting and self.busy < self.width:
            free = self._waiting.popleft()
            if not free.done():
                self.busy += 1
                free.set_result(None)

    def done(self, now: float) -> None:
        """A write has ended (seconds of any clock); called inside its turn. Where nobody waits the time to the next one tells nothing,
        nor do writes that are left of a greater width."""
        if self._last is not None and self.busy == self.width:
            self.count(now - self._last)
        self._last = now if self._waiting and self.busy == self.width else None

    def count(self, seconds: float) -> None:
        """So long after the one before it a write has ended, at this width."""
        self._times.setdefault(self.width, deque(maxlen=LATELY)).append(seconds)
        self._left -= 1
        if self._left <= 0:
            self._decide()

    def _decide(self) -> None:
        another = MOST if self.width == ALONE else ALONE
        if another not in self._times or not self._is_trial:
            self._times.pop(another, None)
            self.width, self._left, self._is_trial = another, TRIED[another], True
        else:
            self.width = MOST if mean(self._times[MOST]) < GAIN * mean(self._times[ALONE]) else ALONE
            self._left, self._is_trial = KEPT, False
        self._last = None
