"""Looking records up: by number, CVR, e-mail, name or telephone, many at once.

Lists (``$in:``) hold 200 values. Strings compare without case. In a value ``$ ( ) * ,`` are escaped by ``$``; brackets cannot be (the published
escape matches nothing), so a value with brackets stands alone behind ``$eq:``. Source: vendor sheet section 3.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from tieline.connectors.e_conomic.api import PAGE, Api
from tieline.connectors.e_conomic.shapes import BY_NAME, CONTACT_FIELDS, CONTACTS, CUSTOMERS, contact, customer
from tieline.core.errors import ConfigError
from tieline.sdk.contract import VendorRecord

VALUES = 200
"""Most of one list."""
LONGEST_FILTER = 4000
"""Characters of a filter, written for a URL: what web servers are known to take, with room to spare."""
TAIL = 8
"""Digits at the end of a telephone number that are looked for: a whole Danish one."""
PHONES = frozenset(("telephoneAndFaxNumber", "mobilePhone", "phone"))
_NUMBERS = frozenset(("customerNumber", "number", "customerGroup"))
_CONTACT_LISTS = frozenset(("number", "customerNumber", "name"))
_SPECIAL = re.compile(r"[$()*,]")
_SIGNS = re.compile(r"[A-Za-z0-9_.~-]")


async def fetch(api: Api, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[VendorRecord]:
    """Records by number; those that are not there are left out."""
    key = "customerNumber" if object == CUSTOMERS else "number"
    numbers = _numbers(ids)
    parts = [f"{key}$in:[{','.join(numbers[at : at + VALUES])}]" for at in range(0, len(numbers), VALUES)]
    found = await asyncio.gather(*(_page(api, object, part, fields) for part in parts))
    return [record for page in found for record in page]


async def find(
    api: Api, object: str, by: Sequence[str], values: Sequence[str], fields: Sequence[str]
) -> list[VendorRecord]:
    """Records where any of the fields `by` has any of the values. What e-conomic cannot filter by (a contact's telephone) is
    looked for in the whole list."""
    asked = list(dict.fromkeys(value for value in values if value and value.strip()))
    names = tuple(dict.fromkeys((*fields, *by)))
    if not asked or not by:
        return []
    strange = next((name for name in by if name not in (CONTACT_FIELDS if object == CONTACTS else BY_NAME)), None)
    if strange is not None:
        raise ConfigError(f"{object} has no field of this name", setting=strange)
    tests = [_test(name, asked) for name in by]
    if all(_can_filter(object, name) for name in by):
        clauses = [clause for name in by for clause in _clauses(object, name, asked)]
        parts = list(_parts(clauses))
    else:
        parts = [""]
    pages = await asyncio.gather(*(_page(api, object, part, names) for part in parts))
    found = {record.id: record for page in pages for record in page}
    wanted = set(fields) | set(by)
    return [
        replace(record, fields={name: value for name, value in record.fields.items() if name in wanted})
        for record in found.values()
        if any(test(record.fields.get(name)) for name, test in zip(by, tests, strict=True))
    ]


async def _page(api: Api, object: str, wanted: str, fields: Sequence[str]) -> list[VendorRecord]:
    """Everything that a filter lets through, to the last page."""
    if object == CONTACTS:
        return await _contacts(api, wanted, fields)
    if object != CUSTOMERS:
        raise ConfigError(f"there is no object {object!r}", setting="object")
    found: list[VendorRecord] = []
    behind = 0
    while True:
        paged = f"customerNumber$gt:{behind}" if behind else ""
        asked = "$and:".join(f"({one})" for one in (wanted, paged) if one)
        query = {"pagesize": str(PAGE), "sort": "customerNumber"} | ({"filter": asked} if asked else {})
        rows, _ = await api.rows("/customers", query)
        found += [customer(row, fields) for row in rows]
        if len(rows) < PAGE:
            return found
        behind = int(rows[-1]["customerNumber"])


async def _contacts(api: Api, wanted: str, fields: Sequence[str]) -> list[VendorRecord]:
    found: list[VendorRecord] = []
    cursor = ""
    while True:
        query = ({"filter": wanted} if wanted else {}) | ({"cursor": cursor} if cursor else {})
        rows, cursor, _ = await api.items("/Contacts", query)
        found += [contact(row, fields) for row in rows if row.get("isDeleted") is not True]
        if not cursor:
            return found


# -- filters ----------------------------------------------------------------------------------------------------------


def escaped(value: str) -> str:
    """A value as it may stand in a filter; brackets stay as they are."""
    return _SPECIAL.sub(lambda sign: f"${sign[0]}", value)


def _can_filter(object: str, name: str) -> bool:
    if object == CONTACTS:
        return name in _CONTACT_LISTS or name in ("email", "eInvoiceId")
    return name in BY_NAME and bool(BY_NAME[name].filter)


def _clauses(object: str, name: str, values: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """(a list's beginning, a value of it) where values go into a list, else (a whole clause, None)."""
    known = BY_NAME[name].filter if object == CUSTOMERS else name
    if name in PHONES:
        for tail in dict.fromkeys(filter(None, map(_tail, values))):
            yield f"{known}$like:*{'*'.join(tail)}*", None
    elif name == "email":
        for value in values:
            yield f"{known}$like:*{escaped(value.strip())}*", None
    elif name in _NUMBERS:
        for value in _numbers(values):
            yield f"{known}$in:", value
    else:
        for text in dict.fromkeys(one for value in values for one in _written(name, value)):
            if name == "eInvoiceId" or "[" in text or "]" in text:
                yield f"{known}$eq:{escaped(text)}", None
            else:
                yield f"{known}$in:", escaped(text)


def _parts(clauses: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    """Filters that are neither too long nor hold too long a list."""
    lists: dict[str, list[str]] = {}
    alone: list[str] = []
    size = 0

    def joined() -> str:
        return "$or:".join([*(f"{name}[{','.join(values)}]" for name, values in lists.items()), *alone])

    for name, value in clauses:
        more = _width(value if value is not None else name) + 10
        full = size + more > LONGEST_FILTER or (value is not None and len(lists.get(name, ())) >= VALUES)
        if full and size:
            yield joined()
            lists, alone, size = {}, [], 0
        if value is None:
            alone.append(name)
        else:
            if name not in lists:
                more += _width(name)
            lists.setdefault(name, []).append(value)
        size += more
    if size:
        yield joined()


def _width(text: str) -> int:
    return sum(1 if _SIGNS.match(sign) else 3 * len(sign.encode()) for sign in text)


def _numbers(ids: Iterable[str]) -> list[str]:
    return [id for id in dict.fromkeys(ids) if id.isascii() and id.isdigit() and 0 < len(id) < 10]


def _tail(value: str) -> str:
    return "".join(sign for sign in value if sign.isascii() and sign.isdigit())[-TAIL:]


def _written(name: str, value: str) -> Iterator[str]:
    """How a value may stand there: a CVR number with and without its country."""
    yield value.strip()
    if name == "corporateIdentificationNumber":
        bare = "".join(value.split()).upper().removeprefix("DK")
        if bare.isascii() and bare.isdigit():
            yield bare
            yield f"DK{bare}"


def _test(name: str, values: Sequence[str]) -> Callable[[Any], bool]:
    """Whether a value that was read is one of those asked for: what was found by a pattern may be more."""
    if name in PHONES:
        tails = {tail for value in values if (tail := _tail(value))}
        return lambda text: any(tail in "".join(filter(str.isdigit, str(text or ""))) for tail in tails)
    wanted = {value.strip().casefold() for value in values}
    if name == "email":
        return lambda text: bool(wanted & {one.casefold() for one in str(text or "").replace(";", " ").split()})
    if name in ("corporateIdentificationNumber", "customerNumber", "number"):
        wanted = {_bare(one) for one in wanted}
        return lambda text: text is not None and _bare(str(text)) in wanted
    return lambda text: text is not None and str(text).strip().casefold() in wanted


def _bare(text: str) -> str:
    return "".join(text.split()).casefold().removeprefix("dk")
