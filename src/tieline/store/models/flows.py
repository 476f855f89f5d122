"""Rows of flows: which run in a workspace, from where to where, and every version of their settings."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings as django
from django.db import models
from django.utils import timezone

from tieline.store.models.connections import Connection
from tieline.store.models.fields import owned


class FlowState(models.TextChoices):
    """Whether a flow decides. Watch or live is apart from it."""

    ACTIVE = "active"
    WAITING_CONSENT = "waiting_consent"  # a saved rule needs a scope that is not granted; the version before goes on
    PAUSED = "paused"  # a scope or a setting failed at the vendor; `trouble` names it


class FlowSetting(models.Model):
    """A flow of a workspace. `version` is the number of the settings in force, 0 before the first.

    live false: watch mode, decides and writes nothing. `waiting_version`: saved, in force once consent is given.
    """

    workspace = owned()
    flow = models.CharField(max_length=32)
    target = models.ForeignKey(Connection, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=20, choices=FlowState.choices, default=FlowState.ACTIVE)
    version = models.IntegerField(default=0)
    waiting_version = models.IntegerField(null=True, blank=True)
    live = models.BooleanField(default=False)
    live_since = models.DateTimeField(null=True, blank=True)
    trouble = models.JSONField(null=True, blank=True)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["workspace", "flow"], name="store_flow_one"),
        ]


class FlowVersion(models.Model):
    """Settings as they were saved; never changed afterwards."""

    workspace = owned()
    setting = models.ForeignKey(FlowSetting, on_delete=models.CASCADE, related_name="versions")
    number = models.IntegerField()
    settings = models.JSONField()
    saved_by = models.ForeignKey(django.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["setting", "number"], name="store_flow_version_number"),
        ]


class FlowSource(models.Model):
    """A connection that a flow takes events from. Intake reads it to know whom an event wakes."""

    workspace = owned()
    setting = models.ForeignKey(FlowSetting, on_delete=models.CASCADE, related_name="sources")
    source = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="flow_sources")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["source", "setting"], name="store_flow_source_one"),
        ]
