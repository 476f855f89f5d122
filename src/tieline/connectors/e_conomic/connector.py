"""e-conomic: customers and their contacts, by the legacy REST surface and the OpenAPI services together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from tieline.connectors.e_conomic import changes, finding, hooks, schema
from tieline.connectors.e_conomic.api import Api
from tieline.connectors.e_conomic.push import Push
from tieline.sdk.contract import (
    Arrived,
    Changed,
    Identity,
    ObjectSchema,
    Outcome,
    Page,
    PushOperation,
    Request,
    Subscription,
    VendorRecord,
    VendorUser,
)
from tieline.sdk.http import Client


class Connector:
    """Records and changes of one agreement."""

    def __init__(self, client: Client) -> None:
        self._api = Api(client)

    async def check(self) -> Identity:
        return await schema.check(self._api)

    async def describe(self, objects: Sequence[str]) -> list[ObjectSchema]:
        return await schema.describe(self._api, objects)

    async def users(self) -> list[VendorUser]:
        return await schema.users(self._api)

    def pull(self, object: str, fields: Sequence[str], cursor: str | None) -> AsyncIterator[Page]:
        return changes.pull(self._api, object, fields, cursor)

    async def count(self, object: str) -> int:
        return await changes.count(self._api, object)

    async def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[VendorRecord]:
        return await finding.fetch(self._api, object, ids, fields)

    async def find(
        self, object: str, by: Sequence[str], values: Sequence[str], fields: Sequence[str]
    ) -> list[VendorRecord]:
        return await finding.find(self._api, object, by, values, fields)

    async def push(self, operations: Sequence[PushOperation]) -> list[Outcome]:
        return await Push(self._api, operations).run() if operations else []

    async def prepare(self, objects: Sequence[str]) -> dict[str, str]:  # noqa: ARG002  (the contract's)
        """There is no room for an origin key in e-conomic."""
        return {}

    # -- changes ------------------------------------------------------------------------------------------------------

    def arrive(self, request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:
        return hooks.arrive(request, secrets, now_s)

    def changed(self, request: Request) -> list[Changed]:
        return hooks.changed(request)

    async def subscribe(self, url: str, secret: str) -> None:
        await hooks.subscribe(self._api, url, secret)

    async def subscription(self) -> Subscription | None:
        return await hooks.subscription(self._api)

    async def unsubscribe(self) -> None:
        await hooks.unsubscribe(self._api)
