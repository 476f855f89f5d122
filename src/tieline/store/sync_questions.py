"""Questions of a pair: items of the inbox like those of calls.

An item has flow "customers", the pair, and which record it is about. Its topic makes like cases alike, so that one answer means the
same for each: the role, the code of the reason, the side that it speaks of, and the lines in question. `services.pair_cases` turns an answer into a waiting row, in the
transaction that answers; of two people who decide at once the first one's decision counts, as everywhere in the inbox.
Nothing is remembered for later cases: which two records are one is remembered by their link, and who wins on a line
is the line's policy in the settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tieline.core.pairing import Side
from tieline.engine.sync.ports import AskedRow
from tieline.engine.sync.reasons import LIKELY
from tieline.engine.sync.rows import digest
from tieline.store.held import dumps
from tieline.store.pool import Link
from tieline.store.sync_session import PairSession

FLOW = "customers"
LONGEST_TOPIC = 200
"""Characters of a topic: it stands in an index."""

# Each record is looked up by key, whatever the planner knows of the table, and locked before its state counts: a person may be
# answering.
_OVER = """
UPDATE store_inboxitem SET state = 'overtaken', decided_at = now() WHERE id = ANY (ARRAY(
    SELECT k.id FROM json_to_recordset(%(rows)s::json) AS r(role text, side text, id text)
     CROSS JOIN LATERAL (SELECT i.id FROM store_inboxitem i
                          WHERE i.pair_id = %(pair)s AND i.role = r.role AND i.side = r.side AND i.record = r.id
                            AND i.state = 'open' AND i.workspace_id = %(workspace)s
                            AND (i.reason->>'code' IS DISTINCT FROM %(likely)s
                                 OR EXISTS (SELECT 1 FROM store_synclink l
                                             WHERE l.pair_id = i.pair_id AND l.role = i.role AND l.left_id = i.record
                                               AND l.left_id <> '' AND l.epoch = i.epoch))
                          FOR UPDATE) AS k))
"""
_SPOKEN = """
SELECT k.id FROM (SELECT DISTINCT unnest(%(ids)s::text[]) AS id) AS k
 WHERE EXISTS (SELECT 1 FROM store_syncwaiting w
                WHERE w.pair_id = %(pair)s AND w.role = %(role)s AND w.side = %(side)s AND w.record = k.id AND w.epoch = %(epoch)s
                  AND (w.state <> 'stuck' OR w.told->>'partner' = ''))
    OR EXISTS (SELECT 1 FROM store_inboxitem i
                WHERE i.pair_id = %(pair)s AND i.role = %(role)s AND i.side = %(side)s AND i.record = k.id
                  AND i.kind = 'match' AND i.state = 'open')
"""
_LIKELY_ABOUT = "SELECT record, reason, offered FROM store_likely_about(%s, %s, %s::text[], %s)"
_ASK = """
INSERT INTO store_inboxitem AS i (workspace_id, connection_id, epoch, flow, kind, topic, reason, options, state, times, created,
                                  last_at, pair_id, role, side, record, link, name)
SELECT %(workspace)s, CASE r.side WHEN 'right' THEN %(right)s ELSE %(left)s END, %(epoch)s, 'customers', r.kind, r.topic, r.reason,
       r.options, 'open', 1, now(), now(), %(pair)s, r.role, r.side, r.id, r.link, r.name
  FROM json_to_recordset(%(rows)s::json) AS r(kind text, topic text, role text, side text, id text, reason jsonb, options jsonb,
       link text, name text)
ON CONFLICT (pair_id, role, side, record, kind) WHERE state = 'open' AND pair_id IS NOT NULL DO UPDATE
   SET topic = excluded.topic, reason = excluded.reason, options = excluded.options, link = excluded.link,
       name = excluded.name, last_at = now()
"""


class QuestionSide:
    """What persons are asked and have said, over the session that holds the pair."""

    session: PairSession

    def spoken_for(self, role: str, side: Side, ids: Sequence[str]) -> set[str]:
        """Those of these records, linked with nothing, that wait to be looked at, that a person is asked about, or of which one has said
        that they are none of those offered."""
        session = self.session
        whose = {"pair": session.pair, "epoch": session.epoch, "role": role, "side": side}
        with session.ask() as connection:
            rows = connection.execute(_SPOKEN, {**whose, "ids": list(ids)}).fetchall()
        return {row[0] for row in rows}

    def likely_about(self, role: str, side: Side, ids: Sequence[str]) -> dict[str, tuple[str, dict[str, Any]]]:
        """Those of these records that an open question about likely pairs is about → (the left record that it stands under, its reason).
        One query, as long as the pair has such questions: only whoever holds it asks any."""
        session = self.session
        if session.asks_likely is None:
            session.asks_likely = bool(self._likely([str(session.pair)], 1))
        if not session.asks_likely:
            return {}
        wanted = set(ids)
        out: dict[str, tuple[str, dict[str, Any]]] = {}
        for left, reason, offered in self._likely([f"{session.pair}\t{role}\t{side}\t{id}" for id in wanted], None):
            for id in wanted.intersection([left] if side == "left" else offered):
                out[id] = (left, reason)
        return out

    def _likely(self, keys: Sequence[str], most: int | None) -> list[tuple[Any, ...]]:
        session = self.session
        with session.ask() as connection:
            return connection.execute(_LIKELY_ABOUT, [session.pair, session.epoch, list(keys), most]).fetchall()


def over(connection: Link, session: PairSession, answered: Iterable[tuple[str, Side, str]]) -> None:
    """Open questions about these records are not asked any more."""
    rows = [{"role": role, "side": side, "id": id} for role, side, id in dict.fromkeys(answered)]
    if rows:
        whose = {"workspace": session.workspace, "pair": session.pair}
        connection.execute(_OVER, {**whose, "rows": dumps(rows), "likely": LIKELY})


def ask(connection: Link, session: PairSession, asked: Sequence[AskedRow]) -> None:
    """Questions; one is open for each record and kind, the newest words count."""
    rows = {(one.role, one.side, one.id, one.kind): _row(one) for one in asked}
    if rows:
        if any(one.reason.get("code") == LIKELY for one in asked):
            session.asks_likely = True
        values = {
            "workspace": session.workspace,
            "pair": session.pair,
            "epoch": session.epoch,
            **session.connections,
            "rows": dumps(list(rows.values())),
        }
        connection.execute(_ASK, values)


def topic_of(one: AskedRow) -> str:
    """What makes questions alike: "delete it on the other side too" must not mean the other system for one of them, nor a choice
    decide about a line that nobody was asked about."""
    params = one.reason.get("params") or {}
    lines = {str(line["line"]) for line in one.options if "line" in line} if one.kind == "conflict" else set()
    parts = [
        one.role,
        str(one.reason.get("code", one.kind)),
        *(str(params[name]) for name in ("side", "line") if name in params),
    ]
    topic = ":".join([*parts, *([",".join(sorted(lines))] if lines else [])])
    return topic if len(topic) <= LONGEST_TOPIC else digest(topic)


def _row(one: AskedRow) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "topic": topic_of(one),
        "role": one.role,
        "side": one.side,
        "id": one.id,
        "reason": one.reason,
        "options": one.options,
        "link": one.link,
        "name": one.name,
    }
