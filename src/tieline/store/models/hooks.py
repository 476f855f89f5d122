"""Outgoing webhooks: where messages go, and each message with what became of it."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tieline.store.models.fields import loose, owned, workspace


class Hook(models.Model):
    """An address that is told of what happens. kinds: of which messages. sealed: the secret that signs them; sealed_before: the
    one before it, which signs too until before_until. trouble: a code with parameters, of the last failure or of the switching
    off. failing_since: since the first failure after the last success."""

    id = models.BigAutoField(primary_key=True)
    workspace = owned()
    title = models.CharField(max_length=80)
    url = models.CharField(max_length=500)
    kinds = models.JSONField(default=list)
    sealed = models.BinaryField()
    sealed_before = models.BinaryField(null=True)
    before_until = models.DateTimeField(null=True)
    active = models.BooleanField(default=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created = models.DateTimeField(default=timezone.now)
    last_status = models.IntegerField(null=True)
    last_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    trouble = models.JSONField(null=True)


class DeliveryState(models.TextChoices):
    """What became of a message."""

    DUE = "due"
    DONE = "done"
    GIVEN_UP = "given_up"


class HookDelivery(models.Model):
    """One message to one hook: `message` is its id outside, the same with every attempt. `about`: the run's or the inbox item's
    id; none for a test. lease: who sends it now; until due_at nobody else does. attempts: how often sending was begun.

    Written by triggers in the transaction of its cause, so without constraints that could fail it.
    """

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    hook = loose("store.Hook")
    message = models.UUIDField(default=uuid.uuid4)
    kind = models.CharField(max_length=32)
    about = models.BigIntegerField(null=True)
    created = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    attempts = models.IntegerField(default=0)
    state = models.CharField(max_length=8, choices=DeliveryState.choices, default=DeliveryState.DUE)
    last_status = models.IntegerField(null=True)
    done_at = models.DateTimeField(null=True)
    lease = models.UUIDField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["hook", "due_at"], condition=Q(state="due"), name="store_hookdelivery_due"),
            models.Index(fields=["hook", "-id"], name="store_hookdelivery_newest"),
        ]
