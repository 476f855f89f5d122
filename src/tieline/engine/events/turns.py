"""Whose turn it is in a drain: what is live, or a portion of what is back-filled.

A step is not broken off, so what arrives meanwhile waits for its end. A portion is so large that its step takes about
`STEP_S`: a fast vendor gets hundreds of subjects at once, a slow one a few.
"""

from __future__ import annotations

from collections.abc import Sequence

from tieline.engine.access import Run
from tieline.engine.ports import Store, SubjectRow

STEP_S = 1.5
"""How long a step of back-fill is to take; what is live waits less than five seconds, its own step included."""
FIRST, LEAST = 20, 4
"""Subjects of the first portion, and of the smallest."""


class Turns:
    """Live work first. After each step of it one portion of back-fill, so that this goes on beside a steady load too."""

    def __init__(self) -> None:
        self.portion = FIRST
        self.backfill_next = False

    async def take(
        self, store: Store, run: Run, now: str, most: int, held: Sequence[str], *, may_backfill: bool
    ) -> list[SubjectRow]:
        """Live subjects, or a portion of back-filled ones where it is theirs or no live one is due."""
        portion = min(most, self.portion)
        if may_backfill and self.backfill_next:
            due = await run(lambda: store.take_backfilled(now, portion, held))
            return due or await run(lambda: store.take_due(now, most, held))
        due = await run(lambda: store.take_due(now, most, held))
        if due or not may_backfill:
            return due
        return await run(lambda: store.take_backfilled(now, portion, held))

    def took(self, seconds: float, subjects: int, *, backfill: bool, most: int) -> None:
        """A step decided so many subjects and took so long."""
        self.backfill_next = not backfill and subjects > 0
        if not backfill or not subjects:
            return
        if seconds > STEP_S:
            self.portion = max(LEAST, int(min(self.portion, subjects) * STEP_S / seconds))
        elif subjects >= self.portion and seconds < STEP_S / 2:
            self.portion = min(most, self.portion * 2)
