"""CardDAV: the contacts of one address book on any server that speaks RFC 6352.

The object is "contacts"; a record's id is the name of its card in the address book, its version the card's ETag. doc.md says
what was seen on a real server.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from tieline.connectors.carddav import index
from tieline.connectors.carddav.cursor import Cursor
from tieline.connectors.carddav.fields import (
    ANY_OF,
    CONTACTS,
    FIELDS,
    MAILS,
    ORIGIN,
    PHONES,
    is_group,
    key_of,
    lines_of,
    plain,
    properties,
    read,
)
from tieline.connectors.carddav.vcard import Card
from tieline.connectors.carddav.wire import LARGE, MULTIGET, CardText, Listing, NotThereError, Wire
from tieline.connectors.carddav.writing import FETCHED, Writer, name_for
from tieline.core.errors import ConfigError
from tieline.sdk.contract import (
    Identity,
    ObjectSchema,
    Outcome,
    Page,
    PushOperation,
    VendorRecord,
    VendorUser,
)
from tieline.sdk.http import Client

VALUES_AT_ONCE = 50
"""Values of one question to the server. For more it is quicker to read the book: a server compares each card with each value."""
_ASKED_AS = {
    "email": "EMAIL",
    "other_email": "EMAIL",
    "name": "FN",
    "last_name": "N",
    "first_name": "N",
    "company": "ORG",
    "title": "TITLE",
    "city": "ADR",
    "postal_code": "ADR",
    "website": "URL",
    "note": "NOTE",
}
"""Fields that a server can look for, as texts of these properties. Numbers are written in too many ways for that."""


class Connector:
    """The Records facet."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._wire = Wire(client)

    async def check(self) -> Identity:
        """The address book. CardDAV has no scopes; what may be written is the server's own affair."""
        book = await self._wire.book()
        return Identity(book.path, book.label)

    async def describe(self, objects: Sequence[str]) -> list[ObjectSchema]:
        """The same for every server: the fields are those of a vCard."""
        return [ObjectSchema(CONTACTS, "Contacts", FIELDS)] if not objects or CONTACTS in objects else []

    async def users(self) -> list[VendorUser]:
        """Contacts have no owners."""
        return []

    async def prepare(self, objects: Sequence[str]) -> dict[str, str]:
        """The key is the card's name and UID: there is nothing to make."""
        return {object: ORIGIN for object in objects if object == CONTACTS}

    # -- reading -------------------------------------------------------------------------------------------------------

    async def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[VendorRecord]:
        """Cards by name, five hundred a request."""
        _known(object)
        if not ids:
            return []
        book = await self._wire.book()
        cards = await self._wire.cards(book.path, list(dict.fromkeys(ids)), with_times="modified_at" in fields)
        if len(cards) <= MULTIGET and sum(len(card.text) for card in cards.values()) <= LARGE:
            self._client.memory[FETCHED] = cards
        return [_record(name, Card.parse(card.text), card, fields) for name, card in cards.items()]

    async def find(
        self, object: str, by: Sequence[str], values: Sequence[str], fields: Sequence[str]
    ) -> list[VendorRecord]:
        """A few texts are looked for by the server, as far as it can; numbers, and many values at once, in what was read of the book."""
        _known(object)
        names = tuple(dict.fromkeys((*fields, *by)))
        wanted = {field: {key for value in values if (key := key_of(field, str(value)))} for field in by}
        if not any(wanted.values()):
            return []
        book = (await self._wire.book()).path
        if tuple(by) == (ORIGIN,):
            cards: Mapping[str, CardText] = await self._wire.cards(book, [name_for(value) for value in values])
            return [record for record in _records(cards.items(), names, {}) if record.fields[ORIGIN] in values]
        simple = len(values) <= VALUES_AT_ONCE and all(field in _ASKED_AS for field in by)
        memory = self._client.memory
        if all(field in index.GROUPS for field in by) and (index.kept(memory) is not None or not simple):
            many = len(values) > VALUES_AT_ONCE
            hits = await index.look(self._wire, memory, book, wanted, many=many)
            if hits is not None:
                return _records(sorted(hits.items()), names, wanted)
        texts = sorted({text for value in values if (text := _searchable(str(value)))})
        if simple and _all_asked(values):
            asked = sorted({_ASKED_AS[field] for field in by})
            found = await self._wire.query(book, asked, texts)
            if found is not None:
                return _records(found.items(), names, wanted)
        listed = (await self._listed(book)).changed
        records: list[VendorRecord] = []
        for some in self._wire.pages(sorted(listed)):
            records += _records((await self._wire.cards(book, some)).items(), names, wanted)
        return records

    async def _listed(self, book: str) -> Listing:
        try:
            listing = await self._wire.changes(book, "")
            if not listing.more:
                return listing
        except NotThereError:
            pass
        return await self._wire.everything(book)

    # -- changes -------------------------------------------------------------------------------------------------------

    async def pull(self, object: str, fields: Sequence[str], cursor: str | None) -> AsyncIterator[Page]:
        """Changes behind the cursor. A token that is too old costs a listing of the book, and loses neither changes nor deletions."""
        _known(object)
        place = self._place()
        state = Cursor.load(cursor, place)
        if state is None:
            state = Cursor((await self._wire.book()).path, place)
        refused = 0
        while True:
            listing = await self._news(state, trusts=refused < 2)
            refused += not listing.is_by_token
            news = sorted(name for name, version in listing.changed.items() if not state.is_told(name, version))
            gone = tuple(listing.gone)
            for some in self._wire.pages(news):
                cards = index.known(self._client.memory, {name: listing.changed[name] for name in some})
                unread = [name for name in some if name not in cards]
                cards.update(await self._wire.cards(state.book, unread, with_times="modified_at" in fields))
                records = _records(cards.items(), fields, {})
                for name, card in cards.items():
                    state.tell(name, card.version or "")
                state.forget(gone)
                if some[-1] == news[-1]:
                    state.token = listing.token
                yield Page(records, state.dump(), gone)
                gone = ()
            if gone or (not news and state.token != listing.token):
                state.forget(gone)
                state.token = listing.token
                yield Page((), state.dump(), gone)
            elif not news:
                yield Page((), state.dump() if cursor is None else cursor)
            if not listing.more:
                return
            cursor = state.dump()

    async def _news(self, state: Cursor, *, trusts: bool) -> Listing:
        """What is to be looked at. trusts: the server's tokens hold for longer than a moment; else the whole list says it."""
        if state.token and trusts:
            try:
                return await self._wire.changes(state.book, state.token)
            except NotThereError:
                state.token = ""
        listing: Listing | None = None
        if state.is_synced and trusts:
            try:
                listing = await self._wire.changes(state.book, "")
            except NotThereError:
                state.is_synced = False
        if listing is None or (listing.more and state.known):
            # The whole list once, to know what is gone; a listing in parts goes on by its own token.
            whole = await self._wire.everything(state.book)
            state.is_synced = whole.is_by_token
            listing = Listing(whole.changed, [], listing.token if listing else "", bool(listing and listing.more))
        if not listing.more or state.known:
            listing.gone = sorted(state.known.keys() - listing.changed.keys())
        listing.is_by_token = False
        return listing

    def _place(self) -> str:
        typed = "\0".join((self._client.hosts["dav"], *(self._client.fields.get(one, "") for one in ("user", "book"))))
        return hashlib.blake2b(typed.encode(), digest_size=8).hexdigest()

    # -- writing -------------------------------------------------------------------------------------------------------

    async def push(self, operations: Sequence[PushOperation]) -> list[Outcome]:
        """See `writing`."""
        return await Writer(self._wire, self._client.memory).push(operations)


def _known(object: str) -> None:
    if object != CONTACTS:
        raise ConfigError(f"there is no object {object!r}", setting="object")


def _records(
    cards: Iterable[tuple[str, CardText]], names: Collection[str], wanted: Mapping[str, set[str]]
) -> list[VendorRecord]:
    """Contacts among cards: no lists of members, and where something was looked for, only what has it."""
    keys = frozenset().union(*wanted.values()) if wanted else frozenset()
    records = []
    for name, text in cards:
        card = Card.parse(text.text)
        if is_group(card) or (wanted and not _has(card, wanted)):
            continue
        records.append(_record(name, card, text, names, keys))
    return records


def _record(name: str, card: Card, text: CardText, names: Collection[str], keys: Collection[str] = ()) -> VendorRecord:
    values = read(card, names, keys)
    if "modified_at" in values and text.modified:
        values["modified_at"] = _time(text.modified)
    return VendorRecord(CONTACTS, name, values, text.version)


def _time(text: str) -> str | None:
    try:
        return parsedate_to_datetime(text).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None


def _has(card: Card, wanted: Mapping[str, set[str]]) -> bool:
    there = properties(card)
    for field, keys in wanted.items():
        if field in PHONES or field in MAILS:
            lines = there.get(ANY_OF[field], ()) if field in ANY_OF else lines_of(there, field)
            texts: list[Any] = [plain(line) for line in lines]
        else:
            texts = [read(card, (field,))[field] or ""]
        if any(key_of(field, text) in keys for text in texts if text):
            return True
    return False


def _searchable(value: str) -> str:
    """The longest piece of a text without signs that a vCard escapes or servers read in their own way."""
    pieces = [piece for piece in _split(value) if piece.strip()]
    return max(pieces, key=len, default="").strip()


def _split(value: str) -> list[str]:
    for sign in '\\;,"\n\r\t':
        value = value.replace(sign, "\0")
    return value.split("\0")


def _all_asked(values: Sequence[str]) -> bool:
    return all(_searchable(str(value)) for value in values if str(value).strip())
