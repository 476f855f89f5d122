"""What arrived for a flow and waits at no target, or at one that the flow has left, goes to the target that it has now.

A delivery is queued for the target that its flow has at that moment. A flow may have none yet (the phone system was connected
first), or change it (the CRM was disconnected, and another one connected). Run when a flow gets a target or a source, and
again by the drain that takes the target: a delivery that was under way meanwhile saw what was before.
"""

from __future__ import annotations

from typing import Any, Protocol

# What was never folded and never refused, of the flow's sources, in the last 30 days. Kept events without a call in them (a test, a text message)
# come along once; folding makes nothing of them again.
_NEVER_QUEUED = """
INSERT INTO store_openevent (target_id, event_id, source_id, workspace_id, backfill)
SELECT %(target)s, e.id, e.connection_id, e.workspace_id, e.method = 'LIST'
  FROM store_flowsetting f JOIN store_flowsource s ON s.setting_id = f.id
  JOIN store_event e ON e.connection_id = s.source_id
 WHERE f.workspace_id = %(workspace)s AND f.target_id = %(target)s AND e.workspace_id = %(workspace)s
   AND e.received_at > now() - interval '30 days'
   AND NOT EXISTS (SELECT 1 FROM store_eventsubject l WHERE l.event_id = e.id)
   AND NOT EXISTS (SELECT 1 FROM store_refusedevent r WHERE r.event_id = e.id)
ON CONFLICT DO NOTHING
"""
_LEFT = """
WITH moved AS (
    DELETE FROM store_openevent o
     USING store_flowsetting f, store_flowsource s
     WHERE f.workspace_id = %(workspace)s AND f.target_id = %(target)s AND s.setting_id = f.id
       AND o.workspace_id = f.workspace_id AND o.source_id = s.source_id AND o.target_id <> f.target_id
       AND NOT EXISTS (SELECT 1 FROM store_flowsetting g JOIN store_flowsource t ON t.setting_id = g.id
                        WHERE t.source_id = o.source_id AND g.target_id = o.target_id)
    RETURNING o.event_id, o.source_id, o.workspace_id, o.backfill)
INSERT INTO store_openevent (target_id, event_id, source_id, workspace_id, backfill)
SELECT DISTINCT %(target)s, event_id, source_id, workspace_id, backfill FROM moved
ON CONFLICT DO NOTHING
"""
# A call of which nothing was decided yet. The new target's rules are not live when it is new: then it is watched.
_UNDECIDED = """
UPDATE store_subject u SET target_id = f.target_id, epoch = c.epoch, live = u.live AND f.live
  FROM store_flowsetting f JOIN store_connection c ON c.id = f.target_id
 WHERE f.workspace_id = %(workspace)s AND f.target_id = %(target)s
   AND u.workspace_id = f.workspace_id AND u.flow = f.flow AND u.target_id <> f.target_id
   AND u.state IN ('due', 'waiting')
   AND EXISTS (SELECT 1 FROM store_flowsource s WHERE s.setting_id = f.id AND s.source_id = u.source_id)
   AND NOT EXISTS (SELECT 1 FROM store_run r WHERE r.subject_id = u.id)
   AND NOT EXISTS (SELECT 1 FROM store_subject v WHERE v.source_id = u.source_id AND v.key = u.key AND v.flow = u.flow
                     AND v.target_id = f.target_id)
"""


class Executes(Protocol):
    """A cursor or a connection inside a transaction of the workspace."""

    def execute(self, query: Any, params: Any = None, /) -> Any:
        """Run one statement."""


def requeue(link: Executes, workspace: int, target: int, *, never_queued: bool = True) -> None:
    """Bring to this target what its flows' sources sent and no target works on. `never_queued` False leaves out what came
    while the flow had no target: that is looked for among all events, once, when the target is set."""
    asked = {"workspace": workspace, "target": target}
    if never_queued:
        link.execute(_NEVER_QUEUED, asked)
    link.execute(_LEFT, asked)
    link.execute(_UNDECIDED, asked)
