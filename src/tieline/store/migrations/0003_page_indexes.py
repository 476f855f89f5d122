"""Indexes that pages ask by: runs by time, the few that did not simply go well, calls of a number, records written."""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("store", "0002_policies")]

    operations = [
        migrations.AddIndex("run", models.Index(fields=["workspace", "-started_at", "-id"], name="store_run_day")),
        migrations.AddIndex(
            "run",
            models.Index(
                fields=["workspace", "-started_at", "-id"],
                condition=Q(state__in=["failed", "asked", "applying"]),
                name="store_run_rare",
            ),
        ),
        migrations.AddIndex(
            "operation",
            models.Index(
                fields=["workspace", "external_id"],
                condition=Q(external_id__isnull=False),
                name="store_operation_record",
            ),
        ),
        migrations.AddIndex(
            "subject",
            models.Index(fields=["workspace", "-id"], condition=Q(state="parked"), name="store_subject_parked"),
        ),
        migrations.AddIndex(
            "subject", models.Index("workspace", F("lanes__0"), F("id").desc(), name="store_subject_lane")
        ),
    ]
