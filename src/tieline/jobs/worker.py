"""A worker process: wakes targets and holds them while there is work.

Wake-ups come by NOTIFY in the transaction of their cause, on one connection; every (re)connection of it looks at all due
targets once, since what was said meanwhile was said to nobody. A sweep each second is the belt: it finds what falls due by
time, and what a worker that died has left. There are no job rows, so none can be lost, stalled or doubled
(docs/decisions/0010-wake-ups.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import uuid
from collections.abc import Awaitable, Callable

import psycopg

from tieline.jobs import beat, chores
from tieline.jobs.backfilling import Backfilling
from tieline.jobs.feeds import EVERY_S as FEEDS_S
from tieline.jobs.feeds import Feeds
from tieline.jobs.holding import Holding
from tieline.jobs.mistakes import told
from tieline.jobs.outgoing import Outgoing
from tieline.jobs.pairing import Pairing
from tieline.store import trouble
from tieline.store.drain_session import DRAIN_LOCK, is_lost
from tieline.store.pool import Rows
from tieline.store.secrets import Seal
from tieline.wiring import Wiring

log = logging.getLogger(__name__)

CHANNEL = "tieline"
SWEEP_S = 1.0
CHORES_S = 5.0
BACKFILL_S = 2.0
OUTGOING_S = 1.0
FIRST_PAUSE_S = 0.05
MOST_DOUBLINGS = 6
LONGEST_PAUSE_S = 1.0
"""Longest wait before trying again to reach the database."""
AFTER_MISTAKE_S = 5.0
"""Pause of a target whose work broke off by a mistake of ours."""
MOST_TARGETS = 12
"""Targets held at once; each has a database session."""

# Held: by whomever. The holder is woken like us, so a target that another holds is left to it.
_DUE = """
SELECT d.target, d.workspace, d.ready, EXISTS (
         SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = d.target::int
            AND l.objsubid = 2 AND l.granted
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
  FROM (SELECT target, workspace, bool_or(ready) AS ready FROM (
          SELECT target, workspace, ready FROM store_due_targets()
           UNION ALL SELECT target, workspace, true FROM store_undo_targets()) AS a GROUP BY 1, 2) AS d
"""


class Worker:
    """`run` until `stop`. `sweep` False leaves the belt off, for the test that shows that it is one."""

    def __init__(self, url: str, seal: Seal, *, sweep: bool = True, most: int = MOST_TARGETS) -> None:
        self.id = uuid.uuid4()
        self._url = url
        self._seal = seal
        self._sweeps = sweep
        self._most = most
        self._stopping = asyncio.Event()
        self._held: dict[int, Holding] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wanted: dict[int, int | None] = {}
        """Targets that wait for a place, in order, with their workspace where it is known."""
        self._failures: dict[str, int] = {}
        """Loop → rounds that have failed since the last good one."""
        self.listening = asyncio.Event()

    def stop(self) -> None:
        """End after the steps under way."""
        self._stopping.set()
        for holding in self._held.values():
            holding.woken.set()

    async def run(self) -> None:
        """Work until stopped; the database may come and go."""
        async with Wiring.open(self._url, self._seal) as wiring:
            self._wiring = wiring
            backfilling = Backfilling(wiring, self.id)
            outgoing = Outgoing(wiring, self._seal)
            pairing = self._pairing = Pairing(wiring, self.id)
            loops = [self._every("listen", FIRST_PAUSE_S, self._listen), self._every("beat", beat.BEAT_S, self._beat)]
            if self._sweeps:
                loops += [self._every("sweep", SWEEP_S, self._sweep), self._every("chores", CHORES_S, self._chores)]
                loops.append(self._every("backfill", BACKFILL_S, backfilling.take))
                loops.append(self._every("outgoing", OUTGOING_S, outgoing.take))
                loops.append(self._every("pairs", SWEEP_S, pairing.sweep))
                loops.append(self._every("feeds", FEEDS_S, Feeds(wiring).look))
            tasks = [asyncio.create_task(loop) for loop in loops]
            stopped = asyncio.create_task(self._stopping.wait())
            ended, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
            self.stop()  # a loop that ended would leave a worker that lives and does nothing: the process ends with it
            for task in [*tasks, stopped]:
                task.cancel()
            await asyncio.gather(*tasks, stopped, return_exceptions=True)
            await backfilling.stop()
            await outgoing.stop()
            await pairing.stop()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=15)
            for left in self._tasks:
                left.cancel()
            with contextlib.suppress(psycopg.Error):
                await wiring.run(lambda: beat.leave(wiring.rows, self.id))
            for task in ended - {stopped}:
                task.result()

    # -- waking ------------------------------------------------------------------------------------------------------

    def wake(self, target: int, workspace: int | None = None) -> None:
        """There may be work for this target."""
        if self._stopping.is_set():
            return
        holding = self._held.get(target)
        if holding is not None:
            holding.woken.set()
            return
        self._wanted.setdefault(target, workspace)
        self._fill()

    def _fill(self) -> None:
        """Takes up targets that wait, as far as there are places."""
        while self._wanted and len(self._tasks) < self._most and not self._stopping.is_set():
            target, workspace = next(iter(self._wanted.items()))
            del self._wanted[target]
            task = asyncio.create_task(self._hold(target, workspace))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        if self._wanted:
            resting = next((one for one in self._held.values() if one.is_resting and not one.woken.is_set()), None)
            if resting is not None:  # it sees that its place is wanted, and lets go
                resting.woken.set()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a target's work ended: %s", told(task.exception()))  # type: ignore[arg-type]
        self._fill()

    async def _hold(self, target: int, workspace: int | None) -> None:
        wiring = self._wiring
        holding: Holding | None = None
        again = False
        try:
            if workspace is None:
                workspace = await wiring.run(lambda: _workspace_of(wiring.rows, target))
                if workspace is None:
                    return
            if target in self._held:  # woken twice before it was known whose it is
                self._held[target].woken.set()
                return
            holding = self._held[target] = Holding(wiring, workspace, target, self.id)
            await holding.run(self._stopping.is_set, lambda: bool(self._wanted))
        except Exception as error:  # noqa: BLE001  one target's mistake is no other's
            again = True
            if is_lost(error):
                log.warning("connection %s: the database session is lost (%s)", target, type(error).__name__)
                await asyncio.sleep(random.uniform(0.1, LONGEST_PAUSE_S / 2))  # noqa: S311
            else:
                log.error("connection %s: its work broke off: %s", target, told(error))
                await self._broke_off(workspace, target, error)
        finally:
            # From here on a wake-up starts anew; what was woken after the drain last looked is started anew here. There is
            # no await between the two, so nothing falls in between.
            if holding is not None and self._held.get(target) is holding:
                del self._held[target]
                again = again or holding.woken.is_set()
            if again and not self._stopping.is_set():
                self._wanted.setdefault(target, workspace)

    async def _broke_off(self, workspace: int | None, target: int, error: Exception) -> None:
        """A mistake of ours: say so with the connection, and try again after a while."""
        if workspace is not None:
            with contextlib.suppress(psycopg.Error):
                await self._wiring.read(workspace, lambda link: trouble.unwell(link, workspace, target, error))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(AFTER_MISTAKE_S):
                await self._stopping.wait()

    # -- loops -------------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=5, application_name="tieline worker"
        ) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            await self._sweep()
            await self._pairing.sweep()
            self.listening.set()
            self._failures["listen"] = 0
            try:
                async for said in connection.notifies():
                    kind, _, pair = said.payload.partition(":")
                    if kind.isdecimal():
                        self.wake(int(kind))
                    elif kind == "pair" and pair.isdecimal():
                        self._pairing.wake(int(pair))
            finally:
                self.listening.clear()

    async def _sweep(self) -> None:
        rows = self._wiring.rows
        for target, workspace, is_ready, is_held in await self._wiring.run(lambda: _due(rows)):
            if is_ready if target in self._held else not is_held:
                self.wake(target, workspace)

    async def _beat(self) -> None:
        rows = self._wiring.rows
        await self._wiring.run(lambda: beat.beat(rows, self.id))
        for target in await self._wiring.run(lambda: beat.end_hanging(rows)):
            log.warning("connection %s was held by a worker that hangs; its session is ended", target)
            self.wake(target)

    async def _chores(self) -> None:
        rows = self._wiring.rows
        for name in await self._wiring.run(lambda: chores.due(rows)):
            await self._wiring.run(lambda name=name: chores.do(rows, name))  # type: ignore[misc]

    async def _every(self, name: str, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Again and again, whatever the database does: so many seconds after a round that went well; after one that did not
        at once, then at most a second later."""
        while True:
            try:
                await work()
                self._failures[name] = 0
                pause = seconds
            except Exception as error:  # noqa: BLE001  a round that fails is not the last
                failures = self._failures[name] = self._failures.get(name, 0) + 1
                if not is_lost(error):
                    log.error("%s failed: %s", name, told(error))
                elif failures == 1:
                    log.warning("%s: the database is away (%s)", name, type(error).__name__)
                pause = min(FIRST_PAUSE_S * 2 ** min(failures, MOST_DOUBLINGS), LONGEST_PAUSE_S)
            await asyncio.sleep(pause)


def _due(rows: Rows) -> list[tuple[int, int, bool, bool]]:
    with rows.plain() as link:
        return link.execute(_DUE, [DRAIN_LOCK]).fetchall()


def _workspace_of(rows: Rows, target: int) -> int | None:
    with rows.plain() as link:
        row = link.execute("SELECT store_workspace_of(%s)", [target]).fetchone()
    return row[0] if row else None
