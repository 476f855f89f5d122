"""Who is in the address book, by what people are looked for: kept in the client's memory, and brought up to date by the sync-token.

Servers cannot find numbers, and are slow at many texts. Reading the whole book for each batch of a first match would be as
many readings as there are batches; this is one, and then one small question each time. What a card says is kept with it, as long as
it is no long one: it counts while the server names the version that it was read in.

A server looks at every card to answer that small question: a second at ten thousand. In a large book many values at once are therefore
looked for in what was asked a moment ago, for ten times as long as the asking took: whoever looks for many is matching books, and his
look-ups and his writes lie further apart than that anyway. What was written here meanwhile is known. Whoever looks for a few values asks always.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from tieline.connectors.carddav.fields import ANY_OF, MAILS, PHONES, is_group, key_of, plain, properties, read
from tieline.connectors.carddav.vcard import Card
from tieline.connectors.carddav.wire import CardText, Listing, NotThereError, Wire

MOST = 20_000
"""Cards of a book that is kept: some 1 KB each, and their texts."""
LONGEST = 1000
"""Signs of a card whose text is kept; a longer one (a photograph) is read when it is wanted."""
LARGE_BOOK = 500
"""Cards from which on the server is not asked anew for every batch."""
RESTS, RESTS_AT_MOST_S = 10, 30.0
"""For so many times as long as the last asking took it is not done again, and at most for so many seconds."""
_TEXTS = ("name", "company")
GROUPS: Mapping[str, str] = {
    **dict.fromkeys(MAILS, "email"),
    **dict.fromkeys(PHONES, "phone"),
    **{name: name for name in _TEXTS},
}
"""Field → under what it is kept: whoever looks for a number means any number."""
_MEMORY = "carddav.index"
clock = time.monotonic


class Index:
    """Group and key → names of cards; name → the card, where its text is kept."""

    def __init__(self) -> None:
        self.token = ""
        self.rests_until = 0.0
        self._names: dict[tuple[str, str], set[str]] = {}
        self._keys: dict[str, set[tuple[str, str]]] = {}
        self._texts: dict[str, CardText] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def room_for(self, names: Iterable[str]) -> bool:
        """Whether it may grow by these."""
        return len(self._keys.keys() | set(names)) <= MOST

    def put(self, name: str, card: Card, text: CardText | None = None) -> None:
        """A card in place of what was kept under its name. text: as the server gave it; without one it is what we wrote, and will be read."""
        self.drop(name)
        if text is not None and text.version and len(text.text) <= LONGEST:
            self._texts[name] = text
        keys = self._keys[name] = set() if is_group(card) else set(_keys(card))
        for key in keys:
            self._names.setdefault(key, set()).add(name)

    def drop(self, name: str) -> None:
        """A card that is not there any more."""
        self._texts.pop(name, None)
        for key in self._keys.pop(name, ()):
            names = self._names[key]
            names.discard(name)
            if not names:
                del self._names[key]

    def hits(self, wanted: Mapping[str, set[str]]) -> list[str]:
        """Names of the cards where one of the fields has one of its keys."""
        found: set[str] = set()
        for field, keys in wanted.items():
            for key in keys:
                found |= self._names.get((GROUPS[field], key), set())
        return sorted(found)

    def texts(self, names: Iterable[str]) -> dict[str, CardText]:
        """Those of these cards whose text is kept."""
        return {name: text for name in names if (text := self._texts.get(name)) is not None}


def _keys(card: Card) -> Iterable[tuple[str, str]]:
    there = properties(card)
    for group, name in ANY_OF.items():
        for line in there.get(name, ()):
            if key := key_of(group, plain(line)):
                yield group, key
    for group, value in read(card, _TEXTS).items():
        if value and (key := key_of(group, value)):
            yield group, key


def kept(memory: Mapping[str, Any]) -> Index | None:
    """What is kept already."""
    index = memory.get(_MEMORY)
    return index if isinstance(index, Index) else None


def known(memory: Mapping[str, Any], versions: Mapping[str, str]) -> dict[str, CardText]:
    """Cards that need not be read, since they are kept in the very version that the server names. versions: by name."""
    index = kept(memory)
    texts = index.texts(versions) if index is not None else {}
    return {name: text for name, text in texts.items() if text.version == versions[name]}


def written(memory: Mapping[str, Any], name: str, card: Card | None) -> None:
    """Notes what was written just now (None: deleted), so that it is found before the server is asked again."""
    index = kept(memory)
    if index is None:
        return
    if card is None:
        index.drop(name)
    elif index.room_for((name,)):
        index.put(name, card)


async def look(
    wire: Wire, memory: dict[str, Any], book: str, wanted: Mapping[str, set[str]], *, many: bool
) -> dict[str, CardText] | None:
    """Cards that may have what is wanted, by name; None where the book cannot be kept (too large, no tokens). many: see above."""
    if _MEMORY in memory and memory[_MEMORY] is None:
        return None
    index = kept(memory)
    if index is None or not many or clock() >= index.rests_until:
        index = await _renewed(wire, memory, book, index or Index())
        if index is None:
            return None
    hits = index.hits(wanted)
    texts = index.texts(hits)
    return {**texts, **await wire.cards(book, [name for name in hits if name not in texts])}


async def _renewed(wire: Wire, memory: dict[str, Any], book: str, index: Index) -> Index | None:
    """What the server says now is in it."""
    begun_anew = False
    more, took = True, 0.0
    while more:
        began = clock()
        try:
            listing = await wire.changes(book, index.token)
        except NotThereError:
            if begun_anew or not index.token:
                memory[_MEMORY] = None
                return None
            index, begun_anew = Index(), True
            continue
        took = clock() - began
        if not index.room_for(listing.changed):
            memory[_MEMORY] = None
            return None
        await _take(index, wire, book, listing)
        more = listing.more
    if len(index) >= LARGE_BOOK:
        index.rests_until = clock() + min(RESTS * took, RESTS_AT_MOST_S)
    memory[_MEMORY] = index
    return index


async def _take(index: Index, wire: Wire, book: str, listing: Listing) -> None:
    for name in listing.gone:
        index.drop(name)
    for some in wire.pages(sorted(listing.changed)):
        cards = await wire.cards(book, some, with_times=True)
        for name in some:
            if name in cards:
                index.put(name, Card.parse(cards[name].text), cards[name])
            else:
                index.drop(name)
    index.token = listing.token
