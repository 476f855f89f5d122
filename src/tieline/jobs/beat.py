"""Being seen alive, and ending the sessions of those that are not.

A worker that dies frees its targets by dying. One that hangs (stopped, swapped out, cut off from the network) does not: after
15 s without a beat any other worker ends its sessions. When it comes back it cannot write with them any more.
"""

from __future__ import annotations

import os
import uuid

from tieline.store import living
from tieline.store.drain_session import DRAIN_LOCK
from tieline.store.pool import Rows
from tieline.store.sync_session import PAIR_LOCK

BEAT_S = 2.0
HANGS_S = 15.0

# The session is ended only while it really has the lock: process numbers are used again.
_END_HANGING = """
SELECT h.target_id, pg_terminate_backend(h.backend) FROM store_hold h
  LEFT JOIN store_worker w ON w.id = h.worker_id
 WHERE coalesce(w.beat_at, h.since) < now() - make_interval(secs => %s)
   AND EXISTS (SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = h.target_id::int
                  AND l.objsubid = 2 AND l.granted AND l.pid = h.backend
                  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
_END_PAIRS = _END_HANGING.replace("store_hold", "store_pairhold").replace("target_id", "pair_id")
_FORGET = "DELETE FROM store_worker WHERE beat_at < now() - interval '1 day'"


def beat(rows: Rows, worker: uuid.UUID) -> None:
    """This worker lives."""
    with rows.plain() as link:
        link.execute(living.BEAT, [worker, living.host(), os.getpid()])


def end_hanging(rows: Rows, after_s: float = HANGS_S) -> list[int]:
    """Ends the sessions of workers that have not beaten for so long; the targets that are free now. Pairs that are free now are
    found by the sweep."""
    with rows.plain() as link:
        ended = link.execute(_END_HANGING, [after_s, DRAIN_LOCK]).fetchall()
        link.execute(_END_PAIRS, [after_s, PAIR_LOCK])
        link.execute(_FORGET)
    return [target for target, done in ended if done]


def leave(rows: Rows, worker: uuid.UUID) -> None:
    """This worker ends properly."""
    with rows.plain() as link:
        link.execute(living.LEAVE, [worker])
