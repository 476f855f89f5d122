"""The database session of one pair: whoever holds it works on it (`held`)."""

from __future__ import annotations

import uuid

from tieline.store.held import HeldSession
from tieline.store.locks import Lock
from tieline.store.pool import Link

PAIR_LOCK = int(Lock.PAIR)
"""First half of the advisory lock of a pair; the second is the pair's id."""

# The stamp says of what a pair's work was built: its settings and switches, both connections, typed secrets (not the tokens,
# which renew themselves).
_STATE = """
SELECT l.epoch + r.epoch, p.version, p.live, p.left_id, p.right_id, l.epoch, r.epoch,
       p.state = 'active' AND p.is_on AND p.version > 0 AND l.state = 'active' AND r.state = 'active',
       concat_ws('|', p.version, p.live, l.epoch, r.epoch, l.described_at, r.described_at, l.config, r.config, l.origin_fields,
                 r.origin_fields, l.scopes, r.scopes,
                 (SELECT max(x.changed) FROM store_secret x
                   WHERE x.workspace_id = p.workspace_id AND x.connection_id IN (p.left_id, p.right_id) AND x.name <> 'grant'))
  FROM store_syncpair p JOIN store_connection l ON l.id = p.left_id JOIN store_connection r ON r.id = p.right_id
 WHERE p.id = %s AND p.workspace_id = %s
"""


class PairSession(HeldSession):
    """One session for one pair.

    epoch        of its rows: another one once either connection leads to another account; `epochs`: of each connection
    connections  ids by side; version: of the settings in force; live: whether anything is written
    """

    LOCK = PAIR_LOCK
    NOTED = (
        "INSERT INTO store_pairhold (pair_id, worker_id, backend, since) VALUES (%s, %s, pg_backend_pid(), now())"
        " ON CONFLICT (pair_id) DO UPDATE"
        " SET worker_id = excluded.worker_id, backend = excluded.backend, since = excluded.since"
    )
    LEFT = "DELETE FROM store_pairhold WHERE pair_id = %s"

    def __init__(self, url: str, workspace: int, pair: int, worker: uuid.UUID) -> None:
        super().__init__(url, workspace, pair, worker)
        self.pair = pair
        self.epoch = 0
        self.version = 0
        self.live = False
        self.asks_likely: bool | None = None
        """Whether there may be open questions about likely pairs; None: not looked for yet."""
        self.connections: dict[str, int] = {}
        self.epochs: dict[str, int] = {}

    def _taken(self, connection: Link) -> None:
        super()._taken(connection)
        self.asks_likely = None  # another one may have asked meanwhile

    def _is_active(self) -> bool:
        with self.ask() as connection:
            row = connection.execute(_STATE, [self.pair, self.workspace]).fetchone()
        if row is None or not row[7]:
            self.release()
            return False
        self.epoch, self.version, self.live, left, right, left_epoch, right_epoch, _, stamp = row
        self.connections = {"left": left, "right": right}
        self.epochs = {"left": left_epoch, "right": right_epoch}
        self._keep_stamp(stamp)
        return True
