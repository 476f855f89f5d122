"""Rows of pairs: two connections whose customers are kept the same, with what was agreed, what waits, and what was written.

Rows of work carry the pair and its `epoch`: the sum of the epochs of its two connections. When either is given to another
account there, the number is another one, and what was linked before is out of sight.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings as django
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tieline.store.models.connections import Connection
from tieline.store.models.fields import JsonText, loose, owned, workspace


class PairState(models.TextChoices):
    """Whether a pair is worked on. `on` is apart from it: a person's master switch, with which nobody is asked anything."""

    ACTIVE = "active"
    PAUSED = "paused"  # by a person
    STOPPED = "stopped"  # something failed that a person must look at; `trouble` names it
    ENDED = "ended"  # taken apart by a person; its rows stay for the story


class SyncPair(models.Model):
    """Two connections kept the same. left is the CRM, right the other; three systems are two pairs that share one.

    on        the master switch: off, no call is made at all
    live      False: watch only: what would be written stays planned
    version   number of the settings in force (`SyncPairVersion`), 0 before the first
    poll_at   when the sides are next asked for their changes; moved forward to look at once
    trouble   {"code", "params"} of the last failure, None when the last round was good
    quiet     the last round that found nothing: {"at", "requests", "seconds"}; such rounds leave no run
    """

    id = models.BigAutoField(primary_key=True)
    workspace = owned()
    name = models.CharField(max_length=120)
    left = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    right = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=PairState.choices, default=PairState.ACTIVE)
    on = models.BooleanField(default=True, db_column="is_on")
    live = models.BooleanField(default=False)
    live_since = models.DateTimeField(null=True, blank=True)
    version = models.IntegerField(default=0)
    trouble = models.JSONField(null=True, blank=True)
    trouble_since = models.DateTimeField(null=True, blank=True)
    poll_at = models.DateTimeField(default=timezone.now)
    polled_at = models.DateTimeField(null=True, blank=True)
    quiet = models.JSONField(null=True, blank=True)
    created = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(django.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["left", "right"], condition=~Q(state="ended"), name="store_syncpair_one"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["poll_at"], condition=Q(state="active", on=True), name="store_syncpair_poll"),
        ]


class SyncPairVersion(models.Model):
    """Settings of a pair as they were saved; never changed afterwards. `settings`: as `flows.customers` reads them."""

    id = models.BigAutoField(primary_key=True)
    workspace = owned()
    pair = models.ForeignKey(SyncPair, on_delete=models.CASCADE, related_name="versions")
    number = models.IntegerField()
    settings = models.JSONField()
    saved_by = models.ForeignKey(django.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["pair", "number"], name="store_syncversion_number"),
        ]


class SyncLink(models.Model):
    """As `engine.sync.ports.LinkRow`: a record of the left and one of the right that are the same. Made for millions: pages keep
    room, so that a new base is written beside the old one without touching an index. `code`: of `why`, "" without one."""

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    pair = loose("store.SyncPair")
    epoch = models.IntegerField()
    key = models.TextField()
    role = models.TextField()
    left_id = models.TextField()
    right_id = models.TextField()
    base = JsonText(default=dict)
    left_version = models.TextField(null=True)  # noqa: DJ001 - a vendor without versions
    right_version = models.TextField(null=True)  # noqa: DJ001
    state = models.TextField(default="linked")
    pending = models.TextField(null=True)  # noqa: DJ001 - no side is not a side
    why = JsonText(null=True)
    code = models.TextField(default="", blank=True)
    name = models.TextField(default="", blank=True)
    agreed_at = models.DateTimeField(null=True)
    parent = models.TextField(null=True)  # noqa: DJ001 - a key or none
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["pair", "role", "left_id", "epoch"], condition=~Q(left_id=""), name="store_synclink_left"
            ),
            models.UniqueConstraint(
                fields=["pair", "role", "right_id", "epoch"], condition=~Q(right_id=""), name="store_synclink_right"
            ),
            models.UniqueConstraint(fields=["pair", "key", "epoch"], name="store_synclink_key"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["pair", "state", "code", "id"], condition=~Q(state="linked"), name="store_synclink_odd"
            ),
            models.Index(fields=["pair", "parent"], condition=Q(parent__isnull=False), name="store_synclink_parent"),
        ]


class SyncWaiting(models.Model):
    """As `engine.sync.ports.WaitingRow`: a record to be looked at, or one that cannot move.

    record     its id on that side; rank: 0 for a role that others hang on, they go first; code: of `why`
    waits_for  "role<tab>side<tab>id" of the record that must be linked first. As text: whether two texts are equal may be
               asked of an index under row-level security, whether two arrays are may not
    revision   goes up with what a person or a hint says of it, so that the end of a look that began before does not take it away
    """

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    pair = loose("store.SyncPair")
    epoch = models.IntegerField()
    role = models.TextField()
    side = models.TextField()
    record = models.TextField()
    rank = models.SmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    why = JsonText(null=True)
    code = models.TextField(default="", blank=True)
    told = JsonText(null=True)
    approved = models.TextField(null=True)  # noqa: DJ001 - approved by nobody
    attempts = models.IntegerField(default=0)
    state = models.TextField(default="due")
    waits_for = models.TextField(null=True)  # noqa: DJ001 - for nothing
    revision = models.IntegerField(default=0)
    name = models.TextField(default="", blank=True)
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["pair", "role", "side", "record", "epoch"], name="store_syncwaiting_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["pair", "rank", "due_at", "id"], condition=Q(due_at__isnull=False), name="store_syncwaiting_due"
            ),
            models.Index(fields=["pair", "state", "code", "id"], name="store_syncwaiting_state"),
            models.Index(
                fields=["pair", "waits_for"], condition=Q(waits_for__isnull=False), name="store_syncwaiting_parent"
            ),
        ]


class SyncRun(models.Model):
    """As `engine.sync.ports.RunRow`. A page that wants a run makes the row, with `asked_by`; the worker that holds the pair takes
    it up. wish: "pause" or "stop" where a person has asked for that; read once a page. total: what there is to do, once known.
    version: of the settings. emptied: values of what it wrote were kept for long enough. A round of changes that found nothing leaves none."""

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    pair = loose("store.SyncPair")
    epoch = models.IntegerField()
    kind = models.TextField()
    state = models.TextField(default="running")
    wish = models.TextField(default="", blank=True)
    counts = models.JSONField(default=dict)
    position = models.JSONField(default=dict)
    options = models.JSONField(default=dict)
    requests = models.IntegerField(default=0)
    why = models.JSONField(null=True)
    total = models.IntegerField(null=True)
    version = models.IntegerField(default=0)
    asked_by = models.ForeignKey(django.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField(default=timezone.now)
    moved_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    emptied = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["pair", "-id"], name="store_syncrun_newest"),
            models.Index(fields=["pair"], condition=Q(state__in=["running", "paused"]), name="store_syncrun_open"),
            models.Index(fields=["workspace", "-started_at", "-id"], name="store_syncrun_day"),
        ]


class SyncOperation(models.Model):
    """As `engine.sync.ports.SyncOperation`: one journalled write. `record` is the id there ("" before a create is done), `link`
    the key of its link. Values of old ones are emptied by a chore; that there was a write stays."""

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    pair = loose("store.SyncPair")
    epoch = models.IntegerField()
    key = models.TextField()
    run = loose("store.SyncRun")
    link = models.TextField(default="", blank=True)
    role = models.TextField()
    side = models.TextField()
    verb = models.TextField()
    record = models.TextField(default="", blank=True)
    values = JsonText(default=dict)
    before = JsonText(default=dict)
    reason = JsonText(default=dict)
    lines = JsonText(default=dict)
    source = JsonText(default=list)
    state = models.TextField(default="planned")
    error = JsonText(null=True)
    version = models.TextField(null=True)  # noqa: DJ001 - a vendor without versions
    sent_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    name = models.TextField(default="", blank=True)
    base = JsonText(default=dict)
    digest = models.TextField(default="", blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["pair", "key"], name="store_syncop_key"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["run", "key"], name="store_syncop_run"),
            models.Index(fields=["pair", "link", "id"], condition=~Q(link=""), name="store_syncop_link"),
            models.Index(fields=["pair"], condition=Q(state__in=["sent", "unknown"]), name="store_syncop_open"),
            models.Index(fields=["pair", "role", "sent_at"], condition=Q(verb="delete"), name="store_syncop_deleted"),
        ]


class SyncReport(models.Model):
    """As `engine.sync.ports.Report`: a record that does not agree, found by a reconciliation or a dry run."""

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    pair = loose("store.SyncPair")
    run = loose("store.SyncRun")
    role = models.TextField()
    left_id = models.TextField(default="", blank=True)
    right_id = models.TextField(default="", blank=True)
    name = models.TextField(default="", blank=True)
    status = models.TextField()
    code = models.TextField(default="", blank=True)
    reason = JsonText(default=dict)
    lines = JsonText(default=list)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["run", "status", "id"], name="store_syncreport_run")
        ]


class SyncCount(models.Model):
    """How many links and waiting rows a pair has by role, state and code of the reason: the sum of `count` over its rows. Kept by
    triggers, which only add rows, so that nobody waits for anybody; whoever holds the pair puts them together now and then.

    what    "link" or "waiting"
    """

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    pair = loose("store.SyncPair")
    epoch = models.IntegerField()
    what = models.TextField()
    role = models.TextField()
    state = models.TextField()
    code = models.TextField()
    count = models.BigIntegerField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["pair"], name="store_synccount_pair")]


class SyncEvent(models.Model):
    """A delivery that tells of changes and that a pair has not read yet. Gone once it has: then its records are waiting rows."""

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    pair = loose("store.SyncPair")
    event = loose("store.Event")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["pair", "event"], name="store_syncevent_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["event"], name="store_syncevent_event")]


class SyncOld(models.Model):
    """A record that was there, linked with nothing, when its feed was first read: an edit of it does not make it anew across (CUST-2).
    Of vendors that do not tell when a record was made; only its id is kept."""

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    pair = loose("store.SyncPair")
    epoch = models.IntegerField()
    role = models.TextField()
    side = models.TextField()
    record = models.TextField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["pair", "role", "side", "record", "epoch"], name="store_syncold_once"),
        ]


class Subscription(models.Model):
    """Deliveries of changes that a connection shall tell us of.

    how        "api": made there by us · "pasted": a person has put our address there
    proven_at  when the first delivery came since it was made
    active     what the vendor said when it was last asked; None where it cannot be asked
    trouble    {"code", "params"} where it is not there any more, or could not be made
    """

    connection = models.OneToOneField(
        Connection, on_delete=models.CASCADE, primary_key=True, related_name="subscription"
    )
    workspace = owned()
    how = models.CharField(max_length=8, default="api")
    made_at = models.DateTimeField(default=timezone.now)
    proven_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    active = models.BooleanField(null=True)
    trouble = models.JSONField(null=True)
