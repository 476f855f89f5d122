"""A CardDAV server as the RFCs describe it, with the manners of servers that are met: weak ETags, none after a PUT, tokens that grow
old, answers in parts, cards that are kept otherwise than they were sent. Or a real server behind the kit's faults (`upstream`).

Sources: RFC 4918 (WebDAV), RFC 5397 (current-user-principal), RFC 6352 (CardDAV), RFC 6578 (sync-collection), RFC 6764
(.well-known), RFC 9110 section 13 (conditions).
"""

from __future__ import annotations

import base64
import contextlib
import http.client
from dataclasses import asdict, fields
from email.utils import formatdate
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from xml.sax.saxutils import escape

from tieline.connectors.carddav.sandbox_book import Book, Kept, Manners
from tieline.connectors.carddav.sandbox_xml import (
    C,
    D,
    Element,
    Writer,
    asked_props,
    is_valid,
    matches,
    parsed,
    values_of,
)
from tieline.sdk.sandbox import Reply, Request, Sandbox, json_reply

USER, PASSWORD = "hub", "sandbox-password"
HOME, PRINCIPAL = f"/dav/addressbooks/{USER}/", f"/dav/principals/{USER}/"
XML = "application/xml; charset=utf-8"
_DATA, _ETAG = f"{C}address-data", f"{D}getetag"
_PASSED = ("authorization", "content-type", "depth", "if-match", "if-none-match")


class CardDavSandbox(Sandbox):
    """One user with the address books Contacts and Suppliers. Control: POST manners {…}, POST tokens (every sync-token grows old),
    POST upstream {"url"} (a real server answers instead)."""

    name = "carddav"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.reset(everything=True)

    def reset(self, everything: bool) -> None:  # noqa: ARG002  (the kit's; there is nothing else to keep)
        self.books = {"contacts": Book("Contacts"), "suppliers": Book("Suppliers")}
        self.manners = Manners()
        self.upstream = ""
        self._refuses = False

    # -- requests ------------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self._refuses or (not self.upstream and request.headers.get("authorization") != f"Basic {pair}"):
            return Reply(401, b"who are you?", "text/plain", [("WWW-Authenticate", 'Basic realm="Contacts"')])
        if self.upstream:
            return self._forward(request)
        if request.path == "/.well-known/carddav":
            return Reply(301, headers=[("Location", f"/{self.name}/dav/")])
        try:
            match request.method:
                case "PROPFIND":
                    return self._propfind(request)
                case "REPORT":
                    return self._report(request)
                case "PUT":
                    return self._put(request)
                case "DELETE":
                    return self._delete(request)
                case "GET":
                    return self._get(request)
        except ValueError as error:
            return Reply(400, str(error).encode(), "text/plain")
        return Reply(405)

    def _placed(self, path: str) -> tuple[Book | None, str]:
        """The address book that a path is in, and the name of a card in it ("" for the book itself)."""
        if not path.startswith(HOME):
            return None, ""
        book, _, name = path[len(HOME) :].partition("/")
        return self.books.get(book), name

    def _put(self, request: Request) -> Reply:
        book, name = self._placed(request.path)
        if book is None or not name:
            return Reply(409)
        manners, kept, text = self.manners, book.cards.get(name), request.body.decode("utf-8", "replace")
        if manners.read_only:
            return self._error(403, f"{D}need-privileges")
        if refusal := self._conditions(request, kept):
            return refusal
        if not is_valid(text):
            return self._error(403, f"{C}valid-address-data")
        if manners.largest and len(request.body) > manners.largest:
            return self._error(403, f"{C}max-resource-size")
        if kept is None and manners.room and len(book.cards) >= manners.room:
            return Reply(507)
        uid = values_of(text, "UID")
        if any(values_of(one.text, "UID") == uid for other, one in book.cards.items() if other != name) and uid:
            return self._error(409, f"{C}no-uid-conflict")
        if manners.rewrites:
            text = text.replace("END:VCARD", "X-SERVER-WAS-HERE:yes\r\nEND:VCARD")
        book.cards[name] = made = Kept(text, book.touch(name), self.now())
        names_etag = manners.put_etag and not manners.rewrites
        return Reply(201 if kept is None else 204, headers=[("ETag", self._etag(made))] if names_etag else [])

    def _delete(self, request: Request) -> Reply:
        book, name = self._placed(request.path)
        kept = book.cards.get(name) if book is not None else None
        if book is None or kept is None:
            return Reply(404)
        if self.manners.read_only:
            return self._error(403, f"{D}need-privileges")
        if refusal := self._conditions(request, kept):
            return refusal
        del book.cards[name]
        book.touch(name)
        return Reply(204)

    def _get(self, request: Request) -> Reply:
        book, name = self._placed(request.path)
        kept = book.cards.get(name) if book is not None else None
        if kept is None:
            return Reply(404)
        return Reply(200, kept.text.encode(), "text/vcard; charset=utf-8", [("ETag", self._etag(kept))])

    def _conditions(self, request: Request, kept: Kept | None) -> Reply | None:
        if request.headers.get("if-none-match") == "*" and kept is not None:
            return Reply(412)
        wanted = request.headers.get("if-match")
        if wanted is None or (wanted == "*" and kept is not None):
            return None
        if kept is None or self.manners.etags == "strict" or wanted != f'"{kept.tag}"':
            return Reply(412)
        return None

    # -- questions -----------------------------------------------------------------------------------------------------

    def _propfind(self, request: Request) -> Reply:
        asked, deep = asked_props(parsed(request.body)), request.headers.get("depth") == "1"
        path = request.path if request.path.endswith("/") else request.path + "/"
        write = Writer(self.manners.dialect)
        principal = {f"{D}current-user-principal": write.element(f"{D}href", self._href(PRINCIPAL))}
        collection = write.element(f"{D}collection", "")
        found: list[str] = []
        if path in ("/dav/", PRINCIPAL):
            there = {f"{D}resourcetype": collection, **principal}
            if path == PRINCIPAL:
                there[f"{C}addressbook-home-set"] = write.element(f"{D}href", self._href(HOME))
            found.append(self._told(write, path, there, asked))
        elif path == HOME:
            found.append(self._told(write, HOME, {f"{D}resourcetype": collection, **principal}, asked))
            if deep:
                found += [self._book_told(write, name, book, asked) for name, book in self.books.items()]
        elif (placed := self._placed(path))[0] is not None and not placed[1]:
            name = path[len(HOME) : -1]
            found.append(self._book_told(write, name, self.books[name], asked))
            if deep:
                cards = self.books[name].cards
                found += [self._card_told(write, f"{path}{one}", kept, asked) for one, kept in cards.items()]
        else:
            return Reply(404)
        return Reply(207, write.multistatus(found), XML)

    def _book_told(self, write: Writer, name: str, book: Book, asked: list[str]) -> str:
        kinds = write.element(f"{D}collection", "") + write.element(f"{C}addressbook", "")
        there = {f"{D}resourcetype": kinds, f"{D}displayname": escape(book.label)}
        if self.manners.sync:
            there[f"{D}sync-token"] = self._token(book)
        there[f"{D}current-user-principal"] = write.element(f"{D}href", self._href(PRINCIPAL))
        return self._told(write, f"{HOME}{name}/", there, asked)

    def _told(self, write: Writer, path: str, there: dict[str, str], asked: list[str]) -> str:
        known = {name: there[name] for name in asked if name in there}
        return write.found(self._href(path), known, [name for name in asked if name not in there])

    def _card_told(self, write: Writer, path: str, kept: Kept, asked: list[str]) -> str:
        etag = self._etag(kept)
        there = {
            _ETAG: escape(etag.strip('"') if self.manners.etags == "bare" else etag, {'"': "&quot;"}),
            _DATA: write.text(kept.text),
            f"{D}getlastmodified": formatdate(kept.modified, usegmt=True),
        }
        return self._told(write, path, there, asked)

    def _report(self, request: Request) -> Reply:
        path = request.path if request.path.endswith("/") else request.path + "/"
        book, name = self._placed(path)
        root = parsed(request.body)
        if book is None or name:
            return Reply(404)
        match root.tag:
            case "{DAV:}sync-collection" if self.manners.sync:
                return self._sync(path, book, root)
            case "{urn:ietf:params:xml:ns:carddav}addressbook-multiget":
                return self._multiget(book, root)
            case "{urn:ietf:params:xml:ns:carddav}addressbook-query" if self.manners.filters != "no":
                return self._query(path, book, root)
        return self._error(403, f"{D}supported-report")

    def _sync(self, path: str, book: Book, root: Element) -> Reply:
        token, asked, write = (
            (root.findtext(f"{D}sync-token") or "").strip(),
            asked_props(root),
            Writer(self.manners.dialect),
        )
        since = 0
        if token:
            epoch, _, number = token.rpartition("/")
            if epoch != self._token(book, 0)[:-2] or not number.isdigit():
                return self._error(403, f"{D}valid-sync-token")
            since = int(number)
        news = [(name, at) for name, at in book.changes.items() if at > since and (token or name in book.cards)]
        most = self.manners.at_once
        told, rest = (news[:most], news[most:]) if most else (news, [])
        found = [
            self._card_told(write, path + name, book.cards[name], asked)
            if name in book.cards
            else write.status(self._href(path + name), "404 Not Found")
            for name, _ in told
        ]
        if rest:
            condition = write.element(f"{D}number-of-matches-within-limits", "")
            found.append(write.status(self._href(path), "507 Insufficient Storage", condition))
        return Reply(207, write.multistatus(found, self._token(book, told[-1][1] if rest else book.at)), XML)

    def _multiget(self, book: Book, root: Element) -> Reply:
        asked, write, found = asked_props(root), Writer(self.manners.dialect), []
        for one in root.findall(f"{D}href"):
            path = unquote(urlsplit((one.text or "").strip()).path).removeprefix(f"/{self.name}")
            of, name = self._placed(path)
            kept = book.cards.get(name) if of is book else None
            found.append(
                self._card_told(write, path, kept, asked) if kept else write.status(self._href(path), "404 Not Found")
            )
        return Reply(207, write.multistatus(found), XML)

    def _query(self, path: str, book: Book, root: Element) -> Reply:
        asked, write = asked_props(root), Writer(self.manners.dialect)
        every = self.manners.filters == "ignored"
        cards = [(name, kept) for name, kept in book.cards.items() if every or matches(kept.text, root)]
        return Reply(
            207, write.multistatus(self._card_told(write, path + name, kept, asked) for name, kept in cards), XML
        )

    # -- how it writes -------------------------------------------------------------------------------------------------

    def _href(self, path: str) -> str:
        whole = f"/{self.name}{path}"
        if self.manners.hrefs == "escaped":
            return "".join(sign if sign == "/" else f"%{octet:02x}" for sign in whole for octet in sign.encode())
        return ("http://127.0.0.1" if self.manners.hrefs == "absolute" else "") + quote(whole, safe="/@")

    def _etag(self, kept: Kept) -> str:
        return f'W/"{kept.tag}"' if self.manners.etags in ("weak", "strict") else f'"{kept.tag}"'

    def _token(self, book: Book, at: int | None = None) -> str:
        return f"http://sandbox.example.com/sync/{book.epoch}/{book.at if at is None else at}"

    def _error(self, status: int, condition: str) -> Reply:
        return Reply(status, Writer(self.manners.dialect).error(condition), XML)

    def _forward(self, request: Request) -> Reply:
        """To the real server, which writes its hrefs for where it is seen (X-Script-Name). One connection each."""
        parts = urlsplit(self.upstream)
        headers = {name: request.headers[name] for name in _PASSED if name in request.headers}
        connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=120)
        with contextlib.closing(connection):
            try:
                path = quote(request.path, safe="/@")
                connection.request(
                    request.method, path, request.body or None, {**headers, "X-Script-Name": f"/{self.name}"}
                )
                answer = connection.getresponse()
                body = answer.read()
            except OSError as error:
                return Reply(502, type(error).__name__.encode(), "text/plain")
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() in ("etag", "location")]
        return Reply(answer.status, body, answer.getheader("Content-Type", "text/plain"), kept)

    # -- the kit's questions -------------------------------------------------------------------------------------------

    def error_body(self, status: int) -> bytes:
        """A server's own kind of page."""
        return f"<!DOCTYPE html><html><title>{status}</title><h1>Injected</h1></html>".encode()

    def error_in_200(self) -> bytes:
        """What a gateway before the server may say."""
        return b'{"error": "injected"}'

    def expire_tokens(self) -> int:
        """The password is refused from now on."""
        self._refuses = True
        return 1

    def stored(self, module: str | None) -> Any:
        """Cards of one address book, or how many there are in each."""
        if module is None:
            return {name: len(book.cards) for name, book in self.books.items()}
        return [
            {"id": name, "name": next(iter(values_of(kept.text, "FN")), ""), "card": kept.text}
            for name, kept in self.books[module].cards.items()
        ]

    def store(self, value: Any) -> Any:
        """{"book", "cards": {name: text}}: put in as they are; names."""
        book = self.books[value.get("book", "contacts")]
        for name, text in value["cards"].items():
            book.cards[name] = Kept(text, book.touch(name), self.now())
        return list(value["cards"])

    def remove(self, name: str, book: str = "contacts") -> None:
        """Takes a card away as another client does."""
        del self.books[book].cards[name]
        self.books[book].touch(name)

    def age(self) -> None:
        """Every sync-token that was given grows too old."""
        for book in self.books.values():
            book.epoch += 1

    def control(self, action: str, request: Request) -> Reply | None:
        """Own control routes."""
        if request.method != "POST":
            return None
        match action:
            case "manners":
                told = request.json()
                known = {field.name for field in fields(Manners)}
                if unknown := set(told) - known:
                    raise ValueError(f"no manners {sorted(unknown)}; there are {sorted(known)}")
                for name, value in told.items():
                    setattr(self.manners, name, value)
                return json_reply(200, asdict(self.manners))
            case "tokens":
                self.age()
                return json_reply(200, {})
            case "upstream":
                self.upstream = str(request.json()["url"]).rstrip("/")
                return json_reply(200, {"url": self.upstream})
        return None


SANDBOX = CardDavSandbox
