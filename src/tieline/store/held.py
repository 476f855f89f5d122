"""A database session that holds something for one worker: a target, a pair. Everything that is kept of it goes through it.

The right is an advisory lock of this very session. When the process dies, or another worker ends a session that hangs, lock and
session go together, so that whoever lost the right cannot write with it any more.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Iterator
from typing import Any, ClassVar

import orjson
import psycopg

from tieline.engine.ports import NotStorable
from tieline.store.pool import Link, connect

# Everything that is asked is a few hundred keys against an index. A plan made while a table was empty would scan it, and
# would be kept while the table grows to millions.
_PLANS = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off"

_GONE = ("08", "57")
"""SQLSTATE classes of a connection that fails, and of a server that ends it."""
_OUTDATED = "TL001"
"""SQLSTATE of store_send: the journal says otherwise of an operation than the drain remembers."""
_UNSTORABLE = ("22", "23", "54")
"""SQLSTATE classes that a value causes: none of its type, against a constraint, larger than an index takes."""


class RebuildError(Exception):
    """What the work was built from, or what it remembers, has changed: it must be built anew. The right is still held."""


def dumps(rows: Any) -> str:
    """Rows as one JSON text: a list as parameter would cost more than all the rest."""
    try:
        return orjson.dumps(rows, default=dict).decode()
    except orjson.JSONEncodeError as error:
        raise NotStorable(type(error).__name__) from None


def is_lost(error: BaseException) -> bool:
    """The database or the session is away, and what was asked is worth asking again. psycopg also files under
    OperationalError what only looks so, as a value too long for an index."""
    if not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate[:2] in _GONE


class HeldSession:
    """One session for one thing. Calls may come from any thread, one at a time. `LOCK`: first half of its advisory lock, the
    second is its id; `NOTED` and `LEFT`: the statements that say who holds it, and that nobody does (its id; the worker)."""

    LOCK: ClassVar[int]
    NOTED: ClassVar[str]
    LEFT: ClassVar[str]

    def __init__(self, url: str, workspace: int, held: int, worker: uuid.UUID) -> None:
        self._url = url
        self.workspace = workspace
        self._held = held
        self._worker = worker
        self._connection: Link | None = None
        self._turn = threading.RLock()
        self._stamp: str | None = None

    def hold(self) -> bool:
        """Takes or keeps the right. False: another worker has it, or there is nothing to be held for any more. RebuildError
        where what the work is built from has changed since the last call. psycopg.OperationalError: the session was lost. It is
        not taken again here: another may have worked meanwhile, and what is remembered here holds no more."""
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
                connection.execute(self.LEFT, [self._held])
            connection.close()

    @contextlib.contextmanager
    def ask(self) -> Iterator[Link]:
        """The session, for one statement or a few. psycopg.OperationalError: it is lost; NotStorable: a value that Postgres
        does not take; RebuildError: what is remembered is outdated. None repeats what Postgres said of it, since that quotes the
        values."""
        with self._turn:
            connection = self._connection
            if connection is None:
                raise psycopg.OperationalError("it is not held")
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
            row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [self.LOCK, self._held]).fetchone()
            if row is None or not row[0]:
                connection.close()
                return False
            connection.execute(_PLANS)
            connection.execute(self.NOTED, [self._held, self._worker])
            self._taken(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return True

    def _taken(self, connection: Link) -> None:
        """What is done once the right was taken."""

    def _is_active(self) -> bool:
        """Whether there is still something to hold it for; `_keep_stamp` tells of what has changed."""
        raise NotImplementedError

    def _keep_stamp(self, stamp: str) -> None:
        before, self._stamp = self._stamp, stamp
        if before is not None and before != stamp:
            raise RebuildError
