"""Records by the words of their names."""

from django.db import migrations

from tieline.store.policies import sql_file


class Migration(migrations.Migration):
    dependencies = [("store", "0011_imports")]

    operations = [
        sql_file(
            "0012_search.sql",
            "DROP FUNCTION store_find_records(text[], integer); DROP INDEX store_operation_words;"
            "DROP FUNCTION store_words(bigint, json);",
        )
    ]
