"""/in/<key>: where other systems deliver their events. Plain ASGI, since a framework would be most of the work.

202  kept, after the commit; an event that was kept before too
400  nothing that any version of the vendor's contract could send        401  the signature is wrong
404  no such key (any more)     405  neither GET nor POST                413  more than 1 MB
503  the database is away or too much waits; Retry-After says when to come again. Nothing was acknowledged.

What is refused with 400 or 401 is kept masked, the last 100 of each connection.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from datetime import UTC, datetime
from typing import Any

from tieline.api.group_commit import Away, GroupCommit
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
    """The ASGI app of deliveries. `start` and `stop` in the loop that serves it."""

    def __init__(self, url: str, seal: Seal) -> None:
        self._sources = Sources(url, seal)
        self._rows = GroupCommit(url)
        self._refused = Refused(url)
        self._started = False

    async def start(self) -> None:
        """Connect, as far as the database is there; what is not there yet is tried again with each request."""
        if not self._started:
            self._started = True
            self._rows.start()
            await self._sources.start()

    async def stop(self) -> None:
        """Keep what waits, then close."""
        if self._started:
            self._started = False
            await self._rows.stop()
            await self._refused.stop()
            await self._sources.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery."""
        if not self._started:
            await self.start()
        status, body, more = await self._answer(scope, receive)
        headers = [(b"content-length", b"%d" % len(body)), *more]
        if body:
            headers.append((b"content-type", b"text/plain; charset=utf-8"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        method = scope["method"]
        if method not in {"GET", "POST"}:
            return 405, b"", [(b"allow", b"GET, POST")]
        body = await _body(scope, receive)
        if body is None:
            return 413, b"", [(b"connection", b"close")]
        key = scope["path"][len(PREFIX) :].partition("/")[0]
        source = self._sources.find(key)
        if source is None:
            await self._sources.read()
            source = self._sources.find(key)
            if source is None:
                return (404, b"", []) if self._sources.is_known else _away()
        query = scope["query_string"].decode("latin-1").replace("\x00", "%00")
        request = Request(method, query, _headers(scope["headers"]), body)
        return await self._delivered(key, source, request)

    async def _delivered(
        self, key: str, source: Source, request: Request
    ) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        try:
            arrived = source.events.arrive(request, source.secrets, time.time())
            if arrived.signature == "failed" and await self._sources.read():
                source = self._sources.find(key) or source  # the secret may have changed a moment ago
                arrived = source.events.arrive(request, source.secrets, time.time())
        except ProtocolError as error:
            self._refuse(source, 400, request, because(NOT_OF_CONTRACT, detail=error.detail[:200]).to_json())
            return 400, b"", []
        if arrived.signature == "failed":
            self._refuse(source, 401, request, because(SIGNATURE_WRONG).to_json())
            return 401, b"", []
        try:
            kept = await self._rows.put(_delivery(source, request, arrived))
        except Away:
            return _away()
        return (202, arrived.reply, []) if kept else (404, b"", [])

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


def _away() -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    return 503, b"", [(b"retry-after", b"%d" % RETRY_S)]


def _delivery(source: Source, request: Request, arrived: Arrived) -> dict[str, Any]:
    return {
        "c": source.connection,
        "k": hashlib.blake2b(arrived.event_key.encode(), digest_size=16).hexdigest(),
        "t": datetime.now(UTC).isoformat(),
        "m": request.method,
        "q": request.query,
        "h": {name: value for name, value in request.headers.items() if name not in _NOT_KEPT},
        "b": base64.b64encode(request.body).decode("ascii"),
    }


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1").replace("\x00", "") for name, value in raw}


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
