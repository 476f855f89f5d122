"""What pairs keep, and for how long: values of old writes and reports go, that something was written stays; of a pair that was taken
apart links and what waited go. In short transactions, at the cost of what is old and not of what there is."""

from __future__ import annotations

from typing import Any

from tieline.store.pool import Rows

BATCH = 5000

# A run is marked once nothing of it is left: it is not looked at again. With its values goes the undoing of a write. What is under
# way, or nobody knows of, stays.
_OLD = """
SELECT x.id FROM store_syncrun x
 WHERE x.workspace_id = %(workspace)s AND NOT x.emptied AND x.state NOT IN ('running', 'paused')
   AND x.finished_at < now() - make_interval(days => %(days)s)
"""
_VALUES = f"""
WITH old AS (SELECT o.id FROM ({_OLD}) AS x
              CROSS JOIN LATERAL (SELECT o.id FROM store_syncoperation o
                                   WHERE o.run_id = x.id AND o.state NOT IN ('sent', 'unknown')
                                     AND (o.values::text <> '{{}}' OR o.before::text <> '{{}}' OR o.base::text <> '{{}}')
                                   LIMIT %(batch)s) AS o LIMIT %(batch)s)
UPDATE store_syncoperation o SET values = '{{}}', before = '{{}}', base = '{{}}' FROM old WHERE o.id = old.id
"""
_REPORTS = f"""
WITH old AS (SELECT p.id FROM ({_OLD}) AS x
              CROSS JOIN LATERAL (SELECT p.id FROM store_syncreport p WHERE p.run_id = x.id LIMIT %(batch)s) AS p LIMIT %(batch)s)
DELETE FROM store_syncreport p USING old WHERE p.id = old.id
"""
_EMPTIED = f"""
UPDATE store_syncrun r SET emptied = true, position = '{{}}' FROM ({_OLD}) AS x
 WHERE r.id = x.id AND NOT EXISTS (SELECT 1 FROM store_syncoperation o WHERE o.run_id = x.id AND o.state IN ('sent', 'unknown'))
"""
_ENDED = {
    table: f"""
WITH old AS (SELECT l.id FROM store_syncpair p
              CROSS JOIN LATERAL (SELECT l.id FROM {table} l WHERE l.pair_id = p.id LIMIT %(batch)s) AS l
              WHERE p.workspace_id = %(workspace)s AND p.state = 'ended' LIMIT %(batch)s)
DELETE FROM {table} l USING old WHERE l.id = old.id
"""
    for table in ("store_synclink", "store_syncwaiting", "store_syncevent", "store_syncold")
}
_CASES = """
UPDATE store_inboxitem i SET state = 'overtaken', decided_at = now() FROM store_syncpair p
 WHERE i.workspace_id = %(workspace)s AND i.pair_id = p.id AND p.state = 'ended' AND i.state = 'open'
"""


def clean(rows: Rows, workspace: int, days: int) -> int:
    """Lets go of what is older than so many days; how many rows."""
    values = {"workspace": workspace, "days": days, "batch": BATCH}
    gone = sum(_all(rows, workspace, one, values) for one in (_VALUES, _REPORTS, *_ENDED.values()))
    with rows.tx(workspace) as link:
        link.execute(_EMPTIED, values)
        gone += link.execute(_CASES, values).rowcount
    return gone


def _all(rows: Rows, workspace: int, statement: str, values: dict[str, Any]) -> int:
    gone, last = 0, BATCH
    while last == BATCH:
        with rows.tx(workspace) as link:
            last = link.execute(statement, values).rowcount
        gone += last
    return gone
