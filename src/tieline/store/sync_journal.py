"""Runs of a pair, and the journal of what they write. Part of `engine.sync.ports.SyncStore` on Postgres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from tieline.engine.sync.limits import BY_A_PERSON
from tieline.engine.sync.ports import Report, RunKind, RunRow, SyncOperation
from tieline.flows.customers.reasons import DELETED_BY_HAND
from tieline.store.drain_subjects import iso
from tieline.store.held import dumps
from tieline.store.pool import Link
from tieline.store.sync_session import PairSession

_OPERATION = (
    "o.key, o.run_id, o.link, o.role, o.side, o.verb, o.record, o.values, o.before, o.reason, o.lines, o.source, o.state,"
    f" o.error, o.version, {iso('o.sent_at')}, o.attempts, o.name, o.base, o.digest"
)
_GIVEN = """
json_to_recordset(%(rows)s::json) AS r(key text, run bigint, link text, role text, side text, verb text, id text,
       "values" json, before json, reason json, lines json, source json, state text, error json, version text,
       sent_at timestamptz, attempts int, name text, base json, digest text)
"""
# What is done stays as it is, whoever announces it again; and so does what a watched pair has planned before.
_ANNOUNCE = f"""
INSERT INTO store_syncoperation AS o (workspace_id, pair_id, epoch, key, run_id, link, role, side, verb, record, values, before,
                                      reason, lines, source, state, error, version, sent_at, attempts, name, base, digest)
SELECT %(workspace)s, %(pair)s, %(epoch)s, r.key, r.run, r.link, r.role, r.side, r.verb, r.id, r.values, r.before, r.reason,
       r.lines, r.source, CASE WHEN %(dry)s THEN 'planned' ELSE 'sent' END, NULL, r.version,
       CASE WHEN NOT %(dry)s THEN now() END, CASE WHEN %(dry)s THEN r.attempts ELSE r.attempts + 1 END, r.name, r.base,
       r.digest
  FROM {_GIVEN}
ON CONFLICT (pair_id, key) DO UPDATE SET
       run_id = excluded.run_id, link = excluded.link, role = excluded.role, side = excluded.side, verb = excluded.verb,
       record = excluded.record, values = excluded.values, before = excluded.before, reason = excluded.reason,
       lines = excluded.lines, source = excluded.source, state = excluded.state, error = NULL, version = excluded.version,
       sent_at = coalesce(excluded.sent_at, o.sent_at), attempts = greatest(o.attempts + 1, excluded.attempts),
       name = excluded.name, base = excluded.base, digest = excluded.digest
 WHERE o.state <> 'done' AND NOT (o.state = 'planned' AND excluded.state = 'planned' AND o.digest = excluded.digest)
RETURNING o.key, {iso("o.sent_at")}, o.attempts
"""
_SETTLE = f"""
INSERT INTO store_syncoperation AS o (workspace_id, pair_id, epoch, key, run_id, link, role, side, verb, record, values, before,
                                      reason, lines, source, state, error, version, sent_at, done_at, attempts, name, base,
                                      digest)
SELECT %(workspace)s, %(pair)s, %(epoch)s, r.key, r.run, r.link, r.role, r.side, r.verb, r.id, r.values, r.before, r.reason,
       r.lines, r.source, r.state, r.error, r.version, r.sent_at,
       CASE WHEN r.state IN ('done', 'rejected', 'skipped') THEN now() END, r.attempts, r.name, r.base, r.digest
  FROM {_GIVEN}
ON CONFLICT (pair_id, key) DO UPDATE SET
       link = excluded.link, record = excluded.record, state = excluded.state, error = excluded.error,
       version = excluded.version, done_at = excluded.done_at, name = excluded.name, base = excluded.base
 WHERE o.state <> 'done' OR excluded.state = 'done'
"""
_UNFINISHED = f"""
SELECT {_OPERATION} FROM store_syncoperation o
 WHERE o.pair_id = %s AND o.state IN ('sent', 'unknown') AND o.epoch = %s ORDER BY o.id
"""
# A journal of many deletions is counted by an index of its own, and only what is of the last day.
_DELETED = """
SELECT count(*) FROM store_syncoperation o JOIN store_syncrun x ON x.id = o.run_id
 WHERE o.pair_id = %s AND o.role = %s AND o.verb = 'delete' AND o.sent_at >= %s::timestamptz AND o.epoch = %s
   AND o.state IN ('sent', 'unknown', 'done') AND o.reason->>'code' <> %s
   AND x.kind <> ALL (%s) AND coalesce(x.options->>'bypass_limit', 'false') <> 'true'
"""
# What was undone counts no more, unless the undo was undone.
_WRITTEN = """
SELECT DISTINCT o.link FROM store_syncoperation o JOIN store_syncrun x ON x.id = o.run_id
 WHERE o.pair_id = %s AND o.link = ANY (%s) AND o.epoch = %s AND o.run_id <> %s AND o.state IN ('sent', 'unknown', 'done')
   AND x.kind NOT IN ('undo', 'redo')
   AND o.id > coalesce((SELECT max(m.id) FROM store_syncoperation m
                         WHERE m.pair_id = o.pair_id AND m.link = o.link AND m.run_id = %s), 0)
   AND NOT EXISTS (SELECT 1 FROM store_syncrun u
                    WHERE u.pair_id = o.pair_id AND u.kind = 'undo' AND u.state = 'done' AND u.options->>'of' = o.run_id::text
                      AND coalesce(u.options->>'link', '') IN ('', o.link) AND coalesce(u.options->>'line', '') = ''
                      AND NOT EXISTS (SELECT 1 FROM store_syncrun r
                                       WHERE r.pair_id = u.pair_id AND r.kind = 'redo' AND r.state = 'done'
                                         AND r.options->>'of' = u.id::text))
"""
_PLANNED = f"""
SELECT {_OPERATION} FROM store_syncoperation o WHERE o.run_id = %s AND o.key > %s AND o.pair_id = %s ORDER BY o.key LIMIT %s
"""
_RUN = (
    "x.kind, x.state, x.counts, x.position, x.options, x.requests, x.why,"
    f" {iso('x.started_at')}, {iso('x.finished_at')}, x.total"
)
# A person's word is found by what it is about: its row says it in full.
_FIND_RUN = f"""
SELECT x.id, {_RUN} FROM store_syncrun x
 WHERE x.pair_id = %(pair)s AND x.state IN ('running', 'paused') AND x.kind = %(kind)s
   AND (x.options = %(options)s::jsonb
     OR x.kind = 'asked' AND x.options @> jsonb_build_object(
            'role', %(options)s::jsonb->'role', 'side', %(options)s::jsonb->'side', 'id', %(options)s::jsonb->'id'))
   AND x.epoch = %(epoch)s
 ORDER BY x.id LIMIT 1
"""
_BEGIN = f"""
INSERT INTO store_syncrun AS x (workspace_id, pair_id, epoch, kind, state, wish, counts, position, options, requests, why, total,
                                version, started_at, moved_at)
VALUES (%(workspace)s, %(pair)s, %(epoch)s, %(kind)s, 'running', '', %(counts)s::jsonb, %(position)s::jsonb, %(options)s::jsonb,
        0, NULL, %(total)s, %(version)s, now(), now())
RETURNING x.id, {_RUN}
"""
_GO_ON = "UPDATE store_syncrun SET state = 'running', wish = '', finished_at = NULL, version = %s WHERE id = %s AND pair_id = %s"
_MOVE = """
UPDATE store_syncrun SET counts = %s::jsonb, position = %s::jsonb, requests = %s, total = %s, moved_at = now()
 WHERE id = %s AND pair_id = %s
"""
# Paused by nobody: it gave way to what is more urgent, or a vendor does not answer. It goes on by itself, so it is "running".
_END = """
UPDATE store_syncrun
   SET state = CASE WHEN %(state)s <> 'paused' THEN %(state)s WHEN wish = 'stop' THEN 'stopped' WHEN wish = 'pause' THEN 'paused'
                    ELSE 'running' END, wish = '',
       counts = %(counts)s::jsonb, position = %(position)s::jsonb, requests = %(requests)s, total = %(total)s,
       why = CASE WHEN %(gave_way)s THEN NULL ELSE %(why)s::jsonb END, moved_at = now(),
       finished_at = CASE WHEN %(state)s = 'paused' AND wish <> 'stop' THEN NULL ELSE now() END
 WHERE id = %(run)s AND pair_id = %(pair)s
RETURNING state
"""
# What a person wished of a run that nobody is at.
_WISHED = """
UPDATE store_syncrun SET state = CASE wish WHEN 'stop' THEN 'stopped' ELSE 'paused' END, wish = '', moved_at = now(),
       finished_at = CASE wish WHEN 'stop' THEN now() END
 WHERE pair_id = %s AND state IN ('running', 'paused') AND wish <> ''
"""
_OPEN = """
SELECT kind, options FROM store_syncrun
 WHERE pair_id = %s AND state = 'running' AND epoch = %s AND (why IS NULL OR moved_at < now() - interval '30 seconds') ORDER BY id
"""
# A round of changes that came to nothing says so with the pair, and leaves no run.
_QUIET = """
WITH gone AS (DELETE FROM store_syncrun x WHERE x.id = %(run)s AND x.pair_id = %(pair)s AND x.kind = 'changes' AND x.state = 'done'
                 AND NOT EXISTS (SELECT 1 FROM store_syncoperation o WHERE o.run_id = x.id)
               RETURNING started_at)
UPDATE store_syncpair p
   SET quiet = jsonb_build_object('at', now(), 'requests', %(requests)s::int,
                                  'seconds', extract(epoch FROM now() - gone.started_at)::float8)
  FROM gone WHERE p.id = %(pair)s
"""
# Also where the pair was switched off, or is to write no more: not the round's end decides when that counts, but the page's.
_WISH = """
SELECT x.wish <> '' OR NOT (p.is_on AND p.state = 'active' AND (p.live OR NOT %s))
  FROM store_syncrun x JOIN store_syncpair p ON p.id = x.pair_id WHERE x.id = %s AND x.pair_id = %s
"""
_REPORTS = """
INSERT INTO store_syncreport (workspace_id, pair_id, run_id, role, left_id, right_id, name, status, code, reason, lines)
SELECT %(workspace)s, %(pair)s, %(run)s, r.role, r.left_id, r.right_id, r.name, r.status, coalesce(r.reason->>'code', ''),
       r.reason, r.lines
  FROM json_to_recordset(%(rows)s::json) AS r(role text, left_id text, right_id text, name text, status text, reason json,
       lines json)
"""

STOPPED = "sync.run_stopped"
"""Code of a run that was asked to pause."""
NOTHING = {"read", "same", "excluded", "echo", "waiting"}
"""Counts that say that nothing moved."""


class JournalSide:
    """Runs and operations, over the session that holds the pair."""

    session: PairSession
    gives_way: Callable[[], bool] = staticmethod(lambda: False)
    """Whether something more urgent waits: a long run is then interrupted as if a person had paused it, and goes on after."""

    def open_runs(self) -> list[tuple[RunKind, dict[str, Any]]]:
        """(kind, options) of the runs that are to be done or gone on with, oldest first; what people wished of runs that nobody is
        at is done."""
        session = self.session
        with session.ask() as connection, connection.transaction():
            connection.execute(_WISHED, [session.pair])
            return connection.execute(_OPEN, [session.pair, session.epoch]).fetchall()

    def unfinished(self) -> list[SyncOperation]:
        """Operations in state "sent" or "unknown"."""
        session = self.session
        with session.ask() as connection:
            rows = connection.execute(_UNFINISHED, [session.pair, session.epoch]).fetchall()
        return [SyncOperation(*row) for row in rows]

    def deleted_since(self, role: str, since: str) -> int:
        """How many records of this role were deleted since then by what nobody asked for."""
        session = self.session
        asked = [session.pair, role, since, session.epoch, DELETED_BY_HAND, sorted(BY_A_PERSON)]
        with session.ask() as connection:
            row = connection.execute(_DELETED, asked).fetchone()
        return int(row[0]) if row else 0

    def written_later(self, keys: Sequence[str], run: int) -> set[str]:
        """Those of these links that another run has written to after this one, as far as that was not undone."""
        session = self.session
        with session.ask() as connection:
            rows = connection.execute(_WRITTEN, [session.pair, list(keys), session.epoch, run, run]).fetchall()
        return {row[0] for row in rows}

    def planned(self, run: int, after: str, limit: int) -> list[SyncOperation]:
        """Operations of a run in order of key, after this one."""
        with self.session.ask() as connection:
            rows = connection.execute(_PLANNED, [run, after, self.session.pair, limit]).fetchall()
        return [SyncOperation(*row) for row in rows]

    def announce(self, run: RunRow, operations: Sequence[SyncOperation]) -> None:
        """The intents, before the writes leave; `sent_at` and `attempts` are put into the given ones."""
        session = self.session
        for is_dry in (False, True):
            given = {one.key: one for one in operations if (one.state == "planned") == is_dry}
            if not given:
                continue
            for one in given.values():
                one.run = run.id
            values = {**_whose(session), "dry": is_dry, "rows": dumps(list(given.values()))}
            with session.ask() as connection:
                rows = connection.execute(_ANNOUNCE, values).fetchall()
            for key, sent_at, attempts in rows:
                one = given[key]
                one.sent_at, one.attempts = sent_at, attempts
                if not is_dry:
                    one.state = "sent"

    def begin(self, run: RunRow) -> int:
        """Keeps a new run, or goes on with one of the same kind and options that is not at its end."""
        session = self.session
        values = {
            **_whose(session),
            "kind": run.kind,
            "options": dumps(run.options),
            "counts": dumps(run.counts),
            "position": dumps(run.position),
            "total": run.total,
            "version": session.version,
        }
        with session.ask() as connection, connection.transaction():
            row = connection.execute(_FIND_RUN, values).fetchone()
            if row is None:
                row = connection.execute(_BEGIN, values).fetchone()
            else:
                connection.execute(_GO_ON, [session.version, row[0], session.pair])
        if row is None:
            raise psycopg.InternalError("a run was not kept")
        (run.id, _, _, run.counts, run.position, run.options, run.requests, run.why, run.started_at, _, run.total) = row
        run.state, run.finished_at = "running", None
        return run.id

    def end(self, run: RunRow) -> None:
        """Its final state, counts, why."""
        session = self.session
        values = {
            "run": run.id,
            "pair": session.pair,
            "state": run.state,
            "counts": dumps(run.counts),
            "position": dumps(run.position),
            "requests": run.requests,
            "total": run.total,
            "why": None if run.why is None else dumps(run.why),
            "gave_way": run.state == "paused" and (run.why or {}).get("code") == STOPPED,
        }
        is_quiet = run.kind == "changes" and (
            bool(run.options.get("watch")) or all(name in NOTHING for name, count in run.counts.items() if count)
        )
        with session.ask() as connection, connection.transaction():
            row = connection.execute(_END, values).fetchone()
            if row is not None and row[0] != "running":
                run.state = row[0]
            if is_quiet:
                connection.execute(_QUIET, values)

    def paused(self, run: RunRow) -> bool:
        """Whether a person has asked this run to pause or stop or has switched the pair off, or something more urgent waits."""
        if run.kind != "changes" and self.gives_way():
            return True
        with self.session.ask() as connection:
            row = connection.execute(_WISH, [self.session.live, run.id, self.session.pair]).fetchone()
        return bool(row and row[0])

    def _settle_run(
        self, connection: Link, run: RunRow, operations: Sequence[SyncOperation], reports: Sequence[Report]
    ) -> None:
        whose = _whose(self.session)
        last = list({one.key: one for one in operations}.values())
        if last:
            connection.execute(_SETTLE, {**whose, "rows": dumps(last)})
        if reports:
            connection.execute(_REPORTS, {**whose, "run": run.id, "rows": dumps(list(reports))})
        said = [dumps(run.counts), dumps(run.position), run.requests, run.total, run.id, self.session.pair]
        connection.execute(_MOVE, said)


def _whose(session: PairSession) -> dict[str, int]:
    return {"workspace": session.workspace, "pair": session.pair, "epoch": session.epoch}
