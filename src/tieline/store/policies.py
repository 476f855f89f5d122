"""Row-level security as a step of a migration.

The application role sees the rows of the workspace that its transaction has named, and none when it has named none. The
sub-select is evaluated once a query, so that the index on workspace_id is used; `nullif` is needed since the setting reads
'' and not NULL after the first transaction that had set it. FORCE makes the policies hold for the owner of the table
too; a policy of its own then lets the owner see all, which is what migrations and the functions of `sql/` need.
"""

from __future__ import annotations

from pathlib import Path

from django.db import migrations

_PROTECT = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY one_workspace ON {table}
    USING (workspace_id = (SELECT nullif(current_setting('app.workspace', true), '')::bigint))
    WITH CHECK (workspace_id = (SELECT nullif(current_setting('app.workspace', true), '')::bigint));
CREATE POLICY owner_all ON {table} TO CURRENT_USER USING (true) WITH CHECK (true);
"""
_UNPROTECT = """
DROP POLICY one_workspace ON {table};
DROP POLICY owner_all ON {table};
ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
"""

_SQL = Path(__file__).parent / "migrations" / "sql"


def protect(*tables: str) -> list[migrations.RunSQL]:
    """Steps that hold these tables (each with a workspace_id) to one workspace a transaction."""
    return [migrations.RunSQL(_PROTECT.format(table=table), _UNPROTECT.format(table=table)) for table in tables]


def sql_file(name: str, undo: str) -> migrations.RunSQL:
    """A step that runs `migrations/sql/<name>`, which is never changed once it has been released."""
    return migrations.RunSQL(sql_text(name), undo)


def sql_text(name: str) -> str:
    """What stands in `migrations/sql/<name>`: what a later step goes back to."""
    return (_SQL / name).read_text(encoding="utf-8")
