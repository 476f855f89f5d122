"""What a drain decides and does: runs, operations, outcomes. The other half of `engine.ports.Store` on Postgres."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tieline.engine.ports import OperationRow, Result, RunRow, SubjectRow
from tieline.store import drain_inbox
from tieline.store.drain_session import DrainSession, dumps
from tieline.store.drain_subjects import SUBJECT, iso, subject_row
from tieline.store.pool import Link

_RUN_IDS = "SELECT nextval('store_run_id_seq') FROM generate_series(1, %s)"
_SAVE_RUNS = """
INSERT INTO store_run (id, workspace_id, target_id, epoch, subject_id, flow, revision, state, settings_version, known,
                       considered, questions, notices, started_at, finished_at, requests, kind)
SELECT r.id, %(workspace)s, %(target)s, %(epoch)s, r.subject, %(flow)s, r.revision, r.state, r.settings_version, r.known,
       r.considered, r.questions, r.notices, r.started_at, CASE WHEN r.state <> 'applying' THEN now() END, r.requests,
       r.kind
  FROM json_to_recordset(%(runs)s::json) AS r(id bigint, subject bigint, revision int, state text, settings_version int,
       known json, considered json, questions json, notices json, started_at timestamptz, requests float8,
       kind text)
"""
# A key that is there already is taken over by the new run, unless what it did stands or is not known.
_SAVE_OPERATIONS = """
INSERT INTO store_operation AS o (workspace_id, target_id, epoch, key, run_id, subject_id, slot, verb, role, values,
                                  target_ref, before, state, reason, match_keys, external_id, sent_at, attempts, error,
                                  position, requests, if_version)
SELECT %(workspace)s, %(target)s, %(epoch)s, r.key, r.run, r.subject, r.slot, r.verb, r.role, r.values, r.target_ref,
       r.before, CASE WHEN r.send THEN 'sent' ELSE r.state END, r.reason, r.match_keys, r.external_id,
       CASE WHEN r.send THEN now() ELSE r.sent_at END, r.attempts + r.send::int,
       r.error, r.position, r.requests, r.if_version
  FROM json_to_recordset(%(operations)s::json) AS r(key text, run bigint, subject bigint, slot text, verb text, role text,
       values json, target_ref json, before json, state text, reason json, match_keys json, external_id text,
       sent_at timestamptz, attempts int, error json, position int, requests float8, if_version text, send bool)
ON CONFLICT (target_id, key) DO UPDATE SET
       run_id = excluded.run_id, subject_id = excluded.subject_id, slot = excluded.slot, verb = excluded.verb,
       role = excluded.role, values = excluded.values, target_ref = excluded.target_ref, before = excluded.before,
       state = excluded.state, reason = excluded.reason, match_keys = excluded.match_keys,
       external_id = excluded.external_id, sent_at = excluded.sent_at, attempts = excluded.attempts,
       error = excluded.error, position = excluded.position, if_version = excluded.if_version, requests = o.requests + excluded.requests
 WHERE o.state NOT IN ('done', 'unknown', 'sent')
"""
# A look-up by key is LATERAL with a LIMIT: Postgres cannot turn it round and begin with the table.
_KEPT = """
SELECT o.* FROM json_array_elements_text(%s::json) AS k(key)
 CROSS JOIN LATERAL (SELECT o.key, o.run_id, o.state, o.external_id FROM store_operation o
                      WHERE o.target_id = %s AND o.key = k.key LIMIT 1) AS o
"""
_MOVE_SUBJECTS = "SELECT store_move_subjects(%s, %s::json, %s)"

_OPERATION = (
    "o.key, o.run_id, o.subject_id, o.slot, o.verb, o.role, o.values, o.target_ref, o.before, o.state, o.reason,"
    f" o.match_keys, o.external_id, {iso('o.sent_at')}, o.attempts, o.error, o.position, o.requests,"
    " o.if_version"
)
_OPEN_RUNS = f"""
SELECT r.id, r.revision, r.state, r.settings_version, r.known, r.questions, {iso("r.started_at")}, r.requests, r.kind, s.*
  FROM store_run r CROSS JOIN LATERAL (SELECT {SUBJECT} FROM store_subject s WHERE s.id = r.subject_id LIMIT 1) AS s
 WHERE r.target_id = %s AND r.state = 'applying' AND r.flow = %s ORDER BY r.id
"""
_OPEN_OPERATIONS = f"""
SELECT o.* FROM store_run r
 CROSS JOIN LATERAL (SELECT {_OPERATION} FROM store_operation o WHERE o.run_id = r.id OFFSET 0) AS o
 WHERE r.target_id = %s AND r.state = 'applying' AND r.flow = %s ORDER BY o.run_id, o.position
"""
_SAVE_RESULTS = "SELECT store_save_results(%s, %s::json)"
_OWN_KEYS = """
INSERT INTO store_ownkey (workspace_id, target_id, epoch, role, by, value, external_id, values, made_at)
SELECT %s, %s, %s, r.role, r.by, r.value, r.id, r.values, now()
  FROM json_to_recordset(%s::json) AS r(role text, by text, value text, id text, values json)
ON CONFLICT (target_id, value, role, by, external_id, epoch) DO UPDATE SET values = excluded.values, made_at = now()
"""
_SEND = "SELECT store_send(%s, %s::json)"
_END_RUNS = "SELECT store_end_runs(%s, %s::json)"


class RunSide:
    """Decisions in, outcomes in."""

    session: DrainSession
    flow: str

    def save_decided(self, runs: Sequence[RunRow], subjects: Sequence[SubjectRow], send: Sequence[str]) -> None:
        """Runs, operations, inbox items and the subjects' states, at once; what is sent is marked before it leaves."""
        self.save_runs(runs, subjects, send)

    def save_runs(
        self,
        runs: Sequence[RunRow],
        subjects: Sequence[SubjectRow],
        send: Sequence[str] = (),
        more: Callable[[Link], None] | None = None,
    ) -> None:
        """As `save_decided`, with more in the same transaction."""
        session = self.session
        operations = self._numbered(runs, send)
        written = None
        with session.tx() as connection:
            if runs:
                connection.execute(
                    _SAVE_RUNS, {"runs": dumps([_without_operations(run) for run in runs]), **self._whose()}
                )
            if operations:
                written = connection.execute(_SAVE_OPERATIONS, {"operations": dumps(operations), **self._whose()})
            if subjects:
                moved = dumps([_moved(row) for row in subjects])
                connection.execute(_MOVE_SUBJECTS, [session.target, moved, False])
            drain_inbox.replace_questions(connection, session, runs)
            drain_inbox.raise_notices(connection, session, runs)
            if more is not None:
                more(connection)
        if written is not None and written.rowcount < len(operations):
            self._put_kept(runs)

    def unfinished(self) -> list[tuple[SubjectRow, RunRow]]:
        """Every run being applied, with its subject and all its operations in order."""
        session = self.session
        with session.tx() as connection:
            runs = connection.execute(_OPEN_RUNS, [session.target, self.flow])
            operations = connection.execute(_OPEN_OPERATIONS, [session.target, self.flow])
        out: list[tuple[SubjectRow, RunRow]] = []
        by_id: dict[int, RunRow] = {}
        for id, revision, state, version, known, questions, started_at, requests, kind, *subject in runs.fetchall():
            row = subject_row(tuple(subject))
            run = RunRow(
                id, row.id, revision, state, version, known, [], questions, [], started_at, requests, kind=kind
            )
            by_id[id] = run
            out.append((row, run))
        for operation in operations.fetchall():
            by_id[operation[1]].operations.append(OperationRow(*operation))
        return out

    def written(self, keys: Sequence[str]) -> dict[str, str]:
        """Origin key → external id of the operations among these that are done."""
        with self.session.ask() as connection:
            rows = _kept(connection, list(keys), self.session.target)
        return {key: id for key, _, state, id in rows if state == "done" and id is not None}

    def save_results(self, results: Sequence[Result], send: Sequence[str]) -> None:
        """Outcomes, links, own keys, and the next operations marked as sent, at once."""
        session = self.session
        own = [own for result in results for own in result.own]
        with session.tx() as connection:
            if results:
                connection.execute(_SAVE_RESULTS, [session.target, dumps([_outcome(result) for result in results])])
            if own:
                connection.execute(_OWN_KEYS, [session.workspace, session.target, session.epoch, dumps(_once(own))])
            if send:
                connection.execute(_SEND, [session.target, dumps(list(send))])

    def finish(
        self,
        runs: Mapping[int, str],
        subjects: Sequence[SubjectRow],
        questions: Sequence[tuple[int, Mapping[str, Any]]],
    ) -> None:
        """Ends runs and moves their subjects on."""
        session = self.session
        with session.tx() as connection:
            if runs:
                ended = dumps({str(run): state for run, state in runs.items()})
                connection.execute(_END_RUNS, [session.target, ended])
            if subjects:
                moved = dumps([{**_moved(row), "own": row.own} for row in subjects])
                connection.execute(_MOVE_SUBJECTS, [session.target, moved, True])
            drain_inbox.add_questions(connection, session, questions)

    def _whose(self) -> dict[str, int | str]:
        session = self.session
        return {
            "workspace": session.workspace,
            "target": session.target,
            "epoch": session.epoch,
            "flow": self.flow,
        }

    def _numbered(self, runs: Sequence[RunRow], send: Sequence[str]) -> list[dict[str, Any]]:
        """Gives the runs their ids, in the given rows; the operations as they are to be stored."""
        if not runs:
            return []
        with self.session.ask() as connection:
            ids = connection.execute(_RUN_IDS, [len(runs)]).fetchall()
        sending = set(send)
        out: list[dict[str, Any]] = []
        for run, (id,) in zip(runs, ids, strict=True):
            run.id = id
            for row in run.operations:
                row.run = id
                out.append({**_plain(row), "send": row.key in sending})
        return out

    def _put_kept(self, runs: Sequence[RunRow]) -> None:
        """Some operations were there already and stay as they are: says so in the given rows."""
        rows = {row.key: row for run in runs for row in run.operations}
        with self.session.ask() as connection:
            found = _kept(connection, list(rows), self.session.target)
        for key, run, state, external_id in found:
            if run != rows[key].run:
                rows[key].run, rows[key].state, rows[key].external_id = run, state, external_id


def _kept(connection: Link, keys: list[str], target: int) -> list[Any]:
    return connection.execute(_KEPT, [dumps(keys), target]).fetchall()


_OPERATION_FIELDS = tuple(OperationRow.__dataclass_fields__)


def _plain(row: OperationRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _OPERATION_FIELDS}


def _without_operations(run: RunRow) -> dict[str, Any]:
    return {
        "id": run.id,
        "subject": run.subject,
        "revision": run.revision,
        "state": run.state,
        "settings_version": run.settings_version,
        "known": run.known,
        "considered": run.considered,
        "questions": run.questions,
        "notices": run.notices,
        "started_at": run.started_at,
        "requests": run.requests,
        "kind": run.kind,
    }


def _moved(row: SubjectRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state,
        "due_at": row.due_at,
        "revision": row.revision,
        "attempts": row.attempts,
        "why": row.why,
    }


def _outcome(result: Result) -> dict[str, Any]:
    return {
        "key": result.key,
        "state": result.state,
        "external_id": result.external_id,
        "record_version": result.record_version,
        "error": result.error,
        "requests": result.requests,
    }


def _once(own: list[Any]) -> list[Any]:
    """One row a key: a statement may not touch the same row twice."""
    return list({(one.role, one.by, one.value, one.id): one for one in own}.values())
