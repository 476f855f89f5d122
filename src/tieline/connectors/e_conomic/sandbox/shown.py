"""Customers and contacts as each surface shows and takes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from tieline.connectors.e_conomic.sandbox.book import Book, Contact, Customer, version_text
from tieline.connectors.e_conomic.sandbox.filters import Property

TEXTS = {
    "name": "name", "currency": "currency", "zip": "postCode", "city": "city", "country": "country", "email": "email",
    "telephoneAndFaxNumber": "phone", "mobilePhone": "mobilePhone", "website": "homepage", "corporateIdentificationNumber": "cvrNo",
    "vatNumber": "vatNo", "ean": "eanLocationNumber", "publicEntryNumber": "voucherNumber", "pNumber": "pnr", "creditLimit": "creditMaximum",
    "eInvoicingDisabledByDefault": "defaultDisableEInvoicing",
}  # fmt: skip
"""Legacy → OpenAPI, where both hold the same plain value."""
REFERENCES = {
    "customerGroup": ("customerGroupNumber", "customerGroupNumber", "customer-groups"),
    "vatZone": ("vatZoneNumber", "zone", "vat-zones"),
    "paymentTerms": ("paymentTermsNumber", "paymentTermId", "payment-terms"),
    "layout": ("layoutNumber", "layoutGroup", "layouts"),
    "salesPerson": ("employeeNumber", "ourRef", "employees"),
}
"""Legacy name → (its number, the OpenAPI property, the path)."""
PEOPLE = {"attention": "defaultAttention", "customerContact": "defaultTheirRef"}


def stamp(seconds: int) -> str:
    """As on the wire: whole seconds, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def address(values: dict[str, Any]) -> str | None:
    """The two lines as the legacy surface's one field."""
    return "\n".join(filter(None, (values.get("address1"), values.get("address2")))) or None


def legacy_customer(customer: Customer, base: str) -> dict[str, Any]:
    """A customer of ``/customers``; what is empty and what is false is left out."""
    values = customer.values
    number = values["customerNumber"]
    shown: dict[str, Any] = {"customerNumber": number}
    shown |= {name: values[own] for name, own in TEXTS.items() if values.get(own) is not None}
    shown.setdefault("eInvoicingDisabledByDefault", False)
    if text := address(values):
        shown["address"] = text
    if not values.get("access"):
        shown["barred"] = True
    for name, (key, own, path) in REFERENCES.items():
        if own in values:
            shown[name] = {key: values[own], "self": f"{base}/{path}/{values[own]}"}
    for name, own in PEOPLE.items():
        if own in values:
            shown[name] = {
                "customerContactNumber": values[own],
                "customer": {"customerNumber": number, "self": f"{base}/customers/{number}"},
                "self": f"{base}/customers/{number}/contacts/{values[own]}",
            }
    here = f"{base}/customers/{number}"
    return shown | {
        "balance": customer.balance,
        "dueAmount": 0.0,
        "lastUpdated": stamp(customer.updated),
        "contacts": f"{here}/contacts",
        "deliveryLocations": f"{here}/delivery-locations",
        "templates": {
            "invoice": f"{here}/templates/invoice",
            "invoiceLine": f"{here}/templates/invoiceline",
            "self": f"{here}/templates",
        },
        "totals": {
            "drafts": f"{base}/invoices/totals/drafts/customers/{number}",
            "booked": f"{base}/invoices/totals/booked/customers/{number}",
            "self": f"{here}/totals",
        },
        "invoices": {
            "drafts": f"{here}/invoices/drafts",
            "booked": f"{here}/invoices/booked",
            "self": f"{here}/invoices",
        },
        "self": here,
    }


def legacy_json(customer: Customer, base: str) -> orjson.Fragment:
    """The same, made once for as long as it does not change."""
    if customer.json is None:
        customer.json = orjson.dumps(legacy_customer(customer, base))
    return orjson.Fragment(customer.json)


def open_customer(customer: Customer) -> dict[str, Any]:
    """A customer of ``/Customers``; false and empty ones are left out, and there is no time of change."""
    number = customer.values["customerNumber"]
    return {**customer.values, "objectVersion": version_text(number, customer.version)}


def open_contact(contact: Contact) -> dict[str, Any]:
    """A contact of ``/Contacts``."""
    shown = {
        "number": contact.number,
        "userInterfaceNumber": contact.order,
        **contact.values,
        "lastUpdated": stamp(contact.updated),
        "objectVersion": version_text(contact.number, contact.version),
    }
    return shown | ({"isDeleted": True} if contact.deleted else {"active": True})


def legacy_contact(contact: Contact, base: str) -> dict[str, Any]:
    """A contact of ``/customers/{n}/contacts``."""
    values = contact.values
    here = f"{base}/customers/{values['customerNumber']}"
    shown: dict[str, Any] = {"customerContactNumber": contact.number}
    shown |= {name: values[name] for name in ("name", "email", "phone", "notes", "eInvoiceId") if name in values}
    wants = {
        "invoices": "receiveInvoices",
        "orders": "receiveOrders",
        "quotations": "receiveQuotes",
        "reminders": "receiveReminders",
    }
    return shown | {
        "emailNotifications": [name for name, own in wants.items() if values.get(own)],
        "customer": {"customerNumber": values["customerNumber"], "self": here},
        "deleted": contact.deleted,
        "sortKey": contact.order,
        "self": f"{here}/contacts/{contact.number}",
    }


def _plain(own: str) -> Any:
    return lambda customer: customer.values.get(own)


LEGACY_FILTERS: dict[str, Property] = {
    **{name: Property(_plain(own), "text") for name, own in TEXTS.items() if own not in ("creditMaximum", "defaultDisableEInvoicing")},
    "customerNumber": Property(_plain("customerNumber"), "int"),
    "customerGroup.customerGroupNumber": Property(_plain("customerGroupNumber"), "int"),
    "address": Property(lambda customer: address(customer.values), "text"),
    "creditLimit": Property(_plain("creditMaximum"), "number"),
    "barred": Property(lambda customer: not customer.values.get("access"), "bool"),
    "balance": Property(lambda customer: customer.balance, "number"),
    "lastUpdated": Property(lambda customer: customer.updated, "time"),
}  # fmt: skip
LEGACY_SORTS = tuple(name for name in LEGACY_FILTERS if name not in ("barred", "customerGroup.customerGroupNumber"))

_NUMBERS = frozenset(("eq", "ne", "lt", "lte", "gt", "gte", "in", "nin"))
_WORDS = _NUMBERS | {"like"}
_PLAIN = _NUMBERS - {"in", "nin"}

OPEN_CUSTOMER_FILTERS = {"customerNumber": Property(_plain("customerNumber"), "int", _NUMBERS)}
OPEN_CUSTOMER_PROPERTIES = (*TEXTS.values(), "customerGroupNumber", "zone", "paymentTermId", "access", "objectVersion")
OPEN_CONTACT_FILTERS = {
    "number": Property(lambda one: one.number, "int", _NUMBERS),
    "customerNumber": Property(_plain("customerNumber"), "int", _NUMBERS),
    "userInterfaceNumber": Property(lambda one: one.order, "int", _NUMBERS),
    "name": Property(_plain("name"), "text", _WORDS),
    "email": Property(_plain("email"), "text", _WORDS),
    "eInvoiceId": Property(_plain("eInvoiceId"), "text", _PLAIN),
    "lastUpdated": Property(lambda one: one.updated, "time", _PLAIN),
    "isDeleted": Property(lambda one: one.deleted, "bool", _PLAIN),
    "active": Property(lambda one: not one.deleted, "bool", _PLAIN),
}


def same_person(book: Book, customer: int, contact: Any) -> bool:
    """Whether this is a contact of this customer."""
    return isinstance(contact, int) and any(one.number == contact for one in book.alive(customer))
