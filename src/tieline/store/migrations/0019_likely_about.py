"""Open questions about likely pairs, found by the records that they are about (CUST-4)."""

from django.db import migrations

from tieline.store.policies import sql_file


class Migration(migrations.Migration):
    dependencies = [("store", "0018_sync_old")]

    operations = [
        sql_file(
            "0019_likely_about.sql",
            "DROP FUNCTION store_likely_about(bigint, integer, text[], integer); DROP INDEX store_inboxitem_likely;"
            "DROP FUNCTION store_likely_keys(bigint, text, text, jsonb);",
        )
    ]
