"""What a pull of a real Tryton costs and finds: one question where nothing changed, whatever there is; and no change is lost."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

import tieline.connectors.tryton.connector as module
from tieline.connectors.tryton.changes import LATE
from tieline.connectors.tryton.connector import Connector
from tieline.connectors.tryton.server import DATABASE, TrytonServer
from tieline.connectors.tryton.shapes import DEAL, LEAD, ORGANISATION, PERSON
from tieline.sdk.contract import Link, PushOperation, VendorRecord, Written
from tieline.sdk.sandbox import Running

pytestmark = pytest.mark.real

FIELDS: dict[str, tuple[str, ...]] = {
    ORGANISATION: ("name", "phone", "city"),
    PERSON: ("name", "phone", "city", "organisation"),
}
OBJECTS = (ORGANISATION, PERSON)


def key() -> str:
    return secrets.token_hex(8)


async def made(crm: Connector, object: str, many: Sequence[dict[str, Any]]) -> list[str]:
    outcomes = await crm.push([PushOperation(key(), "create", object, values) for values in many])
    return [outcome.id for outcome in outcomes if isinstance(outcome, Written)]


class Feeds:
    """Both objects as one connection reads them, run after run; each run is a process of its own."""

    def __init__(self, connect: Callable[[], Any], proxy: Running) -> None:
        self._connect, self._tryton = connect, proxy.sandbox("tryton")
        self.cursors: dict[str, str | None] = dict.fromkeys(OBJECTS)
        self.requests = 0

    def later(self, by: timedelta = LATE + timedelta(seconds=1)) -> None:
        """The server's clock moves on."""
        self._tryton.clock_offset += by.total_seconds()

    async def read(self, *objects: str) -> dict[str, VendorRecord]:
        """What one run is told, to the end, by id."""
        crm = self._connect()
        found: dict[str, VendorRecord] = {}
        for object in objects or OBJECTS:
            async for page in crm.pull(object, FIELDS[object], self.cursors[object]):
                found |= {record.id: record for record in page.records}
                self.cursors[object] = page.cursor
        self.requests = crm.client.requests
        return found

    async def quiet(self) -> None:
        """Everything is read, and so old that nothing is looked at again."""
        await self.read()
        self.later()
        for _ in range(3):
            await self.read()
        self._tryton.clock_offset = 0.0

    def since(self, object: str = ORGANISATION) -> str:
        return str(json.loads(self.cursors[object] or "")["t"])


@pytest.fixture
async def feeds(connect: Any, proxy: Running) -> Feeds:
    """What other tests of this server wrote a moment ago, which may be many, is read and old."""
    await connect().prepare(list(OBJECTS))
    feeds = Feeds(connect, proxy)
    await feeds.quiet()
    return feeds


@pytest.mark.proves("CUST-8")
async def test_what_is_counted_is_what_the_first_reading_brings(
    crm: Connector, connect: Any, tryton: TrytonServer
) -> None:
    """Each role's own records, deactivated parties too, by one request."""
    firm, gone = await made(crm, ORGANISATION, [{"name": "Counted"}, {"name": "Counted and deactivated"}])
    await made(crm, PERSON, [{"name": "Ann Counted", "organisation": Link(ORGANISATION, firm)}])
    owner = next(one.id for one in await crm.users() if one.active)
    await made(crm, LEAD, [{"name": "A counted lead", "owner": owner}])
    await made(crm, DEAL, [{"name": "A counted deal", "organisation": firm, "owner": owner}])
    tryton.admin().call("model.party.party.write", [int(gone)], {"active": False})
    counted = {}
    for object in (ORGANISATION, PERSON, LEAD, DEAL):
        fresh = connect()
        counted[object] = await fresh.count(object)
        assert fresh.client.requests == 1
        pulled = {one.id async for page in connect().pull(object, ["name"], None) for one in page.records}
        assert counted[object] == len(pulled) > 0
        assert object != ORGANISATION or gone in pulled
    tryton.admin().call("model.party.party.write", [int(gone)], {"active": True})
    assert await crm.count(ORGANISATION) == counted[ORGANISATION]
    await made(crm, PERSON, [{"name": "Bo Counted"}])
    assert await crm.count(PERSON) == counted[PERSON] + 1
    assert await crm.count(ORGANISATION) == counted[ORGANISATION]


async def test_pull_resumes_after_any_page_and_skips_no_tie(
    crm: Connector, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 7)
    ids = set(await made(crm, ORGANISATION, [{"name": f"Tie {index}"} for index in range(30)]))
    assert len(ids) == 30
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(2000):  # a new connector for every page: nothing but the cursor is kept
        page = await anext(connect().pull(ORGANISATION, ["name"], cursor))
        seen += [record.id for record in page.records]
        cursor = page.cursor
        if not page.records:
            break
    assert ids <= set(seen)
    assert len(seen) == len(set(seen))
    assert cursor is not None
    # A number added to a party, which leaves the party's own time alone, is a change of the party.
    first = min(ids)
    update = PushOperation(key(), "update", ORGANISATION, {"phone": "+33612000001"}, Link(ORGANISATION, first))
    await crm.push([update])
    later = [record async for page in connect().pull(ORGANISATION, ["phone"], cursor) for record in page.records]
    assert {record.id: record.fields["phone"] for record in later}[first] == "+33612000001"


async def test_where_nothing_changed_both_objects_are_asked_for_by_one_question(crm: Connector, feeds: Feeds) -> None:
    await made(crm, ORGANISATION, [{"name": f"Firm {n}", "city": "Lyon", "phone": f"+3361200010{n}"} for n in range(5)])
    await made(crm, PERSON, [{"name": f"Person {n}", "city": "Lyon"} for n in range(5)])
    await feeds.read()
    for _ in range(2):  # what was written a moment ago is asked for again, and known again: nothing of it is read
        assert (await feeds.read(), feeds.requests) == ({}, 1)
    feeds.later()
    for _ in range(2):
        assert (await feeds.read(), feeds.requests) == ({}, 1)
    for object in OBJECTS:  # a run in which only one of them has its turn
        assert (await feeds.read(object), feeds.requests) == ({}, 1)


@pytest.mark.parametrize("is_old", [False, True], ids=["at_once", "later"])
@pytest.mark.parametrize("what", ["address", "deactivated address", "phone", "identifier", "party", "link"])
async def test_a_change_of_any_table_of_a_party_is_found(
    what: str, is_old: bool, crm: Connector, feeds: Feeds, tryton: TrytonServer
) -> None:
    (firm,) = await made(crm, ORGANISATION, [{"name": "Nordbyg", "city": "Lyon", "phone": "+33612000002"}])
    values = {"name": "Ida Holm", "city": "Lyon", "phone": "+33612000003", "organisation": firm}
    (ida,) = await made(crm, PERSON, [values])
    await (feeds.quiet() if is_old else feeds.read())
    admin = tryton.admin()

    def write(model: str, domain: list[Any], **values: Any) -> None:
        ids = admin.call(f"model.{model}.search", [domain])
        admin.call(f"model.{model}.write", ids[:1], values)

    expected: dict[str, Any] = {}
    match what:
        case "address":
            write("party.address", ["party", "=", int(ida)], city="Nice")
            expected = {"city": "Nice"}
        case "deactivated address":
            write("party.address", ["party", "=", int(ida)], active=False)
            expected = {"city": None}
        case "phone":
            write("party.contact_mechanism", ["party", "=", int(ida)], value="+33612000004")
            expected = {"phone": "+33612000004"}
        case "identifier":
            write("party.identifier", ["party", "=", int(ida)], code="internal-77")
        case "party":
            admin.call("model.party.party.write", [int(ida)], {"active": False})
        case "link":  # on the page of another organisation
            (other,) = await made(crm, ORGANISATION, [{"name": "Sydbyg"}])
            relation = admin.call("model.party.relation.all.search", [["from_", "=", int(ida)]])[0]
            admin.call("model.party.relation.all.write", [relation], {"to": int(other)})
            expected = {"organisation": other}
    found = (await feeds.read(PERSON))[ida]
    assert feeds.requests <= 2
    assert {**found.fields, **expected} == found.fields
    await feeds.read()
    assert (await feeds.read(), feeds.requests) == ({}, 1)


async def test_what_is_seen_late_is_found(crm: Connector, feeds: Feeds, tryton: TrytonServer) -> None:
    """A transaction that began before the newest row's and was committed after the look."""
    (early,) = await made(crm, ORGANISATION, [{"name": "Early", "city": "Lyon"}])
    (newest,) = await made(crm, ORGANISATION, [{"name": "Newest"}])
    stamped(tryton, int(early), timedelta(minutes=-10))
    await feeds.read()
    assert early not in json.loads(feeds.cursors[ORGANISATION] or "")["s"]
    stamped(tryton, int(early), timedelta(minutes=10), "party_address", city="Nice")
    found = await feeds.read()
    assert found[early].fields["city"] == "Nice"
    assert newest not in found
    assert (await feeds.read(), feeds.requests) == ({}, 1)


def stamped(tryton: TrytonServer, party: int, by: timedelta, *tables: str, **values: str) -> None:
    """Moves the times of a party's rows, and sets columns, behind Tryton's back."""
    sets = "".join(f", {name} = ?" for name in values)
    with sqlite3.connect(tryton.folder / "db" / f"{DATABASE}.sqlite", timeout=30) as database:
        for table in tables or ("party_party", "party_address", "party_identifier"):
            owner = "id" if table == "party_party" else "party"
            moved = (
                f"strftime('%Y-%m-%d %H:%M:%f', coalesce(write_date, create_date), '{by.total_seconds():+.0f} seconds')"
            )
            database.execute(
                f"UPDATE {table} SET write_date = {moved} {sets} WHERE {owner} = ?",
                (*values.values(), party),
            )
    database.close()


async def test_after_a_mass_of_changes_nothing_is_read_twice_once_it_is_old(
    crm: Connector, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 7)
    firms = set(await made(crm, ORGANISATION, [{"name": f"Mass {n}", "city": "Lyon"} for n in range(30)]))
    people = set(await made(crm, PERSON, [{"name": f"Mass person {n}"} for n in range(30)]))
    feeds.later()
    found = await feeds.read(ORGANISATION)
    assert firms <= found.keys()
    assert not people & found.keys()
    assert people <= (await feeds.read(PERSON)).keys()
    for object in OBJECTS:
        assert (await feeds.read(object), feeds.requests) == ({}, 1)
    assert (await feeds.read(), feeds.requests) == ({}, 1)
    # It begins right behind the newest then, and what comes next is found.
    assert feeds.since() == json.loads(feeds.cursors[ORGANISATION] or "")["n"]
    first = min(firms)
    await crm.push([PushOperation(key(), "update", ORGANISATION, {"city": "Nice"}, Link(ORGANISATION, first))])
    assert set(await feeds.read()) == {first}


async def test_a_mass_that_is_read_while_it_is_young_is_read_once_more(
    crm: Connector, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 7)
    firms = set(await made(crm, ORGANISATION, [{"name": f"Young {n}"} for n in range(30)]))
    assert firms <= (await feeds.read()).keys()
    feeds.later()
    assert firms <= (await feeds.read()).keys()
    assert (await feeds.read(), feeds.requests) == ({}, 1)


async def test_a_cursor_of_before_goes_on(crm: Connector, feeds: Feeds) -> None:
    """The first format: each table's last time."""
    moment = json.loads(feeds.cursors[ORGANISATION] or "")["n"]
    tables = ("party.party", "party.contact_mechanism", "party.address", "party.identifier")
    (id,) = await made(crm, ORGANISATION, [{"name": "Since then"}])
    feeds.cursors[ORGANISATION] = json.dumps({"at": {table: [moment, 7] for table in tables}, "end": True})
    assert id in await feeds.read(ORGANISATION)
    feeds.cursors[ORGANISATION] = json.dumps({"at": {tables[0]: [moment, 7]}, "end": False})
    assert id in await feeds.read(ORGANISATION)
    await feeds.quiet()
    assert await feeds.read() == {}
