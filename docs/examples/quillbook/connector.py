"""Quillbook: authors and houses, by its API version 2. Source: API.md."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from tieline.core.errors import ProtocolError, TielineError, UnknownOutcomeError
from tieline.sdk.answer import Response, unclear
from tieline.sdk.contract import (
    FieldSchema,
    Gone,
    Identity,
    Link,
    NotSent,
    ObjectSchema,
    Outcome,
    Page,
    PushOperation,
    Rejected,
    Stale,
    Unknown,
    VendorRecord,
    VendorUser,
    Written,
)
from tieline.sdk.http import Client

ORIGIN = "ref"
PAGE, VALUES, ITEMS = 100, 50, 25
"""Most records of a page, values of a lookup, items of a batch."""
_SHARED = (
    FieldSchema("phone", "Phone", "phone"),
    FieldSchema("remarks", "Remarks", "text"),
    FieldSchema(ORIGIN, "Ref", "text", unique=True, length=100),
)
SCHEMAS = (
    ObjectSchema(
        "authors",
        "Authors",
        (
            FieldSchema("full_name", "Full name", "text", required=True, length=200),
            FieldSchema("email", "E-mail", "email"),
            FieldSchema("house", "House", "link", link="houses"),
            *_SHARED,
        ),
    ),
    ObjectSchema(
        "houses",
        "Houses",
        (
            FieldSchema("title", "Title", "text", required=True, length=200),
            FieldSchema("website", "Website", "url"),
            *_SHARED,
        ),
    ),
)


class Connector:
    """Records of Quillbook. What each method promises is said in `tieline.sdk.contract.Records`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def check(self) -> Identity:
        answer = await self._client.request("GET", "api", "/v2/account", read=True)
        account = _part(answer, "account", dict)
        return Identity(str(account["id"]), str(account["title"]))

    async def describe(self, objects: Sequence[str]) -> list[ObjectSchema]:
        return [schema for schema in SCHEMAS if schema.name in objects]

    async def users(self) -> list[VendorUser]:
        return []

    async def prepare(self, objects: Sequence[str]) -> dict[str, str]:
        """Every object has its unique `ref`; nothing is to be made."""
        return dict.fromkeys(objects, ORIGIN)

    # -- reading ------------------------------------------------------------------------------------------------------

    async def pull(self, object: str, fields: Sequence[str], cursor: str | None) -> AsyncIterator[Page]:
        while True:
            query = {"limit": str(PAGE), **({"cursor": cursor} if cursor else {})}
            answer = await self._client.request("GET", "api", f"/v2/{object}", read=True, query=query)
            rows = _part(answer, "data", list)
            cursor = str(_part(answer, "cursor", str))
            records = [_record(object, row, fields) for row in rows if not row.get("removed")]
            yield Page(records, cursor, [str(row["id"]) for row in rows if row.get("removed")])
            if not answer.json().get("has_more"):
                return

    async def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[VendorRecord]:
        return await self._lookup(object, "id", ids, fields)

    async def find(
        self, object: str, by: Sequence[str], values: Sequence[str], fields: Sequence[str]
    ) -> list[VendorRecord]:
        found: dict[str, VendorRecord] = {}
        for field in by:
            for record in await self._lookup(object, field, values, [*fields, *by]):
                found[record.id] = record
        return list(found.values())

    async def _lookup(
        self, object: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> list[VendorRecord]:
        out: list[VendorRecord] = []
        unique = list(dict.fromkeys(values))
        for at in range(0, len(unique), VALUES):
            asked: dict[str, Any] = {"field": field, "any": unique[at : at + VALUES], "cursor": None}
            while True:
                # A POST that only asks: it may be sent again.
                answer = await self._client.request("POST", "api", f"/v2/{object}/lookup", read=True, json=asked)
                out += [_record(object, row, fields) for row in _part(answer, "data", list)]
                if not answer.json().get("cursor"):
                    break
                asked = {**asked, "cursor": answer.json()["cursor"]}
        return out

    # -- writing ------------------------------------------------------------------------------------------------------

    async def push(self, operations: Sequence[PushOperation]) -> list[Outcome]:
        """Neighbours of one object go together. Trouble with the connection is raised only while nothing was written."""
        # Made before anything is sent: what cannot be said is an error while nothing happened.
        items = [(operation.object, _item(operation)) for operation in operations]
        out: list[Outcome] = []
        for object, group in groupby(items, key=lambda one: one[0]):
            waiting = [item for _, item in group]
            for at in range(0, len(waiting), ITEMS):
                batch = waiting[at : at + ITEMS]
                try:
                    out += await self._batch(object, batch)
                except UnknownOutcomeError as error:
                    out += [Unknown(error.detail)] * len(batch)
                except TielineError as error:
                    if not out:
                        raise
                    return out + [NotSent(error.code)] * (len(operations) - len(out))
        return out

    async def _batch(self, object: str, items: list[dict[str, Any]]) -> list[Outcome]:
        answer = await self._client.request("POST", "api", f"/v2/{object}/batch", read=False, json={"items": items})
        results = _part(answer, "results", list)
        if len(results) != len(items):
            raise UnknownOutcomeError(f"{len(results)} results for {len(items)} items")
        return [_outcome(item, result) for item, result in zip(items, results, strict=True)]


def _item(operation: PushOperation) -> dict[str, Any]:
    """One write as the vendor's batch says it."""
    fields = {name: value.id if isinstance(value, Link) else value for name, value in operation.values.items()}
    if operation.verb == "create":
        return {"op": "add", "fields": {**fields, ORIGIN: operation.key}}
    if operation.target is None or operation.verb == "attach":
        raise ProtocolError(f"{operation.verb} is nothing that this vendor can do", verb=operation.verb)
    item: dict[str, Any] = {"op": "remove" if operation.verb == "delete" else "edit", "id": operation.target.id}
    if operation.verb == "update":
        item["fields"] = fields
    if operation.version is not None:
        item["etag"] = operation.version
    return item


def _outcome(item: Mapping[str, Any], result: Mapping[str, Any]) -> Outcome:
    """What became of one item."""
    status = result.get("status")
    if status in (200, 201):
        return Written(str(result["id"]), result.get("etag"))
    if status == 404:
        return Gone()
    if status == 412:
        return Stale()
    if status == 409 and item["op"] == "add":
        return Written(str(result["id"]), result.get("etag"), existed=True)
    if status in (409, 422):
        error = result.get("error") or {}
        return Rejected(str(error.get("code") or status), error.get("field"), str(error.get("message") or ""))
    return Unknown(f"a result of {status}")


def _part(answer: Response, name: str, kind: type) -> Any:
    """What was asked for. An answer without it, an error under a 200 too, is no answer."""
    body = answer.json()
    if not isinstance(body, dict) or not isinstance(body.get(name), kind):
        raise unclear(answer.is_read, f"{answer.status} without {name}")
    return body[name]


def _record(object: str, row: Mapping[str, Any], fields: Sequence[str]) -> VendorRecord:
    return VendorRecord(object, str(row["id"]), {name: row.get(name) or None for name in fields}, str(row["etag"]))
