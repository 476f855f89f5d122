"""The run of changes: what waits, then what moved since the cursors, parents first; then what that made due.

A feed is one role of one side, or records of the CRM that are watched since they make customers active (`watched`). Each is asked
every so often, the roles by turns, so that a run in which nothing happened costs one request of each side whatever there is to
know of other roles: its own turn comes. When a feed was asked last stands beside the vendor's cursor in what the store keeps as
cursor.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass

import orjson

from tieline.core.pairing import SIDES, Side, Told
from tieline.engine.sync import watched as watching
from tieline.engine.sync.items import Item, Pair, Pass, Where
from tieline.engine.sync.newness import made_since
from tieline.engine.sync.rows import id_of
from tieline.engine.sync.runs import ahead, is_paused, work_once, work_waiting
from tieline.engine.sync.sides import End
from tieline.engine.times import iso, seconds
from tieline.sdk.contract import Page

SLACK = 0.9
"""A feed is asked again when so much of its time has passed: timers are not exact."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """vendor: the cursor as the vendor's connector made it, None before the first · at: when it was asked to its end last (seconds) ·
    old: what it reads was there before the pair was, to the end of this reading · since: when it was first asked at all."""

    vendor: str | None = None
    at: float = 0.0
    old: bool = False
    since: float = 0.0

    def text(self) -> str:
        kept = {"c": self.vendor, "at": iso(self.at), "since": iso(self.since or self.at)}
        return orjson.dumps({**kept, **({"old": True} if self.old else {})}).decode()

    @classmethod
    def of(cls, text: str | None) -> Cursor:
        if not text:
            return cls()
        known = orjson.loads(text)
        at = seconds(known["at"])
        return cls(known["c"], at, bool(known.get("old")), seconds(known["since"]) if "since" in known else at)


def due_roles(pair: Pair, cursors: Mapping[tuple[Side, str], str], poll: str, every_s: float) -> list[str]:
    """The roles whose feeds are asked now. poll: "due", what its time has come for, one role a run · "turn": the one that was asked
    longest ago · "all" · "none". A role that was never asked is always due."""
    roles = feeds_of(pair)
    if poll == "all":
        return roles
    asked = {
        role: min((Cursor.of(cursors.get((side, role))).at for side in SIDES if pulls(pair, side, role)), default=0.0)
        for role in roles
    }
    roles = [role for role in roles if any(pulls(pair, side, role) for side in SIDES)]
    if poll == "none" or not roles:
        return []
    never = [role for role in roles if not asked[role]]
    if never:
        return never
    oldest = min(roles, key=lambda role: asked[role])
    if poll == "turn" or pair.clock() - asked[oldest] >= every_s * SLACK:
        return [oldest]
    return []


def next_poll(pair: Pair, cursors: Mapping[tuple[Side, str], str], every_s: float) -> float:
    """When the next feed is due (seconds since the epoch)."""
    asked = [
        Cursor.of(cursors.get((side, role))).at for role in feeds_of(pair) for side in SIDES if pulls(pair, side, role)
    ]
    return min(asked, default=pair.clock()) + every_s


def feeds_of(pair: Pair) -> list[str]:
    """The roles that are kept the same, parents first, then what is watched since it may make a customer active."""
    return [*pair.customers.roles, *watching.feeds(pair)]


def pulls(pair: Pair, side: Side, role: str) -> bool:
    """Whether changes of a role come from this side's feed."""
    return role in pair.ends[side].shapes


async def changes(this: Pass, every_s: float) -> None:
    pair = this.pair
    cursors = await pair.run(pair.store.cursors)
    await _forget(this, cursors)
    this.since = {key: known.since for key, text in cursors.items() if (known := Cursor.of(text)).vendor is not None}
    looked: set[Where] = set()
    await watching.work_hints(this, looked)
    await work_waiting(this, looked)
    roles = due_roles(pair, cursors, str(this.run.options.get("poll", "due")), every_s)
    for number, role in enumerate(roles):
        for side in SIDES:
            if this.over or this.run.state != "running":
                return
            if pulls(pair, side, role):
                # asked together the first time, they come apart: each role has its own turn
                early = every_s * number / len(roles)
                await _feed(this, side, role, Cursor.of(cursors.get((side, role))), early, looked)
    if roles and not this.dry and not this.over and this.run.state == "running":
        await work_waiting(this, looked)


async def _forget(this: Pass, cursors: dict[tuple[Side, str], str]) -> None:
    """A feed that no rule watches any more begins anew should one do so again: what changed in between makes nobody active."""
    over = [
        key
        for key, text in cursors.items()
        if text and watching.is_watched(key[1]) and key[1] not in feeds_of(this.pair)
    ]
    if over and not this.dry:
        await this.pair.run(lambda: this.pair.store.set_cursors(dict.fromkeys(over, "")))


async def _feed(this: Pass, side: Side, role: str, cursor: Cursor, early: float, looked: set[Where]) -> None:
    pair, end = this.pair, this.pair.ends[side]
    watched = watching.feeds(pair).get(role)
    asked, keeps = pair.clock() - early, not this.dry
    old = cursor.old or cursor.vendor is None
    since = this.since[side, role] = cursor.since or pair.clock()
    last: str | None = None
    # of a pair that only watches what comes in stays to be done; what was there before it has nothing to be done with it
    passes = keeps or old
    async with aclosing(ahead(end.pull(role, cursor.vendor))) as pages:
        async for page in pages:
            last = page.cursor
            if watched is not None:  # what was won before the pair was made nobody active
                items = [] if old else await watching.led_to(pair, role, page.records)
            else:
                items = items_of(end, page)
            if old:  # what was there before is left alone: that is for a transfer
                items = await _known_or_new(this, role, side, items)
            if items:
                passes = keeps
                text = Cursor(last, cursor.at, old, since).text()
                kept = (side, role, text) if keeps else None
                await work_once(this, role if watched is None else watched.to, side, items, looked, kept)
            if this.over or await is_paused(this):
                return
    if last is not None and passes:
        done = {(side, role): Cursor(last, asked, since=since).text()}
        await pair.run(lambda: pair.store.set_cursors(done))


def items_of(end: End, page: Page) -> list[Item]:
    """A page's records and what it says is gone. Which of them are new is told of those that are linked with nothing (`newness`)."""
    items = [Item(end.side, one.id, Told(event="changed", by=end.side), one) for one in page.records]
    items.extend(Item(end.side, id, Told(event="deleted", by=end.side)) for id in page.deleted)
    return items


async def _known_or_new(this: Pass, role: str, side: Side, items: list[Item]) -> list[Item]:
    """Those that are linked, and those that were made while this was being read."""
    pair = this.pair
    rows = await pair.run(lambda: pair.store.links(role, side, [item.id for item in items])) if items else []
    known = {id_of(row, side) for row in rows}
    new = await made_since(this, role, [item for item in items if item.id not in known])
    return [*(item for item in items if item.id in known), *new]
