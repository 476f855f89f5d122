"""The database roles: an owner for migrations, and the application's own role that every policy holds for."""

from __future__ import annotations

import psycopg
from psycopg import sql

from tieline.store.embedded.errors import DatabaseError

OWNER = "tieline_owner"
APP = "tieline_app"
DATABASE = "tieline"

_OWNER_IS = "LOGIN NOSUPERUSER CREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
_APP_IS = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT"


def ensure_roles(
    connection: psycopg.Connection, owner_password: str, app_password: str, *, reset: bool = False
) -> None:
    """Make both roles where they are missing. `reset` also sets the passwords of those that are there."""
    for name, rights, password in ((OWNER, _OWNER_IS, owner_password), (APP, _APP_IS, app_password)):
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        if known is None or reset:
            verb = "CREATE" if known is None else "ALTER"
            connection.execute(
                sql.SQL("{} ROLE {} {} PASSWORD {}").format(
                    sql.SQL(verb), sql.Identifier(name), sql.SQL(rights), sql.Literal(password)
                )
            )


def ensure_database(connection: psycopg.Connection, name: str) -> bool:
    """Make a database that the owner role owns; True when it is new. Needs a connection in autocommit."""
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return False
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER)))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    return True


def let_app_in(connection: psycopg.Connection, role: str = APP) -> None:
    """Let the application role read and write rows in this database, in tables there are and tables to come.

    Called as the owner of the database. It gives no right to change tables; row-level security still decides which rows.
    Temporary tables are what COPY goes into first.
    """
    app = sql.Identifier(role)
    database = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(database, app))
    for statement in (
        "GRANT USAGE ON SCHEMA public TO {}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {}",
    ):
        connection.execute(sql.SQL(statement).format(app))


def ensure_app_role(owner_url: str, app_url: str) -> None:
    """In one's own Postgres: make the application role that `app_url` names, and see that it can sign in.

    A role that is there already is left as it is; it is refused when policies would not hold for it, or when the
    password in `app_url` is not its own.
    """
    wanted = psycopg.conninfo.conninfo_to_dict(app_url)
    name = str(wanted.get("user"))
    with psycopg.connect(owner_url, autocommit=True) as connection:
        known = connection.execute(
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", [name]
        ).fetchone()
        if known is None:
            connection.execute(
                sql.SQL("CREATE ROLE {} {} PASSWORD {}").format(
                    sql.Identifier(name), sql.SQL(_APP_IS), sql.Literal(str(wanted.get("password", "")))
                )
            )
        elif known[0] or name == connection.info.user:
            raise DatabaseError(code="database.app_role_refused", role=name)
        let_app_in(connection, name)
    try:
        psycopg.connect(app_url, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        raise DatabaseError(code="database.app_role_refused", role=name) from error
