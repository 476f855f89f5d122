"""How late a write may leave.

A write is kept as sent before it is sent. A process that was stopped in between, or one whose turn came late, must not send
it any more: another may have looked meanwhile, found nothing and sent it again. So whoever sends says until when that may
be, and the client asks as the last thing before a write leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tieline.core.errors import TransientError


class LateError(TransientError):
    """It was not sent since it was too late for it; nothing is wrong with it."""


_CHECK: ContextVar[Callable[[], None] | None] = ContextVar("tieline_leaving", default=None)


@contextmanager
def leaving(check: Callable[[], None]) -> Iterator[None]:
    """Writes made inside, by tasks started inside too, leave only while `check` does not raise LateError."""
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)


def still_in_time() -> None:
    """LateError where a write may not leave any more."""
    check = _CHECK.get()
    if check is not None:
        check()
