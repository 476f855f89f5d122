"""Lists, single records, deleted records and search in the sandbox."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import orjson

from tieline.connectors.zoho_crm.sandbox_answers import refused, nothing
from tieline.connectors.zoho_crm.sandbox_rows import Row, Tables, key_of, read, told
from tieline.sdk.sandbox import Reply, Request, json_reply

PAGE = 200
DISCRETE = 2000
FIELDS = 50
TOKEN_LIFE = 24 * 3600
SORTABLE = ("id", "Created_Time", "Modified_Time")


def record(tables: Tables, module: str, row_id: str, request: Request, unknown: Reply) -> Reply:
    """``GET /{module}/{id}``."""
    row = tables[module].rows.get(row_id)
    if row is None:
        return unknown
    names = _names(request.query.get("fields"))
    shown = tables.whole(module, row)
    if names:
        shown = {"id": row.id, **{name: shown[name] for name in names if name in shown}}
    return json_reply(200, {"data": [shown]})


def page(tables: Tables, module: str, request: Request, now: float, user: str) -> Reply:
    """``GET /{module}?fields=…``: the newest first, 200 a page, ``page`` for the first 2,000 rows and ``page_token`` beyond."""
    query = request.query
    names = _names(query.get("fields"))
    if not names:
        return refused(400, "REQUIRED_PARAM_MISSING", param_name="fields")
    if len(names) > FIELDS:
        return refused(400, "LIMIT_EXCEEDED", f"at most {FIELDS} fields", param_name="fields", limit=FIELDS)
    token = query.get("page_token")
    if token and "page" in query:
        return refused(400, "AMBIGUITY_DURING_PROCESSING", ambiguity_due_to=[{"param_name": "page"}, {"param_name": "page_token"}])
    if "cvid" in query and "sort_by" in query:
        return refused(400, "AMBIGUITY_DURING_PROCESSING", ambiguity_due_to=[{"param_name": "cvid"}, {"param_name": "sort_by"}])
    sort_by, order = query.get("sort_by", "id"), query.get("sort_order", "desc")
    if sort_by not in SORTABLE or order not in ("asc", "desc"):
        return refused(400, "INVALID_DATA", param_name="sort_by" if sort_by not in SORTABLE else "sort_order")
    size = _number(query.get("per_page"), PAGE)
    number = _number(query.get("page"), 1)
    if not 1 <= size <= PAGE or number < 1:
        return refused(400, "INVALID_DATA", param_name="per_page" if number >= 1 else "page")
    if number * size > DISCRETE:
        return refused(400, "DISCRETE_PAGINATION_LIMIT_EXCEEDED", limit=DISCRETE)
    bound = [user, module, ",".join(names), sort_by, order, query.get("converted", "false")]
    after: list[Any] | None = None
    previous: str | None = None
    if token:
        try:
            held = orjson.loads(base64.urlsafe_b64decode(token))
        except ValueError:
            return refused(400, "INVALID_DATA", param_name="page_token")
        if held["e"] <= now:
            return refused(400, "EXPIRED_VALUE", param_name="page_token")
        if held["b"] != bound:
            return refused(400, "TOKEN_BOUND_DATA_MISMATCH", param_name="page_token")
        after, number, previous = held["a"], held["n"], token
    since = _since(request)
    if since is False:
        return refused(400, "INVALID_DATA", "If-Modified-Since is not an ISO 8601 time with offset", header_name="If-Modified-Since")
    found = _listed(tables, module, query, sort_by, order)
    if since is not None:
        found = [row for row in found if row.modified > since]
        if not found:
            return Reply(304)
    if after is not None:
        low, high = after
        key = _key(sort_by)
        found = [row for row in found if (key(row) < (low, high)) == (order == "desc") and key(row) != (low, high)]
        start = 0
    else:
        start = (number - 1) * size
    shown = found[start : start + size]
    if not shown:
        return nothing()
    more = len(found) > start + size
    next_token = None
    if more:
        last = _key(sort_by)(shown[-1])
        next_token = base64.urlsafe_b64encode(orjson.dumps({"a": last, "n": number + 1, "e": int(now) + TOKEN_LIFE, "b": bound})).decode()
    info = {
        "per_page": size,
        "next_page_token": next_token,
        "count": len(shown),
        "sort_by": sort_by,
        "page": number,
        "previous_page_token": previous,
        "page_token_expiry": told(int(now) + TOKEN_LIFE) if next_token else None,
        "sort_order": order,
        "more_records": more,
    }
    return json_reply(200, {"data": [_part(tables, module, row, names) for row in shown], "info": info})


def deleted(tables: Tables, module: str, request: Request) -> Reply:
    """``GET /{module}/deleted``: what was deleted, the latest first."""
    kind = request.query.get("type", "all")
    if kind not in ("all", "recycle", "permanent"):
        return refused(400, "INVALID_DATA", param_name="type")
    since = _since(request)
    if since is False:
        return refused(400, "INVALID_DATA", header_name="If-Modified-Since")
    size, number = _number(request.query.get("per_page"), PAGE), _number(request.query.get("page"), 1)
    if not 1 <= size <= PAGE or number < 1:
        return refused(400, "INVALID_DATA", param_name="per_page")
    gone = [one for one in reversed(tables[module].deleted) if kind != "permanent" and (since is None or one.at > since)]
    shown = gone[(number - 1) * size : number * size]
    if not shown:
        return nothing() if since is None else Reply(304)
    data = [
        {
            "deleted_by": tables.schema.user_ref(one.by),
            "id": one.id,
            "display_name": one.name,
            "type": "recycle",
            "created_by": tables.schema.user_ref(one.by),
            "deleted_time": told(one.at),
        }
        for one in shown
    ]
    return json_reply(200, {"data": data, "info": {"per_page": size, "count": len(shown), "page": number, "more_records": len(gone) > number * size}})


def search(tables: Tables, module: str, request: Request, now: float) -> Reply:
    """``GET /{module}/search`` with exactly one of criteria, email, phone, word. Fresh records may not be in the index yet."""
    query = request.query
    given = [name for name in ("criteria", "email", "phone", "word") if query.get(name)]
    if len(given) != 1:
        return refused(400, "EXPECTED_PARAM_MISSING", param_names=["criteria", "email", "phone", "word"])
    value = query[given[0]]
    size, number = _number(query.get("per_page"), PAGE), _number(query.get("page"), 1)
    if not 1 <= size <= PAGE or number < 1:
        return refused(400, "INVALID_DATA", param_name="per_page")
    if number * size > DISCRETE:
        return refused(400, "LIMIT_REACHED", "maximum response iteration limit reached", limit=str(DISCRETE))
    fields = tables.schema.modules[module].fields
    test: Callable[[Row], bool]
    if given[0] == "criteria":
        try:
            test = _criteria(tables, module, value)
        except _TooMany:
            return refused(400, "CRITERIA_LIMIT_EXCEEDED", "no of criterium that can be given exceed the limit 15")
        except ValueError as wrong:
            return refused(400, "INVALID_QUERY", "Invalid query formed", reason=str(wrong))
    elif given[0] == "word":
        if len(value) < 2:
            return refused(400, "INVALID_QUERY", "Invalid query formed", reason="a word has two letters at least")
        needle = value.casefold()
        texts = [name for name, known in fields.items() if known.kind in ("text", "email", "phone", "website")]
        test = lambda row: any(needle in str(row.values.get(name) or "").casefold() for name in texts)  # noqa: E731
    else:
        names = [name for name, known in fields.items() if known.kind == given[0]]
        wanted = value.casefold()
        test = lambda row: any(str(row.values.get(name) or "").casefold() == wanted for name in names)  # noqa: E731
    table = tables[module]
    found = [row for row in _listed(tables, module, query, "id", query.get("sort_order", "desc")) if not table.hidden(row.id, now) and test(row)]
    shown = found[(number - 1) * size : number * size]
    if not shown:
        return nothing()
    names = _names(query.get("fields"))
    info = {"per_page": size, "count": len(shown), "sort_by": "id", "page": number, "sort_order": "desc", "more_records": len(found) > number * size}
    data = [_part(tables, module, row, names) if names else tables.whole(module, row) for row in shown]
    return json_reply(200, {"data": data, "info": info})


def _listed(tables: Tables, module: str, query: dict[str, str], sort_by: str, order: str) -> list[Row]:
    rows = tables[module].rows
    wanted = query.get("ids")
    found = [rows[one] for one in wanted.split(",") if one in rows] if wanted else list(rows.values())
    if module == "Leads":
        converted = query.get("converted", "false")
        if converted != "both":
            found = [row for row in found if bool(row.values.get("Converted__s")) is (converted == "true")]
    found.sort(key=_key(sort_by), reverse=order == "desc")
    return found


def _key(sort_by: str) -> Callable[[Row], tuple[Any, Any]]:
    if sort_by == "id":
        return lambda row: (row.id, "")
    return (lambda row: (row.created, row.id)) if sort_by == "Created_Time" else (lambda row: (row.modified, row.id))


def _part(tables: Tables, module: str, row: Row, names: list[str]) -> dict[str, Any]:
    known = tables.schema.modules[module].fields
    shown = {name: tables.value(module, row, name) for name in names if name in known}
    if "$se_module" in names or "What_Id" in shown:
        shown["$se_module"] = row.se_module or None
    shown["id"] = row.id
    return shown


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()] if text else []


def _number(text: str | None, default: int) -> int:
    return default if text is None else int(text) if text.isdigit() else 0


def _since(request: Request) -> float | None | bool:
    """The If-Modified-Since header in seconds; False when it is not ISO 8601 with an offset."""
    text = request.headers.get("if-modified-since")
    if not text:
        return None
    try:
        return read(text)
    except ValueError:
        return False


class _TooMany(Exception):
    pass


_OPERATORS = ("equals", "not_equal", "starts_with", "in", "greater_than", "less_than", "greater_equal", "less_equal", "between")


def _criteria(tables: Tables, module: str, text: str) -> Callable[[Row], bool]:
    """``((Last_Name:equals:Berg)and(Company:starts_with:Acme))``; signs ``( ) , \\`` in values are escaped by a backslash. Raises ValueError."""
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
            raise _TooMany
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
    name, operator, value = [*text.split(":", 2), "", ""][:3]
    known = tables.schema.modules[module].fields.get(name.removesuffix(".id"))
    if (known is None and name != "id") or operator not in _OPERATORS:
        raise ValueError(f"{name}:{operator}")
    parts = [re.sub(r"\\(.)", r"\1", part) for part in re.findall(r"(?:[^,\\]|\\.)+", value)]
    if operator == "in" and len(parts) > 100:
        raise ValueError('Only 100 values are allowed in "IN" criteria')
    plain = re.sub(r"\\(.)", r"\1", value)

    def compare(raw: str) -> Any:
        if known is not None and known.kind == "datetime":
            return read(raw)
        if known is not None and known.kind in ("integer", "currency", "double", "percent"):
            return float(raw)
        return raw == "true" if known is not None and known.kind == "boolean" else raw.casefold()

    wanted = [compare(part) for part in (parts if operator in ("in", "between") else [plain])]
    if operator == "between" and len(wanted) != 2:
        raise ValueError("between takes two values")

    def test(row: Row) -> bool:
        mine: Any = key_of(tables.plain(module, row, name.removesuffix(".id")))
        match operator:
            case "equals" | "in":
                return mine in wanted
            case "not_equal":
                return bool(mine != wanted[0])
            case "starts_with":
                return mine is not None and str(mine).startswith(str(wanted[0]))
        if mine is None:
            return False
        if operator == "between":
            return bool(wanted[0] <= mine <= wanted[1])
        bound = wanted[0]
        tests = {"greater_than": mine > bound, "less_than": mine < bound, "greater_equal": mine >= bound, "less_equal": mine <= bound}
        return bool(tests[operator])

    return test
