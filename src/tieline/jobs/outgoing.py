"""Outgoing webhooks in a worker: messages that are due, each posted with its signatures, and settled by the answer.

At least once: a worker that dies between the answer and writing it down leaves the message to the next one, which sends it again
under the same webhook-id. One attempt a time, since who claimed a message has it for longer than an attempt takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter

import aiohttp
import psycopg

from tieline.jobs.mistakes import told
from tieline.sdk.http import open_session
from tieline.store import hook_addresses, outgoing
from tieline.store.outgoing import Message
from tieline.store.secrets import Seal
from tieline.wiring import Wiring

log = logging.getLogger(__name__)

MOST = 24
"""Messages that one worker has under way."""
TIMEOUT_S = 10.0
PAUSE_S = 1.0
"""Until it looks again while messages are under way."""


class Outgoing:
    """The messages of one worker process."""

    def __init__(self, wiring: Wiring, seal: Seal) -> None:
        self._wiring = wiring
        self._seal = seal
        self._tasks: set[asyncio.Task[None]] = set()
        self._of: Counter[int] = Counter()
        """Hook → its messages under way."""
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def take(self) -> None:
        """Sends what is due until there is nothing more."""
        wiring = self._wiring
        while True:
            room = MOST - len(self._tasks)
            found: list[Message] = []
            if room:
                enough = [hook for hook, count in self._of.items() if count >= outgoing.OF_ONE]
                found = await wiring.run(lambda: outgoing.claim(wiring.rows, self._seal, room, enough))  # noqa: B023
            for one in found:
                task = asyncio.create_task(self._work(one))
                self._of[one.hook] += 1
                self._tasks.add(task)
                task.add_done_callback(lambda task, hook=one.hook: self._ended(task, hook))  # type: ignore[misc]
            if not self._tasks:
                return
            await asyncio.wait(self._tasks, timeout=PAUSE_S, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        """Ends what is under way; it is sent again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for session in self._sessions.values():
            await session.close()

    def _ended(self, task: asyncio.Task[None], hook: int) -> None:
        self._tasks.discard(task)
        self._of[hook] -= 1
        if not self._of[hook]:
            del self._of[hook]

    async def _work(self, one: Message) -> None:
        rows = self._wiring.rows
        try:
            await self._send(one)
        except asyncio.CancelledError:
            with contextlib.suppress(psycopg.Error):
                outgoing.release(rows, one)
            raise
        except psycopg.OperationalError as error:  # the lease ends, and whoever finds it sends it again
            log.warning("webhook %s: the database is away (%s)", one.hook, type(error).__name__)
        except Exception as error:  # noqa: BLE001  one message's mistake is no other's; the lease paces it
            log.error("webhook %s: sending broke off: %s", one.hook, told(error))

    async def _send(self, one: Message) -> None:
        run, rows = self._wiring.run, self._wiring.rows
        body = await run(lambda: outgoing.body_of(rows, one))
        if body is None:
            await run(lambda: outgoing.dropped(rows, one))
            return
        status, code = await self.post(one, body) if one.secrets else (None, outgoing.SEALED)
        if status is not None and 200 <= status < 300:
            await run(lambda: outgoing.done(rows, one, status))
        else:
            await run(lambda: outgoing.failed(rows, one, status, code))

    async def post(self, one: Message, body: bytes) -> tuple[int | None, str]:
        """The status of the answer, or None and why there was none. Redirects are not followed."""
        kind = hook_addresses.kind_of(one.url)
        if kind not in ("public", "loopback"):
            return None, outgoing.NOT_PUBLIC
        now = int(time.time())
        headers = {
            "content-type": "application/json",
            "webhook-id": one.shown,
            "webhook-timestamp": str(now),
            "webhook-signature": " ".join(outgoing.signature(each, one.shown, now, body) for each in one.secrets),
        }
        if kind not in self._sessions:
            self._sessions[kind] = open_session(connections=MOST, public_only=kind == "public")
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._sessions[kind].post(one.url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                return answer.status, outgoing.REFUSED
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return None, outgoing.NO_ANSWER
