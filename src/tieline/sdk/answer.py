"""Answers of vendors, and what a status means for what may be done next."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from tieline.core.errors import (
    AuthError,
    ProtocolError,
    RateLimitedError,
    ScopeError,
    TielineError,
    TransientError,
    UnknownOutcomeError,
)
from tieline.sdk.codes import REFUSED

_MISSING: Any = object()
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""The sign that no database keeps in a text, as JSON writes it (behind an even number of backslashes)."""


class Response:
    """An answer. `headers` are case-insensitive. `json()` of a 2xx was already parsed."""

    __slots__ = ("_json", "body", "headers", "is_read", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, is_read: bool = True) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.is_read = is_read
        self._json: Any = _MISSING

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"

    def json(self) -> Any:
        """The body as JSON, None where it is empty; U+0000 in its texts comes as U+FFFD, so that what a vendor says can be kept.
        Anything else: TransientError of a read, UnknownOutcomeError of a write."""
        if self._json is _MISSING:
            if not self.body:
                self._json = None
            else:
                try:
                    body = self.body
                    self._json = orjson.loads(_NUL.sub(rb"\1\\ufffd", body) if b"\\u0000" in body else body)
                except ValueError:
                    raise unclear(self.is_read, f"{self.status} without JSON") from None
        return self._json

    def json_or_none(self) -> Any:
        """The body as JSON, None where it is something else: for looking into error answers."""
        try:
            return self.json()
        except TielineError:
            return None


class RefusedError(ProtocolError):
    """A clear 4xx that nobody took as an outcome. `response` is for the connector; it is in no message."""

    code = REFUSED

    def __init__(self, detail: str, response: Response) -> None:
        super().__init__(detail, status=response.status)
        self.response = response


Judge = Callable[[Response], TielineError | None]
"""A connector's own reading of a status ≥ 400: the error to raise, or None for the usual one."""


def unclear(is_read: bool, detail: str) -> TielineError:
    """No clean answer: a read may be made again, a write's outcome is unknown."""
    return TransientError(detail) if is_read else UnknownOutcomeError(detail)


def usual_error(response: Response, where: str) -> TielineError:
    """What a status outside 2xx means where nobody knows better."""
    status = response.status
    told = f"{where}: {status}"
    if status == 429:
        return RateLimitedError(told, wait_s=retry_after(response.headers))
    if status == 503 and response.is_read and (wait := retry_after(response.headers)) is not None:
        return RateLimitedError(told, wait_s=wait)
    if status == 401:
        return AuthError(told, status=status)
    if status == 403:
        return ScopeError(told, scope="", status=status)
    if status == 425:
        return TransientError(told, status=status)
    if status == 408 or status >= 500:
        return unclear(response.is_read, told)
    if 300 <= status < 400:
        return ProtocolError(told, status=status) if response.is_read else UnknownOutcomeError(told)
    return RefusedError(told, response)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds, from either of its forms (a number, an HTTP date judged by the answer's own Date); None
    where there is none."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(text).timestamp()
        date = headers.get("Date", "")
        now = parsedate_to_datetime(date).timestamp() if date else time.time()
    except (TypeError, ValueError):
        return None
    return max(0.0, until - now)
