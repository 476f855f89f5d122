"""The target connection as the engine uses it: at most so many requests at once, counted, and nobody asks while it is paused.

The vendor's rate is kept by the connector's client, which takes from the budget before each request. Here is what follows
when the vendor says no all the same, or does not answer anybody.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from tieline.core.errors import RateLimitedError, TielineError, TransientError
from tieline.core.mapping import RoleMap
from tieline.engine.effects.recovery import recovery
from tieline.engine.ports import Budget
from tieline.engine.times import backoff
from tieline.sdk.asking import BACKFILL, LIVE, BudgetSpentError, priority_of
from tieline.sdk.contract import Outcome, PushOperation, Records, VendorRecord
from tieline.sdk.leaving import LateError, leaving
from tieline.sdk.manifest import Capabilities

T = TypeVar("T")


class Run(Protocol):
    """Runs a short synchronous call (a store's transaction) where it does not hold the event loop."""

    async def __call__(self, call: Callable[[], T], /) -> T: ...


async def at_once(call: Callable[[], T], /) -> T:
    """Runs it here: for stores in memory."""
    return call()


UNIQUE_WAIT_S = 1.0
"""How long to wait before looking where sending twice does no harm: only to save requests."""
LEAVES_S = 10.0
"""How long after it was marked as sent a write may leave where the vendor would take it twice: longer than a request waits for
the budget, shorter than what a hanging process keeps its target for."""
LOOKS_APART_S = 10.0
"""Between the two looks that must find nothing before such a write is sent again."""


class Access:
    """One target connection.

    requests  how many requests the connector's client has made so far
    clock     seconds since the epoch; chance is random.random, or what a test puts there
    budget    to be paused for longer each time the vendor refuses without saying until when
    """

    def __init__(
        self,
        connector: Records,
        role_maps: Mapping[str, RoleMap],
        capabilities: Capabilities,
        *,
        clock: Callable[[], float],
        chance: Callable[[], float],
        requests: Callable[[], int],
        run: Run = at_once,
        budget: Budget | None = None,
    ) -> None:
        self.connector = connector
        self.role_maps = role_maps
        self.capabilities = capabilities
        self.clock = clock
        self.chance = chance
        self.requests = requests
        self.paused_until = 0.0
        self.backfill_until = 0.0
        """Our budget has nothing for back-fill before; what is live goes on."""
        self.limited = 0
        """Rate limits in a row without a word for how long."""
        self.trouble = 0
        """Failures in a row that were nobody's in particular."""
        self.gone: set[tuple[str, str]] = set()
        """(role, id) of records that the vendor said are not there any more: what we remember of them counts no longer."""
        self._run = run
        self._budget = budget
        self._slots = asyncio.Semaphore(capabilities.concurrency)

    @property
    def is_paused(self) -> bool:
        return self.clock() < self.paused_until

    def unique(self, role: str) -> bool:
        """Whether the vendor itself refuses a second record with our origin key."""
        return self.capabilities.origin == "unique" and bool(self.role_maps[role].origin)

    def searchable(self, role: str) -> bool:
        """Whether a record can be found by our origin key."""
        return self.capabilities.origin != "none" and bool(self.role_maps[role].origin)

    def settle_wait(self, role: str, verb: str) -> float:
        """How long after sending it is worth while to look what became of a write (seconds)."""
        timeout = self.capabilities.request_timeout_s
        if verb == "create" and self.unique(role):
            return min(UNIQUE_WAIT_S, timeout)
        return timeout

    def certain_s(self) -> float:
        """How long after it was marked as sent a write that the vendor would take twice has landed or never will, and the index
        shows it (seconds): it left late, our client waited its time-out, and gave up. That ends nothing at the vendor, whose own
        work on it has as long again."""
        return LEAVES_S + 2 * self.capabilities.request_timeout_s + self.capabilities.search_lag_s

    async def find(
        self, object: str, by: Sequence[str], values: Sequence[str], fields: Sequence[str]
    ) -> list[VendorRecord]:
        return await self._ask(lambda: self.connector.find(object, by, values, fields))

    async def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[VendorRecord]:
        return await self._ask(lambda: self.connector.fetch(object, ids, fields))

    async def push(self, operations: Sequence[PushOperation], leaves_by_s: float = math.inf) -> list[Outcome]:
        """Pushes these together. `leaves_by_s`: seconds since the epoch after which none of it may leave any more; it is
        asked again after each wait, the client's too."""

        def check() -> None:
            if self.clock() > leaves_by_s:
                raise LateError("too late to be sent")

        async def push() -> list[Outcome]:
            check()
            return await self.connector.push(operations)

        with leaving(check):
            return await self._ask(push)

    async def ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """Any other request of the connector, under the same rules: a page of a pull."""
        return await self._ask(call)

    async def _ask(self, call: Callable[[], Awaitable[T]]) -> T:
        async with self._slots:
            if self.is_paused:
                raise RateLimitedError("the connection is paused", wait_s=self.paused_until - self.clock())
            try:
                answer = await call()
            except RateLimitedError as error:
                await self._limited(error)
                raise
            self.limited = self.trouble = 0
            return answer

    async def _limited(self, error: RateLimitedError) -> None:
        if isinstance(error, BudgetSpentError) and priority_of(LIVE) == BACKFILL:
            self.backfill_until = max(self.backfill_until, self.clock() + (error.wait_s or 0.0))
            return
        if isinstance(error, BudgetSpentError):  # the budget knows it already
            self.paused_until = max(self.paused_until, self.clock() + (error.wait_s or 0.0))
            return
        self.limited += 1
        wait = error.wait_s
        if wait is None:
            wait = backoff(self.limited, self.chance(), first_s=1.0, most_s=60.0)
        self.paused_until = max(self.paused_until, self.clock() + wait)
        if self._budget is not None:
            budget = self._budget
            await self._run(lambda: budget.pause(wait))

    def failed_altogether(self, error: BaseException) -> None:
        """Every request of a round failed, so nobody's subject is the cause: after the second time, wait for all."""
        if isinstance(error, TielineError) and recovery(error).read != "retry":
            return
        self.trouble += 1
        if self.trouble > 1 and isinstance(error, TransientError):
            self.paused_until = self.clock() + backoff(self.trouble - 1, self.chance(), first_s=1.0, most_s=60.0)
