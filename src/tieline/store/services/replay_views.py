"""What is told about a replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ReplayView:
    """A replay as it stands. counts: kind of difference → subjects. marks: see `replaying.MARKS`.

    saved         the version in force whose settings these are, 0 where they are not in force
    confirms      the repetition has the same differences as the replay that it repeats; None before both are done
    again_of      the replay that it repeats, 0 if none
    live_version  the version that was made of it, 0 before
    """

    id: int
    flow: str
    state: str
    settings: Mapping[str, Any]
    base: int
    saved: int
    since: datetime
    until: datetime
    only: str
    total: int
    done: int
    differing: int
    counts: Mapping[str, int]
    marks: Mapping[str, int]
    digest: str
    made_at: datetime
    made_by: str
    finished_at: datetime | None
    again_of: int
    confirms: bool | None
    live_version: int
    applied_at: datetime | None
    applied: int


@dataclass(frozen=True, slots=True)
class Differing:
    """One subject of a replay. `position`: its place, for the next page; `subject`: the flow's own JSON of it."""

    position: int
    subject_id: int
    subject: Mapping[str, Any]
    arrived_at: datetime
    kinds: Sequence[str]
    marks: Sequence[str]
    differences: Sequence[Mapping[str, Any]]
    writes: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Preview:
    """What applying would do. writes: (role, verb) → how many, of those that were only watched and of the others.

    refused  the code of why it cannot be done now, "" where it can
    """

    watched: int = 0
    others: int = 0
    writes_watched: Mapping[tuple[str, str], int] = field(default_factory=dict)
    writes_others: Mapping[tuple[str, str], int] = field(default_factory=dict)
    refused: str = ""
