"""How much a run may delete before it stops and asks."""

from __future__ import annotations

from collections.abc import Sequence

from tieline.engine.effects.reasons import reason
from tieline.engine.sync import reasons
from tieline.engine.sync.items import Item, Pass, waiting_row
from tieline.engine.sync.ports import AskedRow, WaitingRow


async def within_limit(run: Pass, role: str, items: Sequence[Item], waits: list[WaitingRow]) -> list[AskedRow]:
    """Holds back a batch's deletions where they go over the limit, stops the run and asks. What a person asks for one record is not
    counted."""
    if run.bypass or run.dry or run.run.kind in {"asked", "undo", "redo"}:
        return []
    deleting = [item for item in items if any(write.verb == "delete" for write in item.plan.writes)]
    if not deleting:
        return []
    size = run.sizes.get(role)
    if size is None:
        size = run.sizes[role] = await run.pair.run(lambda: run.pair.store.count_links(role))
    most = max(1, int(min(size * run.pair.share, run.pair.most)))
    already: dict[str, int] = run.run.position.setdefault("deleted", {})
    count = already.get(role, 0) + len(deleting)
    if count <= most:
        already[role] = count
        return []
    said = reason(reasons.LIMIT, role=role, count=count, most=most)
    for item in deleting:
        item.held = True
        waits.append(waiting_row(role, item, None, said, state="asked"))
    run.stopped = said
    run.count("held", len(deleting))
    return [AskedRow("limit", role, "left", "", said)]
