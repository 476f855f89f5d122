"""Deliveries to rows: all that wait are one statement and one commit, and the next batch goes as soon as the last is in.

Nobody is told "kept" before the commit. When the database goes away, what waits is tried again on a new connection for a
moment (an event that was kept after all is not kept twice, its key is unique), then refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import orjson
import psycopg

log = logging.getLogger(__name__)

MOST_WAITING = 4000
"""Deliveries that may wait for a commit; more are refused at once."""
MOST_BYTES_WAITING = 64 * 1024 * 1024
MOST_AT_ONCE = 500
MOST_BYTES_AT_ONCE = 8 * 1024 * 1024
PATIENCE_S = 2.0
"""How long a delivery waits for a database that is away."""
ANSWER_S = 5.0
"""A database that does not answer for so long counts as away: what it kept after all is not kept twice."""
ACCEPT = b"SELECT store_accept(%s::json)"
ACCEPT_CHANGES = b"SELECT store_accept_changes(%s::json)"
"""Of connections that tell of changes of records: their pairs are woken."""

Delivery = dict[str, Any]
"""As `store_accept` takes it: c connection, k event key (hex), t arrival, m method, q query, h headers, b body in base64,
s what its signature was found to be."""


Tell = Callable[[bool | None], None]
"""Called once with what became of a delivery: True kept; False its connection is gone; None the database is away, or too much
waits: nothing was acknowledged."""
_Waiting = tuple[Delivery, Tell, float]


class GroupCommit:
    """One connection that keeps what is put in. It is opened when something is."""

    def __init__(self, url: str, accept: bytes = ACCEPT) -> None:
        self._url = url
        self._accept = accept
        self._waiting: list[_Waiting] = []
        self._bytes = 0
        self._something = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: psycopg.AsyncConnection | None = None
        self._failures = 0
        self._is_stopping = False

    def start(self) -> None:
        """Begin to write; must be called in the running loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Write what waits, then stop."""
        task, self._task = self._task, None
        if task is None:
            return
        self._is_stopping = True
        self._something.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S + 1):
                await task
        if self._connection is not None:
            await self._connection.close()

    def put(self, delivery: Delivery, tell: Tell) -> None:
        """Keep it, and tell what became of it."""
        size = len(delivery["b"])
        if len(self._waiting) >= MOST_WAITING or self._bytes + size > MOST_BYTES_WAITING or self._is_stopping:
            tell(None)
            return
        self._bytes += size
        self._waiting.append((delivery, tell, time.monotonic()))
        self._something.set()

    async def _run(self) -> None:
        while not self._is_stopping:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                await self._company()
                batch = self._next_batch()
                try:
                    await self._keep(batch)
                except psycopg.OperationalError as error:
                    self._lost(error)
                    await self._later(batch)
                except asyncio.CancelledError:
                    _refuse(batch)
                    raise
                except Exception:
                    log.exception("deliveries could not be kept")
                    _refuse(batch)

    def _next_batch(self) -> list[_Waiting]:
        """Takes off the queue what goes into one statement: at most MOST_AT_ONCE, and as many bytes as fit."""
        count = MOST_AT_ONCE
        if self._bytes > MOST_BYTES_AT_ONCE:
            upto = accumulate(len(delivery["b"]) for delivery, _, _ in self._waiting[:MOST_AT_ONCE])
            count = max(sum(size <= MOST_BYTES_AT_ONCE for size in upto), 1)
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        self._bytes -= sum(len(delivery["b"]) for delivery, _, _ in batch)
        return batch

    async def _company(self) -> None:
        """Lets those who are at the door come in too: requests that the event loop has read already, and no longer. Without
        it the first answer to a batch would go alone into the next, and all others wait for its commit."""
        before = 0
        while before < len(self._waiting) < MOST_AT_ONCE:
            before = len(self._waiting)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def _keep(self, batch: Sequence[_Waiting]) -> None:
        try:
            kept = await self._write([delivery for delivery, _, _ in batch])
        except psycopg.DataError:
            if len(batch) == 1:
                raise
            kept = -1
        if kept == len(batch):
            for _, tell, _ in batch:
                tell(True)
            return
        if len(batch) == 1:
            batch[0][1](False)
            return
        for one in batch:  # one of them cannot be kept: each for itself, so that it is the only one
            try:
                await self._keep([one])
            except psycopg.DataError:
                log.exception("a delivery could not be kept")
                _refuse([one])

    async def _write(self, deliveries: list[Delivery]) -> int:
        connection = self._connection
        if connection is None or connection.closed:
            connection = self._connection = await self._connect()
        try:
            async with asyncio.timeout(ANSWER_S):
                cursor = await connection.execute(self._accept, [orjson.dumps(deliveries).decode()])
                row = await cursor.fetchone()
        except TimeoutError:
            raise psycopg.OperationalError("the database does not answer") from None
        self._failures = 0
        return int(row[0]) if row else 0

    async def _connect(self) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            connect_timeout=5,
            application_name="tieline intake",
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=8000,
        )

    def _lost(self, error: psycopg.OperationalError) -> None:
        if self._failures == 0:
            log.warning("the database is away: %s", type(error).__name__)
        self._failures += 1
        connection, self._connection = self._connection, None
        if connection is not None:
            asyncio.get_running_loop().create_task(connection.close()).add_done_callback(lambda done: done.exception())

    async def _later(self, batch: list[_Waiting]) -> None:
        """Keep waiting those that may still wait, refuse the others."""
        now = time.monotonic()
        patient = [one for one in batch if now - one[2] < PATIENCE_S]
        _refuse([one for one in batch if now - one[2] >= PATIENCE_S])
        self._bytes += sum(len(delivery["b"]) for delivery, _, _ in patient)
        self._waiting[:0] = patient
        await asyncio.sleep(min(0.05 * 2 ** min(self._failures, 5), 0.5))


def _refuse(batch: Sequence[_Waiting]) -> None:
    for _, tell, _ in batch:
        tell(None)
