"""A run opened: arrived, looked for, decided, wrote, with the reason beside each decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tieline.core.record import PLANNED
from tieline.store.models import Connection, Event, Operation, Run, Subject
from tieline.web.calls import words as calls
from tieline.web.events.reading import Read, read
from tieline.web.parts import words
from tieline.web.runs import told
from tieline.web.runs.lines import Names
from tieline.web.runs.pages_of_records import page_of
from tieline.web.runs.values import HIDDEN, Shown, field_name, named
from tieline.web.words import Step, next_step, say
from tieline.web.words.names import DONE, IN_MANY, NOT_DONE, OPERATIONS

MOST_INLINE = 3
LATE_S = 10.0
"""An event that comes later than this after what it tells of is called late."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event. `late` in words, "" when it came in time."""

    read: Read
    url: str
    late: str


@dataclass(frozen=True, slots=True)
class Sought:
    """A look-up: for what, and what was found. `names`: (text, address of the record's page or "")."""

    what: str
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """A rule that was weighed: its title and what stands behind "because"."""

    title: str
    why: str
    applied: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One field: what stood there and what stands there now. `was` None: the record is new."""

    field: str
    was: str | None
    now: str


@dataclass(frozen=True, slots=True)
class Write:
    """One write. `id` and `url`: the record in the CRM. error and step: why it is not there, and what to do. met: what went
    wrong on the way of one that is there."""

    title: str
    id: str
    url: str
    said: str
    kind: str
    word: str
    changes: tuple[Change, ...]
    why: str
    error: str = ""
    step: Step | None = None
    inline: bool = False
    met: str = ""


@dataclass(slots=True)
class Story:
    """What `runs/story.html` shows. sources, targets: titles. trouble: why the whole of it waits or stopped.
    met: why it could not be decided at once.
    undo: the run's public id where it can be undone; undone: the page of the undo that took it back; part_of: that of the undo
    that it is a part of."""

    arrived: str
    details: str = ""
    arrivals: list[Arrival] = field(default_factory=list)
    source: str = ""
    target: str = ""
    sought: list[Sought] = field(default_factory=list)
    decided: list[Decision] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    asks: list[tuple[str, str]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    """What people had answered before: each in a sentence."""
    cost: str = ""
    version: int = 0
    watched: bool = False
    state: str = ""
    trouble: str = ""
    step: Step | None = None
    retry: str = ""
    newer: str = ""
    undo: str = ""
    undone: str = ""
    part_of: str = ""
    met: str = ""


def of_subject(subject: Subject, events: Sequence[Event], connections: Mapping[int, Connection], names: Names) -> Story:
    """The part that every story begins with, and all that there is of a call without a run."""
    source = connections.get(subject.source_id)
    out = Story(told.call_said(subject.subject, names) + ".", _lasted(subject.subject))
    out.source = source.title if source is not None else ""
    target = connections.get(subject.target_id)
    out.target = target.title if target is not None else ""
    out.arrivals = [_arrival(event, source) for event in events]
    out.state = subject.state
    if subject.state == "parked":
        out.trouble, out.step = say(subject.why) or _("It stopped."), next_step(subject.why)
    elif subject.why and subject.state in ("waiting", "due"):
        out.trouble = calls.first_up(say(subject.why))
    elif subject.state == "due" and subject.attempts:
        out.trouble = _("Tried before; Tieline tries again by itself.")
    return out


def of_run(
    run: Run,
    subject: Subject,
    operations: Sequence[Operation],
    events: Sequence[Event],
    connections: Mapping[int, Connection],
    names: Names,
) -> Story:
    """The whole story of a run."""
    out = of_subject(subject, events, connections, names)
    target = connections.get(run.target_id)
    shown = Shown(names, run.target_id, _found(run))
    out.sought = _sought(run, shown, target)
    weighed = [_decision(rule, applied, reason) for rule, applied, reason in run.considered]
    out.decided = sorted(weighed, key=lambda one: not one.applied)
    out.writes = [_write(one, shown, target) for one in operations]
    out.asks = [(calls.first_up(say(one["reason"])), _options(one.get("options") or ())) for one in run.questions]
    out.notices = [calls.first_up(say(one["reason"])) for one in run.notices]
    out.cost = told.requests(run.requests + sum(one.requests for one in operations))
    if run.finished_at is not None:
        out.cost += f" · {words.lasted(max((run.finished_at - run.started_at).total_seconds(), 0))}"
    out.version = run.settings_version
    out.watched = run.state == "watched"
    out.met = say(run.known.get("trouble"))
    return out


# -- arrived ------------------------------------------------------------------------------------------------------------


def _lasted(subject: Mapping[str, Any]) -> str:
    talk, total = subject.get("talk_s"), subject.get("total_s")
    parts = []
    if talk:
        parts.append(_("Talked for %(time)s.") % {"time": words.lasted(talk)})
    elif total:
        parts.append(_("Rang for %(time)s.") % {"time": words.lasted(total)})
    count = len(subject.get("recordings") or ())
    if count:
        parts.append(ngettext("%(count)s recording.", "%(count)s recordings.", count) % {"count": words.number(count)})
    return " ".join(parts)


def _arrival(event: Event, source: Connection | None) -> Arrival:
    said = read(event, source)
    late = ""
    if said.happened_at is not None:
        seconds = (event.received_at - said.happened_at).total_seconds()
        if seconds >= LATE_S:
            late = _("%(time)s late") % {"time": words.lasted(seconds)}
    return Arrival(said, reverse("events-event", args=[said.id]), late)


# -- looked for ---------------------------------------------------------------------------------------------------------


def _found(run: Run) -> dict[str, str]:
    return {
        str(id): str(fields.get("name"))
        for _role, _by, _value, records in run.known.get("found", ())
        for id, fields in records
        if fields.get("name")
    }


def _sought(run: Run, shown: Shown, target: Connection | None) -> list[Sought]:
    groups: dict[tuple[str, str], tuple[list[str], list[tuple[str, str]]]] = {}
    for role, by, value, records in run.known.get("found", ()):
        roles, found = groups.setdefault((by, value), ([], []))
        if role not in roles:
            roles.append(role)
        for id, _fields in records:
            found.append((shown.record(role, str(id)), page_of(target, role, str(id))))
    return [Sought(_for_what(by, value, roles, shown), tuple(found)) for (by, value), (roles, found) in groups.items()]


def _for_what(by: str, value: str, roles: Sequence[str], shown: Shown) -> str:
    where = told.listed([calls.text(IN_MANY, role) for role in roles])
    if by == "phone":
        return _("%(number)s in %(where)s.") % {"number": words.phone(value), "where": where}
    if by == "id":
        return calls.first_up(_("%(record)s itself.") % {"record": shown.record(roles[0], value)})
    return calls.first_up(_("%(where)s of %(record)s.") % {"where": where, "record": shown.record(by, value)})


# -- decided ------------------------------------------------------------------------------------------------------------


def _decision(rule: str, applied: bool, reason: Mapping[str, Any]) -> Decision:
    table = DONE if applied else NOT_DONE
    if rule in table:
        title = str(table[rule])
    else:
        title = calls.first_up(calls.text(calls.RULES, rule))
        user = (reason.get("params") or {}).get("user")
        if rule.endswith(".owner") and user:
            title = words.titled(title, str(user))
    return Decision(title, say(reason), applied)


def _options(options: Sequence[Any]) -> str:
    return told.listed([named(role, str(fields.get("name") or id)) for role, id, fields in options])


# -- wrote --------------------------------------------------------------------------------------------------------------


def _write(row: Operation, shown: Shown, target: Connection | None) -> Write:
    kind, word = OPERATIONS.get(row.state, ("note", row.state))
    id = row.external_id or (str(row.target_ref[1]) if row.target_ref else "")
    id = "" if id.startswith(PLANNED) else id
    changes = tuple(
        Change(
            calls.first_up(field_name(name)),
            shown.value(name, row.before.get(name)) if row.verb == "update" else None,
            shown.value(name, value),
        )
        for name, value in row.values.items()
        if name not in HIDDEN
    )
    trouble = row.error if row.state != "done" else None
    return Write(
        calls.first_up(calls.text(calls.ROLES, row.role)),
        id,
        page_of(target, row.role, id) if id else "",
        _said(row, shown),
        kind,
        str(word),
        changes,
        say(row.reason),
        say(trouble) if trouble else "",
        next_step(trouble) if trouble else None,
        inline=row.verb == "update" and len(changes) <= MOST_INLINE,
        met=say(row.error) if row.state == "done" else "",
    )


def _said(row: Operation, shown: Shown) -> str:
    name = row.values.get("name")
    if row.verb == "create":
        new = _("new: “%(name)s”") % {"name": name} if name else _("new")
        hangs = [
            shown.value(link, row.values[link])
            for link in ("contact", "account", "lead", "deal")
            if row.values.get(link)
        ]
        return _("%(what)s, on %(records)s") % {"what": new, "records": told.listed(hangs)} if hangs else new
    if row.verb == "delete":
        name = (row.before.get("values") or {}).get("name")
        return _("deleted: “%(name)s”") % {"name": name} if name else _("deleted")
    if row.verb == "attach":
        return _("file “%(name)s”") % {"name": name}
    return _("changed")
