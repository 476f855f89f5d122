"""Running COQL on the sandbox's records: equality through hash indexes, the rest by scanning."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from tieline.connectors.zoho_crm.sandbox.coql import Both, Condition, CoqlError, Query, Where
from tieline.connectors.zoho_crm.sandbox.rows import Row, Table, Tables, key_of, read
from tieline.connectors.zoho_crm.sandbox.schema import FieldDef

_ORDERED = ("integer", "bigint", "currency", "double", "percent", "date", "datetime", "autonumber", "text", "id")
_UNSEARCHABLE = ("textarea",)
_ALWAYS = {"id": FieldDef("id", "bigint")}

Test = Callable[[Row], bool]


def run(tables: Tables, query: Query, now: float) -> tuple[list[dict[str, Any]], bool]:
    """Rows of the answer and whether there are more; raises CoqlError."""
    if query.module not in tables.by_module or query.module == "Notes":
        raise CoqlError("INVALID_QUERY", "invalid module", module=query.module)
    table = tables[query.module]
    for name in query.fields:
        _definition(tables, query.module, name)
    for name, _ in query.order:
        _definition(tables, query.module, name)
    test = _test(tables, query.module, query.where)
    candidates = _candidates(tables, table, query.where)
    rows = table.rows
    found: list[Row]
    if candidates is None:
        found = [row for row in rows.values() if test(row)]
    else:
        found = [rows[row_id] for row_id in sorted(candidates) if test(rows[row_id])]
    if table.fresh:
        found = [row for row in found if not table.hidden(row.id, now)]
    for name, down in reversed(query.order):
        reader = _reader(tables, query.module, name)
        found.sort(key=lambda row, reader=reader: _rank(reader(row)), reverse=down)  # type: ignore[misc]
    end = query.offset + query.limit
    shown = [_shown(tables, query.module, row, query.fields) for row in found[query.offset : end]]
    return shown, len(found) > end


def _definition(tables: Tables, module: str, name: str) -> FieldDef:
    """The field that a column names, through a lookup if there is a dot."""
    first, _, rest = name.partition(".")
    known = _ALWAYS.get(first) or tables.schema.modules[module].fields.get(first)
    if known is None:
        raise CoqlError("INVALID_QUERY", "column given seems to be invalid", column_name=name)
    if not rest:
        return known
    if known.kind == "ownerlookup":
        if rest in ("id", "first_name", "last_name", "email"):
            return FieldDef(rest, "text")
    elif known.kind == "lookup" and known.target in tables.by_module and "." not in rest:
        return _definition(tables, known.target, rest)
    elif known.kind == "lookup" and rest == "id":
        return _ALWAYS["id"]
    raise CoqlError("INVALID_QUERY", "column given seems to be invalid", column_name=name)


def _reader(tables: Tables, module: str, name: str) -> Callable[[Row], Any]:
    """How to get the comparable value of a column from a row."""
    first, _, rest = name.partition(".")
    if not rest:
        return lambda row: tables.plain(module, row, first)
    known = tables.schema.modules[module].fields[first]
    if rest == "id":
        return lambda row: tables.plain(module, row, first)
    if known.kind == "ownerlookup":
        return lambda row: getattr(tables.schema.users[tables.plain(module, row, first)], rest)
    target = tables[known.target]

    def joined(row: Row) -> Any:
        other = target.rows.get(row.values.get(first, ""))
        return None if other is None else tables.plain(known.target, other, rest)

    return joined


def _shown(tables: Tables, module: str, row: Row, names: list[str]) -> dict[str, Any]:
    """A row of the answer; lookups come as their id alone."""
    shown: dict[str, Any] = {}
    for name in names:
        first, _, rest = name.partition(".")
        if not rest:
            value = tables.value(module, row, first)
            known = tables.schema.modules[module].fields.get(first)
            shown[name] = {"id": value["id"]} if value is not None and known is not None and known.is_lookup else value
            continue
        known = tables.schema.modules[module].fields[first]
        if known.kind == "ownerlookup" or rest == "id":
            shown[name] = _reader(tables, module, name)(row)
            continue
        other = tables[known.target].rows.get(row.values.get(first, ""))
        value = None if other is None else tables.value(known.target, other, rest)
        inner = tables.schema.modules[known.target].fields.get(rest)
        shown[name] = {"id": value["id"]} if value is not None and inner is not None and inner.is_lookup else value
    shown["id"] = row.id
    return shown


def _wanted(known: FieldDef, condition: Condition, value: Any) -> Any:
    """A condition's value in the form that rows are compared in."""
    if known.kind == "datetime":
        try:
            return read(value)
        except (TypeError, ValueError):
            raise CoqlError(
                "INVALID_QUERY", "value given seems to be invalid for the column", column_name=condition.field, reason="datetime expected",
                operator=condition.op if condition.op in (">", "<", ">=", "<=", "=", "!=") else "=",
            ) from None  # fmt: skip
    if known.kind in ("lookup", "ownerlookup") or known.name == "id":
        return str(value)
    if known.kind == "boolean":
        if not isinstance(value, bool):
            raise CoqlError(
                "INVALID_QUERY",
                "value given seems to be invalid",
                column_name=condition.field,
                reason="boolean",
                operator="=",
            )
        return value
    if known.kind in ("integer", "currency", "double", "percent"):
        try:
            return float(value)
        except (TypeError, ValueError):
            raise CoqlError(
                "INVALID_QUERY",
                "value given seems to be invalid",
                column_name=condition.field,
                reason="number",
                operator="=",
            ) from None
    return str(value)


def _test(tables: Tables, module: str, where: Where) -> Test:
    if isinstance(where, Both):
        left, right = _test(tables, module, where.left), _test(tables, module, where.right)
        return (lambda row: left(row) and right(row)) if where.word == "and" else (lambda row: left(row) or right(row))
    known = _definition(tables, module, where.field)
    read_row = _reader(tables, module, where.field)
    if known.kind in _UNSEARCHABLE:
        raise CoqlError("INVALID_QUERY", "column cannot be used in criteria", column_name=where.field, clause="where")
    match where.op:
        case "is null":
            return lambda row: read_row(row) in (None, "")
        case "is not null":
            return lambda row: read_row(row) not in (None, "")
        case "in" | "not in":
            values = _keys(known, where)
            if where.op == "in":
                return lambda row: key_of(read_row(row)) in values
            return lambda row: key_of(read_row(row)) not in values
        case "=" | "!=":
            one = key_of(_wanted(known, where, where.value))
            return (
                (lambda row: key_of(read_row(row)) == one)
                if where.op == "="
                else (lambda row: key_of(read_row(row)) != one)
            )
        case "like" | "not like":
            return _like(known, where, read_row)
    if known.kind not in _ORDERED and known.name != "id":
        raise CoqlError(
            "INVALID_QUERY",
            "operator not supported for the column",
            column_name=where.field,
            reason="operator",
            operator=_op(where.op),
        )
    if where.op in ("between", "not between"):
        low, high = (_wanted(known, where, value) for value in where.value)
        inside = where.op == "between"
        return lambda row: ((value := read_row(row)) is not None) and (low <= value <= high) is inside
    bound = _wanted(known, where, where.value)
    compare: Callable[[Any, Any], bool] = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le}[
        where.op
    ]
    return lambda row: ((value := read_row(row)) is not None) and compare(value, bound)


def _like(known: FieldDef, where: Condition, read_row: Callable[[Row], Any]) -> Test:
    """``%`` at either end or both; the rest is literal."""
    if known.kind not in ("text", "email", "phone", "website", "picklist"):
        raise CoqlError(
            "INVALID_QUERY",
            "operator not supported for the column",
            column_name=where.field,
            reason="operator",
            operator="=",
        )
    body = str(where.value)
    pattern = re.compile(".*".join(re.escape(part) for part in body.split("%")), re.IGNORECASE | re.DOTALL)
    wanted = where.op == "like"
    return lambda row: (pattern.fullmatch(str(read_row(row) or "")) is not None) is wanted


def _op(op: str) -> str:
    return op if op in (">", "<", ">=", "<=", "=", "!=") else "="


def _candidates(tables: Tables, table: Table, where: Where) -> set[str] | None:
    """Ids that can match at all, by index; None when only a scan can tell."""
    if isinstance(where, Both):
        left, right = _candidates(tables, table, where.left), _candidates(tables, table, where.right)
        if where.word == "or":
            return None if left is None or right is None else left | right
        if left is None or right is None:
            return right if left is None else left
        return left & right
    name = where.field.removesuffix(".id")
    known = _ALWAYS.get(name) or table.module.fields.get(name)
    if where.op not in ("=", "in") or known is None or known.read_only or known.kind in ("datetime", "boolean"):
        return None
    keys = _keys(known, where)
    if name == "id":
        return {key for key in keys if key in table.rows}
    index = table.index(name)
    return {row_id for key in keys if key in index for row_id in index[key]}


def _keys(known: FieldDef, where: Condition) -> frozenset[Any]:
    """What `=` or `in` asks for, as equality sees it. Queries ask for thousands of numbers: those are not looked at one by one."""
    values = where.value if isinstance(where.value, tuple) else (where.value,)
    if known.kind == "phone" and all(isinstance(value, str) for value in values):
        return frozenset(map(str.casefold, values))
    return frozenset(key_of(_wanted(known, where, value)) for value in values)


def _rank(value: Any) -> tuple[int, Any]:
    """Empty first; texts without regard to case."""
    return (0, 0) if value is None else (1, key_of(value))
