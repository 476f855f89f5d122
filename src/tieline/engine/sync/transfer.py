"""Transfer: all records of one side, made on the other where they are not there, linked where they are. It stands still at any page
and goes on there; done again it makes nothing twice, since what is linked is linked. And its dry run, and doing what that planned.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import orjson

from tieline.core.errors import AuthError, RateLimitedError, TielineError
from tieline.core.pairing import SIDES, Side, Told
from tieline.engine.sync.batching import Prepared, finish_in_turn, prepare, settle, work
from tieline.engine.sync.feeds import Cursor, changes
from tieline.engine.sync.items import Item, Pass
from tieline.engine.sync.ports import PACE, Settled, SyncOperation
from tieline.engine.sync.rows import told_of
from tieline.engine.sync.runs import ahead, is_paused, work_waiting
from tieline.sdk.contract import Counts, Page

PLANNED = 500
"""Operations of a dry run that are approved together."""


async def transfer(this: Pass) -> None:
    """options: from ("left" or "right"), role ("" all), mark (what becomes of the new links), create (True)."""
    pair, options = this.pair, this.run.options
    side: Side = "left" if options.get("from") == "left" else "right"
    this.create = bool(options.get("create", True))
    this.mark = options.get("mark")
    roles = [role for role in pair.customers.roles if options.get("role") in (None, "", role)]
    await _total(this, side, roles)
    worked = _clock(this)
    for role in roles:
        if role in this.run.position.get("done", {}):
            continue
        await _role(this, side, role, worked)
        if this.over or this.run.state != "running":
            return
    if not this.dry:
        await work_waiting(this)
        # a feed that was asked before goes on where it was: only it tells of what was deleted meanwhile
        before = await pair.run(pair.store.cursors)
        kept = {
            (side, role): Cursor(ends[0], ends[1]).text()
            for role, ends in this.run.position.get("done", {}).items()
            if Cursor.of(before.get((side, role))).vendor is None
        }
        if kept:
            await pair.run(lambda: pair.store.set_cursors(kept))


async def _role(this: Pass, side: Side, role: str, worked: Callable[[], float]) -> None:
    pair, end = this.pair, this.pair.ends[side]
    at = this.run.position.get("at") or {}
    here: dict[str, Any] = at if at.get("role") == role else {"role": role, "cursor": None, "since": pair.clock()}
    cursor = here["cursor"]
    async with aclosing(ahead(_prepared(this, side, role, end.pull(role, cursor)))) as pages:
        async for cursor, one in pages:
            await finish_in_turn(this, one, {"at": {**here, "cursor": cursor}})
            # kept with the next page: a pair of its own, since that page's records are counted before its time is
            this.run.position[PACE] = [worked(), this.run.counts.get("read", 0)]
            if this.over or await is_paused(this):
                return
    done = {**this.run.position.get("done", {}), role: [cursor, here["since"]]}
    await settle(this, Settled(), {"done": done, "at": None})


async def _prepared(
    this: Pass, side: Side, role: str, pull: AsyncIterator[Page]
) -> AsyncGenerator[tuple[str | None, Prepared], None]:
    """Its pages, decided one ahead of the one that is being written."""
    async with aclosing(ahead(pull)) as pages:
        async for page in pages:
            items = [Item(side, one.id, Told(event="created", by=side), one) for one in page.records]
            yield page.cursor, await prepare(this, role, side, items)


async def _total(this: Pass, side: Side, roles: Sequence[str]) -> None:
    """How many there are, where the connector can count: asked before the first page and kept at once. One that cannot be had
    stops nothing, then there is none. What concerns the whole connection does: the pages would fail as well. A run that goes on where
    another one stood has its counts from there on, which a whole would not fit."""
    end = this.pair.ends[side]
    connector = end.access.connector
    if not isinstance(connector, Counts) or this.run.total is not None or {"at", "done"} & this.run.position.keys():
        return
    total = 0
    try:
        for role in roles:
            total += await end.access.ask(partial(connector.count, end.shape(role).object))
    except (AuthError, RateLimitedError):
        raise
    except TielineError:
        return
    this.run.total = total
    await settle(this, Settled(), {})


def _clock(this: Pass) -> Callable[[], float]:
    """Seconds that this run has been at work, pauses left out."""
    clock = this.pair.clock
    before = (this.run.position.get(PACE) or [0.0])[0] - clock()
    return lambda: round(before + clock(), 1)


async def preview(this: Pass) -> None:
    """What a run would do, with the same code: options as of that run, and "of": "transfer" or "changes"."""
    if this.run.options.get("of") == "changes":
        await changes(this, 0.0)
    else:
        await transfer(this)


async def approved(this: Pass) -> None:
    """Does what a dry run planned, as far as it would plan the same now. options: of (the dry run), roles in their order."""
    pair = this.pair
    of = int(this.run.options["of"])
    for role in pair.customers.roles:
        if role in this.run.position.get("done", []):
            continue
        at = this.run.position.get("at") or {}
        after = str(at.get("after", "")) if at.get("role") == role else ""
        while True:
            found = await pair.run(lambda after=after: pair.store.planned(of, after, PLANNED))  # type: ignore[misc]
            whole = _whole(found)
            if not whole:
                break
            after = whole[-1].key
            for side in SIDES:
                items = _items([one for one in whole if one.role == role and one.source[:1] == [side]])
                if items:
                    await work(
                        this,
                        role,
                        side,
                        items,
                        position={"at": {"role": role, "after": after}} if side == "right" else None,
                    )
                if this.over:
                    return
            if await is_paused(this):
                return
        await settle(this, Settled(), {"done": [*this.run.position.get("done", []), role], "at": None})
    await work_waiting(this, approved=True)


def _whole(found: Sequence[SyncOperation]) -> Sequence[SyncOperation]:
    """Without the last record's, where some of its operations may be on the next page."""
    if len(found) < PLANNED:
        return found
    last = found[-1].key[:-2]
    whole = [one for one in found if one.key[:-2] != last]
    return whole or found


def _items(works: Sequence[SyncOperation]) -> list[Item]:
    out: dict[str, Item] = {}
    for one in works:
        side: Side = "left" if one.source[0] == "left" else "right"
        told = told_of(orjson.loads(one.source[2]) if len(one.source) > 2 else None, side)
        out.setdefault(one.source[1], Item(side, one.source[1], told, approved=one.digest))
    return list(out.values())
