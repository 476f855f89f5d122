"""Questions of the drain and the sweep that cost what they find; a send that looks at what stands in the journal."""

from django.db import migrations, models
from django.db.models import Q

from tieline.store.policies import sql_file


class Migration(migrations.Migration):
    dependencies = [("store", "0004_drain")]

    operations = [
        migrations.AddIndex(
            "subject",
            models.Index(
                fields=["target", "flow", "due_at"],
                condition=Q(state__in=["due", "waiting"], due_at__isnull=False),
                name="store_subject_when",
            ),
        ),
        sql_file(
            "0005_due.sql",
            "DROP TRIGGER drop_queue ON store_flowsource; DROP FUNCTION store_drop_queue();"
            "DROP INDEX store_openevent_queue;",
        ),
    ]
