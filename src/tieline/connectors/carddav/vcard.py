"""vCards 3.0 and 4.0 as lines: what is not changed stays as it was, to the byte.

A card is the list of its content lines, each with its text as it stood (folds and line ends included). Only a line whose value
is replaced is written anew; its group, its name and its parameters stay. Everything else, unknown properties too, is never
looked into. Sources: RFC 6350 (4.0), RFC 2426 (3.0), RFC 2425 (folding), RFC 6868 (quotes in parameters); and what clients
write beside them: bare types and quoted-printable out of 2.1, CHARSET, single LF.
"""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator, Sequence

FOLD_AT = 75
"""Octets of a line, without its end."""

_LINE = re.compile(r"[^\r\n]*(?:(?:\r\n|\n|\r)[ \t][^\r\n]*)*(?:\r\n|\n|\r|\Z)")
_FOLD = re.compile(r"(?:\r\n|\n|\r)[ \t]")
_HEAD = re.compile(r'(?:([A-Za-z0-9_-]+)\.)?([A-Za-z0-9_-]+)((?:;(?:[^":;]|"[^"]*")*)*):')
_PARAMETER = re.compile(r';([^=;:"]+)(?:=((?:[^";]|"[^"]*")*))?')
_ONE_VALUE = re.compile(r'"([^"]*)"|([^,"]+)')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PART = re.compile(r"(?:[^;\\]|\\.|\\$)*", re.DOTALL)
_BREAK = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_OLD_ENCODINGS = frozenset({"ENCODING", "CHARSET", "QUOTED-PRINTABLE", "BASE64", "8BIT"})


class Line:
    """One content line. `raw` is its text as it stood, folds and end included; `name` in capitals, "" for what is no property."""

    __slots__ = ("_head", "group", "name", "raw", "value")

    def __init__(self, raw: str) -> None:
        self.raw = raw
        text = raw.rstrip("\r\n")
        if "\n" in text or "\r" in text:
            text = _FOLD.sub("", text)
        found = _HEAD.match(text)
        if found is None:
            self.group, self.name, self._head, self.value = "", "", "", text
        else:
            self.group, self.name = found[1] or "", found[2].upper()
            self._head, self.value = text[: found.end() - 1], text[found.end() :]

    def parameters(self) -> dict[str, list[str]]:
        """Parameters by their name in capitals; the bare types of vCard 2.1 stand under TYPE."""
        at = self._head.find(";")
        if at < 0:
            return {}
        found: dict[str, list[str]] = {}
        for match in _PARAMETER.finditer(self._head, at):
            name, values = match[1].strip().upper(), match[2]
            if values is None:
                name, values = ("ENCODING" if name in _OLD_ENCODINGS else "TYPE"), name
            found.setdefault(name, []).extend(
                quoted or plain.strip() for quoted, plain in _ONE_VALUE.findall(values) if quoted or plain
            )
        return found

    def types(self) -> set[str]:
        """The TYPE values in small letters; a quoted list counts as its parts."""
        values = self.parameters().get("TYPE", ())
        return {one.strip().lower() for value in values for one in value.split(",")}

    def text(self) -> str:
        """The value as plain text."""
        return unescaped(self.decoded())

    def parts(self) -> list[str]:
        """The parts of a structured value, each still escaped."""
        return split(self.decoded())

    def decoded(self) -> str:
        """The value with its transfer encoding taken off, still escaped."""
        if "QUOTED-PRINTABLE" not in self._head.upper():
            return self.value
        charset = self.parameters().get("CHARSET", ["utf-8"])[0]
        octets = quopri.decodestring(self.value.encode("utf-8", "surrogateescape"))
        try:
            text = octets.decode(charset, "replace")
        except (LookupError, ValueError):
            text = octets.decode("utf-8", "replace")
        # a code can stand for what no text may hold: no character at all, half of one
        text = _CONTROL.sub("", text).encode(errors="replace").decode()
        return text.replace("\r\n", "\n").replace("\n", "\\n")

    def put(self, value: str, end: str) -> None:
        """Gives it another (escaped) value; the rest of the line stays."""
        head = self._head
        if "ENCODING" in head.upper() or "CHARSET" in head.upper() or "QUOTED-PRINTABLE" in head.upper():
            at = head.find(";")
            kept = [
                match[0] for match in _PARAMETER.finditer(head, at) if match[1].strip().upper() not in _OLD_ENCODINGS
            ]
            head = head[:at] + "".join(kept)
        self._head, self.value = head, value
        self.raw = folded(f"{head}:{value}", end) + end


class Card:
    """A vCard: its lines in order, what stands around BEGIN and END included."""

    __slots__ = ("_end", "_lines")

    def __init__(self, lines: list[Line], end: str = "\r\n") -> None:
        self._lines = lines
        self._end = end

    @classmethod
    def parse(cls, text: str) -> Card:
        """The lines of a text. Nothing is refused here: a line that is no property is kept as it is."""
        lines: list[Line] = []
        pending = ""
        for match in _LINE.finditer(text):
            raw = match[0]
            if not raw:
                continue
            if pending:
                raw, pending = pending + raw, ""
            if raw.rstrip("\r\n").endswith("=") and _is_soft(raw):
                pending = raw
                continue
            lines.append(_quoted(raw) if "=\n" in raw or "=\r" in raw else Line(raw))
        if pending:
            lines.append(_quoted(pending))
        first = lines[0].raw if lines else ""
        end = "\n" if first.endswith("\n") and not first.endswith("\r\n") else "\r\n"
        return cls(lines, end)

    @property
    def is_card(self) -> bool:
        """Whether it begins and ends as one."""
        marks = [
            line for line in self._lines if line.name in ("BEGIN", "END") and line.value.strip().upper() == "VCARD"
        ]
        return len(marks) >= 2 and marks[0].name == "BEGIN" and marks[-1].name == "END"

    def text(self, end: str = "") -> str:
        """The whole card. `end`: line end to use throughout instead of those that it has."""
        if not end:
            return "".join(line.raw for line in self._lines)
        return end.join(re.split(r"\r\n|\n|\r", "".join(line.raw for line in self._lines)))

    def __iter__(self) -> Iterator[Line]:
        """The properties of the (first) card, without what is nested in it."""
        depth = 0
        for line in self._lines:
            name = line.name
            if name == "BEGIN":
                depth += 1
            elif name == "END":
                depth -= 1
                if depth == 0:
                    return
            elif depth == 1 and name:
                yield line

    def all(self, name: str) -> list[Line]:
        """Its properties of this name."""
        return [line for line in self if line.name == name]

    def first(self, name: str) -> Line | None:
        """Its first property of this name."""
        return next((line for line in self if line.name == name), None)

    @property
    def version(self) -> str:
        """As it says; 3.0 where it says nothing."""
        line = self.first("VERSION")
        return line.value.strip() if line is not None else "3.0"

    # -- changing ------------------------------------------------------------------------------------------------------

    def put(self, line: Line, value: str) -> None:
        """Another escaped value for a line of this card; one that means the same leaves it as it stands."""
        if line.decoded() != value:
            line.put(value, self._end)

    def add(self, head: str, value: str) -> Line:
        """A new property before the card's END; `head` is its name with parameters."""
        line = Line(folded(f"{head}:{value}", self._end) + self._end)
        at = next((at for at, one in self._closing()), len(self._lines))
        if at and not self._lines[at - 1].raw.endswith(("\n", "\r")):
            self._lines[at - 1].raw += self._end
        self._lines.insert(at, line)
        return line

    def remove(self, line: Line) -> None:
        """Takes a property away, and with it the properties of its group that only describe it (Apple's X-ABLabel)."""
        gone = {id(line)}
        if line.group:
            group = [one for one in self if one.group.lower() == line.group.lower()]
            if all(one is line or one.name.startswith("X-AB") for one in group):
                gone |= {id(one) for one in group}
        self._lines = [one for one in self._lines if id(one) not in gone]

    def _closing(self) -> Iterator[tuple[int, Line]]:
        depth = 0
        for at, line in enumerate(self._lines):
            depth += {"BEGIN": 1, "END": -1}.get(line.name, 0)
            if line.name == "END" and depth == 0:
                yield at, line
                return


def _is_soft(raw: str) -> bool:
    head = raw.partition(":")[0].upper()
    return "QUOTED-PRINTABLE" in head


def _quoted(raw: str) -> Line:
    """A line of soft line breaks as quoted-printable has them: read as one, kept as it stands."""
    line = Line(re.sub(r"=(?:\r\n|\n|\r)", "", raw))
    line.raw = raw
    return line


# -- values ------------------------------------------------------------------------------------------------------------


def unescaped(text: str) -> str:
    """An escaped value as plain text."""
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], text)


def escaped(text: str) -> str:
    """A plain text as a value, or as a part of one. What no line can hold is left out."""
    text = _CONTROL.sub("", _BREAK.sub("\n", text))
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace(",", "\\,").replace(";", "\\;")


def split(value: str) -> list[str]:
    """The parts of a structured value between its semicolons, each still escaped."""
    if "\\" not in value:
        return value.split(";")
    parts: list[str] = []
    at = 0
    while True:
        found = _PART.match(value, at)
        end = found.end() if found is not None else len(value)
        parts.append(value[at:end])
        if end >= len(value):
            return parts
        at = end + 1


def joined(parts: Sequence[str]) -> str:
    """The parts of a structured value as one."""
    return ";".join(parts)


def folded(text: str, end: str = "\r\n") -> str:
    """A content line folded at 75 octets, between characters."""
    octets = text.encode("utf-8", "surrogatepass")
    if len(octets) <= FOLD_AT:
        return text
    pieces: list[str] = []
    start, room = 0, FOLD_AT
    while start < len(octets):
        stop = min(start + room, len(octets))
        while stop < len(octets) and (octets[stop] & 0xC0) == 0x80:
            stop -= 1
        pieces.append(octets[start:stop].decode("utf-8", "surrogatepass"))
        start, room = stop, FOLD_AT - 1
    return (end + " ").join(pieces)
