"""Back-fills in a worker: a chore begins those that sources need by themselves; each worker takes up to two that are due."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid

import psycopg

from tieline.core.errors import TielineError
from tieline.engine.effects import reasons
from tieline.engine.events.gaps import wanted
from tieline.jobs.mistakes import told
from tieline.sdk import manifest as manifests
from tieline.store import backfills
from tieline.store.backfills import StoredBackfill, Watched
from tieline.store.pool import Rows
from tieline.wiring import Wiring

log = logging.getLogger(__name__)

MOST = 2
"""Back-fills that one worker has under way."""


def look_round(rows: Rows) -> int:
    """Begins what sources need whose events may be missing; how many were begun. Each in the transaction that says that it was
    looked at: what was not is found again with the next round."""
    now = time.time()
    begun = 0
    for one in backfills.watched(rows):
        if not _can_list(one):
            continue
        look = wanted(one.seen, now)
        with rows.tx(one.workspace) as link:
            if look is not None and look.since < now:
                made = backfills.start(link, one.workspace, one.connection, look.why, look.since, now)
                begun += made is not None
            backfills.look_taken(link, one, now)
    return begun


def _can_list(one: Watched) -> bool:
    try:
        manifest = manifests.connector(one.connector)
    except TielineError:
        return False
    return "history" in manifest.facets and manifest.can_ask(one.typed)


class Backfilling:
    """The back-fills of one worker process."""

    def __init__(self, wiring: Wiring, worker: uuid.UUID) -> None:
        self._wiring = wiring
        self._worker = worker
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self) -> None:
        """Takes up what is due, as far as there are places."""
        while len(self._tasks) < MOST:
            found = await self._wiring.run(lambda: backfills.claim(self._wiring.rows, self._worker))
            if found is None:
                return
            task = asyncio.create_task(self._work(*found))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Ends what is under way; the next worker goes on with it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, backfill: int, workspace: int, connection: int) -> None:
        wiring = self._wiring
        store = StoredBackfill(wiring.rows, workspace, backfill, connection, self._worker)
        try:
            one = await wiring.backfill(store, workspace, connection)
            if one is not None:
                await one.work()
        except asyncio.CancelledError:
            with contextlib.suppress(psycopg.Error):
                store.release()
            raise
        except TielineError as error:  # it cannot even be asked: a setting or a secret is missing
            said = reasons.of_error(error)
            await wiring.run(lambda: store.finish(said))
        except psycopg.OperationalError as error:  # the lease ends, and whoever finds it goes on
            log.warning("back-fill %s: the database is away (%s)", backfill, type(error).__name__)
        except Exception as error:  # noqa: BLE001  one back-fill's mistake is no other's
            log.error("back-fill %s broke off: %s", backfill, told(error))
            said = reasons.of_error(error)
            with contextlib.suppress(psycopg.Error):
                await wiring.run(lambda: store.finish(said))
