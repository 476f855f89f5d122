"""Deliveries without the way round by ASGI: uvicorn's HTTP protocol, which hands /in/<key> to the intake at once.

Of a delivery, ASGI's messages, task and queue cost as much as all the rest together. A plain delivery on a connection that is
not in the middle of another request is taken here; everything else goes the usual way, to the same intake.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tieline.api.intake import LARGEST, PREFIX, TOO_LARGE, Answer, Intake, headers_of
from tieline.sdk.contract import Request

_PREFIX = PREFIX.encode()
_METHODS = {b"GET": "GET", b"POST": "POST"}
_MOST_DIGITS = len(str(LARGEST))
LARGEST_HEAD = 64 * 1024
"""Bytes of a request's line and headers; the parser itself knows no limit."""
ARRIVAL_S = 30.0
"""How long a request's head, or a delivery, may be on its way."""
HEAD_TOO_LARGE = Answer(431)
TOO_SLOW = Answer(408)


def written(answer: Answer, *, keeps: bool) -> bytes:
    """An answer as it goes over the wire."""
    lines = [STATUS_LINE[answer.status], b"content-length: %d\r\n" % len(answer.body)]
    lines += [b"%s: %s\r\n" % header for header in answer.headers if header[0] != b"connection"]
    if answer.body:
        lines.append(b"content-type: text/plain; charset=utf-8\r\n")
    lines.append(b"\r\n" if keeps else b"connection: close\r\n\r\n")
    return b"".join([*lines, answer.body])


class Taking:
    """A delivery on its way in: what uvicorn's protocol wants to know of a request, and the pieces of its body."""

    __slots__ = (
        "disconnected",
        "keep_alive",
        "message_event",
        "method",
        "more_body",
        "parts",
        "response_complete",
        "size",
    )

    def __init__(self, method: str, keep_alive: bool) -> None:
        self.method = method
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False
        self.more_body = True
        self.message_event = self
        self.parts: list[bytes] = []
        self.size = 0

    def set(self) -> None:
        """As an event: nobody waits for it."""


class IntakeProtocol(HttpToolsProtocol):
    """`uvicorn.run(…, http=IntakeProtocol)`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.cycle: Any = None  # a request of ASGI's, or a `Taking`
        intake = getattr(self.app, "intake", None)
        self._intake: Intake | None = intake if isinstance(intake, Intake) else None
        self._head: int | None = None  # bytes of a head that is not complete; None outside of one
        self._piece = 0  # bytes of what is being read now
        self._arrival: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Bytes from the other side. What is not complete yet may not grow or last for ever."""
        self._piece = len(data)
        super().data_received(data)
        if self._head is not None:
            self._head += len(data)
            if self._head > LARGEST_HEAD:
                self._end(HEAD_TOO_LARGE)
                return
        cycle = self.cycle
        if self._head is not None or (type(cycle) is Taking and cycle.more_body and not cycle.response_complete):
            if self._arrival is None:
                self._arrival = self.loop.call_later(ARRIVAL_S, self._end, TOO_SLOW)
        elif self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A plain delivery is taken here."""
        before, self._head = self._head or 0, None
        if before + self._piece > LARGEST_HEAD and self._head_size() > LARGEST_HEAD:  # all of it came at once
            self.cycle = Taking("", keep_alive=False)
            self.cycle.response_complete = True
            self._end(HEAD_TOO_LARGE)
            return
        method = _METHODS.get(self.parser.get_method())
        cycle = self.cycle
        if (
            method is None
            or not self.url.startswith(_PREFIX)
            or self._intake is None
            or not self._intake.is_started
            or (cycle is not None and not cycle.response_complete)
            or not self._is_plain()
        ):
            super().on_headers_complete()
            return
        self.cycle = Taking(method, self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive())

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        cycle = self.cycle
        if type(cycle) is not Taking:
            super().on_body(body)
        elif not cycle.response_complete:
            cycle.size += len(body)
            if cycle.size > LARGEST:
                cycle.keep_alive = False
                self._answer(cycle, TOO_LARGE)
            else:
                cycle.parts.append(body)

    def on_message_complete(self) -> None:
        """The whole delivery is here."""
        cycle = self.cycle
        if type(cycle) is not Taking:
            super().on_message_complete()
            return
        if cycle.response_complete or self._intake is None:
            return
        cycle.more_body = False
        path, _, query = self.url.partition(b"?")
        plain = path.decode("latin-1")
        key = plain[len(_PREFIX) :].partition("/")[0]
        parts = cycle.parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        url = self._intake.public_url + plain
        request = Request(cycle.method, query.decode("latin-1"), headers_of(self.headers), body, url)
        self._intake.take(key, request, lambda answer: self._answer(cycle, answer))

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _is_plain(self) -> bool:
        """No upgrade, nobody waits for a "continue", nothing quoted in the path, and not known to be too large."""
        if self.expect_100_continue or self.parser.should_upgrade() or b"%" in self.url.partition(b"?")[0]:
            return False
        for name, value in self.headers:
            if name == b"content-length":
                return len(value) <= _MOST_DIGITS and int(value) <= LARGEST
        return True

    def _answer(self, cycle: Taking, answer: Answer) -> None:
        """Writes the answer; the connection is free for its next request."""
        if cycle.response_complete:
            return
        cycle.response_complete = True
        if cycle.disconnected or self.transport.is_closing():
            return
        self.transport.write(written(answer, keeps=cycle.keep_alive))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _end(self, answer: Answer) -> None:
        """Says why, and hangs up."""
        self._arrival = None
        if not self.transport.is_closing():
            self.transport.write(written(answer, keeps=False))
            self.transport.close()
