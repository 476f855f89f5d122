"""Sample CRM: people, by its REST API v1. Source: the pages named in doc.md."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from tieline.core.errors import ProtocolError, TielineError, UnknownOutcomeError
from tieline.sdk.answer import Response, unclear
from tieline.sdk.contract import (
    FieldSchema,
    Gone,
    Identity,
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

ORIGIN = "external_id"
BATCH = 100
"""Values of one search, ids of one read, items of one page."""
SCHEMA = ObjectSchema(
    "people",
    "People",
    (
        FieldSchema("name", "Name", "text", required=True, length=200),
        FieldSchema("phone", "Phone", "phone"),
        FieldSchema("mobile", "Mobile", "phone"),
        FieldSchema("email", "E-mail", "email"),
        FieldSchema("notes", "Notes", "text"),
        FieldSchema(ORIGIN, "External id", "text", unique=True),
    ),
)


class Connector:
    """Records of Sample CRM. What each method promises is said in `tieline.sdk.contract.Records`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def check(self) -> Identity:
        me = await self._ask("GET", "/v1/me")
        return Identity(str(me["id"]), str(me["name"]))

    async def describe(self, objects: Sequence[str]) -> list[ObjectSchema]:
        return [SCHEMA] if SCHEMA.name in objects else []

    async def users(self) -> list[VendorUser]:
        return []

    async def prepare(self, objects: Sequence[str]) -> dict[str, str]:
        """The vendor has a unique field for it; nothing is to be made."""
        return dict.fromkeys(objects, ORIGIN)

    # -- reading ------------------------------------------------------------------------------------------------------

    async def pull(self, object: str, fields: Sequence[str], cursor: str | None) -> AsyncIterator[Page]:
        while True:
            query = {"limit": str(BATCH), **({"after": cursor} if cursor else {})}
            answer = await self._ask("GET", f"/v1/{object}/changes", query=query)
            cursor = str(answer["next"])
            yield Page([_record(object, row, fields) for row in answer["items"]], cursor, answer["deleted"])
            if not answer["more"]:
                return

    async def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[VendorRecord]:
        return await self._search(object, "id", ids, fields)

    async def find(
        self, object: str, by: Sequence[str], values: Sequence[str], fields: Sequence[str]
    ) -> list[VendorRecord]:
        found: dict[str, VendorRecord] = {}
        for field in by:
            for record in await self._search(object, field, values, [*fields, *by]):
                found[record.id] = record
        return list(found.values())

    async def _search(
        self, object: str, field: str, values: Sequence[str], fields: Sequence[str]
    ) -> list[VendorRecord]:
        out: list[VendorRecord] = []
        unique = list(dict.fromkeys(values))
        for at in range(0, len(unique), BATCH):
            # A POST that only asks: it may be sent again.
            asked = {"field": field, "in": unique[at : at + BATCH]}
            answer = await self._ask("POST", f"/v1/{object}/search", json=asked)
            out += [_record(object, row, fields) for row in answer["items"]]
        return out

    async def _ask(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, json: Any = None
    ) -> Mapping[str, Any]:
        answer = await self._client.request(method, "api", path, read=True, query=query, json=json)
        return _body(answer, is_read=True)

    # -- writing ------------------------------------------------------------------------------------------------------

    async def push(self, operations: Sequence[PushOperation]) -> list[Outcome]:
        """One request each. Trouble with the connection is raised only while nothing was written."""
        out: list[Outcome] = []
        for operation in operations:
            try:
                out.append(await self._write(operation))
            except UnknownOutcomeError as error:
                out.append(Unknown(error.detail))
            except TielineError as error:
                if not out:
                    raise
                out += [NotSent(error.code)] * (len(operations) - len(out))
                break
        return out

    async def _write(self, operation: PushOperation) -> Outcome:
        path = f"/v1/{operation.object}"
        if operation.verb == "create":
            json = {**operation.values, ORIGIN: operation.key}
            answer = await self._client.request("POST", "api", path, read=False, json=json, accept=(409, 422))
            return _written(answer)
        if operation.target is None or operation.verb == "attach":
            raise ProtocolError(f"{operation.verb} is nothing that this vendor can do", verb=operation.verb)
        versions = {"If-Match": operation.version} if operation.version is not None else {}
        delete = operation.verb == "delete"
        answer = await self._client.request(
            "DELETE" if delete else "PATCH",
            "api",
            f"{path}/{operation.target.id}",
            read=False,
            json=None if delete else dict(operation.values),
            headers=versions,
            accept=(404, 412, 422),
        )
        # A 404 with the vendor's own error is about the record; any other is about the address.
        if answer.status == 404 and (answer.json_or_none() or {}).get("error") != "not_found":
            raise UnknownOutcomeError(f"{answer.status} that says nothing of a record")
        return _written(answer)


def _written(answer: Response) -> Outcome:
    """What became of one write."""
    if answer.status == 404:
        return Gone()
    if answer.status == 412:
        return Stale()
    body = _body(answer, is_read=False, refused=answer.status in (409, 422))
    if answer.status == 409 and body.get("error") == "duplicate":
        return Written(str(body["id"]), str(body["version"]), existed=True)
    if answer.status in (409, 422):
        return Rejected(str(body.get("error") or answer.status), body.get("field"), str(body.get("message") or ""))
    return Written(str(body["id"]), str(body["version"]))


def _body(answer: Response, *, is_read: bool, refused: bool = False) -> Mapping[str, Any]:
    """The answer's object. Anything else, and an error under a 200, is no answer."""
    found = answer.json_or_none() if refused else answer.json()
    if refused and not isinstance(found, dict):
        return {}
    if not isinstance(found, dict) or ("error" in found and not refused):
        raise unclear(is_read, f"{answer.status} without what was asked for")
    return found


def _record(object: str, row: Mapping[str, Any], fields: Sequence[str]) -> VendorRecord:
    values = {name: row.get(name) or None for name in fields if name != "id"}
    return VendorRecord(object, str(row["id"]), values, str(row["version"]))
