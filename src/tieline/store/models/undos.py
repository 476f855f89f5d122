"""Rows of undos: which runs are to be taken back, what the plan says of each write, and what became of it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tieline.store.models.fields import JsonText, loose, owned, workspace


class UndoState(models.TextChoices):
    """How far an undo is."""

    READING = "reading"  # a worker reads what is there now and plans
    READY = "ready"  # planned; a person reads it
    APPROVED = "approved"  # being applied
    DONE = "done"
    DROPPED = "dropped"  # a person did not want it


class Undo(models.Model):
    """One undo of runs that wrote to one target. kind "redo": what it takes back is itself an undo (`undoes`).

    selection  what was chosen, for its heading: {"run": id} or {"filter": address of the list, "more": whether runs were
               left out}
    counts     state of items → how many, when it was planned and when it was done
    """

    workspace = owned()
    target = models.ForeignKey("store.Connection", on_delete=models.CASCADE, related_name="+")
    epoch = models.IntegerField()
    flow = models.CharField(max_length=32)
    kind = models.CharField(max_length=8, default="undo")
    state = models.CharField(max_length=10, choices=UndoState.choices, default=UndoState.READING)
    undoes = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")
    selection = models.JSONField(default=dict)
    runs = models.IntegerField(default=0)
    counts = models.JSONField(default=dict)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created = models.DateTimeField(default=timezone.now)
    ready_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "-id"], name="store_undo_newest"),
            models.Index(fields=["target"], condition=Q(state__in=["reading", "approved"]), name="store_undo_open"),
        ]


class UndoRun(models.Model):
    """A run that an undo takes back."""

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    undo = loose("store.Undo")
    run = loose("store.Run")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["undo", "run"], name="store_undorun_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["run"], name="store_undorun_run")]


class UndoItem(models.Model):
    """As `engine.effects.undo.Item`, with what became of it.

    state  planned · left (the plan leaves it, `reason` says why) · begun (its operation has `key`) · done · stays (it was
           tried; `why`) · moved (it changed after the plan was read; `why`)
    """

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    undo = loose("store.Undo")
    act = loose("store.Operation")
    run = loose("store.Run")
    subject = loose("store.Subject")
    slot = models.CharField(max_length=64)
    do = models.CharField(max_length=8)
    role = models.CharField(max_length=32)
    record = models.TextField()
    values = JsonText(default=dict)
    before = JsonText(default=dict)
    version = models.TextField(null=True)  # noqa: DJ001 - a vendor without versions
    reason = JsonText(null=True)
    after = JsonText(default=list)
    found_by = JsonText(default=list)
    state = models.CharField(max_length=8)
    key = models.CharField(max_length=64, blank=True, default="")
    why = JsonText(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["undo", "state", "id"], name="store_undoitem_state")
        ]
