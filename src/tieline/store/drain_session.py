"""The database session of one drain: it holds the target, and everything the drain keeps goes through it.

The right to drain is an advisory lock of this very session. When the process dies, or another worker ends a session that
hangs, lock and session go together, so that whoever lost the right cannot write with it any more.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import orjson
import psycopg

from tieline.engine.ports import NotStorable
from tieline.store.pool import Link, connect
from tieline.store.requeue import requeue

DRAIN_LOCK = 78
"""First half of the advisory lock of a target's drain; the second is the target's id."""

# Everything a drain asks is a few hundred keys against an index. A plan made while a table was empty would scan it, and
# would be kept while the table grows to millions.
_PLANS = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off"

# The stamp says of what a drain was built: settings, sources, rights, undos (which a paused flow is built for), description, users, typed secrets (not the tokens, which renew
# themselves).
_STATE = """
SELECT c.epoch, c.state,
       (SELECT json_object_agg(f.flow, (SELECT coalesce(json_agg(s.source_id), '[]') FROM store_flowsource s
                                         JOIN store_connection p ON p.id = s.source_id AND p.state <> 'paused'
                                        WHERE s.setting_id = f.id))
          FROM store_flowsetting f WHERE f.workspace_id = c.workspace_id AND f.target_id = c.id AND f.state <> 'paused'),
       concat_ws('|', c.epoch, c.described_at, c.config, c.origin_fields, c.scopes,
                 EXISTS (SELECT 1 FROM store_undo u WHERE u.target_id = c.id AND u.state IN ('reading', 'approved')),
                 (SELECT string_agg(concat_ws(',', f.id, f.version, f.live, f.state,
                                              (SELECT string_agg(s.source_id::text, '+' ORDER BY s.source_id)
                                                 FROM store_flowsource s WHERE s.setting_id = f.id)), ';' ORDER BY f.id)
                    FROM store_flowsetting f WHERE f.workspace_id = c.workspace_id AND f.target_id = c.id),
                 (SELECT max(x.changed) FROM store_secret x WHERE x.workspace_id = c.workspace_id AND x.name <> 'grant'))
  FROM store_connection c WHERE c.id = %s AND c.workspace_id = %s
"""


class RebuildError(Exception):
    """What the drain was built from, or what it remembers, has changed: it must be built anew. The target is still held."""


def dumps(rows: Any) -> str:
    """Rows as one JSON text: a list as parameter would cost more than all the rest of the drain."""
    try:
        return orjson.dumps(rows, default=dict).decode()
    except orjson.JSONEncodeError as error:
        raise NotStorable(type(error).__name__) from None


_GONE = ("08", "57")
"""SQLSTATE classes of a connection that fails, and of a server that ends it."""
_OUTDATED = "TL001"
"""SQLSTATE of store_send: the journal says otherwise of an operation than the drain remembers."""
_UNSTORABLE = ("22", "23", "54")
"""SQLSTATE classes that a value causes: none of its type, against a constraint, larger than an index takes."""


def is_lost(error: BaseException) -> bool:
    """The database or the session is away, and what was asked is worth asking again. psycopg also files under
    OperationalError what only looks so, as a value too long for an index."""
    if not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate[:2] in _GONE


class DrainSession:
    """One session for one target. Calls may come from any thread, one at a time."""

    def __init__(self, url: str, workspace: int, target: int, worker: uuid.UUID) -> None:
        self._url = url
        self.workspace = workspace
        self.target = target
        self._worker = worker
        self._connection: Link | None = None
        self._turn = threading.RLock()
        self.epoch = 0
        self.flows: dict[str, list[int]] = {}
        """Flows that write to this target and are not paused, each with its sources that are not paused."""
        self._stamp: str | None = None

    def hold(self) -> bool:
        """Takes or keeps the right to drain. False: another worker has it, or the target is not active any more. RebuildError
        where what a drain is built from has changed since the last call. psycopg.OperationalError: the session was lost. It is
        not taken again here: another may have worked meanwhile, and what this drain remembers holds no more."""
        with self._turn:
            try:
                if self._connection is None and not self._take():
                    return False
                return self._is_active()
            except psycopg.OperationalError:
                self.release()
                raise

    def release(self) -> None:
        """Gives the right back."""
        with self._turn:
            connection, self._connection = self._connection, None
            self._stamp = None
            if connection is None:
                return
            with contextlib.suppress(psycopg.Error):
                connection.execute("DELETE FROM store_hold WHERE target_id = %s", [self.target])
            connection.close()

    @contextlib.contextmanager
    def ask(self) -> Iterator[Link]:
        """The session, for one statement or a few. psycopg.OperationalError: it is lost; NotStorable: a value that Postgres
        does not take; RebuildError: the drain's memory is outdated. None repeats what Postgres said of it, since that quotes the values."""
        with self._turn:
            connection = self._connection
            if connection is None:
                raise psycopg.OperationalError("the target is not held")
            try:
                yield connection
            except psycopg.Error as error:
                if connection.closed:
                    raise psycopg.OperationalError(type(error).__name__) from None
                if error.sqlstate == _OUTDATED:
                    raise RebuildError from None
                if isinstance(error, psycopg.DataError) or (error.sqlstate or "")[:2] in _UNSTORABLE:
                    raise NotStorable(type(error).__name__) from None
                raise

    @contextlib.contextmanager
    def tx(self) -> Iterator[Link]:
        """One transaction, sent in as few round trips as its results allow."""
        with self.ask() as connection, connection.pipeline(), connection.transaction():
            yield connection

    def _take(self) -> bool:
        connection = connect(self._url, workspace=self.workspace, name="tieline drain")
        try:
            row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [DRAIN_LOCK, self.target]).fetchone()
            if row is None or not row[0]:
                connection.close()
                return False
            connection.execute(_PLANS)
            connection.execute(
                "INSERT INTO store_hold (target_id, worker_id, backend, since)"
                " VALUES (%s, %s, pg_backend_pid(), now()) ON CONFLICT (target_id) DO UPDATE"
                " SET worker_id = excluded.worker_id, backend = excluded.backend, since = excluded.since",
                [self.target, self._worker],
            )
            with connection.transaction():
                requeue(connection, self.workspace, self.target, never_queued=False)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return True

    def _is_active(self) -> bool:
        with self.ask() as connection:
            row = connection.execute(_STATE, [self.target, self.workspace]).fetchone()
        if row is None or row[1] != "active":
            self.release()
            return False
        self.epoch, _, flows, stamp = row
        self.flows = flows or {}
        before, self._stamp = self._stamp, stamp
        if before is not None and before != stamp:
            raise RebuildError
        return True
