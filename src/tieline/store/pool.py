"""Connections for what is not a page: workers, intake's side work, tokens and budgets. Plain psycopg, synchronous.

    rows = Rows(url)
    with rows.tx(workspace) as connection:
        connection.execute(…)

`workspace_tx` is the same for pages, on Django's connection.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import psycopg
from psycopg.types.json import set_json_loads

CONNECT_S = 5
_NAME_WORKSPACE = "SELECT set_config('app.workspace', %s, true)"

Link = psycopg.Connection[tuple[Any, ...]]


def connect(url: str, *, workspace: int | None = None, name: str = "tieline") -> Link:
    """A connection in autocommit whose JSON is read fast. `workspace`: for its whole life it sees that one alone."""
    connection: Link = psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_S, application_name=name)
    connection.prepare_threshold = 2
    set_json_loads(orjson.loads, connection)
    if workspace is not None:
        connection.execute("SELECT set_config('app.workspace', %s, false)", [str(workspace)])
    return connection


class Rows:
    """A small pool. A connection that was lost while idle is replaced unseen; one that is lost in use raises."""

    def __init__(self, url: str, *, idle: int = 4, name: str = "tieline") -> None:
        self._url = url
        self._name = name
        self._keep = idle
        self._idle: list[Link] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextlib.contextmanager
    def plain(self) -> Iterator[Link]:
        """A connection in autocommit that names no workspace: for the functions that look across."""
        connection = self._take()
        try:
            yield connection
        finally:
            self._give_back(connection)

    @contextlib.contextmanager
    def tx(self, workspace: int) -> Iterator[Link]:
        """A transaction that sees the rows of this workspace and no other."""
        connection = self._begun(workspace)
        try:
            yield connection
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            self._give_back(connection)
            raise
        try:
            connection.execute("COMMIT")
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close what is idle; what is in use is closed when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _begun(self, workspace: int) -> Link:
        """A connection in a transaction that has named its workspace; nothing was done yet, so a lost one is replaced."""
        while True:
            connection, is_new = self._take_noted()
            try:
                connection.execute("BEGIN")
                connection.execute(_NAME_WORKSPACE, [str(workspace)])
            except psycopg.OperationalError:
                connection.close()
                if is_new:
                    raise
            else:
                return connection

    def _take(self) -> Link:
        while True:
            connection, is_new = self._take_noted()
            if is_new:
                return connection
            try:
                connection.execute("SELECT 1")
            except psycopg.OperationalError:
                connection.close()
            else:
                return connection

    def _take_noted(self) -> tuple[Link, bool]:
        with self._lock:
            if self._idle:
                return self._idle.pop(), False
        return connect(self._url, name=self._name), True

    def _give_back(self, connection: Link) -> None:
        if connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.close()
            return
        with self._lock:
            if not self._closed and len(self._idle) < self._keep:
                self._idle.append(connection)
                return
        connection.close()
