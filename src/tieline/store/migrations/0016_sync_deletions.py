"""Deletions of a pair within a day are counted by an index of their own (CUST-12)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("store", "0015_sync")]

    operations = [
        migrations.AddIndex(
            model_name="syncoperation",
            index=models.Index(
                condition=models.Q(("verb", "delete")),
                fields=["pair", "role", "sent_at"],
                name="store_syncop_deleted",
            ),
        ),
    ]
