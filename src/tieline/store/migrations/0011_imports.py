"""Imported lists."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import tieline.store.models.fields
from tieline.store.policies import protect

_RUNNING = """
-- Every import under way, with its workspace: a worker looks across.
CREATE FUNCTION store_running_imports() RETURNS TABLE (id bigint, workspace bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.id, i.workspace_id FROM store_import i JOIN store_connection c ON c.id = i.connection_id
     WHERE i.state = 'running' AND c.state <> 'disconnected' ORDER BY i.id
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("store", "0010_outgoing"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Import",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("content", models.BinaryField(null=True)),
                ("encoding", models.CharField(max_length=16)),
                ("separator", models.CharField(max_length=1)),
                ("has_names", models.BooleanField(default=True)),
                ("reading", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("stopped", "Stopped"),
                            ("failed", "Failed"),
                        ],
                        default="draft",
                        max_length=10,
                    ),
                ),
                ("rows", models.IntegerField(default=0)),
                ("done", models.IntegerField(default=0)),
                ("fresh", models.IntegerField(default=0)),
                ("known", models.IntegerField(default=0)),
                ("wrong", models.IntegerField(default=0)),
                ("errors", tieline.store.models.fields.JsonText(default=list)),
                ("trouble", tieline.store.models.fields.JsonText(null=True)),
                ("created", models.DateTimeField(default=django.utils.timezone.now)),
                ("started_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="imports", to="store.connection"
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="team.workspace"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["connection", "-id"], name="store_import_newest"),
                    models.Index(fields=["id"], condition=models.Q(state="running"), name="store_import_running"),
                ],
            },
        ),
        *protect("store_import"),
        migrations.RunSQL(_RUNNING, "DROP FUNCTION store_running_imports()"),
    ]
