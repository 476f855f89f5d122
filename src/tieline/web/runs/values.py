"""Values of records as people read them: owners by name, links by what they lead to, times in the reader's zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from tieline.core.record import PLANNED
from tieline.web.calls import words as calls
from tieline.web.parts import words
from tieline.web.runs.lines import Names
from tieline.web.words.names import FIELDS
from tieline.web.words.say import moment

HIDDEN = frozenset({"layout", "pipeline", "stage"})
"""Ids of the CRM that say nothing to a reader."""
_PHONES = frozenset({"phone", "external_number", "line_number"})
_TIMES = frozenset({"started_at", "created_at", "last_activity"})
_DATES = frozenset({"due", "closing_date"})


@dataclass(slots=True)
class Shown:
    """Puts values of one target into words. found: id in the CRM → name, of every record that the run has read."""

    names: Names
    target: int
    found: dict[str, str] = field(default_factory=dict)

    def value(self, name: str, value: Any) -> str:
        """One value of a canonical field."""
        if value is None or value == "":
            return _("empty")
        if isinstance(value, Mapping):
            ref = value.get("$ref")
            return self.record(str(ref[0]), str(ref[1])) if ref else ", ".join(map(str, value.values()))
        if isinstance(value, list):
            return ", ".join(self.value(name, one) for one in value)
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if name == "owner":
            return self.names.user(self.target, value)
        if name == "direction":
            return calls.text(calls.DIRECTIONS, str(value))
        if name == "outcome":
            return calls.text(calls.RESULTS, str(value))
        if name == "duration_s":
            return words.lasted(float(value))
        if name in _PHONES:
            return words.phone(str(value))
        if name in _TIMES:
            return moment(str(value))
        if name in _DATES:
            return a_day(str(value))
        return words.number(value) if isinstance(value, int | float) else str(value)

    def record(self, role: str, id: str) -> str:
        """A record by name, else by its id; one that was only planned by what it is."""
        if id.startswith(PLANNED):
            return _("%(the_role)s of this call") % {"the_role": calls.the(role)}
        name = self.found.get(id)
        return named(role, name) if name else f"{calls.text(calls.ROLES, role)} {id}"


def named(role: str, name: str) -> str:
    """A record by its name, quoted as the reader's language quotes."""
    return _("%(role)s “%(name)s”") % {"role": calls.text(calls.ROLES, role), "name": name}


def a_day(text: str) -> str:
    """A date as the reader writes it."""
    try:
        return words.date_of(date.fromisoformat(text[:10]))
    except ValueError:
        return text


def field_name(name: str) -> str:
    """A canonical field by its name."""
    return calls.text(calls.FIELDS, name) if name in calls.FIELDS else str(FIELDS.get(name, name))
