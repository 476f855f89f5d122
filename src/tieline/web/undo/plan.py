"""An undo as its page shows it: what happens, what stays and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tieline.store.models import Connection, Undo, UndoItem
from tieline.store.services import undo as service
from tieline.web.calls import words as calls
from tieline.web.parts import words
from tieline.web.runs.lines import Names
from tieline.web.runs.pages_of_records import page_of
from tieline.web.runs.values import Shown, field_name, named
from tieline.web.undo.links import undo_id, url_of
from tieline.web.undo.words import DO, DONE, HAND, STATES, WHY
from tieline.web.words import say
from tieline.web.words.names import IN_MANY

MOST_SHOWN = 200
"""Records of one group that the page names."""
STAYS = ("left", "stays", "moved")


@dataclass(frozen=True, slots=True)
class One:
    """A record: its name, its page in the CRM ("" for none), what is said of it."""

    name: str
    url: str
    said: str


@dataclass(slots=True)
class Group:
    """Records with which the same happens, or which stay for the same reason."""

    title: str
    count: int = 0
    text: str = ""
    hand: str = ""
    ones: list[One] = field(default_factory=list)

    @property
    def more(self) -> int:
        """How many are not named."""
        return self.count - len(self.ones)


@dataclass(frozen=True, slots=True)
class Head:
    """An undo in one line. `what` names what it takes back."""

    id: str
    url: str
    what: str
    kind: str
    word: str
    target: str
    at: Any
    by: str
    said: str


def head(row: Undo) -> Head:
    """The line of an undo."""
    kind, word = STATES[row.state]
    counts = row.counts
    if row.state == "done":
        done, stays = counts.get("done", 0), sum(counts.get(one, 0) for one in STAYS)
        said = _("%(done)s done, %(stays)s stayed") % {"done": words.number(done), "stays": words.number(stays)}
    else:
        said = ""
    person = row.approved_by or row.user
    by = person.name if person is not None else ""
    return Head(undo_id(row.pk), url_of(row.pk), what_of(row), kind, str(word), row.target.title, row.created, by, said)


def what_of(row: Undo) -> str:
    """What is undone, as a title."""
    count = {"count": words.number(row.runs)}
    if row.kind == "redo":
        return ngettext("Make %(count)s run anew", "Make %(count)s runs anew", row.runs) % count
    return ngettext("Undo %(count)s run", "Undo %(count)s runs", row.runs) % count


def happens(shown: service.Shown, *, done: bool) -> list[Group]:
    """What the plan does, or did: one line for each sort of record."""
    out: dict[tuple[str, str], Group] = {}
    table = DONE if done else DO
    for (do, role, _code, state), count in sorted(shown.groups.items(), key=lambda one: (_order(one[0]), -one[1])):
        if do == "leave" or (state != "done" if done else state in STAYS):
            continue
        group = out.setdefault((do, role), Group(str(table[do])))
        group.count += count
    for (_do, role), group in out.items():
        group.text = calls.text(IN_MANY, role) if group.count != 1 else calls.text(calls.ROLES, role)
    return list(out.values())


def _order(key: Sequence[str]) -> int:
    return ("delete", "create", "restore", "attach", "leave").index(key[0])


def stays(shown: service.Shown, items: Iterable[UndoItem], names: Names) -> list[Group]:
    """What stays, by its reason; the records by name."""
    out: dict[str, Group] = {}
    for (_do, _role, code, state), count in shown.groups.items():
        if state in STAYS:
            title = str(WHY.get(code, WHY["outcome.rejected"]))
            out.setdefault(code, Group(title, hand=str(HAND.get(code, "")))).count += count
    target = shown.undo.target
    values = Shown(names, target.pk)
    for item in items:
        why = item.why or item.reason or {}
        group = out.get(str(why.get("code", "")))
        if group is not None and len(group.ones) < MOST_SHOWN:
            group.ones.append(_one(item, why, values, target))
    return sorted(out.values(), key=lambda one: -one.count)


def _one(item: UndoItem, why: dict[str, Any], values: Shown, target: Connection) -> One:
    written = item.before.get("values") or item.before or item.values
    name = str((written or {}).get("name") or "")
    title = named(item.role, name) if name else f"{calls.text(calls.ROLES, item.role)} {item.record}"
    said = say(why)
    if item.before and item.do in ("leave", "restore") and "values" not in item.before:
        fields = ", ".join(
            words.titled(field_name(one), values.value(one, value)) for one, value in item.before.items()
        )
        said = f"{said} ({fields})"
    return One(title, page_of(target, item.role, item.record), said)


def progress(shown: service.Shown) -> tuple[int, int]:
    """(done or given up, all) of what was approved."""
    over = sum(shown.counts.get(one, 0) for one in ("done", "stays", "moved"))
    return over, over + shown.counts.get("begun", 0) + shown.counts.get("planned", 0)
