"""e-conomic as the conformance kit meets it: a connector on its sandbox, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from tieline.connectors.e_conomic.hooks import HEADER, SECRET
from tieline.connectors.e_conomic.sandbox import APP_SECRET, GRANT
from tieline.sdk.conformance.on_sandbox import on_sandbox
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import PushOperation, Request

FIELDS = {"app_secret_token": APP_SECRET, "agreement_grant_token": GRANT}
NEEDED: dict[str, Any] = {"currency": "DKK", "customerGroup": "1", "vatZone": "1", "paymentTerms": "1"}
"""What every customer must have."""


def values(name: str) -> dict[str, Any]:
    """A customer that e-conomic takes."""
    return {"name": name, "city": "Aarhus C", "corporateIdentificationNumber": "10150817", **NEEDED}


def delivery(fields: Mapping[str, Any], secret: str, at: float) -> Request:
    """As the webhook that Tieline sets up sends it."""
    headers = {"content-type": "application/x-www-form-urlencoded", HEADER.lower(): secret}
    return Request("POST", "", headers, urlencode(dict(fields)).encode())


@asynccontextmanager
async def subject() -> AsyncIterator[Subject]:
    async with on_sandbox(
        "e_conomic",
        FIELDS,
        api_path="^/(customers|customersapi|self|employees)",
        write_path="^/customers$",
        object="customers",
        values=values,
        stored_name=lambda row: row["name"],
        bad_values={"name": "Bad", "ean": "12345678901234", **NEEDED},
        bad_field="ean",
        clear_field="city",
        child=lambda key, link: PushOperation(
            key, "create", "contacts", {"name": f"Child {key}", "customerNumber": link}
        ),
        finds=("email", lambda n: (f"office@n{n}.example faktura@n{n}.example", f"Faktura@N{n}.example")),
        compares_versions=True,
        many=2500,
        secrets=(APP_SECRET, GRANT),
        event={"old": "12", "new": "12"},
        delivery=delivery,
        secret_name=SECRET,
    ) as (found, running):
        sandbox: Any = running

        async def records(object: str) -> Any:
            return sandbox.stored(object)

        async def seed(object: str, rows: list[dict[str, Any]]) -> list[str]:
            return list(sandbox.store({object: rows})[object])

        async def delete(object: str, id: str) -> None:
            if object == "customers":
                sandbox.book.remove(int(id))
            else:
                sandbox.book.delete_contact(sandbox.book.contacts[int(id)], sandbox.seconds())

        async def change(_: str, id: str) -> None:
            sandbox.people.control("edit", {"number": id, "values": {"zip": "8000"}})

        async def expire() -> None:
            sandbox.expire_tokens()

        found.records, found.seed, found.delete, found.changed_by, found.expire = records, seed, delete, change, expire
        yield found
