"""A very small HTTP/1.1 server for sandboxes.

A sandbox shares one or two cores with what it is tested against, so each request must cost next to nothing: requests are parsed on the event
loop without a task, and only answers that wait (latency, a hang) become one. Requests of one connection are answered in order.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl, unquote

import orjson

log = logging.getLogger(__name__)

JSON = "application/json;charset=UTF-8"
HTML = "text/html;charset=UTF-8"
LARGEST_HEAD = 64 * 1024

_REASONS = {int(status): status.phrase for status in HTTPStatus}


class Request:
    """One request as it came. ``path`` is percent-decoded, below the connector's prefix once it reaches a sandbox."""

    __slots__ = ("_form", "_json", "_query", "body", "headers", "method", "origin", "path", "query_string")

    def __init__(
        self,
        method: str,
        path: str,
        query_string: str = "",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        origin: str = "",
    ) -> None:
        self.method = method
        self.path = path
        self.query_string = query_string
        self.headers = headers or {}
        self.body = body
        self.origin = origin
        self._json: Any = _NOTHING
        self._query: dict[str, str] | None = None
        self._form: dict[str, str] | None = None

    @property
    def query(self) -> dict[str, str]:
        """Query parameters; the last one wins where a name comes twice."""
        if self._query is None:
            self._query = dict(parse_qsl(self.query_string, keep_blank_values=True)) if self.query_string else {}
        return self._query

    @property
    def form(self) -> dict[str, str]:
        """Fields of an urlencoded body."""
        if self._form is None:
            self._form = dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        return self._form

    def json(self) -> Any:
        """The body as JSON; raises orjson.JSONDecodeError (a ValueError) for anything else."""
        if self._json is _NOTHING:
            self._json = orjson.loads(self.body)
        return self._json

    def parts(self) -> dict[str, Part]:
        """The parts of a multipart/form-data body by their name."""
        return {part.name: part for part in _multipart(self.headers.get("content-type", ""), self.body)}


class Part:
    """One part of a multipart body."""

    __slots__ = ("content", "content_type", "filename", "name")

    def __init__(self, name: str, filename: str | None, content_type: str, content: bytes) -> None:
        self.name, self.filename, self.content_type, self.content = name, filename, content_type, content


class Reply:
    """One answer. ``drop`` closes the connection without a byte instead."""

    __slots__ = ("body", "content_type", "drop", "headers", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        content_type: str = JSON,
        headers: Iterable[tuple[str, str]] = (),
        drop: bool = False,
    ) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = list(headers)
        self.drop = drop

    def bytes(self, head_only: bool) -> bytes:
        """The answer as it goes over the wire."""
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Unknown')}\r\n"]
        if self.body:
            lines.append(f"Content-Type: {self.content_type}\r\n")
        lines.extend(f"{name}: {value}\r\n" for name, value in self.headers)
        if self.status not in (204, 304):
            lines.append(f"Content-Length: {len(self.body)}\r\n")
        lines.append("\r\n")
        head = "".join(lines).encode("latin-1", "replace")
        return head if head_only or self.status in (204, 304) else head + self.body


def json_reply(status: int, value: Any, headers: Iterable[tuple[str, str]] = ()) -> Reply:
    """An answer with ``value`` as JSON."""
    return Reply(status, orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS), JSON, headers)


def html_reply(status: int, text: str) -> Reply:
    """An answer with a page."""
    return Reply(status, text.encode(), HTML)


def redirect(location: str) -> Reply:
    """A 302 to ``location``."""
    return Reply(302, b"", JSON, [("Location", location)])


Answer = Callable[[Request], "Reply | Awaitable[Reply]"]

_NOTHING = object()


class Connection(asyncio.Protocol):
    """One connection: collects bytes, answers the requests in them one after the other."""

    def __init__(self, answer: Answer, connections: set[Connection]) -> None:
        self._answer = answer
        self._connections = connections
        self._buffer = b""
        self._busy = False
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Future[Reply] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio gives it
        self._transport = None
        if self._task is None:
            self._connections.discard(self)

    def close(self) -> asyncio.Future[Reply] | None:
        """Cut the connection; an answer under way is given up, and its task returned."""
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.abort()
        return self._task

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        self._work()

    def _work(self) -> None:
        while not self._busy and self._transport is not None and self._buffer:
            try:
                taken = self._take()
            except ValueError as error:
                self._send(Reply(400, str(error).encode(), "text/plain"), False, True)
                return
            if taken is None:
                return
            request, last = taken
            try:
                answer = self._answer(request)
            except Exception:
                log.exception("sandbox failed on %s %s", request.method, request.path)
                answer = Reply(500, b"sandbox failed; see its log", "text/plain")
            if isinstance(answer, Reply):
                self._send(answer, request.method == "HEAD", last)
            else:
                self._busy = True
                self._task = asyncio.ensure_future(answer)
                self._task.add_done_callback(functools.partial(self._later, request=request, last=last))

    def _later(self, task: asyncio.Future[Reply], request: Request, last: bool) -> None:
        self._busy = False
        self._task = None
        if task.cancelled() or self._transport is None:
            # The server stops, or the caller gave up waiting; what was asked has happened nevertheless.
            self._connections.discard(self)
            return
        error = task.exception()
        if error is not None:
            log.error("sandbox failed on %s %s", request.method, request.path, exc_info=error)
        reply = task.result() if error is None else Reply(500, b"sandbox failed; see its log", "text/plain")
        self._send(reply, request.method == "HEAD", last)
        self._work()

    def _send(self, reply: Reply, head_only: bool, last: bool) -> None:
        if self._transport is None:
            return
        if reply.drop:
            self._transport.abort()
            return
        self._transport.write(reply.bytes(head_only))
        if last:
            self._transport.close()

    def _take(self) -> tuple[Request, bool] | None:
        """The next whole request and whether the connection ends after it; None while bytes are missing."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LARGEST_HEAD:
                raise ValueError("request head too large")
            return None
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3:
            raise ValueError("not a request line")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunked(end + 4)
        else:
            stop = end + 4 + int(headers.get("content-length") or 0)
            body = self._buffer[end + 4 : stop] if len(self._buffer) >= stop else None
            if body is not None:
                self._buffer = self._buffer[stop:]
        if body is None:
            if (
                headers.get("expect", "").lower() == "100-continue"
                and len(self._buffer) == end + 4
                and self._transport is not None
            ):
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        path, _, query = words[1].partition("?")
        if "%" in path:
            path = unquote(path)
        last = headers.get("connection", "").lower() == "close" or words[2] == "HTTP/1.0"
        return Request(words[0], path, query, headers, body, "http://" + headers.get("host", "127.0.0.1")), last

    def _chunked(self, start: int) -> bytes | None:
        pieces: list[bytes] = []
        at = start
        while True:
            line_end = self._buffer.find(b"\r\n", at)
            if line_end < 0:
                return None
            size = int(self._buffer[at:line_end].split(b";")[0], 16)
            at = line_end + 2
            if len(self._buffer) < at + size + 2:
                return None
            if size == 0:
                self._buffer = self._buffer[at + 2 :]
                return b"".join(pieces)
            pieces.append(self._buffer[at : at + size])
            at += size + 2


def _multipart(content_type: str, body: bytes) -> list[Part]:
    kind, _, rest = content_type.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        return []
    boundary = _parameters(rest).get("boundary", "").encode()
    if not boundary:
        return []
    parts: list[Part] = []
    for piece in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]:
        if piece.startswith(b"--"):
            break
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n"))
        }
        fields = _parameters(headers.get("content-disposition", "").partition(";")[2])
        filename = fields.get("filename*", "").rpartition("'")[2] or fields.get("filename")
        parts.append(
            Part(
                fields.get("name", ""),
                unquote(filename) if filename else None,
                headers.get("content-type", "text/plain"),
                content,
            )
        )
    return parts


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for piece in text.split(";"):
        name, _, value = piece.strip().partition("=")
        if name:
            found[name.lower()] = value.strip().strip('"')
    return found
