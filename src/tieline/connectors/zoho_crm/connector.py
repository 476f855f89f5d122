"""Zoho CRM, REST API v8."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tieline.connectors.zoho_crm import changes, coql, schema
from tieline.connectors.zoho_crm.api import Api
from tieline.connectors.zoho_crm.push import Push
from tieline.connectors.zoho_crm.shapes import ORIGIN, WHAT, columns, flat, record
from tieline.core.errors import ConfigError, ProtocolError
from tieline.sdk.contract import Identity, ObjectSchema, Outcome, Page, PushOperation, VendorRecord, VendorUser
from tieline.sdk.http import Client

IDS = 100
"""Records read by id in one request."""


class Connector:
    """Records of Zoho CRM."""

    def __init__(self, client: Client) -> None:
        self._api = Api(client)

    async def check(self) -> Identity:
        org, user = await asyncio.gather(self._api.get("/org"), self._api.get("/users", {"type": "CurrentUser"}))
        found = ((org or {}).get("org") or [None])[0]
        people = (user or {}).get("users")
        if not found or not people:
            raise ProtocolError("an answer without the organisation or the user")
        return Identity(
            str(found.get("zgid") or found["id"]),
            str(found.get("company_name") or ""),
            self._api.client.scopes,
            str(people[0].get("id") or ""),
        )

    async def describe(self, objects: Sequence[str]) -> list[ObjectSchema]:
        return list(await asyncio.gather(*(schema.describe(self._api, object) for object in objects)))

    async def users(self) -> list[VendorUser]:
        return await schema.users(self._api)

    def pull(self, object: str, fields: Sequence[str], cursor: str | None) -> AsyncIterator[Page]:
        return changes.pull(self._api, object, fields, cursor)

    async def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[VendorRecord]:
        """Read by id, not through the search index: what was just written is there."""
        wanted = list(dict.fromkeys(ids))
        parts = [wanted[at : at + IDS] for at in range(0, len(wanted), IDS)]
        kind_of = await self._kinds(fields) if parts else _open
        found = await asyncio.gather(*(self._by_ids(object, part, fields) for part in parts))
        return [record(object, row, fields, kind_of) for rows in found for row in rows]

    async def find(
        self, object: str, by: Sequence[str], values: Sequence[str], fields: Sequence[str]
    ) -> list[VendorRecord]:
        if not values:
            return []
        names = list(dict.fromkeys((*fields, *by)))
        keyless: set[str] = self._api.client.memory.setdefault("zoho_crm.keyless", set())
        if object in keyless and ORIGIN not in by:
            names = [name for name in names if name != ORIGIN]
        try:
            return await self._find(object, by, values, names)
        except ConfigError as error:
            # a module that nothing of ours was written to has no room for the key, and is read without
            if error.params.get("setting") != ORIGIN or ORIGIN in by or ORIGIN not in names:
                raise
        keyless.add(object)
        return await self._find(object, by, values, [name for name in names if name != ORIGIN])

    async def _find(
        self, object: str, by: Sequence[str], values: Sequence[str], names: Sequence[str]
    ) -> list[VendorRecord]:
        found, kind_of = await asyncio.gather(
            coql.find(self._api, object, columns(by), values, [*columns(names), "Modified_Time"]), self._kinds(names)
        )
        return [_led(record(object, row, names, kind_of), row, by) for row in found]

    async def push(self, operations: Sequence[PushOperation]) -> list[Outcome]:
        return await Push(self._api, operations).run() if operations else []

    async def prepare(self, objects: Sequence[str]) -> dict[str, str]:
        return {object: await schema.prepare(self._api, object) for object in dict.fromkeys(objects)}

    async def _by_ids(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[dict[str, object]]:
        names = columns(fields)
        if "What_Id" in names:
            names.append("$se_module")
        query = {"ids": ",".join(ids), "fields": ",".join(dict.fromkeys((*names, "Modified_Time"))), "per_page": "200"}
        if object == "Leads":
            query["converted"] = "both"
        answer = await self._api.get(f"/{object}", query)
        rows = (answer or {}).get("data") or []
        if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("id") for row in rows):
            raise ProtocolError("rows without ids")
        return rows

    async def _kinds(self, fields: Sequence[str]) -> schema.KindOf:
        return await schema.stage_kinds(self._api) if "$stage_kind" in fields else _open


def _led(found: VendorRecord, row: Mapping[str, Any], by: Sequence[str]) -> VendorRecord:
    """COQL does not say in which module What_Id leads. What was asked for is what it is: ids are unique in an organisation."""
    led = {name: flat(row.get("What_Id")) for name in by if name in WHAT and name not in found.fields}
    return replace(found, fields={**found.fields, **led}) if led else found


def _open(_stage: str) -> str:
    return "open"
