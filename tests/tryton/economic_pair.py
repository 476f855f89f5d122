"""A real Tryton and e-conomic (its sandbox) kept the same by the engine, with the settings that work unedited; a store in memory."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from typing import Any

from tests.connectors.economic import Books
from tests.engine.memory import Clock, access_of
from tests.engine.sync_memory import MemorySync
from tieline.connectors.tryton.shapes import ORGANISATION, PERSON
from tieline.core.flow import Target
from tieline.core.pairing import Side, Told
from tieline.engine.access import Access
from tieline.engine.sync.ports import LinkRow, RunRow, WaitingRow
from tieline.engine.sync.rows import told_row
from tieline.engine.sync.sync import Sync
from tieline.flows.customers.flow import CUSTOMERS as FLOW
from tieline.sdk.contract import Link, PushOperation, Written
from tieline.sdk.manifest import connector as manifest_of
from tieline.sdk.target import target

LEFT, RIGHT = "tryton", "e_conomic"


class Pair:
    """Tryton on the left, e-conomic on the right. Each run has connectors of its own, as a new process has.

    word   in every name, since the server is shared with other tests
    """

    def __init__(self, connect: Callable[..., Any], books: Books, left: Target, right: Target) -> None:
        self.connect, self.books = connect, books
        self.targets: dict[Side, Target] = {"left": left, "right": right}
        self.settings = FLOW.load(FLOW.defaults(left, right))
        self.clock = Clock(time.time())  # Tryton says when its records were made
        self.store = MemorySync(self.clock)
        self.chance = random.Random(1)
        self.word = secrets.token_hex(4)
        self._clients: dict[Side, Any] = {}

    @classmethod
    async def made(cls, connect: Callable[..., Any], books: Books) -> Pair:
        """Both set up, and what was there before is none of it."""
        crm = connect()
        await crm.prepare([ORGANISATION, PERSON])
        left = target(manifest_of(LEFT), await crm.describe([]), await crm.users())
        right = target(manifest_of(RIGHT), await books.connector.describe([]), await books.connector.users())
        pair = cls(connect, books, left, right)
        await pair.quiet()
        return pair

    # -- runs -----------------------------------------------------------------------------------------------------------

    def sync(self) -> Sync:
        crm, erp = self.connect(), self.books.subject.make()
        self._clients = {"left": crm.client, "right": self.books.subject.client}  # type: ignore[attr-defined]
        ends = (self._access("left", LEFT, crm), self._access("right", RIGHT, erp))
        return Sync(
            "1", *ends, FLOW.of(self.settings, self.targets), self.store, clock=self.clock, chance=self.chance.random
        )

    def _access(self, side: Side, name: str, connector: Any) -> Access:
        return access_of(connector, manifest_of(name), self._clients[side], self.clock, self.chance)

    def requests(self, side: Side) -> int:
        """Of the last run."""
        return int(self._clients[side].requests)

    async def changes(self, poll: str = "all") -> RunRow:
        self.clock.now += 1
        row = await self.sync().changes({"poll": poll})
        assert row.state == "done", row.why
        return row

    async def quiet(self) -> list[RunRow]:
        """Runs until nothing is due and nothing was written any more; those that did something."""
        runs: list[RunRow] = []
        for _ in range(10):
            before = len(self.store.operations)
            runs.append(await self.changes())
            due = [one for one in self.store.waits.values() if one.state == "due"]
            if not due and len(self.store.operations) == before:
                return [run for run in runs if run.counts.keys() & {"created", "updated", "deleted"}]
            self.clock.now += 1300 if due else 1
        raise AssertionError(f"never quiet: {list(self.store.operations.values())[-2:]}")

    def told(self, role: str, number: str, told: Told) -> None:
        """A delivery of e-conomic's webhook, as it waits."""
        row = WaitingRow(role, "right", number, self.clock.iso(), told=told_row(told))
        self.store.waits[role, "right", number] = row

    def link(self, number: str, role: str = "account") -> LinkRow:
        return self.store.rows[self.store.by_id[role, "right", number]]

    def questions(self) -> set[tuple[str, str]]:
        """(kind, role) of what is open."""
        return {(one.kind, one.role) for one in self.store.asked.values()}

    # -- e-conomic ------------------------------------------------------------------------------------------------------

    def customer(self, name: str, **values: Any) -> str:
        """Somebody makes a customer in e-conomic; its number."""
        row = {"name": f"{name} {self.word}", **values}
        return self.books.sandbox.people.store({"customers": [row]})["customers"][0]

    def person(self, number: str, name: str, **values: Any) -> str:
        row = {"name": f"{name} {self.word}", "customerNumber": number, **values}
        return self.books.sandbox.people.store({"contacts": [row]})["contacts"][0]

    def edit(self, number: str, **values: Any) -> None:
        self.books.act("edit", number=number, values=values)

    # -- Tryton ---------------------------------------------------------------------------------------------------------

    async def party(self, number: str, *fields: str, role: str = "account") -> dict[str, Any]:
        """The party that is linked with a number, as it is now."""
        object = ORGANISATION if role == "account" else PERSON
        (found,) = await self.connect().fetch(object, [self.link(number, role).left_id], fields)
        return dict(found.fields)

    async def change(self, number: str, role: str = "account", **values: Any) -> None:
        """Somebody changes that party."""
        object = ORGANISATION if role == "account" else PERSON
        link = Link(object, self.link(number, role).left_id)
        (outcome,) = await self.connect().push([PushOperation("by-hand", "update", object, values, link)])
        assert isinstance(outcome, Written), outcome
