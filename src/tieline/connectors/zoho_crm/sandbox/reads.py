"""Lists, single records, deleted records and search in the sandbox."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from tieline.connectors.zoho_crm.sandbox.answers import nothing, refused
from tieline.connectors.zoho_crm.sandbox.criteria import TooManyError, criteria
from tieline.connectors.zoho_crm.sandbox.rows import Row, Tables, read, told
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


@dataclass(slots=True)
class _Wanted:
    """A list request that was understood."""

    names: list[str]
    sort_by: str
    order: str
    size: int
    number: int
    bound: list[str]
    after: tuple[Any, Any] | None = None
    """The sort key behind which a page token goes on."""


def page(tables: Tables, module: str, request: Request, now: float, user: str) -> Reply:
    """``GET /{module}?fields=…``: the newest first, 200 a page, ``page`` for the first 2,000 rows and ``page_token`` beyond."""
    wanted = _wanted(request.query, module, user)
    if isinstance(wanted, _Wanted) and request.query.get("page_token"):
        wanted = _continued(wanted, request.query["page_token"], now)
    if isinstance(wanted, Reply):
        return wanted
    since = _since(request)
    if since is False:
        return refused(
            400,
            "INVALID_DATA",
            "If-Modified-Since is not an ISO 8601 time with offset",
            header_name="If-Modified-Since",
        )
    found = _listed(tables, module, request.query, wanted.sort_by, wanted.order)
    if since is not None:
        found = [row for row in found if row.modified > since]
        if not found:
            return Reply(304)
    key = _key(wanted.sort_by)
    start = (wanted.number - 1) * wanted.size
    if wanted.after is not None:
        behind = wanted.after
        found = [row for row in found if key(row) != behind and (key(row) < behind) is (wanted.order == "desc")]
        start = 0
    shown = found[start : start + wanted.size]
    if not shown:
        return nothing()
    more = len(found) > start + wanted.size
    token = {"a": key(shown[-1]), "n": wanted.number + 1, "e": int(now) + TOKEN_LIFE, "b": wanted.bound}
    info = {
        "per_page": wanted.size,
        "next_page_token": base64.urlsafe_b64encode(orjson.dumps(token)).decode() if more else None,
        "count": len(shown),
        "sort_by": wanted.sort_by,
        "page": wanted.number,
        "previous_page_token": request.query.get("page_token"),
        "page_token_expiry": told(int(now) + TOKEN_LIFE) if more else None,
        "sort_order": wanted.order,
        "more_records": more,
    }
    return json_reply(200, {"data": [_part(tables, module, row, wanted.names) for row in shown], "info": info})


def _wanted(query: dict[str, str], module: str, user: str) -> _Wanted | Reply:
    names = _names(query.get("fields"))
    if not names:
        return refused(400, "REQUIRED_PARAM_MISSING", param_name="fields")
    if len(names) > FIELDS:
        return refused(400, "LIMIT_EXCEEDED", f"at most {FIELDS} fields", param_name="fields", limit=FIELDS)
    for one, other in (("page", "page_token"), ("cvid", "sort_by")):
        if one in query and other in query:
            return refused(
                400, "AMBIGUITY_DURING_PROCESSING", ambiguity_due_to=[{"param_name": one}, {"param_name": other}]
            )
    sort_by, order = query.get("sort_by", "id"), query.get("sort_order", "desc")
    size, number = _number(query.get("per_page"), PAGE), _number(query.get("page"), 1)
    for name, good in (
        ("sort_by", sort_by in SORTABLE),
        ("sort_order", order in ("asc", "desc")),
        ("per_page", 1 <= size <= PAGE),
        ("page", number >= 1),
    ):
        if not good:
            return refused(400, "INVALID_DATA", param_name=name)
    if number * size > DISCRETE:
        return refused(400, "DISCRETE_PAGINATION_LIMIT_EXCEEDED", limit=DISCRETE)
    bound = [user, module, ",".join(names), sort_by, order, query.get("converted", "false")]
    return _Wanted(names, sort_by, order, size, number, bound)


def _continued(wanted: _Wanted, token: str, now: float) -> _Wanted | Reply:
    """The same list from where the page token was given; it is bound to user, fields and order, and lives a day."""
    try:
        held = orjson.loads(base64.urlsafe_b64decode(token))
        wanted.after, wanted.number = tuple(held["a"]), held["n"]
    except (ValueError, KeyError, TypeError):
        return refused(400, "INVALID_DATA", param_name="page_token")
    if held["e"] <= now:
        return refused(400, "EXPIRED_VALUE", param_name="page_token")
    if held["b"] != wanted.bound:
        return refused(400, "TOKEN_BOUND_DATA_MISMATCH", param_name="page_token")
    return wanted


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
    gone = [
        one for one in reversed(tables[module].deleted) if kind != "permanent" and (since is None or one.at > since)
    ]
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
    return json_reply(
        200,
        {
            "data": data,
            "info": {"per_page": size, "count": len(shown), "page": number, "more_records": len(gone) > number * size},
        },
    )


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
            test = criteria(tables, module, value)
        except TooManyError:
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
    found = [
        row
        for row in _listed(tables, module, query, "id", query.get("sort_order", "desc"))
        if not table.hidden(row.id, now) and test(row)
    ]
    shown = found[(number - 1) * size : number * size]
    if not shown:
        return nothing()
    names = _names(query.get("fields"))
    info = {
        "per_page": size,
        "count": len(shown),
        "sort_by": "id",
        "page": number,
        "sort_order": "desc",
        "more_records": len(found) > number * size,
    }
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


def _since(request: Request) -> float | bool | None:
    """The If-Modified-Since header in seconds; False when it is not ISO 8601 with an offset."""
    text = request.headers.get("if-modified-since")
    if not text:
        return None
    try:
        return read(text)
    except ValueError:
        return False
