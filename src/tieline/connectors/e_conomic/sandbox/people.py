"""What people do in e-conomic's own pages, and what tests put in: behind the API's back, with the same stamps and webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tieline.connectors.e_conomic.sandbox.answers import answer
from tieline.connectors.e_conomic.sandbox.book import CONTACT_LENGTHS, RECEIVES, Contact, Customer
from tieline.connectors.e_conomic.sandbox.hooks import CUSTOMER_UPDATED, Hook
from tieline.connectors.e_conomic.sandbox.seeding import contact, customers
from tieline.connectors.e_conomic.sandbox.shown import PEOPLE, REFERENCES, TEXTS, address, stamp
from tieline.sdk.sandbox import Reply

if TYPE_CHECKING:
    from tieline.connectors.e_conomic.sandbox import EConomic

_DEFAULTS: dict[str, Any] = {"currency": "DKK", "customerGroupNumber": 1, "zone": 1, "paymentTermId": 1, "access": True}
_NUMBERED = {name: own for name, (_, own, _) in REFERENCES.items()} | PEOPLE


class People:
    """Acts on one sandbox."""

    def __init__(self, sandbox: EConomic) -> None:
        self._sandbox = sandbox

    # -- flat rows ------------------------------------------------------------------------------------------------------

    def stored(self, module: str | None) -> Any:
        """Everything, or ``customers`` or ``contacts``."""
        book = self._sandbox.book
        found: dict[str, Any] = {}
        if module != "contacts":
            found["customers"] = [_flat(one) for one in book.customers.values()]
        if module != "customers":
            found["contacts"] = [_flat_contact(one) for one in book.contacts.values() if not one.deleted]
        return found if module is None else found[module]

    def store(self, value: Mapping[str, Any]) -> dict[str, list[str]]:
        """Puts rows in as they are; ids."""
        book, now = self._sandbox.book, self._sandbox.seconds()
        ids: dict[str, list[str]] = {}
        for row in value.get("customers", ()):
            number = int(row.get("customerNumber") or book.next_number())
            book.put(number, _DEFAULTS | _own(row), now)
            ids.setdefault("customers", []).append(str(number))
        for row in value.get("contacts", ()):
            made = book.add_contact({**_own_contact(row), "customerNumber": int(row["customerNumber"])}, now)
            ids.setdefault("contacts", []).append(str(made.number))
        return ids

    # -- in the pages ---------------------------------------------------------------------------------------------------

    def control(self, action: str, value: Mapping[str, Any]) -> Reply | None:
        """The control routes that stand for people."""
        act = {
            "seed": self._seed, "edit": self._edit, "delete": self._delete, "renumber": self._renumber, "reuse": self._reuse,
            "contact": self._contact, "invoice": self._invoice, "balance": self._balance, "webhooks": self._webhook, "storm": self._storm,
        }.get(action)  # fmt: skip
        return answer(200, act(value)) if act else None

    def _seed(self, value: Mapping[str, Any]) -> dict[str, int]:
        sandbox, count = self._sandbox, int(value["customers"])
        per_second = int(value.get("per_second", 20))
        first = int(value.get("first", sandbox.book.next_number()))
        start = int(value.get("start", sandbox.seconds() - 86_400 - count // per_second))
        sandbox.book.put_many(customers(first, count, start, per_second, sandbox.chance_seed))
        contacts = int(value.get("contacts", 0))
        for number in range(first, first + count) if contacts else ():
            for at in range(contacts):
                sandbox.book.add_contact(contact(number, at), start + (number - first) // per_second)
        return {"first": first, "last": first + count - 1, "contacts": contacts * count}

    def _edit(self, value: Mapping[str, Any]) -> dict[str, int]:
        book, now = self._sandbox.book, self._sandbox.seconds()
        numbers = list(
            value.get("numbers") or ([value["number"]] if "number" in value else book.numbers[:: int(value["every"])])
        )
        for number in map(int, numbers):
            book.put(number, book.customers[number].values | _own(value["values"]), now)
            self._sandbox.hooks.fire(number, number)
        return {"edited": len(numbers)}

    def _delete(self, value: Mapping[str, Any]) -> dict[str, int]:
        self._sandbox.book.remove(int(value["number"]))
        self._sandbox.hooks.fire(int(value["number"]), None)
        return {}

    def _renumber(self, value: Mapping[str, Any]) -> dict[str, int]:
        old, new = int(value["from"]), int(value["to"])
        self._sandbox.book.renumber(old, new, self._sandbox.seconds())
        self._sandbox.hooks.fire(old, new)
        return {}

    def _reuse(self, value: Mapping[str, Any]) -> dict[str, int]:
        number = int(value["number"])
        if number in self._sandbox.book.customers:
            self._delete(value)
        self._sandbox.book.put(number, _DEFAULTS | _own(value["values"]), self._sandbox.seconds())
        self._sandbox.hooks.fire(None, number)
        return {"number": number}

    def _contact(self, value: Mapping[str, Any]) -> dict[str, int]:
        book, now = self._sandbox.book, self._sandbox.seconds()
        if "number" not in value:
            made = book.add_contact(
                {**_own_contact(value["values"]), "customerNumber": int(value["values"]["customerNumber"])}, now
            )
        else:
            made = book.contacts[int(value["number"])]
            if value.get("delete"):
                book.delete_contact(made, now)
            else:
                book.change_contact(made, made.values | _own_contact(value["values"]), now)
        if self._sandbox.hooks.contacts_fire:
            self._sandbox.hooks.fire(made.values["customerNumber"], made.values["customerNumber"])
        return {"number": made.number}

    def _invoice(self, value: Mapping[str, Any]) -> dict[str, int]:
        self._sandbox.book.customers[int(value["number"])].in_use = True
        return {}

    def _balance(self, value: Mapping[str, Any]) -> dict[str, int]:
        customer = self._sandbox.book.customers[int(value["number"])]
        customer.balance, customer.json = float(value["balance"]), None
        return {}

    def _webhook(self, value: Mapping[str, Any]) -> dict[str, Any]:
        hooks = self._sandbox.hooks
        if not value.get("url"):
            hooks.by_hand.clear()
            return {}
        made = {
            "eventType": value.get("eventType", CUSTOMER_UPDATED),
            "name": value.get("name", "By hand"),
            "url": value["url"],
            "contentType": value.get("contentType", "application/x-www-form-urlencoded"),
            "postData": value.get("postData", "old=[OLDNUMBER]&new=[NEWNUMBER]"),
            "customHeaders": [{"key": key, "value": text} for key, text in value.get("headers", {}).items()],
        }
        hooks.by_hand.append(Hook(made, self._sandbox.seconds()))
        return made

    def _storm(self, value: Mapping[str, Any]) -> dict[str, int]:
        numbers = self._sandbox.book.numbers[: int(value["n"])]
        held, self._sandbox.hooks.held = self._sandbox.hooks.held, True
        for number in numbers:
            self._sandbox.hooks.fire(number, number)
        self._sandbox.hooks.held = held
        if not held:
            self._sandbox.hooks.release()
        return {"n": len(numbers)}


def _own(row: Mapping[str, Any]) -> dict[str, Any]:
    """Flat names of the legacy surface → what is kept; anything else is taken as a property of the OpenAPI service."""
    values: dict[str, Any] = {}
    for name, value in row.items():
        if name == "barred":
            values["access"] = not value
        elif name == "address":
            first, _, second = str(value or "").partition("\n")
            values |= {"address1": first or None, "address2": second or None}
        elif name in _NUMBERED:
            values[_NUMBERED[name]] = int(value) if value else None
        elif name != "customerNumber":
            values[TEXTS.get(name.removeprefix("$"), name)] = value
    return values


def _flat(customer: Customer) -> dict[str, Any]:
    values = customer.values
    shown: dict[str, Any] = {"id": str(values["customerNumber"]), "customerNumber": str(values["customerNumber"])}
    shown |= {name: values.get(own) for name, own in TEXTS.items()}
    shown |= {name: str(values[own]) if own in values else None for name, own in _NUMBERED.items()}
    others = {
        name: value for name, value in values.items() if name not in TEXTS.values() and name not in _NUMBERED.values()
    }
    kept = {
        name: value
        for name, value in others.items()
        if name not in ("access", "address1", "address2", "customerNumber")
    }
    return (
        kept
        | shown
        | {"address": address(values), "barred": not values.get("access"), "lastUpdated": stamp(customer.updated)}
    )


def _own_contact(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in (*CONTACT_LENGTHS, *RECEIVES) if name in row}


def _flat_contact(one: Contact) -> dict[str, Any]:
    shown = {name: one.values.get(name) for name in CONTACT_LENGTHS}
    return shown | {
        "id": str(one.number),
        "number": str(one.number),
        "customerNumber": str(one.values["customerNumber"]),
    }
