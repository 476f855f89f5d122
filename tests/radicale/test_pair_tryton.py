"""Contacts of a real Tryton and an address book of a real Radicale kept the same, with the settings that work unedited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.connectors.carddav_pairs import Pair
from tests.radicale.test_records import put_in
from tests.tryton.conftest import connect as tryton_connect
from tests.tryton.conftest import proxy, tryton
from tieline.connectors.carddav.fields import CONTACTS, read
from tieline.connectors.carddav.server import RadicaleServer
from tieline.connectors.carddav.vcard import Card
from tieline.connectors.tryton.shapes import PERSON
from tieline.core.pairing import Side
from tieline.flows.customers.flow import CUSTOMERS
from tieline.sdk.contract import Link, PushOperation, Written
from tieline.sdk.manifest import Manifest
from tieline.sdk.manifest import connector as manifest_of
from tieline.sdk.target import target

__all__ = ["proxy", "tryton", "tryton_connect"]
pytestmark = pytest.mark.real


@dataclass
class Mixed(Pair):
    """Tryton on the left, the address book on the right."""

    tryton: Any = None

    def made(self, side: Side) -> tuple[Any, Manifest]:
        if side == "left":
            return self.tryton(), manifest_of("tryton")
        return self.connect(), manifest_of("carddav")

    async def people(self, *fields: str) -> dict[str, dict[str, Any]]:
        """Tryton's contacts by name."""
        crm = self.tryton()
        ids = [record.id async for page in crm.pull(PERSON, ["name"], None) for record in page.records]
        found = await crm.fetch(PERSON, ids, ["name", *fields])
        return {one.fields["name"]: {name: one.fields[name] for name in fields} for one in found}

    def book(self, *fields: str) -> dict[str, dict[str, Any]]:
        """The address book's contacts by name."""
        found = (Card.parse(text) for text in self.texts("contacts"))
        return {read(card, ("name",))["name"]: read(card, fields) for card in found}


@pytest.fixture
async def pair(connect: Any, radicale: RadicaleServer, tryton_connect: Any) -> Mixed:
    def texts(book: str) -> list[str]:
        return [path.read_text() for path in radicale.collection(book).glob("*.vcf")]

    left = target(manifest_of("tryton"), await tryton_connect().describe([]))
    right = target(manifest_of("carddav"), await connect().describe([]))
    await tryton_connect().prepare([PERSON])
    return Mixed(texts, connect, CUSTOMERS.load(CUSTOMERS.defaults(left, right)), tryton=tryton_connect)


@pytest.mark.proves("CUST-1", "CUST-10", "CUST-11")
async def test_contacts_of_tryton_and_an_address_book(pair: Mixed, radicale: RadicaleServer) -> None:
    await pair.quiet()
    put_in(radicale, 6)
    crm = pair.tryton()
    made = await crm.push(
        [
            PushOperation(
                f"t{n}", "create", PERSON, {"name": f"Marie Duval {n}", "email": f"m{n}@example.com", "city": "Nice"}
            )
            for n in range(4)
        ]
    )
    assert all(isinstance(one, Written) for one in made), made
    await pair.quiet()
    people = {f"Person {n}" for n in range(6)} | {f"Marie Duval {n}" for n in range(4)}
    assert set(pair.book()) == people <= set(await pair.people())
    shared = ("email", "city")
    left = await pair.people(*shared)
    assert {name: left[name] for name in people} == pair.book(*shared)

    # Different fields on both sides between two runs: both survive in both systems.
    (card,) = await pair.connect().find(CONTACTS, ["name"], ["Marie Duval 2"], [])
    assert isinstance(made[2], Written)
    await pair.connect().push(
        [PushOperation("a", "update", CONTACTS, {"phone": "+33 1 86 76 54 32"}, Link(CONTACTS, card.id))]
    )
    await crm.push([PushOperation("b", "update", PERSON, {"city": "Paris"}, Link(PERSON, made[2].id))])
    await pair.quiet()
    left, right = await pair.people("phone", "city"), pair.book("phone", "city")
    assert (left["Marie Duval 2"]["city"], right["Marie Duval 2"]["city"]) == ("Paris", "Paris")
    digits = {"".join(sign for sign in side["Marie Duval 2"]["phone"] if sign.isdigit()) for side in (left, right)}
    assert digits == {"33186765432"}
    assert not pair.store.asked

    # The other client's properties are still in its card.
    assert all("X-OTHER;A=b:kept" in text for text in pair.texts("contacts") if "FN:Person" in text)

    # Nothing changed since: one request of each side.
    row = await pair.changes()
    assert (row.requests, pair.last["left"].client.requests, pair.last["right"]._client.requests) == (2, 1, 1)
