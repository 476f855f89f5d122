"""Keeping a pair the same: the one class that whoever wires a pair builds. Each coroutine is one run, or a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tieline.core.pairing import Side, Told
from tieline.engine.access import Access, Run, at_once
from tieline.engine.look import LIMIT_S
from tieline.engine.sync import feeds, reconcile, runs, transfer, undo
from tieline.engine.sync.batching import work
from tieline.engine.sync.customers import Customers
from tieline.engine.sync.items import Item, Pair, Pass
from tieline.engine.sync.look import Look, look_at
from tieline.engine.sync.ports import RunRow, SyncStore
from tieline.engine.sync.rows import told_of, told_row
from tieline.engine.sync.sides import ends
from tieline.engine.times import seconds

EVERY_S = 300.0
"""How often a feed is asked where nothing else is said (CUST-1)."""


class Sync:
    """A pair at work. Cheap to make; keeps nothing between calls that the store does not.

    name         unique within the installation and never used again: part of each origin key
    left, right  the connections; `right.budget` and the like are theirs
    customers    the flow with the pair's settings inside
    store        of this pair
    clock        seconds since the epoch; chance: 0 … 1, as random.random
    run          runs the store's calls where they do not hold the event loop
    every_s      how often each feed is asked; the roles take turns
    share, most  the limit of deletions per role and day: the smaller of a share of the links and a number
    """

    def __init__(
        self,
        name: str,
        left: Access,
        right: Access,
        customers: Customers,
        store: SyncStore,
        *,
        clock: Callable[[], float],
        chance: Callable[[], float],
        run: Run = at_once,
        every_s: float = EVERY_S,
        share: float = 0.1,
        most: int = 50,
    ) -> None:
        self.every_s = every_s
        self.pair = Pair(
            name, customers, ends(customers, left, right), store, run, clock, chance, share, most
        )  # fmt: skip

    async def next_at(self) -> float:
        """When there is something to do next (seconds since the epoch): a feed's turn, or what waits falls due."""
        pair = self.pair
        cursors = await pair.run(pair.store.cursors)
        due = await pair.run(pair.store.next_due)
        at = feeds.next_poll(pair, cursors, self.every_s)
        return at if due is None else min(at, seconds(due))

    async def changes(self, options: Mapping[str, Any] | None = None) -> RunRow:
        """What moved: what waits, then the feeds that are due. options: poll ("due", "turn", "all", "none"), bypass_limit."""
        return await runs.run(self.pair, "changes", options or {}, lambda this: feeds.changes(this, self.every_s))

    async def transfer(self, options: Mapping[str, Any]) -> RunRow:
        """All of one side. options: from ("left", "right"), role ("" all), mark (bool, left out: as the settings say), create (True;
        False: only what the switches make)."""
        return await runs.run(self.pair, "transfer", options, transfer.transfer)

    async def reconcile(self, options: Mapping[str, Any] | None = None) -> RunRow:
        """All of both sides compared, nothing written. options: role ("" all), mend (only what is linked; what moved is merged by the
        next changes), match (likely pairs are asked about)."""
        return await runs.run(self.pair, "reconcile", options or {}, reconcile.reconcile)

    async def preview(self, options: Mapping[str, Any]) -> RunRow:
        """A dry run. options: of ("transfer" with its options, or "changes" with poll)."""
        return await runs.run(self.pair, "preview", options, transfer.preview)

    async def approved(self, options: Mapping[str, Any]) -> RunRow:
        """What a dry run planned. options: of (its run id)."""
        return await runs.run(self.pair, "approved", options, transfer.approved)

    async def asked(
        self, role: str, side: Side, id: str, told: Told, *, seen: str | None = None, by: str | None = None
    ) -> RunRow:
        """A person's word on one record, done at once. seen: of the look that they decided by; when a value has moved since, nothing
        is written and the run is "stopped" with the reason sync.moved. by: who, for the story."""
        options: dict[str, Any] = {"role": role, "side": side, "id": id, "told": told_row(told)}
        options |= {name: value for name, value in (("seen", seen), ("by", by)) if value is not None}

        async def body(this: Pass) -> None:
            await work(this, role, side, [Item(side, id, told_of(this.run.options["told"], side))])

        return await runs.run(self.pair, "asked", options, body)

    async def undo(self, options: Mapping[str, Any], *, redo: bool = False) -> RunRow:
        """Undo of a run. options: of (its id), link (key: one customer), line (name: one line). redo: of an undo."""
        return await runs.run(self.pair, "redo" if redo else "undo", options, undo.undo)

    async def look_at(self, role: str, side: Side, id: str, limit_s: float = LIMIT_S) -> Look:
        """Both records as they are now, for a page. Writes and keeps nothing."""
        return await look_at(self.pair, role, side, id, limit_s)
