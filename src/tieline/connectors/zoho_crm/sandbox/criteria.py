"""The criteria of a search: text → a test of rows."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from tieline.connectors.zoho_crm.sandbox.rows import Row, Tables, key_of, read


class TooManyError(Exception):
    """More conditions than a search takes."""


_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "greater_than": operator.gt,
    "less_than": operator.lt,
    "greater_equal": operator.ge,
    "less_equal": operator.le,
}
_OPERATORS = ("equals", "not_equal", "starts_with", "in", "between", *_COMPARED)


def criteria(tables: Tables, module: str, text: str) -> Callable[[Row], bool]:
    r"""``((Last_Name:equals:Berg)and(Company:starts_with:Acme))``; signs ``( ) , \`` in values are escaped by a backslash. Raises ValueError."""
    at = 0
    count = 0

    def group() -> Callable[[Row], bool]:
        nonlocal at
        if text[at : at + 1] != "(":
            raise ValueError(f"'(' expected at {at}")
        at += 1
        if text[at : at + 1] != "(":
            return condition()
        test = group()
        while text[at : at + 1] != ")":
            word = next((word for word in ("and", "or") if text.startswith(word, at)), None)
            if word is None:
                raise ValueError(f"'and', 'or' or ')' expected at {at}")
            at += len(word)
            test = _joined(word, test, group())
        at += 1
        return test

    def condition() -> Callable[[Row], bool]:
        nonlocal at, count
        count += 1
        if count > 15:
            raise TooManyError
        found = re.compile(r"((?:[^()\\]|\\.)*)\)").match(text, at)
        if found is None:
            raise ValueError(f"')' expected after {at}")
        at = found.end()
        return _condition(tables, module, found.group(1))

    test = group()
    while at < len(text):
        word = next((word for word in ("and", "or") if text.startswith(word, at)), None)
        if word is None:
            raise ValueError(f"'and' or 'or' expected at {at}")
        at += len(word)
        test = _joined(word, test, group())
    return test


def _joined(word: str, left: Callable[[Row], bool], right: Callable[[Row], bool]) -> Callable[[Row], bool]:
    return (lambda row: left(row) and right(row)) if word == "and" else (lambda row: left(row) or right(row))


def _condition(tables: Tables, module: str, text: str) -> Callable[[Row], bool]:
    name, word, value = [*text.split(":", 2), "", ""][:3]
    name = name.removesuffix(".id")
    known = tables.schema.modules[module].fields.get(name)
    if (known is None and name != "id") or word not in _OPERATORS:
        raise ValueError(f"{name}:{word}")
    parts = re.findall(r"(?:[^,\\]|\\.)+", value) if word in ("in", "between") else [value]
    if word == "in" and len(parts) > 100:
        raise ValueError('Only 100 values are allowed in "IN" criteria')
    if word == "between" and len(parts) != 2:
        raise ValueError("between takes two values")
    kind = known.kind if known is not None else "text"
    wanted = [_compared(kind, re.sub(r"\\(.)", r"\1", part)) for part in parts]

    def test(row: Row) -> bool:
        mine: Any = key_of(tables.plain(module, row, name))
        if word in ("equals", "in"):
            return mine in wanted
        if word == "not_equal":
            return bool(mine != wanted[0])
        if mine is None:
            return False
        if word == "starts_with":
            return str(mine).startswith(str(wanted[0]))
        if word == "between":
            return bool(wanted[0] <= mine <= wanted[1])
        return _COMPARED[word](mine, wanted[0])

    return test


def _compared(kind: str, text: str) -> Any:
    """A value as rows compare it."""
    if kind == "datetime":
        return read(text)
    if kind in ("integer", "currency", "double", "percent"):
        return float(text)
    return text == "true" if kind == "boolean" else text.casefold()
