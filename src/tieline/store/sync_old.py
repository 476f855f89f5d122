"""Records that were there before their pair was, as ids. Part of `engine.sync.ports.SyncStore` on Postgres."""

from __future__ import annotations

from collections.abc import Sequence

from tieline.core.pairing import Side
from tieline.engine.sync.ports import LinkRow
from tieline.store.held import dumps
from tieline.store.pool import Link
from tieline.store.sync_session import PairSession

_KEEP = """
INSERT INTO store_syncold (workspace_id, pair_id, epoch, role, side, record)
SELECT %s, %s, %s, %s, %s, unnest(%s::text[]) ON CONFLICT DO NOTHING
"""
_OLD = """
SELECT record FROM store_syncold WHERE pair_id = %s AND role = %s AND side = %s AND record = ANY (%s::text[]) AND epoch = %s
"""


_ANY = "SELECT EXISTS (SELECT 1 FROM store_syncold WHERE pair_id = %s)"
# Each one is looked up by its key, whatever the planner knows of the table.
_FORGET = """
DELETE FROM store_syncold o WHERE o.id = ANY (ARRAY(
    SELECT x.id FROM json_to_recordset(%s::json) AS r(role text, left_id text, right_id text)
     CROSS JOIN LATERAL (VALUES ('left', r.left_id), ('right', r.right_id)) AS k(side, id)
     CROSS JOIN LATERAL (SELECT s.id FROM store_syncold s
                          WHERE s.pair_id = %s AND s.role = r.role AND s.side = k.side AND s.record = k.id AND s.epoch = %s
                          LIMIT 1) AS x))
"""


class OldSide:
    """What was there before, over the session that holds the pair."""

    session: PairSession
    _has_old: bool | None = None
    """Whether the pair has any; nobody else adds some. None: not asked yet."""

    def keep_old(self, role: str, side: Side, ids: Sequence[str]) -> None:
        """These records were there before the pair was."""
        session = self.session
        if ids:
            self._has_old = True
            with session.ask() as connection:
                connection.execute(_KEEP, [session.workspace, session.pair, session.epoch, role, side, list(ids)])

    def old(self, role: str, side: Side, ids: Sequence[str]) -> set[str]:
        """Those of these records that were there before."""
        session = self.session
        with session.ask() as connection:
            rows = connection.execute(_OLD, [session.pair, role, side, list(ids), session.epoch]).fetchall()
        return {row[0] for row in rows}

    def _forget_old(self, connection: Link, links: Sequence[LinkRow]) -> None:
        """What is linked is not apart any more; its number may be given to another record one day, and that one is new."""
        session = self.session
        if self._has_old is None:
            row = connection.execute(_ANY, [session.pair]).fetchone()
            self._has_old = bool(row and row[0])
        if self._has_old and links:
            rows = [{"role": one.role, "left_id": one.left_id, "right_id": one.right_id} for one in links]
            connection.execute(_FORGET, [dumps(rows), session.pair, session.epoch])
