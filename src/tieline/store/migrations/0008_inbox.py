"""Remembered decisions and notifications."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import tieline.store.models.fields  # noqa: F401
from tieline.store.policies import protect, sql_file

_BACK = "DROP FUNCTION store_answer_remembered(bigint, bigint, integer, json); DROP FUNCTION store_notify_due();"


class Migration(migrations.Migration):
    dependencies = [
        ("store", "0007_replay"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ToldStop",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("revision", models.IntegerField()),
            ],
        ),
        migrations.AddField(
            model_name="inboxitem",
            name="told_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="Notification",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=64)),
                ("topic", models.TextField(blank=True, default="")),
                ("params", models.JSONField(default=dict)),
                ("times", models.IntegerField(default=1)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("in_app", models.BooleanField(default=True)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                (
                    "mail",
                    models.CharField(
                        choices=[("no", "No"), ("now", "Now"), ("digest", "Digest")], default="no", max_length=8
                    ),
                ),
                (
                    "mail_state",
                    models.CharField(
                        choices=[
                            ("none", "None"),
                            ("due", "Due"),
                            ("sending", "Sending"),
                            ("sent", "Sent"),
                            ("failed", "Failed"),
                            ("unknown", "Unknown"),
                        ],
                        default="none",
                        max_length=8,
                    ),
                ),
                ("mail_key", models.CharField(blank=True, default="", max_length=64)),
                ("mail_due", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.IntegerField(default=0)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="team.workspace"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="NotificationChoice",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=64)),
                ("in_app", models.BooleanField(default=True)),
                (
                    "mail",
                    models.CharField(
                        choices=[("no", "No"), ("now", "Now"), ("digest", "Digest")], default="no", max_length=8
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="team.workspace"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Remembered",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("epoch", models.IntegerField(default=1)),
                ("flow", models.CharField(max_length=32)),
                ("kind", models.CharField(max_length=64)),
                ("topic", models.TextField()),
                ("answer", models.JSONField()),
                ("name", models.TextField(blank=True, default="")),
                ("decided_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("times", models.IntegerField(default=0)),
                ("last_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="store.connection"
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "item",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="store.inboxitem",
                    ),
                ),
                (
                    "revoked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="team.workspace"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="inboxitem",
            name="remembered",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="store.remembered",
            ),
        ),
        migrations.AddIndex(
            model_name="inboxitem",
            index=models.Index(
                condition=models.Q(("state", "answered")), fields=["subject"], name="store_inbox_answered"
            ),
        ),
        migrations.AddIndex(
            model_name="inboxitem",
            index=models.Index(
                condition=models.Q(("state", "open"), ("told_at__isnull", True)),
                fields=["workspace", "id"],
                name="store_inbox_untold",
            ),
        ),
        migrations.AddField(
            model_name="toldstop",
            name="subject",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="store.subject",
            ),
        ),
        migrations.AddField(
            model_name="toldstop",
            name="workspace",
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="team.workspace"),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(fields=["workspace", "user", "-last_at"], name="store_notification_newest"),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(("mail_state__in", ["due", "sending"])),
                fields=["workspace", "mail_due"],
                name="store_notification_mail",
            ),
        ),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.UniqueConstraint(
                condition=models.Q(("read_at__isnull", True)),
                fields=("workspace", "user", "kind", "topic"),
                name="store_notification_one_unread",
            ),
        ),
        migrations.AddConstraint(
            model_name="notificationchoice",
            constraint=models.UniqueConstraint(
                fields=("workspace", "user", "kind"), name="store_notification_one_choice"
            ),
        ),
        migrations.AddConstraint(
            model_name="remembered",
            constraint=models.UniqueConstraint(
                condition=models.Q(("revoked_at__isnull", True)),
                fields=("connection", "epoch", "flow", "kind", "topic"),
                name="store_remembered_one",
            ),
        ),
        migrations.AddConstraint(
            model_name="toldstop",
            constraint=models.UniqueConstraint(fields=("subject", "revision"), name="store_told_stop_once"),
        ),
        *protect("store_remembered", "store_notification", "store_notificationchoice", "store_toldstop"),
        sql_file("0008_inbox.sql", _BACK),
    ]
