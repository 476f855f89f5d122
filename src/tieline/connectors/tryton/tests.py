"""The connector on recorded exchanges with trytond 8.2 (`tools/tryton_fixtures.py` records them anew): no server needed.

Each request must be one that was recorded, to the letter; a changed request fails here until it was tried on a real server.
"""

from __future__ import annotations

import asyncio
import atexit
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tieline.connectors.tryton.connector import Connector
from tieline.connectors.tryton.marks import NoteText, identifier_key, split_mark, with_mark
from tieline.connectors.tryton.server import DATABASE, TrytonMissingError, TrytonServer
from tieline.connectors.tryton.shapes import DEAL, LEAD, NOTE, ORGANISATION, PERSON, SHAPES, Names, digits, flatten
from tieline.connectors.tryton.wire import plain, refusal, tagged_time
from tieline.sdk.conformance.promises import SkippedError
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.connect import open_client
from tieline.sdk.contract import Link, PushOperation, Rejected, Written
from tieline.sdk.http import open_session
from tieline.sdk.manifest import connector as manifest_of
from tieline.sdk.sandbox import serve
from tieline.sdk.sandbox.http import Connection, Reply, Request

# -- for the conformance kit: a real server behind the sandbox's proxy -----------------------------------------------------


@cache
def real_server() -> TrytonServer:
    """One server for all promises; each looks at the records that came after it began."""
    folder = Path(tempfile.mkdtemp(prefix="tl-tryton-"))
    server = TrytonServer(folder)
    try:
        server.start()
    except TrytonMissingError as error:
        shutil.rmtree(folder)
        raise SkippedError(f"the real Tryton is missing, nothing here was checked: {error}") from None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.stop)
    return server


_SUBJECTS = itertools.count(1)


@asynccontextmanager
async def subject() -> AsyncIterator[Subject]:
    """Organisations, found by e-mail address."""
    server = real_server()
    admin = server.admin()
    number = next(_SUBJECTS)
    manifest = manifest_of("tryton")
    running = await serve(0, ["tryton"])
    sandbox: Any = running.sandbox("tryton")
    sandbox.upstream = server.base_url
    session = open_session()
    fields = {"url": server.base_url, "database": DATABASE, "key": server.seed.api_key}
    before = max(admin.call("model.party.party.search", []))

    def made() -> Connector:
        found.client = open_client(manifest, session, fields, base_url=f"{running.url}/tryton")
        found.client.timeout_s = 2.0
        return Connector(found.client)

    async def records(_: str) -> Sequence[Mapping[str, Any]]:
        names = ["name"]
        rows: list[dict[str, Any]] = admin.call(
            "model.party.party.search_read", [["id", ">", before]], 0, None, None, names
        )
        return rows

    async def seed(_: str, rows: list[dict[str, Any]]) -> list[str]:
        parties = []
        for row in rows:
            mechanisms = [{"type": "email", "value": row["email"]}] if row.get("email") else []
            address = [{"city": row["city"]}]
            children = {"contact_mechanisms": [["create", mechanisms]], "addresses": [["create", address]]}
            parties.append({"name": row["name"], **children})
        return [str(id) for id in admin.call("model.party.party.create", parties)]

    async def delete(_: str, id: str) -> None:
        admin.call("model.party.party.delete", [int(id)])

    async def files(object: str, id: str) -> list[int]:
        place = f"{object.partition('/')[0]},{id}"
        found: list[int] = admin.call("model.ir.attachment.search", [["resource", "=", place]])
        return found

    async def changed_by(_: str, id: str) -> None:
        admin.call("model.party.party.write", [int(id)], {"name": "By somebody else"})

    found = Subject(
        manifest,
        made,
        side=running.side("tryton"),
        records=records,
        seed=seed,
        delete=delete,
        api_path="/rest/model/",
        write_path=r"/rest/model/party\.party$",
        object=ORGANISATION,
        values=lambda name: {"name": name, "city": "Lyon"},
        bad_values={"name": "Bad", "phone": "12"},
        bad_field="phone",
        clear_field="city",
        changed_by=changed_by,
        child=lambda key, link: PushOperation(key, "create", PERSON, {"name": "Child", "organisation": link}),
        checks_links=False,  # SQLite, on which this one runs, does not; Postgres does
        files=files,
        attach_path=r"/rest/model/ir\.attachment$",
        finds=("email", lambda n: (f"n{n}-{number}@example.com", f"N{n}-{number}@EXAMPLE.com")),
        compares_versions=True,
        secrets=(server.seed.api_key,),
    )
    try:
        yield found
    finally:
        await session.close()
        await running.close()


# -- recorded exchanges ------------------------------------------------------------------------------------------------

FIXTURE = Path(__file__).parent / "fixtures" / "exchanges.json"
NUMBERS = ["+33186765432", "+4531100001"]


async def scenario(crm: Connector) -> dict[str, Any]:
    """What was recorded: a company, its person with a number, a call, a lead, a deal, and what Tryton refuses."""

    def create(key: str, object: str, **values: Any) -> PushOperation:
        return PushOperation(key, "create", object, values)

    identity = await crm.check()
    users = await crm.users()
    organisation, refused = await crm.push(
        [
            create("fx-1", ORGANISATION, name="Duval SA", phone="+33 1 86 76 54 32", city="Lyon"),
            create("fx-2", ORGANISATION, name="Nobody", phone="12"),
        ]
    )
    assert isinstance(organisation, Written)
    (person,) = await crm.push([create("fx-3", PERSON, name="Marie", organisation=Link(ORGANISATION, organisation.id))])
    assert isinstance(person, Written)
    owner = users[0].id
    lead, second = await crm.push(
        [
            create("fx-4", LEAD, name="+45 31 10 00 01", phone="+4531100001", owner=owner),
            create("fx-5", LEAD, name="Twice", owner="999"),
        ]
    )
    assert isinstance(lead, Written)
    (deal,) = await crm.push([create("fx-6", DEAL, name="Sale", organisation=organisation.id, owner=owner)])
    (call,) = await crm.push([create("fx-7", NOTE, subject="Incoming call", person=person.id, duration_s=61)])
    by = ["phone", "mobile", "other_phone", "fax"]
    found = {
        object: [
            dict(one.fields) for one in await crm.find(object, by if object != LEAD else ["phone"], NUMBERS, ["name"])
        ]
        for object in (ORGANISATION, PERSON, LEAD)
    }
    return {
        "company": identity.name,
        "users": [user.name for user in users],
        "refused": [refused, second],
        "written": [type(one).__name__ for one in (deal, call)],
        "organisations": [one["name"] for one in found[ORGANISATION]],
        "leads": [one["name"] for one in found[LEAD]],
    }


@pytest.fixture
async def crm() -> AsyncIterator[Connector]:
    """A connector that speaks to the recording."""
    left: dict[str, list[dict[str, Any]]] = {}
    for exchange in json.loads(FIXTURE.read_text()):
        left.setdefault(_question(exchange["method"], exchange["path"], exchange["body"]), []).append(exchange)

    def answer(request: Request) -> Reply:
        asked = _question(request.method, request.path, request.json() if request.body else None)
        if not left.get(asked):
            return Reply(418, b"not recorded", "text/plain")
        exchange = left[asked].pop(0)
        text = exchange["answer"] if isinstance(exchange["answer"], str) else json.dumps(exchange["answer"])
        return Reply(exchange["status"], text.encode(), exchange["content_type"])

    connections: set[Connection] = set()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(answer, connections), "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with open_session() as session:
        fields = {"url": base, "database": "crm", "key": "recorded"}
        yield Connector(open_client(manifest_of("tryton"), session, fields))
    server.close()
    for connection in list(connections):
        connection.close()
    await server.wait_closed()


def _question(method: str, path: str, body: Any) -> str:
    return f"{method} {path} {json.dumps(body, sort_keys=True)}"


async def test_the_recorded_day(crm: Connector) -> None:
    told = await scenario(crm)
    assert told["company"] == "Nordlys Trading"
    assert told["users"][0] == "Alice Martin"
    phone, owner = told["refused"]
    assert (phone.code, phone.field) == ("invalid", "phone")
    assert (owner.code, owner.field) == ("invalid", "employee")
    assert told["written"] == ["Written", "Written"]
    assert told["organisations"] == ["Duval SA"]
    assert told["leads"] == ["+45 31 10 00 01"]


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ('The email address "x" for party "Ada" is not valid.', "invalid", "email"),
        ('A value is required for field "Employee" in record "5" of "Sale Opportunity".', "required", "employee"),
        ('You are not allowed to modify the field "State" of "Sale Opportunity".', "read_only", "state"),
        ('The value "abc" for field "Name" in "Party" is too long (3 > 2).', "too_long", "name"),
        ('You can not call "opportunity" on "2" of "Sale Opportunity".', "not_possible_now", None),
        ("Something that a module of theirs says.", "refused", None),
    ],
)
def test_a_sentence_becomes_a_code(message: str, code: str, field: str | None) -> None:
    outcome = refusal(message)
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.field) == (code, field)
    assert '"' not in outcome.detail


def test_a_call_is_read_back_from_its_text() -> None:
    values = {
        "subject": "Incoming call from +33 1 86 76 54 32",
        "description": "Line: Sales\nThe caller left a voicemail.",
        "start": "2026-11-20T08:01:00Z",
        "duration_s": 132,
        "direction": "in [bound] = x",
        "recording_url": "https://files.example.com/a.mp3?x=1&y=]",
    }
    message = NoteText(values).write("k1")
    assert message.splitlines()[0] == "Incoming call from +33 1 86 76 54 32 · 2:12"
    assert NoteText.read(message).values == values
    assert split_mark(message)[1] == "k1"
    bare = NoteText.read("Just\na note").values
    assert (bare["subject"], bare["description"], bare["recording_url"]) == ("Just", "a note", None)


def test_a_key_stands_where_people_may_write_too() -> None:
    assert split_mark(with_mark("Line 1\nLine 2", "abc")) == ("Line 1\nLine 2", "abc", {})
    assert split_mark(with_mark(None, "abc"))[:2] == (None, "abc")
    assert split_mark("nothing of ours")[:2] == ("nothing of ours", None)
    assert identifier_key("tieline:abc") == "abc"
    assert identifier_key("FR123") is None


def test_times_keep_their_microseconds() -> None:
    text = "2026-11-21T23:25:12.381991Z"
    assert plain(tagged_time(text)) == text


def test_of_several_numbers_the_one_looked_for_comes_first() -> None:
    rows = [
        {"type": "phone", "value": "+45 32 10 02 00", "value_compact": "+4532100200"},
        {"type": "phone", "value": "+33 1 86 76 54 32", "value_compact": "+33186765432"},
    ]
    names = Names("Person", "Employee of")
    shape = SHAPES[ORGANISATION]
    assert flatten(shape, {"contact_mechanisms.": rows}, ["phone"], names)["phone"] == "+4532100200"
    assert flatten(shape, {"contact_mechanisms.": rows}, ["phone"], names, ["86765432"])["phone"] == "+33186765432"
    assert digits("+33 (0)1-86") == "330186"
