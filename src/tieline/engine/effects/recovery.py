"""What happens next after an error: the one table. A test demands a row for every error there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tieline.core.errors import (
    AuthError,
    ConfigError,
    ProtocolError,
    RateLimitedError,
    SafetyStopError,
    ScopeError,
    TielineError,
    TransientError,
    UnknownOutcomeError,
)

Next = Literal["retry", "pause", "look", "stop", "ask"]
"""retry: again later, with jitter, at most so many times, then park · pause: nobody asks the connection for a while; costs no
attempt · look: it may have happened, so look for the origin key first · stop: the drain ends with this error; a person must
put the connection or the flow right · ask: a person decides about this subject."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What follows when the error came from a read, and when it came from a write."""

    read: Next
    write: Next


RECOVERY: dict[type[BaseException], Recovery] = {
    TransientError: Recovery("retry", "retry"),
    RateLimitedError: Recovery("pause", "pause"),
    UnknownOutcomeError: Recovery("retry", "look"),
    AuthError: Recovery("stop", "stop"),
    ScopeError: Recovery("stop", "stop"),
    ConfigError: Recovery("stop", "stop"),
    # An answer of an unknown shape says nothing about what a write did. A read is tried again: a proxy's error page
    # looks like this too, and parking names the evidence once the tries are used up.
    ProtocolError: Recovery("retry", "look"),
    SafetyStopError: Recovery("ask", "ask"),
    TielineError: Recovery("retry", "look"),
    # A mistake of ours in a connector: as little is known as after a lost answer.
    Exception: Recovery("retry", "look"),
}


def recovery(error: BaseException) -> Recovery:
    """The row of the error's nearest class."""
    for kind in type(error).__mro__:
        row = RECOVERY.get(kind)
        if row is not None:
            return row
    raise error
