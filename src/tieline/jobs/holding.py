"""One held target: its drains run until nothing is to be done, wait to be woken, and let go when it stays quiet.

No wake-up is lost. `wake` only sets a flag, and the flag is taken down before the drains look for work: an event that is
committed after they looked comes with a wake-up that is set after, and is seen before sleeping. Whoever fails to take a
target because another worker has it may forget about it, since that one is woken too; and the one that lets go looks at the
flag once more after it did (`Worker`).
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable

from tieline.core.errors import TielineError
from tieline.engine.events.drain import Drain, Progress
from tieline.store import trouble
from tieline.store.drain_session import RebuildError
from tieline.store.drain_store import DrainStore
from tieline.store.pool import Link
from tieline.wiring import Wiring

log = logging.getLogger(__name__)

IDLE_S = 60.0
"""A target that was quiet for so long is let go, so that its session serves others."""
WELL_EVERY_S = 5.0


class Holding:
    """The drains of one target in this process."""

    def __init__(self, wiring: Wiring, workspace: int, target: int, worker: uuid.UUID) -> None:
        self.workspace = workspace
        self.target = target
        self.woken = asyncio.Event()
        self.is_resting = False
        """Quiet, and waiting to be woken: its place may be asked for."""
        self._wiring = wiring
        self._store = DrainStore(wiring.url, workspace, target, worker)
        self._drains: dict[str, Drain] = {}
        self._is_built = False
        self._said_well = float("-inf")

    async def run(self, should_end: Callable[[], bool], is_wanted: Callable[[], bool]) -> None:
        """Drains until quiet, held by another, or stopped. `should_end`: this process ends. `is_wanted`: another target
        waits for a place. psycopg.OperationalError: the database is away or has ended the session."""
        try:
            while not should_end():
                self.woken.clear()
                next_s = await self._round(should_end)
                if next_s is False:
                    return
                wait = IDLE_S if next_s is None else max(0.0, next_s - time.time())
                if is_wanted() or wait > IDLE_S:
                    # The sweep knows when it falls due, whoever holds it then.
                    wait = min(wait, 0.0 if is_wanted() else IDLE_S)
                    next_s = None
                if not await self._woken_within(wait) and next_s is None:
                    return
        finally:
            await self._wiring.run(self._store.release)

    async def _woken_within(self, wait: float) -> bool:
        if self.woken.is_set():
            return True
        self.is_resting = True
        try:
            async with asyncio.timeout(wait):
                await self.woken.wait()
        except TimeoutError:
            return False
        finally:
            self.is_resting = False
        return True

    async def _round(self, should_end: Callable[[], bool]) -> float | bool | None:
        """Every flow until it is quiet. When to look again (seconds since the epoch; None: when woken), False: let go."""
        try:
            if not self._is_built:
                if not await self._wiring.run(self._store.hold):
                    return False
                self._drains = await self._wiring.drains(self._store)
                self._is_built = True
            if not self._drains:
                return False
            times = [await self._quiet(flow, drain, should_end) for flow, drain in self._drains.items()]
        except RebuildError:
            self._is_built = False
            return time.time()
        except TielineError as error:  # it cannot even be built: a setting or a secret is missing
            for flow in self._store.session.flows:
                await self._stopped(flow, error)
            return False
        if False in times:
            return False
        return min((one for one in times if one is not None), default=None)

    async def _quiet(self, flow: str, drain: Drain, should_end: Callable[[], bool]) -> float | bool | None:
        """One flow, step by step. Its next time, None, or False where the target is not ours any more."""
        while True:
            progress = await drain.step()
            if progress.elsewhere:
                return False
            await self._said(flow, progress)
            if progress.stopped is not None:
                return False
            if not progress.more:
                return progress.next_s
            if should_end():
                return time.time()

    async def _said(self, flow: str, progress: Progress) -> None:
        if progress.stopped is not None:
            await self._stopped(flow, progress.stopped)
        elif (progress.written or progress.decided) and time.monotonic() - self._said_well > WELL_EVERY_S:
            self._said_well = time.monotonic()
            await self._keep(lambda link: trouble.well(link, self.workspace, self.target))

    async def _stopped(self, flow: str, error: TielineError) -> None:
        log.warning("connection %s, %s: stopped by %s", self.target, flow, error.code)
        await self._keep(lambda link: trouble.stop(link, self.workspace, self.target, flow, error))

    async def _keep(self, write: Callable[[Link], None]) -> None:
        await self._wiring.read(self.workspace, write)
