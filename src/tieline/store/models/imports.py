"""Rows of imports: lists that a person brought as a file, and how far each has come."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tieline.store.models.connections import Connection
from tieline.store.models.fields import JsonText, owned


class ImportState(models.TextChoices):
    """Of an import that is over only the numbers stay, its file goes."""

    DRAFT = "draft"  # the file is here; which column is what is not confirmed
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"  # by a person
    FAILED = "failed"  # the file could not be read to its end; `trouble` says why


class Import(models.Model):
    """A list of calls. `content` is the file, compressed, until the import is over.

    reading   which column is what, and how it is read (flows.calls.call_list.Reading as JSON); encoding, separator, has_names
    rows      of the file, without its heading; done: those that were handed in or refused so far, in their order
    fresh     kept as new events; known: there before; wrong: could not be read, the first hundred of them in `errors`:
              [[line of the file, what, reason as JSON], …]
    """

    workspace = owned()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="imports")
    name = models.CharField(max_length=120)
    content = models.BinaryField(null=True)
    encoding = models.CharField(max_length=16)
    separator = models.CharField(max_length=1)
    has_names = models.BooleanField(default=True)
    reading = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.DRAFT)
    rows = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    fresh = models.IntegerField(default=0)
    known = models.IntegerField(default=0)
    wrong = models.IntegerField(default=0)
    errors = JsonText(default=list)
    trouble = JsonText(null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["connection", "-id"], name="store_import_newest"),
            models.Index(fields=["id"], condition=Q(state="running"), name="store_import_running"),
        ]
