"""What a list of runs is narrowed to, as it stands in the address. A mangled address shows the whole list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils import timezone

from tieline.core.values import phone

OUTCOMES = ("done", "asked", "failed", "applying", "watched", "nothing", "superseded")


@dataclass(frozen=True, slots=True)
class Filters:
    """`number` is E.164, or what was typed where that is no number; `record` an id in the CRM; `connection` its id."""

    flow: str = ""
    outcome: str = ""
    number: str = ""
    record: str = ""
    connection: int | None = None
    day: date | None = None
    hour: int | None = None
    made: str = ""

    @classmethod
    def read(cls, query: QueryDict, country: str) -> Filters:
        """From an address."""
        typed = query.get("number", "").strip()[:40]
        found = phone(typed, country) if typed else None
        outcome = query.get("outcome", "")
        made = query.get("made", "")
        return cls(
            flow=query.get("flow", "")[:32],
            outcome=outcome if outcome in OUTCOMES else "",
            number=(found.e164 or typed) if found is not None else "",
            record=query.get("record", "").strip()[:120],
            connection=_whole(query.get("connection", ""), 1 << 62),
            day=_day(query.get("day", "")),
            hour=_whole(query.get("hour", ""), 23),
            made=made if made in ("account", "contact", "lead", "deal", "task", "call") else "",
        )

    @property
    def any(self) -> bool:
        """Whether anything is narrowed."""
        return self != Filters()

    def address(self, **changes: Any) -> str:
        """The address of the list with something changed: `filters.address(outcome="failed")`."""
        new = replace(self, **changes)
        query = {name: getattr(new, name) for name in self.__dataclass_fields__}
        said = {name: value for name, value in query.items() if value not in ("", None)}
        return "?" + urlencode({name: value.isoformat() if name == "day" else value for name, value in said.items()})

    def span(self) -> tuple[datetime, datetime] | None:
        """From when to when, by the workspace's clock; None for all time."""
        if self.day is None:
            return None
        zone = timezone.get_current_timezone()
        start = datetime.combine(self.day, time(self.hour or 0), tzinfo=zone)
        if self.hour is None:
            return start, datetime.combine(self.day + timedelta(days=1), time(), tzinfo=zone)
        return start, start + timedelta(hours=1)


def _whole(text: str, most: int) -> int | None:
    short = len(text) <= len(str(most))  # int() refuses more than 4,300 digits
    return int(text) if short and text.isascii() and text.isdigit() and int(text) <= most else None


def _day(text: str) -> date | None:
    if text == "today":
        return timezone.localdate()
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
