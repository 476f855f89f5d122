"""How much may be deleted before a person is asked (CUST-12).

What is counted is a role of a pair, over a day: deletions come one by one, each with a run of its own, and would never be many in
any one of them. Counted is what nobody said anything of; a run that a person lets pass, or began to take something back, counts for
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from tieline.engine.effects.reasons import reason
from tieline.engine.sync import reasons
from tieline.engine.sync.items import Item, Pass, waiting_row
from tieline.engine.sync.ports import AskedRow, WaitingRow
from tieline.engine.times import iso

WINDOW_S = 86400.0
"""Deletions within so long are counted together."""
BY_A_PERSON = frozenset({"asked", "undo", "redo"})
"""Runs whose deletions a person has asked for, knowing how many there are."""


def most_of(size: int, share: float, most: int) -> int:
    """How many of so many links may go within a day: at least one, and none where the settings say none."""
    return max(1, int(min(size * share, most))) if share and most else 0


async def within_limit(run: Pass, role: str, items: Sequence[Item], waits: list[WaitingRow]) -> list[AskedRow]:
    """Holds back a batch's deletions where they go over the limit, stops the run and asks. The journal is asked once for each role of a
    run, or of what goes on with it after a crash: it knows what that run has sent, its position need not."""
    if run.bypass or run.dry or run.run.kind in BY_A_PERSON:
        return []
    deleting = [
        item
        for item in items
        if item.told.deletion is None and any(write.verb == "delete" for write in item.plan.writes)
    ]
    if not deleting:
        return []
    if role not in run.sizes:
        store, since = run.pair.store, iso(run.pair.clock() - WINDOW_S)
        size = await run.pair.run(lambda: store.count_links(role))
        run.sizes[role] = size, await run.pair.run(lambda: store.deleted_since(role, since))
    size, lately = run.sizes[role]
    most = most_of(size + lately, run.pair.share, run.pair.most)
    count = lately + len(deleting)
    if count <= most:
        run.sizes[role] = size - len(deleting), count
        return []
    said = reason(reasons.LIMIT, role=role, count=count, most=most)
    for item in deleting:
        item.held = True
        waits.append(waiting_row(role, item, None, said, state="asked"))
    run.stopped = said
    run.count("held", len(deleting))
    return [AskedRow("limit", role, "left", "", said)]
