"""Records that were there before their pair was, as ids. Part of `engine.sync.ports.SyncStore` on Postgres."""

from __future__ import annotations

from collections.abc import Sequence

from tieline.core.pairing import Side
from tieline.store.sync_session import PairSession

_KEEP = """
INSERT INTO store_syncold (workspace_id, pair_id, epoch, role, side, record)
SELECT %s, %s, %s, %s, %s, unnest(%s::text[]) ON CONFLICT DO NOTHING
"""
_OLD = """
SELECT k.id FROM (SELECT DISTINCT unnest(%s::text[]) AS id) AS k
 WHERE EXISTS (SELECT 1 FROM store_syncold o
                WHERE o.pair_id = %s AND o.role = %s AND o.side = %s AND o.record = k.id AND o.epoch = %s)
"""


class OldSide:
    """What was there before, over the session that holds the pair."""

    session: PairSession

    def keep_old(self, role: str, side: Side, ids: Sequence[str]) -> None:
        """These records were there before the pair was."""
        session = self.session
        if ids:
            with session.ask() as connection:
                connection.execute(_KEEP, [session.workspace, session.pair, session.epoch, role, side, list(ids)])

    def old(self, role: str, side: Side, ids: Sequence[str]) -> set[str]:
        """Those of these records that were there before."""
        session = self.session
        with session.ask() as connection:
            rows = connection.execute(_OLD, [list(ids), session.pair, role, side, session.epoch]).fetchall()
        return {row[0] for row in rows}
