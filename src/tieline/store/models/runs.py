"""Rows of runs: decisions, the writes they led to, and what was made by them."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from tieline.store.models.fields import JsonText, loose, workspace


class Run(models.Model):
    """As `engine.ports.RunRow`: one decision with everything that led to it."""

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    target = loose("store.Connection")
    epoch = models.IntegerField()
    subject = loose("store.Subject")
    flow = models.CharField(max_length=32)
    revision = models.IntegerField()
    state = models.CharField(max_length=12)
    settings_version = models.IntegerField()
    known = JsonText(default=dict)
    considered = JsonText(default=list)
    questions = JsonText(default=list)
    notices = JsonText(default=list)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    requests = models.FloatField(default=0)
    kind = models.CharField(max_length=8, default="", db_default="", blank=True)  # "undo", "redo": part of an undo

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["subject", "id"], name="store_run_subject"),
            models.Index(fields=["workspace", "-id"], name="store_run_newest"),
            models.Index(fields=["target"], condition=Q(state="applying"), name="store_run_open"),
            models.Index(fields=["workspace", "-started_at", "-id"], name="store_run_day"),
            models.Index(
                fields=["workspace", "-started_at", "-id"],
                condition=Q(state__in=["failed", "asked", "applying"]),
                name="store_run_rare",
            ),
        ]


class Operation(models.Model):
    """As `engine.ports.OperationRow`: one journalled write. `key` is the origin key."""

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    target = loose("store.Connection")
    epoch = models.IntegerField()
    key = models.CharField(max_length=64)
    run = loose("store.Run")
    subject = loose("store.Subject")
    slot = models.CharField(max_length=64)
    verb = models.CharField(max_length=10)
    role = models.CharField(max_length=32)
    values = JsonText(default=dict)
    target_ref = JsonText(null=True)
    before = JsonText(default=dict)
    state = models.CharField(max_length=10)
    reason = JsonText(default=dict)
    match_keys = JsonText(default=list)
    external_id = models.TextField(null=True)  # noqa: DJ001 - not written yet is not the same as an empty id
    record_version = models.TextField(null=True)  # noqa: DJ001
    sent_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    error = JsonText(null=True)
    position = models.IntegerField(default=0)
    requests = models.FloatField(default=0)
    if_version = models.TextField(null=True)  # noqa: DJ001 - written whatever its version

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["target", "key"], name="store_operation_key"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["run", "position"], name="store_operation_run"),
            models.Index(fields=["subject"], name="store_operation_subject"),
            models.Index(
                fields=["workspace", "external_id"],
                condition=Q(external_id__isnull=False),
                name="store_operation_record",
            ),
        ]


class OwnKey(models.Model):
    """As `engine.ports.OwnKey`: a record of ours under a key by which look-ups find it before the vendor's index does.

    Kept for a day; a vendor's index lags by minutes.
    """

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    target = loose("store.Connection")
    epoch = models.IntegerField()
    role = models.CharField(max_length=32)
    by = models.CharField(max_length=64)
    value = models.TextField()
    external_id = models.TextField()
    values = JsonText(default=dict)
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["target", "value", "role", "by", "external_id", "epoch"], name="store_own_key_once"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [BrinIndex(fields=["made_at"], name="store_own_key_time")]


class Link(models.Model):
    """This record there belongs to this subject and slot here. `base`: the values last agreed on, at `version`."""

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    target = loose("store.Connection")
    epoch = models.IntegerField()
    role = models.CharField(max_length=32)
    external_id = models.TextField()
    subject = loose("store.Subject")
    slot = models.CharField(max_length=64)
    key = models.CharField(max_length=64)
    base = JsonText(default=dict)
    version = models.TextField(null=True)  # noqa: DJ001 - a vendor without versions
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["target", "role", "external_id", "epoch"], name="store_link_record"),
        ]
