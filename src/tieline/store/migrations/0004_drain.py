"""What a drain changes, by key."""

from django.db import migrations

from tieline.store.policies import sql_file

FUNCTIONS = (
    "store_move_subjects(bigint, json, boolean)",
    "store_save_results(bigint, json)",
    "store_send(bigint, json)",
    "store_end_runs(bigint, json)",
    "store_overtake(bigint, json)",
    "store_analyze()",
)


class Migration(migrations.Migration):
    dependencies = [("store", "0003_page_indexes")]

    operations = [sql_file("0004_drain.sql", "".join(f"DROP FUNCTION {name};" for name in FUNCTIONS))]
