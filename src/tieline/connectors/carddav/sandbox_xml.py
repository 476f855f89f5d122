"""The XML and the vCards of the sandbox, written from the RFCs and apart from the connector's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

D, C = "{DAV:}", "{urn:ietf:params:xml:ns:carddav}"
Element = ET.Element


def parsed(body: bytes) -> Element:
    """A request's body; ValueError for what is no XML, or has a document type."""
    if b"<!DOCTYPE" in body:
        raise ValueError("a document type")
    try:
        return ET.fromstring(body)  # noqa: S314  (no document type, so no entities)
    except ET.ParseError as error:
        raise ValueError(str(error)) from None


def asked_props(root: Element) -> list[str]:
    """The properties that a request asks for, as {namespace}name."""
    prop = root.find(f"{D}prop")
    return [one.tag for one in prop] if prop is not None else []


class Writer:
    """Multistatus in one of the dialects that servers write: `default` namespace, prefix `d:`, or prefix `D:` with CDATA."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.dav = {"default": "", "small": "d:", "cdata": "D:"}[dialect]

    def tag(self, name: str) -> str:
        """{namespace}name as written here."""
        if name.startswith(D):
            return self.dav + name[len(D) :]
        if name.startswith(C):
            return f"card:{name[len(C) :]}"
        space, _, local = name[1:].partition("}")
        return f'x:{local} xmlns:x="{escape(space)}"'

    def text(self, text: str) -> str:
        if self.dialect == "cdata" and "\n" in text:
            return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"
        return escape(text).replace("\r", "&#13;") if self.dialect == "small" else escape(text)

    def element(self, name: str, inner: str) -> str:
        tag = self.tag(name)
        return f"<{tag}>{inner}</{tag.partition(' ')[0]}>" if inner else f"<{tag}/>"

    def found(self, href: str, there: Mapping[str, str], lacking: Sequence[str]) -> str:
        """One response: properties that are there (inner XML) and those that are not."""
        stats = [("HTTP/1.1 200 OK", "".join(self.element(name, inner) for name, inner in there.items()))]
        if lacking:
            stats.append(("HTTP/1.1 404 Not Found", "".join(self.element(name, "") for name in lacking)))
        inner = self.element(f"{D}href", escape(href))
        for status, props in stats:
            if props:
                stat = self.element(f"{D}prop", props) + self.element(f"{D}status", status)
                inner += self.element(f"{D}propstat", stat)
        return self.element(f"{D}response", inner)

    def status(self, href: str, status: str, condition: str = "") -> str:
        """One response that is a status."""
        inner = self.element(f"{D}href", escape(href)) + self.element(f"{D}status", f"HTTP/1.1 {status}")
        return self.element(f"{D}response", inner + (self.element(f"{D}error", condition) if condition else ""))

    def multistatus(self, responses: Iterable[str], token: str = "") -> bytes:
        inner = "".join(responses) + (self.element(f"{D}sync-token", escape(token)) if token else "")
        return self._whole("multistatus", inner)

    def error(self, condition: str) -> bytes:
        """The body of a refusal that names its condition ({namespace}name)."""
        return self._whole("error", self.element(condition, ""))

    def _whole(self, name: str, inner: str) -> bytes:
        space = "xmlns" + (f":{self.dav[:-1]}" if self.dav else "")
        root = self.dav + name
        head = '<?xml version="1.0" encoding="utf-8"?>\n'
        return f'{head}<{root} {space}="DAV:" xmlns:card="{C[1:-1]}">{inner}</{root}>'.encode()


# -- cards -------------------------------------------------------------------------------------------------------------


def _unfolded(card: str) -> list[str]:
    """Lines; soft breaks of quoted-printable, which old telephones write and servers take, are none."""
    text = re.sub(
        r"(?im)^([^:\r\n]*quoted-printable[^:\r\n]*:(?:.*=\r?\n)+)", lambda found: re.sub(r"=\r?\n", "", found[1]), card
    )
    return re.sub(r"\r?\n[ \t]", "", text).strip().splitlines()


def values_of(card: str, name: str) -> list[str]:
    """The values of a property, unescaped; semicolons of structured values stay."""
    found = []
    for line in _unfolded(card):
        head, colon, value = line.partition(":")
        if colon and head.partition(";")[0].rpartition(".")[2].upper() == name.upper():
            found.append(re.sub(r"\\(.)", lambda one: "\n" if one[1] in "nN" else one[1], value))
    return found


def is_valid(card: str) -> bool:
    """What a server asks of a card: BEGIN, VERSION, a name, END, every line a property (RFC 6350, RFC 6352 section 5.1)."""
    lines = _unfolded(card)
    whole = len(lines) > 3 and lines[0].upper() == "BEGIN:VCARD" and lines[-1].upper() == "END:VCARD"
    return (
        whole
        and all(":" in line for line in lines)
        and len(values_of(card, "FN")) == 1
        and bool(values_of(card, "VERSION"))
    )


def matches(card: str, query: Element) -> bool:
    """Whether a card passes an addressbook-query's asked (RFC 6352, 10.5)."""
    asked = query.find(f"{C}filter")
    if asked is None or not len(asked):
        return True
    found = (_property_matches(card, one) for one in asked.iter(f"{C}prop-filter"))
    return all(found) if asked.get("test") == "allof" else any(found)


def _property_matches(card: str, asked: Element) -> bool:
    values = values_of(card, asked.get("name", ""))
    texts = asked.findall(f"{C}text-match")
    if asked.find(f"{C}is-not-defined") is not None:
        return not values
    if not texts:
        return bool(values)
    found = (any(_text_matches(value, one) for value in values) for one in texts)
    return all(found) if asked.get("test") == "allof" else any(found)


def _text_matches(value: str, match: Element) -> bool:
    have, wanted = value.casefold(), (match.text or "").casefold()
    kinds = {"equals": have == wanted, "starts-with": have.startswith(wanted), "ends-with": have.endswith(wanted)}
    result = kinds.get(match.get("match-type", "contains"), wanted in have)
    return result != (match.get("negate-condition") == "yes")
