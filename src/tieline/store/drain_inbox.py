"""Inbox items that come with decisions: questions that a subject waits with, and notices that nothing waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tieline.engine.ports import RunRow
from tieline.store.drain_session import DrainSession, dumps
from tieline.store.pool import Link

_OVERTAKEN = "SELECT store_overtake(%s, %s::json)"
_ASK = """
INSERT INTO store_inboxitem AS i (workspace_id, connection_id, epoch, flow, kind, topic, reason, options, subject_id, run_id,
                                  state, times, created, last_at)
SELECT %(workspace)s, %(target)s, %(epoch)s, s.flow, q.kind, coalesce(q.topic, ''), q.reason, coalesce(q.options, '[]'),
       s.id, q.run, 'open', 1, now(), now()
  FROM json_to_recordset(%(items)s::json) AS q(run bigint, kind text, topic text, reason jsonb, options jsonb)
  JOIN store_run r ON r.id = q.run JOIN store_subject s ON s.id = r.subject_id
ON CONFLICT (subject_id, kind) WHERE state = 'open' DO UPDATE
   SET run_id = excluded.run_id, topic = excluded.topic, reason = excluded.reason, options = excluded.options,
       last_at = now()
"""
_REMEMBERED = "SELECT store_answer_remembered(%(workspace)s, %(target)s, %(epoch)s, %(items)s::json)"
_NOTICE = """
INSERT INTO store_inboxitem AS i (workspace_id, connection_id, epoch, flow, kind, topic, reason, options, run_id, state, times,
                                  created, last_at)
SELECT %(workspace)s, %(target)s, %(epoch)s, r.flow, n.kind, n.topic, n.reason, '[]', r.id, 'open', n.times, now(), now()
  FROM json_to_recordset(%(items)s::json) AS n(run bigint, kind text, topic text, reason jsonb, times int)
  JOIN store_run r ON r.id = n.run
ON CONFLICT (workspace_id, flow, kind, topic) WHERE state = 'open' AND subject_id IS NULL AND pair_id IS NULL DO UPDATE
   SET times = i.times + excluded.times, last_at = now(), run_id = excluded.run_id
"""


LONGEST_TOPIC = 200
"""Characters of a topic: it stands in a unique index."""


def replace_questions(connection: Link, session: DrainSession, runs: Sequence[RunRow]) -> None:
    """A subject's open items become those of its newest run: the same question stays, others are overtaken."""
    if not runs:
        return
    asked = [{"subject": run.subject, "kinds": [question["kind"] for question in run.questions]} for run in runs]
    connection.execute(_OVERTAKEN, [session.workspace, dumps(asked)])
    add_questions(connection, session, [(run.id, question) for run in runs for question in run.questions])


def add_questions(connection: Link, session: DrainSession, questions: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """Questions of runs; one open item for each subject and kind. What a remembered decision answers is answered with it:
    its subject is due again when this transaction commits."""
    items = {(run, question["kind"]): {**question, "run": run} for run, question in questions}
    if items:
        values = {"items": dumps(list(items.values())), **_whose(session)}
        connection.execute(_ASK, values)
        connection.execute(_REMEMBERED, values)


def raise_notices(connection: Link, session: DrainSession, runs: Sequence[RunRow]) -> None:
    """Notices of runs; one open item for each kind and topic, however often it comes."""
    items: dict[tuple[str, str], dict[str, Any]] = {}
    for run in runs:
        for notice in run.notices:
            key = (notice["kind"], notice.get("topic", "")[:LONGEST_TOPIC])
            times = items[key]["times"] + 1 if key in items else 1
            items[key] = {**notice, "topic": key[1], "run": run.id, "times": times}
    if items:
        connection.execute(_NOTICE, {"items": dumps(list(items.values())), **_whose(session)})


def _whose(session: DrainSession) -> dict[str, int]:
    return {"workspace": session.workspace, "target": session.target, "epoch": session.epoch}
