"""Writing to e-conomic: nothing that is not mapped is lost, nobody's change is overwritten, and a create within the hour is one customer."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.connectors.economic import CONTACTS, CUSTOMERS, Books, keeping
from tests.sandboxes.economic import published
from tieline.connectors.e_conomic.sandbox.seeding import customer
from tieline.connectors.e_conomic.tests import NEEDED
from tieline.core.errors import AuthError, ProtocolError, RateLimitedError, ScopeError
from tieline.sdk.contract import Gone, Link, NotSent, PushOperation, Rejected, Stale, Unknown, Written


@pytest.fixture
async def books() -> AsyncIterator[Books]:
    async with keeping() as found:
        yield found


WHOLE: dict[str, Any] = {
    "county": "Fyn", "iban": "DK5000400440116243", "bankAccount": "1234", "defaultDiscountPct": 5.5, "language": 2, "paymentDays": 8,
    "defaultInvoiceRecipient": "pay@n.example", "recipientPeppol": "0088:1", "defaultDisableEInvoicing": True, "address2": "2. sal",
    "directDebitMandateDate": "2020-01-02T00:00:00",
}  # fmt: skip
"""What Tieline knows nothing of."""


@pytest.mark.proves("CUST-11")
async def test_a_write_leaves_everything_that_is_not_mapped(books: Books) -> None:
    id = await books.made("Nordbyg", city="Odense", ean="5790000000000", address="Havnegade 1")
    books.act("edit", number=id, values=WHOLE)
    before = dict(books.row(id))
    assert [type(one) for one in await books.push(books.update(id, name="Nordbyg A/S", city=None))] == [Written]
    after = dict(books.row(id))
    assert after == {**{name: value for name, value in before.items() if name != "city"}, "name": "Nordbyg A/S"}
    assert WHOLE.items() <= after.items()


@pytest.mark.proves("CUST-6")
async def test_a_change_in_between_is_stale_and_one_of_what_we_do_not_map_is_not(books: Books) -> None:
    """Somebody saves the customer between our read and our write: the write is refused, and what is there is read again."""
    id = await books.made("Nordbyg", city="Odense")
    answer = books.sandbox.services.answer
    meanwhile: dict[str, Any] = {}

    def interrupted(request: Any) -> Any:
        if request.method == "PUT" and meanwhile:
            books.act("edit", number=id, values=dict(meanwhile))
            meanwhile.clear()
        return answer(request)

    books.sandbox.services.answer = interrupted  # type: ignore[method-assign]
    meanwhile["iban"] = "DK50"
    assert isinstance((await books.push(books.update(id, city="Vejle")))[0], Written)
    assert (books.row(id)["city"], books.row(id)["iban"]) == ("Vejle", "DK50")
    meanwhile["name"] = "Nordbyg A/S"
    assert (await books.push(books.update(id, city="Kolding"))) == [Stale()]
    assert (books.row(id)["city"], books.row(id)["name"]) == ("Vejle", "Nordbyg A/S")


@pytest.mark.proves("CUST-6")
async def test_a_version_is_of_what_was_read_whichever_surface_told_it(books: Books) -> None:
    id = await books.made(
        "Nordbyg", address="Havnegade 1\n2. sal", email="a@n.example b@n.example", barred=True, creditLimit=5
    )
    (read,) = await books.connector.fetch(CUSTOMERS, [id], ["name", "barred", "address"])
    assert read.fields == {"name": "Nordbyg", "barred": True, "address": "Havnegade 1\n2. sal"}
    books.act("balance", number=id, balance=-100)
    books.forget()
    (written,) = await books.push(books.update(id, version=read.version, city="Vejle"))
    assert isinstance(written, Written)
    assert books.asked() == ["GET /customersapi/v3.1.0/Customers", f"PUT /customersapi/v3.1.0/Customers/{id}"]
    (pulled,) = (await books.pages(CUSTOMERS))[0].records
    assert pulled.version == written.version != read.version
    assert await books.push(books.update(id, version=read.version, city="Kolding")) == [Stale()]
    books.act("edit", number=id, values={"zip": "7100"})
    assert await books.push(books.delete(id, version=written.version)) == [Stale()]


async def test_surfaces_that_write_a_value_differently_are_no_change(books: Books) -> None:
    """Where the two disagree on how a value is written, the legacy surface is asked whether anything changed at all."""
    id = await books.made("Nordbyg", city="Odense")
    (read,) = await books.connector.fetch(CUSTOMERS, [id], [])
    books.row(id)["city"] = "Odense "  # as customersapi alone would tell it
    legacy = books.sandbox.book.customers[int(id)].json
    assert legacy is not None
    assert b'"Odense"' in legacy
    books.row(id)["phone"] = "+45 12"  # and one that the legacy list would tell otherwise
    books.forget()
    (written,) = await books.push(books.update(id, version=read.version, zip="5000"))
    assert isinstance(written, Written)
    assert books.asked()[:2] == ["GET /customersapi/v3.1.0/Customers", "GET /customers"]


@pytest.mark.proves("CUST-8", "HUB-5")
async def test_a_create_within_the_hour_is_one_customer(books: Books) -> None:
    operation = books.create("Nordbyg", key="origin-1")
    (first,) = await books.push(operation)
    (again,) = await books.push(operation)
    assert isinstance(first, Written)
    assert again == Written(first.id, first.version, existed=True)
    books.subject.fault(kind="drop", path="^/customers$", when="after")
    lost = books.create("Vesttryk", key="origin-2")
    assert isinstance((await books.push(lost))[0], Unknown)
    books.subject.calm()
    (found,) = await books.push(lost)
    assert isinstance(found, Written)
    assert found.existed
    assert [one["name"] for one in books.sandbox.stored(CUSTOMERS)] == ["Nordbyg", "Vesttryk"]
    person = books.person("Anne", first.id, key="origin-3")
    (made,) = await books.push(person)
    assert isinstance(made, Written)
    assert await books.push(person) == [Written(made.id, made.version, existed=True)]


async def test_a_refusal_that_is_remembered_does_not_stick(books: Books) -> None:
    """Put right, the same create is asked again under a key that knows what it says; and that one is remembered too."""
    bad = books.create("Nordbyg", key="origin-4", customerGroup="99")
    (refused,) = await books.push(bad)
    assert refused == Rejected("E07140", "customerGroup", "")
    right = books.create("Nordbyg", key="origin-4")
    (made,) = await books.push(right)
    assert isinstance(made, Written)
    assert not made.existed
    (again,) = await books.push(right)
    assert again == Written(made.id, made.version, existed=True)
    assert len(books.sandbox.stored(CUSTOMERS)) == 1


async def test_no_key_tells_what_was_typed(books: Books) -> None:
    await books.push(books.create("Nordbyg", key="customer of lars@n.example"))
    side: Any = books.subject.side
    (key,) = [request.headers["idempotency-key"] for _, request, _ in side.log if "idempotency-key" in request.headers]
    assert len(key) == 32
    assert "lars" not in key


@pytest.mark.proves("CUST-1")
async def test_a_customer_its_contact_and_its_attention_in_one_push(books: Books) -> None:
    parent, contact = books.create("Nordbyg", key="c"), books.person("Anne", Link(CUSTOMERS, key="c"), key="p")
    attention = PushOperation(
        "a", "update", CUSTOMERS, {"attention": Link(CONTACTS, key="p")}, Link(CUSTOMERS, key="c")
    )
    outcomes = await books.push(attention, contact, parent)
    assert [type(one) for one in outcomes] == [Written] * 3
    assert isinstance(outcomes[1], Written)
    assert isinstance(outcomes[2], Written)
    assert books.row(outcomes[2].id)["defaultAttention"] == int(outcomes[1].id)
    early = books.create("Early", attention=outcomes[1].id)
    assert await books.push(early) == [
        Rejected("ContactBeforeCustomer", "attention", "a contact can be named once the customer is made")
    ]
    other = await books.made("Other")
    (refused,) = await books.push(books.update(other, attention=outcomes[1].id))
    assert refused == Rejected("CustomerInvalidDefaultAttention", "attention", "")


async def test_two_writes_to_one_customer_follow_each_other(books: Books) -> None:
    id = await books.made("Nordbyg")
    outcomes = await books.push(
        books.update(id, city="Vejle"), books.update(id, zip="7100"), books.update(id, city="Vejle Ø")
    )
    assert [type(one) for one in outcomes] == [Written] * 3
    assert (books.row(id)["city"], books.row(id)["postCode"]) == ("Vejle Ø", "7100")


async def test_a_write_that_changes_nothing_is_not_made(books: Books) -> None:
    id = await books.made("Nordbyg", city="Odense", address="Havnegade 1\n2. sal")
    books.forget()
    (written,) = await books.push(
        books.update(id, city="Odense", address="Havnegade 1\n2. sal", barred=False, ean=None)
    )
    assert isinstance(written, Written)
    assert books.asked() == ["GET /customersapi/v3.1.0/Customers"]


async def test_many_writes_read_two_hundred_at_a_time(books: Books) -> None:
    books.act("seed", customers=450)
    books.forget()
    outcomes = await books.push(*(books.update(str(number), country="Denmark") for number in range(1, 451)))
    assert all(isinstance(one, Written) for one in outcomes)
    asked = books.asked()
    assert (asked.count("GET /customersapi/v3.1.0/Customers"), len(asked)) == (3, 453)
    expected = {number: customer(number, _NoChance()) | {"country": "Denmark"} for number in (17, 91)}
    for number, row in expected.items():
        kept = {name: value for name, value in row.items() if value is not False and name not in _CHANCED}
        assert kept.items() <= books.row(str(number)).items()


_CHANCED = ("address1", "postCode", "city")


class _NoChance:
    def choice(self, options: Any) -> Any:
        return options[0]


@pytest.mark.parametrize(
    ("values", "row"),
    [
        ({"barred": True}, {"access": None}),
        ({"barred": None}, {"access": True}),
        ({"address": "A 1\nB 2\nC 3"}, {"address1": "A 1", "address2": "B 2\nC 3"}),
        ({"address": "A 1"}, {"address1": "A 1", "address2": None}),
        ({"address": None}, {"address1": None, "address2": None}),
        (
            {"customerGroup": "2", "vatZone": "3", "paymentTerms": "4"},
            {"customerGroupNumber": 2, "zone": 3, "paymentTermId": 4},
        ),
        (
            {"corporateIdentificationNumber": "10150817", "telephoneAndFaxNumber": "1"},
            {"cvrNo": "10150817", "phone": "1"},
        ),
        ({"salesPerson": "2", "layout": None}, {"ourRef": 2, "layoutGroup": None}),
        (
            {"website": "w", "zip": "1", "publicEntryNumber": "2"},
            {"homepage": "w", "postCode": "1", "voucherNumber": "2"},
        ),
        (
            {"creditLimit": "12.5", "eInvoicingDisabledByDefault": True},
            {"creditMaximum": 12.5, "defaultDisableEInvoicing": True},
        ),
        ({"email": "a@b.example c@d.example"}, {"email": "a@b.example c@d.example"}),
    ],
)
async def test_every_field_lands_where_the_other_surface_has_it(books: Books, values: dict, row: dict) -> None:
    id = await books.made("Nordbyg", address="X 1\nY 2", layout="19")
    assert [type(one) for one in await books.push(books.update(id, **values))] == [Written]
    assert {name: books.row(id).get(name) for name in row} == row
    (read,) = await books.connector.fetch(CUSTOMERS, [id], list(values))
    wanted = {name: value if name != "creditLimit" else 12.5 for name, value in values.items()}
    assert read.fields == {**wanted, **({"barred": bool(values["barred"])} if "barred" in values else {})}


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"name": None}, Rejected("CustomerMissingName", "name", "")),
        ({"email": "nobody"}, Rejected("CustomerInvalidEmail", "email", "")),
        ({"ean": "12"}, Rejected("CustomerInvalidEANThirteenDigits", "ean", "")),
        (
            {"vatZone": "99", "customerGroup": "98"},
            Rejected("CustomerInvalidGroupId", "customerGroup", "vatZone: CustomerInvalidVatZone"),
        ),
        ({"customerNumber": "77"}, Rejected("CustomerannotChangeNumber", "customerNumber")),
        ({"balance": 5}, Rejected("ReadOnly", "balance")),
        ({"paymentTerms": "0"}, Rejected("InvalidValue", "paymentTerms")),
        ({"barred": "yes"}, Rejected("InvalidValue", "barred")),
        ({"strange": "x"}, Rejected("UnknownField", "strange")),
    ],
)
async def test_a_refused_change_names_our_field(books: Books, values: dict, refused: Rejected) -> None:
    id = await books.made("Nordbyg", email="a@b.example")
    assert await books.push(books.update(id, **values)) == [refused]


async def test_a_refused_create_names_our_field_and_no_value(books: Books) -> None:
    lacking = PushOperation("k", "create", CUSTOMERS, {"name": "x", "currency": "DKK", "customerNumber": None})
    (refused,) = await books.push(lacking)
    assert refused == Rejected("E04300", "customerGroup", "paymentTerms: E04300; vatZone: E04300")
    (refused,) = await books.push(books.create("Nordbyg", ean="12345678901234567"))
    assert isinstance(refused, Rejected)
    assert "1234567890" not in repr(refused)
    assert (await books.push(books.create("By number", customerNumber="500")))[0].id == "500"  # type: ignore[union-attr]


async def test_contacts_are_written_whole(books: Books) -> None:
    account = await books.made("Nordbyg")
    (made,) = await books.push(books.person("Anne", account, email="a@n.example", notes="x", receiveInvoices=True))
    assert isinstance(made, Written)
    (changed,) = await books.push(
        books.update(made.id, object=CONTACTS, phone="12345678", notes=None, version=made.version)
    )
    assert isinstance(changed, Written)
    (read,) = await books.connector.fetch(
        CONTACTS, [made.id], ["name", "email", "phone", "notes", "receiveInvoices", "customerNumber"]
    )
    assert read.fields == {
        "name": "Anne", "email": "a@n.example", "phone": "12345678", "notes": None, "receiveInvoices": True, "customerNumber": account,
    }  # fmt: skip
    assert read.version == changed.version
    assert await books.push(books.update(made.id, object=CONTACTS, phone="1", version=made.version)) == [Stale()]
    assert await books.push(books.person("anne", account)) == [Rejected("CustomerContactNameAlreadyExists", "name", "")]
    assert await books.push(books.person("Bo", "9999")) == [Rejected("CustomerDoesNotExist", "customerNumber", "")]
    other = await books.made("Other")
    assert await books.push(books.update(made.id, object=CONTACTS, customerNumber=other)) == [
        Rejected("CustomerNumberMismatch", "customerNumber", "")
    ]
    assert isinstance((await books.push(books.delete(made.id, object=CONTACTS)))[0], Written)
    assert await books.push(books.update(made.id, object=CONTACTS, phone="2")) == [Gone()]


async def test_a_customer_on_an_invoice_is_not_deleted(books: Books) -> None:
    id = await books.made("Nordbyg")
    books.act("invoice", number=id)
    (refused,) = await books.push(books.delete(id))
    assert refused == Rejected("CustomerIsInUse", "customerNumber", "")


@pytest.mark.proves("CUST-12")
async def test_a_delete_that_is_sent_twice_spares_whoever_has_the_number_now(books: Books) -> None:
    """Its answer is lost; the number goes to somebody else; asked again, e-conomic remembers that it was done."""
    id = await books.made("First")
    operation = books.delete(id)
    books.subject.fault(kind="drop", method="DELETE", when="after")
    assert isinstance((await books.push(operation))[0], Unknown)
    books.subject.calm()
    assert await books.made("Second") == id
    await books.push(operation)
    assert books.row(id)["name"] == "Second"


@pytest.mark.proves("CUST-9")
async def test_a_number_that_is_used_again_has_another_version(books: Books) -> None:
    id = await books.made("First", corporateIdentificationNumber="10150817")
    (first,) = await books.connector.fetch(CUSTOMERS, [id], [])
    books.act("reuse", number=id, values={"name": "Second", "corporateIdentificationNumber": "55828415"})
    assert await books.push(books.update(id, version=first.version, city="Vejle")) == [Stale()]
    assert "city" not in books.row(id)


async def test_trouble_with_the_connection_ends_a_push(books: Books) -> None:
    """What was written is told; what was not sent is said so; nothing at all written raises."""
    ids = [await books.made(f"N {number}") for number in range(20)]
    books.subject.fault(kind="status", status=429, retry_after="7", method="PUT", skip=10, times=None)
    outcomes = await books.push(*(books.update(id, city="Vejle") for id in ids))
    books.subject.calm()
    assert outcomes.count(NotSent("error.rate_limited")) == 10
    assert sum(isinstance(one, Written) for one in outcomes) == 10
    side: Any = books.subject.side
    assert side.statuses[429] <= books.subject.manifest.capabilities.concurrency
    books.sandbox.roles = []
    with pytest.raises(ScopeError) as scope:
        await books.push(books.update(ids[0], city="x"))
    assert scope.value.params["scope"] == "Sales"
    books.sandbox.revoked = True
    with pytest.raises(AuthError):
        await books.push(books.create("x"))
    books.sandbox.revoked, books.sandbox.roles = False, ["Sales"]
    books.sandbox.limit = 1
    with pytest.raises(RateLimitedError):
        await books.push(books.update(ids[0], city="x"))
    books.sandbox.limit = 10_000
    books.subject.fault(kind="status", status=415, method="POST")
    with pytest.raises(ProtocolError):
        await books.push(books.create("x"))


async def test_what_cannot_be_done_is_said(books: Books) -> None:
    id = await books.made("Nordbyg")
    attach = PushOperation("k", "attach", CUSTOMERS, {"name": "f", "content": b"x"}, Link(CUSTOMERS, id))
    strange = PushOperation("k2", "create", "suppliers", {"name": "x"})
    child = books.person("Anne", Link(CUSTOMERS, key="k2"))
    outcomes = await books.push(attach, strange, child)
    assert [type(one) for one in outcomes] == [Rejected, Rejected, NotSent]


async def test_bodies_are_as_published(books: Books) -> None:
    """Every body of a PUT or POST that the connector sends fits what e-conomic published."""
    description = published()
    account = await books.made(
        "Nordbyg", email="a@b.example", barred=True, creditLimit=5.5, salesPerson="1", ean="5790000000000"
    )
    books.act("edit", number=account, values=WHOLE)
    (person,) = await books.push(books.person("Anne", account, notes="n", receiveInvoices=False))
    assert isinstance(person, Written)
    await books.push(books.update(account, city="Vejle", barred=False, address="A\nB", attention=person.id))
    await books.push(books.update(person.id, object=CONTACTS, phone="12"))
    await books.connector.subscribe("https://hub.example/in/1", "word")
    await books.connector.subscribe("https://hub.example/in/2", "word")
    problems: list[str] = []
    seen: set[str] = set()
    side: Any = books.subject.side
    for _, request, _ in side.log:
        if request.method not in ("POST", "PUT"):
            continue
        seen.add(f"{request.method} {request.path.rpartition('/')[2]}")
        if request.path == "/customers":
            problems += description.legacy("customers.post", request.json())
        else:
            problems += description.request(request.method, request.path, request.json())
    assert problems == []
    assert seen == {
        "POST customers",
        "POST Contacts",
        f"PUT {account}",
        "PUT Contacts",
        "POST webhooks",
        "PUT webhooks",
    }


def test_what_a_customer_needs_is_what_the_schema_requires() -> None:
    from tieline.connectors.e_conomic.shapes import FIELDS

    assert {field.name for field in FIELDS if field.required} == {"name", *NEEDED}
