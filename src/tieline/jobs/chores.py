"""What comes round: clean-up of what has been kept for long enough. Done by whichever worker first finds it due.

The due row is moved on before the work begins, in a transaction of its own: two workers never do the same, and a chore that
fails comes round again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from tieline.jobs import backfilling
from tieline.jobs.mistakes import told
from tieline.store import import_work, sync_retention
from tieline.store.pool import Link, Rows

log = logging.getLogger(__name__)

_CLAIM = """
INSERT INTO store_chore AS c (name, due_at, done_at) VALUES (%(name)s, now() + make_interval(secs => %(every)s), now())
ON CONFLICT (name) DO UPDATE SET due_at = now() + make_interval(secs => %(every)s), done_at = now() WHERE c.due_at <= now()
RETURNING 1
"""
DEFAULT_DAYS = 90
BATCH = 5000

# Bodies and answers of people's calls: as long as the flow's settings say. Facts, runs' decisions and operations stay.
_DAYS = """
SELECT max((v.settings->'call'->>'retention_days')::int) FROM store_flowsetting f
  JOIN store_flowversion v ON v.setting_id = f.id AND v.number = f.version WHERE f.workspace_id = %s
"""
# Each looks at a batch of ids after the last one, and says how many went and where it stopped (NULL: at the end).
_EVENTS = """
WITH old AS (SELECT id FROM store_event e WHERE e.workspace_id = %(workspace)s AND e.id > %(after)s
              AND e.received_at < now() - make_interval(days => %(days)s)
              AND NOT EXISTS (SELECT 1 FROM store_openevent o WHERE o.event_id = e.id)
              AND NOT EXISTS (SELECT 1 FROM store_syncevent n WHERE n.event_id = e.id) ORDER BY e.id LIMIT %(batch)s),
     links AS (DELETE FROM store_eventsubject s USING old WHERE s.event_id = old.id AND s.workspace_id = %(workspace)s),
     refused AS (DELETE FROM store_refusedevent r USING old WHERE r.event_id = old.id),
     gone AS (DELETE FROM store_event e USING old WHERE e.id = old.id RETURNING e.id)
SELECT count(*), CASE WHEN count(*) = %(batch)s THEN max(id) END FROM gone
"""
# A question keeps its words; the records that were offered to choose from are look-up answers too.
_RUNS = """
WITH old AS (SELECT id FROM store_run WHERE workspace_id = %(workspace)s AND id > %(after)s AND state <> 'applying'
              AND (known::text <> '{}' OR questions::text ~ '"options": ?\\[\\[')
              AND started_at < now() - make_interval(days => %(days)s)
              ORDER BY id LIMIT %(batch)s),
     gone AS (UPDATE store_run r SET known = '{}', questions = (
                     SELECT coalesce(json_agg(json_build_object('kind', q.x->'kind', 'topic', q.x->'topic',
                                              'reason', q.x->'reason', 'options', '[]'::json)), '[]'::json)
                       FROM json_array_elements(r.questions) AS q(x))
                FROM old WHERE r.id = old.id RETURNING r.id)
SELECT count(*), CASE WHEN count(*) = %(batch)s THEN max(id) END FROM gone
"""
_CASES = """
WITH old AS (SELECT id FROM store_inboxitem WHERE workspace_id = %(workspace)s AND id > %(after)s AND state <> 'open'
              AND options <> '[]' AND coalesce(decided_at, last_at) < now() - make_interval(days => %(days)s)
              ORDER BY id LIMIT %(batch)s),
     gone AS (UPDATE store_inboxitem i SET options = '[]' FROM old WHERE i.id = old.id RETURNING i.id)
SELECT count(*), CASE WHEN count(*) = %(batch)s THEN max(id) END FROM gone
"""
# What a replay found holds values of calls: it goes as a whole.
_REPLAYS = """
WITH old AS (SELECT id FROM store_replay WHERE workspace_id = %(workspace)s AND id > %(after)s
              AND made_at < now() - make_interval(days => %(days)s) ORDER BY id LIMIT %(batch)s),
     calls AS (DELETE FROM store_replayedsubject c USING old WHERE c.replay_id = old.id AND c.workspace_id = %(workspace)s),
     later AS (UPDATE store_replay r SET again_of_id = NULL FROM old WHERE r.again_of_id = old.id
                AND r.made_at >= now() - make_interval(days => %(days)s)),
     gone AS (DELETE FROM store_replay r USING old WHERE r.id = old.id RETURNING r.id)
SELECT count(*), CASE WHEN count(*) = %(batch)s THEN max(id) END FROM gone
"""
# What a run wrote, or would have written, goes with its run, whatever became of the operation: only what may still be under
# way stays. Those of a watched run are planned for ever.
_VALUES = """
WITH old AS (SELECT o.id FROM store_operation o JOIN store_run r ON r.id = o.run_id
              WHERE o.workspace_id = %(workspace)s AND o.id > %(after)s AND o.state NOT IN ('sent', 'unknown')
                AND (o.values::text <> '{}' OR o.before::text <> '{}')
                AND r.state <> 'applying' AND r.finished_at < now() - make_interval(days => %(days)s)
              ORDER BY o.id LIMIT %(batch)s),
     gone AS (UPDATE store_operation o SET values = '{}', before = '{}' FROM old WHERE o.id = old.id RETURNING o.id)
SELECT count(*), CASE WHEN count(*) = %(batch)s THEN max(id) END FROM gone
"""
# What undos read and wrote goes like what runs wrote. A plan that nobody approved has the age of its making.
_UNDOS = """
WITH old AS (SELECT i.id FROM store_undoitem i JOIN store_undo u ON u.id = i.undo_id
              WHERE i.workspace_id = %(workspace)s AND i.id > %(after)s AND u.state <> 'approved'
                AND (i.values::text <> '{}' OR i.before::text <> '{}')
                AND coalesce(u.finished_at, u.created) < now() - make_interval(days => %(days)s)
              ORDER BY i.id LIMIT %(batch)s),
     gone AS (UPDATE store_undoitem i SET values = '{}', before = '{}', found_by = '[]' FROM old WHERE i.id = old.id
              RETURNING i.id)
SELECT count(*), CASE WHEN count(*) = %(batch)s THEN max(id) END FROM gone
"""
_OWN_KEYS = """
WITH old AS (SELECT id FROM store_ownkey WHERE workspace_id = %(workspace)s AND id > %(after)s
              AND made_at < now() - interval '1 day' ORDER BY id LIMIT %(batch)s),
     gone AS (DELETE FROM store_ownkey k USING old WHERE k.id = old.id RETURNING k.id)
SELECT count(*), CASE WHEN count(*) = %(batch)s THEN max(id) END FROM gone
"""
_CONSENTS = "DELETE FROM store_consent WHERE workspace_id = %(workspace)s AND expires < now() - interval '1 hour'"
# Files of call lists that nobody came back to.
_DRAFTS = "DELETE FROM store_import WHERE workspace_id = %(workspace)s AND state = 'draft' AND created < now() - interval '7 days'"
# Messages to outgoing webhooks, and what is left of hooks that were ended.
_DELIVERIES = """
WITH old AS (SELECT d.id FROM store_hookdelivery d WHERE d.workspace_id = %(workspace)s AND d.id > %(after)s
              AND ((d.state <> 'due' AND d.created < now() - make_interval(days => %(days)s))
                OR NOT EXISTS (SELECT 1 FROM store_hook h WHERE h.id = d.hook_id))
              ORDER BY d.id LIMIT %(batch)s),
     gone AS (DELETE FROM store_hookdelivery d USING old WHERE d.id = old.id RETURNING d.id)
SELECT count(*), CASE WHEN count(*) = %(batch)s THEN max(id) END FROM gone
"""
# What was told long ago, and the marks of stops that have moved on.
_TOLD = "DELETE FROM store_notification WHERE workspace_id = %(workspace)s AND last_at < now() - make_interval(days => %(days)s)"
_STOPS = """
DELETE FROM store_toldstop t WHERE t.workspace_id = %(workspace)s
   AND NOT EXISTS (SELECT 1 FROM store_subject s WHERE s.id = t.subject_id AND s.state = 'parked' AND s.revision = t.revision)
"""
_BY_BATCH = (_EVENTS, _RUNS, _CASES, _VALUES, _UNDOS, _OWN_KEYS, _REPLAYS, _DELIVERIES)


def clean_up(rows: Rows) -> int:
    """Every workspace's old rows, in short transactions; how many went."""
    with rows.plain() as link:
        workspaces = [row[0] for row in link.execute("SELECT id FROM team_workspace ORDER BY id").fetchall()]
    return sum(_clean_workspace(rows, workspace) for workspace in workspaces)


def _clean_workspace(rows: Rows, workspace: int) -> int:
    with rows.tx(workspace) as link:
        row = link.execute(_DAYS, [workspace]).fetchone()
        link.execute(_CONSENTS, {"workspace": workspace})
        link.execute(_DRAFTS, {"workspace": workspace})
        values = {"workspace": workspace, "days": (row[0] if row else None) or DEFAULT_DAYS, "batch": BATCH}
        link.execute(_TOLD, values)
        link.execute(_STOPS, values)
    gone = sum(_all_of(rows, workspace, statement, values) for statement in _BY_BATCH)
    return gone + sync_retention.clean(rows, workspace, values["days"])


def _all_of(rows: Rows, workspace: int, statement: str, values: Mapping[str, Any]) -> int:
    gone = 0
    after: int | None = 0
    while after is not None:
        with rows.tx(workspace) as link:
            count, after = link.execute(statement, {**values, "after": after}).fetchone()  # type: ignore[misc]
        gone += count
    return gone


def analyze(rows: Rows) -> int:
    """Tells Postgres's planner of tables that have grown since it last looked; how many it was told of."""
    with rows.plain() as link:
        row = link.execute("SELECT store_analyze()").fetchone()
    return row[0] if row else 0


CHORES: dict[str, tuple[float, Callable[[Rows], object]]] = {
    "imports": (2.0, import_work.work),
    "backfills": (60.0, backfilling.look_round),
    "analyze": (15.0, analyze),
    "clean_up": (3600.0, clean_up),
}
"""Name → (seconds between, what to do)."""


def due(rows: Rows) -> list[str]:
    """The chores that this process has taken: nobody else does them now."""
    taken: list[str] = []
    with rows.plain() as link:
        for name, (every, _) in CHORES.items():
            if _claimed(link, name, every):
                taken.append(name)
    return taken


def do(rows: Rows, name: str) -> None:
    """Do one. A failure is logged; it comes round again."""
    try:
        CHORES[name][1](rows)
    except Exception as error:  # noqa: BLE001  whatever it was, the others are not kept up
        log.error("chore %s failed: %s", name, told(error))


def _claimed(link: Link, name: str, every: float) -> bool:
    return link.execute(_CLAIM, {"name": name, "every": every}).fetchone() is not None
