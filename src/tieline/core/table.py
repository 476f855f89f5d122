"""Delimited text (CSV, TSV) as people export it: from bytes to text, from text to rows. Pure.

text_of(content) -> (text, encoding)      a byte-order mark decides; then UTF-8; then what old spreadsheets write
separator_of(text)                        ; , tab or |, whichever cuts the first lines alike
rows(text, separator)                     (line in the file, cells), empty lines left out
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

ENCODINGS = ("utf-8", "cp1252", "cp1250", "cp1251", "mac-roman", "utf-16")
"""Those that a person may choose, by Python's names."""
SEPARATORS = (";", ",", "\t", "|")
_LOOKED_AT = 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b")
"""What spreadsheets, PDF and packed files begin with."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
LONGEST_CELL = 4000
"""Characters of a cell that are kept; a call list has none as long."""

csv.field_size_limit(1 << 20)


class NotTextError(ValueError):
    """The bytes are no text in this encoding (a spreadsheet or a picture, for instance)."""


def text_of(content: bytes, encoding: str = "") -> tuple[str, str]:
    """The text, and the encoding that it is in. `encoding` "": found out. NotTextError for what is no text."""
    if content.startswith(_NO_TEXT):
        raise NotTextError("binary")
    for mark, name in _MARKS:
        if content.startswith(mark):
            return _decoded(content, "utf-8-sig" if name == "utf-8" else name), name
    if encoding:
        if encoding not in ENCODINGS:
            raise NotTextError(encoding)
        return _decoded(content, "utf-16-le" if encoding == "utf-16" else encoding), encoding
    if content[:200].count(0) > len(content[:200]) // 4:
        return _decoded(content, "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"), "utf-16"
    try:
        return _decoded(content, "utf-8"), "utf-8"
    except NotTextError:
        return _decoded(content, "cp1252"), "cp1252"


def _decoded(content: bytes, encoding: str) -> str:
    try:
        # five bytes have no meaning in cp1252; programs write them all the same
        text = content.decode(encoding, "replace" if encoding == "cp1252" else "strict")
    except UnicodeDecodeError as error:
        raise NotTextError(encoding) from error
    if _CONTROL.search(text):
        raise NotTextError(encoding)
    return text


def separator_of(text: str) -> str:
    """The sign between cells: the one that cuts most of the first lines into the same number of cells, at least two."""
    named = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    if named:
        return named[1]
    best, score = ";", 0
    for separator in SEPARATORS:
        counts = [len(cells) for _, cells in _first(text, separator)]
        if not counts:
            continue
        common = max(set(counts), key=lambda one: (counts.count(one) if one > 1 else 0, one))
        if common > 1 and counts.count(common) * 100 + common > score:
            best, score = separator, counts.count(common) * 100 + common
    return best


def _first(text: str, separator: str) -> list[tuple[int, list[str]]]:
    found: list[tuple[int, list[str]]] = []
    for row in rows(text, separator):
        found.append(row)
        if len(found) == _LOOKED_AT:
            break
    return found


def rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """(line of the file on which the row ends, its cells without blanks around them). Empty lines are left out, and the line
    with which spreadsheets name their separator."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a cell longer than any: the row is not read, the next one is
            yield reader.line_num, []
            continue
        if reader.line_num == 1 and len(text) > 5 and re.match(r"sep=.\r?\n", text, re.IGNORECASE):
            continue
        cells = [cell.strip()[:LONGEST_CELL] for cell in cells]
        if any(cells):
            yield reader.line_num, cells


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """A name as it is compared: small letters and digits without accents, one blank between words."""
    bare = "".join(
        one
        for one in unicodedata.normalize(
            "NFKD", text.casefold().replace("ø", "o").replace("æ", "ae").replace("œ", "oe")
        )
        if not unicodedata.combining(one)
    )
    return re.sub(r"[^0-9a-zа-я]+", " ", bare).strip()


def headings(cells: Sequence[str]) -> list[str]:
    """Names of columns, each of its own: an empty one is numbered, one that comes again too."""
    out: list[str] = []
    for number, cell in enumerate(cells, 1):
        name = cell or f"#{number}"
        out.append(name if name not in out else f"{name} #{number}")
    return out
