"""A process that takes deliveries says that it is alive: where it falls silent, home and `tieline doctor` say so within a minute."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import uuid
from typing import Any, LiteralString

import psycopg

from tieline.store.living import BEAT, INTAKE_BEAT_S, LEAVE, beat_of

log = logging.getLogger(__name__)


class Beating:
    """Beats from `start` to `stop`, each time by a connection of its own: one that is held for years would be one more to watch."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._id = uuid.uuid4()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; in the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Ended properly: nobody shall miss it."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self._say(LEAVE, [self._id])

    async def _run(self) -> None:
        while True:
            await self._say(BEAT, beat_of(self._id, os.getpid()))
            await asyncio.sleep(INTAKE_BEAT_S)

    async def _say(self, query: LiteralString, values: list[Any]) -> None:
        try:
            async with await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, connect_timeout=5, application_name="tieline intake"
            ) as link:
                await link.execute(query, values)
        except psycopg.Error as error:  # also where its table is not there yet
            log.debug("no beat: %s", type(error).__name__)
