"""What customers and contacts are made of, with the lists of this agreement: groups, VAT zones, payment terms, currencies, employees."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from tieline.connectors.e_conomic.api import APIS, CUSTOMERSAPI, PAGE, REST, Api
from tieline.connectors.e_conomic.shapes import (
    CONTACT_SWITCHES,
    CONTACT_TEXTS,
    CONTACTS,
    CUSTOMERS,
    FIELDS,
)
from tieline.core.errors import ProtocolError
from tieline.sdk.contract import FieldSchema, Identity, ObjectSchema, VendorUser

_LISTS = {
    "customer-groups": "customerGroupNumber",
    "vat-zones": "vatZoneNumber",
    "payment-terms": "paymentTermsNumber",
    "layouts": "layoutNumber",
    "currencies": "code",
}
_CONTACT_LABELS = {
    "name": "Name",
    "email": "E-mail",
    "phone": "Telephone",
    "notes": "Notes",
    "eInvoiceId": "E-invoice ID",
}
_SWITCH_LABELS = dict(
    zip(
        CONTACT_SWITCHES,
        (
            "Gets quotes",
            "Gets orders",
            "Gets invoices",
            "Gets e-invoices",
            "Gets statements of account",
            "Gets reminders",
        ),
        strict=True,
    )
)
Choices = tuple[tuple[str, str], ...]


async def check(api: Api) -> Identity:
    """The agreement and the app's roles by /self; customersapi is asked too, since it says which module is missing."""
    own, _ = await asyncio.gather(api.get(REST, "/self"), api.get(APIS, f"{CUSTOMERSAPI}/Setup"))
    body = own.json()
    company = body.get("company") if isinstance(body, dict) else None
    if not isinstance(company, dict) or not body.get("agreementNumber"):
        raise ProtocolError("an answer without the agreement")
    app = body.get("application")
    roles = app.get("requiredRoles") if isinstance(app, dict) else None
    names = frozenset(str(role["name"]) for role in roles or () if isinstance(role, dict) and role.get("name"))
    number = str(body["agreementNumber"])
    return Identity(number, str(company.get("name") or number), names)


async def users(api: Api) -> list[VendorUser]:
    """Employees: who a customer's "our reference" can be."""
    rows, _ = await api.rows("/employees", {"pagesize": str(PAGE)}, "employeeNumber")
    return [
        VendorUser(
            str(row["employeeNumber"]),
            str(row.get("name") or row["employeeNumber"]),
            str(row.get("email") or ""),
            row.get("barred") is not True,
        )
        for row in rows
    ]


async def describe(api: Api, objects: Sequence[str]) -> list[ObjectSchema]:
    """Customers with their lists as they are now, and contacts."""
    wanted = list(dict.fromkeys(objects)) or [CUSTOMERS, CONTACTS]
    lists = await _lists(api) if CUSTOMERS in wanted else {}
    made = {CUSTOMERS: lambda: _customers(lists), CONTACTS: _contacts}
    return [made[object]() for object in wanted if object in made]


async def _lists(api: Api) -> Mapping[str, Choices]:
    """List → (id, label), what the agreement itself takes by default first."""
    pages, setup, own = await asyncio.gather(
        asyncio.gather(*(api.rows(f"/{name}", {"pagesize": str(PAGE)}, key) for name, key in _LISTS.items())),
        api.get(APIS, f"{CUSTOMERSAPI}/Setup"),
        api.get(REST, "/self"),
    )
    defaults = _defaults(setup.json(), own.json())
    found: dict[str, Choices] = {}
    for (name, key), (rows, _) in zip(_LISTS.items(), pages, strict=True):
        usable = [row for row in rows if row.get("enabledForCustomer") is not False and row.get("deleted") is not True]
        choices = [(str(row[key]), str(row.get("name") or row[key])) for row in usable]
        found[name] = tuple(sorted(choices, key=lambda one: one[0] != defaults.get(name)))
    return found


def _defaults(setup: Any, own: Any) -> dict[str, str]:
    settings = own.get("settings") if isinstance(own, dict) else None
    found = setup if isinstance(setup, dict) else {}
    return {
        "customer-groups": str(found.get("defaultCustomerGroupNumber") or ""),
        "layouts": str(found.get("defaultLayoutNumber") or ""),
        "currencies": str((settings or {}).get("baseCurrency") or ""),
    }


def _customers(lists: Mapping[str, Choices]) -> ObjectSchema:
    fields = tuple(
        FieldSchema(
            field.name,
            field.label,
            field.type,
            required=field.required,
            read_only=field.read_only,
            unique=field.name == "customerNumber",
            length=field.length,
            choices=lists.get(field.choices, ()),
            link=field.link,
        )
        for field in FIELDS
    )
    return ObjectSchema(CUSTOMERS, "Customers", fields)


def _contacts() -> ObjectSchema:
    types = {"email": "email", "phone": "phone"}
    return ObjectSchema(
        CONTACTS,
        "Customer contacts",
        (
            FieldSchema("number", "Number", "text", read_only=True, unique=True),
            FieldSchema("customerNumber", "Customer", "link", required=True, link=CUSTOMERS),
            *(
                FieldSchema(
                    name, _CONTACT_LABELS[name], types.get(name, "text"), required=name == "name", length=length
                )
                for name, length in CONTACT_TEXTS.items()
            ),
            *(FieldSchema(name, _SWITCH_LABELS[name], "bool") for name in CONTACT_SWITCHES),
            FieldSchema("active", "Active", "bool", read_only=True),
            FieldSchema("lastUpdated", "Last changed", "datetime", read_only=True),
        ),
    )
