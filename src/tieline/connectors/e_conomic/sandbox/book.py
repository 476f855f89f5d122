"""What an agreement holds: customers, their contacts, and the lists that they refer to.

A customer is kept once, under the property names of the OpenAPI service, and shown by both surfaces. Times are whole Unix seconds. Customers
are also kept in the order of (last change, number) and of number, so that a page of a hundred thousand costs no more than one of a hundred.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Any

BOOLEANS = frozenset(("access", "defaultDisableEInvoicing"))
REFERENCES = {"customerGroupNumber": "groups", "zone": "zones", "paymentTermId": "terms"}

LENGTHS: dict[str, int] = {
    "name": 255, "address1": 255, "address2": 255, "postCode": 30, "city": 50, "country": 50, "county": 50, "contactPerson": 50, "phone": 255,
    "email": 255, "bankAccount": 50, "cvrNo": 40, "homepage": 255, "eanLocationNumber": 13, "voucherNumber": 30, "vatNo": 50,
    "recipientPeppol": 30, "bankGiroNumber": 20, "iban": 50, "swift": 20, "pnr": 40, "mobilePhone": 50, "currency": 3,
    "defaultInvoiceRecipient": 255, "defaultOrderRecipient": 255, "defaultQuoteRecipient": 255, "defaultReminderRecipient": 255,
    "defaultStatementOfAccountRecipient": 255, "directDebitMandateDate": 40,
}  # fmt: skip
NUMBERS: frozenset[str] = frozenset(
    (
        "customerNumber", "customerGroupNumber", "zone", "paymentDays", "ourRef", "layoutGroup", "paymentTermId", "defaultTheirRef",
        "defaultAttention", "layoutGroupPrint", "language", "discountGroupNumber", "priceGroupNumber", "defaultDeliveryLocation", "creditMaximum",
        "defaultDiscountPct", "nemHandelReceiverType", "emailAttachmentLanguage", "defaultInvoiceTemplate", "defaultOrderTemplate",
        "defaultQuoteTemplate", "defaultReminderTemplate", "defaultStatementOfAccountTemplate",
    )
)  # fmt: skip
CONTACT_LENGTHS = {"name": 255, "email": 255, "phone": 50, "notes": 2000, "eInvoiceId": 50}
RECEIVES = (
    "receiveQuotes",
    "receiveOrders",
    "receiveInvoices",
    "receiveEInvoices",
    "receiveStatementOfAccounts",
    "receiveReminders",
)


class Customer:
    """One; ``values`` have no None and no False. ``json`` is its legacy form, made when it is first shown."""

    __slots__ = ("balance", "in_use", "json", "updated", "values", "version")

    def __init__(self, values: dict[str, Any], updated: int, version: int) -> None:
        self.values = values
        self.updated = updated
        self.version = version
        self.balance = 0.0
        self.in_use = False
        self.json: bytes | None = None


class Contact:
    """One; a deleted one stays, and says so."""

    __slots__ = ("deleted", "in_use", "number", "order", "updated", "values", "version")

    def __init__(self, number: int, order: int, values: dict[str, Any], updated: int, version: int) -> None:
        self.number, self.order, self.values = number, order, values
        self.updated, self.version = updated, version
        self.deleted = self.in_use = False


def version_text(number: int, version: int) -> str:
    """The opaque object version."""
    return f"{(version * 2654435761 + number * 40503) % 2**48:012x}"


class Book:
    """One agreement's customers."""

    def __init__(self) -> None:
        self.customers: dict[int, Customer] = {}
        self.contacts: dict[int, Contact] = {}
        self.contacts_of: dict[int, list[int]] = {}
        self.by_time: list[tuple[int, int]] = []
        self.numbers: list[int] = []
        self.next_contact = 1
        self.versions = 0
        self.groups = {1: "Domestic", 2: "EU", 3: "Abroad"}
        self.zones = {1: "Domestic", 2: "EU", 3: "Abroad", 4: "Domestic without VAT"}
        self.terms: dict[int, tuple[str, str, int | None]] = {
            1: ("Net 8 days", "net", 8),
            2: ("Net 30 days", "net", 30),
            3: ("Invoice month", "invoiceMonth", 0),
            4: ("Paid in cash", "paidInCash", None),
        }
        self.employees = {
            1: ("Anne Holm", "anne@sandbox.example", False),
            2: ("Jens Krogh", "jens@sandbox.example", False),
            3: ("Ole Lund", "", True),
        }
        self.layouts = {19: ("Danish std.", False), 21: ("English std.", False), 22: ("Old", True)}
        self.currencies = {"DKK": ("Danish kroner", "208"), "EUR": ("Euro", "978"), "USD": ("US dollars", "840")}

    # -- customers --------------------------------------------------------------------------------------------------

    def next_number(self) -> int:
        """What the server picks: one above the highest, so a number at the end that was deleted is used again."""
        return (self.numbers[-1] if self.numbers else 0) + 1

    def put(self, number: int, values: dict[str, Any], now: int) -> Customer:
        """A new customer, or another content of one that is there."""
        self.versions += 1
        kept = {name: value for name, value in values.items() if value is not None and value is not False}
        kept["customerNumber"] = number
        known = self.customers.get(number)
        if known is None:
            known = self.customers[number] = Customer(kept, now, self.versions)
            insort(self.numbers, number)
        else:
            self._forget_time(number, known.updated)
            known.values, known.updated, known.version, known.json = kept, now, self.versions, None
        insort(self.by_time, (now, number))
        return known

    def put_many(self, rows: Iterable[tuple[int, dict[str, Any], int]]) -> int:
        """(number, values, last change) of many new customers at once; how many."""
        count = 0
        for number, values, updated in rows:
            if number in self.customers:
                raise ValueError(f"customer {number} is there already")
            self.versions += 1
            kept = {name: value for name, value in values.items() if value is not None and value is not False}
            kept["customerNumber"] = number
            self.customers[number] = Customer(kept, updated, self.versions)
            self.by_time.append((updated, number))
            self.numbers.append(number)
            count += 1
        self.by_time.sort()
        self.numbers.sort()
        return count

    def remove(self, number: int) -> None:
        """Gone without a trace, its contacts too."""
        gone = self.customers.pop(number)
        self._forget_time(number, gone.updated)
        del self.numbers[bisect_left(self.numbers, number)]
        for contact in self.contacts_of.pop(number, []):
            del self.contacts[contact]

    def renumber(self, old: int, new: int, now: int) -> None:
        """Another number, contacts with it."""
        if new in self.customers:
            raise ValueError(f"customer {new} is there already")
        moved = self.customers[old]
        contacts = self.contacts_of.pop(old, [])
        self.remove(old)
        made = self.put(new, dict(moved.values), now)
        made.balance, made.in_use = moved.balance, moved.in_use
        if contacts:
            self.contacts_of[new] = contacts
            for contact in contacts:
                self.contacts[contact].values["customerNumber"] = new

    def _forget_time(self, number: int, updated: int) -> None:
        del self.by_time[bisect_left(self.by_time, (updated, number))]

    # -- contacts ---------------------------------------------------------------------------------------------------

    def alive(self, customer: int) -> list[Contact]:
        """A customer's contacts that are not deleted."""
        found = [self.contacts[number] for number in self.contacts_of.get(customer, ())]
        return [contact for contact in found if not contact.deleted]

    def has_name(self, customer: int, name: str, but: int = 0) -> bool:
        """Whether another contact of the customer has this name."""
        return any(
            one.number != but and one.values["name"].casefold() == name.casefold() for one in self.alive(customer)
        )

    def add_contact(self, values: dict[str, Any], now: int) -> Contact:
        """A new contact of ``values["customerNumber"]``."""
        self.versions += 1
        number = self.next_contact
        self.next_contact += 1
        of = self.contacts_of.setdefault(values["customerNumber"], [])
        kept = {name: value for name, value in values.items() if value is not None and value is not False}
        made = self.contacts[number] = Contact(number, len(of) + 1, kept, now, self.versions)
        of.append(number)
        return made

    def change_contact(self, contact: Contact, values: dict[str, Any], now: int) -> None:
        """Another content."""
        self.versions += 1
        contact.values = {name: value for name, value in values.items() if value is not None and value is not False}
        contact.updated, contact.version = now, self.versions

    def delete_contact(self, contact: Contact, now: int) -> None:
        """It stays and says that it is deleted."""
        self.versions += 1
        contact.deleted, contact.updated, contact.version = True, now, self.versions
