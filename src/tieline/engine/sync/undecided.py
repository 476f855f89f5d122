"""Records about which a question of the bulk first match is open (`likely`): while a person is asked whether one is likely there
already, it is not made across, by a transfer as little as by a feed; nor are those that are offered, from their side.

A rule that finds a partner links it all the same, and what a person says of this record counts. The rest waits, saying why: until
the answer, or until the other one of the two is linked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tieline.core.pairing import Decision, Side
from tieline.core.reasons import Reason
from tieline.engine.sync import reasons
from tieline.engine.sync.items import Item, Pass, waiting_row
from tieline.engine.sync.ports import WaitingRow


async def left_alone(
    run: Pass, role: str, side: Side, items: list[Item], waits: list[WaitingRow], counts: Counter[str]
) -> list[Item]:
    """Of decided records of a side those that may go on; the others are in `waits`, in a dry run they are told of. One query, and
    only where something would be made."""
    made = {item.id for item in items if _is_made(item) and not _is_said(item)}
    if not made:
        return items
    found = await run.pair.run(lambda: run.pair.store.likely_about(role, side, list(made)))
    out: list[Item] = []
    for item in items:
        if item.id not in found:
            out.append(item)
            continue
        left, why = found[item.id]
        counts["waiting"] += 1
        if run.dry:
            item.decision = Decision("candidates", "none", reason=Reason.from_json(why))
            out.append(item)
            continue
        row = waiting_row(role, item, None, why, told=replace(item.told, create=False), state="asked")
        if side == "right":
            row.waits_for = [role, "left", left]
        waits.append(row)
    return out


def _is_made(item: Item) -> bool:
    """Whether it would be made across as a new record."""
    plan = item.plan
    return item.link is None and plan.matched is None and any(write.verb == "create" for write in plan.writes)


def _is_said(item: Item) -> bool:
    """Whether a person has said what becomes of just this record: not of a whole transfer, nor of one that hangs on it."""
    told, row = item.told, item.row
    if told.partner is not None or told.deletion is not None:
        return True
    hangs_on_it = row is not None and (row.why or {}).get("code") == reasons.PARENT_FIRST
    return told.create and item.approved is None and not hangs_on_it
