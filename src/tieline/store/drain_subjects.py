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
    f" s.answers, s.live, {iso('s.arrived_at')}, s.why"
)

_OPEN_EVENTS = f"""
SELECT e.* FROM store_openevent o
 CROSS JOIN LATERAL (SELECT e.id, e.connection_id, e.method, e.query, e.headers, e.body, {iso("e.received_at")}
                       FROM store_event e WHERE e.id = o.event_id LIMIT 1) AS e
 WHERE o.target_id = %s AND o.source_id = ANY(%s::bigint[])
 ORDER BY o.event_id LIMIT %s
"""
_SUBJECTS = f"""
SELECT s.* FROM json_to_recordset(%s::json) AS k(source bigint, key text)
 CROSS JOIN LATERAL (SELECT {SUBJECT} FROM store_subject s
                      WHERE s.source_id = k.source AND s.key = k.key AND s.flow = %s AND s.target_id = %s LIMIT 1) AS s
"""
_SAVE_SUBJECTS = """
INSERT INTO store_subject AS s (workspace_id, target_id, epoch, flow, source_id, key, subject, state, due_at, lanes,
                                revision, attempts, own, answers, live, arrived_at, why)
SELECT %(workspace)s, %(target)s, %(epoch)s, r.flow, r.source, r.key, r.subject, r.state, r.due_at,
       ARRAY(SELECT json_array_elements_text(r.lanes)), r.revision, r.attempts, r.own, r.answers, r.live, r.arrived_at, r.why
  FROM json_to_recordset(%(rows)s::json) AS r(flow text, source bigint, key text, subject json, state text,
       due_at timestamptz, lanes json, revision int, attempts int, own json, answers json, live bool,
       arrived_at timestamptz, why json)
ON CONFLICT (source_id, key, flow, target_id) DO UPDATE SET
       subject = excluded.subject, lanes = excluded.lanes, revision = greatest(excluded.revision, s.revision),
       state = CASE WHEN s.state = 'applying' THEN s.state ELSE excluded.state END,
       due_at = CASE WHEN s.state = 'applying' THEN s.due_at ELSE excluded.due_at END,
       attempts = CASE WHEN s.state = 'applying' THEN s.attempts ELSE excluded.attempts END,
       why = CASE WHEN s.state = 'applying' THEN s.why ELSE excluded.why END
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
_TAKE_DUE = f"""
SELECT {SUBJECT} FROM store_subject s
 WHERE s.target_id = %s AND s.state IN ('due', 'waiting') AND s.due_at <= %s::timestamptz
   AND NOT s.lanes && ARRAY(SELECT json_array_elements_text(%s::json)) AND s.flow = %s
 ORDER BY s.arrived_at, s.id LIMIT %s
"""
_NEXT_DUE = f"""
SELECT {iso("min(s.due_at)")} FROM store_subject s
 WHERE s.target_id = %s AND s.state IN ('due', 'waiting') AND s.due_at IS NOT NULL AND s.flow = %s
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
    return out


class SubjectSide:
    """Events in, subjects out."""

    session: DrainSession
    flow: str

    def open_events(self, limit: int) -> list[EventRow]:
        """Events of all sources of this target not folded yet, oldest first. Those of a paused source wait."""
        session = self.session
        with session.ask() as connection:
            rows = connection.execute(
                _OPEN_EVENTS, [session.target, array(session.flows.get(self.flow, [])), limit]
            ).fetchall()
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
        """Due subjects in lane order, none sharing a lane with `held`; none of a paused flow."""
        session = self.session
        if self.flow not in session.flows:
            return []
        with session.ask() as connection:
            rows = connection.execute(_TAKE_DUE, [session.target, now, dumps(list(held)), self.flow, limit]).fetchall()
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
