"""A batch from end to end: decide, announce, write, settle with the cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieline.core.pairing import Side, other
from tieline.engine.effects.reasons import reason
from tieline.engine.sync import reasons
from tieline.engine.sync.batch import Batch
from tieline.engine.sync.items import Item, Pass, name_of, waiting_row
from tieline.engine.sync.limits import within_limit
from tieline.engine.sync.ports import AskedRow, Settled, WaitingRow
from tieline.engine.sync.rows import id_of, seen, told_row
from tieline.engine.sync.settling import Settling, asked_at
from tieline.engine.sync.unfinished import done, links_of
from tieline.engine.sync.writing import Pushing, ids_after, load_parents, operations


@dataclass(slots=True)
class Prepared:
    """A batch that is decided, of which nothing is written yet. given: how many records came in."""

    batch: Batch
    items: list[Item]
    given: int


async def work(
    run: Pass,
    role: str,
    side: Side,
    given: Sequence[Item],
    cursor: tuple[Side, str, str] | None = None,
    position: Mapping[str, Any] | None = None,
) -> Settling:
    """Works a batch off. Everything it came to is kept when this returns, with the cursor and where the run stands then; `run.error`
    and `run.stopped` say whether to go on."""
    return await finish(run, await prepare(run, role, side, given), cursor, position)


async def prepare(run: Pass, role: str, side: Side, given: Sequence[Item]) -> Prepared:
    """Reads, searches and decides, and changes nothing, of the run neither: it may be done while the batch before is being written,
    and be thrown away."""
    batch = Batch(run, role, side)
    return Prepared(batch, await batch.decide(given), len(given))


async def finish_in_turn(run: Pass, one: Prepared, position: Mapping[str, Any]) -> None:
    """Finishes a batch that was prepared while the one before it was being written: what that one linked is decided anew."""
    role, side = one.batch.role, one.batch.side
    moved = _moved_meanwhile(run, one)
    if moved:
        ids = {item.id for item in moved}
        one.items = [item for item in one.items if item.id not in ids]
        one.batch.quiet = [item for item in one.batch.quiet if item.id not in ids]
        one.batch.waits = [row for row in one.batch.waits if row.id not in ids]
        one.given -= len(moved)
    await finish(run, one, None, None if moved else position)
    if moved and not run.over:
        before = run.linked
        await work(run, role, side, [Item(side, item.id, item.told) for item in moved], None, position)
        run.linked |= before


def _moved_meanwhile(run: Pass, one: Prepared) -> list[Item]:
    """Those of its records that were linked while it was being prepared, or that would be linked with one that was; and what would be
    written where nothing says whether the values there are still the ones that were read."""
    role, side, linked = one.batch.role, one.batch.side, run.linked
    across = other(side)
    return [
        item
        for item in one.items
        if (role, side, item.id) in linked
        or (item.found and ((role, across) in run.made or any((role, across, one.id) in linked for one in item.found)))
        or _writes_unguarded(run, item)
    ]


def _writes_unguarded(run: Pass, item: Item) -> bool:
    return any(
        write.verb != "create" and not run.pair.ends[write.side].access.capabilities.conditional_write
        for write in item.plan.writes
    )


async def finish(
    run: Pass,
    one: Prepared,
    cursor: tuple[Side, str, str] | None = None,
    position: Mapping[str, Any] | None = None,
) -> Settling:
    """Announces what was decided, writes it and keeps everything."""
    pair, batch, role = run.pair, one.batch, one.batch.role
    asked = _moved(run, role, one.items, batch)
    items = _unclaimed(run, role, [item for item in one.items if not item.held], batch.waits)
    asked.extend(await within_limit(run, role, items, batch.waits))
    items = [item for item in items if not item.held]
    works = operations(run, role, items)
    pushing = Pushing(run, batch.parents)
    if works:
        at_s = pair.clock()
        await pair.run(lambda: pair.store.announce(run.run, works))
        if not run.dry:
            await load_parents(batch.parents, works)
            await pushing.push(works, at_s)
    run.count("read", one.given)
    for name, count in batch.counts.items():
        run.count(name, count)
    settling = Settling(run, role, pushing.outcomes)
    settling.quiet(batch.quiet)
    for item in items:
        settling.decided(item)
    came = settling.came
    if not run.dry:
        for row in batch.waits:
            came.wait(row)
        came.asked.extend(asked)
        links = await links_of(run, [create for create, _ in batch.adopted])
        for create, vendor in batch.adopted:
            done(run, came, create, vendor.id, vendor.version, links)
    await settle(run, came.settled(cursor), position)
    run.linked = {(role, side, id) for item in items for side, id in ids_after(item).items() if id}
    for create, vendor in batch.adopted:
        run.linked |= {(role, batch.side, vendor.id), (role, other(batch.side), create.source[1])}
    return settling


def _moved(run: Pass, role: str, items: Sequence[Item], batch: Batch) -> list[AskedRow]:
    """Holds back what is not as it was when a person decided, and asks about what was approved in a dry run."""
    out: list[AskedRow] = []
    for item in items:
        said = run.run.options.get("seen")
        if said is not None and said != seen_of(run, role, item):
            item.held = True
            run.stopped = reason(reasons.MOVED)
        if item.approved is None or item.approved == item.digest:
            continue
        item.held = True
        if item.link is None or item.plan.writes or item.plan.become != "keep":  # else it was done before a crash
            out.append(_ask_moved(role, item))
    out.extend(_ask_moved(role, item) for item in batch.quiet if item.approved is not None)
    run.count("moved", len(out))
    return out


def _ask_moved(role: str, item: Item) -> AskedRow:
    side, id = asked_at(item)
    key = item.link.key if item.link is not None else ""
    told = told_row(item.told if item.decision is None else item.heard)
    return AskedRow("moved", role, side, id, reason(reasons.MOVED), [{"told": told}], key, name_of(item.record))


def seen_of(run: Pass, role: str, item: Item) -> str:
    """Digest of what a person saw of both sides. What it would be linked with only now did not stand beside it."""
    known = item.link is not None and item.mate is not None and item.mate.id == id_of(item.link, other(item.side))
    mate = item.mate if known else None
    left, right = (item.record, mate) if item.side == "left" else (mate, item.record)
    return seen(run.pair.customers.lines(role), left, right)


async def settle(run: Pass, page: Settled, position: Mapping[str, Any] | None = None) -> None:
    """Keeps what there is to keep, with the run's counts and where it stands."""
    pair, row = run.pair, run.run
    row.requests = pair.requests() - run.before
    before = dict(row.position)
    row.position.update(position or {})
    rows = (page.operations, page.links, page.dropped, page.waiting, page.waited, page.asked, page.answered)
    if any(rows) or page.reports or page.woken or page.cursor is not None or position is not None:
        try:
            await pair.run(lambda: pair.store.settle(row, page))
        except BaseException:
            row.position = before
            raise


def _unclaimed(run: Pass, role: str, items: Sequence[Item], waits: list[WaitingRow]) -> list[Item]:
    """Without those that would be linked with a record that another one of the batch is linked with."""
    claimed: set[tuple[str, str]] = set()
    out: list[Item] = []
    for item in items:
        wanted = _claims(item)
        taken = next((id for side, id in wanted if (side, id) in claimed), None)
        if taken is None:
            claimed.update(wanted)
            out.append(item)
        else:
            waits.append(waiting_row(role, item, run.pair.now(), reason(reasons.CLAIMED, id=taken)))
    return out


def _claims(item: Item) -> list[tuple[str, str]]:
    """Records that are linked with nothing and would be linked by this one's decision."""
    if item.plan.become not in {"make", "stop"}:
        return []
    ids = ids_after(item)
    known = {"left": "", "right": ""} if item.link is None else {"left": item.link.left_id, "right": item.link.right_id}
    return [(side, id) for side, id in ids.items() if id and id != known[side]]
