"""Nobody sees another workspace: asked of the database itself, as the application's role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from tests.conftest import Installation, MakeCompany

# Rows of the installation, not of a workspace: people and sessions, Django's own, the machinery's.
OF_NO_WORKSPACE = {
    "account_emailaddress",
    "account_emailconfirmation",
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_content_type",
    "django_migrations",
    "django_session",
    "mfa_authenticator",
    "store_chore",
    "store_hold",
    "store_pairhold",
    "store_worker",
    "team_cache",
    "team_session",
    "team_user",
    "team_workspace",
}


def tables(connection: psycopg.Connection) -> dict[str, bool]:
    """Every table of ours in the catalogue, with whether it names a workspace."""
    rows = connection.execute(
        "SELECT c.relname, EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id'"
        "   AND NOT a.attisdropped)"
        "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public'"
    ).fetchall()
    return dict(rows)


def fill(owner: psycopg.Connection, workspaces: list[int]) -> list[str]:
    """One row for each workspace in each protected table, whatever its columns: constraints are off for this."""
    names = sorted(name for name, named in tables(owner).items() if named)
    for name in names:
        columns = owner.execute(
            "SELECT column_name, data_type, is_identity = 'YES', character_maximum_length FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = %s"
            " AND (is_nullable = 'NO' OR column_name = 'workspace_id')",
            [name],
        ).fetchall()
        for workspace in workspaces:
            values = {
                column: _value(column, kind, workspace) if longest is None else f"w{workspace}"[:longest]
                for column, kind, identity, longest in columns
                if not identity
            }
            owner.execute(
                sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(name),
                    sql.SQL(", ").join(map(sql.Identifier, values)),
                    sql.SQL(", ").join(sql.Literal(value) for value in values.values()),
                )
            )
    return names


def _value(column: str, kind: str, workspace: int) -> object:
    if column == "workspace_id":
        return workspace
    fixed: dict[str, object] = {
        "json": "{}",
        "jsonb": "{}",
        "boolean": False,
        "smallint": 1,
        "uuid": f"00000000-0000-0000-0000-{workspace:012d}",
        "bytea": b"x",
        "ARRAY": "{}",
        "timestamp with time zone": "2026-01-01T00:00:00Z",
        "date": "2026-01-01",
        "text": f"w{workspace}",
        "character varying": f"w{workspace}",
    }
    return fixed.get(kind, 1_000_000 + workspace)


@pytest.mark.proves("HUB-1")
def test_no_table_is_forgotten(installation: Installation) -> None:
    with psycopg.connect(installation.owner) as owner:
        named = tables(owner)
        protected = {
            row[0]
            for row in owner.execute(
                "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relkind IN ('r', 'p')"
            )
        }
    without = {name for name, has in named.items() if not has}
    assert without - OF_NO_WORKSPACE == set(), "a table without workspace: name it above, or give it one"
    assert {name for name, has in named.items() if has} == protected


@pytest.mark.proves("HUB-1")
def test_a_transaction_sees_its_workspace_or_nothing(installation: Installation, make_company: MakeCompany) -> None:
    ours, theirs = make_company().workspace, make_company().workspace
    with psycopg.connect(installation.owner) as owner, psycopg.connect(installation.admin) as admin:
        # Rows of made-up references: the superuser may skip the checks of foreign keys while it writes them.
        admin.execute("SET session_replication_role = replica")
        names = fill(admin, [ours, theirs])
        admin.commit()
        assert len(names) >= 24
        counts = {name: owner.execute(_count(name)).fetchone() for name in names}
        assert all(row and row[0] >= 2 for row in counts.values()), "the owner sees all: the rows are there"
    try:
        with psycopg.connect(installation.app) as app:
            for name in names:
                assert app.execute(_count(name)).fetchone() == (0,), f"{name} shows rows though no workspace is named"
            app.execute("SELECT set_config('app.workspace', %s, true)", [str(ours)])
            for name in names:
                seen = app.execute(
                    sql.SQL("SELECT DISTINCT workspace_id FROM {}").format(sql.Identifier(name))
                ).fetchall()
                assert seen == [(ours,)], name
            app.commit()
            for name in names:  # the name was local to that transaction
                assert app.execute(_count(name)).fetchone() == (0,), name
    finally:
        with psycopg.connect(installation.admin) as admin:
            admin.execute("SET session_replication_role = replica")
            for name in names:
                admin.execute(
                    sql.SQL("DELETE FROM {} WHERE workspace_id = ANY(%s)").format(sql.Identifier(name)),
                    [[ours, theirs]],
                )


@pytest.mark.proves("HUB-1")
def test_a_row_cannot_be_written_into_another_workspace(installation: Installation, make_company: MakeCompany) -> None:
    ours, theirs = make_company(), make_company()
    with psycopg.connect(installation.app) as app:
        app.execute("SELECT set_config('app.workspace', %s, true)", [str(ours.workspace)])
        moved = app.execute("UPDATE store_connection SET title = 'x' WHERE id = %s", [theirs.target])
        assert moved.rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("UPDATE store_connection SET workspace_id = %s", [theirs.workspace])


@pytest.mark.proves("HUB-1")
def test_the_application_role_cannot_switch_policies_off(installation: Installation) -> None:
    with psycopg.connect(installation.app, autocommit=True) as app:
        row = app.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user").fetchone()
        assert row == (False, False)
        for statement in (
            "ALTER TABLE store_event DISABLE ROW LEVEL SECURITY",
            "DROP POLICY one_workspace ON store_event",
            "SET SESSION AUTHORIZATION tieline_owner",
            "SET ROLE tieline_owner",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(statement)


@pytest.mark.proves("HUB-1")
def test_one_workspace_inside_another_is_refused(make_company: MakeCompany) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection

    ours, theirs = make_company(), make_company()
    with workspace_tx(ours.workspace):
        assert Connection.objects.count() == 2
        with workspace_tx(ours.workspace):
            assert Connection.objects.count() == 2
        assert Connection.objects.count() == 2
        with pytest.raises(RuntimeError), workspace_tx(theirs.workspace):
            pass
    assert Connection.objects.count() == 0


def _count(name: str) -> sql.Composed:
    return sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
