"""What members are told, how each wants to be told, and which stopped subjects were told of already."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tieline.store.models.fields import loose, owned


class Mail(models.TextChoices):
    """Whether an e-mail goes out."""

    NO = "no"
    NOW = "now"
    DIGEST = "digest"


class MailState(models.TextChoices):
    """What became of the e-mail. `sending` is committed before it leaves, so that none leaves twice."""

    NONE = "none"
    DUE = "due"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"  # refused again and again
    UNKNOWN = "unknown"  # the answer of the mail server was not seen; not sent again


class Notification(models.Model):
    """One thing that one member is told. The same kind and topic that comes again before it is read only counts up.

    kind: a code; params fill in its sentence. mail_key: the e-mail that this row goes out with.
    """

    id = models.BigAutoField(primary_key=True)
    workspace = owned()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=64)
    topic = models.TextField(blank=True, default="")
    params = models.JSONField(default=dict)
    times = models.IntegerField(default=1)
    at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    in_app = models.BooleanField(default=True)
    read_at = models.DateTimeField(null=True, blank=True)
    mail = models.CharField(max_length=8, choices=Mail.choices, default=Mail.NO)
    mail_state = models.CharField(max_length=8, choices=MailState.choices, default=MailState.NONE)
    mail_key = models.CharField(max_length=64, blank=True, default="")
    mail_due = models.DateTimeField(null=True, blank=True)
    attempts = models.IntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["workspace", "user", "kind", "topic"],
                condition=Q(read_at__isnull=True),
                name="store_notification_one_unread",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["workspace", "user", "-last_at"], name="store_notification_newest"),
            models.Index(
                fields=["workspace", "mail_due"], condition=Q(mail_state__in=["due", "sending"]),
                name="store_notification_mail",
            ),
        ]  # fmt: skip


class NotificationChoice(models.Model):
    """How one member wants to be told of one kind; without a row, by the defaults."""

    id = models.BigAutoField(primary_key=True)
    workspace = owned()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=64)
    in_app = models.BooleanField(default=True)
    mail = models.CharField(max_length=8, choices=Mail.choices, default=Mail.NO)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["workspace", "user", "kind"], name="store_notification_one_choice"),
        ]


class ToldStop(models.Model):
    """A stop of a subject that people were told of."""

    id = models.BigAutoField(primary_key=True)
    workspace = owned()
    subject = loose("store.Subject")
    revision = models.IntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["subject", "revision"], name="store_told_stop_once"),
        ]
