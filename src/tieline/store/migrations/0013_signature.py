"""What a delivery's signature was found to be is kept with it: later secrets say nothing about it."""

from pathlib import Path

from django.db import migrations, models

from tieline.store.policies import sql_file

_FUNCTIONS = (Path(__file__).parent / "sql" / "0002_functions.sql").read_text(encoding="utf-8")
_BEFORE = "CREATE OR REPLACE FUNCTION store_accept(" + (
    _FUNCTIONS.partition("CREATE FUNCTION store_accept(")[2].partition("END $$;")[0] + "END $$;"
)


class Migration(migrations.Migration):
    dependencies = [("store", "0012_search")]

    operations = [
        migrations.AddField("event", "signature", models.CharField(db_default="", default="", max_length=8)),
        sql_file("0013_signature.sql", _BEFORE),
    ]
