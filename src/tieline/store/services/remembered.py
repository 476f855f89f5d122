"""Decisions that hold for later like cases too.

    remember(workspace, user, item, answered=…)       inside the transaction of an answer; see `inbox.answer(…, always=True)`
    listed(workspace) -> [Kept]                       those in force, the newest first
    revoke(workspace, user, kept) -> bool             later cases ask again; what was decided by it stays

Like cases: same CRM and epoch, flow, kind and topic, with the chosen record among the candidates again. They are answered in
the transaction that asks them (`store_answer_remembered`). Whether something was written, or whether it is safe to go on, is
looked at each time: such questions are never remembered. Neither is "somebody new": it would make a record with every call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from tieline.store.connection import workspace_tx
from tieline.store.models import InboxItem, Remembered
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError

if TYPE_CHECKING:
    from tieline.store.team.models import User

NEVER = ("outcome:", "safety:")
"""Beginnings of kinds that are never remembered."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A remembered decision. answer: {"role", "id"}; name: the record's, when it was chosen. times: cases it answered."""

    id: int
    flow: str
    kind: str
    topic: str
    answer: Mapping[str, str]
    name: str
    by: str
    at: datetime
    times: int
    last_at: datetime | None


def can(kind: str) -> bool:
    """Whether a decision of this kind of question may be remembered."""
    return not kind.startswith(NEVER)


def remember(workspace: int, user: User | None, item: InboxItem, choice: Any) -> Remembered:
    """Keeps the answer of this case for later like ones, in the place of what was kept for them before. Inside the caller's
    transaction. DeclinedError for what is never remembered."""
    if not can(item.kind) or item.pair_id is not None or item.connection_id is None or not isinstance(choice, Mapping):
        raise DeclinedError("inbox.not_remembered")
    same = Remembered.objects.select_for_update().filter(
        workspace_id=workspace, connection=item.connection_id, epoch=item.epoch, flow=item.flow, kind=item.kind,
        topic=item.topic, revoked_at__isnull=True,
    )  # fmt: skip
    same.update(revoked_at=timezone.now(), revoked_by=user)
    name = next(
        (
            str((fields or {}).get("name") or id)
            for role, id, fields in item.options
            if role == choice.get("role") and str(id) == str(choice.get("id"))
        ),
        str(choice.get("id")),
    )
    made = Remembered.objects.create(
        workspace_id=workspace, connection_id=item.connection_id, epoch=item.epoch, flow=item.flow, kind=item.kind,
        topic=item.topic, answer=dict(choice), name=name, item=item, decided_by=user,
    )  # fmt: skip
    note(workspace, user, "inbox.remembered", kind=item.kind, topic=item.topic)
    return made


def listed(workspace: int) -> list[Kept]:
    """The remembered decisions that are in force."""
    with workspace_tx(workspace):
        rows = Remembered.objects.filter(workspace_id=workspace, revoked_at__isnull=True).select_related("decided_by")
        return [
            Kept(
                row.pk, row.flow, row.kind, row.topic, row.answer, row.name,
                row.decided_by.name if row.decided_by else "", row.decided_at, row.times, row.last_at,
            )
            for row in rows.order_by("-id")
        ]  # fmt: skip


def revoke(workspace: int, user: User | None, kept: int) -> bool:
    """It answers no later case; False where it was revoked before."""
    with workspace_tx(workspace):
        row = Remembered.objects.select_for_update().filter(workspace_id=workspace, pk=kept).first()
        if row is None:
            raise DeclinedError("inbox.gone")
        if row.revoked_at is not None:
            return False
        row.revoked_at, row.revoked_by = timezone.now(), user
        row.save(update_fields=["revoked_at", "revoked_by"])
        note(workspace, user, "inbox.revoked", kind=row.kind, topic=row.topic)
        return True
