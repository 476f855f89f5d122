"""Rows of back-fills: what is fetched again from a phone system's list of calls."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tieline.store.models.connections import Connection
from tieline.store.models.fields import JsonText, owned


class BackfillState(models.TextChoices):
    """Of the automatic ones that found nothing only the newest of each kind is kept."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"  # by a person
    FAILED = "failed"  # `trouble` says why


class Backfill(models.Model):
    """Calls that began in [since, until), asked for anew. `reached` is its cursor: everything before it is kept, committed
    with the last page of its stretch.

    why     "hand" (a person), "gap" (this installation was away), "refused" (deliveries were refused), "no_end" (a call's
            end never came), "silent" (no event for an hour), "daily", "again" (one of these had failed)
    listed  calls that the list showed; missing: of them, those nobody had told of; completed: those that were known without
            something that the list has
    worker, leased_until   who works on it, and until when nobody else does
    """

    workspace = owned()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="backfills")
    why = models.CharField(max_length=16)
    since = models.DateTimeField()
    until = models.DateTimeField()
    reached = models.DateTimeField()
    state = models.CharField(max_length=10, choices=BackfillState.choices, default=BackfillState.RUNNING)
    listed = models.IntegerField(default=0)
    missing = models.IntegerField(default=0)
    completed = models.IntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.IntegerField(default=0)
    trouble = JsonText(null=True)
    worker = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField(default=timezone.now)
    moved_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["connection"], condition=Q(state="running"), name="store_backfill_one"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["connection", "-id"], name="store_backfill_newest"),
            models.Index(fields=["due_at"], condition=Q(state="running"), name="store_backfill_due"),
        ]
