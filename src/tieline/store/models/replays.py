"""Rows of replays: past subjects decided again under other settings, and what would differ."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings as django
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from tieline.store.models.fields import JsonText, loose, owned, workspace


class Replay(models.Model):
    """One replay: which subjects (flow, target, time, `only`), under which settings, how far it has come, what it found.

    settings      the flow's settings as JSON, saved or not; `base` is the version in force when it was begun
    counts        kind of difference → subjects ("new.lead" → 12); `marks` likewise for what the reader must know
    first_id, final_id  the subjects are those between, so that a repetition looks at the same; `cursor`: the last one done
    digest        of all differences, in order: two replays with the same one differ in nothing
    again_of      the replay that this one repeats
    live_version  the version of the settings that was made of it, NULL before
    """

    workspace = owned()
    flow = models.CharField(max_length=32)
    target = loose("store.Connection")
    epoch = models.IntegerField()
    settings = models.JSONField()
    base = models.IntegerField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    only = models.CharField(max_length=16, blank=True)
    most = models.IntegerField()
    made_by = models.ForeignKey(django.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=10, default="running")
    total = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    differing = models.IntegerField(default=0)
    counts = models.JSONField(default=dict)
    marks = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, blank=True)
    first_id = models.BigIntegerField(default=0)
    final_id = models.BigIntegerField(default=0)
    cursor = models.BigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    again_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")
    live_version = models.IntegerField(null=True)
    applied_at = models.DateTimeField(null=True)
    applied = models.IntegerField(default=0)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "-id"], name="store_replay_newest")]


class ReplayedSubject(models.Model):
    """One subject in a replay.

    kinds       what would differ; empty: nothing. differences: [{"kind", "slot", "role", "was", "now", "why"}, …]
    planned     the operations that others in the replay may find: [[key, slot, verb, role, values, target, matches], …]
    ours        [[role, id, origin key], …] of the records that it made in truth
    marks       "missing", "later", "forgotten", "watched"
    writes      what applying would write: [[role, verb], …]
    """

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    replay = loose("store.Replay")
    subject = loose("store.Subject")
    position = models.IntegerField()
    kinds = ArrayField(models.TextField(), default=list)
    marks = ArrayField(models.TextField(), default=list)
    differences = JsonText(default=list)
    planned = JsonText(default=list)
    ours = JsonText(default=list)
    writes = JsonText(default=list)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["replay", "position"], name="store_replayed_position"),
        ]
