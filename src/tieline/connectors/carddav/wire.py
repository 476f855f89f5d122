"""Requests to a CardDAV server: where the address book is, what changed in it, its cards.

Everything is addressed from the root of the server that was typed, since servers name their members by whole paths. A
redirect or an href to another server is not followed: the password was typed for this one.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

from tieline.connectors.carddav import dav
from tieline.connectors.carddav.dav import Found, Multistatus
from tieline.core.errors import AuthError, ConfigError, ProtocolError, TransientError
from tieline.sdk.answer import Response
from tieline.sdk.http import Client

ROOT = "root"
"""The logical host of the server's root, made of the typed address."""
MULTIGET = 500
LARGE = 8 * 1024 * 1024
"""What an answer may come to before fewer cards are asked for at a time (photographs)."""
TRIES_OF_A_PAGE = 2
LISTED = 10
"""How many times longer than for other questions a whole book may take: Radicale parses each card that it has not seen (11 ms)."""
_XML = {"Content-Type": "application/xml; charset=utf-8"}
_MOVED = (301, 302, 303, 307, 308)
_ELSEWHERE = frozenset({*_MOVED, 400, 403, 404, 405, 410, 501})
_NO_SUCH_REPORT = frozenset({400, 403, 404, 405, 409, 410, 412, 415, 422, 501, 507})
"""Answers to a REPORT that mean "not this one" or "not that token"; asked more simply, the truth comes out."""
_ASKED = (dav.KIND, dav.LABEL, dav.PRINCIPAL, dav.HOME)


class NotThereError(ProtocolError):
    """The server does not know this report, or this token."""


@dataclass(frozen=True, slots=True)
class Book:
    """An address book: its path with a slash at the end, as the server writes it, and what people call it."""

    path: str
    label: str


@dataclass(frozen=True, slots=True)
class CardText:
    """A card as read, its version and when the server says that it was changed (as it says it)."""

    text: str
    version: str | None
    modified: str = ""


@dataclass(slots=True)
class Listing:
    """changed: name → version · gone: names · token: behind all this, "" where there is none · more: the server has told a part only ·
    is_by_token: it says what changed, not what there is."""

    changed: dict[str, str]
    gone: list[str]
    token: str = ""
    more: bool = False
    is_by_token: bool = True


class Wire:
    """The server of one connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        base = urlsplit(client.hosts["dav"])
        client.hosts.setdefault(ROOT, f"{base.scheme}://{base.netloc}")
        self._start = base.path.rstrip("/")
        self.most = MULTIGET

    # -- requests ------------------------------------------------------------------------------------------------------

    async def ask(
        self, method: str, path: str, body: bytes, depth: str, accept: Container[int] = (), patience: int = 1
    ) -> tuple[Response, Multistatus]:
        """A question; nothing changes there. An answer that is none of WebDAV's (a page of what stands before the server) is asked for
        again, as the client does where an API speaks JSON. Of a status in `accept` the multistatus is empty."""
        headers = {**_XML, "Depth": depth}
        tried = 0
        while True:
            tried += 1
            answer = await self._client.request(
                method,
                ROOT,
                path,
                read=True,
                content=body,
                headers=headers,
                accept=accept,
                timeout_s=self._client.timeout_s * patience,
                expect_json=False,
            )
            if answer.status in accept:
                return answer, Multistatus()
            try:
                return answer, dav.multistatus(answer.body)
            except TransientError:
                if tried >= TRIES_OF_A_PAGE:
                    raise

    async def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, accept: Container[int]
    ) -> Response:
        """A write."""
        return await self._client.request(
            method, ROOT, path, read=False, content=body, headers=headers, accept=accept, expect_json=False
        )

    # -- where the address book is -------------------------------------------------------------------------------------

    async def book(self) -> Book:
        """The address book of this connection; looked for once and kept in the client's memory."""
        kept = self._client.memory.get("carddav.book")
        if kept is None:
            kept = self._client.memory["carddav.book"] = await self._discover()
        book: Book = kept
        return book

    async def _discover(self) -> Book:
        """From what was typed: an address book itself, a principal, or a server that says where to ask (RFC 6764)."""
        wanted = self._client.fields.get("book", "").strip()
        starts = dict.fromkeys((f"{self._start}/", f"{self._start}/.well-known/carddav", "/.well-known/carddav"))
        for start in starts:
            found = await self._looked_at(start)
            if found is None:
                continue
            path, it = found
            if dav.BOOK in it.kinds:
                return Book(_slashed(path), it.props.get(dav.LABEL, "").strip() or _last(path))
            if books := await self._books(it):
                return _chosen(books, wanted)
        raise ConfigError("no address book is found at this address", setting="url")

    async def _looked_at(self, start: str) -> tuple[str, Found] | None:
        """What the server says of a path, redirects followed; None where there is nothing for us."""
        path = start
        for _ in range(5):
            answer, told = await self.ask("PROPFIND", path, dav.propfind(_ASKED), "0", _ELSEWHERE)
            if answer.status in _MOVED:
                path = self._moved(path, answer.headers.get("Location", ""))
                continue
            if answer.status in _ELSEWHERE:
                return None
            return (path, told.responses[0]) if told.responses else None
        raise ConfigError("the server sends from one address to the next", setting="url")

    def _moved(self, path: str, location: str) -> str:
        base = self._client.hosts[ROOT]
        to = urlsplit(urljoin(base + path, location))
        here = urlsplit(base)
        if (to.scheme, to.netloc) != (here.scheme, here.netloc):
            raise ConfigError(
                "the server sends to another server: its address is to be typed", setting="url", host=to.hostname
            )
        return to.path or "/"

    async def _books(self, it: Found) -> list[Book]:
        home = it.props.get(dav.HOME, "").strip()
        if not home:
            principal = it.props.get(dav.PRINCIPAL, "").strip()
            if not principal:
                if dav.UNAUTHENTICATED in it.kinds:
                    raise AuthError("the server does not know who we are")
                return []
            path = self._moved("/", principal)
            _, told = await self.ask("PROPFIND", path, dav.propfind(_ASKED), "0")
            for found in told.responses:
                home = home or found.props.get(dav.HOME, "").strip()
            home = home or path
        _, told = await self.ask("PROPFIND", _slashed(self._moved("/", home)), dav.propfind(_ASKED), "1")
        books = []
        for found in told.responses:
            if dav.BOOK in found.kinds:
                path = _slashed(self._moved("/", found.href))
                books.append(Book(path, found.props.get(dav.LABEL, "").strip() or _last(path)))
        return sorted(books, key=lambda book: book.path)

    # -- what is in it -------------------------------------------------------------------------------------------------

    async def changes(self, book: str, token: str) -> Listing:
        """Names and versions since the token, all of them for "". NotThereError: no such report here, or the token is too old."""
        answer, told = await self.ask("REPORT", book, dav.sync_collection(token), "0", _NO_SUCH_REPORT, LISTED)
        if answer.status in _NO_SUCH_REPORT:
            raise NotThereError(f"sync-collection: {answer.status}")
        if not told.token:
            raise NotThereError("sync-collection: no token")
        listing = _listing(told, book)
        listing.token = told.token
        return listing

    async def everything(self, book: str) -> Listing:
        """All names and versions, where sync-collection cannot tell; `is_by_token`: it could, after all."""
        _, told = await self.ask("PROPFIND", book, dav.propfind((dav.ETAG, dav.KIND, dav.TOKEN)), "1", patience=LISTED)
        listing = _listing(told, book)
        listing.is_by_token = any(dav.TOKEN in found.props for found in told.responses)
        return listing

    async def cards(self, book: str, names: Sequence[str], *, with_times: bool = False) -> dict[str, CardText]:
        """Name → card, in as few requests as their size allows; names that are not there are left out."""
        wanted = [dav.ETAG, dav.DATA, *([dav.MODIFIED] if with_times else ())]
        found: dict[str, CardText] = {}
        at = 0
        while at < len(names):
            count = self.at_once
            some = names[at : at + count]
            body = dav.multiget((dav.member(book, name) for name in some), wanted)
            try:
                answer, told = await self.ask("REPORT", book, body, "0")
            except ProtocolError as error:
                if "limit" not in error.params or len(some) == 1:
                    raise
                self._client.memory["carddav.at_once"] = max(1, len(some) // 4)
                continue
            found.update(_cards(told))
            self._learn(len(some), len(answer.body))
            at += len(some)
        return found

    @property
    def at_once(self) -> int:
        """How many cards to ask for, by the size of those that came."""
        count: int = self._client.memory.get("carddav.at_once", self.most)
        return min(count, self.most)

    def _learn(self, count: int, size: int) -> None:
        """Fewer at a time where cards are large, so that memory stays flat; more again once they are small."""
        each = max(1, size // count)
        self._client.memory["carddav.at_once"] = max(1, LARGE // each)

    def pages(self, names: Sequence[str]) -> Iterator[Sequence[str]]:
        """The names in parts of one request each."""
        at = 0
        while at < len(names):
            count = self.at_once
            yield names[at : at + count]
            at += count

    async def query(self, book: str, properties: Sequence[str], texts: Sequence[str]) -> dict[str, CardText] | None:
        """Cards where a property contains a text, as far as the server finds them; None where it cannot look or stopped half-way."""
        body = dav.query(properties, texts, (dav.ETAG, dav.DATA))
        answer, told = await self.ask("REPORT", book, body, "1", _NO_SUCH_REPORT, LISTED)
        if answer.status in _NO_SUCH_REPORT:
            return None
        return None if any(found.status == 507 for found in told.responses) else _cards(told)

    async def versions(self, book: str, names: Sequence[str]) -> dict[str, str | None]:
        """Name → version of those that are there."""
        body = dav.multiget((dav.member(book, name) for name in names), (dav.ETAG,))
        _, told = await self.ask("REPORT", book, body, "0")
        return {one.name: dav.version_of(one.props[dav.ETAG]) for one in told.responses if dav.ETAG in one.props}


def _cards(told: Multistatus) -> dict[str, CardText]:
    return {
        found.name: CardText(
            found.props[dav.DATA], dav.version_of(found.props.get(dav.ETAG)), found.props.get(dav.MODIFIED, "")
        )
        for found in told.responses
        if found.props.get(dav.DATA) and found.name
    }


def _listing(told: Multistatus, book: str) -> Listing:
    changed: dict[str, str] = {}
    gone: list[str] = []
    more = False
    itself = unquote(book).rstrip("/")
    for found in told.responses:
        name = found.name
        if found.status == 507:
            more = True
        elif not name or unquote(urlsplit(found.href).path) == itself:
            continue
        elif found.status in (404, 410):
            gone.append(name)
        elif dav.ETAG in found.props and f"{dav.DAV} collection" not in found.kinds:
            changed[name] = dav.version_of(found.props[dav.ETAG]) or ""
    return Listing(changed, gone, more=more)


def _chosen(books: Sequence[Book], wanted: str) -> Book:
    if not wanted:
        return books[0]
    for book in books:
        if wanted.casefold() in (book.label.casefold(), _last(book.path).casefold(), book.path.rstrip("/").casefold()):
            return book
    raise ConfigError("there is no such address book", setting="book", value=wanted)


def _slashed(path: str) -> str:
    """A path as it may be sent: quoted, with a slash at its end."""
    quoted = quote(unquote(path), safe="/@:!$&'()*+,;=~")
    return quoted if quoted.endswith("/") else quoted + "/"


def _last(path: str) -> str:
    return unquote(path.rstrip("/").rpartition("/")[2])
