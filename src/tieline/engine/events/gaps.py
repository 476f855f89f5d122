"""When a source's list of calls is worth a look: where events may be missing. Pure; times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

AWAY_S = 300.0
"""Nobody watched for so long: this installation was away, or the connection was paused or refused."""
REFUSED_S = 600.0
"""Deliveries that were refused are looked for in the list once none was for so long, or one was taken since."""
SILENT_S = 3600.0
DAY_S = 86400.0
LEAD = 900.0
"""A call whose end never came is looked for so long before its wait is over."""
BEFORE_S = 600.0
"""Calls begin before they are told of: a look begins so much before the time in question."""
LONGEST_S = 30 * DAY_S


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a source. None: never.

    created      when it was connected: no look by itself goes further back
    watched_at   when it was looked at last in this way
    event_at     its newest delivery that was kept
    refused_from, refused_at   the first and the last delivery that was refused since the last look for such
    failed_from  where a look by itself stopped that failed an hour ago or more, and that none has made good since
    waits_from   when the first of the calls arrived whose wait for an end is over soon
    done         kind of look → until when the newest such looked
    """

    created: float
    watched_at: float | None = None
    event_at: float | None = None
    refused_from: float | None = None
    refused_at: float | None = None
    failed_from: float | None = None
    waits_from: float | None = None
    done: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """A look that should be taken at calls that began since `since`. `why`: "gap", "refused", "no_end", "again",
    "silent" or "daily"."""

    why: str
    since: float


def wanted(seen: Seen, now: float) -> Look | None:
    """The look that this source needs now, the most urgent one; those after it come with the next."""
    for why, since in _reasons(seen, now):
        return Look(why, max(since - BEFORE_S, seen.created, now - LONGEST_S))
    return None


def _reasons(seen: Seen, now: float) -> list[tuple[str, float]]:
    out: list[tuple[str, float]] = []
    done = seen.done
    if seen.watched_at is not None and now - seen.watched_at > AWAY_S:
        out.append(("gap", seen.watched_at))
    if seen.refused_from is not None and seen.refused_at is not None:
        taken = seen.event_at is not None and seen.event_at > seen.refused_at
        rested = now - done.get("refused", float("-inf")) > SILENT_S
        if (taken or now - seen.refused_at > REFUSED_S) and rested:
            out.append(("refused", seen.refused_from))
    if seen.waits_from is not None and now - done.get("no_end", float("-inf")) > LEAD:
        out.append(("no_end", seen.waits_from))
    if seen.failed_from is not None:
        out.append(("again", seen.failed_from))
    if seen.event_at is not None:
        quiet_since = max(seen.event_at, done.get("silent", float("-inf")))
        if now - quiet_since > SILENT_S:
            out.append(("silent", quiet_since))
    looked = done.get("daily", seen.created)
    if now - looked >= DAY_S:
        out.append(("daily", min(looked, now - DAY_S)))
    return out
