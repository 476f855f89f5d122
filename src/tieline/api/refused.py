"""Deliveries that were refused, kept masked so that somebody can see why: the last 100 of each connection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any

import orjson
import psycopg

from tieline.store.masking import MOST, masked, masked_headers

log = logging.getLogger(__name__)

LAST = 100
_MOST_WAITING = 500
_INSERT = """
INSERT INTO store_refuseddelivery (workspace_id, connection_id, at, status, reason, method, headers, body)
VALUES (%s, %s, now(), %s, %s, %s, %s, %s)
"""
_PRUNE = """
DELETE FROM store_refuseddelivery WHERE workspace_id = %s AND connection_id = %s AND id <=
  (SELECT id FROM store_refuseddelivery WHERE connection_id = %s ORDER BY id DESC OFFSET %s LIMIT 1)
"""


class Refused:
    """Writes them behind the request's back. A flood is counted, not kept."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: list[tuple[Any, ...]] = []
        self._task: asyncio.Task[None] | None = None

    def put(
        self,
        workspace: int,
        connection: int,
        status: int,
        reason: Mapping[str, Any],
        method: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        """Keep one, some time soon."""
        if len(self._waiting) >= _MOST_WAITING:
            return
        text = masked(
            (f"?{query}\n" if query else "") + body[: 4 * MOST].decode("utf-8", "replace").replace("\x00", "�")
        )
        row = (
            workspace,
            connection,
            status,
            orjson.dumps(reason).decode(),
            method[:8],
            orjson.dumps(masked_headers(headers)).decode(),
            text,
        )
        self._waiting.append(row)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write())

    async def stop(self) -> None:
        """Wait for what is being written."""
        if self._task is not None:
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(2):
                    await self._task

    async def _write(self) -> None:
        await asyncio.sleep(0.1)  # what comes in a burst is one connection's work
        try:
            async with await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, connect_timeout=5, application_name="tieline intake"
            ) as connection:
                while self._waiting:
                    rows, self._waiting = self._waiting, []
                    for row in rows[-LAST:]:
                        async with connection.transaction():
                            await connection.execute("SELECT set_config('app.workspace', %s, true)", [str(row[0])])
                            await connection.execute(_INSERT, row)
                            await connection.execute(_PRUNE, [row[0], row[1], row[1], LAST])
        except psycopg.Error as error:
            log.warning("refused deliveries could not be kept: %s", type(error).__name__)
