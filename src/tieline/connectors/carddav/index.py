"""Who is in the address book, by what people are looked for: kept in the client's memory, and brought up to date by the sync-token.

Servers cannot find numbers, and are slow at many texts. Reading the whole book for each batch of a first match would be as
many readings as there are batches; this is one, and then one small question each time. It only names candidates: their cards are read and
compared again, so it may be behind but never wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tieline.connectors.carddav.fields import ANY_OF, MAILS, PHONES, is_group, key_of, plain, properties, read
from tieline.connectors.carddav.vcard import Card
from tieline.connectors.carddav.wire import Listing, NotThereError, Wire

MOST = 20_000
"""Cards of a book that is kept: some 1 KB each."""
_TEXTS = ("name", "company")
GROUPS: Mapping[str, str] = {
    **dict.fromkeys(MAILS, "email"),
    **dict.fromkeys(PHONES, "phone"),
    **{name: name for name in _TEXTS},
}
"""Field → under what it is kept: whoever looks for a number means any number."""
_MEMORY = "carddav.index"


class Index:
    """Group and key → names of cards."""

    def __init__(self) -> None:
        self.token = ""
        self._names: dict[tuple[str, str], set[str]] = {}
        self._keys: dict[str, set[tuple[str, str]]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, name: str, card: Card) -> None:
        """A card in place of what was kept under its name."""
        self.drop(name)
        if is_group(card):
            return
        keys = self._keys[name] = set(_keys(card))
        for key in keys:
            self._names.setdefault(key, set()).add(name)

    def drop(self, name: str) -> None:
        """A card that is not there any more."""
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


def _keys(card: Card) -> Iterable[tuple[str, str]]:
    there = properties(card)
    for group, name in ANY_OF.items():
        for line in there.get(name, ()):
            if key := key_of(group, plain(line)):
                yield group, key
    for group, value in read(card, _TEXTS).items():
        if value and (key := key_of(group, value)):
            yield group, key


def is_kept(memory: Mapping[str, Any]) -> bool:
    """Whether there is one already: then it is quicker than the server."""
    return isinstance(memory.get(_MEMORY), Index)


async def candidates(wire: Wire, memory: dict[str, Any], book: str, wanted: Mapping[str, set[str]]) -> list[str] | None:
    """Names of cards that may have what is wanted; None where the book cannot be kept (too large, no tokens)."""
    if _MEMORY in memory and memory[_MEMORY] is None:
        return None
    index = memory.get(_MEMORY) or Index()
    begun_anew = False
    more = True
    while more:
        try:
            listing = await wire.changes(book, index.token)
        except NotThereError:
            if begun_anew or not index.token:
                memory[_MEMORY] = None
                return None
            index, begun_anew = Index(), True
            continue
        if len(index) + len(listing.changed) > MOST:
            memory[_MEMORY] = None
            return None
        await _take(index, wire, book, listing)
        more = listing.more
    memory[_MEMORY] = index
    return index.hits(wanted)


async def _take(index: Index, wire: Wire, book: str, listing: Listing) -> None:
    for name in listing.gone:
        index.drop(name)
    for some in wire.pages(sorted(listing.changed)):
        cards = await wire.cards(book, some)
        for name in some:
            if name in cards:
                index.put(name, Card.parse(cards[name].text))
            else:
                index.drop(name)
    index.token = listing.token
