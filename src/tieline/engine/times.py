"""Times as the engine counts them: seconds since the epoch inside, ISO 8601 UTC text where they are kept."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(seconds: float) -> str:
    """ISO text of seconds since the epoch, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def seconds(text: str) -> float:
    """Seconds since the epoch of ISO text; text without a zone is UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def backoff(failures: int, chance: float, *, first_s: float = 2.0, most_s: float = 900.0) -> float:
    """Seconds to wait after so many failures in a row: doubling, at most `most_s`, jittered down to a half by `chance`
    (0 ≤ chance < 1)."""
    step = min(most_s, first_s * 2.0 ** min(max(failures - 1, 0), 30))
    return step * (0.5 + chance / 2)
