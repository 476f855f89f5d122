"""Customers of e-conomic and of a real Tryton, both ways: nobody's edit is lost, nothing that is not mapped is erased, nothing is
deleted or linked anew unasked."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.connectors.economic import keeping
from tests.tryton.economic_pair import FLOW, Pair
from tieline.connectors.e_conomic.sandbox.answers import NoError
from tieline.connectors.tryton.server import TrytonServer
from tieline.connectors.tryton.shapes import DEAL, ORGANISATION
from tieline.core.pairing import Told
from tieline.sdk.contract import Link, PushOperation, Written
from tieline.sdk.sandbox import Running

pytestmark = pytest.mark.real

ALIKE = ("name", "phone", "city")
UNMAPPED: dict[str, Any] = {
    "ean": "5790000000000", "creditLimit": 12500.0, "county": "Fyn", "iban": "DK5000400440116243", "defaultDiscountPct": 5.5,
    "language": 2, "paymentDays": 8, "recipientPeppol": "0088:1", "salesPerson": "1",
}  # fmt: skip
"""Of a customer in e-conomic, and no field of Tryton's is kept the same with it."""


@pytest.fixture
async def pair(connect: Callable[..., Any]) -> AsyncIterator[Pair]:
    async with keeping() as books:
        yield await Pair.made(connect, books)


async def kept(pair: Pair, **values: Any) -> str:
    """The number of a customer that both sides hold."""
    email = f"office@{pair.word}.example"
    number = pair.customer("Nordbyg", **{"city": "Odense", "zip": "5000", "email": email, **values})
    await pair.quiet()
    assert pair.link(number).state == "linked"
    return number


def interrupted(pair: Pair, number: str, **values: Any) -> None:
    """Just before the next PUT somebody saves the customer in e-conomic: its object version is another then (409)."""
    services = pair.books.sandbox.services
    answer = services.answer

    def meanwhile(request: Any) -> Any:
        if request.method == "PUT":
            services.answer = answer  # type: ignore[method-assign]
            pair.edit(number, **values)
            reply = _reply(answer, request)
            assert reply.status == 409, reply.status
            return reply
        return answer(request)

    services.answer = meanwhile  # type: ignore[method-assign]


def _reply(answer: Callable[[Any], Any], request: Any) -> Any:
    try:
        return answer(request)
    except NoError as refused:
        return refused.reply


@pytest.mark.proves("CUST-1", "CUST-10")
async def test_edits_of_different_fields_on_both_sides_survive_in_both(pair: Pair) -> None:
    number = await kept(pair)
    pair.edit(number, city="Vejle")
    await pair.change(number, phone="+4565123456")
    await pair.quiet()
    party, row = await pair.party(number, "phone", "city"), pair.books.row(number)
    assert (party["city"], row["city"]) == ("Vejle", "Vejle")
    assert (_digits(party["phone"]), _digits(row["phone"])) == ("4565123456", "4565123456")
    assert not pair.store.asked
    # other tests' persons of the same server may wait for a customer; of customers none waits
    assert [one for one in pair.store.waits if one[0] == "account"] == []


@pytest.mark.proves("CUST-1")
async def test_customers_and_their_persons_come_along_both_ways(pair: Pair) -> None:
    number = pair.customer("Nordbyg", city="Odense")
    person = pair.person(number, "Ida Holm", email=f"ida@{pair.word}.example", phone="+4565000001")
    await pair.quiet()
    ida = await pair.party(person, "name", "email", "organisation", role="contact")
    assert ida["email"] == f"ida@{pair.word}.example"
    assert str(ida["organisation"]) == pair.link(number).left_id
    # Her number changes in Tryton, her address in e-conomic.
    await pair.change(person, "contact", phone="+4565000002")
    pair.books.act("contact", number=person, values={"email": f"ida.holm@{pair.word}.example"})
    await pair.quiet()
    values = pair.books.sandbox.book.contacts[int(person)].values
    ida = await pair.party(person, "email", "phone", role="contact")
    assert values["email"] == ida["email"] == f"ida.holm@{pair.word}.example"
    assert _digits(values["phone"]) == _digits(ida["phone"]) == "4565000002"
    assert values["customerNumber"] == int(number)


@pytest.mark.proves("CUST-11")
async def test_what_is_not_mapped_stays_on_both_sides(pair: Pair, tryton: TrytonServer) -> None:
    number = await kept(pair)
    person = pair.person(number, "Ida Holm")
    pair.edit(number, **UNMAPPED, attention=person, customerContact=person)
    await pair.quiet()
    id, admin = int(pair.link(number).left_id), tryton.admin()
    admin.call(
        "model.party.party.write",
        [id],
        {
            "addresses": [["create", [{"street": "Lager 2", "city": "Kolding"}]]],
            "contact_mechanisms": [["create", [{"type": "skype", "value": "nordbyg"}]]],
            "identifiers": [["create", [{"code": "internal-77"}]]],
        },
    )
    before, mine = dict(pair.books.row(number)), _party(admin, id)
    await pair.change(number, city="Vejle")
    pair.edit(number, zip="7100", mobilePhone="+4520000001")
    await pair.quiet()
    after, now = dict(pair.books.row(number)), _party(admin, id)
    assert (after["city"], after["postCode"], after["mobilePhone"]) == ("Vejle", "7100", "+4520000001")
    moved = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert moved == {"city", "postCode", "mobilePhone"}
    assert (after["defaultAttention"], after["defaultTheirRef"]) == (int(person), int(person))
    assert after["eanLocationNumber"] == "5790000000000"
    assert after["creditMaximum"] == 12500.0
    assert mine <= now, mine - now
    assert (await pair.party(number, "city"))["city"] == "Vejle"


@pytest.mark.proves("CUST-6", "CUST-10")
async def test_who_saves_in_between_is_not_overwritten(pair: Pair) -> None:
    """A 409 on the object version: the customer is read again, and what is written is decided on what is there now."""
    number = await kept(pair)
    await pair.change(number, phone="+4565123456")
    interrupted(pair, number, city="Vejle", iban="DK50")
    await pair.quiet()
    party, row = await pair.party(number, "phone", "city"), pair.books.row(number)
    assert (row["city"], row["iban"], _digits(row["phone"])) == ("Vejle", "DK50", "4565123456")
    assert (party["city"], _digits(party["phone"])) == ("Vejle", "4565123456")
    # The same field on both sides: a person is asked, and each side keeps what its people typed.
    await pair.change(number, city="Kolding")
    interrupted(pair, number, city="Aarhus")
    await pair.quiet()
    assert (pair.books.row(number)["city"], (await pair.party(number, "city"))["city"]) == ("Aarhus", "Kolding")
    assert pair.questions() == {("conflict", "account")}


async def test_a_number_that_is_used_again_is_another_customer(pair: Pair) -> None:
    number = await kept(pair, telephoneAndFaxNumber="+4566333333")
    before = await pair.party(number, *ALIKE)
    link = pair.link(number)
    fresh = {"name": f"Café Skagerrak {secrets.token_hex(4)}", "email": f"hej@cafe-{pair.word}.example", "city": "Skagen", "telephoneAndFaxNumber": "+4598222222"}  # fmt: skip
    pair.books.act("reuse", number=number, values=fresh)
    erp = dict(pair.books.row(number))
    await pair.change(number, postal_code="5200")
    await pair.quiet()
    assert await pair.party(number, *ALIKE) == before
    assert pair.books.row(number) == erp
    assert len(pair.questions()) == 1
    (asked,) = pair.store.asked.values()
    assert asked.reason["code"] == "customers.not.reused"
    # Somebody says that it is another one: the link is no more, and the new customer gets a party of its own.
    await pair.sync().asked("account", "right", number, Told(partner="", create=True, by="right"))
    await pair.quiet()
    assert pair.link(number).left_id != link.left_id
    assert (await pair.party(number, "name", "city")) == {"name": fresh["name"], "city": "Skagen"}
    crm = pair.connect()
    (old,) = await crm.fetch("party.party/organisation", [link.left_id], ["name", "city"])
    assert old.fields == {"name": before["name"], "city": "Odense"}


async def test_a_run_in_which_nothing_moved_costs_the_same_at_any_size(pair: Pair, proxy: Running) -> None:
    """One request of each side, and where both roles are asked for at once one more of e-conomic's: customers and contacts are two
    lists there."""
    clock = proxy.sandbox("tryton")
    for customers in (1, 40):
        for n in range(customers):
            number = pair.customer(f"Nordbyg {customers}-{n}", email=f"n{customers}-{n}@{pair.word}.example")
            pair.person(number, f"Ida {customers}-{n}")
        await pair.quiet()
        assert pair.link(number).state == "linked"
        clock.clock_offset += 400  # other tests may have written a mass to the same server
        await pair.changes()
        pair.clock.now += 400
        before = len(pair.store.operations)
        costs = []
        for poll in ("due", "turn", "turn", "all"):
            run = await pair.changes(poll)
            costs.append((pair.requests("left"), pair.requests("right"), run.requests))
        assert costs == [(1, 1, 2), (1, 1, 2), (1, 1, 2), (1, 2, 3)]
        assert len(pair.store.operations) == before


@pytest.mark.proves("CUST-12")
async def test_what_is_gone_is_pending_and_asked(pair: Pair) -> None:
    number = await kept(pair)
    person = pair.person(number, "Ida Holm")
    await pair.quiet()
    # A contact: e-conomic's own list of changes tells. A customer: only its webhook does.
    mine = pair.link(person, "contact").left_id
    pair.books.act("contact", number=person, delete=True)
    await pair.quiet()
    assert (pair.link(person, "contact").state, pair.questions()) == ("pending", {("deletion", "contact")})
    assert (await pair.party(person, "name", role="contact"))["name"].startswith("Ida Holm")
    other = pair.customer("Sydbyg", city="Aabenraa")
    await pair.quiet()
    pair.books.act("delete", number=other)
    pair.told("account", other, Told(event="deleted", by="right"))
    await pair.quiet()
    assert (pair.link(other).state, pair.link(other).pending) == ("pending", "right")
    assert pair.questions() == {("deletion", "contact"), ("deletion", "account")}
    assert (await pair.party(other, "city"))["city"] == "Aabenraa"
    assert pair.link(number).state == "linked"
    # Only a person's word deletes.
    await pair.sync().asked("contact", "left", mine, Told(deletion="delete", by="left"))
    crm = pair.connect()
    assert await crm.fetch("party.party/person", [mine], ["name"]) == []
    assert pair.questions() == {("deletion", "account")}


@pytest.mark.proves("CUST-14")
async def test_undo_of_a_run_brings_both_back_but_for_what_was_edited_since(pair: Pair) -> None:
    number = await kept(pair, telephoneAndFaxNumber="+4565111111", mobilePhone="+4520111111")
    pair.edit(number, zip="5200", address="Havnegade 1")
    await pair.change(number, phone="+4565222222", mobile="+4520222222")
    (run,) = await pair.quiet()
    assert _digits(pair.books.row(number)["phone"]) == "4565222222"
    # Since then: a street in Tryton, and a mobile number in e-conomic.
    await pair.change(number, street="Torvet 9")
    pair.edit(number, mobilePhone="+4520333333")
    undone = await pair.sync().undo({"of": run.id})
    assert undone.state == "done", undone.why
    party, row = await pair.party(number, "street", "postal_code"), pair.books.row(number)
    assert (_digits(row["phone"]), _digits(row["mobilePhone"])) == ("4565111111", "4520333333")
    assert (party["postal_code"], party["street"]) == ("5000", "Torvet 9")
    left = {(one.reason["code"], one.reason["params"]["field"]) for one in pair.store.reports[undone.id]}
    assert left == {("sync.undo_changed", "mobile"), ("sync.undo_changed", "street")}
    # It can be undone itself.
    again = await pair.sync().undo({"of": undone.id}, redo=True)
    assert again.state == "done", again.why
    assert _digits(pair.books.row(number)["phone"]) == "4565222222"
    assert (await pair.party(number, "postal_code"))["postal_code"] == "5200"


def _digits(text: Any) -> str:
    """A number in whatever form a system writes it: with the country's prefix, without blanks."""
    found = "".join(sign for sign in str(text) if sign.isdigit())
    return found if found.startswith("45") and len(found) == 10 else f"45{found}"


def _party(admin: Any, id: int) -> set[tuple[str, str]]:
    """What else a party holds: other addresses, other ways to reach it, its identifiers."""
    rows = admin.call(
        "model.party.party.read", [id], ["addresses", "contact_mechanisms", "identifiers", "lang", "active"]
    )
    (party,) = rows
    found: set[tuple[str, str]] = {("lang", str(party["lang"])), ("active", str(party["active"]))}
    for model, field, text in (
        ("party.address", "addresses", "city"),
        ("party.contact_mechanism", "contact_mechanisms", "value"),
        ("party.identifier", "identifiers", "code"),
    ):
        if field != "addresses":
            known = admin.call(f"model.{model}.read", list(party[field]), [text])
            found |= {(model, str(one[text])) for one in known}
        else:
            known = admin.call(f"model.{model}.read", list(party[field]), ["street", text])
            found |= {(model, f"{one['street']}, {one[text]}") for one in known if one[text] == "Kolding"}
    return found


async def test_an_opportunity_that_is_won_makes_its_customer_once(pair: Pair, tryton: TrytonServer) -> None:
    settings = FLOW.load({**FLOW.defaults(pair.targets["left"], pair.targets["right"]), "crm_new": "when_active"})
    won = next(one for one in FLOW.conditions(settings, pair.targets["left"]) if one.link == "account")
    pair.settings = settings.model_copy(update={"active": won})
    assert won.role == "deal"
    assert not FLOW.check(pair.settings, pair.targets).clashes
    await pair.quiet()  # whatever was won here before makes nobody active
    crm = pair.connect()
    (party,) = await crm.push(
        [PushOperation(f"{pair.word}-1", "create", ORGANISATION, {"name": f"Tagdækning {pair.word}"})]
    )
    assert isinstance(party, Written)
    values = {"organisation": Link(ORGANISATION, party.id), "owner": (await crm.users())[0].id, "stage": "opportunity"}
    keys = [f"{pair.word}-{number}" for number in (2, 3)]
    deals = await crm.push([PushOperation(key, "create", DEAL, {"name": "New roof", **values}) for key in keys])
    ids = [int(one.id) for one in deals if isinstance(one, Written)]
    await pair.quiet()
    assert ("account", "left", party.id) not in pair.store.by_id
    for id in ids:
        await asyncio.to_thread(tryton.admin().call, "model.sale.opportunity.convert", [id])
        await pair.quiet()
    link = pair.store.rows[pair.store.by_id["account", "left", party.id]]
    assert pair.books.row(link.right_id)["name"] == f"Tagdækning {pair.word}"
    made = [one for one in pair.store.operations.values() if one.verb == "create" and one.side == "right"]
    assert [(one.link, one.reason["params"].get("id")) for one in made] == [(link.key, str(ids[0]))]
