"""Changes since a cursor.

Customers come from the legacy list: at first everybody, by number; then in the order of their change. A time there is a whole second, and a
page's edge may lie inside one: the next page begins with that second again, and a second that fills a page (an import) is walked through by
number. Page numbers are never used: a customer that is edited between two pages would push another one out of both.

Contacts come from customersapi, which has no order of change: everything changed since then, in the order of numbers. What changes while the
pages are read comes with the next pull, which begins where this one began, by e-conomic's own clock.

A pull begins a minute before the last one read what was younger than a minute then: what was being written has an older time than when it
could be seen. Of customers that is the first page that reached so far, of contacts, which are in no such order, the first one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from tieline.connectors.e_conomic.api import PAGE, Api, now_of
from tieline.connectors.e_conomic.shapes import CONTACTS, CUSTOMERS, contact, customer
from tieline.core.errors import ConfigError, ProtocolError
from tieline.sdk.contract import Page

OVERLAP_S = 60


async def pull(api: Api, object: str, fields: Sequence[str], cursor: str | None) -> AsyncIterator[Page]:
    """Pages of changes."""
    at = _load(cursor)
    if object not in (CUSTOMERS, CONTACTS):
        raise ConfigError(f"there is no object {object!r}", setting="object")
    if object == CONTACTS:
        pages = _contacts(api, fields, at)
    else:
        pages = _customers(api, fields, at) if "t" in at else _all_customers(api, fields, at)
    async for page in pages:
        yield page


async def count(api: Api, object: str) -> int:
    """How many customers there are, or contacts that are not deleted: customersapi counts both, and those that a filter leaves."""
    if object == CUSTOMERS:
        return await api.counted("/Customers")
    if object == CONTACTS:
        return await api.counted("/Contacts", {"filter": "isDeleted$eq:false"})
    raise ConfigError(f"there is no object {object!r}", setting="object")


async def _all_customers(api: Api, fields: Sequence[str], at: dict[str, Any]) -> AsyncIterator[Page]:
    """Everybody, in the order of numbers: so none is told of twice. What changes meanwhile comes with the next pull."""
    behind, began = int(at.get("w", 0)), at.get("s")
    while True:
        query = {"pagesize": str(PAGE), "sort": "customerNumber", "filter": f"customerNumber$gt:{behind}"}
        rows, response = await api.rows("/customers", query)
        if began is None:
            began = now_of(response) or _newest(rows)
        records = [customer(row, fields) for row in rows]
        if len(rows) < PAGE:
            yield Page(records, _dump(t=_end(None, began)))
            return
        behind = int(rows[-1]["customerNumber"])
        yield Page(records, _dump(w=behind, s=began))


async def _customers(api: Api, fields: Sequence[str], at: dict[str, Any]) -> AsyncIterator[Page]:
    since: int = at["t"]
    behind: int | None = at.get("n")
    origin: int = at.get("o", since)
    young: int | None = at.get("b")
    while True:
        query = {
            "pagesize": str(PAGE),
            "sort": "lastUpdated,customerNumber",
            "filter": f"lastUpdated$gte:{_iso(since)}",
        }
        if behind is not None:
            query["sort"] = "customerNumber"
            query["filter"] += f"$and:lastUpdated$lt:{_iso(since + 1)}$and:customerNumber$gt:{behind}"
        rows, response = await api.rows("/customers", query)
        records = [customer(row, fields) for row in rows]
        now, newest = now_of(response), _newest(rows)
        if young is None and newest is not None and (now is None or now - newest <= OVERLAP_S):
            young = newest if now is None else now
        if len(rows) < PAGE and behind is None:
            yield Page(records, _dump(t=_end(origin, young if young is not None else now)))
            return
        if behind is not None:
            # the second is walked through to its end, then what is later
            since, behind = (since, int(rows[-1]["customerNumber"])) if len(rows) == PAGE else (since + 1, None)
        else:
            first, last = seconds(rows[0].get("lastUpdated")), seconds(rows[-1].get("lastUpdated"))
            if last is None:
                raise ProtocolError("a page of customers without a time of change")
            since, behind = last, 0 if first == last else None
        yield Page(records, _dump(t=since, n=behind, o=origin, b=young))


async def _contacts(api: Api, fields: Sequence[str], at: dict[str, Any]) -> AsyncIterator[Page]:
    since: int | None = at.get("t")
    began: int | None = at.get("s")
    cursor = str(at.get("c") or "")
    while True:
        query = {"cursor": cursor} if cursor else {}
        if since is not None:
            query["filter"] = f"lastUpdated$gte:{_iso(since)}"
        rows, cursor, response = await api.items("/Contacts", query)
        if began is None:
            # nothing of this page is newer than the moment at which it was read
            began = now_of(response) or _newest(rows)
        records = [contact(row, fields) for row in rows if row.get("isDeleted") is not True]
        deleted = [str(row["number"]) for row in rows if row.get("isDeleted") is True and since is not None]
        if not cursor:
            yield Page(records, _dump(t=_end(since, began)), deleted)
            return
        yield Page(records, _dump(t=since, s=began, c=cursor), deleted)


def _end(since: int | None, seen: int | None) -> int | None:
    """Where the next pull begins: a little before that moment, never before where this one began."""
    found = [one for one in (since, seen - OVERLAP_S if seen is not None else None) if one is not None]
    return max(found, default=None)


def _newest(rows: Sequence[dict[str, Any]]) -> int | None:
    return max((at for row in rows if (at := seconds(row.get("lastUpdated"))) is not None), default=None)


def seconds(text: Any) -> int | None:
    """Whole Unix seconds of a time as e-conomic writes it; None where there is none."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise ProtocolError("a time in a form that is not known") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _dump(**at: Any) -> str:
    return orjson.dumps({name: value for name, value in at.items() if value is not None}).decode()


def _load(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    try:
        found = orjson.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(found.get(name, 0), int) for name in "tnsobw"):
        raise ConfigError("a cursor that is not ours", setting="cursor")
    return found
