"""Records, runs, connections and people that a text may mean. Pages find runs by `web.search.finding`, from what they read, too.

records(workspace, text, number) -> [Record]                        one query
runs(workspace, text, number, records) -> [id]                      one query
connections(workspace, text) -> [Connection]                       one query over a handful of rows
members(workspace, text) -> [MemberRow]                            one query over a handful of rows

A record is one that Tieline wrote to: by its id in the CRM, by the words of its name or e-mail address, or by the number of a
call that led to it. Each kind of text has its index.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection as database
from django.db.models import Q

from tieline.store import public_ids
from tieline.store.connection import workspace_tx
from tieline.store.models import Connection, ConnectionState, Event, Operation, Run, Subject
from tieline.store.services import team
from tieline.store.services.team import MemberRow

ROLES = ("account", "contact", "lead", "deal")

_FIND = """
WITH hits AS (
    SELECT id FROM store_operation WHERE workspace_id = %(workspace)s AND external_id = %(text)s
    UNION
    SELECT o.id FROM store_operation o
     WHERE o.workspace_id = %(workspace)s AND o.external_id IS NOT NULL AND o.role = ANY(%(roles)s)
       AND o.subject_id IN (
           SELECT s.id FROM store_subject s
            WHERE s.workspace_id = %(workspace)s AND s.lanes[1] = %(lane)s ORDER BY s.id DESC LIMIT 200)
    UNION
    SELECT * FROM store_find_records(%(words)s, %(limit)s)
), newest AS (
    SELECT DISTINCT ON (o.target_id, o.role, o.external_id)
           o.id, o.target_id, o.role, o.external_id, o.values->>'name' AS name, o.values->>'email' AS email,
           o.sent_at
      FROM store_operation o WHERE o.workspace_id = %(workspace)s AND o.id IN (SELECT id FROM hits)
     ORDER BY o.target_id, o.role, o.external_id, (o.verb = 'create') DESC, o.id DESC
)
SELECT * FROM newest ORDER BY id DESC LIMIT %(limit)s
"""
_FIND_BY_END = _FIND.replace("s.lanes[1] = %(lane)s", "s.lanes[1] LIKE %(lane)s")


@dataclass(frozen=True, slots=True)
class Record:
    """A record in the CRM `target` (a connection's id). `name` is empty where Tieline did not write one."""

    target: int
    role: str
    external_id: str
    name: str
    email: str
    at: datetime | None


def words(text: str) -> list[str]:
    """The words of a text as the index has them: letters and digits, eight at most."""
    return re.findall(r"\w+", text.replace("_", " ").lower())[:8]


def records(workspace: int, text: str, number: str = "", limit: int = 20) -> Sequence[Record]:
    """Records that a text may mean, newest first. `number` is the same in E.164 where it is a phone number. What looks like
    a number and is none from here, or nobody's, is taken as the end of one: that reads every call of the workspace."""
    found = _records(workspace, text, number, "", limit)
    digits = _end_of_number(text)
    if not found and digits:
        found = _records(workspace, text, "", digits, limit)
    return found


def _end_of_number(text: str) -> str:
    """The digits of a text that looks like a number, less the zero of a national form; "" for another text."""
    digits = "".join(one for one in text if one.isdigit()).lstrip("0")
    return digits if len(digits) >= 4 and len(digits) >= 0.6 * len(text.replace(" ", "")) else ""


def _records(workspace: int, text: str, number: str, end: str, limit: int) -> list[Record]:
    asked: dict[str, Any] = {
        "workspace": workspace,
        "text": text.strip(),
        "lane": f"phone:%{end}" if end else f"phone:{number}" if number else "",
        "words": [] if number or end else words(text),
        "roles": list(ROLES),
        "limit": limit,
    }
    with workspace_tx(workspace), database.cursor() as cursor:
        cursor.execute(_FIND_BY_END if end else _FIND, asked)
        return [
            Record(target, role, external_id, name or "", email or "", at)
            for _id, target, role, external_id, name, email, at in cursor.fetchall()
        ]


def runs(workspace: int, text: str, number: str = "", records: Sequence[Record] = (), limit: int = 20) -> Sequence[int]:
    """The newest runs that a text may mean: by their own id, by the number of their call or its end, by a record's id in the
    CRM, and those that wrote one of these `records`."""
    with workspace_tx(workspace):
        rows = Run.objects.filter(workspace_id=workspace)
        own = public_ids.of("run").read(text.strip())
        if own is not None:
            return list(rows.filter(pk=own).values_list("pk", flat=True))
        calls = Subject.objects.filter(workspace_id=workspace)
        end = _end_of_number(text)
        if number and calls.filter(lanes__0=f"phone:{number}").exists():
            found = Q(subject_id__in=calls.filter(lanes__0=f"phone:{number}").values("id"))
        elif end and calls.filter(lanes__0__endswith=end).exists():
            found = Q(subject_id__in=calls.filter(lanes__0__endswith=end).values("id"))
        else:
            ids = {text.strip(), *(one.external_id for one in records)}
            wrote = Operation.objects.filter(workspace_id=workspace, external_id__in=ids)
            found = Q(pk__in=wrote.values("run_id"))
        return list(rows.filter(found).order_by("-started_at", "-id").values_list("pk", flat=True)[:limit])


def connections(workspace: int, text: str, limit: int = 5) -> Sequence[Connection]:
    """Connections by their title, or by what the vendor calls the account; ended ones last."""
    with workspace_tx(workspace):
        rows = Connection.objects.filter(workspace_id=workspace)
        found = rows.filter(
            Q(title__icontains=text) | Q(connector__icontains=text) | Q(identity__name__icontains=text)
        ).order_by("title", "pk")[:50]
        return sorted(found, key=lambda one: one.state == ConnectionState.DISCONNECTED)[:limit]


def event_is_there(workspace: int, event: int) -> bool:
    """Whether an event is one of this workspace."""
    with workspace_tx(workspace):
        return Event.objects.filter(workspace_id=workspace, pk=event).exists()


def members(workspace: int, text: str, limit: int = 5) -> Sequence[MemberRow]:
    """People of the team by name or address."""
    wanted = text.casefold()
    found = [one for one in team.members(workspace) if wanted in one.name.casefold() or wanted in one.email]
    return found[:limit]
