"""Undo: runs of a kind of their own, what an undo is to take back, and what became of it."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import tieline.store.models.fields
from tieline.store.policies import protect, sql_file

_BACK = """
DROP FUNCTION store_undo_targets();
DROP FUNCTION store_settle_undo(bigint, bigint);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("store", "0008_inbox"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="operation",
            name="if_version",
            field=models.TextField(null=True),
        ),
        migrations.AddField(
            model_name="run",
            name="kind",
            field=models.CharField(blank=True, db_default="", default="", max_length=8),
        ),
        migrations.CreateModel(
            name="Undo",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("epoch", models.IntegerField()),
                ("flow", models.CharField(max_length=32)),
                ("kind", models.CharField(default="undo", max_length=8)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("reading", "Reading"),
                            ("ready", "Ready"),
                            ("approved", "Approved"),
                            ("done", "Done"),
                            ("dropped", "Dropped"),
                        ],
                        default="reading",
                        max_length=10,
                    ),
                ),
                ("selection", models.JSONField(default=dict)),
                ("runs", models.IntegerField(default=0)),
                ("counts", models.JSONField(default=dict)),
                ("created", models.DateTimeField(default=django.utils.timezone.now)),
                ("ready_at", models.DateTimeField(null=True)),
                ("approved_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "approved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="store.connection"
                    ),
                ),
                (
                    "undoes",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="store.undo"
                    ),
                ),
                (
                    "user",
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
            name="UndoItem",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("slot", models.CharField(max_length=64)),
                ("do", models.CharField(max_length=8)),
                ("role", models.CharField(max_length=32)),
                ("record", models.TextField()),
                ("values", tieline.store.models.fields.JsonText(default=dict)),
                ("before", tieline.store.models.fields.JsonText(default=dict)),
                ("version", models.TextField(null=True)),
                ("reason", tieline.store.models.fields.JsonText(null=True)),
                ("after", tieline.store.models.fields.JsonText(default=list)),
                ("found_by", tieline.store.models.fields.JsonText(default=list)),
                ("state", models.CharField(max_length=8)),
                ("key", models.CharField(blank=True, default="", max_length=64)),
                ("why", tieline.store.models.fields.JsonText(null=True)),
                (
                    "act",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="store.operation",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="store.run",
                    ),
                ),
                (
                    "subject",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="store.subject",
                    ),
                ),
                (
                    "undo",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="store.undo",
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
        ),
        migrations.CreateModel(
            name="UndoRun",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="store.run",
                    ),
                ),
                (
                    "undo",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="store.undo",
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
        ),
        migrations.AddIndex(
            model_name="undo",
            index=models.Index(fields=["workspace", "-id"], name="store_undo_newest"),
        ),
        migrations.AddIndex(
            model_name="undo",
            index=models.Index(
                condition=models.Q(("state__in", ["reading", "approved"])), fields=["target"], name="store_undo_open"
            ),
        ),
        migrations.AddIndex(
            model_name="undoitem",
            index=models.Index(fields=["undo", "state", "id"], name="store_undoitem_state"),
        ),
        migrations.AddIndex(
            model_name="undorun",
            index=models.Index(fields=["run"], name="store_undorun_run"),
        ),
        migrations.AddConstraint(
            model_name="undorun",
            constraint=models.UniqueConstraint(fields=("undo", "run"), name="store_undorun_once"),
        ),
        *protect("store_undo", "store_undorun", "store_undoitem"),
        sql_file("0009_undo.sql", _BACK),
    ]
