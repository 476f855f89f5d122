"""Rows of subjects: the calls, proposals … that flows decide on."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from tieline.store.models.fields import JsonText, loose, workspace


class Subject(models.Model):
    """As `engine.ports.SubjectRow`: what a flow decides on, and how far that got."""

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    target = loose("store.Connection")
    epoch = models.IntegerField()
    flow = models.CharField(max_length=32)
    source = loose("store.Connection")
    key = models.TextField()
    subject = JsonText()
    state = models.CharField(max_length=10)
    due_at = models.DateTimeField(null=True)
    lanes = ArrayField(models.TextField(), default=list)
    revision = models.IntegerField(default=0)
    attempts = models.IntegerField(default=0)
    own = JsonText(default=dict)
    answers = JsonText(default=dict)
    live = models.BooleanField(default=True)
    arrived_at = models.DateTimeField()
    why = JsonText(null=True)
    backfill = models.BooleanField(default=False, db_default=False)  # fetched from a list: live ones go first

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["source", "key", "flow", "target"], name="store_subject_key"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["target", "backfill", "arrived_at", "id"],
                include=["due_at"],
                condition=Q(state__in=["due", "waiting"], due_at__isnull=False),
                name="store_subject_due",
            ),
            models.Index(
                fields=["target", "flow", "backfill", "due_at"],
                condition=Q(state__in=["due", "waiting"], due_at__isnull=False),
                name="store_subject_when",
            ),
            models.Index(fields=["workspace", "-id"], name="store_subject_newest"),
            models.Index(fields=["workspace", "-id"], condition=Q(state="parked"), name="store_subject_parked"),
            models.Index("workspace", F("lanes__0"), F("id").desc(), name="store_subject_lane"),
        ]
