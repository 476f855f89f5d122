"""Two records side by side, line by line, as a page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from tieline.core.pairing import Decision, Joined, LineResult, Side
from tieline.core.reasons import Reason
from tieline.web.customers.words import line_name
from tieline.web.parts import words
from tieline.web.words import say


@dataclass(frozen=True, slots=True)
class Row:
    """One line. state: "same", "differs" (a person may choose) or "held" (differs and stays so; `note` says why).
    choice: the side that is chosen beforehand, "" none."""

    line: str
    label: str
    left: str
    right: str
    state: str
    choice: str = ""
    note: str = ""
    left_sub: str = ""
    right_sub: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """A whole table. left, right: what the systems are called here, with the record's number."""

    rows: Sequence[Row] = field(default=())

    @property
    def differing(self) -> int:
        return sum(row.state == "differs" for row in self.rows)


def rows(
    decision: Decision, labels: Mapping[str, str], subs: Mapping[tuple[str, Side], str] | None = None
) -> list[Row]:
    """The lines of a look: what agrees as it is, what differs with a choice made by what the rules would do."""
    told = subs or {}
    return [_row(line, labels.get(line.line, ""), told) for line in decision.lines]


def _row(line: LineResult, label: str, subs: Mapping[tuple[str, Side], str]) -> Row:
    state = {"same": "same", "held": "held"}.get(line.state, "differs")
    choice = {"to_right": "left", "to_left": "right"}.get(line.state, "")
    return Row(
        line.line,
        line_name(line.line, label),
        value(line.left, line.line),
        value(line.right, line.line),
        state,
        choice,
        say(line.reason) if state != "same" else "",
        subs.get((line.line, "left"), ""),
        subs.get((line.line, "right"), ""),
    )


def value(found: Any, line: str = "") -> str:
    """A value as people read it; what is empty is a dash."""
    if found is None or found in ("", []):
        return "–"
    if isinstance(found, bool):
        return _("yes") if found else _("no")
    if isinstance(found, Joined):
        return found.id or found.key
    if isinstance(found, Mapping):
        return str(found.get("label") or found.get("id") or ", ".join(map(str, found.values())))
    if isinstance(found, list | tuple):
        return ", ".join(value(one, line) for one in found)
    if line in ("phone", "mobile"):
        return words.phone(str(found))
    if isinstance(found, int | float):
        return words.number(found) if line not in ("number", "group", "terms", "vat_zone") else str(found)
    return str(found)


def reason(raw: Reason | Mapping[str, Any] | None) -> str:
    """A reason as a sentence, "" for none."""
    return say(raw) if raw else ""
