"""Two address books kept the same by the engine, with the settings that work unedited; a store in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.engine.memory import Clock, access_of
from tests.engine.sync_memory import MemorySync
from tieline.connectors.carddav.connector import Connector
from tieline.connectors.carddav.fields import CONTACTS, read
from tieline.connectors.carddav.vcard import Card
from tieline.core.pairing import Side
from tieline.engine.access import Access
from tieline.engine.sync.sync import Sync
from tieline.flows.customers.flow import CUSTOMERS
from tieline.sdk.contract import Link, PushOperation, Written
from tieline.sdk.http import Client
from tieline.sdk.manifest import Manifest
from tieline.sdk.manifest import connector as manifest_of
from tieline.sdk.target import target

BOOKS: Mapping[Side, str] = {"left": "contacts", "right": "suppliers"}


async def settings_of(crm: Connector) -> Any:
    """What a pair of address books begins with."""
    holds = target(manifest_of("carddav"), await crm.describe([CONTACTS]))
    return CUSTOMERS.load(CUSTOMERS.defaults(holds, holds))


@dataclass
class Pair:
    """Each run is of a process of its own, as far as connectors are concerned. texts: a book's cards; connect(book=…) a connector."""

    texts: Callable[[str], Iterable[str]]
    connect: Any
    settings: Any
    clock: Clock = field(default_factory=Clock)
    last: dict[Side, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = MemorySync(self.clock)
        self.chance = random.Random(1)

    def made(self, side: Side) -> tuple[Any, Manifest]:
        """A new connector of a side, and what it is."""
        return self.connect(book=BOOKS[side]), manifest_of("carddav")

    def access(self, side: Side) -> Access:
        crm, manifest = self.made(side)
        self.last[side] = crm
        return access_of(crm, manifest, client_of(crm), self.clock, self.chance)

    def sync(self) -> Sync:
        flow, ends = CUSTOMERS.of(self.settings), (self.access("left"), self.access("right"))
        return Sync("1", *ends, flow, self.store, clock=self.clock, chance=self.chance.random)

    async def changes(self) -> Any:
        self.clock.now += 1
        row = await self.sync().changes({"poll": "all"})
        assert row.state == "done", row.why
        return row

    async def quiet(self) -> None:
        for _ in range(10):
            before = len(self.store.operations)
            await self.changes()
            due = [one for one in self.store.waits.values() if one.state == "due"]
            if not due and len(self.store.operations) == before:
                return
            self.clock.now += 1300 if due else 1
        raise AssertionError(f"never quiet: {list(self.store.operations.values())[-2:]}")

    def cards(self, side: Side) -> dict[str, str]:
        return {str(read(Card.parse(text), ("name",))["name"]): text for text in self.texts(BOOKS[side])}

    def values(self, side: Side, *names: str) -> dict[str, dict[str, Any]]:
        return {name: read(Card.parse(text), names) for name, text in self.cards(side).items()}

    async def edit(self, side: Side, name: str, **values: Any) -> None:
        crm = self.connect(book=BOOKS[side])
        (found,) = await crm.find(CONTACTS, ["name"], [name], [])
        (outcome,) = await crm.push([PushOperation("by-hand", "update", CONTACTS, values, Link(CONTACTS, found.id))])
        assert isinstance(outcome, Written)


def client_of(crm: Any) -> Client:
    """The client of a connector of ours."""
    found: Client = crm._client if isinstance(crm, Connector) else crm.client
    return found
