"""Ids of records that were there before their pair was, of vendors that do not tell when a record was made (CUST-2)."""

import django.db.models.deletion
from django.db import migrations, models

from tieline.store.policies import protect


class Migration(migrations.Migration):
    dependencies = [
        ("store", "0017_urgent_pairs"),
        ("team", "0004_tokens"),
    ]

    operations = [
        migrations.CreateModel(
            name="SyncOld",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("epoch", models.IntegerField()),
                ("role", models.TextField()),
                ("side", models.TextField()),
                ("record", models.TextField()),
                (
                    "pair",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="store.syncpair",
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
        migrations.AddConstraint(
            model_name="syncold",
            constraint=models.UniqueConstraint(
                fields=("pair", "role", "side", "record", "epoch"), name="store_syncold_once"
            ),
        ),
        *protect("store_syncold"),
    ]
