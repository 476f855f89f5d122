"""Reading e-conomic: changes without a gap whatever moves meanwhile, and look-ups in as few requests as it allows."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.connectors.economic import CONTACTS, CUSTOMERS, Books, keeping
from tieline.connectors.e_conomic import changes, finding
from tieline.core.errors import ConfigError
from tieline.sdk.contract import Page, Written


@pytest.fixture
async def books() -> AsyncIterator[Books]:
    async with keeping() as found:
        yield found


def ids_of(pages: list[Page]) -> list[str]:
    return [record.id for page in pages for record in page.records]


def deleted_of(pages: list[Page]) -> list[str]:
    return [id for page in pages for id in page.deleted]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of ten, at both ends."""
    monkeypatch.setattr("tieline.connectors.e_conomic.changes.PAGE", 10)
    monkeypatch.setattr("tieline.connectors.e_conomic.sandbox.services.CURSOR_PAGE", 10)


@pytest.mark.proves("CUST-8")
async def test_a_transfer_reads_a_thousand_at_a_time(books: Books) -> None:
    books.act("seed", customers=10_000)
    books.forget()
    pages = await books.pages(CUSTOMERS)
    assert len(ids_of(pages)) == len(set(ids_of(pages))) == 10_000
    assert books.subject.counted() <= 11
    books.forget()
    assert [page.records for page in await books.pages(CUSTOMERS, pages[-1].cursor)] == [[]]
    assert books.subject.counted() == 1


@pytest.mark.proves("CUST-8")
async def test_what_is_counted_is_what_a_pull_from_the_beginning_brings(books: Books) -> None:
    books.act("seed", customers=1200)
    one, two = [await books.made(f"Counted {n}") for n in range(2)]
    ann, *_ = await books.push(*(books.person(f"Ann {n}", one) for n in range(3)))
    await books.push(books.update(two, barred=True))  # nobody may be sold to, and yet a customer
    for object in (CUSTOMERS, CONTACTS):
        books.forget()
        counted = await books.connector.count(object)
        assert books.subject.counted() == 1
        assert counted == len(ids_of(await books.pages(object))) > 0
    before = await books.connector.count(CONTACTS)
    assert isinstance(ann, Written)
    books.act("contact", number=ann.id, delete=True)
    assert await books.connector.count(CONTACTS) == before - 1 == len(ids_of(await books.pages(CONTACTS)))
    with pytest.raises(ConfigError):
        await books.connector.count("invoices")


@pytest.mark.usefixtures("small_pages")
async def test_what_changes_while_all_are_read_comes_with_the_next_pull(books: Books) -> None:
    ids = [await books.made(f"Nordbyg {n}") for n in range(25)]
    seen: list[str] = []
    cursor: str | None = None
    async for page in books.connector.pull(CUSTOMERS, ["name"], None):
        if not seen:  # it was read, and is changed behind its reader's back
            await books.push(books.update(ids[0], city="Aarhus"))
        seen += [record.id for record in page.records]
        cursor = page.cursor
    assert sorted(seen) == sorted(ids)
    assert ids[0] in ids_of(await books.pages(CUSTOMERS, cursor))


async def test_reading_all_of_them_goes_on_behind_the_page_before(books: Books, small_pages: None) -> None:
    ids = [await books.made(f"Nordbyg {n}") for n in range(25)]
    pages = await books.pages(CUSTOMERS)
    assert [len(page.records) for page in pages] == [10, 10, 5]
    rest = await books.pages(CUSTOMERS, pages[0].cursor)
    assert sorted(ids_of(pages[:1]) + ids_of(rest)) == sorted(ids)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("per_second", [1, 3, 10, 35, 1000])
async def test_no_second_is_cut_in_two(books: Books, per_second: int) -> None:
    """However many changed in one second: each page's cursor leads to all of the rest, in order of change."""
    books.act("seed", customers=100, per_second=per_second)
    pages = await books.pages(CUSTOMERS, fields=("lastUpdated",))
    assert set(ids_of(pages)) == {str(number) for number in range(1, 101)}
    ends = [page.records[-1].fields["lastUpdated"] for page in pages if page.records]
    assert ends == sorted(ends)
    for at, page in enumerate(pages):
        rest = await books.pages(CUSTOMERS, page.cursor)
        assert set(ids_of(pages[: at + 1])) | set(ids_of(rest)) == {str(number) for number in range(1, 101)}


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("per_second", [2, 50])
async def test_what_moves_between_two_pages_pushes_nothing_out(books: Books, per_second: int) -> None:
    """A customer of the page that was just read is edited: by page numbers, another one would be skipped."""
    books.act("seed", customers=60, per_second=per_second)
    seen: set[str] = set()
    edits = 0
    async for page in books.connector.pull(CUSTOMERS, ["name"], None):
        seen |= {record.id for record in page.records}
        if edits < 5 and page.records:
            edits += 1
            books.act("edit", number=page.records[0].id, values={"city": f"Moved {edits}"})
    assert seen == {str(number) for number in range(1, 61)}


@pytest.mark.usefixtures("small_pages")
async def test_contacts_that_change_while_pages_are_read_come_with_the_next_pull(books: Books) -> None:
    books.act("seed", customers=1, first=1, contacts=45, start=books.sandbox.seconds() - 100_000)
    edited = False
    seen: set[str] = set()
    cursor = ""
    async for page in books.connector.pull(CONTACTS, ["phone"], None):
        seen |= {record.id for record in page.records}
        cursor = page.cursor
        if not edited:
            edited = True
            books.sandbox.clock_offset += 3600
            books.act("contact", number="3", values={"phone": "changed"})
            books.sandbox.clock_offset += 3600
            books.act("contact", number="40", values={"phone": "changed too"})
    assert len(seen) == 45
    assert "3" in ids_of(await books.pages(CONTACTS, cursor))


@pytest.mark.usefixtures("small_pages")
async def test_a_pull_of_contacts_resumes_after_any_page(books: Books) -> None:
    books.act("seed", customers=9, contacts=5)
    pages = await books.pages(CONTACTS)
    assert len(pages) == 5
    for at, page in enumerate(pages):
        rest = await books.pages(CONTACTS, page.cursor)
        assert set(ids_of(pages[: at + 1])) | set(ids_of(rest)) == {str(number) for number in range(1, 46)}


@pytest.mark.proves("CUST-1")
async def test_deleted_contacts_are_reported_and_deleted_customers_are_not(books: Books) -> None:
    account = await books.made("Nordbyg")
    outcomes = await books.push(books.person("Anne", account), books.person("Bo", account))
    contacts, customers = (await books.pages(CONTACTS))[-1].cursor, (await books.pages(CUSTOMERS))[-1].cursor
    books.sandbox.clock_offset += 600
    books.act("contact", number=outcomes[0].id, delete=True)  # type: ignore[union-attr]
    other = await books.made("Other")
    books.act("delete", number=other)
    pages = await books.pages(CONTACTS, contacts)
    assert (ids_of(pages)[0], deleted_of(pages)) == (outcomes[1].id, [outcomes[0].id]) or deleted_of(pages) == [
        outcomes[0].id
    ]  # type: ignore[union-attr]
    assert deleted_of(await books.pages(CUSTOMERS, customers)) == []
    assert not books.subject.manifest.reports_deletes("account")
    assert books.subject.manifest.reports_deletes("contact")
    assert deleted_of(await books.pages(CONTACTS)) == []  # whoever begins has nothing to forget
    assert await books.connector.fetch(CONTACTS, [outcomes[0].id], []) == []  # type: ignore[union-attr]


async def test_a_pull_looks_back_a_minute_and_then_no_more(books: Books) -> None:
    """What was being written when it ended has an older time; a pull without news does not wander, into the past or back."""
    id = await books.made("Nordbyg")
    first = (await books.pages(CUSTOMERS))[-1].cursor
    assert ids_of(await books.pages(CUSTOMERS, first)) == [id]
    late = await books.made("Late")
    books.sandbox.book.customers[int(late)].updated -= 30  # seen after others that are newer
    books.sandbox.book.by_time = sorted((one.updated, number) for number, one in books.sandbox.book.customers.items())
    assert late in ids_of(await books.pages(CUSTOMERS, first))
    books.sandbox.clock_offset += 200
    second = (await books.pages(CUSTOMERS, first))[-1].cursor
    assert ids_of(await books.pages(CUSTOMERS, second)) == []


@pytest.mark.usefixtures("small_pages")
async def test_what_was_seen_late_is_found_however_long_the_pages_took(books: Books) -> None:
    """It has the time of the first page, which was read before it could be seen; the last page is read long after that."""
    late = await books.made("Late")
    books.sandbox.clock_offset += 200
    cursor = (await books.pages(CUSTOMERS))[-1].cursor
    books.sandbox.clock_offset += 200
    others = books.sandbox.people.store({"customers": [{"name": f"Nordbyg {n}"} for n in range(25)]})["customers"]
    seen: set[str] = set()
    async for page in books.connector.pull(CUSTOMERS, ["name"], cursor):
        seen |= {record.id for record in page.records}
        cursor = page.cursor
        books.sandbox.clock_offset += 100
    assert seen == set(others)
    book = books.sandbox.book
    book.put(int(late), book.customers[int(late)].values, book.customers[int(others[0])].updated)
    pages = await books.pages(CUSTOMERS, cursor)
    assert late in ids_of(pages)
    books.sandbox.clock_offset += 100
    cursor = (await books.pages(CUSTOMERS, pages[-1].cursor))[-1].cursor
    assert ids_of(await books.pages(CUSTOMERS, cursor)) == []


async def test_a_strange_cursor_is_refused(books: Books) -> None:
    for cursor in ("x", "[]", '{"t": "then"}'):
        with pytest.raises(ConfigError):
            await books.pages(CUSTOMERS, cursor)
    with pytest.raises(ConfigError):
        await books.pages("suppliers")


# -- look-ups ---------------------------------------------------------------------------------------------------------


@pytest.mark.proves("CUST-9")
async def test_customers_are_found_by_what_people_know_of_them(books: Books) -> None:
    id = await books.made(
        "Jensen & Søn, A/S (Odense) [nord]",
        corporateIdentificationNumber="DK 10 15 08 17".replace(" ", ""),
        email="office@jensen.example Faktura@jensen.example",
        telephoneAndFaxNumber="tlf 66 12-34.56 / fax 66123457",
        mobilePhone="+45 2012 3456",
    )
    await books.made("Another", corporateIdentificationNumber="55828415", email="notfaktura@jensen.example")
    for by, value in (
        ("name", "JENSEN & søn, a/s (odense) [Nord]"),
        ("corporateIdentificationNumber", "10150817"),
        ("corporateIdentificationNumber", "DK10150817"),
        ("email", "faktura@JENSEN.example"),
        ("customerNumber", id),
        ("telephoneAndFaxNumber", "+4566123456"),
        ("telephoneAndFaxNumber", "+4566123457"),
        ("mobilePhone", "20123456"),
    ):
        found = await books.connector.find(CUSTOMERS, [by], ["nothing", value], ["name"])
        assert [record.id for record in found] == [id], (by, value)
        assert set(found[0].fields) == {"name", by}
    both = await books.connector.find(CUSTOMERS, ["telephoneAndFaxNumber", "mobilePhone"], ["+4520123456"], [])
    assert [record.id for record in both] == [id]


@pytest.mark.parametrize(
    "text",
    ["$", "a$b", "(", ")", "*", ",", "[", "]", "[]", "$and:", "a, b", "$null:", "é'\"&=+%", "x$eq:y)$or:(name$like:*"],
)
async def test_no_value_breaks_out_of_its_filter(books: Books, text: str) -> None:
    await books.made("Somebody else", email="s@n.example")
    id = await books.made(text)
    found = await books.connector.find(CUSTOMERS, ["name"], [text, "Nobody"], [])
    assert [record.id for record in found] == [id]
    assert await books.connector.find(CUSTOMERS, ["email", "mobilePhone"], [text], []) == []


async def test_look_ups_are_cut_into_as_few_requests_as_may_be(books: Books) -> None:
    books.act("seed", customers=3000)
    books.forget()
    cvrs = [f"{10_000_000 + number:08}" for number in range(1, 501)]
    found = await books.connector.find(CUSTOMERS, ["corporateIdentificationNumber"], cvrs, [])
    assert len(found) == 500
    side: Any = books.subject.side
    filters = [request.query_string for _, request, _ in side.log]
    assert len(filters) <= 5
    assert max(map(len, filters)) < finding.LONGEST_FILTER + 200
    books.forget()
    assert len(await books.connector.fetch(CUSTOMERS, [str(number) for number in range(2501, 3001)], [])) == 500
    assert books.subject.counted() == 3
    books.forget()
    mails = [row["email"].split()[-1] for row in books.sandbox.stored(CUSTOMERS)[:200]]
    assert len(await books.connector.find(CUSTOMERS, ["email"], mails, [])) == 200
    assert books.subject.counted() <= 6


async def test_more_than_a_page_is_found(books: Books) -> None:
    books.act("seed", customers=2300)
    found = await books.connector.find(CUSTOMERS, ["country"], ["DANMARK"], [])
    assert len(found) == 2300


async def test_contacts_are_found_by_their_customer_and_by_telephone(books: Books) -> None:
    books.act("seed", customers=600, contacts=2)
    books.forget()
    of = await books.connector.find(CONTACTS, ["customerNumber"], ["5", "6"], ["name", "customerNumber"])
    assert sorted(record.fields["customerNumber"] for record in of) == ["5", "5", "6", "6"]
    by_mail = await books.connector.find(CONTACTS, ["email"], ["PERSON1.7@sandbox.example"], ["name"])
    assert len(by_mail) == 1
    assert books.subject.counted() == 2
    by_phone = await books.connector.find(CONTACTS, ["phone"], ["+4530000009"], ["customerNumber"])
    assert {record.fields["customerNumber"] for record in by_phone} == {"9"}
    assert books.subject.counted() == 4  # the whole list, a thousand at a time
    with pytest.raises(ConfigError) as refused:
        await books.connector.find(CONTACTS, ["fax"], ["1"], [])
    assert refused.value.params["setting"] == "fax"


async def test_lists_come_with_the_default_first(books: Books) -> None:
    books.sandbox.agreement["settings"] = {"baseCurrency": "EUR"}
    customers, contacts = await books.connector.describe([])
    fields = {field.name: field for field in customers.fields}
    assert fields["currency"].choices[0] == ("EUR", "Euro")
    assert fields["customerGroup"].choices[0] == ("1", "Domestic")
    assert "4" not in dict(fields["vatZone"].choices)  # not for customers
    assert "22" not in dict(fields["layout"].choices)  # deleted
    assert fields["customerNumber"].read_only
    assert {field.name for field in contacts.fields if field.required} == {"name", "customerNumber"}
    assert [(user.id, user.active) for user in await books.connector.users()] == [
        ("1", True),
        ("2", True),
        ("3", False),
    ]


def test_times() -> None:
    assert changes.seconds("1970-01-01T00:01:00Z") == changes.seconds("1970-01-01T00:01:00.70") == 60
    assert changes.seconds(None) is None
