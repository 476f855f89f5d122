"""What the pages of the inbox show, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that speaks for (yes) or against a candidate; None: what it would be, neither of both."""

    text: str
    yes: bool | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer. `value` is what the form sends."""

    value: str
    name: str
    about: str
    evidence: tuple[Evidence, ...]
    sub: str = ""
    asks_id: bool = False
    """Whether it needs the id of the record in the CRM beside it."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where the reader can put the cause right."""

    label: str
    url: str


@dataclass(slots=True)
class Asked:
    """What the right half of the inbox shows."""

    id: str
    title: str
    question: str
    arrived: str
    since: datetime
    flow: str
    run: str = ""
    candidates: list[Candidate] = field(default_factory=list)
    system: str = ""
    """Where the candidates stand; "" where they are answers and no records."""
    why: str = ""
    """Why it is asked, where the question itself does not say so."""
    icon: str = "calls"
    alike: int = 0
    times: int = 1
    notice: bool = False
    stopped: str = ""
    ways: list[Way] = field(default_factory=list)
    decided: str = ""
    step: str = ""
    alike_said: str = ""
    """In which words the like ones are offered, where not in the usual ones."""
    can_always: bool = False
    """Whether an answer may hold for later cases."""

    @property
    def open(self) -> bool:
        """Whether somebody still has to say something."""
        return not self.decided


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the left half."""

    id: str
    url: str
    title: str
    sub: str
    mark: str
