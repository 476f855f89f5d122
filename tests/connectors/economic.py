"""What tests of the e-conomic connector share: a subject with its sandbox at hand, and short ways to say operations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from tieline.connectors.e_conomic.connector import Connector
from tieline.connectors.e_conomic.sandbox import EConomic
from tieline.connectors.e_conomic.tests import NEEDED, subject
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import Link, Outcome, Page, PushOperation, Written

CUSTOMERS, CONTACTS = "customers", "contacts"


class Books:
    """A connector on a sandbox, and what people do in e-conomic meanwhile."""

    def __init__(self, found: Subject, sandbox: EConomic) -> None:
        self.subject, self.sandbox = found, sandbox
        self.connector: Connector = found.connector
        self._key = 0

    def act(self, action: str, **value: Any) -> None:
        """A control route that stands for people."""
        assert self.sandbox.people.control(action, value) is not None

    def row(self, id: str) -> dict[str, Any]:
        """A customer as it is stored, by the names of customersapi."""
        return self.sandbox.book.customers[int(id)].values

    async def push(self, *operations: PushOperation) -> list[Outcome]:
        return await self.connector.push(operations)

    async def made(self, name: str, **values: Any) -> str:
        """A new customer's number."""
        (outcome,) = await self.push(self.create(name, **values))
        assert isinstance(outcome, Written), outcome
        return outcome.id

    def create(self, name: str, *, key: str = "", **values: Any) -> PushOperation:
        self._key += 1
        return PushOperation(key or f"key-{self._key}", "create", CUSTOMERS, {"name": name, **NEEDED, **values})

    def person(self, name: str, account: Any, *, key: str = "", **values: Any) -> PushOperation:
        self._key += 1
        return PushOperation(
            key or f"key-{self._key}", "create", CONTACTS, {"name": name, "customerNumber": account, **values}
        )

    def update(self, id: str, *, version: str | None = None, object: str = CUSTOMERS, **values: Any) -> PushOperation:
        self._key += 1
        return PushOperation(f"key-{self._key}", "update", object, values, Link(object, id), version)

    def delete(self, id: str, *, version: str | None = None, object: str = CUSTOMERS) -> PushOperation:
        self._key += 1
        return PushOperation(f"key-{self._key}", "delete", object, {}, Link(object, id), version)

    async def pages(self, object: str, cursor: str | None = None, fields: tuple[str, ...] = ("name",)) -> list[Page]:
        return [page async for page in self.connector.pull(object, fields, cursor)]

    def asked(self) -> list[str]:
        """Method and path of every request since the counts were forgotten."""
        side = cast(Any, self.subject.side)
        return [f"{request.method} {request.path}" for _, request, _ in side.log]

    def forget(self) -> None:
        cast(Any, self.subject.side).forget_counts()


@asynccontextmanager
async def keeping() -> AsyncIterator[Books]:
    async with subject() as found:
        side = cast(Any, found.side)
        yield Books(found, side.sandbox)
