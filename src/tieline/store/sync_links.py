"""Links of a pair, and the records of it that wait. Part of `engine.sync.ports.SyncStore` on Postgres.

Everything is asked by key: the links of a page are one statement of as many index look-ups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tieline.core.pairing import Side
from tieline.engine.sync.ports import LinkRow, WaitingRow
from tieline.store.drain_subjects import iso
from tieline.store.held import dumps
from tieline.store.pool import Link
from tieline.store.sync_session import PairSession

RANKS = {"account": 0}
"""Roles that others hang on go first."""
LATER = 1
MOST_READ = 100_000
"""Links of which is remembered how they were read: far more than a page has, so that reading them all costs no memory."""

_LINK = (
    "l.key, l.role, l.left_id, l.right_id, l.base, l.left_version, l.right_version, l.state, l.pending, l.why, l.name,"
    f" {iso('l.agreed_at')}, l.parent"
)
_BY_ID = {
    side: f"""
SELECT {_LINK} FROM (SELECT DISTINCT unnest(%s::text[]) AS id) AS k
 CROSS JOIN LATERAL (SELECT * FROM store_synclink l WHERE l.pair_id = %s AND l.role = %s AND l.{side}_id = k.id AND l.epoch = %s
                        AND l.{side}_id <> '' LIMIT 1) AS l
"""
    for side in ("left", "right")
}
_BY_KEY = f"""
SELECT {_LINK} FROM (SELECT DISTINCT unnest(%s::text[]) AS key) AS k
 CROSS JOIN LATERAL (SELECT * FROM store_synclink l WHERE l.pair_id = %s AND l.key = k.key AND l.epoch = %s LIMIT 1) AS l
"""
_AFTER = f"""
SELECT {_LINK} FROM store_synclink l
 WHERE l.pair_id = %s AND l.key > %s AND l.epoch = %s AND l.role = %s ORDER BY l.key LIMIT %s
"""
_COUNT = """
SELECT coalesce(sum(count), 0)::bigint FROM store_synccount WHERE pair_id = %s AND epoch = %s AND what = 'link' AND role = %s
"""
# Put together now and then, by whoever holds the pair; what others add meanwhile stays beside it.
_COMPACT = """
WITH gone AS (DELETE FROM store_synccount WHERE pair_id = %(pair)s
               RETURNING workspace_id, pair_id, epoch, what, role, state, code, count)
INSERT INTO store_synccount (workspace_id, pair_id, epoch, what, role, state, code, count)
SELECT workspace_id, pair_id, epoch, what, role, state, code, sum(count) FROM gone GROUP BY 1, 2, 3, 4, 5, 6, 7
HAVING sum(count) <> 0
"""
# Whether a customer is kept the same is a person's wish: what a page has said since the row was read (`apart`: whether it was
# "stopped" then) stays, whatever the look that began before came to.
_KEEP_LINKS = """
INSERT INTO store_synclink AS l (workspace_id, pair_id, epoch, key, role, left_id, right_id, base, left_version, right_version,
                                 state, pending, why, code, name, agreed_at, parent, made_at)
SELECT %(workspace)s, %(pair)s, %(epoch)s, r.key, r.role, r.left_id, r.right_id, r.base, r.left_version, r.right_version,
       r.state, r.pending, r.why, coalesce(r.why->>'code', ''), r.name, r.agreed_at, r.parent, now()
  FROM json_to_recordset(%(rows)s::json) AS r(key text, role text, left_id text, right_id text, base json, left_version text,
       right_version text, state text, pending text, why json, name text, agreed_at timestamptz, parent text)
ON CONFLICT (pair_id, key, epoch) DO UPDATE SET
       left_id = excluded.left_id, right_id = excluded.right_id, base = excluded.base,
       left_version = excluded.left_version, right_version = excluded.right_version, name = excluded.name,
       agreed_at = excluded.agreed_at, parent = excluded.parent,
       (state, pending, why, code) = (
           SELECT excluded.state, excluded.pending, excluded.why, excluded.code
            WHERE (l.state = 'stopped') = (l.key = ANY (%(apart)s::text[]))
            UNION ALL
           SELECT l.state, l.pending, l.why, l.code WHERE (l.state = 'stopped') <> (l.key = ANY (%(apart)s::text[])))
"""
_CLEAR = """
UPDATE store_synclink SET left_id = '', right_id = ''
 WHERE pair_id = %(pair)s AND epoch = %(epoch)s AND key = ANY (%(keys)s)
"""
_DROP = "DELETE FROM store_synclink WHERE pair_id = %s AND epoch = %s AND key = ANY (%s)"

_WAITING = (
    f"w.role, w.side, w.record, {iso('w.due_at')}, w.why, w.told, w.approved, w.attempts, w.state, w.name, w.waits_for,"
    " w.revision"
)
_DUE = f"""
SELECT {_WAITING} FROM (VALUES (0), (1)) AS k(rank)
 CROSS JOIN LATERAL (SELECT * FROM store_syncwaiting w
                      WHERE w.pair_id = %(pair)s AND w.rank = k.rank AND w.due_at <= %(now)s::timestamptz
                        AND w.state = 'due' AND w.epoch = %(epoch)s ORDER BY w.due_at, w.id LIMIT %(limit)s) AS w
 ORDER BY w.rank, w.due_at, w.id LIMIT %(limit)s
"""
_NEXT = f"""
SELECT {iso("min(w.due_at)")} FROM (VALUES (0), (1)) AS k(rank)
 CROSS JOIN LATERAL (SELECT w.due_at FROM store_syncwaiting w
                      WHERE w.pair_id = %s AND w.rank = k.rank AND w.due_at IS NOT NULL AND w.state = 'due'
                        AND w.epoch = %s
                      ORDER BY w.due_at LIMIT 1) AS w
"""
# A word stays that was said after the row was read (`seen`: the revision as it was read; NULL: it was not read, and goes only
# where nothing was said but that it changed, which whoever looks at it now finds). Each is looked up by key: joined with the list,
# it is gone through for every row of a table that was empty when its plan was made. A row is locked before what is said in it counts.
_WAITED = """
DELETE FROM store_syncwaiting WHERE id = ANY (ARRAY(
    SELECT k.id FROM json_to_recordset(%(rows)s::json) AS r(role text, side text, id text, seen int)
     CROSS JOIN LATERAL (SELECT w.id FROM store_syncwaiting w
                          WHERE w.pair_id = %(pair)s AND w.role = r.role AND w.side = r.side AND w.record = r.id
                            AND w.epoch = %(epoch)s
                            AND CASE WHEN r.seen IS NULL THEN w.told IS NULL AND w.approved IS NULL ELSE w.revision = r.seen END
                          LIMIT 1 FOR UPDATE) AS k))
"""
# Where something was said since it was read, that counts; of this one stays what a person had said before: it is not done yet.
# What was said to a row that was not read stays as well.
_WORDS = "(excluded.told::jsonb - '{event,by,until,new_id}'::text[])"
_KEEP_WAITING = """
INSERT INTO store_syncwaiting AS w (workspace_id, pair_id, epoch, role, side, record, rank, due_at, why, code, told, approved,
                                    attempts, state, name, waits_for, revision, since)
SELECT %(workspace)s, %(pair)s, %(epoch)s, r.role, r.side, r.id, r.rank, r.due_at, r.why, coalesce(r.why->>'code', ''), r.told,
       r.approved, r.attempts, r.state, r.name,
       (r.waits_for->>0) || chr(9) || (r.waits_for->>1) || chr(9) || (r.waits_for->>2), coalesce(r.seen, 0), now()
  FROM json_to_recordset(%(rows)s::json) AS r(role text, side text, id text, rank int, due_at timestamptz, why json, told json,
       approved text, attempts int, state text, name text, waits_for json, seen int)
ON CONFLICT (pair_id, role, side, record, epoch) DO UPDATE SET
       (due_at, why, code, told, approved, attempts, state, name, waits_for) = (
           SELECT excluded.due_at, excluded.why, excluded.code, TOLD, excluded.approved, excluded.attempts,
                  excluded.state, excluded.name, excluded.waits_for
            WHERE w.revision = excluded.revision
            UNION ALL
           SELECT w.due_at, w.why, w.code,
                  (WORDS || coalesce(w.told::jsonb, '{}')
                   || CASE WHEN WORDS ? 'choices'
                           THEN jsonb_build_object('choices', WORDS->'choices' || coalesce(w.told::jsonb->'choices', '{}'))
                           ELSE '{}' END)::json,
                  w.approved, w.attempts, w.state, w.name, w.waits_for
            WHERE w.revision <> excluded.revision)
 WHERE w.revision = excluded.revision OR WORDS <> '{}'
""".replace("WORDS", _WORDS)
_KEEP_READ = _KEEP_WAITING.replace("TOLD", "excluded.told")
_KEEP_UNREAD = _KEEP_WAITING.replace(
    "TOLD",
    "CASE WHEN w.told IS NULL THEN excluded.told"
    " ELSE (w.told::jsonb - '{event,by,until}'::text[] || coalesce(excluded.told::jsonb, '{}'))::json END",
)
_WOKEN = """
UPDATE store_syncwaiting SET due_at = now(), state = 'due', waits_for = NULL
 WHERE pair_id = %s AND waits_for = ANY (%s::text[]) AND waits_for IS NOT NULL AND epoch = %s
"""
_RELEASE = """
UPDATE store_syncwaiting SET due_at = now(), state = 'due'
 WHERE pair_id = %s AND state = 'asked' AND code = %s AND epoch = %s
"""
# The counts say whether there is any: of a role that is off there may be a hundred thousand.
_SET_ASIDE = """
SELECT role FROM store_synccount
 WHERE pair_id = %(pair)s AND epoch = %(epoch)s AND what = 'waiting' AND state = 'stuck' AND code = %(code)s
   AND role = ANY (%(roles)s::text[])
 GROUP BY role HAVING sum(count) > 0
"""
_DUE_AGAIN = """
UPDATE store_syncwaiting SET due_at = now(), state = 'due'
 WHERE pair_id = %(pair)s AND state = 'stuck' AND code = %(code)s AND role = ANY (%(roles)s::text[]) AND epoch = %(epoch)s
"""


class LinkSide:
    """Links and what waits, over the session that holds the pair."""

    session: PairSession

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], int] = {}
        """(role, side, id) of waiting rows under way → their revision when they were read."""
        self._settled = 0
        self._apart: dict[str, bool] = {}
        """Key → whether a link was "stopped" when it was read first since a page was settled."""

    # -- links -------------------------------------------------------------------------------------------------------

    def links(self, role: str, side: Side, ids: Sequence[str]) -> list[LinkRow]:
        """Links of these records of that side, in one query."""
        if not ids:
            return []
        session = self.session
        with session.ask() as connection:
            rows = connection.execute(_BY_ID[side], [list(ids), session.pair, role, session.epoch]).fetchall()
        return self._read(rows)

    def links_by_key(self, keys: Sequence[str]) -> list[LinkRow]:
        """The same by their keys."""
        if not keys:
            return []
        session = self.session
        with session.ask() as connection:
            rows = connection.execute(_BY_KEY, [list(keys), session.pair, session.epoch]).fetchall()
        return self._read(rows)

    def links_after(self, role: str, key: str, limit: int) -> list[LinkRow]:
        """Links of a role in order of key, after this one."""
        session = self.session
        with session.ask() as connection:
            rows = connection.execute(_AFTER, [session.pair, key, session.epoch, role, limit]).fetchall()
        return self._read(rows)

    def _read(self, rows: Iterable[tuple[Any, ...]]) -> list[LinkRow]:
        if len(self._apart) > MOST_READ:
            self._apart.clear()
        links = [LinkRow(*row) for row in rows]
        for link in links:
            self._apart.setdefault(link.key, link.state == "stopped")
        return links

    def count_links(self, role: str) -> int:
        """How many links of this role there are."""
        session = self.session
        with session.ask() as connection:
            row = connection.execute(_COUNT, [session.pair, session.epoch, role]).fetchone()
        return int(row[0]) if row else 0

    # -- what waits --------------------------------------------------------------------------------------------------

    def waiting(self, now: str, limit: int) -> list[WaitingRow]:
        """Due rows, parents' roles first, then oldest first."""
        session = self.session
        asked = {"pair": session.pair, "now": now, "epoch": session.epoch, "limit": limit}
        with session.ask() as connection:
            rows = connection.execute(_DUE, asked).fetchall()
        out: list[WaitingRow] = []
        for *values, waits_for, revision in rows:
            row = WaitingRow(*values)
            row.waits_for = waits_for.split("\t") if waits_for is not None else None
            self._seen[row.role, row.side, row.id] = revision
            out.append(row)
        return out

    def next_due(self) -> str | None:
        """When the next waiting row falls due."""
        session = self.session
        with session.ask() as connection:
            row = connection.execute(_NEXT, [session.pair, session.epoch]).fetchone()
        return row[0] if row else None

    def release(self, code: str) -> int:
        """Rows in state "asked" with this code fall due now; how many."""
        session = self.session
        with session.ask() as connection:
            return connection.execute(_RELEASE, [session.pair, code, session.epoch]).rowcount

    def due_again(self, code: str, roles: Sequence[str]) -> int:
        """Rows in state "stuck" of these roles with this code fall due now; how many."""
        session = self.session
        asked: dict[str, Any] = {"pair": session.pair, "epoch": session.epoch, "code": code, "roles": list(roles)}
        with session.ask() as connection:
            asked["roles"] = [role for (role,) in connection.execute(_SET_ASIDE, asked)]
            return connection.execute(_DUE_AGAIN, asked).rowcount if asked["roles"] else 0

    # -- of a page ---------------------------------------------------------------------------------------------------

    def _settle_links(self, connection: Link, rows: Sequence[LinkRow], dropped: Sequence[str], *, clear: bool) -> None:
        """`clear`: two links change places: none has its records for a moment."""
        session = self.session
        if dropped:
            connection.execute(_DROP, [session.pair, session.epoch, list(dropped)])
        if not rows:
            return
        last = list({row.key: row for row in rows}.values())
        if clear:
            keys = [row.key for row in last]
            connection.execute(_CLEAR, {"pair": session.pair, "epoch": session.epoch, "keys": keys})
        apart = [row.key for row in last if self._apart.get(row.key)]
        connection.execute(_KEEP_LINKS, {**self._whose(), "rows": dumps(last), "apart": apart})

    def _settle_waiting(
        self,
        connection: Link,
        waited: Iterable[tuple[str, Side, str]],
        rows: Sequence[WaitingRow],
        woken: Iterable[tuple[str, Side, str]],
    ) -> None:
        session = self.session
        gone = [
            {"role": role, "side": side, "id": id, "seen": self._seen.get((role, side, id))}
            for role, side, id in dict.fromkeys((role, side, id) for role, side, id in waited)
        ]
        if gone:
            connection.execute(_WAITED, {**self._whose(), "rows": dumps(gone)})
        last = {(row.role, row.side, row.id): row for row in rows}
        if last:
            kept = [_plain(row, self._seen.get(of)) for of, row in last.items()]
            for statement, is_read in ((_KEEP_READ, True), (_KEEP_UNREAD, False)):
                if part := [row for row in kept if (row["seen"] is not None) == is_read]:
                    connection.execute(statement, {**self._whose(), "rows": dumps(part)})
        parents = ["\t".join(one) for one in woken]
        if parents:
            connection.execute(_WOKEN, [session.pair, parents, session.epoch])

    def _forget_seen(self, keys: Iterable[tuple[str, Side, str]]) -> None:
        self._apart.clear()
        for key in keys:
            self._seen.pop(key, None)

    def _compact(self, connection: Link) -> None:
        connection.execute(_COMPACT, {"pair": self.session.pair})

    def _whose(self) -> dict[str, int]:
        session = self.session
        return {"workspace": session.workspace, "pair": session.pair, "epoch": session.epoch}


def _plain(row: WaitingRow, seen: int | None) -> dict[str, object]:
    return {
        "role": row.role,
        "side": row.side,
        "id": row.id,
        "rank": RANKS.get(row.role, LATER),
        "due_at": row.due_at,
        "why": row.why,
        "told": row.told,
        "approved": row.approved,
        "attempts": row.attempts,
        "state": row.state,
        "name": row.name,
        "waits_for": row.waits_for,
        "seen": seen,
    }
