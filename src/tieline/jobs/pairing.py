"""Pairs in a worker: whoever takes one reads the deliveries that tell of changes, does the runs that people asked for, and the
round of changes when it is due; then lets it go.

A pair is woken by NOTIFY in the transaction of its cause ("pair:<id>"), and found by the sweep when a poll or a waiting row falls
due, or when the worker that held it died. Nothing is remembered here that the rows do not say. A long run (a transfer of a hundred
thousand) gives way within a page to what somebody waits for, and goes on where it was.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from tieline.core.errors import AuthError, ConfigError, ScopeError, TielineError
from tieline.core.pairing import Side
from tieline.engine.sync.ports import RunKind, RunRow
from tieline.engine.sync.rows import told_of
from tieline.engine.sync.sync import Sync
from tieline.jobs.mistakes import told
from tieline.sdk.asking import BACKFILL, LIVE
from tieline.store import pair_rows, sync_events, trouble
from tieline.store.held import RebuildError, is_lost
from tieline.store.sync_store import StoredSync
from tieline.wiring import Wiring

log = logging.getLogger(__name__)

MOST = 8
"""Pairs that one worker holds at once; each has a database session."""
LINGER_S = 5.0
"""A pair whose next look is nearer than this is kept."""
SOON_S = 1.0
AGAIN_S = 30.0
"""After trouble with a vendor, and after a mistake of ours."""
BACKGROUND: frozenset[RunKind] = frozenset({"transfer", "reconcile", "preview", "approved"})
"""Their requests leave room for what is live."""
BY_A_PERSON = (AuthError.code, ScopeError.code, ConfigError.code)
"""A person must put something right first."""


class HeldPair:
    """One pair in this process, for as long as there is work."""

    def __init__(self, wiring: Wiring, workspace: int, pair: int, worker: uuid.UUID) -> None:
        self.workspace = workspace
        self.pair = pair
        self.woken = asyncio.Event()
        self._wiring = wiring
        self._store = StoredSync(wiring.url, workspace, pair, worker)
        self._store.gives_way = self._something_waits
        self._syncs: dict[int, Sync] = {}
        self._reads: sync_events.Reads = {}
        self._next_s = 0.0

    async def run(self, should_end: Callable[[], bool]) -> None:
        """Works until quiet, or held by another. psycopg.OperationalError: the database is away or has ended the session."""
        try:
            while not should_end():
                self.woken.clear()
                try:
                    if not await self._round(should_end):
                        return
                except RebuildError:
                    self._syncs.clear()
                    continue
                if not await self._woken_within(self._next_s - time.time()):
                    return
        finally:
            await self._wiring.run(self._store.let_go)

    async def _woken_within(self, wait: float) -> bool:
        """Whether there is work again at once, or soon."""
        if self.woken.is_set() or wait <= 0:
            return True
        try:
            async with asyncio.timeout(min(wait, LINGER_S)):
                await self.woken.wait()
        except TimeoutError:
            return wait <= LINGER_S
        return True

    def _something_waits(self) -> bool:
        return self.woken.is_set() or time.time() >= self._next_s

    async def _round(self, should_end: Callable[[], bool]) -> bool:
        """Everything that is to be done now. False: not ours, or nothing can be done before a person or time has helped."""
        run, store = self._wiring.run, self._store
        if not await run(store.hold):
            return False
        try:
            sync = await self._sync(LIVE)
        except TielineError as error:  # it cannot even be built: a setting or a secret is missing
            why = trouble.error_json(error)
            await self._keep(lambda link: pair_rows.stop(link, self.workspace, self.pair, why))
            return False
        reads = self._reads
        while await run(lambda: sync_events.take(store.session, reads)):
            if should_end():
                return True
        watch: dict[str, Any] = {} if store.session.live else {"watch": True}
        if await sync.next_at() <= time.time():
            row = await sync.changes(watch)
            if not await self._came(row):
                return False
        self._next_s = await self._looked(sync)
        # What a person waits for, and a round that a crash broke off, go before what takes long.
        for kind, options in sorted(await run(store.open_runs), key=lambda one: one[0] in BACKGROUND):
            if should_end() or self._something_waits():
                break
            if watch and (kind == "transfer" or (kind == "changes" and watch.keys() - options.keys())):
                continue  # of the time before it was only watched: it is gone on with once something may be written
            row = await self._do(kind, options)
            if not await self._came(row):
                return False
        else:
            await self._keep(lambda link: pair_rows.well(link, self.workspace, self.pair))
        return True

    async def _do(self, kind: RunKind, options: Mapping[str, Any]) -> RunRow:
        sync = await self._sync(BACKFILL if kind in BACKGROUND else LIVE)
        if kind == "asked":
            side = cast("Side", options["side"])
            given = told_of(options["told"], side)
            return await sync.asked(
                options["role"], side, options["id"], given, seen=options.get("seen"), by=options.get("by")
            )
        if kind in {"undo", "redo"}:
            return await sync.undo(options, redo=kind == "redo")
        does: Callable[[Mapping[str, Any]], Awaitable[RunRow]] = getattr(
            sync, kind
        )  # each kind is a coroutine of its name
        return await does(options)

    async def _sync(self, priority: int) -> Sync:
        if priority not in self._syncs:
            self._syncs[priority], self._reads = await self._wiring.sync(self._store, priority=priority)
        return self._syncs[priority]

    async def _looked(self, sync: Sync) -> float:
        """When to look next; kept, so that any worker finds it."""
        at, now = await sync.next_at(), time.time()
        if at <= now:  # a watched pair only reads what is due, and it stays so
            at = now + (SOON_S if self._store.session.live else sync.every_s)
        await self._keep(lambda link: pair_rows.polled(link, self.workspace, self.pair, at))
        return at

    async def _came(self, row: RunRow) -> bool:
        """What follows from how a run ended. False: nothing more can be done now."""
        code = str((row.why or {}).get("code", ""))
        if row.state not in {"failed", "paused"} or not code.startswith("error."):
            return row.id != 0
        why = dict(row.why or {})
        log.warning("pair %s: %s %s: %s", self.pair, row.kind, row.state, code)
        if code in BY_A_PERSON:
            if code == AuthError.code and await self._refused():
                return False  # its connection says so; the pair goes on when that does
            await self._keep(lambda link: pair_rows.stop(link, self.workspace, self.pair, why))
            return False
        again = time.time() + AGAIN_S
        await self._keep(lambda link: pair_rows.unwell(link, self.workspace, self.pair, why, again))
        return False

    async def _refused(self) -> bool:
        """Whether one of the two refuses our credentials: then it asks to be reconnected."""
        found = False
        for connection in self._store.session.connections.values():
            try:
                opened = await self._wiring.connection(self.workspace, connection)
                await opened.connector.check()
            except AuthError as error:
                said = error
                await self._keep(
                    lambda link, of=connection, said=said: trouble.stop(link, self.workspace, of, "customers", said)  # type: ignore[misc]
                )
                found = True
            except TielineError:
                continue
        return found

    async def _keep(self, write: Callable[[Any], None]) -> None:
        await self._wiring.read(self.workspace, write)


class Pairing:
    """The pairs of one worker process."""

    def __init__(self, wiring: Wiring, worker: uuid.UUID, *, most: int = MOST) -> None:
        self._wiring = wiring
        self._worker = worker
        self._most = most
        self._held: dict[int, HeldPair] = {}
        self._wanted: dict[int, int | None] = {}
        """Pairs that wait for a place, in order, with their workspace where it is known."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    async def sweep(self) -> None:
        """Finds pairs with work that nobody holds; and what was not told of those that are held here."""
        rows = self._wiring.rows
        for pair, workspace, is_urgent, is_held in await self._wiring.run(lambda: pair_rows.due(rows)):
            if is_urgent if pair in self._held else not is_held:
                self.wake(pair, workspace)

    def wake(self, pair: int, workspace: int | None = None) -> None:
        """There may be work for this pair."""
        held = self._held.get(pair)
        if held is not None:
            held.woken.set()
            return
        self._wanted.setdefault(pair, workspace)
        self._fill()

    async def stop(self) -> None:
        """Ends after the page under way; another worker goes on."""
        self._is_stopping = True
        for held in self._held.values():
            held.woken.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=15)
        for left in self._tasks:
            left.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _fill(self) -> None:
        while self._wanted and len(self._tasks) < self._most and not self._is_stopping:
            pair, workspace = next(iter(self._wanted.items()))
            del self._wanted[pair]
            task = asyncio.create_task(self._hold(pair, workspace))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._fill()

    async def _hold(self, pair: int, workspace: int | None) -> None:
        wiring = self._wiring
        held: HeldPair | None = None
        try:
            if workspace is None:
                workspace = await wiring.run(lambda: pair_rows.workspace_of(wiring.rows, pair))
                if workspace is None:
                    return
            if pair in self._held:  # woken twice before it was known whose it is
                self._held[pair].woken.set()
                return
            held = self._held[pair] = HeldPair(wiring, workspace, pair, self._worker)
            await held.run(lambda: self._is_stopping)
        except Exception as error:  # noqa: BLE001  one pair's mistake is no other's
            if is_lost(error):
                log.warning("pair %s: the database session is lost (%s)", pair, type(error).__name__)
            else:
                log.error("pair %s: its work broke off: %s", pair, told(error))
                await self._broke_off(workspace, pair, error)
        finally:
            if held is not None and self._held.get(pair) is held:
                del self._held[pair]
                # Woken after it last looked: it is begun anew. There is no await between, so nothing falls in between.
                if held.woken.is_set() and not self._is_stopping:
                    self._wanted.setdefault(pair, workspace)

    async def _broke_off(self, workspace: int | None, pair: int, error: Exception) -> None:
        """A mistake of ours: said with the pair, and tried again after a while."""
        if workspace is None:
            return
        why, again = trouble.error_json(error), time.time() + AGAIN_S
        try:
            await self._wiring.read(workspace, lambda link: pair_rows.unwell(link, workspace, pair, why, again))
        except Exception as other:  # noqa: BLE001  the database went with it
            log.warning("pair %s: that could not be kept (%s)", pair, type(other).__name__)
