"""Concurrent requests to one connection, where one request may count as several (a composite one at Zoho: one per part)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager


class Slots:
    """`count` slots; a request holds one or more of them while it is under way."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = asyncio.Semaphore(count)
        self._several = asyncio.Lock()

    @asynccontextmanager
    async def held(self, slots: int) -> AsyncIterator[None]:
        """So many slots, at most all of them. One request at a time gathers several, so that no two wait for each
        other's."""
        async with AsyncExitStack() as stack:
            if slots == 1:
                await stack.enter_async_context(self._free)
            else:
                async with self._several:
                    for _ in range(min(slots, self._count)):
                        await stack.enter_async_context(self._free)
            yield
