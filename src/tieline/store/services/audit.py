"""Who did what, written in the transaction that does it, and read again.

note(workspace, user, action, **params)
lines(workspace, filters, before=None, limit=50) -> Page       newest first, one query
everything(workspace, filters, most) -> [Line]                 for a file

`action` is a code like "flow.saved"; its part before the dot is its subject. Pages have a sentence for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.utils import timezone

from tieline.store.connection import workspace_tx
from tieline.store.models import Audit

if TYPE_CHECKING:
    from tieline.store.team.models import User

MOST = 50_000
"""Lines of one file."""


def note(workspace: int, user: User | None, action: str, **params: Any) -> None:
    """One line of the audit log, inside the caller's `workspace_tx`. `user` None: Tieline itself. Never a secret."""
    Audit.objects.create(workspace_id=workspace, user=user, action=action, params=params)


@dataclass(frozen=True, slots=True)
class Filters:
    """`user`: the id of who did it, 0 for Tieline itself. `subject`: the part of the action before the dot. Days of the
    current time zone, both included."""

    user: int | None = None
    subject: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was done. `who` and `email` are empty where Tieline did it itself, or the account is gone."""

    id: int
    at: datetime
    user: int | None
    who: str
    email: str
    action: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """`older`: what to give as `before` for the next page; None where this is the last."""

    lines: Sequence[Line]
    older: int | None


def lines(workspace: int, filters: Filters = Filters(), before: int | None = None, limit: int = 50) -> Page:
    """The newest lines that filters leave, older than the line `before`."""
    with workspace_tx(workspace):
        rows = _matching(workspace, filters)
        if before is not None:
            rows = rows.filter(pk__lt=before)
        found = list(rows.order_by("-pk")[: limit + 1])
    shown = [_line(one) for one in found[:limit]]
    return Page(shown, shown[-1].id if len(found) > limit else None)


def everything(workspace: int, filters: Filters = Filters(), most: int = MOST) -> Sequence[Line]:
    """All that filters leave, newest first."""
    with workspace_tx(workspace):
        return [_line(one) for one in _matching(workspace, filters).order_by("-pk")[:most]]


def _matching(workspace: int, filters: Filters) -> QuerySet[Audit]:
    rows = Audit.objects.filter(workspace_id=workspace).select_related("user")
    if filters.user is not None:
        rows = rows.filter(user_id=filters.user) if filters.user else rows.filter(user=None)
    if filters.subject:
        rows = rows.filter(action__startswith=f"{filters.subject}.")
    zone = timezone.get_current_timezone()
    if filters.since is not None:
        rows = rows.filter(at__gte=datetime.combine(filters.since, time(), tzinfo=zone))
    if filters.until is not None:
        rows = rows.filter(at__lt=datetime.combine(filters.until + timedelta(days=1), time(), tzinfo=zone))
    return rows


def _line(row: Audit) -> Line:
    user = row.user
    name, email = (user.name, user.email) if user is not None else ("", "")
    return Line(row.pk, row.at, row.user_id, name, email, row.action, row.params)
