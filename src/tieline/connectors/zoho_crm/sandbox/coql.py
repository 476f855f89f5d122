"""COQL as documented for v8: text → a query. The limits are the documented ones; where sources disagree, the strictest holds.

``select A, B.C from M where (…) order by A asc limit offset, count``. More than two conditions must be nested in pairs with brackets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

CRITERIA = 25
IN_VALUES = 100
SELECTED = 50
ORDERED = 10
ROWS = 2000
REACH = 100_000

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?)(?![\w.])|(?P<op><=|>=|!=|=|<|>)|(?P<punct>[(),])|(?P<word>[A-Za-z_$][\w$]*(?:\.[A-Za-z_]\w*)*))"
)
_TEXTS = re.compile(r"\s*\(\s*('(?:[^'\\]|\\.)*'(?:\s*,\s*'(?:[^'\\]|\\.)*')*)\s*\)")
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*)'")
"""Lists of texts behind `in` are taken in one step: queries hold thousands."""
_WORDS = frozenset(
    ("select", "from", "where", "and", "or", "not", "in", "like", "between", "is", "null", "order", "by", "asc", "desc", "limit", "offset", "true", "false", "group", "as")
)  # fmt: skip


class CoqlError(Exception):
    """A query that is refused: the documented code and its details."""

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(code)
        self.code, self.message, self.details = code, message, details


@dataclass(slots=True, frozen=True)
class Condition:
    """``field op value``; op ∈ = != > < >= <= like, not like, in, not in, between, not between, is null, is not null."""

    field: str
    op: str
    value: Any = None


@dataclass(slots=True, frozen=True)
class Both:
    """Two conditions joined by ``and`` or ``or``."""

    word: str
    left: Condition | Both
    right: Condition | Both


Where = Condition | Both


@dataclass(slots=True)
class Query:
    """A parsed query."""

    fields: list[str]
    module: str
    where: Where
    order: list[tuple[str, bool]]
    """Field, descending."""
    offset: int
    limit: int


def parse(text: str) -> Query:
    """The query in ``text``; raises CoqlError."""
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        at = 0
        stripped = text.rstrip().removesuffix(";").rstrip()
        while at < len(stripped):
            found = _TOKEN.match(stripped, at)
            if found is None or found.end() == at:
                raise self.near(at)
            kind = found.lastgroup or ""
            self.tokens.append((kind, found.group(kind), found.start(kind)))
            at = found.end()
            if kind == "word" and found.group(kind).lower() == "in" and (texts := _TEXTS.match(stripped, at)):
                self.tokens.append(("texts", texts.group(1), texts.start(1)))
                at = texts.end()
        self.at = 0
        self.criteria = 0

    def near(self, position: int) -> CoqlError:
        line = self.text.count("\n", 0, position) + 1
        column = position - self.text.rfind("\n", 0, position)
        near = self.text[position : position + 20] or "end of query"
        return CoqlError("SYNTAX_ERROR", "error occurred while parsing the query", line=line, column=column, near=near)

    def wrong(self) -> CoqlError:
        return self.near(self.tokens[self.at][2] if self.at < len(self.tokens) else len(self.text))

    def peek(self) -> str:
        """The next token as a lower-case word, '' at the end or for a text."""
        if self.at >= len(self.tokens) or self.tokens[self.at][0] in ("text", "texts"):
            return ""
        return self.tokens[self.at][1].lower()

    def taken(self, word: str) -> bool:
        if self.peek() == word:
            self.at += 1
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.taken(word):
            raise self.wrong()

    def name(self) -> str:
        if self.at < len(self.tokens):
            kind, word, _ = self.tokens[self.at]
            if kind == "word" and word.lower() not in _WORDS:
                self.at += 1
                return word
        raise self.wrong()

    def number(self) -> int:
        if self.at < len(self.tokens) and self.tokens[self.at][0] == "number" and self.tokens[self.at][1].isdigit():
            self.at += 1
            return int(self.tokens[self.at - 1][1])
        raise self.wrong()

    def query(self) -> Query:
        if not self.taken("select"):
            raise CoqlError("SYNTAX_ERROR", "missing clause", clause="select")
        fields = [self.name()]
        while self.taken(","):
            fields.append(self.name())
        repeated = next((field for field in fields if fields.count(field) > 1), None)
        if repeated is not None:
            raise CoqlError("DUPLICATE_DATA", "the column is selected twice", column_name=repeated)
        if len(fields) > SELECTED:
            raise CoqlError("LIMIT_EXCEEDED", f"more than {SELECTED} columns selected")
        if not self.taken("from"):
            raise CoqlError("SYNTAX_ERROR", "missing clause", clause="from")
        module = self.name()
        if not self.taken("where"):
            raise CoqlError("SYNTAX_ERROR", "missing clause", clause="where")
        where = self.pair()
        order = self.ordered()
        offset, limit = self.window()
        if self.at < len(self.tokens):
            raise self.wrong()
        return Query(fields, module, where, order, offset, limit)

    def ordered(self) -> list[tuple[str, bool]]:
        """``order by A asc, B desc``, or nothing."""
        order: list[tuple[str, bool]] = []
        if not self.taken("order"):
            return order
        self.expect("by")
        while not order or self.taken(","):
            field = self.name()
            down = self.taken("desc")
            if not down:
                self.taken("asc")
            order.append((field, down))
        if len(order) > ORDERED:
            raise CoqlError("LIMIT_EXCEEDED", f"more than {ORDERED} columns in order by")
        return order

    def window(self) -> tuple[int, int]:
        """``limit count``, ``limit offset, count``, ``limit count offset offset``, ``offset o limit count``."""
        offset, limit = 0, 200
        if self.taken("offset"):
            offset = self.number()
        if self.taken("limit"):
            limit = self.number()
            if self.taken(","):
                offset, limit = limit, self.number()
            elif self.taken("offset"):
                offset = self.number()
        if limit > ROWS or limit < 1:
            raise CoqlError("INVALID_QUERY", f"the limit must be from 1 to {ROWS}", limit=str(limit))
        if offset + limit > REACH:
            raise CoqlError("LIMIT_EXCEEDED", f"offset and limit reach beyond {REACH} records")
        return offset, limit

    def pair(self) -> Where:
        """One condition or two; a third without brackets is a syntax error."""
        left = self.operand()
        for word in ("and", "or"):
            if self.taken(word):
                return Both(word, left, self.operand())
        return left

    def operand(self) -> Where:
        if self.taken("("):
            inner = self.pair()
            self.expect(")")
            return inner
        return self.condition()

    def condition(self) -> Condition:
        self.criteria += 1
        if self.criteria > CRITERIA:
            raise CoqlError("LIMIT_EXCEEDED", f"more than {CRITERIA} criteria")
        field = self.name()
        if self.taken("is"):
            negated = self.taken("not")
            self.expect("null")
            return Condition(field, "is not null" if negated else "is null")
        negation = "not " if self.taken("not") else ""
        if self.taken("in"):
            values = self.listed()
            if len(values) > IN_VALUES:
                raise CoqlError("LIMIT_EXCEEDED", f"more than {IN_VALUES} values in an in clause")
            return Condition(field, negation + "in", tuple(values))
        if self.taken("like"):
            return Condition(field, negation + "like", self.value())
        if self.taken("between"):
            low = self.value()
            self.expect("and")
            return Condition(field, negation + "between", (low, self.value()))
        if not negation and self.at < len(self.tokens) and self.tokens[self.at][0] == "op":
            self.at += 1
            return Condition(field, self.tokens[self.at - 1][1], self.value())
        raise self.wrong()

    def listed(self) -> list[Any]:
        """The values behind `in`."""
        if self.at < len(self.tokens) and self.tokens[self.at][0] == "texts":
            self.at += 1
            inside = self.tokens[self.at - 1][1]
            plain = inside[1:-1].split("','")
            if "\\" not in inside and inside.count("'") == 2 * len(plain):
                return plain
            return [_plain(text) for text in _TEXT.findall(inside)]
        self.expect("(")
        values = [self.value()]
        while self.taken(","):
            values.append(self.value())
        self.expect(")")
        return values

    def value(self) -> Any:
        if self.at >= len(self.tokens):
            raise self.wrong()
        kind, word, _ = self.tokens[self.at]
        self.at += 1
        if kind == "text":
            return _plain(word[1:-1])
        if kind == "number":
            return int(word) if "." not in word else float(word)
        if kind == "word" and word.lower() in ("true", "false"):
            return word.lower() == "true"
        self.at -= 1
        raise self.wrong()


def _plain(inner: str) -> str:
    """A text without its backslashes."""
    return re.sub(r"\\(.)", r"\1", inner) if "\\" in inner else inner
