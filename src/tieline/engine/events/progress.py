"""How much a step of a drain takes, and what it did."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.core.errors import TielineError


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a step takes, and how often something is tried. Tries are failures in a row."""

    events: int = 1000
    subjects: int = 500
    unfinished: int = 2000
    """No more is decided while so many runs wait for something."""
    lookups: int = 16
    """Failed look-ups of a subject before it is parked."""
    decisions: int = 5
    """Decisions that came to nothing (stale, gone, another's record refused) before it is parked."""


@dataclass(slots=True)
class Progress:
    """What a step did. next_s: seconds since the epoch when there may be something to do again, None: only when woken.
    stopped: what a person must put right first. elsewhere: another process drains this target."""

    folded: int = 0
    decided: int = 0
    written: int = 0
    finished: int = 0
    settled: int = 0
    more: bool = False
    next_s: float | None = None
    stopped: TielineError | None = None
    elsewhere: bool = False
