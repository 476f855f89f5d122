"""CardDAV on its sandbox, with every manner of servers that are met."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tieline.connectors.carddav import dav, index, wire
from tieline.connectors.carddav.connector import Connector
from tieline.connectors.carddav.fields import CONTACTS
from tieline.connectors.carddav.sandbox import HOME, PASSWORD, USER, CardDavSandbox
from tieline.connectors.carddav.tests import card_of
from tieline.core.errors import AuthError, ConfigError, ProtocolError, ScopeError, TransientError
from tieline.sdk.connect import open_client
from tieline.sdk.contract import Gone, Link, NotSent, Page, PushOperation, Rejected, Stale, Unknown, Written
from tieline.sdk.http import open_session
from tieline.sdk.manifest import connector as manifest_of
from tieline.sdk.sandbox import Fault, Running, serve
from tieline.sdk.sandbox.http import Connection, Reply, Request
from tieline.sdk.sandbox.stage import Side

Connect = Callable[..., Connector]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = await serve(0, ["carddav"])
    yield running
    await running.close()


@pytest.fixture
def sandbox(running: Running) -> CardDavSandbox:
    found = running.sandbox("carddav")
    assert isinstance(found, CardDavSandbox)
    return found


@pytest.fixture
def side(running: Running) -> Side:
    return running.side("carddav")


@pytest.fixture
async def connect(running: Running) -> AsyncIterator[Connect]:
    """Makes connectors: `connect("/path", password=…, book=…)`, each as a process of its own would."""
    async with open_session() as session:

        def make(path: str = "", base: str = "", **typed: str) -> Connector:
            fields = {"url": "http://carddav.invalid", "user": USER, "password": PASSWORD, **typed}
            base = base or f"{running.url}/carddav{path}"
            return Connector(open_client(manifest_of("carddav"), session, fields, base_url=base))

        yield make


@pytest.fixture
def crm(connect: Connect) -> Connector:
    return connect()


def fill(sandbox: CardDavSandbox, count: int, start: int = 0, **more: str) -> list[str]:
    cards = {
        f"c{n}.vcf": card_of({"name": f"Person {n}", "email": f"n{n}@example.com", "city": "Lyon", **more}, f"c{n}")
        for n in range(start, start + count)
    }
    return list(sandbox.store({"cards": cards}))


def edit(sandbox: CardDavSandbox, id: str, **values: str) -> None:
    sandbox.store({"cards": {id: card_of({"name": "Edited", "city": "Lyon", **values}, id.removesuffix(".vcf"))}})


async def pages_of(crm: Connector, cursor: str | None, *fields: str) -> list[Page]:
    return [page async for page in crm.pull(CONTACTS, fields or ("name",), cursor)]


def update(id: str, version: str | None = None, **values: Any) -> PushOperation:
    return PushOperation(f"u-{id}", "update", CONTACTS, values, Link(CONTACTS, id), version)


def create(key: str, **values: Any) -> PushOperation:
    return PushOperation(key, "create", CONTACTS, values)


# -- where the address book is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/", "/dav", "/dav/principals/hub/", HOME, f"{HOME}contacts", f"{HOME}contacts/"])
@pytest.mark.parametrize("hrefs", ["paths", "absolute", "escaped"])
async def test_whatever_is_typed_the_book_is_found(
    connect: Connect, sandbox: CardDavSandbox, running: Running, path: str, hrefs: str
) -> None:
    sandbox.manners.hrefs = "paths" if hrefs == "absolute" else hrefs  # another authority is another server, see below
    identity = await connect(path).check()
    assert (identity.account_id, identity.name) == (f"/carddav{HOME}contacts/", "Contacts")


@pytest.mark.parametrize("typed", ["Suppliers", "suppliers", f"/carddav{HOME}suppliers"])
async def test_a_book_is_chosen_by_its_name(connect: Connect, typed: str) -> None:
    assert (await connect(book=typed).check()).name == "Suppliers"


async def test_a_book_that_is_not_there_names_the_setting(connect: Connect) -> None:
    with pytest.raises(ConfigError) as caught:
        await connect(book="Nothing").check()
    assert caught.value.params["setting"] == "book"


async def test_a_wrong_password_is_an_auth_error(connect: Connect) -> None:
    with pytest.raises(AuthError):
        await connect(password="wrong").check()


@pytest.fixture
async def odd() -> AsyncIterator[Callable[[Callable[[Request], Reply]], Any]]:
    """Serves one function as a whole server; gives its address."""
    opened: list[tuple[asyncio.Server, set[Connection]]] = []

    async def made(answer: Callable[[Request], Reply]) -> str:
        connections: set[Connection] = set()
        server = await asyncio.get_running_loop().create_server(lambda: Connection(answer, connections), "127.0.0.1", 0)
        opened.append((server, connections))
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield made
    for server, connections in opened:
        server.close()
        for connection in list(connections):
            connection.close()
        await server.wait_closed()


async def test_another_server_gets_no_password(connect: Connect, odd: Any) -> None:
    asked: list[str] = []

    def stranger(request: Request) -> Reply:
        asked.append(request.path)
        return Reply(404)

    there = await odd(stranger)
    base = await odd(lambda _: Reply(301, headers=[("Location", f"{there}/dav/")]))
    with pytest.raises(ConfigError) as caught:
        await connect(base=base).check()
    assert (caught.value.params["setting"], caught.value.params["host"]) == ("url", "127.0.0.1")
    assert asked == []


@pytest.mark.parametrize("status", [301, 404, 405, 207])
async def test_a_server_without_an_address_book_names_the_setting(connect: Connect, odd: Any, status: int) -> None:
    empty = b'<multistatus xmlns="DAV:"/>' if status == 207 else b""
    base = await odd(lambda request: Reply(status, empty, "text/xml", [("Location", request.path)]))
    with pytest.raises(ConfigError) as caught:
        await connect(base=base).check()
    assert caught.value.params["setting"] == "url"


# -- changes -----------------------------------------------------------------------------------------------------------


async def test_a_run_without_news_is_one_request(connect: Connect, sandbox: CardDavSandbox, side: Side) -> None:
    fill(sandbox, 1200)
    cursor = (await pages_of(connect(), None))[-1].cursor
    side.forget_counts()
    (page,) = await pages_of(connect(), cursor)
    assert (len(page.records), page.deleted, page.cursor) == (0, (), cursor)
    assert side.counts()["total"] == 1


async def test_a_run_reads_only_what_changed(connect: Connect, sandbox: CardDavSandbox, side: Side) -> None:
    names = fill(sandbox, 1000)
    cursor = (await pages_of(connect(), None))[-1].cursor
    for name in names[::100]:
        edit(sandbox, name)
    sandbox.remove(names[1])
    side.forget_counts()
    pages = await pages_of(connect(), cursor)
    assert sorted(record.id for page in pages for record in page.records) == sorted(names[::100])
    assert [id for page in pages for id in page.deleted] == [names[1]]
    assert side.counts()["total"] == 2


async def test_a_token_that_is_too_old_loses_nothing(connect: Connect, sandbox: CardDavSandbox, side: Side) -> None:
    names = fill(sandbox, 700)
    cursor = (await pages_of(connect(), None))[-1].cursor
    sandbox.age()
    edit(sandbox, names[3])
    sandbox.remove(names[4])
    sandbox.age()
    (new,) = fill(sandbox, 1, start=900)
    side.forget_counts()
    pages = await pages_of(connect(), cursor)
    assert sorted(record.id for page in pages for record in page.records) == sorted([names[3], new])
    assert [id for page in pages for id in page.deleted] == [names[4]]
    assert side.counts()["total"] == 3  # the old token, the whole list, what changed
    side.forget_counts()
    assert not (await pages_of(connect(), pages[-1].cursor))[0].records
    assert side.counts()["total"] == 1


async def test_without_sync_collection_the_list_tells(connect: Connect, sandbox: CardDavSandbox, side: Side) -> None:
    sandbox.manners.sync = False
    names = fill(sandbox, 600)
    cursor = (await pages_of(connect(), None))[-1].cursor
    edit(sandbox, names[0])
    sandbox.remove(names[1])
    side.forget_counts()
    (page,) = await pages_of(connect(), cursor)
    assert ([record.id for record in page.records], page.deleted) == ([names[0]], (names[1],))
    assert side.counts()["total"] == 2
    side.forget_counts()
    assert (await pages_of(connect(), page.cursor))[0].cursor == page.cursor
    assert side.counts()["total"] == 1


async def test_a_moment_without_sync_collection_does_not_last(
    connect: Connect, sandbox: CardDavSandbox, side: Side
) -> None:
    names = fill(sandbox, 20)
    side.faults.append(Fault("status", method="REPORT", status=403))
    cursor = (await pages_of(connect(), None))[-1].cursor
    cursor = (await pages_of(connect(), cursor))[-1].cursor
    edit(sandbox, names[0])
    side.forget_counts()
    assert [record.id for page in await pages_of(connect(), cursor) for record in page.records] == names[:1]
    assert "PROPFIND" not in str(side.counts()["requests"])


class Replica:
    """What somebody has who was told every page, crashes included."""

    def __init__(self) -> None:
        self.cards: dict[str, Any] = {}
        self.cursor: str | None = None

    def take(self, page: Page) -> None:
        for id in page.deleted:
            self.cards.pop(id, None)
        self.cards.update({record.id: record.fields["name"] for record in page.records})
        self.cursor = page.cursor


@pytest.mark.parametrize(
    "manners",
    [
        {},
        {"at_once": 7},
        {"sync": False},
        {"at_once": 5, "etags": "weak", "dialect": "small"},
        {"hrefs": "escaped", "dialect": "cdata"},
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_between_two_pages_the_replica_is_the_book(
    connect: Connect, sandbox: CardDavSandbox, manners: dict[str, Any], seed: int
) -> None:
    """Edits, deletions, returns and tokens that grow old between any two pages, and crashes at any of them."""
    chance = random.Random(seed)
    for name, value in manners.items():
        setattr(sandbox.manners, name, value)
    replica, number = Replica(), 0
    names = fill(sandbox, 60)
    for _ in range(12):
        crm = connect()
        crm._wire.most = 10
        async for page in crm.pull(CONTACTS, ("name",), replica.cursor):
            replica.take(page)
            for _ in range(chance.randrange(3)):
                number += 1
                kept = sandbox.books["contacts"].cards
                match chance.randrange(5):
                    case 0 if kept:
                        sandbox.remove(chance.choice(sorted(kept)))
                    case 1:
                        edit(sandbox, chance.choice(names), name=f"Back {number}")
                    case 2:
                        names += fill(sandbox, 1, start=1000 + number)
                    case 3 if kept:
                        edit(sandbox, chance.choice(sorted(kept)), name=f"Edited {number}")
                    case _ if chance.random() < 0.2:
                        sandbox.age()
            if chance.random() < 0.2:
                break
    for page in await pages_of(connect(), replica.cursor):
        replica.take(page)
    assert replica.cards == {row["id"]: row["name"] for row in sandbox.stored("contacts")}


async def test_a_cursor_of_another_book_begins_anew(connect: Connect, sandbox: CardDavSandbox) -> None:
    fill(sandbox, 3)
    cursor = (await pages_of(connect(), None))[-1].cursor
    assert not (await pages_of(connect(book="Suppliers"), cursor))[0].records
    assert len((await pages_of(connect(book="Contacts"), cursor))[0].records) == 3
    for nonsense in ("", "{}", "[1]", cursor.replace('"known": "', '"known": "!!')):
        sandbox.age()
        with pytest.raises(ProtocolError):
            await pages_of(connect(), nonsense)


async def test_lists_of_members_are_no_contacts(crm: Connector, sandbox: CardDavSandbox) -> None:
    fill(sandbox, 1)
    group = "BEGIN:VCARD\nVERSION:3.0\nFN:Everybody\nX-ADDRESSBOOKSERVER-KIND:group\nUID:g\nEND:VCARD\n"
    sandbox.store({"cards": {"g.vcf": group}})
    assert [record.id for page in await pages_of(crm, None) for record in page.records] == ["c0.vcf"]


async def test_names_of_any_kind_come_back_as_they_are(connect: Connect, sandbox: CardDavSandbox) -> None:
    names = ["ada lovelace.vcf", "50%.vcf", "é@x.vcf", "a+b&c.vcf", "no-extension"]
    sandbox.store({"cards": {name: card_of({"name": name}, name) for name in names}})
    for hrefs in ("paths", "absolute", "escaped"):
        sandbox.manners.hrefs = hrefs
        crm = connect(f"{HOME}contacts/")
        assert sorted(record.id for page in await pages_of(crm, None) for record in page.records) == sorted(names)
        assert sorted(record.id for record in await crm.fetch(CONTACTS, names, ["name"])) == sorted(names)
        outcomes = await crm.push([update(name, note=hrefs) for name in names])
        assert all(isinstance(one, Written) for one in outcomes)


# -- finding -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filters", ["yes", "no", "ignored"])
async def test_texts_are_found_whatever_the_server_can(
    connect: Connect, sandbox: CardDavSandbox, side: Side, filters: str
) -> None:
    sandbox.manners.filters = filters
    fill(sandbox, 30)
    sandbox.store({"cards": {"odd.vcf": card_of({"name": "Duval\\, Marie\\; SA", "email": "o@x.example"}, "odd")}})
    crm = connect(f"{HOME}contacts/")
    found = await crm.find(CONTACTS, ["email"], ["N7@example.com", "nobody@example.com"], ["name"])
    assert [(record.id, record.fields) for record in found] == [
        ("c7.vcf", {"name": "Person 7", "email": "n7@example.com"})
    ]
    assert [record.id for record in await crm.find(CONTACTS, ["name"], ["duval, marie; SA"], [])] == ["odd.vcf"]
    assert await crm.find(CONTACTS, ["name"], ["Duval"], []) == []
    assert await crm.find(CONTACTS, ["name"], [";,"], []) == []


async def test_numbers_are_found_however_they_are_written(crm: Connector, sandbox: CardDavSandbox) -> None:
    written = ["+33 1 86 76 54 32", "01.86.76.54.32", "(0033) 186 765 432", "tel:+33-1-8676-5432"]
    cards = {
        f"p{n}.vcf": card_of({"name": f"P {n}"}, f"p{n}").replace(
            "END", f"TEL;TYPE=HOME:+4900{n}\r\nTEL:{number}\r\nEND"
        )
        for n, number in enumerate(written)
    }
    sandbox.store({"cards": cards})
    fill(sandbox, 3)
    found = await crm.find(CONTACTS, ["phone", "mobile", "other_phone"], ["+33186765432", "+4531100001"], ["name"])
    assert sorted(record.id for record in found) == sorted(cards)
    assert all(record.fields["phone"][-2:] == "32" for record in found)  # the number that was looked for comes first


async def test_a_first_match_reads_the_book_once(
    crm: Connector, sandbox: CardDavSandbox, side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "LARGE_BOOK", 1000)
    names = fill(sandbox, 700)
    values = [f"n{n}@example.com" for n in range(900)]
    await crm.check()
    side.forget_counts()
    assert len(await crm.find(CONTACTS, ["email"], values[:450], [])) == 450
    assert side.counts()["total"] == 1 + 2  # the names, the cards
    edit(sandbox, names[600], name="Edited", email="other@example.com")
    sandbox.remove(names[601])
    fill(sandbox, 1, start=800)
    side.forget_counts()
    found = await crm.find(CONTACTS, ["email"], values[450:], ["name"])
    assert {record.id for record in found} == {*names[450:600], *names[602:], "c800.vcf"}
    assert side.counts()["total"] == 1 + 1  # what changed, its cards
    side.forget_counts()
    found = await crm.find(CONTACTS, ["email", "name"], ["other@example.com"], [])
    assert [record.id for record in found] == [names[600]]
    assert side.counts()["total"] == 1
    assert await crm.find(CONTACTS, ["phone"], ["+33186765432"], []) == []


async def test_long_cards_are_read_when_they_are_found(crm: Connector, sandbox: CardDavSandbox, side: Side) -> None:
    names = fill(sandbox, 60)
    text = sandbox.books["contacts"].cards[names[3]].text
    sandbox.store({"cards": {names[3]: text.replace("END:", f"NOTE:{'n' * index.LONGEST}\r\nEND:")}})
    asked = [f"n{n}@example.com" for n in range(60)]
    await crm.find(CONTACTS, ["email"], asked, [])
    side.forget_counts()
    found = await crm.find(CONTACTS, ["email"], asked, ["note"])
    assert len(found) == 60
    assert {record.fields["note"] for record in found if record.id == names[3]} == {"n" * index.LONGEST}
    assert side.counts()["total"] == 1 + 1  # what changed, and the one that is long


async def test_a_first_reading_reads_nothing_that_a_first_match_has_read(
    crm: Connector, sandbox: CardDavSandbox, side: Side
) -> None:
    names = fill(sandbox, 60)
    await crm.find(CONTACTS, ["email"], [f"n{n}@example.com" for n in range(60)], [])
    edit(sandbox, names[7], name="Edited")
    side.forget_counts()
    pages = [page async for page in crm.pull(CONTACTS, ["name", "modified_at"], None)]
    records = {record.id: record for page in pages for record in page.records}
    assert set(records) == set(names)
    assert records[names[7]].fields["name"] == "Edited"
    fetched = {record.id: record for record in await crm.fetch(CONTACTS, names, ["name", "modified_at"])}
    assert records == fetched
    assert side.counts()["total"] == 1 + 1 + 1  # the names, the card that changed; and all of them, to compare


async def test_a_large_book_is_not_asked_anew_for_every_batch(
    crm: Connector, sandbox: CardDavSandbox, side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What many look-ups after each other may be behind by, and what they never are: what we wrote ourselves."""
    now = [100.0]

    def clock() -> float:
        now[0] += 0.5  # an asking takes half a second, then
        return now[0]

    monkeypatch.setattr(index, "clock", clock)
    monkeypatch.setattr(index, "LARGE_BOOK", 50)
    fill(sandbox, 60)
    asked = [f"n{n}@example.com" for n in range(100)]
    assert len(await crm.find(CONTACTS, ["email"], asked, [])) == 60
    fill(sandbox, 1, start=70)
    made, gone = await crm.push(
        [
            create("made", name="Made", email="n80@example.com"),
            PushOperation("gone", "delete", CONTACTS, {}, Link(CONTACTS, "c2.vcf")),
        ]
    )
    assert isinstance(made, Written)
    assert gone == Written("c2.vcf")
    side.forget_counts()
    found = {record.id for record in await crm.find(CONTACTS, ["email"], asked, [])}
    assert made.id in found
    assert found.isdisjoint({"c2.vcf", "c70.vcf"})
    assert side.counts()["total"] == 1  # the card that we wrote, as the server has it
    assert [one.id for one in await crm.find(CONTACTS, ["email"], ["n70@example.com"], [])] == ["c70.vcf"]  # asked
    fill(sandbox, 1, start=90)
    now[0] += index.RESTS_AT_MOST_S
    assert "c90.vcf" in {record.id for record in await crm.find(CONTACTS, ["email"], asked, [])}


async def test_a_reading_that_broke_off_is_begun_again(crm: Connector, sandbox: CardDavSandbox, side: Side) -> None:
    fill(sandbox, 60)
    crm._wire.most = 20
    await crm.check()
    side.faults.append(Fault("drop", body="addressbook-multiget", skip=1, times=3))
    with pytest.raises(TransientError):
        await crm.find(CONTACTS, ["phone"], ["+33186765432"], [])
    assert len(await crm.find(CONTACTS, ["email"], [f"n{n}@example.com" for n in range(100)], [])) == 60
    side.forget_counts()
    assert len(await crm.find(CONTACTS, ["email"], ["n5@example.com"], [])) == 1
    assert side.counts()["total"] == 1


@pytest.mark.parametrize("manners", [{"sync": False}, {"at_once": 13}, {}], ids=str)
@pytest.mark.parametrize("most", [10, 1000])
async def test_what_is_found_does_not_depend_on_what_is_kept(
    connect: Connect, sandbox: CardDavSandbox, monkeypatch: pytest.MonkeyPatch, manners: dict[str, Any], most: int
) -> None:
    """Whatever the server can and however large the book: after every change, just what is there."""
    monkeypatch.setattr("tieline.connectors.carddav.index.MOST", most)
    for name, value in manners.items():
        setattr(sandbox.manners, name, value)
    names = fill(sandbox, 40)
    crm = connect()
    asked = [f"n{n}@example.com" for n in range(100)]
    for turn in range(4):
        there = {row["id"] for row in sandbox.stored("contacts")}
        assert {record.id for record in await crm.find(CONTACTS, ["email"], asked, [])} == there
        sandbox.remove(names[turn])
        fill(sandbox, 1, start=50 + turn)
        if turn == 2:
            sandbox.age()


# -- writing -----------------------------------------------------------------------------------------------------------


async def test_updates_are_one_read_and_a_request_each_several_at_once(
    connect: Connect, sandbox: CardDavSandbox, side: Side
) -> None:
    names = fill(sandbox, 100)
    crm = connect(f"{HOME}contacts/")
    await crm.check()
    side.forget_counts()
    side.latency = 0.002
    outcomes = await crm.push([update(name, title="Buyer") for name in names])
    assert all(isinstance(one, Written) and one.version for one in outcomes)
    assert side.counts()["total"] == 101
    assert 2 <= side.counts()["in_flight_peak"] <= 4
    side.latency = 0
    side.forget_counts()
    outcomes = await crm.push([update(name, title="Buyer") for name in names])
    assert [one.version for one in outcomes if isinstance(one, Written)] == [
        record.version for record in sorted(await crm.fetch(CONTACTS, names, []), key=lambda one: names.index(one.id))
    ]
    assert side.counts()["total"] == 2  # what is so already is not written


async def test_an_update_does_not_read_again_what_was_just_fetched(
    crm: Connector, sandbox: CardDavSandbox, side: Side
) -> None:
    names = fill(sandbox, 3)
    records = {one.id: one for one in await crm.fetch(CONTACTS, names, ["name"])}
    edit(sandbox, names[1], name="By hand")
    side.forget_counts()
    outcomes = await crm.push([update(name, records[name].version, title="Buyer") for name in names])
    assert [type(one) for one in outcomes] == [Written, Stale, Written]
    assert side.counts()["total"] == 3 + 1  # and why one was refused
    assert "By hand" in sandbox.books["contacts"].cards[names[1]].text
    side.forget_counts()
    assert isinstance(outcomes[0], Written)
    again = await crm.push([update(names[0], outcomes[0].version, title="Seller")])
    assert isinstance(again[0], Written)
    assert side.counts()["total"] == 2  # what was fetched served one push; it is read anew


@pytest.mark.proves("CUST-11")
async def test_what_other_clients_wrote_is_kept(crm: Connector, sandbox: CardDavSandbox) -> None:
    (name,) = fill(sandbox, 1)
    text = sandbox.books["contacts"].cards[name].text
    (outcome,) = await crm.push([update(name, note="é" * 60)])
    assert isinstance(outcome, Written)
    now = sandbox.books["contacts"].cards[name].text
    for line in text.split("\r\n")[:-2]:
        assert f"{line}\r\n" in now
    assert "\n" not in now.replace("\r\n", "")


@pytest.mark.parametrize("etags", ["strong", "weak", "strict", "bare"])
@pytest.mark.parametrize("put_etag", [True, False])
async def test_conditions_hold_whatever_the_etags_look_like(
    crm: Connector, sandbox: CardDavSandbox, etags: str, put_etag: bool
) -> None:
    sandbox.manners.etags, sandbox.manners.put_etag = etags, put_etag
    (made,) = await crm.push([create("k", name="Ada", city="Lyon")])
    assert isinstance(made, Written)
    (read,) = await crm.fetch(CONTACTS, [made.id], ["name"])
    assert made.version == read.version is not None
    edit(sandbox, made.id, name="By hand")
    outcomes = await crm.push([update(made.id, made.version, name="By an old one")])
    assert outcomes == [Stale()]
    (read,) = await crm.fetch(CONTACTS, [made.id], ["name"])
    assert read.fields == {"name": "By hand"}
    (outcome,) = await crm.push([update(made.id, read.version, name="By us")])
    assert isinstance(outcome, Written)
    (read,) = await crm.fetch(CONTACTS, [made.id], ["name"])
    assert (read.fields, read.version) == ({"name": "By us"}, outcome.version)
    delete = PushOperation("d", "delete", CONTACTS, {}, Link(CONTACTS, made.id), made.version)
    assert await crm.push([delete]) == [Stale()]
    delete = PushOperation("d", "delete", CONTACTS, {}, Link(CONTACTS, made.id), read.version)
    assert await crm.push([delete]) == [Written(made.id)]
    assert await crm.push([delete]) == [Gone()]


async def test_a_card_that_is_kept_otherwise_has_the_version_it_has(crm: Connector, sandbox: CardDavSandbox) -> None:
    sandbox.manners.rewrites = True
    (made,) = await crm.push([create("k", name="Ada")])
    (read,) = await crm.fetch(CONTACTS, ["tieline-k.vcf"], ["name"])
    assert made == Written("tieline-k.vcf", read.version)


async def test_a_change_between_reading_and_writing_is_stale(
    crm: Connector, sandbox: CardDavSandbox, side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = fill(sandbox, 1)
    put = sandbox._put

    def late(request: Request) -> Reply:
        edit(sandbox, name, name="Just now")
        return put(request)

    monkeypatch.setattr(sandbox, "_put", late)
    assert await crm.push([update(name, title="x")]) == [Stale()]
    assert "Just now" in sandbox.books["contacts"].cards[name].text


async def test_an_edited_card_is_gone_when_it_was_deleted_meanwhile(
    crm: Connector, sandbox: CardDavSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = fill(sandbox, 1)
    put = sandbox._put

    def late(request: Request) -> Reply:
        sandbox.remove(name)
        return put(request)

    monkeypatch.setattr(sandbox, "_put", late)
    assert await crm.push([update(name, title="x")]) == [Gone()]
    assert sandbox.stored("contacts") == []


async def test_two_operations_on_one_card_are_done_in_order(crm: Connector, sandbox: CardDavSandbox) -> None:
    (name,) = fill(sandbox, 1)
    outcomes = await crm.push([update(name, title="First"), update(name, note="Second"), update(name, title="Third")])
    assert all(isinstance(one, Written) for one in outcomes)
    (read,) = await crm.fetch(CONTACTS, [name], ["title", "note"])
    assert read.fields == {"title": "Third", "note": "Second"}


async def test_a_card_that_was_moved_is_still_the_one_of_its_key(crm: Connector, sandbox: CardDavSandbox) -> None:
    """Its UID is our key: another name does not make it another card."""
    await crm.push([create("k", name="Ada")])
    book = sandbox.books["contacts"]
    kept = book.cards["tieline-k.vcf"]
    sandbox.remove("tieline-k.vcf")
    sandbox.store({"cards": {"moved.vcf": kept.text}})
    (again,) = await crm.push([create("k", name="Ada")])
    assert isinstance(again, Written)
    assert (again.id, again.existed) == ("moved.vcf", True)
    assert len(book.cards) == 1


@pytest.mark.parametrize("key", ["a/b", "ключ", "x" * 300, "..", "a b", "50%"])
async def test_any_key_has_one_card(crm: Connector, sandbox: CardDavSandbox, key: str) -> None:
    first, second = await crm.push([create(key, name="Ada"), create(key, name="Ada")])
    assert isinstance(first, Written)
    assert second == Written(first.id, first.version, existed=True)
    assert [record.id for record in await crm.find(CONTACTS, ["origin"], [key], [])] == [first.id]


@pytest.mark.parametrize(
    ("manners", "outcome"),
    [({"room": 1}, Rejected("insufficient_storage")), ({"largest": 10}, Rejected("max-resource-size"))],
    ids=str,
)
async def test_a_refusal_of_one_card_says_why(
    crm: Connector, sandbox: CardDavSandbox, manners: dict[str, Any], outcome: Rejected
) -> None:
    fill(sandbox, 1)
    for name, value in manners.items():
        setattr(sandbox.manners, name, value)
    assert await crm.push([create("k", name="Ada")]) == [outcome]


async def test_a_book_that_may_only_be_read_is_a_matter_of_rights(crm: Connector, sandbox: CardDavSandbox) -> None:
    (name,) = fill(sandbox, 1)
    sandbox.manners.read_only = True
    with pytest.raises(ScopeError):
        await crm.push([create("k", name="Ada"), update(name, title="x")])


async def test_after_trouble_the_rest_is_not_sent(crm: Connector, sandbox: CardDavSandbox, side: Side) -> None:
    names = fill(sandbox, 60)
    await crm.check()
    side.faults.append(Fault("drop", method="PUT", when="after", times=1, skip=20))
    outcomes = await crm.push([update(name, title="x") for name in names])
    kinds = [type(one) for one in outcomes]
    assert kinds.count(Unknown) == 1
    assert kinds.count(NotSent) > 10
    changed = sum("TITLE:x" in row["card"] for row in sandbox.stored("contacts"))
    assert changed == kinds.count(Written) + 1


# -- answers that nobody should trust ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><multistatus xmlns="DAV:"><response><href>&b;</href></response></multistatus>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><multistatus xmlns="DAV:"/>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x [<!ENTITY a "lol">]><multistatus xmlns="DAV:">&a;</multistatus>'.encode(
            "utf-16"
        ),
        b"<html><body>down</body></html>",
        b'<multistatus xmlns="DAV:"><response>',
        b"",
        b"{}",
    ],
)
def test_an_answer_with_entities_or_of_something_else_is_refused(body: bytes) -> None:
    with pytest.raises(TransientError):
        dav.multistatus(body)


def test_signs_that_xml_cannot_hold_are_left_out() -> None:
    inner = b"<propstat><prop><getetag>a&#0;b\x07c&#x1f;</getetag></prop><status>HTTP/1.1 200 OK</status></propstat>"
    body = b'<multistatus xmlns="DAV:"><response><href>/x</href>' + inner + b"</response></multistatus>"
    assert dav.multistatus(body).responses[0].props[dav.ETAG] == "abc"


async def test_large_cards_are_asked_for_in_smaller_parts(
    connect: Connect, sandbox: CardDavSandbox, side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "LARGE", 100_000)
    photo = "PHOTO;ENCODING=b:" + "A" * 9000
    cards = {f"c{n}.vcf": card_of({"name": f"P {n}"}, f"c{n}").replace("END", f"{photo}\r\nEND") for n in range(60)}
    sandbox.store({"cards": cards})
    crm = connect()
    crm._wire.most = 20
    pages = await pages_of(crm, None)
    assert [len(page.records) for page in pages] == [20, 10, 10, 10, 10]


async def test_an_answer_beyond_all_measure_is_asked_for_in_quarters(
    crm: Connector, sandbox: CardDavSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieline.sdk.http.LARGEST_ANSWER", 20_000)
    send = crm._client._send

    async def small(*given: Any, **more: Any) -> Any:
        return await send(*given, **{**more, "limit": 20_000})

    monkeypatch.setattr(crm._client, "_send", small)
    names = fill(sandbox, 90)
    assert len(await crm.fetch(CONTACTS, names, ["name"])) == 90


@pytest.mark.parametrize("at_once", [0, 4])
async def test_a_server_whose_tokens_never_hold_is_read_by_its_list(
    connect: Connect, sandbox: CardDavSandbox, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    sandbox.manners.at_once = at_once
    names = fill(sandbox, 11)
    sync = sandbox._sync

    def forgetful(*given: Any) -> Reply:
        reply = sync(*given)
        sandbox.age()
        return reply

    monkeypatch.setattr(sandbox, "_sync", forgetful)
    pages = await pages_of(connect(), None)
    assert {record.id for page in pages for record in page.records} == set(names)
    sandbox.remove(names[0])
    pages = await pages_of(connect(), pages[-1].cursor)
    assert (
        [record.id for page in pages for record in page.records],
        [id for page in pages for id in page.deleted],
    ) == ([], names[:1])
