"""A run from its beginning to its end: held, begun or gone on with, what was unfinished settled, and closed with its why."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from tieline.core.errors import TielineError
from tieline.core.pairing import SIDES, Side
from tieline.engine.effects.reasons import of_error, reason
from tieline.engine.sync import off_roles, reasons
from tieline.engine.sync.batching import settle, work
from tieline.engine.sync.items import UNTIL, Item, Pair, Pass, Where
from tieline.engine.sync.newness import keep_renumbered
from tieline.engine.sync.ports import RunKind, RunRow, Settled, WaitingRow
from tieline.engine.sync.rows import id_of, told_of
from tieline.engine.sync.unfinished import settle_unfinished

T = TypeVar("T")

MOST_LOOKS = 8
"""So often a record that is due again at once is looked at in one run; then the next one goes on."""

RESUMED: frozenset[RunKind] = frozenset({"transfer", "reconcile", "preview", "approved", "undo", "redo"})
"""Runs that stand still where they are when something fails, and are gone on with; the others are simply done again."""
SAID = frozenset({"deletion", "partner", "create", "choices", "new_id"})
"""What a person says, or a delivery that names the new number: it counts at once."""
ROWS, ALL_ROWS = 500, 10_000
"""Waiting rows looked at together; and at most in a dry run, which changes none of them."""


async def run(pair: Pair, kind: RunKind, options: Mapping[str, Any], body: Callable[[Pass], Awaitable[None]]) -> RunRow:
    """Does a run; its row says what became of it. Another process at work: the row comes back "failed", never begun (id 0)."""
    row = RunRow(0, kind, options=dict(options), started_at=pair.now())
    if not await pair.run(pair.store.hold):
        row.state, row.why = "failed", reason(reasons.OTHER_WORKS)
        return row
    row.id = await pair.run(lambda: pair.store.begin(row))
    row.state = "running"
    this = Pass(pair, row, before=pair.requests() - row.requests, bypass=bool(row.options.get("bypass_limit")))
    this.dry = kind == "preview" or bool(row.options.get("watch"))
    try:
        if not this.dry:
            await _unfinished(this)
        if this.bypass:
            await pair.run(lambda: pair.store.release(reasons.LIMIT))
        await body(this)
    except TielineError as error:
        this.error = this.error or error
    except Exception as error:
        # a mistake of ours or of a connector ends this run, and is told by its kind only
        row.state, row.why = "failed", of_error(error)
        await _end(this)
        raise
    if this.error is not None:
        row.state, row.why = ("paused" if kind in RESUMED else "failed"), of_error(this.error)
    elif this.stopped is not None:
        row.state, row.why = "stopped", this.stopped
    elif row.state == "running":
        row.state, row.why = "done", this.said
    await _end(this)
    return row


async def _end(this: Pass) -> None:
    row, pair = this.run, this.pair
    row.requests = pair.requests() - this.before
    row.finished_at = pair.now() if row.state not in {"running", "paused"} else None
    await pair.run(lambda: pair.store.end(row))


async def _unfinished(this: Pass) -> None:
    pair = this.pair
    works = await pair.run(pair.store.unfinished)
    if works:
        came = await settle_unfinished(this, works)
        await settle(this, came.settled())


async def is_paused(this: Pass) -> bool:
    """Whether a person wants it to pause; asked once a page. The run's state says so then."""
    if await this.pair.run(lambda: this.pair.store.paused(this.run)):
        this.run.state, this.run.why = "paused", reason(reasons.STOPPED)
        return True
    return False


async def ahead(pages: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """The same pages; the next one is asked for while this one is being worked on."""
    waiting: asyncio.Task[T] | None = None

    async def another() -> T:
        return await pages.__anext__()

    try:
        waiting = asyncio.create_task(another())
        while True:
            try:
                page = await waiting
            except StopAsyncIteration:
                waiting = None
                return
            waiting = asyncio.create_task(another())
            yield page
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        close = getattr(pages, "aclose", None)
        if close is not None:
            await close()


def waited_item(row: WaitingRow) -> Item:
    return Item(row.side, row.id, told_of(row.told, row.side), row=row, approved=row.approved)


async def work_once(
    this: Pass,
    role: str,
    side: Side,
    items: Sequence[Item],
    looked: set[Where],
    cursor: tuple[Side, str, str] | None = None,
) -> None:
    """Works a batch off; in a dry run, where nothing is settled by being looked at, without what was looked at before, on whichever
    side. looked: both sides' records of that, which grows."""
    if this.dry:
        items = [item for item in items if (role, side, item.id) not in looked]
    if items:
        await work(this, role, side, items, cursor)
        if this.dry:
            looked |= this.linked


async def work_waiting(this: Pass, looked: set[Where] | None = None, *, approved: bool = False) -> None:
    """Looks at everything that is due, parents first, until nothing is due any more. looked: as of `work_once`. approved: only at what
    a person approved; the rest is for the next run of changes, or for nobody while the pair is only watched."""
    pair = this.pair
    seen = looked if looked is not None else set()
    looks: Counter[tuple[str, Side, str]] = Counter()
    await off_roles.wake(this)
    while not this.over and not await is_paused(this):
        rows = await pair.run(lambda: pair.store.waiting(pair.now(), ALL_ROWS if this.dry or approved else ROWS))
        if await off_roles.set_aside(this, rows):
            continue
        rows = [row for row in rows if row.role in pair.customers.roles and not (approved and row.approved is None)]
        ripe = await _ripe(this, rows)
        if rows and not ripe and not this.dry:
            continue
        rows = ripe
        looks.update((row.role, row.side, row.id) for row in rows)
        if not rows or all(looks[row.role, row.side, row.id] > MOST_LOOKS for row in rows):
            return
        roles = [one for one in pair.customers.roles if any(row.role == one for row in rows)]
        for role in roles if this.dry else roles[:1]:
            for side in SIDES:
                mine = [row for row in rows if row.role == role and row.side == side]
                if mine and not this.over:
                    if not this.dry:
                        mine = await renumber(this, role, side, mine)
                    await work_once(this, role, side, [waited_item(row) for row in mine], seen)
        if this.dry:  # they stay due
            return


async def _ripe(this: Pass, rows: Sequence[WaitingRow]) -> list[WaitingRow]:
    """Without deletions that were named again while they wait: those go on waiting."""
    now = this.pair.now()
    early = [row for row in rows if row.told and str(row.told.get(UNTIL, "")) > now and not SAID & row.told.keys()]
    if early and not this.dry:
        for row in early:
            row.due_at = str((row.told or {})[UNTIL])
        await settle(this, Settled(waiting=early))
    names = {(row.role, row.side, row.id) for row in early}
    return [row for row in rows if (row.role, row.side, row.id) not in names]


async def renumber(this: Pass, role: str, side: Side, rows: Sequence[WaitingRow]) -> list[WaitingRow]:
    """Links of records that have another id now move to it; where the new one is linked already, the old one is left to be found
    gone. The row waits under the new id afterwards, in the same batch, with what a person said. What was asked under the old id is
    over, and is asked again under the new one. The rows to look at now."""
    moved = {row.id: str(row.told["new_id"]) for row in rows if row.told and row.told.get("new_id")}
    if not moved:
        return list(rows)
    pair = this.pair
    there = await pair.ends[side].fetch(role, list(moved.values()))
    known = await pair.run(lambda: pair.store.links(role, side, [*moved, *moved.values()]))
    by_id = {id_of(row, side): row for row in known}
    await keep_renumbered(pair, role, side, {old: new for old, new in moved.items() if old not in by_id})
    links, waited = [], []
    for row in rows:
        new = moved.get(row.id)
        link = by_id.get(row.id)
        if new is None:
            continue
        row.told = {name: value for name, value in (row.told or {}).items() if name != "new_id"}
        if new not in there or new in by_id:
            continue
        if link is not None:
            if side == "left":
                link.left_id = new
            else:
                link.right_id = new
            links.append(link)
            by_id[new] = link
        waited.append((role, side, row.id))
        row.id = new
    one = _one_each(rows)
    waiting = [row for row in one if row.id in moved.values()]
    # who waits for the old one is looked at again, and waits for the new one
    await settle(this, Settled(links=links, waited=waited, waiting=waiting, answered=waited, woken=waited))
    return one


def _one_each(rows: Sequence[WaitingRow]) -> list[WaitingRow]:
    """With the rows of one record made one, which knows what either was told: a delivery that names a new id leaves a row of each."""
    out: dict[str, WaitingRow] = {}
    for row in rows:
        first = out.setdefault(row.id, row)
        if first is not row:
            first.told = _both_told(first.told, row.told)
            first.approved = first.approved or row.approved
            first.why = first.why or row.why
    return list(out.values())


def _both_told(one: dict[str, Any] | None, another: dict[str, Any] | None) -> dict[str, Any] | None:
    if one is None or another is None:
        return another if one is None else one
    out = {**another, **one}
    for name in ("choices", "shown"):
        if name in one and name in another:
            out[name] = {**another[name], **one[name]}
    return out
