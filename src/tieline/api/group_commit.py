"""Deliveries to rows: all that wait are one statement and one commit, and the next batch goes as soon as the last is in.

Nobody is told "kept" before the commit. When the database goes away, what waits is tried again on a new connection for a
moment (an event that was kept after all is not kept twice, its key is unique), then refused.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import psycopg

log = logging.getLogger(__name__)

MOST_WAITING = 4000
"""Deliveries that may wait for a commit; more are refused at once."""
MOST_AT_ONCE = 500

WRITERS = 2
"""Connections. While one commits, what arrives meanwhile is written by the other."""
PATIENCE_S = 2.0
"""How long a delivery waits for a database that is away."""
_ACCEPT = b"SELECT store_accept(%s::json)"

Delivery = dict[str, Any]
"""As `store_accept` takes it: c connection, k event key (hex), t arrival, m method, q query, h headers, b body in base64."""


Tell = Callable[[bool | None], None]
"""Called once with what became of a delivery: True kept; False its connection is gone; None the database is away, or too much
waits: nothing was acknowledged."""
_Waiting = tuple[Delivery, Tell, float]


class GroupCommit:
    """Keeps what is put in, over two connections: while the rows of one batch are being committed, the next is being read
    from the network and, where it is there, committed beside it."""

    def __init__(self, url: str, *, writers: int = WRITERS) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._writers = [Writer(url) for _ in range(writers)]
        self._tasks: list[asyncio.Task[None]] = []
        self._idle: list[asyncio.Future[None]] = []
        self._is_stopping = False

    def start(self) -> None:
        """Begin to write; must be called in the running loop."""
        if not self._tasks:
            self._tasks = [asyncio.get_running_loop().create_task(self._run(writer)) for writer in self._writers]

    async def stop(self) -> None:
        """Write what waits, then stop."""
        tasks, self._tasks = self._tasks, []
        self._is_stopping = True
        self._wake(len(self._idle))
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE_S + 1)
        for task in tasks:
            task.cancel()
        for writer in self._writers:
            await writer.close()

    def put(self, delivery: Delivery, tell: Tell) -> None:
        """Keep it, and tell what became of it."""
        if len(self._waiting) >= MOST_WAITING or self._is_stopping:
            tell(None)
            return
        self._waiting.append((delivery, tell, time.monotonic()))
        if self._idle:
            self._wake(1)

    def _wake(self, count: int) -> None:
        for _ in range(count):
            idle = self._idle.pop()
            if not idle.done():
                idle.set_result(None)

    async def _run(self, writer: Writer) -> None:
        while True:
            while not self._waiting:
                if self._is_stopping:
                    return
                idle = asyncio.get_running_loop().create_future()
                self._idle.append(idle)
                await idle
            await self._company()
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))]
            if not batch:
                continue
            try:
                await writer.keep(batch)
            except psycopg.OperationalError as error:
                writer.lost(error)
                await self._later(writer, batch)
            except asyncio.CancelledError:
                _refuse(batch)
                raise
            except Exception:
                log.exception("deliveries could not be kept")
                _refuse(batch)

    async def _company(self) -> None:
        """Lets those who are at the door come in too: requests that the event loop has read already, and no longer. Without
        it the first answer to a batch would go alone into the next, and all others wait for its commit."""
        before = 0
        while before < len(self._waiting) < MOST_AT_ONCE:
            before = len(self._waiting)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def _later(self, writer: Writer, batch: list[_Waiting]) -> None:
        """Keep waiting those that may still wait, refuse the others."""
        now = time.monotonic()
        _refuse([one for one in batch if now - one[2] >= PATIENCE_S])
        self._waiting.extendleft(reversed([one for one in batch if now - one[2] < PATIENCE_S]))
        await asyncio.sleep(min(0.05 * 2 ** min(writer.failures, 5), 0.5))


class Writer:
    """One connection that writes batches."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.AsyncConnection | None = None
        self.failures = 0

    async def keep(self, batch: Sequence[_Waiting]) -> None:
        """Writes a batch and tells each of it. Raises psycopg.OperationalError before anybody is told."""
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
                await self.keep([one])
            except psycopg.DataError:
                log.exception("a delivery could not be kept")
                _refuse([one])

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    async def _write(self, deliveries: list[Delivery]) -> int:
        connection = self._connection
        if connection is None or connection.closed:
            connection = self._connection = await self._connect()
        cursor = await connection.execute(_ACCEPT, [orjson.dumps(deliveries).decode()])
        row = await cursor.fetchone()
        self.failures = 0
        return int(row[0]) if row else 0

    async def _connect(self) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=5, application_name="tieline intake"
        )

    def lost(self, error: psycopg.OperationalError) -> None:
        """The connection is gone; the next batch makes a new one."""
        if self.failures == 0:
            log.warning("the database is away: %s", type(error).__name__)
        self.failures += 1
        connection, self._connection = self._connection, None
        if connection is not None:
            asyncio.get_running_loop().create_task(connection.close()).add_done_callback(lambda done: done.exception())


def _refuse(batch: Sequence[_Waiting]) -> None:
    for _, tell, _ in batch:
        tell(None)
