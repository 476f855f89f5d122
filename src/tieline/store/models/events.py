"""Rows of events as they arrived. An event is never changed: what is open of it stands in a queue beside it, since moving a
body on every change of state would be most of the work."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from tieline.store.models.fields import JsonText, loose, workspace


class Event(models.Model):
    """A kept delivery. `key` is a hash of the connector's event key; with the connection it is unique. `signature`: the verdict
    at the door (sdk.contract.Arrived: "verified", "token", "absent"); "" for what came by another way, or before it was kept."""

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    connection = loose("store.Connection")
    epoch = models.IntegerField()
    key = models.UUIDField()
    received_at = models.DateTimeField()
    method = models.CharField(max_length=8)
    query = models.TextField(default="")
    headers = JsonText(default=dict)
    body = models.BinaryField()
    signature = models.CharField(max_length=8, default="", db_default="")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["connection", "key"], name="store_event_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["connection", "-id"], name="store_event_newest"),
            BrinIndex(fields=["received_at"], name="store_event_time"),
        ]


class OpenEvent(models.Model):
    """An event that a target has not folded yet. Gone once it has. `backfill`: it was fetched from a list; live ones go first."""

    pk = models.CompositePrimaryKey("target_id", "event_id")
    target = loose("store.Connection")
    event = loose("store.Event")
    source = loose("store.Connection")
    workspace = workspace()
    backfill = models.BooleanField(default=False, db_default=False)


class EventSubject(models.Model):
    """Which subject an event was folded into."""

    pk = models.CompositePrimaryKey("subject_id", "event_id")
    subject = loose("store.Subject")
    event = loose("store.Event")
    workspace = workspace()


class RefusedEvent(models.Model):
    """An event that nothing could be made of, and why."""

    event = models.OneToOneField(
        Event, on_delete=models.DO_NOTHING, related_name="refused", db_constraint=False, primary_key=True
    )
    workspace = workspace()
    connection = loose("store.Connection")
    reason = JsonText()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["connection", "-event"], name="store_refused_newest")
        ]
