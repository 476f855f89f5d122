"""Rows of the installation itself. They have no workspace and nothing of one but ids."""

from __future__ import annotations

from django.db import models


class Worker(models.Model):
    """A worker process that is alive: it beats every two seconds. Or one that takes deliveries (`store.living`)."""

    id = models.UUIDField(primary_key=True)
    host = models.CharField(max_length=255)
    pid = models.IntegerField()
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()


class Hold(models.Model):
    """Which worker holds a target, by which database session. The right itself is the advisory lock of that session; this
    row lets others end a session whose worker no longer beats."""

    target_id = models.BigIntegerField(primary_key=True)
    worker_id = models.UUIDField()
    backend = models.IntegerField()
    since = models.DateTimeField()


class PairHold(models.Model):
    """The same for a pair."""

    pair_id = models.BigIntegerField(primary_key=True)
    worker_id = models.UUIDField()
    backend = models.IntegerField()
    since = models.DateTimeField()


class Chore(models.Model):
    """Work that comes round: done by whichever worker first finds it due."""

    name = models.CharField(max_length=64, primary_key=True)
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
