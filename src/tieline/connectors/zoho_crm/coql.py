"""COQL queries: as few as Zoho allows, and all of their rows.

Limits of v8 (vendor sheet, section 3): 25 criteria, more than two nested in pairs with brackets; 100 values of an `in`; 50
columns; 2,000 rows a page. Pages follow the id, not an offset, so that rows which come and go meanwhile shift nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tieline.connectors.zoho_crm.api import Api
from tieline.connectors.zoho_crm.phones import E164, MOST, MOST_OF_MANY, renderings
from tieline.core.errors import ConfigError, ProtocolError

CRITERIA = 24
"""One less than allowed: the id of the page before takes one."""
IN_VALUES = 100
COLUMNS = 50
FEW = 8
"""Up to so many numbers are looked for in all their renderings: one request for four fields."""
PAGE, LARGEST_PAGE = 200, 2000


def text(value: str) -> str:
    """A text literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def one_of(values: Sequence[str]) -> str:
    """What a field is compared with to have one of these values (at most IN_VALUES)."""
    return f"in ({','.join(map(text, values))})" if len(values) > 1 else f"= {text(values[0])}"


def any_of(criteria: Sequence[str]) -> str:
    """The criteria joined by `or`, nested in pairs."""
    level = list(criteria)
    while len(level) > 2:
        level = [
            f"({level[at]} or {level[at + 1]})" if at + 1 < len(level) else level[at] for at in range(0, len(level), 2)
        ]
    return " or ".join(level)


def wheres(by: Sequence[str], values: Iterable[str]) -> list[tuple[str, int]]:
    """The conditions to ask under so that every value is looked for in every field, each with how many values it has.

    Where all values are E.164 numbers the fields hold phone numbers as people write them: each number is looked for in
    all its renderings (more than FEW numbers: in the likeliest), and those of one number stay in one condition.
    """
    asked = list(dict.fromkeys(values))
    are_phones = bool(asked) and all(E164.fullmatch(value) for value in asked)
    most = MOST if len(asked) <= FEW else MOST_OF_MANY
    groups = [renderings(value, most) if are_phones else (value,) for value in asked]
    room = max(1, CRITERIA // len(by)) * IN_VALUES
    out: list[tuple[str, int]] = []
    texts: list[str] = []
    count = 0
    for group in groups:
        if texts and len(texts) + len(group) > room:
            out.append((_condition(by, texts), count))
            texts, count = [], 0
        texts.extend(group)
        count += 1
    if texts:
        out.append((_condition(by, texts), count))
    return out


def _condition(by: Sequence[str], texts: Sequence[str]) -> str:
    unique = list(dict.fromkeys(texts))
    chunks = [one_of(unique[at : at + IN_VALUES]) for at in range(0, len(unique), IN_VALUES)]
    return any_of([f"{field} {chunk}" for field in by for chunk in chunks])


async def find(
    api: Api, module: str, by: Sequence[str], values: Iterable[str], columns: Sequence[str]
) -> list[Mapping[str, Any]]:
    """Every row of the module where any of the fields has any of the values, each once; `id` is always read."""
    asked = wheres(by, values)
    found = await asyncio.gather(*(rows(api, module, columns, where, count) for where, count in asked))
    return list({row["id"]: row for page in found for row in page}.values())


async def rows(api: Api, module: str, columns: Sequence[str], where: str, expected: int = 1) -> list[Mapping[str, Any]]:
    """All rows under a condition, by id. A page of 200 costs a third of one of 2,000: that is taken where more are
    expected, and for every page after the first."""
    selected = list(dict.fromkeys(("id", *columns)))
    if len(selected) > COLUMNS:
        raise ConfigError(f"at most {COLUMNS} fields can be read at once", setting="fields", object=module)
    found: list[Mapping[str, Any]] = []
    limit = PAGE if expected <= PAGE else LARGEST_PAGE
    behind = ""
    while True:
        condition = f"({where}) and id > {text(behind)}" if behind else where
        query = f"select {', '.join(selected)} from {module} where {condition} order by id asc limit {limit}"  # noqa: S608
        page, more = read(await api.coql(query, limit))
        found.extend(page)
        if not more:
            return found
        behind, limit = page[-1]["id"], LARGEST_PAGE


def read(answer: Mapping[str, Any] | None) -> tuple[list[Mapping[str, Any]], bool]:
    """Rows of an answer, and whether there are more behind them."""
    if answer is None:
        return [], False
    data = answer.get("data")
    if not isinstance(data, list) or not all(isinstance(row, dict) and row.get("id") for row in data):
        raise ProtocolError("rows without ids")
    more = bool((answer.get("info") or {}).get("more_records"))
    if more and not data:
        raise ProtocolError("a page that is empty and says that there is more")
    return data, more
