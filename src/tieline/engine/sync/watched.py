"""What makes customers active: records of the CRM that lead to them (a won deal, a converted lead), watched since a rule says so
(CUST-3).

Their feed is asked in its turn like that of a role that is kept the same, under a name of its own; a record that came to pass the
condition makes a look at the customer that it leads to. One that is linked is known already, so what is won twice makes nothing
again; and what was won before the feed was first asked makes nothing either, as a customer that was there before does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from tieline.core.pairing import Told, Watched
from tieline.core.record import Record
from tieline.engine.sync.batching import settle
from tieline.engine.sync.items import Item, Pair, Pass, Where
from tieline.engine.sync.ports import Settled
from tieline.engine.sync.rows import id_of
from tieline.engine.sync.runs import ROWS, work_once
from tieline.engine.sync.sides import CRM, WATCHED, watched_name
from tieline.sdk.contract import VendorRecord


def feeds(pair: Pair) -> dict[str, Watched]:
    """Feed → what is watched by it; none where no rule watches anything."""
    return {watched_name(one.role): one for one in pair.customers.watched}


def is_watched(feed: str) -> bool:
    """Whether a feed is one of watched records, of whatever rule."""
    return feed.startswith(WATCHED)


async def led_to(pair: Pair, feed: str, found: Sequence[VendorRecord]) -> list[Item]:
    """The customers that these records make active and that are linked with nothing, each with what made it so. One query, and only
    where there is one."""
    shape, watched = pair.ends[CRM].shape(feed), feeds(pair)[feed]
    by: dict[str, list[Record]] = {}
    for vendor in found:
        record = shape.record(vendor)
        id = pair.customers.made_active(record)
        if id:
            by.setdefault(id, []).append(record)
    if not by:
        return []
    rows = await pair.run(lambda: pair.store.links(watched.to, CRM, list(by)))
    linked = {id_of(row, CRM) for row in rows}
    told = Told(event="changed", by=CRM)
    return [Item(CRM, id, told, related=tuple(those)) for id, those in by.items() if id not in linked]


async def work_hints(this: Pass, looked: set[Where]) -> None:
    """Works off what deliveries said of watched records: read by id, then as their feed. What no rule watches any more is let go.
    looked: as of `work_once`."""
    pair, known = this.pair, feeds(this.pair)
    while not this.over:
        rows = await pair.run(lambda: pair.store.waiting(pair.now(), ROWS))
        rows = [row for row in rows if is_watched(row.role)]
        if not rows:
            return
        for feed in dict.fromkeys(row.role for row in rows if row.role in known):
            ids = [row.id for row in rows if row.role == feed]
            there = await pair.ends[CRM].fetch(feed, ids)
            items = await led_to(pair, feed, list(there.values()))
            if items:
                await work_once(this, known[feed].to, CRM, items, looked)
        if this.dry:  # they stay due
            return
        if not this.over:
            await settle(this, Settled(waited=[(row.role, row.side, row.id) for row in rows]))
