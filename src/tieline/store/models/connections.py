"""Rows of connections: what is authorised at a vendor, its secrets, what it looks like there, its budget.

Everything that comes from a CRM carries its connection and the connection's **epoch**, so that a change of the CRM is one
flip of a number and clean-up behind it.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from tieline.store.models.fields import JsonText, owned, workspace


class ConnectionState(models.TextChoices):
    """What becomes of work for a connection. Events are kept in every state."""

    ACTIVE = "active"
    PAUSED = "paused"  # by a person
    NEEDS_RECONNECT = "needs_reconnect"  # the vendor refuses our credentials
    STOPPED = "stopped"  # it answered in a way we do not know; a person looks first
    DISCONNECTED = "disconnected"  # secrets are gone; rows stay for the story


class Connection(models.Model):
    """One authorised vendor account of a workspace.

    config    what is not secret: typed fields, data centre, `base_url` of a sandbox, what the grant named (api domain)
    intake_hash   SHA-256 of the key in /in/<key>; the key itself is a sealed secret named "intake_key"
    intake_hash_before, intake_until   the address before that one, and how long it still works
    identity  {"account_id", "name"} as the vendor says; scopes: what it granted
    origin_fields   object → field that holds our origin key there
    trouble   the last error as {"code", "params"}, None when the last answer was good
    """

    workspace = owned()
    connector = models.CharField(max_length=64)
    title = models.CharField(max_length=120)
    environment = models.CharField(max_length=32, default="production")
    config = models.JSONField(default=dict)
    state = models.CharField(max_length=20, choices=ConnectionState.choices, default=ConnectionState.ACTIVE)
    epoch = models.IntegerField(default=1)
    is_main_crm = models.BooleanField(default=False)
    intake_hash = models.CharField(max_length=64, unique=True, null=True, blank=True)
    intake_hash_before = models.CharField(max_length=64, unique=True, null=True, blank=True)
    intake_until = models.DateTimeField(null=True, blank=True)
    identity = models.JSONField(default=dict)
    scopes = models.JSONField(default=list)
    origin_fields = models.JSONField(default=dict)
    lines = models.JSONField(default=list)  # [number, label] of a phone system
    paused_until = models.DateTimeField(null=True, blank=True)
    trouble = models.JSONField(null=True, blank=True)
    trouble_since = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)  # the last good answer of the vendor
    described_at = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["workspace", "connector"], name="store_conn_ws")]


class Secret(models.Model):
    """A sealed value of a connection. The seal holds workspace and connection, so a row moved elsewhere does not open."""

    workspace = owned()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=64)
    sealed = models.BinaryField()
    changed = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["connection", "name"], name="store_secret_name"),
        ]


class OAuthClient(models.Model):
    """Our OAuth client at a vendor: one for the workspace instead of the installation's (HUB-13).

    `client` is sealed JSON {"client_id", "client_secret", …}.
    """

    workspace = owned()
    connector = models.CharField(max_length=64)
    environment = models.CharField(max_length=32, default="production")
    client = models.BinaryField()
    changed = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["workspace", "connector", "environment"], name="store_oauth_client_one"),
        ]


class Consent(models.Model):
    """A consent under way: made before the person goes to the vendor, used once when they come back.

    Only a hash of the `state` parameter is kept; `sealed` is JSON of what has to be remembered (code verifier, typed
    client, where to go on). `connection` is set when an existing one is to be renewed or widened.
    """

    workspace = owned()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    state_hash = models.CharField(max_length=64, unique=True)
    connector = models.CharField(max_length=64)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    scopes = models.JSONField(default=list)
    sealed = models.BinaryField()
    created = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField()


class Grant(models.Model):
    """Who authorised a connection, and with which scopes. A member may add their own to a connection."""

    workspace = owned()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="grants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    scopes = models.JSONField(default=list)
    created = models.DateTimeField(default=timezone.now)
    ended = models.DateTimeField(null=True, blank=True)


class SchemaSnapshot(models.Model):
    """An object of the CRM as its describe() gave it on a day; a new row only where something changed (`digest`)."""

    workspace = owned()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="schemas")
    epoch = models.IntegerField()
    object = models.CharField(max_length=128)
    schema = JsonText()
    digest = models.CharField(max_length=64)
    taken_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["connection", "epoch", "object", "-taken_at"], name="store_schema_newest"),
        ]


class CrmUser(models.Model):
    """A person of the CRM who can own records."""

    workspace = owned()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="users")
    epoch = models.IntegerField()
    external_id = models.CharField(max_length=128)
    name = models.CharField(max_length=200)
    email = models.CharField(max_length=254, blank=True, default="")
    active = models.BooleanField(default=True)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["connection", "epoch", "external_id"], name="store_crm_user_id"),
        ]


class Cursor(models.Model):
    """How far a pull or a back-fill got: opaque text of the connector."""

    workspace = owned()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="cursors")
    epoch = models.IntegerField()
    purpose = models.CharField(max_length=128)
    value = models.TextField()
    moved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["connection", "epoch", "purpose"], name="store_cursor_purpose"),
        ]


class RefusedDelivery(models.Model):
    """A delivery that was not accepted, masked; the last 100 of a connection are kept."""

    id = models.BigAutoField(primary_key=True)
    workspace = workspace()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="refused")
    at = models.DateTimeField(default=timezone.now)
    status = models.SmallIntegerField()
    reason = JsonText()
    method = models.CharField(max_length=8)
    headers = JsonText(default=dict)
    body = models.TextField(blank=True, default="")


class Budget(models.Model):
    """The vendor's rate of one connection, shared by every process: `engine.effects.budget.Bucket`, and requests made.

    Seconds since the epoch and days since the epoch, as the arithmetic has them.
    """

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, primary_key=True, related_name="budget")
    workspace = owned()
    tokens = models.FloatField(default=0)
    at_s = models.FloatField(default=0)
    paused_until_s = models.FloatField(default=0)
    used = models.FloatField(default=0)
    day = models.IntegerField(default=0)
    spent = JsonText(default=list)
    requests = models.BigIntegerField(default=0)  # on that day
    limited = models.IntegerField(default=0)  # on that day: how often the vendor asked for silence
