"""Changes since a cursor, in the order of their change.

Pages follow (Modified_Time, id), so that a page's edge inside one second skips nothing. Zoho's times have whole seconds and
its index lags: of what was younger, when its page was read, than the index can lag (by Zoho's own clock), some may have been missing. The
next pull begins that much before such a page was read, and repeats what it has seen there; where there was none it begins right behind
what was seen last and repeats nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from tieline.connectors.zoho_crm.api import Api
from tieline.connectors.zoho_crm.coql import PAGE, read, text
from tieline.connectors.zoho_crm.schema import stage_kinds
from tieline.connectors.zoho_crm.shapes import columns, record, stamp
from tieline.core.errors import ConfigError
from tieline.sdk.contract import Page

OVERLAP = timedelta(seconds=300)
BEGINNING = "1970-01-01T00:00:00+00:00"


async def pull(api: Api, object: str, fields: Sequence[str], cursor: str | None) -> AsyncIterator[Page]:
    """Pages of changes; ids of what was deleted since the cursor come with the last one."""
    at = _cursor(cursor)
    since, began = str(at.get("t") or BEGINNING), str(at.get("d") or "")
    behind = str(at.get("i") or "")
    kind_of = await stage_kinds(api) if "$stage_kind" in fields else (lambda _stage: "open")
    selected = list(dict.fromkeys(("id", "Modified_Time", *columns(fields))))
    began = began or (since if cursor else "")
    moved = bool(behind)
    young = str(at.get("b") or "")
    while True:
        where = f"Modified_Time >= {text(since)}"
        if behind:
            where = f"(Modified_Time = {text(since)} and id > {text(behind)}) or Modified_Time > {text(since)}"
        query = (
            f"select {', '.join(selected)} from {object} where {where} order by Modified_Time asc, id asc limit {PAGE}"  # noqa: S608
        )
        rows, more = read(await api.coql(query, PAGE))
        records = [record(object, row, fields, kind_of) for row in rows]
        if rows:
            since, behind, moved = stamp(rows[-1]["Modified_Time"]), str(rows[-1]["id"]), True
            young = young or _young(since, api.told_at)
        if more:
            yield Page(records, orjson.dumps({"t": since, "i": behind, "d": began, "b": young}).decode())
            continue
        deleted = await _deleted(api, object, began) if began else []
        yield Page(records, orjson.dumps(_end(since, behind, young, api.told_at, moved=moved)).decode(), deleted)
        return


def _young(newest: str, told_at: datetime | None) -> str:
    """When a page was read of which some may have been missing; "" for a page that is older than the index can lag."""
    if told_at is None:
        return newest
    return stamp(told_at.isoformat()) if told_at - datetime.fromisoformat(newest) <= OVERLAP else ""


def _end(since: str, behind: str, young: str, told_at: datetime | None, *, moved: bool) -> dict[str, str]:
    """Where the next pull begins. An empty one leaves the cursor where it is: it must not wander into the past."""
    if not moved:
        return {"t": since}
    if young or told_at is None:
        return {"t": stamp((datetime.fromisoformat(young or since) - OVERLAP).isoformat())}
    return {"t": since, "i": behind, "d": stamp((told_at - OVERLAP).isoformat())}


def _cursor(text: str | None) -> Mapping[str, Any]:
    if not text:
        return {}
    try:
        found = orjson.loads(text)
        datetime.fromisoformat(found["t"]).astimezone(UTC)
    except (ValueError, KeyError, TypeError):
        raise ConfigError("a cursor that is not ours", setting="cursor") from None
    if not isinstance(found, dict):
        raise ConfigError("a cursor that is not ours", setting="cursor")
    return found


async def _deleted(api: Api, object: str, since: str) -> list[str]:
    out: list[str] = []
    page = 1
    while True:
        query = {"type": "all", "page": str(page), "per_page": "200"}
        answer = await api.get(f"/{object}/deleted", query, headers={"If-Modified-Since": since})
        if answer is None:
            return out
        out.extend(str(row["id"]) for row in answer.get("data") or ())
        if not (answer.get("info") or {}).get("more_records"):
            return out
        page += 1
