"""Keeping a pair the same: the one class that whoever wires a pair builds. Each coroutine is one run, or a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tieline.engine.access import Access, Run, at_once
from tieline.engine.sync import feeds, runs
from tieline.engine.sync.customers import Customers
from tieline.engine.sync.items import Pair
from tieline.engine.sync.ports import RunRow, SyncStore
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
    share, most  the limit of deletions per role and run: the smaller of a share of the links and a number
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
