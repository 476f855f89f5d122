"""A batch from end to end: decide, announce, write, settle with the cursor."""

from __future__ import annotations

from collections.abc import Sequence

from tieline.core.pairing import Side
from tieline.engine.effects.reasons import reason
from tieline.engine.sync import reasons
from tieline.engine.sync.batch import Batch
from tieline.engine.sync.items import Item, Pass, waiting_row
from tieline.engine.sync.ports import AskedRow, Settled, WaitingRow
from tieline.engine.sync.settling import Settling
from tieline.engine.sync.unfinished import done
from tieline.engine.sync.writing import Pushing, load_parents, operations


async def work(
    run: Pass, role: str, side: Side, given: Sequence[Item], cursor: tuple[Side, str, str] | None = None
) -> Settling:
    """Works a batch off. Everything it came to is kept when this returns; `run.error` and `run.stopped` say whether to go on."""
    pair = run.pair
    batch = Batch(run, role, side)
    items = await batch.decide(given)
    items = _unclaimed(run, role, items, batch.waits)
    asked = await _within_limit(run, role, items, batch.waits)
    items = [item for item in items if not item.held]
    works = operations(run, role, items)
    pushing = Pushing(run, batch.parents)
    if works:
        at_s = pair.clock()
        await pair.run(lambda: pair.store.announce(run.run, works))
        if not run.dry:
            await load_parents(batch.parents, works)
            await pushing.push(works, at_s)
    run.count("read", len(given))
    settling = Settling(run, role, pushing.outcomes)
    settling.quiet(batch.quiet)
    for item in items:
        settling.decided(item)
    came = settling.came
    if not run.dry:
        for row in batch.waits:
            came.wait(row)
        came.asked.extend(asked)
        for create, vendor in batch.adopted:
            done(run, came, create, vendor.id, vendor.version)
    await settle(run, came.settled(cursor))
    return settling


async def settle(run: Pass, page: Settled) -> None:
    """Keeps what there is to keep, with the run's counts."""
    pair = run.pair
    run.run.requests = pair.requests() - run.before
    if any(
        (page.operations, page.links, page.dropped, page.waiting, page.waited, page.asked, page.answered, page.reports)
    ) or (
        page.cursor is not None or page.woken or run.run.kind in {"transfer", "reconcile", "approved", "undo", "redo"}
    ):
        await pair.run(lambda: pair.store.settle(run.run, page))


def _unclaimed(run: Pass, role: str, items: Sequence[Item], waits: list[WaitingRow]) -> list[Item]:
    """Without those that would be linked with a record that another one of the batch is linked with."""
    claimed: set[str] = set()
    out: list[Item] = []
    for item in items:
        if item.plan.become != "make" or item.link is not None or item.mate is None:
            out.append(item)
            continue
        if item.mate.id in claimed:
            waits.append(waiting_row(role, item, run.pair.now(), reason(reasons.CLAIMED, id=item.mate.id)))
            continue
        claimed.add(item.mate.id)
        out.append(item)
    return out


async def _within_limit(run: Pass, role: str, items: Sequence[Item], waits: list[WaitingRow]) -> list[AskedRow]:
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
