"""What a drain reads and folds: events and subjects. Half of `engine.ports.Store` on Postgres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tieline.engine.ports import EventRow, OwnKey, SubjectRow
from tieline.store.drain_session import DrainSession, dumps

ISO = '\'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\''


def iso(column: str) -> str:
    """SQL that gives a time as the engine writes times."""
    return f"to_char({column} AT TIME ZONE 'UTC', {ISO})"


SUBJECT = (
    f"s.id, s.flow, s.source_id, s.key, s.subject, s.state, {iso('s.due_at')}, s.lanes, s.revision, s.attempts, s.own,"
    f" s.answers, s.live, {iso('s.arrived_at')}, s.why, s.backfill"
)

# Each source's oldest, then the oldest of those: what waits for a paused source costs nothing, and neither does a list that
# is being fetched. The source is a range from itself to itself, and the order begins with it: an equal source would be no
# part of the order, and then statistics that are behind could make the primary key, of all sources, look as good.
_OPEN_EVENTS = f"""
SELECT e.* FROM (SELECT o.event_id FROM unnest(%(sources)s::bigint[]) AS f(source)
                  CROSS JOIN LATERAL (SELECT o.event_id FROM store_openevent o
                                       WHERE o.target_id = %(target)s AND o.backfill = %(backfill)s
                                         AND o.source_id BETWEEN f.source AND f.source
                                       ORDER BY o.source_id, o.event_id LIMIT %(limit)s) AS o
                  ORDER BY o.event_id LIMIT %(limit)s) AS o
 CROSS JOIN LATERAL (SELECT e.id, e.connection_id, e.method, e.query, e.headers, e.body, {iso("e.received_at")}
                       FROM store_event e WHERE e.id = o.event_id LIMIT 1) AS e
 ORDER BY o.event_id
"""
_SUBJECTS = f"""
SELECT s.* FROM json_to_recordset(%s::json) AS k(source bigint, key text)
 CROSS JOIN LATERAL (SELECT {SUBJECT} FROM store_subject s
                      WHERE s.source_id = k.source AND s.key = k.key AND s.flow = %s AND s.target_id = %s LIMIT 1) AS s
"""
# p is the row as it stands, locked: a page that answers at this moment comes before or after. Where one has written since the
# row was read (its revision is another), its state stays, and the revisions add up: what is decided on the row that was read
# is then known to be overtaken.
_SAVE_SUBJECTS = """
INSERT INTO store_subject AS s (workspace_id, target_id, epoch, flow, source_id, key, subject, state, due_at, lanes,
                                revision, attempts, own, answers, live, arrived_at, why, backfill)
SELECT %(workspace)s, %(target)s, %(epoch)s, r.flow, r.source, r.key, r.subject,
       CASE WHEN k.stays THEN p.state ELSE r.state END, CASE WHEN k.stays THEN p.due_at ELSE r.due_at END,
       ARRAY(SELECT json_array_elements_text(r.lanes)),
       greatest(r.revision, p.revision + greatest(0, r.revision - coalesce(r.read, r.revision))),
       CASE WHEN k.stays THEN p.attempts ELSE r.attempts END, r.own, r.answers, r.live, r.arrived_at,
       CASE WHEN k.stays THEN p.why ELSE r.why END, r.backfill
  FROM json_to_recordset(%(rows)s::json) AS r(flow text, source bigint, key text, subject json, state text,
       due_at timestamptz, lanes json, revision int, attempts int, own json, answers json, live bool,
       arrived_at timestamptz, why json, backfill bool, read int)
  LEFT JOIN LATERAL (SELECT s.state, s.due_at, s.attempts, s.why, s.revision FROM store_subject s
                      WHERE s.source_id = r.source AND s.key = r.key AND s.flow = r.flow AND s.target_id = %(target)s
                      LIMIT 1 FOR UPDATE) AS p ON true
 CROSS JOIN LATERAL (SELECT coalesce(p.state = 'applying' OR p.revision > coalesce(r.read, r.revision), false) AS stays) AS k
ON CONFLICT (source_id, key, flow, target_id) DO UPDATE SET
       subject = excluded.subject, lanes = excluded.lanes, revision = excluded.revision, state = excluded.state,
       due_at = excluded.due_at, attempts = excluded.attempts, why = excluded.why, backfill = excluded.backfill
"""
_FOLDED = "DELETE FROM store_openevent WHERE target_id = %s AND event_id = ANY(%s::bigint[])"
_LINK_EVENTS = """
INSERT INTO store_eventsubject (subject_id, event_id, workspace_id)
SELECT DISTINCT s.id, (l.x->>0)::bigint, s.workspace_id FROM json_array_elements(%s::json) AS l(x)
 CROSS JOIN LATERAL (SELECT s.id, s.workspace_id FROM store_subject s
                      WHERE s.source_id = (l.x->>1)::bigint AND s.key = l.x->>2 AND s.flow = %s AND s.target_id = %s
                      LIMIT 1) AS s
ON CONFLICT DO NOTHING
"""
_REFUSE_EVENTS = """
INSERT INTO store_refusedevent (event_id, workspace_id, connection_id, reason)
SELECT e.id, e.workspace_id, e.connection_id, r.value
  FROM json_each(%s::json) AS r
 CROSS JOIN LATERAL (SELECT e.id, e.workspace_id, e.connection_id FROM store_event e WHERE e.id = r.key::bigint LIMIT 1) AS e
ON CONFLICT (event_id) DO UPDATE SET reason = excluded.reason
"""
FETCHED_AT_ONCE = 200
"""Fetched events that one answer has at most: what is live comes in between."""
FEW_DUE = 1000
"""Up to so many due subjects are found by their time and sorted; more are read in the order of their arrival."""

# Which of the two ways is cheap depends on how many of the waiting are due. LIMIT counts them no further than it must.
_TAKE_DUE = f"""
WITH due AS MATERIALIZED (
     SELECT s.id FROM store_subject s WHERE s.target_id = %(target)s AND s.flow = %(flow)s AND s.state IN ('due', 'waiting')
        AND s.due_at <= %(now)s::timestamptz AND s.backfill = %(backfill)s ORDER BY s.due_at LIMIT {FEW_DUE + 1}),
     of_few AS (
     SELECT s.id, s.arrived_at FROM due
      CROSS JOIN LATERAL (SELECT s.id, s.arrived_at, s.lanes FROM store_subject s WHERE s.id = due.id LIMIT 1) AS s
      WHERE (SELECT count(*) FROM due) <= {FEW_DUE}
        AND NOT s.lanes && ARRAY(SELECT json_array_elements_text(%(held)s::json))
      ORDER BY s.arrived_at, s.id LIMIT %(limit)s),
     of_many AS (
     SELECT s.id, s.arrived_at FROM store_subject s
      WHERE (SELECT count(*) FROM due) > {FEW_DUE} AND s.target_id = %(target)s AND s.state IN ('due', 'waiting')
        AND s.due_at <= %(now)s::timestamptz AND s.flow = %(flow)s AND s.backfill = %(backfill)s
        AND NOT s.lanes && ARRAY(SELECT json_array_elements_text(%(held)s::json))
      ORDER BY s.arrived_at, s.id LIMIT %(limit)s)
SELECT s.* FROM (SELECT * FROM of_few UNION ALL SELECT * FROM of_many) AS found
 CROSS JOIN LATERAL (SELECT {SUBJECT} FROM store_subject s WHERE s.id = found.id LIMIT 1) AS s
 ORDER BY found.arrived_at, found.id
"""
# Back-filled ones that a live one of the same lane is behind.
_TAKE_BEHIND = f"""
SELECT {SUBJECT} FROM store_subject s
 WHERE s.backfill AND s.state IN ('due', 'waiting') AND s.due_at IS NOT NULL AND s.due_at <= %(now)s::timestamptz
   AND s.lanes && ARRAY(SELECT json_array_elements_text(%(lanes)s::json))
   AND s.target_id = %(target)s AND s.flow = %(flow)s AND s.workspace_id = %(workspace)s
   AND NOT s.lanes && ARRAY(SELECT json_array_elements_text(%(held)s::json))
"""
_ANY_BEHIND = """
SELECT EXISTS (SELECT 1 FROM store_subject s WHERE s.target_id = %s AND s.flow = %s AND s.backfill
                  AND s.state IN ('due', 'waiting') AND s.due_at IS NOT NULL)
"""
_NEXT_DUE = f"""
SELECT {iso("s.due_at")} FROM (VALUES (false), (true)) AS b(fetched)
 CROSS JOIN LATERAL (SELECT s.due_at FROM store_subject s
                      WHERE s.target_id = %s AND s.state IN ('due', 'waiting') AND s.due_at IS NOT NULL AND s.flow = %s
                        AND s.backfill = b.fetched ORDER BY s.due_at LIMIT 1) AS s
 ORDER BY s.due_at LIMIT 1
"""
_OWN_KEYS = """
SELECT o.role, o.by, o.value, o.external_id, o.values
  FROM (SELECT x->>0 AS role, x->>1 AS by, x->>2 AS value FROM json_array_elements(%s::json) AS f(x)) AS f
 CROSS JOIN LATERAL (SELECT * FROM store_ownkey o
                      WHERE o.target_id = %s AND o.value = f.value AND o.role = f.role AND o.by = f.by AND o.epoch = %s
                        AND o.made_at >= %s::timestamptz OFFSET 0) AS o
 ORDER BY o.id
"""


def array(items: Sequence[int] | Sequence[str]) -> str:
    """A short array of ids or of words without quotes, as Postgres writes one."""
    return "{" + ",".join(map(str, items)) + "}"


def subject_row(row: tuple[Any, ...]) -> SubjectRow:
    """A row of `SUBJECT`."""
    out = SubjectRow(*row)
    out.lanes = tuple(out.lanes)
    out.read = out.revision
    return out


class SubjectSide:
    """Events in, subjects out."""

    session: DrainSession
    flow: str

    def open_events(self, limit: int) -> list[EventRow]:
        """Events of all sources of this target not folded yet, oldest first, live ones before fetched ones. Those of a paused
        source wait."""
        session = self.session
        asked = {"target": session.target, "sources": array(session.flows.get(self.flow, [])), "backfill": False}
        with session.ask() as connection:
            rows = connection.execute(_OPEN_EVENTS, {**asked, "limit": limit}).fetchall()
            room = min(limit - len(rows), FETCHED_AT_ONCE)
            if room > 0:
                rows += connection.execute(_OPEN_EVENTS, {**asked, "limit": room, "backfill": True}).fetchall()
        return [EventRow(*row) for row in rows]

    def subjects(self, flow: str, keys: Sequence[tuple[int, str]]) -> list[SubjectRow]:
        """The stored subjects among these (source, key)."""
        session = self.session
        wanted = dumps([{"source": source, "key": key} for source, key in keys])
        with session.ask() as connection:
            rows = connection.execute(_SUBJECTS, [wanted, flow, session.target]).fetchall()
        return [subject_row(row) for row in rows]

    def save_folded(
        self,
        subjects: Sequence[SubjectRow],
        events: Sequence[int],
        links: Sequence[tuple[int, int, str]],
        refused: Mapping[int, Mapping[str, Any]],
    ) -> None:
        """Subjects, what of the queue is done, and which event went where, at once."""
        session = self.session
        with session.tx() as connection:
            if subjects:
                parameters = {
                    "workspace": session.workspace,
                    "target": session.target,
                    "epoch": session.epoch,
                    "rows": dumps(subjects),
                }
                connection.execute(_SAVE_SUBJECTS, parameters)
            if links:
                connection.execute(_LINK_EVENTS, [dumps(links), self.flow, session.target])
            if refused:
                connection.execute(_REFUSE_EVENTS, [dumps({str(event): why for event, why in refused.items()})])
            if events:
                connection.execute(_FOLDED, [session.target, array(events)])

    def take_due(self, now: str, limit: int, held: Sequence[str]) -> list[SubjectRow]:
        """Due subjects in lane order, none sharing a lane with `held`; none of a paused flow. Of back-filled ones only those
        that a live one of these is behind."""
        live = self._take(now, limit, held, backfill=False)
        if not live:
            return live
        session = self.session
        asked = {"target": session.target, "flow": self.flow, "now": now, "held": dumps(list(held))}
        found = {row.id: row for row in live}
        with session.ask() as connection:
            row = connection.execute(_ANY_BEHIND, [session.target, self.flow]).fetchone()
            lanes: set[str] = set()
            while row is not None and row[0]:
                wider = {lane for one in found.values() for lane in one.lanes} - lanes
                if not wider:
                    break
                lanes |= wider
                asked |= {"lanes": dumps(sorted(wider)), "workspace": session.workspace}
                for one in connection.execute(_TAKE_BEHIND, asked).fetchall():
                    found.setdefault(one[0], subject_row(one))
        return sorted(found.values(), key=lambda one: (one.arrived_at, one.id))

    def take_backfilled(self, now: str, limit: int, held: Sequence[str]) -> list[SubjectRow]:
        """The same of back-filled subjects alone."""
        return self._take(now, limit, held, backfill=True)

    def _take(self, now: str, limit: int, held: Sequence[str], *, backfill: bool) -> list[SubjectRow]:
        session = self.session
        if self.flow not in session.flows:
            return []
        asked = {"target": session.target, "flow": self.flow, "now": now, "held": dumps(list(held)), "limit": limit}
        with session.ask() as connection:
            rows = connection.execute(_TAKE_DUE, {**asked, "backfill": backfill}).fetchall()
        return [subject_row(row) for row in rows]

    def next_due(self) -> str | None:
        """When the next waiting or due subject falls due."""
        session = self.session
        if self.flow not in session.flows:
            return None
        with session.ask() as connection:
            row = connection.execute(_NEXT_DUE, [session.target, self.flow]).fetchone()
        found: str | None = row[0] if row else None
        return found

    def own_keys(self, finds: Sequence[tuple[str, str, str]], since: str) -> list[OwnKey]:
        """Own keys among these (role, by, value) made since that time."""
        session = self.session
        parameters = [dumps(list(finds)), session.target, session.epoch, since]
        with session.ask() as connection:
            rows = connection.execute(_OWN_KEYS, parameters).fetchall()
        return [OwnKey(*row) for row in rows]
