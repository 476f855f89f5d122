"""Writing: one outcome per operation, in as few requests as Zoho allows.

Up to five operations that refer to each other, or that go to several modules, are one composite request; everything else
goes out in batches of a hundred per module and verb, parents first. Nothing is sent twice here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import aiohttp

from tieline.connectors.zoho_crm.answers import lacks_scope, outcomes, scope_of, sub_outcome
from tieline.connectors.zoho_crm.api import BASE, Api
from tieline.connectors.zoho_crm.shapes import ORIGIN, body, version_of
from tieline.core.errors import ProtocolError, ScopeError, TielineError, UnknownOutcomeError
from tieline.sdk.contract import (
    Gone,
    Link,
    NotSent,
    Outcome,
    PushOperation,
    Rejected,
    Stale,
    Unknown,
    Written,
)

BATCH = 100
COMPOSITE = 5
"""Most parts of one; it counts as so many concurrent requests."""
COMPOSITE_SCOPE = "ZohoCRM.composite_requests.CUSTOM"


class Push:
    """One push."""

    def __init__(self, api: Api, operations: Sequence[PushOperation]) -> None:
        self._api = api
        self._operations = operations
        self._places = {operation.key: at for at, operation in enumerate(operations)}
        self._parents = [self._parents_of(at) for at in range(len(operations))]
        self._outcomes: dict[int, Outcome] = {}
        self._errors: list[TielineError] = []

    def _parents_of(self, at: int) -> set[int]:
        operation = self._operations[at]
        links = [value for value in (*operation.values.values(), operation.target) if isinstance(value, Link)]
        return {self._places[link.key] for link in links if link.key and self._places.get(link.key, at) < at}

    async def run(self) -> list[Outcome]:
        """All of it. Raises only when nothing at all was written and it is nobody's record's fault."""
        await self._leave_out_stale()
        if self._is_composite():
            await self._composite()
        while wave := self._ready():
            await asyncio.gather(*(self._group(group) for group in wave))
        told = [self._outcomes.get(at) or NotSent("its parent failed") for at in range(len(self._operations))]
        if self._errors and all(isinstance(one, NotSent) for one in told):
            raise self._errors[0]
        return told

    # -- which go together ------------------------------------------------------------------------------------------

    def _is_composite(self) -> bool:
        left = [at for at in range(len(self._operations)) if at not in self._outcomes]
        scopes = self._api.client.scopes
        if not 2 <= len(left) <= COMPOSITE or (scopes and COMPOSITE_SCOPE not in scopes):
            return False
        operations = [self._operations[at] for at in left]
        if any(operation.verb in ("attach", "delete") for operation in operations):
            return False
        return any(self._parents[at] for at in left) or len({(one.object, one.verb) for one in operations}) > 1

    def _ready(self) -> list[list[int]]:
        """The next batches: operations without an outcome whose parents are written."""
        groups: dict[tuple[str, str], list[int]] = {}
        for at, operation in enumerate(self._operations):
            if at not in self._outcomes and all(self._is_written(parent) for parent in self._parents[at]):
                key = (operation.object, operation.verb if operation.verb != "attach" else f"attach {at}")
                groups.setdefault(key, []).append(at)
        return [group[start : start + BATCH] for group in groups.values() for start in range(0, len(group), BATCH)]

    def _is_written(self, at: int) -> bool:
        return isinstance(self._outcomes.get(at), Written)

    def _id_of(self, link: Link) -> str:
        if link.id:
            return link.id
        known = self._outcomes.get(self._places.get(link.key, -1))
        if not isinstance(known, Written):
            raise ProtocolError("a link to an operation that is not in this push")
        return known.id

    # -- batches ----------------------------------------------------------------------------------------------------

    async def _group(self, group: list[int]) -> None:
        """Sends one batch; trouble with it is the outcome of each of its operations."""
        first = self._operations[group[0]]
        try:
            if first.verb == "attach":
                found = [await self._attach(first)]
            elif first.verb == "delete":
                found = await self._delete(group, first.object)
            else:
                found = await self._batch(group, first)
        except UnknownOutcomeError as error:
            found = [Unknown(error.detail)] * len(group)
        except TielineError as error:
            self._errors.append(error)
            found = [NotSent(error.code)] * len(group)
        self._outcomes.update(zip(group, found, strict=True))

    async def _batch(self, group: list[int], first: PushOperation) -> list[Outcome]:
        items = [self._item(at) for at in group]
        sent = [at for at, item in zip(group, items, strict=True) if _says_something(item)]
        found: dict[int, Outcome] = {at: Written(self._target(at)) for at in group if at not in sent}
        if sent:
            data = [item for item in items if _says_something(item)]
            method = "POST" if first.verb == "create" else "PUT"
            cost = float(max(1, -(-len(data) // 10)))
            response = await self._api.write(method, f"/{first.object}", json={"data": data}, cost=cost)
            found.update(zip(sent, outcomes(response, len(data)), strict=True))
        return [found[at] for at in group]

    async def _delete(self, group: list[int], object: str) -> list[Outcome]:
        """Into the recycle bin, up to a hundred ids in the address (page Delete Records). What is not there any more is told as
        an invalid id."""
        ids = [self._target(at) for at in group]
        cost = float(max(1, -(-len(ids) // 10)))
        response = await self._api.write("DELETE", f"/{object}?ids={','.join(ids)}", cost=cost)
        return [
            Gone() if isinstance(one, Rejected) and one.code == "INVALID_DATA" else one
            for one in outcomes(response, len(ids))
        ]

    def _item(self, at: int) -> dict[str, Any]:
        operation = self._operations[at]
        item = body(operation.object, operation.values, self._id_of)
        if operation.verb == "create":
            item[ORIGIN] = operation.key
        else:
            item["id"] = self._target(at)
        return item

    def _target(self, at: int) -> str:
        target = self._operations[at].target
        if target is None:
            raise ProtocolError("an update without its record")
        return self._id_of(target)

    async def _leave_out_stale(self) -> None:
        """Zoho's conditional write is not confirmed: records whose version is given are read again and compared first."""
        asked = {
            at: operation
            for at, operation in enumerate(self._operations)
            if operation.version and operation.target and operation.target.id
        }
        by_object: dict[str, list[int]] = {}
        for at, operation in asked.items():
            by_object.setdefault(operation.object, []).append(at)
        for object, places in by_object.items():
            for start in range(0, len(places), BATCH):
                part = places[start : start + BATCH]
                ids = ",".join(dict.fromkeys(self._target(at) for at in part))
                query = {"ids": ids, "fields": "Modified_Time", "per_page": "200"}
                if object == "Leads":
                    query["converted"] = "both"
                answer = await self._api.get(f"/{object}", query)
                now = {str(row["id"]): version_of(row) for row in (answer or {}).get("data") or ()}
                for at in part:
                    if self._target(at) not in now:
                        self._outcomes[at] = Gone()
                    elif now[self._target(at)] != asked[at].version:
                        self._outcomes[at] = Stale()

    # -- composite --------------------------------------------------------------------------------------------------

    async def _composite(self) -> None:
        """All that is left in one request, in order, later ones referring to what earlier ones made. What could not be
        judged there (a request that Zoho refused as a whole) is left for batches: nothing of it happened."""
        left = [at for at in range(len(self._operations)) if at not in self._outcomes]
        numbers = {at: str(number) for number, at in enumerate(left, 1)}

        def id_of(link: Link) -> str:
            at = self._places.get(link.key, -1)
            return f"@{{{numbers[at]}:$.data[0].details.id}}" if not link.id and at in numbers else self._id_of(link)

        requests: list[dict[str, Any]] = []
        for at in left:
            operation = self._operations[at]
            item = body(operation.object, operation.values, id_of)
            if operation.verb == "create":
                method, uri = "POST", f"{BASE}/{operation.object}"
                item[ORIGIN] = operation.key
            else:
                method, uri = "PUT", f"{BASE}/{operation.object}/{id_of(operation.target or Link(operation.object))}"
            requests.append({"sub_request_id": numbers[at], "method": method, "uri": uri, "body": {"data": [item]}})
        sent = {"rollback_on_fail": False, "parallel_execution": False, "__composite_requests": requests}
        try:
            response = await self._api.write("POST", "/__composite_requests", json=sent, slots=COMPOSITE)
        except UnknownOutcomeError as error:
            self._outcomes.update((at, Unknown(error.detail)) for at in left)
            return
        answer = response.json_or_none()
        items = answer.get("__composite_requests") if isinstance(answer, dict) else None
        if isinstance(items, list) and len(items) == len(left):
            for at, item, asked in zip(left, items, requests, strict=True):
                if lacks_scope(item):
                    scope = scope_of(asked["method"], asked["uri"].removeprefix(BASE))
                    self._errors.append(ScopeError("a scope is missing", scope=scope))
                    self._outcomes[at] = NotSent(ScopeError.code)
                else:
                    self._outcomes[at] = sub_outcome(item, bool(self._parents[at]))
        elif response.status < 300 or not (isinstance(answer, dict) and answer.get("code")):
            self._outcomes.update((at, Unknown("the answer does not fit what was sent")) for at in left)

    # -- files ------------------------------------------------------------------------------------------------------

    async def _attach(self, operation: PushOperation) -> Outcome:
        """A file, or a link to one. Its name holds the operation's key, so that one which is there already is found."""
        target = self._id_of(operation.target) if operation.target else ""
        path = f"/{operation.object}/{target}/Attachments"
        name = _file_name(str(operation.values.get("name") or "file"), operation.key)
        try:
            known = await self._api.get(path, {"fields": "id,File_Name", "per_page": "200"})
        except ProtocolError as error:
            if (
                error.params.get("vendor_code") == "INVALID_DATA"
            ):  # the record's id is the one thing here that can be wrong
                return Gone()
            raise
        for row in (known or {}).get("data") or ():
            if row.get("File_Name") == name:
                return Written(str(row["id"]), existed=True)
        parts = aiohttp.FormData()
        content = operation.values.get("content")
        if isinstance(content, bytes):
            parts.add_field("file", content, filename=name, content_type="application/octet-stream")
        else:
            parts.add_field("attachmentUrl", str(operation.values.get("url") or ""))
            parts.add_field("title", name)
        response = await self._api.write("POST", path, multipart=parts)
        if response.status == 413:
            return Rejected("FILE_SIZE_MORE_THAN_ALLOWED_SIZE", "content")
        return outcomes(response, 1)[0]


def _says_something(item: dict[str, Any]) -> bool:
    """Whether an item says more than which record it is about."""
    return any(name != "id" for name in item)


def _file_name(name: str, key: str) -> str:
    stem, dot, ending = name.rpartition(".")
    mark = f" [{key[:12]}]"
    return PurePath(f"{stem}{mark}.{ending}" if dot and stem else f"{name}{mark}").name[-200:]
