"""Back-fills as rows: who works on one, what a page of a list keeps, which sources want one. Plain psycopg, for workers."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from tieline.engine.events.gaps import LEAD, Seen
from tieline.engine.ports import LISTED, BackfillRow, Fetched
from tieline.engine.times import iso as engine_iso
from tieline.store.pool import Link, Rows

LEASE_S = 60.0
"""A worker that keeps no page for so long is taken for dead."""

_CLAIM = "SELECT id, workspace, connection FROM store_claim_backfill(%s, %s)"
_ROW = """
SELECT id, connection_id, since, until, reached, attempts FROM store_backfill WHERE workspace_id = %s AND id = %s
"""
_KNOWN = """
SELECT s.flow, s.key, s.subject
  FROM json_array_elements_text(%(keys)s::json) AS k(key)
  JOIN store_flowsource fs ON fs.source_id = %(source)s
  JOIN store_flowsetting f ON f.id = fs.setting_id AND f.target_id IS NOT NULL
 CROSS JOIN LATERAL (SELECT s.flow, s.key, s.subject FROM store_subject s
                      WHERE s.source_id = %(source)s AND s.key = k.key AND s.flow = f.flow AND s.target_id = f.target_id
                      LIMIT 1) AS s
"""
# Nobody else's any more, or stopped by a person: nothing is kept.
_MOVE = """
UPDATE store_backfill
   SET listed = listed + %(listed)s, missing = missing + %(missing)s, completed = completed + %(completed)s,
       reached = coalesce(%(reached)s::timestamptz, reached), attempts = 0, trouble = NULL, moved_at = now(),
       leased_until = now() + make_interval(secs => %(lease)s)
 WHERE id = %(id)s AND workspace_id = %(workspace)s AND state = 'running' AND worker = %(worker)s
RETURNING id
"""
_KEEP = """
WITH fresh AS (
    INSERT INTO store_event (workspace_id, connection_id, epoch, key, received_at, method, query, headers, body)
    SELECT c.workspace_id, c.id, c.epoch, d.k, now(), %s, '', '{}'::json, decode(d.b, 'base64')
      FROM json_to_recordset(%s::json) AS d(k uuid, b text) JOIN store_connection c ON c.id = %s
     ORDER BY d.k
    ON CONFLICT (connection_id, key) DO NOTHING
    RETURNING id, connection_id, workspace_id
), queued AS (
    INSERT INTO store_openevent (target_id, event_id, source_id, workspace_id, backfill)
    SELECT DISTINCT f.target_id, e.id, e.connection_id, e.workspace_id, true
      FROM fresh e
      JOIN store_flowsource s ON s.source_id = e.connection_id
      JOIN store_flowsetting f ON f.id = s.setting_id AND f.target_id IS NOT NULL
    RETURNING target_id
)
SELECT pg_notify('tieline', target_id::text) FROM (SELECT DISTINCT target_id FROM queued) AS t
"""
_PUT_OFF = """
UPDATE store_backfill SET due_at = %s, attempts = %s, trouble = %s::json, worker = NULL, leased_until = NULL, moved_at = now()
 WHERE id = %s AND workspace_id = %s AND state = 'running' AND worker = %s
"""
_FINISH = """
UPDATE store_backfill SET state = %s, trouble = %s::json, worker = NULL, leased_until = NULL, moved_at = now(), ended_at = now()
 WHERE id = %s AND workspace_id = %s AND state = 'running' AND worker = %s
RETURNING connection_id, why
"""
# Looks by itself that found nothing: the newest of its kind tells all that there is to tell.
_TIDY = """
DELETE FROM store_backfill WHERE connection_id = %s AND workspace_id = %s AND why = %s AND why <> 'hand' AND state = 'done'
   AND missing = 0 AND completed = 0 AND id < %s
"""
_RELEASE = (
    "UPDATE store_backfill SET worker = NULL, leased_until = NULL WHERE id = %s AND workspace_id = %s AND worker = %s"
)
_START = """
INSERT INTO store_backfill (workspace_id, connection_id, why, since, until, reached, state, listed, missing, completed, due_at,
                            attempts, by_id, started_at, moved_at)
VALUES (%(workspace)s, %(connection)s, %(why)s, %(since)s::timestamptz, %(until)s::timestamptz, %(since)s::timestamptz, 'running',
        0, 0, 0, now(), 0, %(by)s, now(), now())
ON CONFLICT (connection_id) WHERE state = 'running' DO NOTHING
RETURNING id
"""
_WATCHED = """
SELECT workspace, connection, epoch, connector, typed, extract(epoch FROM created)::float8,
       extract(epoch FROM watched_at)::float8, extract(epoch FROM event_at)::float8,
       extract(epoch FROM refused_from)::float8, extract(epoch FROM refused_at)::float8,
       extract(epoch FROM failed_from)::float8, extract(epoch FROM waits_from)::float8, done
  FROM store_watched_sources(make_interval(secs => %s))
"""
_WATCH = """
INSERT INTO store_cursor (workspace_id, connection_id, epoch, purpose, value, moved_at)
VALUES (%s, %s, %s, 'watch', '', to_timestamp(%s))
ON CONFLICT (connection_id, epoch, purpose) DO UPDATE SET moved_at = excluded.moved_at
"""


def _text(at: datetime) -> str:
    return engine_iso(at.timestamp())


def event_id(event_key: str) -> str:
    """The key of an event as it is stored (hex)."""
    return hashlib.blake2b(event_key.encode(), digest_size=16).hexdigest()


def kept(link: Link, source: int, calls: Sequence[Fetched]) -> None:
    """Keeps calls of a list as events of this source, each at most once, and wakes who folds them. In the caller's transaction."""
    if calls:
        rows = [
            {"k": event_id(one.event_key), "b": base64.b64encode(orjson.dumps(list(one.facts))).decode()}
            for one in calls
        ]
        link.execute(_KEEP, [LISTED, orjson.dumps(rows).decode(), source])


class StoredBackfill:
    """`engine.ports.BackfillStore` of one claimed back-fill."""

    def __init__(self, rows: Rows, workspace: int, backfill: int, source: int, worker: uuid.UUID) -> None:
        self._rows = rows
        self._workspace = workspace
        self._id = backfill
        self._source = source
        self._worker = worker

    def row(self) -> BackfillRow | None:
        """How far it is; None where it is gone."""
        with self._rows.tx(self._workspace) as link:
            found = link.execute(_ROW, [self._workspace, self._id]).fetchone()
        if found is None:
            return None
        id, source, since, until, reached, attempts = found
        return BackfillRow(id, source, _text(since), _text(until), _text(reached), attempts)

    def known(self, keys: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
        """Flow → call key → subject."""
        with self._rows.tx(self._workspace) as link:
            return known(link, self._source, keys)

    def save_page(self, calls: Sequence[Fetched], listed: int, reached: str | None) -> bool:
        """Events, counts and cursor, at once; False where it was stopped or another has it."""
        missing = sum(one.is_missing for one in calls)
        values = {
            "id": self._id,
            "workspace": self._workspace,
            "worker": self._worker,
            "lease": LEASE_S,
            "listed": listed,
            "missing": missing,
            "completed": len(calls) - missing,
            "reached": reached,
        }
        with self._rows.tx(self._workspace) as link:
            if link.execute(_MOVE, values).fetchone() is None:
                return False
            kept(link, self._source, calls)
        return True

    def put_off(self, until: str, attempts: int, trouble: Mapping[str, Any] | None) -> None:
        """It goes on later, by whomever."""
        said = orjson.dumps(trouble).decode() if trouble is not None else None
        with self._rows.tx(self._workspace) as link:
            link.execute(_PUT_OFF, [until, attempts, said, self._id, self._workspace, self._worker])

    def finish(self, trouble: Mapping[str, Any] | None) -> None:
        """Done, or failed."""
        said = orjson.dumps(trouble).decode() if trouble is not None else None
        state = "failed" if trouble is not None else "done"
        with self._rows.tx(self._workspace) as link:
            found = link.execute(_FINISH, [state, said, self._id, self._workspace, self._worker]).fetchone()
            if found is not None and trouble is None:
                link.execute(_TIDY, [found[0], self._workspace, found[1], self._id])

    def release(self) -> None:
        """This process ends: another may go on at once."""
        with self._rows.tx(self._workspace) as link:
            link.execute(_RELEASE, [self._id, self._workspace, self._worker])


def known(link: Link, source: int, keys: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Flow → call key → subject, of every flow that this source feeds."""
    out: dict[str, dict[str, dict[str, Any]]] = {}
    asked = {"keys": orjson.dumps(list(keys)).decode(), "source": source}
    for flow, key, subject in link.execute(_KNOWN, asked).fetchall():
        out.setdefault(flow, {})[key] = subject
    return out


def claim(rows: Rows, worker: uuid.UUID) -> tuple[int, int, int] | None:
    """(back-fill, workspace, connection) of one that is due, now this worker's; None where there is none."""
    with rows.plain() as link:
        found = link.execute(_CLAIM, [worker, LEASE_S]).fetchone()
    return (found[0], found[1], found[2]) if found is not None else None


def start(
    link: Link, workspace: int, connection: int, why: str, since: float, until: float, by: int | None = None
) -> int | None:
    """A new back-fill of the calls that began from `since` to `until` (seconds since the epoch); None where one of this
    connection is under way. In the caller's transaction."""
    values = {
        "workspace": workspace,
        "connection": connection,
        "why": why,
        "since": engine_iso(since),
        "until": engine_iso(until),
        "by": by,
    }
    row = link.execute(_START, values).fetchone()
    return int(row[0]) if row is not None else None


@dataclass(frozen=True, slots=True)
class Watched:
    """A source, and what is known of it. `typed`: names of what was typed for it."""

    workspace: int
    connection: int
    epoch: int
    connector: str
    typed: frozenset[str]
    seen: Seen


def watched(rows: Rows) -> list[Watched]:
    """Every source that may want a look: active, feeding a flow, no back-fill under way."""
    with rows.plain() as link:
        found = link.execute(_WATCHED, [LEAD]).fetchall()
    out: list[Watched] = []
    for workspace, connection, epoch, connector, typed, *rest in found:
        *times, done = rest
        looked = {why: datetime.fromisoformat(at).timestamp() for why, at in (done or {}).items()}
        created, watched_at, event_at, refused_from, refused_at, failed_from, waits_from = times
        seen = Seen(created, watched_at, event_at, refused_from, refused_at, failed_from, waits_from, looked)
        out.append(Watched(workspace, connection, epoch, connector, frozenset(typed), seen))
    return out


def look_taken(link: Link, one: Watched, at: float) -> None:
    """This source was looked at (seconds since the epoch). In the transaction that starts what it needs."""
    link.execute(_WATCH, [one.workspace, one.connection, one.epoch, at])
