"""Outgoing webhooks."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from tieline.store.policies import protect, sql_file

_BEFORE = """
DROP FUNCTION store_claim_hooks(int, int, uuid, float8, bigint[]);
DROP FUNCTION store_tell_items() CASCADE;
DROP FUNCTION store_tell_ended_runs() CASCADE;
DROP FUNCTION store_tell_runs() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("store", "0009_undo"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Hook",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=80)),
                ("url", models.CharField(max_length=500)),
                ("kinds", models.JSONField(default=list)),
                ("sealed", models.BinaryField()),
                ("sealed_before", models.BinaryField(null=True)),
                ("before_until", models.DateTimeField(null=True)),
                ("active", models.BooleanField(default=True)),
                ("created", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_status", models.IntegerField(null=True)),
                ("last_at", models.DateTimeField(null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("trouble", models.JSONField(null=True)),
                (
                    "made_by",
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
        migrations.CreateModel(
            name="HookDelivery",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("message", models.UUIDField(default=uuid.uuid4)),
                ("kind", models.CharField(max_length=32)),
                ("about", models.BigIntegerField(null=True)),
                ("created", models.DateTimeField(default=django.utils.timezone.now)),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("attempts", models.IntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[("due", "Due"), ("done", "Done"), ("given_up", "Given Up")],
                        default="due",
                        max_length=8,
                    ),
                ),
                ("last_status", models.IntegerField(null=True)),
                ("done_at", models.DateTimeField(null=True)),
                ("lease", models.UUIDField(null=True)),
                (
                    "hook",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="store.hook",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="team.workspace",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "due")), fields=["hook", "due_at"], name="store_hookdelivery_due"
                    ),
                    models.Index(fields=["hook", "-id"], name="store_hookdelivery_newest"),
                ],
            },
        ),
        *protect("store_hook", "store_hookdelivery"),
        sql_file("0010_outgoing.sql", _BEFORE),
    ]
