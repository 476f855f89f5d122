"""WebDAV's XML: what is asked, and multistatus answers read in one pass without a tree.

Answers come from servers that nobody vouches for: a document type (with it entities, "billion laughs") is refused before anything of it
is expanded, and the client bounds their size. Sources: RFC 4918 (WebDAV), RFC 6578 (sync-collection), RFC 6352 (CardDAV).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote, unquote, urlsplit
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from tieline.core.errors import TransientError

DAV, CARD, CALENDAR_SERVER = "DAV:", "urn:ietf:params:xml:ns:carddav", "http://calendarserver.org/ns/"
ETAG, DATA, MODIFIED = f"{DAV} getetag", f"{CARD} address-data", f"{DAV} getlastmodified"
KIND, LABEL, TOKEN = f"{DAV} resourcetype", f"{DAV} displayname", f"{DAV} sync-token"
PRINCIPAL, HOME = f"{DAV} current-user-principal", f"{CARD} addressbook-home-set"
BOOK = f"{CARD} addressbook"
UNAUTHENTICATED = f"{DAV} unauthenticated"

_MULTISTATUS, _RESPONSE, _PROPSTAT = f"{DAV} multistatus", f"{DAV} response", f"{DAV} propstat"
_PROP, _HREF, _STATUS = f"{DAV} prop", f"{DAV} href", f"{DAV} status"
_CODE = re.compile(r"HTTP/\S+\s+(\d{3})")
_NOT_XML = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]"
    rb"|&#(?:[xX]0*(?:[0-8]|[bceBCEfF]|1[0-9a-fA-F])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));"
)
"""Signs that no XML may hold, and how they are written as numbers."""
_ELEMENT = re.compile(rb"<(?:[\w.-]+:)?([\w-]+)")
MOST_KINDS = 50


class Found:
    """One response: properties that are there by "namespace name", the children of resourcetype, and the status of all of it."""

    __slots__ = ("href", "kinds", "props", "status")

    def __init__(self) -> None:
        self.href = ""
        self.status = 0
        self.props: dict[str, str] = {}
        self.kinds: list[str] = []

    @property
    def name(self) -> str:
        """The last part of its path, unquoted; "" for a collection."""
        return name_of(self.href)


class Multistatus:
    """An answer: its responses and the sync-token behind them."""

    __slots__ = ("responses", "token")

    def __init__(self) -> None:
        self.responses: list[Found] = []
        self.token = ""


class _DeclaredError(Exception):
    """A document type: an HTML page, or worse."""


class _Reader:
    """Expat's callbacks."""

    def __init__(self) -> None:
        self.answer = Multistatus()
        self._found = Found()
        self._pending: dict[str, str] = {}
        self._kinds: list[str] = []
        self._text: list[str] = []
        self._depth = 0
        self._property = ""
        self._level = 0
        self._in_prop = self._in_propstat = self._in_response = False
        self._code = 200

    def start(self, name: str, _: object) -> None:
        if self._level == 0 and name != _MULTISTATUS:
            raise ValueError("not a multistatus")
        self._level += 1
        if self._depth:
            self._depth += 1
            if len(self._kinds) < MOST_KINDS:
                self._kinds.append(name)
        elif self._in_prop:
            self._depth, self._property, self._text = 1, name, []
        elif name == _RESPONSE:
            self._found, self._in_response = Found(), True
        elif name == _PROPSTAT:
            self._pending, self._kinds, self._code, self._in_propstat = {}, [], 200, True
        elif name == _PROP:
            self._in_prop = True
        else:
            self._text = []

    def end(self, name: str) -> None:
        self._level -= 1
        if self._depth:
            self._depth -= 1
            if not self._depth:
                self._pending[self._property] = "".join(self._text)
            return
        if name == _HREF and self._in_response:
            self._found.href = self._found.href or "".join(self._text).strip()
        elif name == _STATUS:
            code = _CODE.match("".join(self._text).strip())
            if self._in_propstat:
                self._code = int(code[1]) if code else 0
            else:
                self._found.status = int(code[1]) if code else 0
        elif name == _PROP:
            self._in_prop = False
        elif name == _PROPSTAT:
            self._in_propstat = False
            if 200 <= self._code < 300:
                self._found.props.update(self._pending)
                self._found.kinds += self._kinds
        elif name == _RESPONSE:
            self._in_response = False
            self.answer.responses.append(self._found)
        elif name == TOKEN:
            self.answer.token = "".join(self._text).strip()

    def data(self, text: str) -> None:
        self._text.append(text)

    @staticmethod
    def refuse(*_: object) -> None:
        raise _DeclaredError


def multistatus(body: bytes) -> Multistatus:
    """An answer of 207. TransientError for what is none, or only half of one, or has a document type."""
    try:
        return _read(body)
    except _DeclaredError:
        raise TransientError("the answer declares a document type") from None
    except (expat.ExpatError, ValueError):
        pass
    try:  # some servers put into XML what a card holds and XML cannot
        return _read(_NOT_XML.sub(b"", body))
    except (expat.ExpatError, ValueError, _DeclaredError):
        raise TransientError("the answer is not WebDAV's") from None


def _read(body: bytes) -> Multistatus:
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.Parse(body, True)
    return reader.answer


def conditions(body: bytes) -> set[str]:
    """The names of the elements in an error's body, without their namespaces: the conditions that failed (RFC 4918, 16)."""
    return {found.decode() for found in _ELEMENT.findall(body[:4096])}


def first_href(body: bytes) -> str:
    """The first href in an error's body; "" where there is none."""
    found = re.search(rb"<(?:[\w.-]+:)?href[^>]*>([^<]*)<", body[:4096])
    return found[1].decode("utf-8", "replace").strip() if found else ""


# -- names and paths ---------------------------------------------------------------------------------------------------


def name_of(href: str) -> str:
    """The last part of an href's path, unquoted; "" for a collection and for what is no name."""
    path = href if href.startswith("/") else urlsplit(href).path
    name = unquote(path.rpartition("/")[2])
    return "" if name in (".", "..") else name


def member(book: str, name: str) -> str:
    """The path of a member of a collection."""
    return book + quote(name, safe="")


# -- etags -------------------------------------------------------------------------------------------------------------


def version_of(etag: str | None) -> str | None:
    """An ETag without quotes and without the mark of a weak one: servers and what stands before them write the same one in
    several ways."""
    if etag is None:
        return None
    text = etag.strip()
    text = text[2:] if text[:2] in ("W/", "w/") else text
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return text or None


def condition(version: str) -> str:
    """A version as If-Match wants it."""
    return f'"{version}"'


# -- questions ---------------------------------------------------------------------------------------------------------

_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
_SPACES = f'xmlns:D="{DAV}" xmlns:C="{CARD}"'
_SHORT = {DAV: "D", CARD: "C"}


def _props(names: Iterable[str]) -> str:
    elements = (name.partition(" ") for name in names)
    return "<D:prop>" + "".join(f"<{_SHORT[space]}:{local}/>" for space, _, local in elements) + "</D:prop>"


def propfind(names: Iterable[str]) -> bytes:
    """A question for these properties."""
    return f"{_HEAD}<D:propfind {_SPACES}>{_props(names)}</D:propfind>".encode()


def sync_collection(token: str) -> bytes:
    """What changed in a collection since the token; all of it for an empty one (RFC 6578, 3.2)."""
    inner = f"<D:sync-token>{escape(token)}</D:sync-token><D:sync-level>1</D:sync-level>{_props([ETAG])}"
    return f"{_HEAD}<D:sync-collection {_SPACES}>{inner}</D:sync-collection>".encode()


def multiget(hrefs: Iterable[str], names: Iterable[str]) -> bytes:
    """Members by their hrefs (RFC 6352, 8.7)."""
    asked = "".join(f"<D:href>{escape(href)}</D:href>" for href in hrefs)
    return f"{_HEAD}<C:addressbook-multiget {_SPACES}>{_props(names)}{asked}</C:addressbook-multiget>".encode()


def query(properties: Sequence[str], texts: Sequence[str], names: Iterable[str]) -> bytes:
    """Members where any of these properties contains any of these texts, capitals apart (RFC 6352, 8.6 and 10.5)."""
    matches = "".join(
        f'<C:text-match collation="i;unicode-casemap" match-type="contains">{escape(text)}</C:text-match>'
        for text in texts
    )
    filters = "".join(
        f'<C:prop-filter name={quoteattr(one)} test="anyof">{matches}</C:prop-filter>' for one in properties
    )
    inner = f'{_props(names)}<C:filter test="anyof">{filters}</C:filter>'
    return f"{_HEAD}<C:addressbook-query {_SPACES}>{inner}</C:addressbook-query>".encode()
