"""The table of Django's database cache: sign-in's rate limits, shared by every web process. Not worth a log of writes."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    """As `createcachetable` makes it, but without write-ahead log."""

    dependencies: ClassVar = [("team", "0001_initial")]
    operations: ClassVar = [
        migrations.RunSQL(
            """
            CREATE UNLOGGED TABLE team_cache (
                cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL
            );
            CREATE INDEX team_cache_expires ON team_cache (expires);
            """,
            "DROP TABLE team_cache",
        )
    ]
