"""`engine.sync.ports.SyncStore` on Postgres: everything that one pair needs, over the session that holds it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from psycopg.errors import DeadlockDetected

from tieline.core.pairing import Side
from tieline.engine.ports import NotStorable
from tieline.engine.sync.ports import RunRow, Settled
from tieline.store import sync_questions
from tieline.store.pool import Link
from tieline.store.sync_journal import JournalSide
from tieline.store.sync_links import LinkSide
from tieline.store.sync_old import OldSide
from tieline.store.sync_questions import QuestionSide
from tieline.store.sync_session import PairSession

COMPACT_EVERY = 200
"""Pages after which the rows of the counts are put together."""

TRIES = 3

_CURSORS = """
SELECT connection_id, purpose, value FROM store_cursor
 WHERE workspace_id = %s AND connection_id = ANY (%s) AND starts_with(purpose, %s)
   AND epoch = CASE connection_id WHEN %s THEN %s ELSE %s END
"""
_SET_CURSOR = """
INSERT INTO store_cursor (workspace_id, connection_id, epoch, purpose, value, moved_at) VALUES (%s, %s, %s, %s, %s, now())
ON CONFLICT (connection_id, epoch, purpose) DO UPDATE SET value = excluded.value, moved_at = excluded.moved_at
"""


class StoredSync(LinkSide, JournalSide, OldSide, QuestionSide):
    """The store of one pair. Every method is one transaction; psycopg.OperationalError means that the session is lost and with it
    the right to work on the pair (`held.is_lost`); NotStorable that a value is none that Postgres takes; RebuildError (of
    `hold`) that settings or connections have changed: what works with this store is made anew."""

    def __init__(self, url: str, workspace: int, pair: int, worker: uuid.UUID) -> None:
        super().__init__()
        self.session = PairSession(url, workspace, pair, worker)

    def hold(self) -> bool:
        """Takes or keeps the right to work on this pair."""
        return self.session.hold()

    def let_go(self) -> None:
        """Gives the right back."""
        self.session.release()

    # -- cursors -----------------------------------------------------------------------------------------------------

    def cursors(self) -> dict[tuple[Side, str], str]:
        """(side, role) → cursor of its changes."""
        session = self.session
        ids, epochs = session.connections, session.epochs
        asked = [
            session.workspace, list(ids.values()), self._purpose("", ""), ids["left"], epochs["left"], epochs["right"],
        ]  # fmt: skip
        with session.ask() as connection:
            rows = connection.execute(_CURSORS, asked).fetchall()
        out: dict[tuple[Side, str], str] = {}
        for _, purpose, value in rows:
            side, _, role = purpose.removeprefix(self._purpose("", "")).partition(":")
            out[side, role] = value
        return out

    def set_cursors(self, cursors: Mapping[tuple[Side, str], str]) -> None:
        """Moves them."""
        with self.session.tx() as connection:
            for (side, role), value in cursors.items():
                self._set_cursor(connection, side, role, value)

    def _set_cursor(self, connection: Link, side: Side, role: str, value: str) -> None:
        session = self.session
        connection.execute(
            _SET_CURSOR,
            [session.workspace, session.connections[side], session.epochs[side], self._purpose(side, role), value],
        )

    def _purpose(self, side: str, role: str) -> str:
        head = f"pair:{self.session.pair}:"
        return f"{head}{side}:{role}" if side else head

    # -- a page ------------------------------------------------------------------------------------------------------

    def settle(self, run: RunRow, page: Settled) -> None:
        """Everything of a page at once, with the run's counts, position and requests."""
        for again in range(TRIES - 1, -1, -1):
            try:
                self._settle(run, page, clear=False)
                break
            except NotStorable:
                if not page.links:
                    raise
                self._settle(run, page, clear=True)
                break
            except DeadlockDetected:  # with a person who answers a question of the same record
                if not again:
                    raise
        self._forget_seen([*page.waited, *((row.role, row.side, row.id) for row in page.waiting)])

    def _settle(self, run: RunRow, page: Settled, *, clear: bool) -> None:
        self._settled += 1
        with self.session.tx() as connection:
            self._settle_run(connection, run, page.operations, page.reports)
            self._settle_links(connection, page.links, page.dropped, clear=clear)
            self._forget_old(connection, page.links)
            self._settle_waiting(connection, page.waited, page.waiting, page.woken)
            sync_questions.over(connection, self.session, page.answered)
            sync_questions.ask(connection, self.session, page.asked)
            if page.cursor is not None:
                self._set_cursor(connection, *page.cursor)
            if self._settled % COMPACT_EVERY == 0:
                self._compact(connection)
