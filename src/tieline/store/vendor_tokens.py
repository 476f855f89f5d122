"""Where a connection's grant is kept: `sdk.auth.Tokens` on Postgres, sealed, refreshed by one process at a time."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from tieline.core.errors import TransientError
from tieline.sdk.auth import Grant
from tieline.store.locks import Lock
from tieline.store.pool import Link, Rows
from tieline.store.secrets import GRANT, Seal

T = TypeVar("T")
Run = Callable[[Callable[[], Any]], Awaitable[Any]]

_REFRESH_LOCK = int(Lock.TOKEN)
_WAIT_MS = 45_000
"""Longest wait for another process that refreshes: longer than a token request may take."""
_HOLD_MS = 40_000
"""A process that hangs while it refreshes loses the lock after this: Postgres ends its idle transaction."""


def read_secrets(connection: Link, seal: Seal, workspace: int, connection_id: int) -> dict[str, Any]:
    """Every secret of a connection by name, opened."""
    rows = connection.execute(
        "SELECT name, sealed FROM store_secret WHERE workspace_id = %s AND connection_id = %s",
        [workspace, connection_id],
    ).fetchall()
    return {name: seal.open(sealed, workspace, connection_id, name) for name, sealed in rows}


def write_secret(connection: Link, seal: Seal, workspace: int, connection_id: int, name: str, value: Any) -> None:
    """Seal one secret in place of what was there."""
    connection.execute(
        "INSERT INTO store_secret (workspace_id, connection_id, name, sealed, changed) VALUES (%s, %s, %s, %s, now())"
        " ON CONFLICT (connection_id, name) DO UPDATE SET sealed = excluded.sealed, changed = excluded.changed",
        [workspace, connection_id, name, seal.close(value, workspace, connection_id, name)],
    )


class StoredTokens:
    """`sdk.auth.Tokens` of one connection. `run` runs a synchronous call off the event loop."""

    def __init__(self, rows: Rows, seal: Seal, run: Run, workspace: int, connection: int) -> None:
        self._rows = rows
        self._seal = seal
        self._run = run
        self._workspace = workspace
        self._connection = connection

    async def get(self) -> Grant | None:
        """The grant as it is now, None when there is none."""
        found: Grant | None = await self._run(self._read)
        return found

    async def save(self, grant: Grant) -> None:
        """Keeps a new grant in place of the old one."""
        await self._run(lambda: self._write(grant))

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Held while refreshing, by one process at a time; Postgres frees it when the process dies."""
        return self._locked()

    @contextlib.asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        held = contextlib.ExitStack()
        await self._run(lambda: self._take(held))
        try:
            yield
        finally:
            await self._run(held.close)

    def _take(self, held: contextlib.ExitStack) -> None:
        import psycopg

        with contextlib.ExitStack() as taking:
            connection = taking.enter_context(self._rows.plain())
            taking.callback(_let_go, connection)
            connection.execute("BEGIN")
            connection.execute(
                "SELECT set_config('lock_timeout', %s, true), set_config('idle_in_transaction_session_timeout', %s, true)",
                [str(_WAIT_MS), str(_HOLD_MS)],
            )
            try:
                connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_REFRESH_LOCK, self._connection])
            except psycopg.errors.LockNotAvailable:
                raise TransientError("another process has been renewing the token for too long") from None
            held.push(taking.pop_all())

    def _read(self) -> Grant | None:
        with self._rows.tx(self._workspace) as connection:
            row = connection.execute(
                "SELECT sealed FROM store_secret WHERE workspace_id = %s AND connection_id = %s AND name = %s",
                [self._workspace, self._connection, GRANT],
            ).fetchone()
        if row is None:
            return None
        return Grant.from_json(self._seal.open(row[0], self._workspace, self._connection, GRANT))

    def _write(self, grant: Grant) -> None:
        with self._rows.tx(self._workspace) as connection:
            write_secret(connection, self._seal, self._workspace, self._connection, GRANT, grant.to_json())


def _let_go(connection: Link) -> None:
    """Free the lock with its transaction, on a connection that goes back to others."""
    import psycopg

    with contextlib.suppress(psycopg.Error):  # a session that was ended has freed it already
        connection.execute("ROLLBACK")
