"""What a worker reads and says of a pair, beside its work. Plain psycopg."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tieline.core.errors import ConfigError
from tieline.core.reasons import declare
from tieline.store.pool import Link, Rows
from tieline.store.sync_session import PAIR_LOCK

STOPPED = declare("pair.stopped", "pair", "error")

_PAIR = """
SELECT p.name, p.left_id, p.right_id, p.version, p.live, v.settings, l.epoch + r.epoch
  FROM store_syncpair p JOIN store_syncpairversion v ON v.pair_id = p.id AND v.number = p.version
  JOIN store_connection l ON l.id = p.left_id JOIN store_connection r ON r.id = p.right_id
 WHERE p.workspace_id = %s AND p.id = %s
"""
_DUE = """
SELECT d.pair, d.workspace, d.urgent, EXISTS (
         SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = d.pair::int
            AND l.objsubid = 2 AND l.granted
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
  FROM store_due_pairs() AS d
"""
_POLLED = "UPDATE store_syncpair SET poll_at = to_timestamp(%s), polled_at = now() WHERE workspace_id = %s AND id = %s"
_WELL = """
UPDATE store_syncpair SET trouble = NULL, trouble_since = NULL
 WHERE workspace_id = %s AND id = %s AND trouble IS NOT NULL AND state = 'active'
"""
_UNWELL = """
UPDATE store_syncpair SET trouble = %s::jsonb, trouble_since = coalesce(trouble_since, now()), poll_at = to_timestamp(%s)
 WHERE workspace_id = %s AND id = %s AND state = 'active'
"""
_STOP = """
UPDATE store_syncpair SET state = 'stopped', trouble = %s::jsonb, trouble_since = coalesce(trouble_since, now())
 WHERE workspace_id = %s AND id = %s AND state = 'active' RETURNING name, left_id
"""
_NOTICE = """
INSERT INTO store_inboxitem AS i (workspace_id, connection_id, epoch, flow, kind, topic, reason, options, state, times, created,
                                  last_at)
SELECT c.workspace_id, c.id, c.epoch, 'customers', %s, %s, %s::jsonb, '[]', 'open', 1, now(), now()
  FROM store_connection c WHERE c.id = %s
ON CONFLICT (workspace_id, flow, kind, topic) WHERE state = 'open' AND subject_id IS NULL AND pair_id IS NULL DO UPDATE
   SET times = i.times + 1, last_at = now(), reason = excluded.reason
"""


@dataclass(frozen=True, slots=True)
class KeptPair:
    """A pair with the settings in force. `connections`: by side."""

    id: int
    workspace: int
    name: str
    connections: Mapping[str, int]
    version: int
    live: bool
    settings: Mapping[str, Any]
    epoch: int


def pair(link: Link, workspace: int, id: int) -> KeptPair:
    """One pair; ConfigError where there is none, or none with settings."""
    row = link.execute(_PAIR, [workspace, id]).fetchone()
    if row is None:
        raise ConfigError("there is no such pair", setting="pair", value=id)
    name, left, right, version, live, settings, epoch = row
    return KeptPair(id, workspace, name, {"left": left, "right": right}, version, live, settings, epoch)


def due(rows: Rows) -> list[tuple[int, int, bool, bool]]:
    """(pair, workspace, whether a run that is under way gives way to it, whether somebody holds it) of every pair with work."""
    with rows.plain() as link:
        return link.execute(_DUE, [PAIR_LOCK]).fetchall()


def workspace_of(rows: Rows, pair: int) -> int | None:
    """Whose a pair is."""
    with rows.plain() as link:
        row = link.execute("SELECT store_workspace_of_pair(%s)", [pair]).fetchone()
    return row[0] if row else None


def polled(link: Link, workspace: int, pair: int, next_s: float) -> None:
    """It was looked at; the next look is at this time (seconds since the epoch)."""
    link.execute(_POLLED, [next_s, workspace, pair])


def well(link: Link, workspace: int, pair: int) -> None:
    """Both systems answered."""
    link.execute(_WELL, [workspace, pair])


def unwell(link: Link, workspace: int, pair: int, why: Mapping[str, Any], again_s: float) -> None:
    """Something did not answer, or went wrong; it is tried again at this time."""
    link.execute(_UNWELL, [orjson.dumps(dict(why)).decode(), again_s, workspace, pair])


def stop(link: Link, workspace: int, pair: int, why: Mapping[str, Any]) -> None:
    """It cannot go on before a person has put something right: says so in the inbox, once."""
    row = link.execute(_STOP, [orjson.dumps(dict(why)).decode(), workspace, pair]).fetchone()
    if row is not None:
        notice(link, row[1], STOPPED, str(pair), {"pair": row[0], "error": dict(why)})


def notice(link: Link, connection: int, code: str, topic: str, params: Mapping[str, Any]) -> None:
    """A notice of the flow that keeps customers the same."""
    reason = orjson.dumps({"code": code, "params": dict(params)}).decode()
    link.execute(_NOTICE, [code, topic, reason, connection])
