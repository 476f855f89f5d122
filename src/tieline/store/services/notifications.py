"""What members are told of, in the app and by e-mail, and how each of them wants it.

    unread(workspace, user) -> int                       for the bell: one range of one index
    listed(workspace, user, limit=100) -> [Told]         the newest first
    read_all(workspace, user) -> int                     all of them are read
    choices(workspace, user, member) -> [Choice]           every kind that this member may be told of
    choose(workspace, user, member, {kind: (in_app, mail)})
    raise_untold(workspace) -> int                       turns what happened into rows; called by `notifying`

What happens is found, not announced: an open inbox item without `told_at`, a stopped subject without its row in ToldStop. So
nothing that is written elsewhere has to know of notifications, and what was missed during a stop is told after it. The row
and the mark are one transaction: nobody is told twice. What repeats before it is read counts up in one row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection as database
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from tieline.store.connection import workspace_tx
from tieline.store.models import (
    InboxItem,
    InboxState,
    Mail,
    MailState,
    Notification,
    NotificationChoice,
    Subject,
    ToldStop,
)
from tieline.store.services.declined import DeclinedError
from tieline.store.team.actions import may
from tieline.store.team.models import Member, Workspace

if TYPE_CHECKING:
    from tieline.store.team.models import User

MOST = 1000
"""Items that one round turns into notifications."""
APART = timedelta(minutes=10)
"""Between two e-mails of one kind and topic to one member."""
DIGEST_HOUR = 7
"""Hour of the workspace's zone at which the daily digest leaves."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Who is told (`action`: those who may do it) and how, where they have not chosen."""

    action: str
    in_app: bool
    mail: Mail


KINDS: Final[dict[str, Kind]] = {
    "question": Kind("inbox.answer", True, Mail.DIGEST),
    "stopped": Kind("runs.retry", True, Mail.DIGEST),
    "connection.needs_reconnect": Kind("connections.change", True, Mail.NOW),
    "connection.stopped": Kind("connections.change", True, Mail.NOW),
    "flow.paused": Kind("flows.change", True, Mail.NOW),
    "hook.switched_off": Kind("tokens.change", True, Mail.NOW),
    "notice": Kind("inbox.answer", True, Mail.NO),
}
"""Every kind. "notice" is whatever else the inbox lets people know."""


@dataclass(frozen=True, slots=True)
class Told:
    """One notification. `times`: how often it came before it was read. `mail_state`: a code of MailState."""

    id: int
    kind: str
    params: Mapping[str, Any]
    times: int
    last_at: datetime
    read_at: datetime | None
    mail_state: str


@dataclass(frozen=True, slots=True)
class Choice:
    """How a member is told of a kind. mail: no, now or digest."""

    kind: str
    in_app: bool
    mail: str


def unread(workspace: int, user: User) -> int:
    """How many things this member was told of and has not read."""
    with workspace_tx(workspace):
        return Notification.objects.filter(
            workspace_id=workspace, user=user, read_at__isnull=True, in_app=True
        ).count()  # fmt: skip


def listed(workspace: int, user: User, *, limit: int = 100) -> list[Told]:
    """This member's notifications in the app, the newest first."""
    with workspace_tx(workspace):
        rows = Notification.objects.filter(workspace_id=workspace, user=user, in_app=True).order_by("-last_at")[:limit]
        return [Told(row.pk, row.kind, row.params, row.times, row.last_at, row.read_at, row.mail_state) for row in rows]


def read_all(workspace: int, user: User) -> int:
    """Everything that this member was told of is read; how many were not."""
    with workspace_tx(workspace):
        return Notification.objects.filter(
            workspace_id=workspace, user=user, read_at__isnull=True, in_app=True
        ).update(read_at=timezone.now())  # fmt: skip


def choices(workspace: int, user: User, member: Member) -> list[Choice]:
    """Every kind that this member may be told of, as they want it."""
    with workspace_tx(workspace):
        kept = {row.kind: row for row in NotificationChoice.objects.filter(workspace_id=workspace, user=user)}
    return [_chosen(name, kept.get(name)) for name, kind in KINDS.items() if may(member, kind.action)]


def choose(workspace: int, user: User, member: Member, wanted: Mapping[str, tuple[bool, str]]) -> None:
    """What this member wants from now on: {kind: (in the app, "no" | "now" | "digest")}. DeclinedError for a kind that there is
    not for them, or another word for the e-mail."""
    open_to = {name for name, kind in KINDS.items() if may(member, kind.action)}
    if not set(wanted) <= open_to or any(mail not in Mail.values for _, mail in wanted.values()):
        raise DeclinedError("notification.no_such_choice")
    with workspace_tx(workspace):
        for kind, (in_app, mail) in wanted.items():
            NotificationChoice.objects.update_or_create(
                workspace_id=workspace, user=user, kind=kind, defaults={"in_app": in_app, "mail": mail}
            )


def raise_untold(workspace: int) -> int:
    """Tells the members of what happened since; how many rows that made or counted up."""
    with workspace_tx(workspace):
        items = list(
            InboxItem.objects.select_for_update(skip_locked=True)
            .filter(workspace_id=workspace, state=InboxState.OPEN, told_at__isnull=True)
            .order_by("id")[:MOST]
        )
        told = ToldStop.objects.filter(subject=OuterRef("pk"), revision=OuterRef("revision"))
        parked = Subject.objects.filter(~Exists(told), workspace_id=workspace, state="parked").order_by("id")
        stops = [
            ToldStop(workspace_id=workspace, subject_id=id, revision=revision)
            for id, revision in parked.values_list("pk", "revision")[:MOST]
        ]
        if not items and not stops:
            return 0
        found: dict[tuple[str, str], tuple[dict[str, Any], int]] = {}
        for item in items:
            kind, topic, params = _of(item)
            found[kind, topic] = (params, found.get((kind, topic), ({}, 0))[1] + 1)
        if stops:
            found["stopped", ""] = ({}, len(stops))
        made = _tell(workspace, found)
        InboxItem.objects.filter(pk__in=[item.pk for item in items]).update(told_at=timezone.now())
        # A stop that another process tells of at this moment breaks off this round; the next one finds nothing left.
        ToldStop.objects.bulk_create(stops)
        return made


def _of(item: InboxItem) -> tuple[str, str, dict[str, Any]]:
    if item.subject_id is not None or item.pair_id is not None:
        return "question", item.flow, {"flow": item.flow}
    if item.kind in KINDS:
        return item.kind, item.topic, item.reason.get("params") or {}
    return "notice", f"{item.flow}:{item.kind}:{item.topic}", {"reason": item.reason}


_INSERT = """
INSERT INTO store_notification AS n (workspace_id, user_id, kind, topic, params, times, at, last_at, in_app, mail, mail_state,
                                     mail_key, mail_due, attempts)
VALUES (%s, %s, %s, %s, %s, %s, now(), now(), %s, %s, %s, '', %s, 0)
ON CONFLICT (workspace_id, user_id, kind, topic) WHERE read_at IS NULL DO UPDATE
   SET times = n.times + excluded.times, last_at = now(), params = excluded.params,
       in_app = n.in_app OR excluded.in_app, mail = excluded.mail,
       mail_due = CASE WHEN excluded.mail_state = 'none' OR n.mail_state IN ('due', 'sending') THEN n.mail_due
                       ELSE greatest(excluded.mail_due, n.mail_due + %s) END,
       mail_state = CASE WHEN excluded.mail_state = 'none' OR n.mail_state IN ('due', 'sending') THEN n.mail_state
                         ELSE 'due' END,
       attempts = CASE WHEN n.mail_state = 'due' THEN n.attempts ELSE 0 END
"""


def _tell(workspace: int, found: Mapping[tuple[str, str], tuple[Mapping[str, Any], int]]) -> int:
    place = Workspace.objects.get(pk=workspace)
    kept = {(row.user_id, row.kind): row for row in NotificationChoice.objects.filter(workspace_id=workspace)}
    rows: list[list[Any]] = []
    for member in Member.objects.filter(Q(user__is_active=True), workspace_id=workspace):
        for (kind, topic), (params, times) in found.items():
            if not may(member, KINDS[kind].action):
                continue
            wanted = _chosen(kind, kept.get((member.user_id, kind)))
            mails = wanted.mail != Mail.NO and bool(settings.TIELINE_MAIL)
            if not wanted.in_app and not mails:
                continue
            due = (next_digest(place.zone) if wanted.mail == Mail.DIGEST else timezone.now()) if mails else None
            state = MailState.DUE if mails else MailState.NONE
            rows.append(
                [
                    workspace,
                    member.user_id,
                    kind,
                    topic,
                    json.dumps(params),
                    times,
                    wanted.in_app,
                    wanted.mail,
                    state,
                    due,
                    APART,
                ]
            )
    with database.cursor() as cursor:
        for row in rows:
            cursor.execute(_INSERT, row)
    return len(rows)


def next_digest(zone: str) -> datetime:
    """When the next daily digest leaves."""
    now = timezone.now().astimezone(ZoneInfo(zone))
    at = now.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    return at if at > now else at + timedelta(days=1)


def _chosen(kind: str, row: NotificationChoice | None) -> Choice:
    if row is not None:
        return Choice(kind, row.in_app, row.mail)
    return Choice(kind, KINDS[kind].in_app, KINDS[kind].mail)
