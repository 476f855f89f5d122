"""The database session of one drain: it holds the target (`held`)."""

from __future__ import annotations

import uuid

from tieline.store.held import HeldSession, RebuildError, dumps, is_lost
from tieline.store.locks import Lock
from tieline.store.pool import Link
from tieline.store.requeue import requeue

__all__ = ["DRAIN_LOCK", "DrainSession", "RebuildError", "dumps", "is_lost"]

DRAIN_LOCK = int(Lock.DRAIN)
"""First half of the advisory lock of a target's drain; the second is the target's id."""

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


class DrainSession(HeldSession):
    """One session for one target."""

    LOCK = DRAIN_LOCK
    NOTED = (
        "INSERT INTO store_hold (target_id, worker_id, backend, since) VALUES (%s, %s, pg_backend_pid(), now())"
        " ON CONFLICT (target_id) DO UPDATE"
        " SET worker_id = excluded.worker_id, backend = excluded.backend, since = excluded.since"
    )
    LEFT = "DELETE FROM store_hold WHERE target_id = %s"

    def __init__(self, url: str, workspace: int, target: int, worker: uuid.UUID) -> None:
        super().__init__(url, workspace, target, worker)
        self.target = target
        self.epoch = 0
        self.flows: dict[str, list[int]] = {}
        """Flows that write to this target and are not paused, each with its sources that are not paused."""

    def _taken(self, connection: Link) -> None:
        with connection.transaction():
            requeue(connection, self.workspace, self.target, never_queued=False)

    def _is_active(self) -> bool:
        with self.ask() as connection:
            row = connection.execute(_STATE, [self.target, self.workspace]).fetchone()
        if row is None or row[1] != "active":
            self.release()
            return False
        self.epoch, _, flows, stamp = row
        self.flows = flows or {}
        self._keep_stamp(stamp)
        return True
