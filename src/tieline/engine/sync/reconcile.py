"""Reconciliation: everything of both sides, whatever the cursors say, in pages. It writes nothing and lists what does not agree.

First the links in order of their keys, both records of each read by id: so a record that is gone is found, and every line is
compared. Then all records of both sides, for those that are linked with nothing; with `match`, likely pairs of these are asked
about (`likely`). What is gone waits to be looked at by the next
run of changes. With `mend`, after settings were opened, only the links are gone through, and what moved since both sides agreed waits
too; what neither side moved, as after an undo, stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from tieline.core.pairing import SIDES, Line, Side, Told
from tieline.core.same import agree
from tieline.engine.effects.reasons import reason
from tieline.engine.sync import reasons
from tieline.engine.sync.batch import Batch
from tieline.engine.sync.batching import settle
from tieline.engine.sync.came import Came
from tieline.engine.sync.items import Item, Pass, waiting_row
from tieline.engine.sync.likely import Likely, said_at_the_end
from tieline.engine.sync.parents import Parents
from tieline.engine.sync.ports import LinkRow
from tieline.engine.sync.related import read_beside
from tieline.engine.sync.rows import lively, view
from tieline.engine.sync.runs import ahead, is_paused
from tieline.engine.sync.settling import report

LINKS = 500
"""Links compared together."""


async def reconcile(this: Pass) -> None:
    """options: role ("" all), mend (only what is linked; what moved waits for the next run of changes), match (likely pairs of what
    is linked with nothing are asked about)."""
    pair = this.pair
    roles = [role for role in pair.customers.roles if this.run.options.get("role") in (None, "", role)]
    if this.run.total is None:
        counts = [await pair.run(lambda role=role: pair.store.count_links(role)) for role in roles]  # type: ignore[misc]
        this.run.total = sum(counts)
    phases = ["links"] if this.run.options.get("mend") else ["links", *SIDES]
    if this.run.options.get("match"):
        phases = ["links", *SIDES, "match"]
    for role in roles:
        likely = Likely(this, role) if "match" in phases else None
        for phase in phases:
            done = this.run.position.get("done", [])
            if [role, phase] in done:
                continue
            if phase == "links":
                await _links(this, role)
            elif phase == "match" and likely is not None:
                await likely.propose()
            else:
                await _alone(this, role, "left" if phase == "left" else "right", likely)
            if this.over or this.run.state != "running":
                return
            await settle(this, Came().settled(), {"done": [*done, [role, phase]], "at": None})
    said_at_the_end(this)


async def _links(this: Pass, role: str) -> None:
    pair = this.pair
    after = str(this.run.position.get("at") or "")
    while True:
        rows = await pair.run(lambda after=after: pair.store.links_after(role, after, LINKS))  # type: ignore[misc]
        if not rows:
            return
        after = rows[-1].key
        came = Came()
        await _compare(this, role, rows, came)
        this.count("read", len(rows))
        await settle(this, came.settled(), {"at": after})
        if await is_paused(this):
            return


async def _compare(this: Pass, role: str, rows: Sequence[LinkRow], came: Came) -> None:
    pair = this.pair
    left, right = pair.ends["left"], pair.ends["right"]
    there = await asyncio.gather(
        left.fetch(role, [row.left_id for row in rows]), right.fetch(role, [row.right_id for row in rows])
    )
    batch = Batch(this, role, "left")
    parents: Parents = batch.parents
    for end, found in zip((left, right), there, strict=True):
        await parents.load(end.shape(role), end.side, found.values())
    apart: list[Item] = []
    still: set[str] = set()
    lines, country = pair.customers.lines(role), pair.customers.country
    for row in rows:
        mine, theirs = there[0].get(row.left_id), there[1].get(row.right_id)
        at_rest = row.state == "linked" and mine is not None and theirs is not None
        if at_rest and mine and theirs and batch.is_base("left", mine, row) and batch.is_base("right", theirs, row):
            if _base_agrees(row, lines, country):
                this.count("same")
                continue
            still.add(row.key)  # neither moved, and they differ: after an undo, or under other settings
        item = Item("left", row.left_id, Told(event="look", by="left"), mine, fresh=True, link=row)
        item.record = parents.record(left.shape(role), "left", mine) if mine is not None else None
        item.mate = parents.record(right.shape(role), "right", theirs) if theirs is not None else None
        apart.append(item)
    await read_beside(pair, role, parents, apart)
    for item in apart:
        stopped = parents.are_stopped(item.left, item.right)
        _found(this, role, item, came, parent_stopped=stopped, moved=item.link is None or item.link.key not in still)


def _base_agrees(row: LinkRow, lines: Sequence[Line], country: str) -> bool:
    """Whether both parts of a link's base are the same, line by line, as far as each side can hold it."""
    for line in lines:
        left, right = row.base.get(line.name, (None, None))
        if left == right and line.kind != "choice":  # the same id may mean another choice on either side
            continue
        if not agree(line, lively(left), lively(right), country):
            return False
    return True


def _found(this: Pass, role: str, item: Item, came: Came, *, parent_stopped: bool, moved: bool) -> None:
    """A linked customer of which no base says that it agrees: whether it does all the same, and if not, why."""
    link = item.link
    if link is None:
        return
    item.decision = this.pair.customers.decide(
        role, item.left, item.right, view(link), item.told, parent=item.parent, parent_stopped=parent_stopped
    )
    if item.decision.status == "same" and item.left is not None and item.right is not None:
        this.count("same")
        return
    this.count(item.decision.status)
    came.reports.append(report(role, item, item.decision))
    gone: Side | None = "left" if item.left is None else "right" if item.right is None else None
    if gone is not None and link.state != "pending":
        id = link.left_id if gone == "left" else link.right_id
        hint = Item(gone, id, Told(event="deleted", by=gone))
        came.wait(waiting_row(role, hint, this.pair.now(), reason(reasons.NOT_THERE)))
    elif gone is None and moved and this.run.options.get("mend") and link.state != "stopped":
        hint = Item("left", link.left_id, Told(event="changed", by="left"))
        came.wait(waiting_row(role, hint, this.pair.now(), reason(reasons.MOVED)))


async def _alone(this: Pass, role: str, side: Side, likely: Likely | None) -> None:
    """Records of a side that are linked with nothing."""
    end = this.pair.ends[side]
    cursor = this.run.position.get("at")
    async with aclosing(ahead(end.pull(role, cursor))) as pages:
        async for page in pages:
            batch = Batch(this, role, side)
            items = [Item(side, one.id, Told(event="look", by=side), one, fresh=True) for one in page.records]
            decided = await batch.alone(items)
            if likely is not None:
                await likely.keep(side, decided)
            came = Came()
            for item in decided:
                this.count(item.plan.status)
                came.reports.append(report(role, item, item.plan))
            this.count("read", len(items))
            await settle(this, came.settled(), {"at": page.cursor})
            if await is_paused(this):
                return
    if likely is not None and cursor is None:
        likely.ended(side)
