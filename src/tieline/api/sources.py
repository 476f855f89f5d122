"""The connections that deliveries may come in by, kept in memory.

What signatures are checked with is opened once, here. A trigger tells of every change (NOTIFY tieline_sources); a list older
than a few seconds is read again all the same; and an unknown key or a failed signature asks the database before it is
refused (not more than twice a second), so that a connection works from the moment it is made.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

from tieline.core.errors import TielineError
from tieline.sdk import manifest
from tieline.sdk.contract import Changes, Events
from tieline.store.secrets import GRANT, INTAKE_KEY, Seal

log = logging.getLogger(__name__)

FRESH_S = 5.0
"""A list older than this is read again."""
AGAIN_S = 0.5
"""Nothing makes us read it more often than this."""
_ALL = "SELECT intake_hash, connection_id, workspace_id, connector, secrets FROM store_intake_sources()"


@dataclass(frozen=True, slots=True)
class Source:
    """A connection that events come in by. `secrets` are those of its manifest's fields, opened. `tells`: its deliveries tell of
    changes of records."""

    connection: int
    workspace: int
    events: Events | Changes
    secrets: Mapping[str, str] = field(repr=False)
    tells: bool = False


class Sources:
    """Every source by the hash of its key."""

    def __init__(self, url: str, seal: Seal) -> None:
        self._url = url
        self._seal = seal
        self._by_hash: dict[str, Source] = {}
        self._by_key: dict[str, Source] = {}
        """Those that have been asked for; forgotten with each reading."""
        self._read_at = float("-inf")
        self._tried_at = float("-inf")
        self._turn = asyncio.Lock()
        self._reading: asyncio.Task[bool] | None = None
        self._connection: psycopg.AsyncConnection | None = None
        self._listening: asyncio.Task[None] | None = None

    @property
    def is_known(self) -> bool:
        """Whether the list was ever read: before that nothing can be said about a key."""
        return self._read_at > float("-inf")

    def find(self, key: str) -> Source | None:
        """The source of this key, by what is known now; an old list is read again behind the request's back."""
        if time.monotonic() - self._read_at > FRESH_S and (self._reading is None or self._reading.done()):
            self._reading = asyncio.get_running_loop().create_task(self.read())
        source = self._by_key.get(key)
        if source is None:
            source = self._by_hash.get(hashlib.sha256(key.encode()).hexdigest())
            if source is not None:
                self._by_key[key] = source
        return source

    async def start(self) -> None:
        """Read the list, as far as the database is there, and listen for changes from now on."""
        self._listening = asyncio.get_running_loop().create_task(self._listen())
        await self.read()

    async def read(self) -> bool:
        """Read the list now, unless that was tried a moment ago. Whether it is fresh."""
        async with self._turn:
            now = time.monotonic()
            if now - self._tried_at < AGAIN_S:
                return self._read_at >= self._tried_at
            self._tried_at = now
            try:
                rows = await self._rows()
            except psycopg.OperationalError as error:
                log.warning("sources cannot be read: %s", type(error).__name__)
                return False
            self._by_hash = {row[0]: source for row in rows if (source := self._source(*row[1:])) is not None}
            self._by_key = {}
            self._read_at = time.monotonic()
            return True

    async def read_since(self, at: float) -> bool:
        """Like `read`, but sees what was committed before `at` (monotonic): waits for its turn rather than not reading. Those
        who wait together read once."""
        if self._tried_at < at:
            wait = AGAIN_S - (time.monotonic() - self._tried_at)
            if wait > 0:
                await asyncio.sleep(wait + 0.01)
        return await self.read()

    async def close(self) -> None:
        """Close the connection of its own."""
        for task in (self._listening, self._reading):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if self._connection is not None:
            await self._connection.close()

    async def _listen(self) -> None:
        while True:
            try:
                async with await self._connect() as connection:
                    await connection.execute("LISTEN tieline_sources")
                    self._tried_at = float("-inf")
                    await self.read()
                    async for _ in connection.notifies():
                        self._tried_at = float("-inf")
                        await self.read()
            except psycopg.OperationalError:
                await asyncio.sleep(1.0)

    async def _connect(self) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=5, application_name="tieline intake"
        )

    async def _rows(self) -> list[tuple[str, int, int, str, dict[str, str] | None]]:
        for attempt in (1, 2):  # a connection that was lost while idle is replaced unseen
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = await self._connect()
                return await (await self._connection.execute(_ALL)).fetchall()
            except psycopg.OperationalError:
                if self._connection is not None:
                    await self._connection.close()
                    self._connection = None
                if attempt == 2:
                    raise
        raise AssertionError

    def _source(self, connection: int, workspace: int, connector: str, sealed: dict[str, str] | None) -> Source | None:
        try:
            events = manifest.load(connector)(None)
            tells = "changes" in manifest.connector(connector).facets
            secrets = {
                name: self._seal.open(value.encode(), workspace, connection, name)
                for name, value in (sealed or {}).items()
                if name not in {GRANT, INTAKE_KEY}
            }
        except TielineError as error:
            log.warning("connection %s cannot take deliveries: %s", connection, error.code)
            return None
        return Source(connection, workspace, events, secrets, tells)
