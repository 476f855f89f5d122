"""What may be written: the checks of both surfaces, each with its own way of saying no."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tieline.connectors.e_conomic.sandbox.answers import NoError, invalid, is_number, refuse, refuse_legacy
from tieline.connectors.e_conomic.sandbox.book import (
    BOOLEANS,
    CONTACT_LENGTHS,
    LENGTHS,
    NUMBERS,
    RECEIVES,
    Book,
)
from tieline.connectors.e_conomic.sandbox.shown import PEOPLE, REFERENCES, TEXTS, same_person

LARGEST_NUMBER = 999_999_999
_LEGACY_LENGTHS = {"address": 510, "vatNumber": 20, "publicEntryNumber": 50}
_REQUIRED = ("name", "currency", "customerGroup", "paymentTerms", "vatZone")
_KNOWN = {
    "customerGroup": "groups",
    "vatZone": "zones",
    "paymentTerms": "terms",
    "layout": "layouts",
    "salesPerson": "employees",
}
_MISSING = {
    "customerGroup": "E07140",
    "vatZone": "E07180",
    "paymentTerms": "E07160",
    "layout": "E07200",
    "salesPerson": "E07220",
}
Found = dict[str, tuple[str, str, Any]]


# -- the legacy surface -----------------------------------------------------------------------------------------------


def legacy_values(
    book: Book, body: Mapping[str, Any], kept: Mapping[str, Any], of: int | None = None
) -> tuple[dict[str, Any], int | None]:
    """(a customer's content, the number that was asked for) of a POST, or of a PUT to customer ``of``: what the body leaves
    out is gone, but for ``kept``."""
    wrong: Found = {}
    values = dict(kept)
    for name in _REQUIRED:
        if name not in body:
            wrong[name] = ("E04300", f"Feltet '{name}' skal udfyldes.", None)  # messages can be Danish
    for name, own in TEXTS.items():
        if name in body and (value := _legacy_text(name, own, body[name], wrong)) is not None:
            values[own] = value
    if "address" in body and (text := _legacy_text("address", "address", body["address"], wrong)) is not None:
        first, _, second = str(text).partition("\n")
        values |= {"address1": first, "address2": second}
    values["access"] = body.get("barred") is not True
    for name, (key, own, _) in REFERENCES.items():
        if name in body and (number := _reference(book, name, key, body[name], wrong)) is not None:
            values[own] = number
    if of is not None:
        values |= _people(book, body, of, wrong)
    number = _asked_number(body, wrong)
    if wrong:
        raise NoError(invalid(wrong))
    return {name: value for name, value in values.items() if value != ""}, number


def _people(book: Book, body: Mapping[str, Any], of: int, wrong: Found) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, own in PEOPLE.items():
        if name in body:
            number = _number_of(body[name], "customerContactNumber")
            if same_person(book, of, number):
                values[own] = number
            else:
                wrong[name] = ("E07210", "Customer contact not found.", number)
    return values


def _asked_number(body: Mapping[str, Any], wrong: Found) -> int | None:
    if "customerNumber" not in body:
        return None
    number = body["customerNumber"]
    if not isinstance(number, int) or isinstance(number, bool) or number > LARGEST_NUMBER:
        wrong["customerNumber"] = ("E04300", "Expected Integer.", number)
    elif number < 1:
        wrong["customerNumber"] = ("E04300", f"Integer {number} is less than minimum value of 1.", number)
    else:
        return number
    return None


def _legacy_text(name: str, own: str, value: Any, wrong: Found) -> Any:
    if value is None:
        wrong[name] = ("E04300", "Expected String but got Null.", None)
    elif own == "creditMaximum":
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
        wrong[name] = ("E04300", "Expected Number.", value)
    elif own == "defaultDisableEInvoicing":
        if isinstance(value, bool):
            return value
        wrong[name] = ("E04300", "Expected Boolean.", value)
    elif not isinstance(value, str):
        wrong[name] = ("E04300", "Expected String.", value)
    elif len(value) > (longest := _LEGACY_LENGTHS.get(name) or LENGTHS[own]):
        wrong[name] = ("E04300", f"String '{value}' exceeds maximum length of {longest}.", value)
    elif (
        (name == "currency" and len(value) != 3)
        or (name == "pNumber" and len(value) != 10)
        or (name == "name" and not value)
    ):
        wrong[name] = ("E04300", f"String '{value}' has the wrong length.", value)
    else:
        return value
    return None


def _number_of(value: Any, key: str) -> Any:
    """The number of a reference; ``self`` may stand in for it."""
    if not isinstance(value, dict):
        return None
    if value.get(key) is None and isinstance(value.get("self"), str):
        last = value["self"].rstrip("/").rpartition("/")[2]
        return int(last) if is_number(last) else None
    return value.get(key)


def _reference(book: Book, name: str, key: str, value: Any, wrong: Found) -> int | None:
    number = _number_of(value, key)
    if not isinstance(number, int) or isinstance(number, bool):
        wrong[name] = (
            "E04300",
            "Expected Object with a number." if value is not None else "Expected Object but got Null.",
            value,
        )
    elif number < 1:
        wrong[name] = ("E04300", f"Integer {number} is less than minimum value of 1.", number)
    elif number not in getattr(book, _KNOWN[name]):
        wrong[name] = (_MISSING[name], f"{name} not found.", number)
    else:
        return number
    return None


def legacy_contact_values(body: Mapping[str, Any]) -> dict[str, Any]:
    """A contact's content without its customer."""
    wrong: Found = {}
    if not body.get("name"):
        wrong["name"] = ("E04300", "Feltet 'name' skal udfyldes.", None)
    for name, longest in CONTACT_LENGTHS.items():
        value = body.get(name)
        if name in body and not isinstance(value, str):
            wrong[name] = ("E04300", "Expected String but got Null." if value is None else "Expected String.", value)
        elif isinstance(value, str) and len(value) > longest:
            wrong[name] = ("E04300", f"String '{value}' exceeds maximum length of {longest}.", value)
    if wrong:
        raise NoError(invalid(wrong))
    wanted = body.get("emailNotifications") or ()
    own = {
        "invoices": "receiveInvoices",
        "orders": "receiveOrders",
        "quotations": "receiveQuotes",
        "reminders": "receiveReminders",
    }
    if not set(wanted) <= own.keys():
        raise refuse_legacy(400, "Unknown notification.", "E04300")
    return {name: body[name] for name in CONTACT_LENGTHS if name in body} | {own[name]: True for name in wanted}


# -- the OpenAPI services ---------------------------------------------------------------------------------------------

_CODES = {
    "customerNumber": "CustomerInvalidCustomerNumber", "name": "CustomerInvalidName", "email": "CustomerInvalidEmail",
    "customerGroupNumber": "CustomerInvalidGroupId", "zone": "CustomerInvalidVatZone", "paymentTermId": "CustomerInvalidPaymentTerm",
    "eanLocationNumber": "CustomerInvalidEANThirteenDigits", "pnr": "CustomerInvalidPNumber", "defaultAttention": "CustomerInvalidDefaultAttention", "defaultTheirRef": "CustomerInvalidDefaultAttention",
    "currency": "CustomerInvalidCurrency",
}  # fmt: skip
INVALID = "One or more validation errors occurred."


def open_values(book: Book, body: Mapping[str, Any], number: int | None) -> dict[str, Any]:
    """A customer's whole content, of a POST (``number`` None) or a PUT to that number. Properties that are not known are dropped."""
    wrong: list[tuple[str, str, str]] = []

    def no(name: str, why: str, code: str = "") -> None:
        wrong.append((name, code or _CODES.get(name, "InvalidValue"), why))

    values = {name: value for name, value in body.items() if name in LENGTHS or name in NUMBERS or name in BOOLEANS}
    for name in [name for name, value in values.items() if not _fits(name, value)]:
        no(name, f"The field {name} has a value of the wrong kind or length.")
        del values[name]
    asked = values.get("customerNumber")
    if not isinstance(asked, int) or not 1 <= asked <= LARGEST_NUMBER:
        no("customerNumber", f"The field CustomerNumber must be between 1 and {LARGEST_NUMBER}")
    elif number is not None and asked != number:
        no("customerNumber", "The number cannot be changed.", "CustomerannotChangeNumber")
    elif number is None and asked in book.customers:
        no("customerNumber", "There is a customer with this number.", "CustomerAlreadyExists")
    if not values.get("name"):
        no("name", "A customer must have a name.", "CustomerMissingName")
    _references(book, values, number or 0, no)
    if wrong:
        raise refuse(400, INVALID, "ValidationFailed", wrong)
    return {name: value for name, value in values.items() if value != ""}


def _references(book: Book, values: Mapping[str, Any], number: int, no: Callable[[str, str], None]) -> None:
    """What a customer's values refer to, and what has a form of its own."""
    known: dict[str, Collection[Any]] = {
        "customerGroupNumber": book.groups,
        "zone": book.zones,
        "paymentTermId": book.terms,
        "currency": book.currencies,
    }
    for name, there in known.items():
        if values.get(name) not in there:
            no(name, f"{name} is not known.")
    if "@" not in values.get("email", "@"):
        no("email", "Not an e-mail address.")
    ean = values.get("eanLocationNumber", "")
    if ean and not (len(ean) == 13 and ean.isdigit()):
        no("eanLocationNumber", "An EAN has thirteen digits.")
    for name in PEOPLE.values():
        if name in values and not same_person(book, number, values[name]):
            no(name, "The contact is none of this customer.")


def _fits(name: str, value: Any) -> bool:
    if name in BOOLEANS:
        return isinstance(value, bool)
    if name in NUMBERS:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, str) and len(value) <= LENGTHS[name]


def open_contact_values(book: Book, body: Mapping[str, Any], own: int = 0, of: int | None = None) -> dict[str, Any]:
    """A contact's whole content, of a POST or of a PUT to contact ``own`` of customer ``of``."""
    wrong: list[tuple[str, str, str]] = []
    values: dict[str, Any] = {}
    for name, value in body.items():
        if name in CONTACT_LENGTHS:
            if not isinstance(value, str) or len(value) > CONTACT_LENGTHS[name]:
                wrong.append((name, "InvalidValue", f"The field {name} has a value of the wrong kind or length."))
            elif value:
                values[name] = value
        elif name in RECEIVES:
            if isinstance(value, bool):
                values[name] = value
            else:
                wrong.append((name, "InvalidValue", f"The field {name} is a boolean."))
    customer = body.get("customerNumber")
    if not isinstance(customer, int) or customer not in book.customers:
        wrong.append(("customerNumber", "CustomerDoesNotExist", "There is no such customer."))
    elif of is not None and customer != of:
        wrong.append(("customerNumber", "CustomerNumberMismatch", "A contact stays with its customer."))
    if not values.get("name"):
        wrong.append(("name", "CustomerContactNameNullOrEmpty", "A contact must have a name."))
    elif isinstance(customer, int) and book.has_name(customer, values["name"], own):
        wrong.append(("name", "CustomerContactNameAlreadyExists", "The customer has a contact of this name."))
    if wrong:
        raise refuse(400, INVALID, "ValidationFailed", wrong)
    return values | {"customerNumber": customer}
