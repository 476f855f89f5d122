"""Two address books on the sandbox, edited at random by other clients: when it is quiet they agree, and it becomes quiet."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.connectors.carddav_pairs import BOOKS, Pair, settings_of
from tests.connectors.test_carddav import Connect, connect, running, sandbox
from tieline.connectors.carddav.fields import FIELDS, read, write
from tieline.connectors.carddav.sandbox import CardDavSandbox
from tieline.connectors.carddav.tests import CARDS, card_of
from tieline.connectors.carddav.vcard import Card

__all__ = ["connect", "running", "sandbox"]
KEPT = [field.name for field in FIELDS if not field.read_only and field.name not in ("department", "region")]
WORDS = ["Ada", "Lovelace", "Ada Lovelace", "Ada King Lovelace", "A & B; C, D", "12, rue X\nLyon", "é ß 日本", None]


def value(chance: random.Random, field: str) -> str | None:
    if field == "birthday":
        return chance.choice(["1985-04-12", "1990-01-01", None])
    if field in ("phone", "mobile", "fax"):
        return chance.choice(["+33 1 86 76 54 32", "01 86 76 54 32", "+4531100001", None])
    if field == "email":
        return chance.choice([f"{chance.choice('abc')}{chance.randrange(9)}@example.com", None])
    if field == "website":
        return chance.choice(["https://example.com/a,b", "example.com", None])
    return chance.choice(WORDS)


def edit(chance: random.Random, text: str) -> str:
    """Another client changes a few fields of a card as it likes; FN and N need not agree."""
    card = Card.parse(text)
    fields = chance.sample(KEPT, chance.randrange(1, 4))
    write(card, {field: value(chance, field) or ("Somebody" if field == "name" else None) for field in fields})
    return card.text()


@pytest.mark.proves("CUST-11")
@pytest.mark.parametrize("manners", [{}, {"rewrites": True, "at_once": 3}, {"sync": False, "etags": "weak"}], ids=str)
@pytest.mark.parametrize("seed", range(6))
async def test_random_edits_of_both_books_come_to_rest_in_agreement(
    connect: Connect, sandbox: CardDavSandbox, manners: dict[str, Any], seed: int
) -> None:
    chance = random.Random(seed)
    for name, manner in manners.items():
        setattr(sandbox.manners, name, manner)
    settings = await settings_of(connect())
    rules = [
        role.model_copy(update={"lines": [line.model_copy(update={"policy": "left"}) for line in role.lines]})
        for role in settings.roles
    ]
    pair = Pair(
        lambda book: [kept.text for kept in sandbox.books[book].cards.values()],
        connect,
        settings.model_copy(update={"roles": tuple(rules)}),
    )
    await pair.quiet()
    theirs = [
        "\r\n".join([*(line for line in card["lines"][:-1] if line[:4] != "UID:"), f"UID:{n}", "END:VCARD", ""])
        for n, card in enumerate(CARDS)
    ]
    plain = [card_of({"name": f"Person {n}", "email": f"n{n}@example.com"}, f"c{n}") for n in range(4)]
    sandbox.store({"cards": {f"{n}.vcf": text for n, text in enumerate([*theirs, *plain])}})
    for _ in range(6):
        for _ in range(chance.randrange(1, 6)):
            book = chance.choice(list(BOOKS.values()))
            cards = sandbox.books[book].cards
            if cards:
                name = chance.choice(sorted(cards))
                sandbox.store({"book": book, "cards": {name: edit(chance, cards[name].text)}})
        await pair.quiet()
        links = list(pair.store.rows.values())
        assert len(links) == len(sandbox.books["contacts"].cards) == len(sandbox.books["suppliers"].cards) == 8
        for link in links:
            left, right = (
                read(Card.parse(sandbox.books[book].cards[id].text), KEPT)
                for book, id in (("contacts", link.left_id), ("suppliers", link.right_id))
            )
            asked = {
                one.id for one in pair.store.asked.values()
            }  # everything of it changed at once: the same person still?
            if link.state == "linked" and not {link.left_id, link.right_id} & asked:
                assert {name: _same(name, left[name]) for name in KEPT} == {
                    name: _same(name, right[name]) for name in KEPT
                }
    assert not pair.store.waits, [w.why for w in pair.store.waits.values()]


def _same(name: str, value: Any) -> Any:
    """What counts as the same: numbers however they are written, spaces apart."""
    if name in ("phone", "mobile", "fax") and value:
        return "".join(sign for sign in value if sign.isdigit())[-9:]
    return " ".join(value.split()) if isinstance(value, str) else value
