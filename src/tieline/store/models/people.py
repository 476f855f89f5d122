"""Rows that people read: what waits for them, what they did, what happened."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tieline.store.models.connections import Connection
from tieline.store.models.fields import JsonText, loose, owned, workspace


class InboxState(models.TextChoices):
    """Open until somebody decides, or the question goes away by itself."""

    OPEN = "open"
    ANSWERED = "answered"
    DISMISSED = "dismissed"
    OVERTAKEN = "overtaken"  # decided anew without the question


class InboxItem(models.Model):
    """A question (a subject, or a record of a pair, waits for the answer) or a notice (nothing waits).

    kind and topic make like cases alike. options: records to choose from as [[role, id, fields], …].
    answer: as `Known.answers_given[kind]` gets it. times: how often a notice was raised.
    pair: a question of a pair (flow "customers"), about `record` of `side` in `role`, or about a run of it (record ""); the
    answer is `core.pairing.Told` as JSON. One is open for each (pair, role, side, record, kind).
    """

    id = models.BigAutoField(primary_key=True)
    workspace = owned()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    epoch = models.IntegerField(default=1)
    flow = models.CharField(max_length=32, blank=True, default="")
    kind = models.CharField(max_length=64)
    topic = models.TextField(blank=True, default="")
    reason = models.JSONField()
    options = models.JSONField(default=list)
    subject = loose("store.Subject", null=True)
    run = loose("store.Run", null=True)
    state = models.CharField(max_length=10, choices=InboxState.choices, default=InboxState.OPEN)
    answer = models.JSONField(null=True, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    times = models.IntegerField(default=1)
    created = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    remembered = loose("store.Remembered", null=True)  # what answered it by itself
    told_at = models.DateTimeField(null=True, blank=True)  # when people were notified of it
    pair = loose("store.SyncPair", null=True)
    role = models.TextField(default="", db_default="", blank=True)
    side = models.TextField(default="", db_default="", blank=True)
    record = models.TextField(default="", db_default="", blank=True)
    link = models.TextField(default="", db_default="", blank=True)  # key of the link, where there is one
    name = models.TextField(default="", db_default="", blank=True)  # of the record

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["workspace", "flow", "kind", "topic"],
                condition=Q(state="open", subject__isnull=True, pair__isnull=True),
                name="store_inbox_one_notice",
            ),
            models.UniqueConstraint(
                fields=["pair", "role", "side", "record", "kind"],
                condition=Q(state="open", pair__isnull=False),
                name="store_inbox_one_of_pair",
            ),
            models.UniqueConstraint(
                fields=["subject", "kind"], condition=Q(state="open"), name="store_inbox_one_question"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "state", "-id"], name="store_inbox_open"),
            models.Index(fields=["subject"], condition=Q(state="answered"), name="store_inbox_answered"),
            models.Index(
                fields=["workspace", "id"], condition=Q(state="open", told_at__isnull=True), name="store_inbox_untold"
            ),
        ]


class Remembered(models.Model):
    """A decision that answers later like cases by itself: same CRM and epoch, flow, kind and topic, and the chosen record
    is among the candidates again. A revoked one stays for the cases that it answered."""

    id = models.BigAutoField(primary_key=True)
    workspace = owned()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    epoch = models.IntegerField(default=1)
    flow = models.CharField(max_length=32)
    kind = models.CharField(max_length=64)
    topic = models.TextField()
    answer = models.JSONField()
    name = models.TextField(blank=True, default="")  # of the chosen record, when it was chosen
    item = loose("store.InboxItem")  # the case that it was decided on
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(default=timezone.now)
    times = models.IntegerField(default=0)
    last_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["connection", "epoch", "flow", "kind", "topic"],
                condition=Q(revoked_at__isnull=True),
                name="store_remembered_one",
            ),
        ]


class Audit(models.Model):
    """Who did what. `action` is a code, params fill in its words; never a secret."""

    id = models.BigAutoField(primary_key=True)
    workspace = owned()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    action = models.CharField(max_length=64)
    params = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "-id"], name="store_audit_newest")]


class Happening(models.Model):
    """What one flow lets others know, written in the transaction in which it happened."""

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    connection = loose("store.Connection", null=True)
    epoch = models.IntegerField(default=1)
    kind = models.CharField(max_length=64)
    subject = loose("store.Subject", null=True)
    what = JsonText(default=dict)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "kind", "id"], name="store_happening_kind"),
        ]
