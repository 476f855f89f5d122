"""Which properties of a vCard are which fields, and how a field is read and written.

Of several e-mail addresses, numbers or postal addresses a field is the preferred one, else the first; that very line is
written, the others stay. Sources: RFC 6350 section 6, RFC 2426 section 3; Apple's and Google's cards for what they add.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import unquote

from tieline.connectors.carddav.vcard import Card, Line, escaped, joined, unescaped
from tieline.sdk.contract import FieldSchema

CONTACTS = "contacts"
ORIGIN, UID_MARK = "origin", "tieline-"
PHONES = ("phone", "mobile", "fax", "other_phone")
MAILS = ("email", "other_email")

FIELDS = (
    FieldSchema("name", "Name", "text"),
    FieldSchema("first_name", "First name", "text"),
    FieldSchema("last_name", "Last name", "text"),
    FieldSchema("company", "Company", "text"),
    FieldSchema("department", "Department", "text"),
    FieldSchema("title", "Job title", "text"),
    FieldSchema("email", "Email", "email"),
    FieldSchema("other_email", "Other email", "email", read_only=True),
    FieldSchema("phone", "Phone", "phone"),
    FieldSchema("mobile", "Mobile", "phone"),
    FieldSchema("fax", "Fax", "phone"),
    FieldSchema("other_phone", "Other number", "phone", read_only=True),
    FieldSchema("street", "Street", "text"),
    FieldSchema("postal_code", "Postal code", "text"),
    FieldSchema("city", "City", "text"),
    FieldSchema("region", "Region", "text"),
    FieldSchema("country", "Country", "text"),
    FieldSchema("website", "Website", "url"),
    FieldSchema("birthday", "Birthday", "date"),
    FieldSchema("note", "Note", "text"),
    FieldSchema("modified_at", "Last modified at", "datetime", read_only=True),
    FieldSchema(ORIGIN, "Tieline key", "text", read_only=True),
)
BY_NAME = {field.name: field for field in FIELDS}

_ADDRESS = {"street": 2, "city": 3, "region": 4, "postal_code": 5, "country": 6}
_ORGANISATION = {"company": 0, "department": 1}
_NAME_PARTS = {"last_name": 0, "first_name": 1}
_SINGLE = {"name": "FN", "title": "TITLE", "note": "NOTE"}
_LISTS = {"email": "EMAIL", "other_email": "EMAIL", "website": "URL"}
ANY_OF = {"email": "EMAIL", "phone": "TEL"}
"""Whoever looks for one of these means any of its properties."""
_CELL = frozenset({"cell", "mobile", "iphone"})
_NO_VOICE = frozenset({"fax", "pager", "modem", "textphone"})
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:$|[T ])")
_NOT_DIALLED = re.compile(r"[^0-9+*#.-]")
LAST = 101
"""Preference of what names none: behind all that do (RFC 6350: 1 to 100)."""


class FieldError(ValueError):
    """A value that no card can hold."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(code)
        self.code, self.field = code, field


Properties = Mapping[str, Sequence[Line]]


def properties(card: Card) -> dict[str, list[Line]]:
    """The card's properties by name."""
    found: dict[str, list[Line]] = {}
    for line in card:
        found.setdefault(line.name, []).append(line)
    return found


def is_group(card: Card) -> bool:
    """Whether it is a list of members and not a contact."""
    kinds = (line.value.strip().lower() for line in card if line.name in ("KIND", "X-ADDRESSBOOKSERVER-KIND"))
    return "group" in kinds


# -- reading -----------------------------------------------------------------------------------------------------------


def read(card: Card, names: Collection[str], wanted: Collection[str] = ()) -> dict[str, Any]:
    """These fields of the card; None is empty. wanted: what was looked for (`key_of`): of several addresses or numbers the one that was
    looked for comes first, so that whoever looked finds it."""
    there = properties(card)
    return {name: _value(there, name, wanted) for name in names}


def _value(there: Properties, name: str, wanted: Collection[str]) -> Any:
    if name in _SINGLE:
        line = next(iter(there.get(_SINGLE[name], ())), None)
        return (line.text() or None) if line is not None else None
    if name in _NAME_PARTS:
        return _part(_first(there, "N"), _NAME_PARTS[name])
    if name in _ORGANISATION:
        return _part(_first(there, "ORG"), _ORGANISATION[name])
    if name in _ADDRESS:
        return _part(_preferred_one(there.get("ADR", ())), _ADDRESS[name])
    if name in PHONES or name in MAILS:
        any_of = ANY_OF.get(name) if wanted else None
        for text in (plain(line) for line in there.get(any_of or "", ())):
            if key_of(name, text) in wanted:
                return text
        return next((text for line in lines_of(there, name) if (text := plain(line))), None)
    if name == "website":
        line = _preferred_one(there.get("URL", ()))
        return (line.text().strip() or None) if line is not None else None
    if name == "birthday":
        line = _first(there, "BDAY")
        return day(line) if line is not None else None
    if name == ORIGIN:
        line = _first(there, "UID")
        text = line.text().strip() if line is not None else ""
        return text.removeprefix(UID_MARK) if text.startswith(UID_MARK) else None
    return None


def _first(there: Properties, name: str) -> Line | None:
    return next(iter(there.get(name, ())), None)


def _part(line: Line | None, at: int) -> str | None:
    parts = line.parts() if line is not None else ()
    return (unescaped(parts[at]).strip() or None) if at < len(parts) else None


def lines_of(there: Properties, name: str) -> list[Line]:
    """The lines that a field of numbers or addresses stands for, the one that is written first."""
    if name not in PHONES:
        lines = _by_preference(there.get(_LISTS[name], ()))
        return lines[1:] if name == "other_email" else lines[:1] if name == "email" else lines
    numbers = [(line, line.types()) for line in _by_preference(there.get("TEL", ()))]
    cells = [line for line, types in numbers if types & _CELL and not types & _NO_VOICE]
    voices = [line for line, types in numbers if not types & (_CELL | _NO_VOICE)]
    match name:
        case "mobile":
            return cells[:1]
        case "phone":
            return voices[:1]
        case "fax":
            return [line for line, types in numbers if "fax" in types][:1]
        case _:
            return [*voices[1:], *cells[1:]]


def _by_preference(lines: Sequence[Line]) -> list[Line]:
    return sorted(lines, key=_preference) if len(lines) > 1 else list(lines)


def _preferred_one(lines: Sequence[Line]) -> Line | None:
    return min(lines, key=_preference, default=None)


def _preference(line: Line) -> int:
    if "PREF" not in line.raw.upper():
        return LAST
    given = line.parameters().get("PREF", ())
    if given and given[0].isdecimal():
        return int(given[0])
    return 1 if given or "pref" in line.types() else LAST


def plain(line: Line) -> str:
    """An address or a number as people write it, whatever scheme stands before it."""
    text = line.text().strip()
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() not in ("tel", "mailto", "sip", "callto"):
        return text
    return unquote(rest.partition(";")[0]).strip() if scheme.lower() != "sip" else text


def key_of(name: str, text: str) -> str:
    """What two values of a field have in common that are found by each other: the last eight digits of numbers, capitals
    apart for everything else."""
    if name in PHONES:
        digits = "".join(sign for sign in text if "0" <= sign <= "9")
        return digits[-8:] if len(digits) >= 5 else ""
    return " ".join(text.split()).casefold()


def day(line: Line) -> str | None:
    """An ISO date; None where it says less than a whole one."""
    found = _DATE.match(line.text().strip())
    omitted = line.parameters().get("X-APPLE-OMIT-YEAR")
    if found is None or (omitted and omitted[0] == found[1]):
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
    except ValueError:
        return None


# -- writing -----------------------------------------------------------------------------------------------------------


def write(card: Card, values: Mapping[str, Any]) -> None:
    """Puts these fields into the card and leaves everything else as it stands. None clears. FieldError where a value cannot be."""
    _refuse(values)
    was = read(card, ("name", "first_name", "last_name", "company"))
    for name, value in values.items():
        _write_one(card, name, None if value is None or str(value).strip() == "" else str(value))
    _agree(card, values, was)
    if card.first("FN") is None:
        raise FieldError("required", "name")


def _refuse(values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        field = BY_NAME.get(name)
        if field is None:
            raise FieldError("unknown_field", name)
        if field.read_only:
            raise FieldError("read_only", name)
        if value is not None and not isinstance(value, (str, int, float)):
            raise FieldError("invalid", name)
        if name == "birthday" and value:
            try:
                date.fromisoformat(str(value))
            except ValueError:
                raise FieldError("invalid", name) from None


def _write_one(card: Card, name: str, value: str | None) -> None:
    there = properties(card)
    if name in _SINGLE:
        _put_text(card, _first(there, _SINGLE[name]), _SINGLE[name], value)
    elif name in _NAME_PARTS:
        _put_part(card, _first(there, "N"), "N", _NAME_PARTS[name], value, 5)
    elif name in _ORGANISATION:
        _put_part(card, _first(there, "ORG"), "ORG", _ORGANISATION[name], value, 1)
    elif name in _ADDRESS:
        _put_part(card, _preferred_one(there.get("ADR", ())), "ADR;TYPE=WORK", _ADDRESS[name], value, 7)
    elif name == "website":
        _put_plain(card, _preferred_one(there.get("URL", ())), "URL", value)
    elif name == "email":
        _put_plain(card, next(iter(lines_of(there, name)), None), "EMAIL;TYPE=INTERNET", value)
    elif name in PHONES:
        head = {"mobile": "TEL;TYPE=CELL", "fax": "TEL;TYPE=FAX"}.get(name, "TEL;TYPE=VOICE")
        _put_plain(card, next(iter(lines_of(there, name)), None), head, value)
    else:
        _put_day(card, _first(there, "BDAY"), value)


def _put_text(card: Card, line: Line | None, name: str, value: str | None) -> None:
    if value is None:
        if line is not None:
            card.remove(line)
    elif line is None:
        card.add(name, escaped(value))
    elif line.text() != value:
        card.put(line, escaped(value))


def _put_part(card: Card, line: Line | None, head: str, at: int, value: str | None, length: int) -> None:
    if line is None:
        if value is not None:
            parts = [""] * max(length, at + 1)
            parts[at] = escaped(value)
            card.add(head, joined(parts))
        return
    if _part(line, at) == (value.strip() if value else None):
        return
    parts = line.parts()
    parts += [""] * (max(length, at + 1) - len(parts))
    parts[at] = escaped(value) if value else ""
    if not any(part.strip() for part in parts) and line.name != "N":
        card.remove(line)
    else:
        card.put(line, joined(parts))


def _put_plain(card: Card, line: Line | None, head: str, value: str | None) -> None:
    """An address, number or link: a line of its own, replaced where it stands, in the scheme that it is written in."""
    if value is None:
        if line is not None:
            card.remove(line)
    elif line is None:
        card.add(head, _escaped_link(card, value) if head == "URL" else escaped(value.strip()))
    elif plain(line) != value.strip():
        scheme = line.text().strip().partition(":")[0].lower()
        if line.name == "TEL" and scheme == "tel":
            card.put(line, f"tel:{_NOT_DIALLED.sub('', value)}")
        elif line.name == "URL":
            card.put(line, _escaped_link(card, value))
        else:
            card.put(line, escaped(value.strip()))


def _escaped_link(card: Card, value: str) -> str:
    """In 4.0 a URI stands as it is (RFC 6350 section 4.2); in 3.0 commas are escaped by everybody, and servers cut at one that is not."""
    link = re.sub(r"\s", "", value).replace("\\", "%5C")
    return link if card.version == "4.0" else escaped(link)


def _put_day(card: Card, line: Line | None, value: str | None) -> None:
    if line is not None and value is not None and day(line) == value:
        return
    if line is not None and (value is None or set(line.parameters()) & {"VALUE", "X-APPLE-OMIT-YEAR"}):
        card.remove(line)  # its parameters speak of the old value
        line = None
    if value is None:
        return
    written = value.replace("-", "") if card.version == "4.0" else value
    if line is None:
        card.add("BDAY", written)
    else:
        card.put(line, written)


# -- the name and its parts --------------------------------------------------------------------------------------------


def _agree(card: Card, values: Mapping[str, Any], was: Mapping[str, Any]) -> None:
    """FN and N say the same name twice. N follows an FN that was written, where they agreed; FN never follows N, or two systems that keep
    all three fields the same would answer each other without end. A card without any FN gets one."""
    parts_given = "first_name" in values or "last_name" in values
    now = read(card, ("name", "first_name", "last_name", "company", "email", "phone", "mobile"))
    composed = " ".join(part for part in (was["first_name"], was["last_name"]) if part)
    if "name" in values and now["name"] and not parts_given:
        _follow(card, now["name"], was, composed)
    if card.first("FN") is None:
        name = " ".join(part for part in (now["first_name"], now["last_name"]) if part)
        name = name or now["company"] or now["email"] or now["phone"] or now["mobile"]
        _write_one(card, "name", name)


def _follow(card: Card, name: str, was: Mapping[str, Any], composed: str) -> None:
    """N after a new FN: only where N was this name's given and family part and nothing else, or is empty in a person's card."""
    line = card.first("N")
    parts = line.parts() if line is not None else []
    if any(part.strip() for part in parts[2:]):
        return
    is_new = not was["name"] and not composed
    is_person = name != read(card, ("company",))["company"]
    if (composed and composed == was["name"]) or (is_new and is_person):
        first, _, last = name.strip().rpartition(" ")
        _put_part(card, line, "N", 1, first.strip() or None, 5)
        _put_part(card, card.first("N"), "N", 0, last, 5)


SKELETON = "BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//Tieline//CardDAV//EN\r\nUID:{uid}\r\nEND:VCARD\r\n"


def new_card(uid: str, values: Mapping[str, Any]) -> Card:
    """A card in version 3.0, which every server takes (RFC 6352 section 5.1)."""
    card = Card.parse(SKELETON.replace("{uid}", escaped(uid)))
    _refuse(values)
    write(card, {"name": None, **values} if "name" not in values else values)
    if card.first("N") is None:  # RFC 2426 wants one
        card.add("N", ";;;;")
    return card
