"""The connector against a real Radicale: what it finds, reads and writes, beside another client that does so too."""

from __future__ import annotations

import secrets
from typing import Any

import aiohttp
import pytest

from tieline.connectors.carddav.connector import Connector
from tieline.connectors.carddav.fields import CONTACTS, FIELDS
from tieline.connectors.carddav.server import RadicaleServer
from tieline.connectors.carddav.tests import CARDS, card_of
from tieline.core.errors import AuthError, ConfigError
from tieline.sdk.contract import Gone, Link, Page, PushOperation, Rejected, Stale, Written

pytestmark = pytest.mark.real
WRITABLE = [field.name for field in FIELDS if not field.read_only]


def key() -> str:
    return secrets.token_hex(8)


def create(origin: str, **values: Any) -> PushOperation:
    return PushOperation(origin, "create", CONTACTS, values)


def update(id: str, version: str | None = None, **values: Any) -> PushOperation:
    return PushOperation(key(), "update", CONTACTS, values, Link(CONTACTS, id), version)


def put_in(radicale: RadicaleServer, count: int, start: int = 0) -> list[str]:
    cards = {
        f"c{n}.vcf": card_of({"name": f"Person {n}", "email": f"n{n}@example.com", "city": "Lyon"}, f"c{n}")
        for n in range(start, start + count)
    }
    radicale.put_in(cards)
    return list(cards)


async def by_hand(radicale: RadicaleServer, method: str, name: str, body: str | None = None) -> str:
    """What another client does."""
    headers = {
        "Content-Type": "text/vcard",
        "Authorization": aiohttp.encode_basic_auth(radicale.user, radicale.password),
    }
    url = radicale.base_url + radicale.path() + name
    async with aiohttp.ClientSession() as session, session.request(method, url, data=body, headers=headers) as answer:
        assert answer.status < 300, answer.status
        return await answer.text()


async def pages_of(crm: Connector, cursor: str | None) -> list[Page]:
    return [page async for page in crm.pull(CONTACTS, ("name", "note"), cursor)]


# -- where the address book is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/", "/hub/", "/hub/contacts", "/hub/contacts/"])
async def test_whatever_is_typed_the_book_is_found(connect: Any, radicale: RadicaleServer, path: str) -> None:
    identity = await connect(url=radicale.base_url + path).check()
    assert (identity.account_id, identity.name) == ("/hub/contacts/", "Contacts")


async def test_another_book_is_chosen_by_its_name(connect: Any) -> None:
    assert (await connect(book="suppliers").check()).account_id == "/hub/suppliers/"
    with pytest.raises(ConfigError):
        await connect(book="nothing").check()


async def test_a_wrong_password_is_an_auth_error(connect: Any) -> None:
    with pytest.raises(AuthError):
        await connect(password="wrong").check()


# -- writing -----------------------------------------------------------------------------------------------------------


async def test_every_field_is_read_as_it_was_written(crm: Connector) -> None:
    values = {
        "name": "Dr. Marie Müller, née; Duval",
        "first_name": "Marie",
        "last_name": "Müller",
        "company": "Duval & Fils, SA",
        "department": "Achats; ventes",
        "title": "Directrice",
        "email": "marie@example.com",
        "phone": "+33 1 86 76 54 32",
        "mobile": "+33 6 12 34 56 78",
        "fax": "+33 1 86 76 54 33",
        "street": "12, rue de la Paix\nBâtiment B",
        "postal_code": "69002",
        "city": "Lyon",
        "region": "Rhône",
        "country": "France",
        "website": "https://example.com/a?b=c,d",
        "birthday": "1985-04-12",
        "note": "One line\nand \\ another; 日本語 " + "x" * 200,
    }
    assert set(values) == set(WRITABLE)
    (made,) = await crm.push([create(key(), **values)])
    assert isinstance(made, Written), made
    (read,) = await crm.fetch(CONTACTS, [made.id], WRITABLE)
    assert dict(read.fields) == values
    assert read.version == made.version
    (outcome,) = await crm.push([update(made.id, made.version, **dict.fromkeys(set(WRITABLE) - {"name"}))])
    assert isinstance(outcome, Written)
    (read,) = await crm.fetch(CONTACTS, [made.id], WRITABLE)
    assert dict(read.fields) == {**dict.fromkeys(WRITABLE), "name": values["name"]}


@pytest.mark.proves("CUST-11")
@pytest.mark.parametrize("card", CARDS, ids=[card["from"] for card in CARDS])
async def test_what_clients_wrote_is_kept_by_an_update(
    crm: Connector, radicale: RadicaleServer, card: dict[str, Any]
) -> None:
    """Radicale writes cards in its own order and folds. Line by line, all is there that was there."""
    lines = (
        card["lines"]
        if any(line.startswith("UID:") for line in card["lines"])
        else [*card["lines"][:-1], "UID:u", "END:VCARD"]
    )
    await by_hand(radicale, "PUT", "theirs.vcf", "\r\n".join([*lines, ""]))
    before = await by_hand(radicale, "GET", "theirs.vcf")
    (read,) = await crm.fetch(CONTACTS, ["theirs.vcf"], list(card["read"]))
    (outcome,) = await crm.push([update("theirs.vcf", read.version, department="Tieline was here")])
    assert isinstance(outcome, Written), outcome
    after = await by_hand(radicale, "GET", "theirs.vcf")
    unfold = lambda text: [line for line in text.replace("\r\n ", "").split("\r\n") if not line.startswith("ORG")]  # noqa: E731
    assert sorted(unfold(after)) == sorted(unfold(before))
    (again,) = await crm.fetch(CONTACTS, ["theirs.vcf"], [*card["read"], "department"])
    assert dict(again.fields) == {**read.fields, "department": "Tieline was here"}


async def test_two_who_write_one_card(crm: Connector, radicale: RadicaleServer) -> None:
    (name,) = put_in(radicale, 1)
    (read,) = await crm.fetch(CONTACTS, [name], ["name"])
    text = await by_hand(radicale, "GET", name)
    await by_hand(radicale, "PUT", name, text.replace("FN:Person 0", "FN:By hand"))
    assert await crm.push([update(name, read.version, title="Ours")]) == [Stale()]
    (read,) = await crm.fetch(CONTACTS, [name], ["name", "title"])
    assert read.fields == {"name": "By hand", "title": None}
    (outcome,) = await crm.push([update(name, read.version, title="Ours")])
    assert isinstance(outcome, Written)
    await by_hand(radicale, "DELETE", name)
    assert await crm.push([update(name, outcome.version, title="Late")]) == [Gone()]


async def test_one_key_is_one_card_even_when_it_was_moved(crm: Connector, radicale: RadicaleServer) -> None:
    origin = key()
    (made,) = await crm.push([create(origin, name="Ada")])
    (again,) = await crm.push([create(origin, name="Ada")])
    assert again == Written(made.id, made.version, existed=True)  # type: ignore[union-attr]
    collection = radicale.collection()
    (collection / made.id).rename(collection / "moved.vcf")  # type: ignore[union-attr]
    (moved,) = await crm.push([create(origin, name="Ada")])
    assert isinstance(moved, Written)
    assert (moved.id, moved.existed) == ("moved.vcf", True)
    assert len(list(collection.glob("*.vcf"))) == 1


async def test_a_card_that_radicale_refuses_is_refused_alone(crm: Connector) -> None:
    outcomes = await crm.push([create(key(), name="Good"), create(key(), note="nobody"), create(key(), name="Too")])
    assert [type(one) for one in outcomes] == [Written, Rejected, Written]


# -- changes -----------------------------------------------------------------------------------------------------------


async def test_changes_of_others_come_with_one_request_when_there_are_none(
    connect: Any, radicale: RadicaleServer
) -> None:
    names = put_in(radicale, 40)
    cursor = (await pages_of(connect(), None))[-1].cursor
    crm = connect()
    (page,) = await pages_of(crm, cursor)
    assert (len(page.records), page.cursor, crm.client.requests) == (0, cursor, 1)
    text = await by_hand(radicale, "GET", names[3])
    await by_hand(radicale, "PUT", names[3], text.replace("END:VCARD", "NOTE:new\r\nEND:VCARD"))
    await by_hand(radicale, "DELETE", names[4])
    crm = connect()
    (page,) = await pages_of(crm, cursor)
    assert [(record.id, record.fields["note"]) for record in page.records] == [(names[3], "new")]
    assert (list(page.deleted), crm.client.requests) == ([names[4]], 2)


async def test_radicales_forgotten_tokens_lose_nothing(connect: Any, radicale: RadicaleServer) -> None:
    """Radicale keeps its tokens beside the cards and forgets old ones (30 days): then the list tells, deletions too."""
    names = put_in(radicale, 20)
    cursor = (await pages_of(connect(), None))[-1].cursor
    for path in sorted(radicale.collection().glob(".Radicale.cache/sync-token/*")):
        path.unlink()
    text = await by_hand(radicale, "GET", names[3])
    await by_hand(radicale, "PUT", names[3], text.replace("END:VCARD", "NOTE:new\r\nEND:VCARD"))
    await by_hand(radicale, "DELETE", names[4])
    (page,) = await pages_of(connect(), cursor)
    assert ([record.id for record in page.records], list(page.deleted)) == ([names[3]], [names[4]])


async def test_texts_and_numbers_are_found(crm: Connector, radicale: RadicaleServer) -> None:
    put_in(radicale, 12)
    await crm.push([create(key(), name="Smith, John", phone="+33 (0)1 86 76 54 32", company="Duval; Fils")])
    for field, value in (
        ("email", "N7@EXAMPLE.com"),
        ("name", "smith, john"),
        ("phone", "+33186765432"),
        ("company", "Duval; Fils"),
    ):
        found = await crm.find(CONTACTS, [field], [value, "nothing like it"], ["name"])
        assert len(found) == 1, field
        assert found[0].fields["name"] == ("Person 7" if field == "email" else "Smith, John")
