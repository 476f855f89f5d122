"""For the conformance kit, on the sandbox or on a real Radicale behind it; and the cards of clients that are met (fixtures)."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tieline.connectors.carddav.fields import CONTACTS, read, write
from tieline.connectors.carddav.sandbox import PASSWORD, USER
from tieline.connectors.carddav.vcard import Card
from tieline.sdk.conformance.on_sandbox import on_sandbox
from tieline.sdk.conformance.subject import Subject

_NUMBER = itertools.count(1)


def card_of(row: Mapping[str, Any], uid: str) -> str:
    """A card as another client writes it."""
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", f"FN:{row['name']}", f"N:{row['name']};;;;"]
    lines += [f"EMAIL;TYPE=INTERNET:{row['email']}"] if row.get("email") else []
    lines += [f"ADR:;;;{row['city']};;;"] if row.get("city") else []
    return "\r\n".join([*lines, "X-OTHER;A=b:kept", "END:VCARD", ""])


@asynccontextmanager
async def subject(radicale: Any = None) -> AsyncIterator[Subject]:
    """Contacts, found by e-mail address. radicale: a `RadicaleServer` that answers in place of the sandbox."""
    known: dict[str, Any] = {
        "object": CONTACTS,
        "api_path": r"/",
        "write_path": r"\.vcf$",
        "values": lambda name: {"name": name, "city": "Lyon"},
        "bad_values": {"name": "Bad", "birthday": "yesterday"},
        "bad_field": "birthday",
        "clear_field": "city",
        "finds": ("email", lambda n: (f"n{n}@example.com", f"N{n}@EXAMPLE.com")),
        "compares_versions": True,
        "many": 1100,
    }
    password, user = (radicale.password, radicale.user) if radicale else (PASSWORD, USER)
    fields = {"url": "http://carddav.invalid", "user": user, "password": password}
    async with on_sandbox("carddav", fields, **known) as (found, sandbox):
        found.secrets = (password,)
        if radicale is None:
            _at_sandbox(found, sandbox)
        else:
            sandbox.upstream = radicale.base_url
            _at_radicale(found, radicale)
        yield found


def _at_sandbox(found: Subject, sandbox: Any) -> None:
    async def records(_: str) -> Sequence[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = sandbox.stored("contacts")
        return rows

    async def seed(_: str, rows: list[dict[str, Any]]) -> list[str]:
        uids = [f"seed-{next(_NUMBER)}" for _ in rows]
        cards = {f"{uid}.vcf": card_of(row, uid) for uid, row in zip(uids, rows, strict=True)}
        return list(sandbox.store({"cards": cards}))

    async def delete(_: str, id: str) -> None:
        sandbox.remove(id)

    async def changed_by(_: str, id: str) -> None:
        text = next(row["card"] for row in sandbox.stored("contacts") if row["id"] == id)
        sandbox.store({"cards": {id: text.replace("END:VCARD", "NOTE:by somebody else\r\nEND:VCARD")}})

    found.records, found.seed, found.delete, found.changed_by = records, seed, delete, changed_by


def _at_radicale(found: Subject, radicale: Any) -> None:
    """Behind the connector's back: over HTTP, as another client does it, and in the folder before the first look. Radicale takes
    11 ms to read a card for the first time: pages are small."""
    make = found.make
    found.many = 220

    def made() -> Any:
        connector = make()
        connector._wire.most = 100
        return connector

    found.make = made

    async def request(method: str, name: str, body: str | None = None) -> str:
        auth = aiohttp.encode_basic_auth(radicale.user, radicale.password)
        headers = {"Content-Type": "text/vcard", "Authorization": auth}
        url = radicale.base_url + radicale.path() + name
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, data=body, headers=headers) as answer,
        ):
            assert answer.status < 300, answer.status
            return await answer.text()

    async def records(_: str) -> Sequence[Mapping[str, Any]]:
        texts = {path.name: path.read_text() for path in radicale.collection().glob("*.vcf")}
        return [{"id": name, **read(Card.parse(text), ("name",))} for name, text in texts.items()]

    async def seed(_: str, rows: list[dict[str, Any]]) -> list[str]:
        uids = [f"seed-{next(_NUMBER)}" for _ in rows]
        cards = {f"{uid}.vcf": card_of(row, uid) for uid, row in zip(uids, rows, strict=True)}
        radicale.put_in(cards)
        return list(cards)

    async def delete(_: str, id: str) -> None:
        await request("DELETE", id)

    async def changed_by(_: str, id: str) -> None:
        text = await request("GET", id)
        await request("PUT", id, text.replace("END:VCARD", "NOTE:by somebody else\r\nEND:VCARD"))

    found.records, found.seed, found.delete, found.changed_by = records, seed, delete, changed_by


# -- cards of clients that are met -----------------------------------------------------------------------------------------

FIXTURES = Path(__file__).parent / "fixtures"
CARDS = json.loads((FIXTURES / "cards.json").read_text())


@pytest.mark.parametrize("card", CARDS, ids=[card["from"] for card in CARDS])
def test_a_clients_card_is_read_and_kept(card: dict[str, Any]) -> None:
    """As read, and after every one of its fields was written as it is: not a byte moved."""
    text = "\r\n".join([*card["lines"], ""])
    parsed = Card.parse(text)
    assert parsed.text() == text
    assert read(parsed, card["read"]) == card["read"]
    write(parsed, {name: value for name, value in card["read"].items() if name not in card.get("read_only", ())})
    assert parsed.text() == text


@pytest.mark.parametrize("card", CARDS, ids=[card["from"] for card in CARDS])
def test_what_is_not_written_stays(card: dict[str, Any]) -> None:
    """A new note and another number: every other line stands where it stood, as it stood."""
    text = "\r\n".join([*card["lines"], ""])
    parsed = Card.parse(text)
    write(parsed, {"note": "new, and\nlonger; than before", "phone": "+33 1 86 76 54 32"})
    now = parsed.text()
    again = read(Card.parse(now), ("note", "phone"))
    assert (
        again == {"note": "new, and\nlonger; than before", "phone": "+33 1 86 76 54 32"}
        or again["phone"] == "+33186765432"
    )
    touched = set(card["touched"])
    kept = [line for line in Card.parse(text)._lines if line.raw.rstrip("\r\n") not in touched]
    at = 0
    for line in kept:
        if line.name == "NOTE":
            continue
        at = now.index(line.raw, at) + len(line.raw)
