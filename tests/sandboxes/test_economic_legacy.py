"""e-conomic's legacy surface as its sandbox plays it: whole replacement, no nulls, numbers that are used again, three shapes of errors."""

from collections.abc import AsyncIterator

import pytest

from tests.sandboxes.economic import BOOK, CUSTOMERSAPI, Economic, calling


@pytest.fixture
async def economic() -> AsyncIterator[Economic]:
    async with calling() as caller:
        yield caller


async def test_a_put_clears_what_it_leaves_out_but_not_what_it_does_not_know(economic: Economic) -> None:
    number = await economic.add(city="Odense", email="a@b.example")
    await economic.control("POST", "edit", {"number": number, "values": {"iban": "DK50"}})
    status, body = await economic("PUT", f"/customers/{number}", {**BOOK, "name": "Other"})
    assert (status, body["name"], body.get("city"), body.get("email")) == (200, "Other", None, None)
    assert (await economic("GET", f"{CUSTOMERSAPI}/Customers/{number}"))[1]["iban"] == "DK50"


async def test_a_put_to_a_number_that_is_free_makes_a_customer(economic: Economic) -> None:
    assert (await economic("PUT", "/customers/77", BOOK))[0] == 201
    assert (await economic("PUT", "/customers/77", {**BOOK, "customerNumber": 78}))[0] == 400


async def test_what_is_deleted_is_gone_and_its_number_is_used_again(economic: Economic) -> None:
    number = await economic.add(name="First")
    assert (await economic("DELETE", f"/customers/{number}"))[0] == 204
    status, body = await economic("DELETE", f"/customers/{number}")
    assert (status, body["errorCode"]) == (404, "E06000")
    assert await economic.add(name="Second") == number


async def test_a_customer_on_an_invoice_stays(economic: Economic) -> None:
    number = await economic.add()
    await economic.control("POST", "invoice", {"number": number})
    assert (await economic("DELETE", f"/customers/{number}"))[0] == 400


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"address": None}, "address"),
        ({"customerNumber": 0}, "customerNumber"),
        ({"ean": "1" * 14}, "ean"),
        ({"currency": "KRONER"}, "currency"),
        ({"customerGroup": {"customerGroupNumber": 99}}, "customerGroup"),
        ({"salesPerson": {"employeeNumber": 0}}, "salesPerson"),
        ({"name": ""}, "name"),
        ({"creditLimit": "much"}, "creditLimit"),
    ],
)
async def test_a_refused_customer_names_the_property(economic: Economic, changed: dict, wrong: str) -> None:
    status, body = await economic("POST", "/customers", {**BOOK, **changed})
    assert (status, body["errorCode"], body["httpStatusCode"]) == (400, "E04300", 400)
    assert list(body["errors"]) == [wrong]
    assert body["errors"][wrong]["errors"][0]["propertyName"] == wrong


async def test_required_properties_and_unknown_ones(economic: Economic) -> None:
    status, body = await economic("POST", "/customers", {"name": "x", "strange": 1, "balance": 99})
    assert status == 400
    assert set(body["errors"]) == {"currency", "customerGroup", "paymentTerms", "vatZone"}
    status, body = await economic(
        "POST", "/customers", {**BOOK, "strange": 1, "balance": 99, "attention": {"customerContactNumber": 5}}
    )
    assert (status, body["balance"], "strange" in body, "attention" in body) == (201, 0.0, False, False)


async def test_self_stands_in_for_a_number_and_false_is_left_out(economic: Economic) -> None:
    group = (await economic("GET", "/customer-groups"))[1]["collection"][1]["self"]
    status, body = await economic("POST", "/customers", {**BOOK, "customerGroup": {"self": group}, "barred": False})
    assert (status, body["customerGroup"]["customerGroupNumber"], "barred" in body) == (201, 2, False)
    assert economic.last["Location"] == body["self"]


async def test_pages(economic: Economic) -> None:
    await economic.control("POST", "seed", {"customers": 45})
    _, first = await economic("GET", "/customers")
    assert (len(first["collection"]), first["pagination"]["results"], "previousPage" in first["pagination"]) == (
        20,
        45,
        False,
    )
    _, last = await economic("GET", "/customers?skippages=2")
    assert (len(last["collection"]), "nextPage" in last["pagination"]) == (5, False)
    status, past = await economic("GET", "/customers?skippages=9&pagesize=1000")
    assert (status, past["collection"]) == (200, [])
    status, body = await economic("GET", "/customers?pagesize=1001")
    assert (status, body["errorCode"]) == (400, "E04810")


async def test_filters(economic: Economic) -> None:
    for name, more in {
        "A (b) [c]": {"city": "Oslo"}, "Pris $5, *": {"city": "Odense"}, "Søren": {"email": "x@y.example z@y.example"}, "Plain": {},
    }.items():  # fmt: skip
        await economic.add(name=name, **more)
    assert await economic.find("name$eq:SØREN") == ["Søren"]
    assert await economic.find("name$eq:A $(b$) [c]") == ["A (b) [c]"]
    assert await economic.find("name$eq:A $(b$) $[c$]") == []  # the published escape of brackets matches nothing
    assert await economic.find("name$eq:Pris $$5$, $*") == ["Pris $5, *"]
    assert await economic.find("name$like:la") == ["Plain"]
    assert await economic.find("name$like:*in") == ["Plain"]
    assert await economic.find("name$like:in") == ["Plain"]
    assert await economic.find("email$like:*z@y*") == ["Søren"]
    assert await economic.find("city$in:[oslo,odense]") == ["A (b) [c]", "Pris $5, *"]
    assert await economic.find("city$nin:[oslo,odense]") == ["Søren", "Plain"]
    assert await economic.find("city$eq:$null:") == ["Søren", "Plain"]
    assert await economic.find("city$eq:Oslo$or:name$eq:Plain$and:city$eq:$null:") == ["A (b) [c]", "Plain"]
    assert await economic.find("(city$eq:Oslo$or:name$eq:Plain)$and:name$like:p") == ["Plain"]
    assert await economic.find("customerGroup.customerGroupNumber$eq:1$and:customerNumber$gt:3") == ["Plain"]
    assert await economic.find("barred$eq:false", sort="-name") == ["Søren", "Pris $5, *", "Plain", "A (b) [c]"]


async def test_filters_that_are_refused(economic: Economic) -> None:
    body = await economic.refusal("bogus$eq:1")
    assert body["errors"] == ["Filtering is not allowed on property 'bogus'."]
    assert "corporateIdentificationNumber" in body["allowedFilteringFields"]
    for wanted in (
        "name",
        "name$eq:a$b",
        "name$eq:a)",
        "name$in:a",
        f"customerNumber$in:[{','.join(['1'] * 201)}]",
        "customerNumber$eq:x",
        "(name$eq:a",
    ):
        await economic.refusal(wanted)
    assert (await economic("GET", "/customers?sort=barred"))[0] == 400


async def test_changes_are_found_by_their_second(economic: Economic) -> None:
    await economic.control("POST", "seed", {"customers": 30, "start": 1_000_000, "per_second": 10})
    edited = await economic.add(name="New")
    assert len(await economic.find("lastUpdated$gte:1970-01-12T13:46:41Z", pagesize="100")) == 21
    assert len(await economic.find("lastUpdated$gt:1970-01-12T13:46:41Z", pagesize="100")) == 11
    assert (
        len(await economic.find("lastUpdated$gte:1970-01-12T13:46:41Z$and:lastUpdated$lt:1970-01-12T13:46:42Z")) == 10
    )
    order = (await economic("GET", "/customers?sort=lastUpdated&pagesize=1000"))[1]["collection"]
    assert [row["customerNumber"] for row in order] == [*range(1, 31), edited]
    await economic("DELETE", "/customers/1")
    assert len(await economic.find("lastUpdated$gte:1970-01-01T00:00:00Z", pagesize="100")) == 30


async def test_bookings_do_not_change_a_customer(economic: Economic) -> None:
    number = await economic.add()
    await economic.control("POST", "clock", {"advance": 60})
    before = (await economic("GET", f"/customers/{number}"))[1]
    await economic.control("POST", "balance", {"number": number, "balance": -12.5})
    after = (await economic("GET", f"/customers/{number}"))[1]
    assert after == {**before, "balance": -12.5}


async def test_contacts_hang_on_their_customer(economic: Economic) -> None:
    number = await economic.add()
    path = f"/customers/{number}/contacts"
    made = (await economic("POST", path, {"name": "Anne", "email": "a@b.example", "emailNotifications": ["invoices"]}))[
        1
    ]
    there = f"{path}/{made['customerContactNumber']}"
    assert (await economic("PUT", there, {"name": "Anne B"}))[1].get("email") is None
    status, body = await economic("PUT", there, {"email": "x"})
    assert (status, list(body["errors"])) == (400, ["name"])
    assert (await economic("DELETE", there))[0] == 204
    assert (await economic("GET", path))[1]["collection"] == []
    assert (await economic("GET", there))[0] == 404
