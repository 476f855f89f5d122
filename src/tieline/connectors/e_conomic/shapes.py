"""Customers and contacts, flat: what a field is called on each surface, how it is read, and how it is written.

Customers are read from the legacy list (it alone knows when they changed) and written through customersapi (it alone refuses to overwrite
somebody else's change), so every field has two names. Source: vendor sheet sections 2 and 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tieline.sdk.contract import Rejected, VendorRecord
from tieline.sdk.webhook import digest

CUSTOMERS = "customers"
CONTACTS = "contacts"
Form = Literal["text", "int", "number", "bool", "reference", "address", "barred"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a customer.

    name     on the legacy surface, and ours; own: the property of customersapi, "" where it has none
    key      of a reference: what its number is called on the legacy surface
    type     as `FieldSchema.type`; filter: by which name the legacy list can be filtered, "" where it cannot
    is_sure  both surfaces surely hold the same value: part of the version
    """

    name: str
    own: str
    label: str
    form: Form = "text"
    type: str = "text"
    length: int | None = None
    key: str = ""
    filter: str = ""
    required: bool = False
    read_only: bool = False
    is_sure: bool = True
    choices: str = ""
    link: str | None = None


FIELDS: tuple[Field, ...] = (
    Field("customerNumber", "customerNumber", "Customer number", "int", filter="customerNumber", read_only=True),
    Field("name", "name", "Name", length=255, filter="name", required=True),
    Field("corporateIdentificationNumber", "cvrNo", "CVR number", length=40, filter="corporateIdentificationNumber"),
    Field("email", "email", "E-mail", type="email", length=255, filter="email"),
    Field("telephoneAndFaxNumber", "phone", "Telephone", type="phone", length=255, filter="telephoneAndFaxNumber"),
    Field("mobilePhone", "mobilePhone", "Mobile", type="phone", length=50, filter="mobilePhone"),
    Field("address", "address1", "Address", "address", length=510, filter="address"),
    Field("zip", "postCode", "Postal code", length=30, filter="zip"),
    Field("city", "city", "City", length=50, filter="city"),
    Field("country", "country", "Country", length=50, filter="country"),
    Field("website", "homepage", "Website", type="url", length=255, filter="website"),
    Field("vatNumber", "vatNo", "VAT number", length=20, filter="vatNumber"),
    Field("ean", "eanLocationNumber", "EAN", length=13, filter="ean"),
    Field("publicEntryNumber", "voucherNumber", "Public entry number", length=30, filter="publicEntryNumber"),
    Field("pNumber", "pnr", "P-number", length=10, filter="pNumber", is_sure=False),
    Field("currency", "currency", "Currency", type="choice", length=3, filter="currency", required=True, choices="currencies"),
    Field(
        "customerGroup", "customerGroupNumber", "Customer group", "reference", "choice", key="customerGroupNumber",
        filter="customerGroup.customerGroupNumber", required=True, choices="customer-groups",
    ),
    Field("vatZone", "zone", "VAT zone", "reference", "choice", key="vatZoneNumber", required=True, choices="vat-zones"),
    Field(
        "paymentTerms", "paymentTermId", "Payment terms", "reference", "choice", key="paymentTermsNumber", required=True,
        choices="payment-terms",
    ),
    Field("salesPerson", "ourRef", "Our reference", "reference", "user", key="employeeNumber", is_sure=False),
    Field("layout", "layoutGroup", "Layout", "reference", "choice", key="layoutNumber", choices="layouts", is_sure=False),
    Field("attention", "defaultAttention", "Attention", "reference", "link", key="customerContactNumber", link=CONTACTS),
    Field("customerContact", "defaultTheirRef", "Their reference", "reference", "link", key="customerContactNumber", link=CONTACTS),
    Field("creditLimit", "creditMaximum", "Credit limit", "number", "money", filter="creditLimit"),
    Field("barred", "access", "Barred", "barred", "bool"),
    Field("eInvoicingDisabledByDefault", "defaultDisableEInvoicing", "E-mail instead of e-invoices", "bool", "bool", is_sure=False),
    Field("balance", "", "Balance", "number", "money", read_only=True, is_sure=False),
    Field("dueAmount", "", "Due", "number", "money", read_only=True, is_sure=False),
    Field("lastUpdated", "", "Last changed", type="datetime", read_only=True, is_sure=False),
)  # fmt: skip
BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS}
FIELD_OF: Mapping[str, str] = {field.own: field.name for field in FIELDS if field.own} | {
    "address2": "address",
    "defaultTheirRef": "customerContact",
}
"""customersapi's property → our name, for errors."""
_SURE = tuple(field for field in FIELDS if field.is_sure)
_TEXTS = frozenset(field.name for field in FIELDS if field.form in ("text", "number"))
_SURE_READ = tuple((field.name, None if field.name in _TEXTS else field) for field in _SURE)
AFTER_CREATE = frozenset(("attention", "customerContact"))
"""Contacts of the customer: there are none before it is made."""

CONTACT_TEXTS: Mapping[str, int] = {"name": 255, "email": 255, "phone": 50, "notes": 2000, "eInvoiceId": 50}
CONTACT_SWITCHES: tuple[str, ...] = (
    "receiveQuotes", "receiveOrders", "receiveInvoices", "receiveEInvoices", "receiveStatementOfAccounts", "receiveReminders",
)  # fmt: skip
_NUMBERS = frozenset(("number", "customerNumber"))
CONTACT_FIELDS: tuple[str, ...] = (
    "number",
    "customerNumber",
    *CONTACT_TEXTS,
    *CONTACT_SWITCHES,
    "active",
    "lastUpdated",
)
_CONTACT_SURE = ("customerNumber", *CONTACT_TEXTS, *CONTACT_SWITCHES)


# -- reading ----------------------------------------------------------------------------------------------------------


def lines(text: Any) -> str | None:
    """An address with its line ends as ours."""
    return "\n".join(one.strip() for one in str(text or "").splitlines()).strip("\n") or None


def _legacy(field: Field, row: Mapping[str, Any]) -> Any:
    value = row.get(field.name)
    if field.form == "reference":
        number = value.get(field.key) if isinstance(value, dict) else None
        return str(number) if number is not None else None
    if field.form in ("barred", "bool"):
        return value is True
    if field.form == "int":
        return str(value) if value is not None else None
    if field.form == "address":
        return lines(value)
    return value if value != "" else None


def _open(field: Field, row: Mapping[str, Any]) -> Any:
    value = row.get(field.own)
    if field.form == "barred":
        return value is not True
    if field.form == "bool":
        return value is True
    if field.form in ("reference", "int"):
        return str(value) if value is not None else None
    if field.form == "address":
        return lines("\n".join(str(row[name]) for name in ("address1", "address2") if row.get(name)))
    return value if value != "" else None


def _version(values: Iterable[Any]) -> str:
    """Of the values of `_SURE` in their order."""
    return digest([value.strip() if isinstance(value, str) else value for value in values], 8)


def customer(row: Mapping[str, Any], fields: Iterable[str]) -> VendorRecord:
    """A record of the legacy list."""
    # most fields are plain texts, and a page has a thousand customers
    read = {
        name: _filled(row.get(name)) if name in _TEXTS else _legacy(BY_NAME[name], row)
        for name in fields
        if name in BY_NAME
    }
    return VendorRecord(CUSTOMERS, str(row["customerNumber"]), read, version_of_legacy(row))


def _filled(value: Any) -> Any:
    return value if value != "" else None


def version_of_legacy(row: Mapping[str, Any]) -> str:
    """A customer's version: a digest of everything that both surfaces surely hold alike. Bookings do not change it."""
    get = row.get
    return _version(_filled(get(name)) if field is None else _legacy(field, row) for name, field in _SURE_READ)


def version_of_open(row: Mapping[str, Any]) -> str:
    """The same, of what customersapi gives."""
    return _version(_open(field, row) for field in _SURE)


def contact(row: Mapping[str, Any], fields: Iterable[str]) -> VendorRecord:
    """A record of /Contacts."""
    read: dict[str, Any] = {}
    for name in fields:
        value = row.get(name)
        if name in CONTACT_SWITCHES or name == "active":
            read[name] = value is True
        elif name in _NUMBERS:
            read[name] = str(value) if value is not None else None
        elif name in CONTACT_TEXTS or name == "lastUpdated":
            read[name] = value if value != "" else None
    return VendorRecord(CONTACTS, str(row["number"]), read, version_of_contact(row))


def version_of_contact(row: Mapping[str, Any]) -> str:
    """A contact's version: a digest of its content."""
    return _version(row.get(name) or None for name in _CONTACT_SURE)


# -- writing ----------------------------------------------------------------------------------------------------------


def _number(value: Any) -> int | None:
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= 999_999_999 else None


def _refused(values: Mapping[str, Any], known: Iterable[str]) -> Rejected | None:
    strange = next((name for name in values if name not in known), None)
    return Rejected("UnknownField", strange) if strange else None


def created(values: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    """The body of a legacy POST. Empty values are left out: null is refused there, and 0 is."""
    body: dict[str, Any] = {}
    if (no := _refused(values, BY_NAME)) is not None:
        return no
    for name, value in values.items():
        field = BY_NAME[name]
        if _is_empty(value):
            continue
        if not field.own:
            return Rejected("ReadOnly", name)
        if name in AFTER_CREATE:
            return Rejected("ContactBeforeCustomer", name, "a contact can be named once the customer is made")
        made = _as_legacy(field, value)
        if made is None:
            return Rejected("InvalidValue", name)
        body[name] = made
    if body.get("barred") is False:
        del body["barred"]
    return body


def _as_legacy(field: Field, value: Any) -> Any:
    if field.form in ("int", "reference"):
        number = _number(value)
        return {field.key: number} if number is not None and field.key else number
    return _plain(field, value)


def _plain(field: Field, value: Any) -> Any:
    if field.form in ("bool", "barred"):
        return value if isinstance(value, bool) else None
    if field.form == "number":
        try:
            return float(value)
        except (TypeError, ValueError):
            return None
    return lines(value) if field.form == "address" else str(value)


def _is_empty(value: Any) -> bool:
    return value is None or value == ""


def changed(row: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    """The whole customer as customersapi gave it, with these values in it. An emptied field is left out; whatever else the
    customer has stays, known to us or not: a PUT replaces everything."""
    body = {name: value for name, value in row.items() if value is not None}
    if (no := _refused(values, BY_NAME)) is not None:
        return no
    for name, value in values.items():
        field = BY_NAME[name]
        if field.name == "customerNumber":
            if not _is_empty(value) and str(value) != str(row.get("customerNumber")):
                return Rejected("CustomerannotChangeNumber", name)
        elif not field.own:
            return Rejected("ReadOnly", name)
        elif _is_empty(value):
            for own in ("address1", "address2") if field.form == "address" else (field.own,):
                body.pop(own, None)
            if field.form == "barred":
                body["access"] = True
        elif not _put(body, field, value):
            return Rejected("InvalidValue", name)
    return body


def _put(body: dict[str, Any], field: Field, value: Any) -> bool:
    made: Any = _number(value) if field.form == "reference" else _plain(field, value)
    if made is None:
        return False
    if field.form == "address":
        if made != _open(field, body):  # an address that is the same stays on the lines where it is
            body["address1"], _, rest = made.partition("\n")
            body.pop("address2", None)
            if rest:
                body["address2"] = rest
    elif field.form == "barred":
        body["access"] = not made
    else:
        body[field.own] = made
    return True


def contact_body(row: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any] | Rejected:
    """The whole contact: a new one (`row` empty), or one as /Contacts gave it, with these values in it."""
    read_only = ("number", "lastUpdated", "active")
    if (no := _refused(values, (*_CONTACT_SURE, *read_only))) is not None:
        return no
    body = {name: value for name, value in row.items() if value is not None}
    for name, value in values.items():
        if name in read_only:
            if not _is_empty(value) and str(value) != str(row.get(name)):
                return Rejected("ReadOnly", name)
        elif _is_empty(value):
            body.pop(name, None)
        elif name == "customerNumber":
            if (number := _number(value)) is None:
                return Rejected("InvalidValue", name)
            body[name] = number
        elif name in CONTACT_SWITCHES:
            if not isinstance(value, bool):
                return Rejected("InvalidValue", name)
            body[name] = value
        else:
            body[name] = str(value)
    return body
