"""Two address books of a real Radicale kept the same by the engine with the settings that work unedited."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connectors.carddav_pairs import BOOKS, Pair, settings_of
from tests.radicale.test_records import put_in
from tieline.connectors.carddav.fields import CONTACTS
from tieline.connectors.carddav.server import RadicaleServer
from tieline.sdk.contract import PushOperation

pytestmark = pytest.mark.real


@pytest.fixture
async def pair(connect: Any, radicale: RadicaleServer) -> Pair:
    def texts(book: str) -> list[str]:
        return [path.read_text() for path in radicale.collection(book).glob("*.vcf")]

    return Pair(texts, connect, await settings_of(connect()))


@pytest.mark.proves("CUST-1", "CUST-10")
async def test_two_books_are_kept_the_same_both_ways(pair: Pair, radicale: RadicaleServer) -> None:
    await pair.quiet()
    put_in(radicale, 12)
    await pair.quiet()
    names = {f"Person {n}" for n in range(12)}
    assert pair.cards("left").keys() == pair.cards("right").keys() == names
    assert pair.values("right", "email", "city") == pair.values("left", "email", "city")

    await pair.edit("left", "Person 3", city="Paris", email="three@example.com")
    await pair.edit("right", "Person 3", phone="+33 1 86 76 54 32")
    await pair.quiet()
    for side in BOOKS:
        assert pair.values(side, "city", "email", "phone")["Person 3"] == {
            "city": "Paris",
            "email": "three@example.com",
            "phone": "+33 1 86 76 54 32",
        }
    assert not pair.store.asked
    assert "X-OTHER;A=b:kept" in pair.cards("left")["Person 3"]

    row = await pair.changes()
    assert (row.requests, [crm._client.requests for crm in pair.last.values()]) == (2, [1, 1])


@pytest.mark.proves("CUST-10")
async def test_a_conflict_is_asked_and_nothing_is_lost(pair: Pair, radicale: RadicaleServer) -> None:
    await pair.quiet()
    put_in(radicale, 2)
    await pair.quiet()
    await pair.edit("left", "Person 1", city="Paris")
    await pair.edit("right", "Person 1", city="Nice")
    await pair.quiet()
    assert pair.values("left", "city")["Person 1"] == {"city": "Paris"}
    assert pair.values("right", "city")["Person 1"] == {"city": "Nice"}
    assert [one.kind for one in pair.store.asked.values()] == ["conflict"]


async def test_what_is_in_both_books_already_is_linked_by_its_address(pair: Pair, radicale: RadicaleServer) -> None:
    put_in(radicale, 6)
    crm = pair.connect(book="suppliers")
    await crm.push(
        [PushOperation("k", "create", CONTACTS, {"name": "Person 2", "email": "N2@example.com", "title": "Buyer"})]
    )
    row = await pair.sync().transfer({"from": "left"})
    assert row.state == "done", row.why
    assert sorted(pair.cards("right")) == [f"Person {n}" for n in range(6)]
    await pair.quiet()
    assert len(pair.cards("right")) == len(pair.cards("left")) == 6
