"""Outgoing webhooks: where Tieline tells others what happened.

    listed(workspace) -> [HookRow]
    make(workspace, user, title, url, kinds) -> (HookRow, secret)       the secret is shown this once
    change(workspace, user, hook, title=…, url=…, kinds=…, active=…) -> HookRow
    rotate(workspace, user, hook) -> (HookRow, secret)                  the one before signs too for a day
    end(workspace, user, hook)
    test(workspace, user, hook) -> DeliveryRow
    deliveries(workspace, hook) -> [DeliveryRow]                        the last fifty
    again(workspace, user, hook, delivery)

A worker sends them (`jobs/outgoing.py`); triggers write them in the transaction of what they tell.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from tieline.store import hook_addresses
from tieline.store.connection import workspace_tx
from tieline.store.models import DeliveryState, Hook, HookDelivery, InboxItem, InboxState
from tieline.store.outgoing import SWITCHED_OFF, message_id, secret_place
from tieline.store.secrets import installed
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError

if TYPE_CHECKING:
    from tieline.store.team.models import User

KINDS = ("run.finished", "case.opened", "connection.trouble")
TEST = "test"
MOST = 20
"""Webhooks of one workspace."""
GRACE = timedelta(hours=24)
"""So long a replaced secret signs too."""
SHOWN = 50


@dataclass(frozen=True, slots=True)
class HookRow:
    """A webhook as it is listed. trouble: code and params."""

    id: int
    title: str
    url: str
    kinds: Sequence[str]
    active: bool
    created: datetime
    last_status: int | None
    last_at: datetime | None
    failing_since: datetime | None
    trouble: Mapping[str, Any] | None
    old_secret_until: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A message to one webhook. `message` is its webhook-id. due_at: when it is tried next, of one that is due."""

    id: int
    message: str
    kind: str
    state: str
    created: datetime
    due_at: datetime | None
    attempts: int
    last_status: int | None
    done_at: datetime | None


def listed(workspace: int) -> list[HookRow]:
    """Every webhook, the newest first."""
    with workspace_tx(workspace):
        return [_row(one) for one in Hook.objects.filter(workspace_id=workspace).order_by("-id")]


def make(workspace: int, user: User | None, title: str, url: str, kinds: Sequence[str]) -> tuple[HookRow, str]:
    """A new webhook and its secret, which nobody can read again. DeclinedError: "hook.no_title", "hook.no_kinds",
    "hook.bad_address", "hook.private_address", "hook.too_many"."""
    given = _checked(title, url, kinds)
    with workspace_tx(workspace):
        if Hook.objects.filter(workspace_id=workspace).count() >= MOST:
            raise DeclinedError("hook.too_many", most=MOST)
        row = Hook.objects.create(workspace_id=workspace, sealed=b"", made_by=user, **given)
        secret = _new_secret(row)
        row.save(update_fields=["sealed"])
        note(workspace, user, "hook.made", title=row.title)
        return _row(row), secret


def change(
    workspace: int,
    user: User | None,
    hook: int,
    *,
    title: str | None = None,
    url: str | None = None,
    kinds: Sequence[str] | None = None,
    active: bool | None = None,
) -> HookRow:
    """What is given; what is None stays. Switched off, what waits is given up; switched on, it begins without a past.
    DeclinedError as `make`, "hook.gone"."""
    with workspace_tx(workspace):
        row = _get(workspace, hook)
        given = _checked(
            row.title if title is None else title,
            row.url if url is None else url,
            row.kinds if kinds is None else kinds,
        )
        for name, value in given.items():
            setattr(row, name, value)
        if active is not None and active != row.active:
            row.active = active
            row.trouble = row.failing_since = None
            _no_longer_told(row)
            if not active:
                waits = HookDelivery.objects.filter(workspace_id=workspace, hook=row, state=DeliveryState.DUE)
                waits.update(state=DeliveryState.GIVEN_UP, done_at=timezone.now(), lease=None)
        row.save(update_fields=["title", "url", "kinds", "active", "trouble", "failing_since"])
        note(workspace, user, "hook.changed", title=row.title)
        return _row(row)


def rotate(workspace: int, user: User | None, hook: int) -> tuple[HookRow, str]:
    """A new secret, shown this once; the one before signs too for a day. DeclinedError "hook.gone"."""
    with workspace_tx(workspace):
        row = _get(workspace, hook)
        row.sealed_before, row.before_until = bytes(row.sealed), timezone.now() + GRACE
        secret = _new_secret(row)
        row.save(update_fields=["sealed", "sealed_before", "before_until"])
        note(workspace, user, "hook.rotated", title=row.title)
        return _row(row), secret


def end(workspace: int, user: User | None, hook: int) -> None:
    """It goes, with its messages. DeclinedError "hook.gone"."""
    with workspace_tx(workspace):
        row = _get(workspace, hook)
        HookDelivery.objects.filter(workspace_id=workspace, hook=row).delete()
        note(workspace, user, "hook.ended", title=row.title)
        _no_longer_told(row)
        row.delete()


def test(workspace: int, user: User | None, hook: int) -> DeliveryRow:
    """A message of the kind "test", due now. DeclinedError: "hook.gone", "hook.off"."""
    with workspace_tx(workspace):
        row = _get(workspace, hook, must_work=True)
        made = HookDelivery.objects.create(workspace_id=workspace, hook=row, kind=TEST)
        note(workspace, user, "hook.tested", title=row.title)
        return _delivery(made)


def deliveries(workspace: int, hook: int) -> list[DeliveryRow]:
    """The last fifty messages, the newest first. DeclinedError "hook.gone"."""
    with workspace_tx(workspace):
        row = _get(workspace, hook, lock=False)
        found = HookDelivery.objects.filter(workspace_id=workspace, hook=row).order_by("-id")[:SHOWN]
        return [_delivery(one) for one in found]


def again(workspace: int, user: User | None, hook: int, delivery: int) -> None:
    """A message is due now, under the same id, with every attempt anew. One that is being sent at this moment is left to
    that. DeclinedError: "hook.gone", "hook.off", "hook.no_message"."""
    with workspace_tx(workspace):
        row = _get(workspace, hook, must_work=True)
        mine = HookDelivery.objects.select_for_update().filter(workspace_id=workspace, hook=row, pk=delivery).first()
        if mine is None:
            raise DeclinedError("hook.no_message")
        if mine.lease is None:
            mine.state, mine.due_at, mine.attempts, mine.done_at = DeliveryState.DUE, timezone.now(), 0, None
            mine.save(update_fields=["state", "due_at", "attempts", "done_at"])
        note(workspace, user, "hook.sent_again", title=row.title)


def _get(workspace: int, hook: int, *, must_work: bool = False, lock: bool = True) -> Hook:
    rows = Hook.objects.select_for_update() if lock else Hook.objects.all()
    row = rows.filter(workspace_id=workspace, pk=hook).first()
    if row is None:
        raise DeclinedError("hook.gone")
    if must_work and not row.active:
        raise DeclinedError("hook.off")
    return row


def _no_longer_told(row: Hook) -> None:
    """That it switched itself off is no news any more."""
    told = InboxItem.objects.filter(workspace_id=row.workspace_id, kind=SWITCHED_OFF, topic=str(row.pk))
    told.filter(state=InboxState.OPEN).update(state=InboxState.OVERTAKEN, decided_at=timezone.now())


def _checked(title: str, url: str, kinds: Sequence[str]) -> dict[str, Any]:
    if not title.strip():
        raise DeclinedError("hook.no_title", field="title")
    address = hook_addresses.kind_of(url.strip())
    if address == "malformed":
        raise DeclinedError("hook.bad_address", field="url")
    if address == "private":
        raise DeclinedError("hook.private_address", field="url")
    if not kinds or any(one not in KINDS for one in kinds):
        raise DeclinedError("hook.no_kinds", field="kinds")
    return {"title": title.strip()[:80], "url": url.strip(), "kinds": [one for one in KINDS if one in kinds]}


def _new_secret(row: Hook) -> str:
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    row.sealed = installed().close(secret, row.workspace_id, 0, secret_place(row.pk))
    return secret


def _row(row: Hook) -> HookRow:
    until = row.before_until if row.before_until and row.before_until > timezone.now() else None
    return HookRow(
        row.pk, row.title, row.url, tuple(row.kinds), row.active, row.created, row.last_status, row.last_at,
        row.failing_since, row.trouble, until,
    )  # fmt: skip


def _delivery(row: HookDelivery) -> DeliveryRow:
    due = row.due_at if row.state == DeliveryState.DUE else None
    return DeliveryRow(
        row.pk, message_id(row.message), row.kind, row.state, row.created, due, row.attempts, row.last_status, row.done_at
    )  # fmt: skip
