"""For whom requests are made: live work, or a back-fill, which leaves a reserve of the vendor's rate to it.

One connection's client serves both, so whoever begins a piece of work says which it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tieline.core.errors import RateLimitedError

LIVE, BACKFILL = 0, 1
"""Priorities."""


class BudgetSpentError(RateLimitedError):
    """Our own budget has nothing left for a request of this priority; nobody was asked. Those of a higher one may go on."""


_PRIORITY: ContextVar[int | None] = ContextVar("tieline_priority", default=None)


@contextmanager
def asking(priority: int) -> Iterator[None]:
    """Requests made inside, by tasks started inside too, have this priority, whatever their client's."""
    token = _PRIORITY.set(priority)
    try:
        yield
    finally:
        _PRIORITY.reset(token)


def priority_of(usual: int) -> int:
    """The priority of a request made now by a client of this usual one."""
    asked = _PRIORITY.get()
    return usual if asked is None else asked
