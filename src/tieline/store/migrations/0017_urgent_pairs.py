"""Pairs with work also say whether it can wait for the run that is under way: that one is under way is no reason to interrupt it."""

from django.db import migrations

from tieline.store.policies import sql_file, sql_text

_BEFORE = sql_text("0015_sync.sql")
_DUE = _BEFORE[
    _BEFORE.index("CREATE FUNCTION store_due_pairs") : _BEFORE.index("CREATE FUNCTION store_workspace_of_pair")
]


class Migration(migrations.Migration):
    dependencies = [("store", "0016_sync_deletions")]
    operations = [sql_file("0017_urgent_pairs.sql", f"DROP FUNCTION store_due_pairs();{_DUE}")]
