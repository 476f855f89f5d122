"""The one way to a cursor for rows of a workspace.

    with workspace_tx(workspace_id):
        Connection.objects.filter(workspace_id=workspace_id)…

Outside of it the application role sees no row of any workspace. Queries still name the workspace: it is their index.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

_named: ContextVar[int | None] = ContextVar("workspace", default=None)


@contextlib.contextmanager
def workspace_tx(workspace_id: int) -> Iterator[CursorWrapper]:
    """A transaction that sees the rows of this workspace and no other. Inside another of the same workspace it is a part
    of that one (a savepoint); inside one of another workspace it is a bug."""
    outer = _named.get()
    if outer is not None and outer != workspace_id:
        raise RuntimeError("a transaction of one workspace inside that of another")
    token = _named.set(workspace_id)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if outer is None:
                cursor.execute("SELECT set_config('app.workspace', %s, true)", [str(workspace_id)])
            yield cursor
            if outer is None and connection.savepoint_ids:
                # Part of a longer transaction (a test's): it must not go on seeing rows. After an error the savepoint's
                # rollback takes the name back by itself.
                cursor.execute("SELECT set_config('app.workspace', '', true)")
    finally:
        _named.reset(token)


def workspace_of_consent(state_hash: str) -> int | None:
    """The workspace of a consent under way, by the hash of its state."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT store_consent_workspace(%s)", [state_hash])
        row = cursor.fetchone()
    return row[0] if row else None
