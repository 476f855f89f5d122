"""CardDAV's sandbox as any client sees it: discovery, conditions, reports, and its manners."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from aiohttp import ClientSession

from tests.sandboxes.conftest import Caller
from tieline.connectors.carddav.sandbox import HOME, PASSWORD, USER
from tieline.sdk.sandbox import Running, serve

CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name}\r\nEMAIL:{uid}@example.com\r\nEND:VCARD\r\n"
BOOK = f"{HOME}contacts/"
SPACES = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'
D, C = "{DAV:}", "{urn:ietf:params:xml:ns:carddav}"


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = await serve(0, ["carddav"])
    yield running
    await running.close()


@pytest.fixture
async def dav(running: Running, session: ClientSession) -> Caller:
    caller = Caller(running, session, "carddav")
    caller.headers = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
    return caller


def card(uid: str, name: str = "Ada") -> str:
    return CARD.format(uid=uid, name=name)


async def put(dav: Caller, name: str, text: str, **headers: str) -> int:
    status, _ = await dav("PUT", BOOK + name, data=text.encode(), headers={"Content-Type": "text/vcard", **headers})
    return status


async def asked(dav: Caller, method: str, path: str, body: str, depth: str = "0") -> tuple[int, ET.Element]:
    status, raw = await dav(method, path, data=body.encode(), headers={"Depth": depth})
    return status, ET.fromstring(raw)


async def sync(dav: Caller, token: str = "") -> tuple[int, dict[str, str], str]:
    """(status, last part of the href → ETag or status, token)."""
    prop = "<D:prop><D:getetag/></D:prop><D:sync-level>1</D:sync-level>"
    body = f"<D:sync-collection {SPACES}><D:sync-token>{token}</D:sync-token>{prop}</D:sync-collection>"
    status, root = await asked(dav, "REPORT", BOOK, body)
    found = {}
    for one in root.iter(f"{D}response"):
        what = one.findtext(f".//{D}getetag") or one.findtext(f"{D}status") or ""
        found[(one.findtext(f"{D}href") or "").rpartition("/")[2]] = what
    return status, found, root.findtext(f"{D}sync-token") or ""


async def test_nobody_comes_in_without_the_password(dav: Caller) -> None:
    dav.headers = {}
    assert (await dav("PROPFIND", "/dav/"))[0] == 401
    assert dav.last["WWW-Authenticate"].startswith("Basic ")


async def test_discovery_leads_from_the_server_to_its_books(dav: Caller) -> None:
    assert (await dav("PROPFIND", "/.well-known/carddav"))[0] == 301
    assert dav.last["Location"] == "/carddav/dav/"
    body = f"<D:propfind {SPACES}><D:prop><D:current-user-principal/><C:addressbook-home-set/></D:prop></D:propfind>"
    _, root = await asked(dav, "PROPFIND", "/dav/", body)
    principal = root.findtext(f".//{D}current-user-principal/{D}href")
    assert principal == "/carddav/dav/principals/hub/"
    assert root.find(f".//{D}propstat[{D}status='HTTP/1.1 404 Not Found']//{C}addressbook-home-set") is not None
    _, root = await asked(dav, "PROPFIND", "/dav/principals/hub/", body)
    assert root.findtext(f".//{C}addressbook-home-set/{D}href") == f"/carddav{HOME}"
    body = f"<D:propfind {SPACES}><D:prop><D:resourcetype/><D:displayname/></D:prop></D:propfind>"
    _, root = await asked(dav, "PROPFIND", HOME, body, "1")
    books = [one for one in root if one.find(f".//{C}addressbook") is not None]
    assert [one.findtext(f".//{D}displayname") for one in books] == ["Contacts", "Suppliers"]


async def test_conditions_of_puts_and_deletes(dav: Caller) -> None:
    assert await put(dav, "a.vcf", card("a"), **{"If-None-Match": "*"}) == 201
    etag = dav.last["Etag"]
    assert await put(dav, "a.vcf", card("a"), **{"If-None-Match": "*"}) == 412
    assert await put(dav, "a.vcf", card("a", "Eva"), **{"If-Match": etag}) == 204
    assert await put(dav, "a.vcf", card("a"), **{"If-Match": etag}) == 412
    assert await put(dav, "b.vcf", card("b"), **{"If-Match": "*"}) == 412
    assert (await dav("DELETE", BOOK + "a.vcf", headers={"If-Match": etag}))[0] == 412
    assert (await dav("GET", BOOK + "a.vcf"))[0] == 200
    assert (await dav("DELETE", BOOK + "a.vcf", headers={"If-Match": dav.last["Etag"]}))[0] == 204
    assert (await dav("DELETE", BOOK + "a.vcf"))[0] == 404


@pytest.mark.parametrize(
    ("text", "status", "condition"),
    [
        ("nonsense", 403, "valid-address-data"),
        (card("x").replace("FN:Ada\r\n", ""), 403, "valid-address-data"),
        (card("a"), 409, "no-uid-conflict"),
        (card("x") + "\r\n", 201, ""),
    ],
)
async def test_what_a_server_refuses_of_a_card(dav: Caller, text: str, status: int, condition: str) -> None:
    await put(dav, "a.vcf", card("a"))
    answer, body = await dav("PUT", BOOK + "x.vcf", data=text.encode())
    assert answer == status
    assert condition.encode() in (body or b"")


async def test_a_token_tells_what_changed_and_what_is_gone(dav: Caller) -> None:
    for name in "abc":
        await put(dav, f"{name}.vcf", card(name))
    _, found, token = await sync(dav)
    assert set(found) == {"a.vcf", "b.vcf", "c.vcf"}
    assert (await sync(dav, token))[1:] == ({}, token)
    await dav("DELETE", BOOK + "a.vcf")
    await put(dav, "b.vcf", card("b", "Eva"))
    _, found, later = await sync(dav, token)
    assert (found.pop("b.vcf")[0], found) == ('"', {"a.vcf": "HTTP/1.1 404 Not Found"})
    assert later != token
    await dav.control("POST", "tokens")
    status, _, _ = await sync(dav, later)
    assert status == 403
    assert set((await sync(dav))[1]) == {"b.vcf", "c.vcf"}


async def test_an_answer_in_parts_goes_on_by_its_token(dav: Caller) -> None:
    await dav.control("POST", "manners", {"at_once": 2})
    for name in "abcde":
        await put(dav, f"{name}.vcf", card(name))
    seen: list[str] = []
    token = ""
    for count in (3, 3, 1):
        _, found, token = await sync(dav, token)
        assert len(found) == count
        assert ("HTTP/1.1 507 Insufficient Storage" in found.values()) == (count == 3)
        seen += [name for name in found if name]
    assert seen == [f"{name}.vcf" for name in "abcde"]


async def test_many_cards_at_once_and_by_a_text(dav: Caller) -> None:
    for name in "abc":
        await put(dav, f"{name}.vcf", card(name, f"Person {name}"))
    prop = "<D:prop><D:getetag/><C:address-data/></D:prop>"
    hrefs = "".join(f"<D:href>/carddav{BOOK}{name}.vcf</D:href>" for name in "az")
    body = f"<C:addressbook-multiget {SPACES}>{prop}{hrefs}</C:addressbook-multiget>"
    _, root = await asked(dav, "REPORT", BOOK, body)
    assert "FN:Person a" in (root[0].findtext(f".//{C}address-data") or "")
    assert root[1].findtext(f"{D}status") == "HTTP/1.1 404 Not Found"
    match = '<C:prop-filter name="EMAIL"><C:text-match match-type="{}">{}</C:text-match></C:prop-filter>'
    for kind, text, names in (
        ("equals", "B@example.com", "b"),
        ("contains", "example", "abc"),
        ("starts-with", "example", ""),
    ):
        chosen = f"<C:filter>{match.format(kind, text)}</C:filter>"
        body = f"<C:addressbook-query {SPACES}>{prop}{chosen}</C:addressbook-query>"
        _, root = await asked(dav, "REPORT", BOOK, body, "1")
        assert [one.findtext(f"{D}href") for one in root] == [f"/carddav{BOOK}{name}.vcf" for name in names]


@pytest.mark.parametrize("dialect", ["default", "small", "cdata"])
async def test_every_dialect_says_the_same(dav: Caller, dialect: str) -> None:
    await put(dav, "a.vcf", card("a", "A & B <c>"))
    await dav.control("POST", "manners", {"dialect": dialect})
    body = f"<D:propfind {SPACES}><D:prop><D:getetag/><C:address-data/></D:prop></D:propfind>"
    _, root = await asked(dav, "PROPFIND", BOOK, body, "1")
    text = root[1].findtext(f".//{C}address-data") or ""
    assert text.replace("\r\n", "\n") == card("a", "A & B <c>").replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("etags", "put_etag", "rewrites", "named"),
    [
        ("strong", True, False, '"'),
        ("weak", True, False, 'W/"'),
        ("strong", False, False, ""),
        ("strong", True, True, ""),
    ],
)
async def test_manners_of_etags(dav: Caller, etags: str, put_etag: bool, rewrites: bool, named: str) -> None:
    told = {"etags": etags, "put_etag": put_etag, "rewrites": rewrites}
    assert await dav.control("POST", "manners", told) | told == await dav.control("POST", "manners", {})
    await put(dav, "a.vcf", card("a"))
    assert dav.last.get("Etag", "").startswith(named)
    assert ("Etag" in dav.last) == bool(named)
    _, text = await dav("GET", BOOK + "a.vcf")
    assert (b"X-SERVER-WAS-HERE" in text) == rewrites


@pytest.mark.parametrize(
    ("manners", "status"),
    [({"read_only": True}, 403), ({"largest": 20}, 403), ({"room": 1}, 507)],
    ids=str,
)
async def test_a_server_that_takes_no_more(dav: Caller, manners: dict[str, Any], status: int) -> None:
    await put(dav, "a.vcf", card("a"))
    await dav.control("POST", "manners", manners)
    assert await put(dav, "b.vcf", card("b")) == status
    assert await dav.control("GET", "records") == {"contacts": 1, "suppliers": 0}


async def test_unknown_manners_are_refused(dav: Caller, session: ClientSession) -> None:
    url = f"{dav.running.url}/_control/carddav/manners"
    async with session.post(url, json={"politeness": 1}) as answer:
        assert answer.status == 400
    assert (await dav.control("POST", "reset", {"everything": True})) == {}
