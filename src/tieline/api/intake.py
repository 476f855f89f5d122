"""/in/<key>: where other systems deliver their events. Plain ASGI, since a framework would be most of the work.

202  kept, after the commit; an event that was kept before too
400  nothing that any version of the vendor's contract could send        401  the signature is wrong
404  no such key (any more)     405  neither GET nor POST                413  more than 1 MB
503  the database is away or too much waits; Retry-After says when to come again. Nothing was acknowledged.

What is refused with 400 or 401 is kept masked, the last 100 of each connection.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tieline.api.beating import Beating
from tieline.api.group_commit import ACCEPT_CHANGES, GroupCommit
from tieline.api.refused import Refused
from tieline.api.sources import Source, Sources
from tieline.core.errors import ProtocolError
from tieline.core.reasons import because, declare
from tieline.sdk.contract import Arrived, Request
from tieline.store.secrets import Seal

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX = "/in/"
LARGEST = 1024 * 1024
RETRY_S = 2

SIGNATURE_WRONG = declare("intake.signature_wrong")
NOT_OF_CONTRACT = declare("intake.not_of_contract", "detail")

METHODS = ("GET", "POST")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a delivery is answered with."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()


KEPT = Answer(202)
NO_DELIVERY = Answer(400)
NOT_GENUINE = Answer(401)
UNKNOWN = Answer(404)
NOT_ALLOWED = Answer(405, headers=((b"allow", b"GET, POST"),))
TOO_LARGE = Answer(413, headers=((b"connection", b"close"),))
BROKEN = Answer(500)
AWAY = Answer(503, headers=((b"retry-after", b"%d" % RETRY_S),))

# Not kept: what a proxy or the transport added says nothing about the event, and credentials are no part of it.
_NOT_KEPT = {
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "host",
    "transfer-encoding",
}


class Intake:
    """The ASGI app of deliveries. `start` and `stop` in the loop that serves it. `public_url`: where senders reach us, which some
    sign."""

    def __init__(self, url: str, seal: Seal, public_url: str = "") -> None:
        self.public_url = public_url
        self._sources = Sources(url, seal)
        self._rows = GroupCommit(url)
        self._changes = GroupCommit(url, ACCEPT_CHANGES)
        self._refused = Refused(url)
        self._asking: set[asyncio.Task[None]] = set()
        self._started = False
        self._beating = Beating(url)

    async def start(self) -> None:
        """Connect, as far as the database is there; what is not there yet is tried again with each request."""
        if not self._started:
            self._started = True
            self._rows.start()
            self._changes.start()
            await self._sources.start()
            self._beating.start()

    async def stop(self) -> None:
        """Keep what waits, then close."""
        if self._started:
            self._started = False
            await self._beating.stop()
            await self._rows.stop()
            await self._changes.stop()
            await self._refused.stop()
            await self._sources.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery."""
        if not self._started:
            await self.start()
        answer = await self._answer(scope, receive)
        headers = [(b"content-length", b"%d" % len(answer.body)), *answer.headers]
        if answer.body:
            headers.append((b"content-type", b"text/plain; charset=utf-8"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        method = scope["method"]
        if method not in METHODS:
            return NOT_ALLOWED
        body = await _body(scope, receive)
        if body is None:
            return TOO_LARGE
        key = scope["path"][len(PREFIX) :].partition("/")[0]
        raw_path = scope.get("raw_path")
        url = self.public_url + (raw_path.decode("latin-1") if raw_path else scope["path"])
        request = Request(method, scope["query_string"].decode("latin-1"), headers_of(scope["headers"]), body, url)
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.take(key, request, lambda answer: None if answered.done() else answered.set_result(answer))
        return await answered

    @property
    def is_started(self) -> bool:
        """Whether `take` may be called."""
        return self._started

    def take(self, key: str, request: Request, tell: Callable[[Answer], None]) -> None:
        """Take a delivery; `tell` is called with the answer, now or after the commit."""
        source = self._sources.find(key)
        if source is None:
            self._ask_again(key, request, tell)
            return
        try:
            arrived = source.events.arrive(request, source.secrets, time.time())
        except ProtocolError as error:
            tell(self._refused_by(source, error, request))
            return
        except Exception as error:  # noqa: BLE001 - a connector's mistake is ours: the sender shall come again
            log.error("%s cannot read a delivery: %s", type(source.events).__name__, type(error).__name__)
            tell(BROKEN)
            return
        if arrived.signature == "failed":
            self._ask_again(key, request, tell)
            return
        self._keep(source, request, arrived, tell)

    def _keep(self, source: Source, request: Request, arrived: Arrived, tell: Callable[[Answer], None]) -> None:
        kept = Answer(202, arrived.reply) if arrived.reply else KEPT
        rows = self._changes if source.tells else self._rows
        rows.put(
            _delivery(source, request, arrived), lambda done: tell(kept if done else AWAY if done is None else UNKNOWN)
        )

    def _ask_again(self, key: str, request: Request, tell: Callable[[Answer], None]) -> None:
        """The key is unknown or the signature wrong, by what was known a moment ago: asks the database first."""
        task = asyncio.get_running_loop().create_task(self._take_again(key, request, tell))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _take_again(self, key: str, request: Request, tell: Callable[[Answer], None]) -> None:
        source: Source | None = None
        try:
            await self._sources.read_since(time.monotonic())
            source = self._sources.find(key)
            if source is None:
                tell(UNKNOWN if self._sources.is_known else AWAY)
                return
            arrived = source.events.arrive(request, source.secrets, time.time())
        except ProtocolError as error:
            tell(self._refused_by(source, error, request) if source is not None else UNKNOWN)
            return
        except Exception as error:  # noqa: BLE001 - likewise
            log.error("a delivery could not be taken: %s", type(error).__name__)
            tell(BROKEN)
            return
        if arrived.signature == "failed":
            self._refuse(source, 401, request, because(SIGNATURE_WRONG).to_json())
            tell(NOT_GENUINE)
        else:
            self._keep(source, request, arrived, tell)

    def _refused_by(self, source: Source, error: ProtocolError, request: Request) -> Answer:
        self._refuse(source, 400, request, because(NOT_OF_CONTRACT, detail=error.detail[:200]).to_json())
        return NO_DELIVERY

    def _refuse(self, source: Source, status: int, request: Request, reason: dict[str, Any]) -> None:
        self._refused.put(
            source.workspace,
            source.connection,
            status,
            reason,
            request.method,
            request.query,
            request.headers,
            request.body,
        )


def _delivery(source: Source, request: Request, arrived: Arrived) -> dict[str, Any]:
    return {
        "c": source.connection,
        "k": hashlib.blake2b(arrived.event_key.encode(), digest_size=16).hexdigest(),
        "t": datetime.now(UTC).isoformat(),
        "m": request.method,
        "q": request.query,
        "h": {name: value for name, value in request.headers.items() if name not in _NOT_KEPT},
        "b": base64.b64encode(request.body).decode("ascii"),
        "s": arrived.signature,
    }


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as connectors read them; names in lower case as they are given."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body; None when it is too large, which is known from its length where that is said."""
    for name, value in scope["headers"]:
        if name == b"content-length" and (len(value) > 9 or int(value) > LARGEST):
            return None
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body if len(body) <= LARGEST else None
    parts = [body]
    size = len(body)
    while message.get("more_body"):
        message = await receive()
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > LARGEST:
            return None
        parts.append(part)
    return b"".join(parts)
