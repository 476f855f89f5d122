"""Deliveries that tell of changes, to records that wait. Part of what the holder of a pair does between two steps.

A delivery is kept by intake and noted for the pairs of its connection (`store_accept_changes`). Here each becomes a waiting row of
the record that it names, at most one a record however often it is named, in the transaction that takes the note away. That
it changed says nothing (`told` None); that it was deleted or renumbered is kept, since no cursor tells of either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tieline.core.errors import TielineError
from tieline.core.pairing import Side
from tieline.core.reasons import because, declare
from tieline.sdk.contract import Changed, Request
from tieline.store.held import dumps
from tieline.store.sync_links import LATER, RANKS
from tieline.store.sync_session import PairSession

NOT_READ = declare("sync.delivery_not_read", "detail")

AT_ONCE = 500

_UNREAD = """
SELECT n.event_id, e.connection_id, e.method, e.query, e.headers, e.body
  FROM (SELECT event_id FROM store_syncevent WHERE pair_id = %s ORDER BY event_id LIMIT %s) AS n
 CROSS JOIN LATERAL (SELECT * FROM store_event e WHERE e.id = n.event_id LIMIT 1) AS e
 ORDER BY n.event_id
"""
_READ = "DELETE FROM store_syncevent WHERE pair_id = %s AND event_id = ANY (%s::bigint[])"
_ORPHANS = """
DELETE FROM store_syncevent n WHERE n.pair_id = %s AND NOT EXISTS (SELECT 1 FROM store_event e WHERE e.id = n.event_id)
"""
# A word of a person stays, and so does a deletion under a mere "changed".
_HINT = """
INSERT INTO store_syncwaiting AS w (workspace_id, pair_id, epoch, role, side, record, rank, due_at, why, code, told, attempts,
                                    state, name, revision, since)
SELECT %(workspace)s, %(pair)s, %(epoch)s, r.role, r.side, r.id, r.rank, now(), NULL, '', r.told, 0, 'due', '', 1, now()
  FROM json_to_recordset(%(rows)s::json) AS r(role text, side text, id text, rank int, told json)
ON CONFLICT (pair_id, role, side, record, epoch) DO UPDATE SET
       due_at = least(w.due_at, now()), state = 'due', revision = w.revision + 1,
       told = CASE WHEN excluded.told IS NULL THEN w.told
                   ELSE (coalesce(w.told::jsonb, '{}') || excluded.told::jsonb)::json END
"""
_REFUSED = """
INSERT INTO store_refusedevent (event_id, workspace_id, connection_id, reason)
SELECT r.event, %(workspace)s, r.connection, r.reason
  FROM json_to_recordset(%(rows)s::json) AS r(event bigint, connection bigint, reason json)
ON CONFLICT DO NOTHING
"""

Reads = Mapping[int, tuple[Side, Callable[[Request], Sequence[Changed]], Mapping[str, Sequence[str]]]]
"""Connection → (its side, how its deliveries are read, object → roles)."""


def take(session: PairSession, reads: Reads) -> int:
    """Reads some deliveries of a held pair; how many. 0: there is none (any more)."""
    with session.ask() as connection:
        unread = connection.execute(_UNREAD, [session.pair, AT_ONCE]).fetchall()
        if not unread:
            connection.execute(_ORPHANS, [session.pair])
            return 0
    hints: dict[tuple[str, Side, str], dict[str, Any] | None] = {}
    refused: list[dict[str, Any]] = []
    for event, source, method, query, headers, body in unread:
        found = reads.get(source)
        if found is None:
            continue
        side, changed, roles = found
        try:
            named = changed(Request(method, query, headers, bytes(body)))
        except TielineError as error:
            reason = because(NOT_READ, detail=error.code).to_json()
            refused.append({"event": event, "connection": source, "reason": reason})
            continue
        for one in named:
            for role in roles.get(one.object, ()):
                _note(hints, role, side, one)
    whose = {"workspace": session.workspace, "pair": session.pair, "epoch": session.epoch}
    rows = [
        {"role": role, "side": side, "id": id, "rank": RANKS.get(role, LATER), "told": told}
        for (role, side, id), told in sorted(hints.items())
    ]
    with session.tx() as connection:
        if rows:
            connection.execute(_HINT, {**whose, "rows": dumps(rows)})
        if refused:
            connection.execute(_REFUSED, {**whose, "rows": dumps(refused)})
        connection.execute(_READ, [session.pair, [row[0] for row in unread]])
    return len(unread)


def _note(hints: dict[tuple[str, Side, str], dict[str, Any] | None], role: str, side: Side, one: Changed) -> None:
    key = (role, side, one.id)
    if one.kind == "changed":
        hints.setdefault(key, None)
    elif one.kind == "deleted":
        hints[key] = {"event": "deleted", "by": side}
    else:
        hints[key] = {"event": "changed", "by": side, "new_id": one.new_id}
        hints.setdefault((role, side, one.new_id), None)
