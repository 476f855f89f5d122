"""Watch mode: what a flow decided and did not write.

    since(workspace, flow, start) -> Watched     what would have been written since then, rule by rule

Each subject was judged by itself: a record that was not written is not found by the next one, so a stranger who calls three
times counts three times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tieline.store.connection import workspace_tx

_COUNTS: Final = """
SELECT regexp_replace(o.slot, '\\.[0-9]+$', ''), o.role, o.verb, count(*)
  FROM store_run r JOIN store_operation o ON o.run_id = r.id
 WHERE r.workspace_id = %s AND r.flow = %s AND r.state = 'watched' AND r.started_at >= %s
 GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1
"""
_RUNS: Final = """
SELECT count(DISTINCT subject_id), count(*) FILTER (WHERE questions::text <> '[]') FROM store_run
 WHERE workspace_id = %s AND flow = %s AND state = 'watched' AND started_at >= %s
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """subjects: how many were decided; asks: how many would have waited for a person; rules: (rule, role of the record) →
    how often it would have written."""

    subjects: int = 0
    asks: int = 0
    rules: Mapping[tuple[str, str], int] = field(default_factory=dict)


def since(workspace: int, flow: str, start: datetime) -> Watched:
    """Since a time: two queries."""
    given: tuple[int, str, datetime] = (workspace, flow, start)
    with workspace_tx(workspace) as cursor:
        cursor.execute(_RUNS, given)
        row = cursor.fetchone()
        subjects, asks = row if row is not None else (0, 0)
        if not subjects:
            return Watched()
        cursor.execute(_COUNTS, given)
        found = cursor.fetchall()
    rules: dict[tuple[str, str], int] = {}
    for slot, role, verb, count in found:
        rules[_rule(slot, verb), role] = rules.get((_rule(slot, verb), role), 0) + count
    return Watched(subjects, asks, rules)


def _rule(slot: str, verb: str) -> str:
    """The rule that writes a slot."""
    if verb == "create":
        return "call.log" if slot == "call" else f"{slot}.create"
    return slot
