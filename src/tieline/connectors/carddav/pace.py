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

ALONE, MOST = 1, 4
"""Four, as `concurrency` in connector.toml: Radicale lets five connections wait to be taken (see doc.md)."""
TRIED = {ALONE: 4, MOST: 8}
"""So many writes are timed before it is decided."""
KEPT = 100
"""For so many writes what was cheaper is kept."""
GAIN = 0.8
"""Side by side is for what takes at most this share of the time."""


class Pace:
    """The writes to one server: `width` at a time."""

    def __init__(self) -> None:
        self.width = ALONE
        self.busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._costs: dict[int, float] = {}
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

    def took(self, seconds: float, beside: int) -> None:
        """What a write took while so many were under way, itself among them. Those of a push that is running out tell nothing."""
        if beside != self.width:
            return
        cost = seconds / beside
        before = self._costs.get(beside)
        self._costs[beside] = cost if before is None else before + (cost - before) * 0.3
        self._left -= 1
        if self._left <= 0:
            self._decide()

    def _decide(self) -> None:
        another = MOST if self.width == ALONE else ALONE
        if another not in self._costs or not self._is_trial:
            self._costs.pop(another, None)
            self.width, self._left, self._is_trial = another, TRIED[another], True
            return
        self.width = MOST if self._costs[MOST] < GAIN * self._costs[ALONE] else ALONE
        self._left, self._is_trial = KEPT, False
