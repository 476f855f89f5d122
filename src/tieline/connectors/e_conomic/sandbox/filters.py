"""The filter and sort language that both of e-conomic's surfaces share.

``name$like:*port$and:(city$eq:Oslo$or:zip$null:)`` is read into a predicate over rows. As measured on live agreements: ``$`` and ``)`` in a
value must be escaped with ``$``, the published escapes of brackets match nothing, strings compare without case, ``$null:`` is a value, and
lists hold at most 200.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Kind = Literal["int", "number", "text", "bool", "time"]
Row = Any
Get = Callable[[Row], Any]
Predicate = Callable[[Row], bool]

LONGEST_LIST = 200
_NULL = object()
_STAR, _NOTHING = "\x00", "\x01"
"""An unescaped ``*``, and ``$null:``, as signs that no value has."""
_OPERATOR = re.compile(r"\$(eq|ne|gte|gt|lte|lt|like|in|nin):")
_JOIN = re.compile(r"\$(and|or):")
_NAME = re.compile(r"[A-Za-z][A-Za-z.]*")


@dataclass(frozen=True, slots=True)
class Property:
    """One that may be filtered by: how it is read from a row, what it is, and by which operators."""

    get: Get
    kind: Kind
    operators: frozenset[str] = frozenset(("eq", "ne", "gt", "gte", "lt", "lte", "like", "in", "nin"))


class BadFilterError(ValueError):
    """What is wrong; the words are the vendor's where they are known."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison."""

    name: str
    operator: str
    value: Any

    def test(self, properties: Mapping[str, Property]) -> Predicate:
        """As a predicate."""
        known = properties[self.name]
        return _compare(known.get, self.operator, self.value)


@dataclass(frozen=True, slots=True)
class Joined:
    """Several, of which all or any must hold."""

    join: str
    parts: tuple[Clause | Joined, ...]

    def test(self, properties: Mapping[str, Property]) -> Predicate:
        """As a predicate."""
        if self.join == "and":
            tests = [part.test(properties) for part in self.parts]
            return lambda row: all(test(row) for test in tests)
        # hundreds of "contains" of one property (a look-up by e-mail) read it once
        contained: dict[str, list[str]] = {}
        tests = []
        for part in self.parts:
            if isinstance(part, Clause) and part.operator == "like" and isinstance(part.value, str):
                contained.setdefault(part.name, []).append(part.value)
            else:
                tests.append(part.test(properties))
        tests += [_contains(properties[name].get, texts) for name, texts in contained.items()]
        return lambda row: any(test(row) for test in tests)


Filter = Clause | Joined


def read(text: str, properties: Mapping[str, Property]) -> Filter:
    """The filter; BadFilterError for one that the vendor refuses."""
    reader = _Reader(text, properties)
    found = reader.either()
    if reader.at < len(text):
        raise BadFilterError("Could not parse query string filter.")
    return found


def conjuncts(found: Filter) -> list[Filter]:
    """The parts that must all hold."""
    if isinstance(found, Joined) and found.join == "and":
        return [part for inner in found.parts for part in conjuncts(inner)]
    return [found]


class _Reader:
    def __init__(self, text: str, properties: Mapping[str, Property]) -> None:
        self.text, self.properties, self.at = text, properties, 0

    def either(self) -> Filter:
        return self._joined("or", lambda: self._joined("and", self._one))

    def _joined(self, join: str, read_one: Callable[[], Filter]) -> Filter:
        parts = [read_one()]
        while (match := _JOIN.match(self.text, self.at)) and match[1] == join:
            self.at = match.end()
            parts.append(read_one())
        return parts[0] if len(parts) == 1 else Joined(join, tuple(parts))

    def _one(self) -> Filter:
        if self.text.startswith("(", self.at):
            self.at += 1
            inner = self.either()
            if not self.text.startswith(")", self.at):
                raise BadFilterError("Could not parse query string filter.")
            self.at += 1
            return inner
        name = _NAME.match(self.text, self.at)
        operator = _OPERATOR.match(self.text, name.end()) if name else None
        if name is None or operator is None:
            raise BadFilterError("Could not parse query string filter.")
        known = self.properties.get(name[0])
        if known is None:
            raise BadFilterError(f"Filtering is not allowed on property '{name[0]}'.")
        if operator[1] not in known.operators or (operator[1] == "like" and known.kind != "text"):
            raise BadFilterError(f"Operator ${operator[1]}: not supported on property {name[0]}")
        self.at = operator.end()
        if operator[1] in ("in", "nin"):
            texts = self._list()
            values = [typed(text, known.kind) for text in texts]
            return Clause(name[0], operator[1], frozenset(_folded(value) for value in values))
        text = self._text("")
        if operator[1] == "like":
            return Clause(name[0], "like", _pattern(text))
        return Clause(name[0], operator[1], typed(text, known.kind))

    def _list(self) -> list[str]:
        if not self.text.startswith("[", self.at):
            raise BadFilterError("Could not parse query string filter.")
        self.at += 1
        found = [self._text(",]")]
        while self.text.startswith(",", self.at):
            self.at += 1
            found.append(self._text(",]"))
        if not self.text.startswith("]", self.at):
            raise BadFilterError("Could not parse query string filter.")
        self.at += 1
        if len(found) > LONGEST_LIST:
            raise BadFilterError(f"The list of values is longer than {LONGEST_LIST}.")
        return found

    def _text(self, ends: str) -> str:
        """One value up to what ends it, unescaped; ``*`` as a sign that no text has."""
        pieces: list[str] = []
        text = self.text
        while self.at < len(text):
            sign = text[self.at]
            if sign == "$":
                if text.startswith("$null:", self.at) and not pieces:
                    self.at += len("$null:")
                    return _NOTHING
                following = text[self.at + 1 : self.at + 2]
                if following in ("[", "]"):
                    pieces.append("$" + following)
                elif following and following in "$()*,":
                    pieces.append(following)
                elif _JOIN.match(text, self.at):
                    break
                else:
                    raise BadFilterError("Could not parse query string filter.")
                self.at += 2
                continue
            if sign == ")" or sign in ends:
                break
            pieces.append(_STAR if sign == "*" else sign)
            self.at += 1
        return "".join(pieces)


def typed(text: str, kind: Kind) -> Any:
    """A value as rows hold it: times as Unix seconds."""
    if text == _NOTHING:
        return _NULL
    text = text.replace(_STAR, "*")
    try:
        if kind == "int":
            return int(text)
        if kind == "number":
            return float(text)
        if kind == "time":
            return seconds(text)
        if kind == "bool":
            return {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError):
        raise BadFilterError(f"'{text}' is not a valid value.") from None
    return text


def seconds(text: str) -> float:
    """Unix seconds of an ISO time; one without a zone is UTC."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _pattern(text: str) -> str | re.Pattern[str]:
    """What ``$like:`` looks for: a text that is contained, or a pattern for the whole value."""
    if text == _NOTHING:
        raise BadFilterError("Could not parse query string filter.")
    folded = text.casefold()
    inner = folded[1:-1] if folded.startswith(_STAR) and folded.endswith(_STAR) and len(folded) > 1 else folded
    if _STAR not in inner and (inner is not folded or _STAR not in folded):
        return inner
    return re.compile(".*".join(map(re.escape, folded.split(_STAR))) + r"\Z", re.DOTALL)


def _contains(get: Get, texts: Sequence[str]) -> Predicate:
    def test(row: Row) -> bool:
        found = get(row)
        if found is None:
            return False
        folded = found.casefold()
        return any(text in folded for text in texts)

    return test


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _compare(get: Get, operator: str, value: Any) -> Predicate:
    if operator == "like":
        if isinstance(value, str):
            return _contains(get, [value])
        return lambda row: (text := get(row)) is not None and value.match(text.casefold()) is not None
    if operator in ("in", "nin"):
        has_null = _NULL in value

        def among(row: Row) -> bool:
            found = get(row)
            return has_null if found is None else _folded(found) in value

        return among if operator == "in" else lambda row: not among(row)
    if value is _NULL:
        return (lambda row: get(row) is None) if operator == "eq" else (lambda row: get(row) is not None)
    wanted = _folded(value)
    tests: dict[str, Callable[[Any], bool]] = {
        "eq": lambda found: bool(found == wanted),
        "gt": lambda found: bool(found > wanted),
        "gte": lambda found: bool(found >= wanted),
        "lt": lambda found: bool(found < wanted),
        "lte": lambda found: bool(found <= wanted),
    }
    if operator == "ne":
        return lambda row: _folded(get(row)) != wanted
    test = tests[operator]
    return lambda row: (found := get(row)) is not None and test(_folded(found))


def ordered(rows: list[Row], sort: str, properties: Mapping[str, Property], allowed: Sequence[str]) -> list[Row]:
    """The rows by ``name,-balance,~zip``; BadFilterError for a property that nobody may sort by."""
    for part in reversed([one for one in sort.split(",") if one]):
        backwards = part.startswith("-")
        name = part.lstrip("-~")
        if name not in allowed:
            raise BadFilterError(f"Sorting is not allowed on property '{name}'.")
        get = properties[name].get
        as_text = "~" in part[:2]
        rows = sorted(rows, key=lambda row: _sortable(get(row), as_text), reverse=backwards)
    return rows


def _sortable(value: Any, as_text: bool) -> tuple[bool, Any]:
    if value is None:
        return (False, "" if as_text else 0)
    return (True, str(value).casefold() if as_text or isinstance(value, str) else value)
