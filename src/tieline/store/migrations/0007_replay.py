"""Replays of past calls."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import tieline.store.models.fields
from tieline.store.policies import protect


def _loose(to: str) -> models.ForeignKey:
    return models.ForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.DO_NOTHING,
        related_name="+",
        to=to,
    )


def _words() -> django.contrib.postgres.fields.ArrayField:
    return django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)


class Migration(migrations.Migration):
    dependencies = [("store", "0006_backfill"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Replay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("flow", models.CharField(max_length=32)),
                ("epoch", models.IntegerField()),
                ("settings", models.JSONField()),
                ("base", models.IntegerField()),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("only", models.CharField(blank=True, max_length=16)),
                ("most", models.IntegerField()),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("state", models.CharField(default="running", max_length=10)),
                ("total", models.IntegerField(default=0)),
                ("done", models.IntegerField(default=0)),
                ("differing", models.IntegerField(default=0)),
                ("counts", models.JSONField(default=dict)),
                ("marks", models.JSONField(default=dict)),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("first_id", models.BigIntegerField(default=0)),
                ("final_id", models.BigIntegerField(default=0)),
                ("cursor", models.BigIntegerField(default=0)),
                ("finished_at", models.DateTimeField(null=True)),
                ("live_version", models.IntegerField(null=True)),
                ("applied_at", models.DateTimeField(null=True)),
                ("applied", models.IntegerField(default=0)),
                (
                    "again_of",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="store.replay"
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("target", _loose("store.connection")),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="team.workspace"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ReplayedSubject",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("position", models.IntegerField()),
                ("kinds", _words()),
                ("marks", _words()),
                ("differences", tieline.store.models.fields.JsonText(default=list)),
                ("planned", tieline.store.models.fields.JsonText(default=list)),
                ("ours", tieline.store.models.fields.JsonText(default=list)),
                ("writes", tieline.store.models.fields.JsonText(default=list)),
                ("replay", _loose("store.replay")),
                ("subject", _loose("store.subject")),
                ("workspace", _loose("team.workspace")),
            ],
        ),
        migrations.AddIndex("replay", models.Index(fields=["workspace", "-id"], name="store_replay_newest")),
        migrations.AddConstraint(
            "replayedsubject", models.UniqueConstraint(fields=("replay", "position"), name="store_replayed_position")
        ),
        *protect("store_replay", "store_replayedsubject"),
    ]
