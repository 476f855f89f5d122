"""What a round of e-conomic and Zoho costs in which nothing changed, after a mass was written; and that it misses nothing."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.connectors.economic import Books, keeping
from tests.engine.memory import Clock, access_of
from tests.engine.sync_memory import MemorySync
from tieline.connectors.zoho_crm.tests import subject
from tieline.core.flow import Target
from tieline.core.pairing import Side
from tieline.engine.access import Access
from tieline.engine.sync.ports import RunRow
from tieline.engine.sync.sync import Sync
from tieline.flows.customers.flow import CUSTOMERS
from tieline.sdk.conformance import Subject
from tieline.sdk.contract import Link, PushOperation, Written
from tieline.sdk.target import target

MANY = 120
ROUND_S = 300


class Pair:
    """Zoho on the left, e-conomic on the right. Each run has connectors of its own, as a new process has."""

    def __init__(self, zoho: Subject, books: Books, targets: dict[Side, Target]) -> None:
        self.sides: dict[Side, Subject] = {"left": zoho, "right": books.subject}
        self.zoho, self.books, self.targets = zoho, books, targets
        self.settings = CUSTOMERS.load(CUSTOMERS.defaults(targets["left"], targets["right"]))
        self.clock = Clock()
        self.store = MemorySync(self.clock)
        self.chance = random.Random(1)

    def access(self, side: Side) -> Access:
        found = self.sides[side]
        connector = found.make()
        return access_of(connector, found.manifest, found.client, self.clock, self.chance)

    def sync(self) -> Sync:
        flow, ends = CUSTOMERS.of(self.settings, self.targets), (self.access("left"), self.access("right"))
        return Sync("1", *ends, flow, self.store, clock=self.clock, chance=self.chance.random)

    def later(self, seconds: float) -> None:
        self.clock.now += seconds
        for side in self.sides.values():
            side.side.sandbox.clock_offset += seconds  # type: ignore[attr-defined]

    async def round(self, poll: str = "due") -> RunRow:
        self.later(ROUND_S / 2)  # the two roles take turns
        row = await self.sync().changes({"poll": poll})
        assert row.state == "done", row.why
        return row

    async def rounds(self) -> list[int]:
        """What six of them cost, in which nothing is written."""
        before = len(self.store.operations)
        found = [(await self.round()).requests for _ in range(6)]
        assert len(self.store.operations) == before
        return found

    def accounts(self) -> dict[str, dict[str, Any]]:
        rows = self.zoho.side.sandbox.stored("Accounts")  # type: ignore[attr-defined]
        return {row["id"]: row for row in rows}


@pytest.fixture
async def pair(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    monkeypatch.setattr("tieline.connectors.e_conomic.changes.PAGE", 25)
    monkeypatch.setattr("tieline.connectors.zoho_crm.changes.PAGE", 25)
    async with keeping() as books, subject() as zoho:
        await zoho.connector.prepare(["Accounts", "Contacts"])
        left = target(
            zoho.manifest, await zoho.connector.describe(["Accounts", "Contacts"]), await zoho.connector.users()
        )
        right = target(books.subject.manifest, await books.connector.describe([]), await books.connector.users())
        books.sandbox.limit = 10**9
        made = Pair(zoho, books, {"left": left, "right": right})
        yield made


async def transferred(pair: Pair) -> None:
    pair.books.act("seed", customers=MANY, contacts=1)
    row = await pair.sync().transfer({"from": "right"})
    assert row.state == "done", row.why
    assert len(pair.accounts()) == MANY


@pytest.mark.proves("CUST-1")
async def test_a_round_without_news_costs_three_requests_after_a_mass_was_written(pair: Pair) -> None:
    await transferred(pair)
    for _ in range(6):  # what the transfer wrote is read as what it is
        await pair.round()
    assert await pair.rounds() == [3] * 6
    # All roles at once, which a person starts: Zoho's changes and deletions of each module, e-conomic's two lists.
    assert (await pair.round("all")).requests == 6


async def test_a_mass_that_is_old_when_it_is_first_read_is_read_once(pair: Pair) -> None:
    await transferred(pair)
    pair.later(400)
    await pair.round("all")
    assert await pair.rounds() == [3] * 6


async def test_rounds_that_cost_nothing_miss_nothing(pair: Pair) -> None:
    await transferred(pair)
    for _ in range(6):
        await pair.round()
    link = next(one for one in pair.store.rows.values() if one.role == "account")
    pair.books.act("edit", number=link.right_id, values={"city": "Vejle"})
    account = Link("Accounts", link.left_id)
    change = PushOperation("by-hand", "update", "Accounts", {"Phone": "+4565123456"}, account)
    (outcome,) = await pair.zoho.connector.push([change])
    assert isinstance(outcome, Written)
    for _ in range(4):
        await pair.round()
    assert pair.accounts()[link.left_id]["Billing_City"] == "Vejle"
    assert "65123456" in str(pair.books.row(link.right_id)["phone"])
    for _ in range(4):
        await pair.round()
    assert await pair.rounds() == [3] * 6
