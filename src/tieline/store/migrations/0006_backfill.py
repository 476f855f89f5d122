"""Back-fill from call lists, and imported lists."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import tieline.store.models.fields
from tieline.store.policies import protect, sql_file

_WAITS = models.Q(state__in=["due", "waiting"], due_at__isnull=False)
_BEFORE = """
DROP TRIGGER tell_intake ON store_connection;
CREATE TRIGGER tell_intake AFTER INSERT OR DELETE OR UPDATE OF intake_hash, state ON store_connection
    FOR EACH STATEMENT EXECUTE FUNCTION store_tell_intake();
CREATE OR REPLACE FUNCTION store_intake_sources()
RETURNS TABLE (intake_hash text, connection_id bigint, workspace_id bigint, connector text, secrets json)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.intake_hash, c.id, c.workspace_id, c.connector,
           (SELECT json_object_agg(s.name, encode(s.sealed, 'escape')) FROM store_secret s WHERE s.connection_id = c.id)
      FROM store_connection c
     WHERE c.intake_hash IS NOT NULL AND c.state <> 'disconnected'
$$;
DROP FUNCTION store_watched_sources(interval);
DROP FUNCTION store_claim_backfill(uuid, float8);
DROP INDEX store_subject_behind;
DROP INDEX store_openevent_queue;
CREATE INDEX store_openevent_queue ON store_openevent (target_id, source_id, event_id);
"""
# store_due_targets stays as it is here: it finds the same before and after.


class Migration(migrations.Migration):
    dependencies = [("store", "0005_due"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.AddField(
            "connection", "intake_hash_before", models.CharField(blank=True, max_length=64, null=True, unique=True)
        ),
        migrations.AddField("connection", "intake_until", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("budget", "spent", tieline.store.models.fields.JsonText(default=list)),
        migrations.AddField("openevent", "backfill", models.BooleanField(db_default=False, default=False)),
        migrations.AddField("subject", "backfill", models.BooleanField(db_default=False, default=False)),
        migrations.RemoveIndex("subject", "store_subject_due"),
        migrations.RemoveIndex("subject", "store_subject_when"),
        migrations.AddIndex(
            "subject",
            models.Index(
                fields=["target", "backfill", "arrived_at", "id"],
                include=["due_at"],
                condition=_WAITS,
                name="store_subject_due",
            ),
        ),
        migrations.AddIndex(
            "subject",
            models.Index(fields=["target", "flow", "backfill", "due_at"], condition=_WAITS, name="store_subject_when"),
        ),
        migrations.CreateModel(
            name="Backfill",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("why", models.CharField(max_length=16)),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("reached", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("done", "Done"),
                            ("stopped", "Stopped"),
                            ("failed", "Failed"),
                        ],
                        default="running",
                        max_length=10,
                    ),
                ),
                ("listed", models.IntegerField(default=0)),
                ("missing", models.IntegerField(default=0)),
                ("completed", models.IntegerField(default=0)),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("attempts", models.IntegerField(default=0)),
                ("trouble", tieline.store.models.fields.JsonText(null=True)),
                ("worker", models.UUIDField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("moved_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                        on_delete=django.db.models.deletion.CASCADE, related_name="backfills", to="store.connection"
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
                    models.Index(fields=["connection", "-id"], name="store_backfill_newest"),
                    models.Index(
                        condition=models.Q(("state", "running")), fields=["due_at"], name="store_backfill_due"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "running")), fields=("connection",), name="store_backfill_one"
                    )
                ],
            },
        ),
        *protect("store_backfill"),
        sql_file("0006_backfill.sql", _BEFORE),
    ]
