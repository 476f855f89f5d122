"""The OpenAPI services: customersapi (Customers, Contacts, Setup) and webhooksapi (EventTypes, webhooks)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from tieline.connectors.e_conomic.sandbox import filters
from tieline.connectors.e_conomic.sandbox.answers import answer, is_number, refuse
from tieline.connectors.e_conomic.sandbox.book import Book, version_text
from tieline.connectors.e_conomic.sandbox.hooks import EVENTS, Hook, Hooks
from tieline.connectors.e_conomic.sandbox.legacy import Fire
from tieline.connectors.e_conomic.sandbox.shown import (
    OPEN_CONTACT_FILTERS,
    OPEN_CUSTOMER_FILTERS,
    OPEN_CUSTOMER_PROPERTIES,
    open_contact,
    open_customer,
    stamp,
)
from tieline.connectors.e_conomic.sandbox.taken import INVALID, open_contact_values, open_values
from tieline.sdk.sandbox import Reply, Request

CURSOR_PAGE = 1000
PAGED_REACH = 10_000
CONFLICT = "The resource has been updated by another user."
_HOOK_FILTERS = {"eventType": filters.Property(lambda hook: hook.event, "text")}

Rows = Callable[[int], Iterable[Any]]
"""Rows in the order of their number, from this number on."""


class Services:
    """Answers requests to ``apis``."""

    def __init__(self, book: Book, hooks: Hooks, now: Callable[[], int], fire: Fire) -> None:
        self.book, self.hooks, self.now, self.fire = book, hooks, now, fire

    def answer(self, request: Request) -> Reply:
        """Route by path."""
        match request.path.strip("/").split("/"):
            case ["customersapi", version, *rest] if version.startswith("v3."):
                return self._customersapi(request, rest)
            case ["webhooksapi", version, *rest] if version.startswith("v1."):
                return self._webhooksapi(request, rest)
        raise _missing()

    def _customersapi(self, request: Request, rest: Sequence[str]) -> Reply:
        match request.method, rest:
            case "GET", ["Setup"]:
                return answer(
                    200,
                    {"defaultCustomerGroupNumber": 1, "defaultLayoutNumber": 19, "objectVersion": version_text(0, 1)},
                )
            case "GET", ["Customers", *how] if how in ([], ["paged"], ["count"]):
                known = OPEN_CUSTOMER_FILTERS
                return _listed(
                    request,
                    how,
                    self._customers,
                    lambda one: one.values["customerNumber"],
                    open_customer,
                    known,
                    ("customerNumber",),
                )
            case "GET", ["Contacts", *how] if how in ([], ["paged"], ["count"]):
                return _listed(
                    request,
                    how,
                    self._contacts,
                    lambda one: one.number,
                    open_contact,
                    OPEN_CONTACT_FILTERS,
                    ("number", "customerNumber"),
                )
            case "POST", ["Customers"]:
                return self._create(request)
            case method, ["Customers", number] if is_number(number):
                return self._customer(method, request, int(number))
            case "POST", ["Contacts"]:
                made = self.book.add_contact(open_contact_values(self.book, _body(request)), self.now())
                self._contact_changed(made.values["customerNumber"])
                return answer(201, {"number": made.number}, [("Location", f"{request.path}/{made.number}")])
            case "PUT", ["Contacts"]:
                return self._change_contact(_body(request))
            case method, ["Contacts", number] if is_number(number):
                return self._contact(method, int(number))
        raise _missing() if rest[:1] not in (["Customers"], ["Contacts"]) else _not_allowed()

    # -- customers --------------------------------------------------------------------------------------------------

    def _customers(self, start: int) -> Iterator[Any]:
        numbers = self.book.numbers
        return (self.book.customers[number] for number in numbers[bisect_left(numbers, start) :])

    def _create(self, request: Request) -> Reply:
        values = open_values(self.book, _body(request), None)
        number = values["customerNumber"]
        self.book.put(number, values, self.now())
        self.fire(None, number)
        return answer(201, {"customerNumber": number}, [("Location", f"{request.path}/{number}")])

    def _customer(self, method: str, request: Request, number: int) -> Reply:
        known = self.book.customers.get(number)
        if known is None:
            raise _missing()
        if method == "GET":
            return answer(200, open_customer(known))
        if method == "PUT":
            body = _body(request)
            if body.get("objectVersion") != version_text(number, known.version):
                raise refuse(409, CONFLICT, "UpdateConflict")
            self.book.put(number, open_values(self.book, body, number), self.now())
            self.fire(number, number)
            return Reply(204)
        if method == "DELETE":
            if known.in_use:
                raise refuse(
                    400,
                    INVALID,
                    "ValidationFailed",
                    [("customerNumber", "CustomerIsInUse", "The customer is on an invoice.")],
                )
            self.book.remove(number)
            self.fire(number, None)
            return Reply(204)
        raise _not_allowed()

    # -- contacts ---------------------------------------------------------------------------------------------------

    def _contacts(self, start: int) -> Iterator[Any]:
        return (contact for number, contact in self.book.contacts.items() if number >= start)

    def _contact(self, method: str, number: int) -> Reply:
        known = self.book.contacts.get(number)
        if known is None or (known.deleted and method != "GET"):
            raise _missing()
        if method == "GET":
            return answer(200, open_contact(known))
        if method == "DELETE":
            if known.in_use:
                raise refuse(
                    400,
                    INVALID,
                    "ValidationFailed",
                    [("number", "CustomerContactIsInUse", "The contact is on an invoice.")],
                )
            self.book.delete_contact(known, self.now())
            self._contact_changed(known.values["customerNumber"])
            return Reply(204)
        raise _not_allowed()

    def _change_contact(self, body: Mapping[str, Any]) -> Reply:
        number = body.get("number")
        known = self.book.contacts.get(number) if isinstance(number, int) else None
        if known is None or known.deleted:
            raise _missing()
        if body.get("objectVersion") != version_text(known.number, known.version):
            raise refuse(409, CONFLICT, "UpdateConflict")
        values = open_contact_values(self.book, body, known.number, known.values["customerNumber"])
        self.book.change_contact(known, values, self.now())
        self._contact_changed(known.values["customerNumber"])
        return Reply(204)

    def _contact_changed(self, customer: int) -> None:
        """Whether this fires Customer updated is not documented: off unless it is switched on."""
        if self.hooks.contacts_fire:
            self.fire(customer, customer)

    # -- webhooks ---------------------------------------------------------------------------------------------------

    def _webhooksapi(self, request: Request, rest: Sequence[str]) -> Reply:
        hooks = self.hooks.by_api
        match request.method, rest:
            case "GET", ["EventTypes"]:
                return answer(200, EVENTS)
            case "GET", ["webhooks", *how] if how in ([], ["paged"], ["count"]):
                return _listed(
                    request,
                    how,
                    lambda _start: sorted(hooks.values(), key=lambda one: one.event),
                    lambda _one: 0,
                    _shown,
                    _HOOK_FILTERS,
                    ("eventType",),
                )
            case "POST", ["webhooks"]:
                values = _hook_values(_body(request))
                if values["eventType"] in hooks:
                    raise _hook_refused("eventType", "WebhookAlreadyExists", "There is a webhook for this event type.")
                hooks[values["eventType"]] = Hook(values, self.now())
                return answer(
                    201, {"eventType": values["eventType"]}, [("Location", f"{request.path}/{values['eventType']}")]
                )
            case "PUT", ["webhooks"]:
                values = _hook_values(_body(request))
                known = hooks.get(values["eventType"])
                if known is None:
                    raise _missing()
                if values.get("objectVersion") != known.version_text():
                    raise refuse(409, CONFLICT, "UpdateConflict")
                known.take(values, self.now())
                return Reply(204)
            case "GET", ["webhooks", event] if event in hooks:
                return answer(200, _shown(hooks[event]))
            case "DELETE", ["webhooks", event] if event in hooks:
                del hooks[event]
                return Reply(204)
        raise _missing()


def _shown(hook: Hook) -> dict[str, Any]:
    shown = {name: value for name, value in hook.values.items() if value not in (None, False)}
    if hook.disabled_at is not None:
        shown["lastDisabledDate"] = stamp(hook.disabled_at)
    return shown | {"lastUpdated": stamp(hook.updated), "objectVersion": hook.version_text()}


def _hook_values(body: Mapping[str, Any]) -> dict[str, Any]:
    for name, longest in (("eventType", 50), ("name", 100), ("url", 1000), ("contentType", 50)):
        if not isinstance(body.get(name), str) or not 0 < len(body[name]) <= longest:
            raise _hook_refused(name, "InvalidValue", f"The field {name} is required, with {longest} signs at most.")
    headers = body.get("customHeaders", [])
    if not isinstance(headers, list) or len(headers) > 5 or not all(map(_is_header, headers)):
        raise _hook_refused("customHeaders", "InvalidValue", "At most five headers, each with key and value.")
    if not isinstance(body.get("postData", ""), str) or len(body.get("postData", "")) > 4000:
        raise _hook_refused("postData", "InvalidValue", "At most 4000 signs.")
    if body["eventType"] not in {event["name"] for event in EVENTS}:
        raise _hook_refused("eventType", "UnknownEventType", "There is no such event.")
    names = ("eventType", "name", "url", "contentType", "postData", "customHeaders", "isDisabled", "objectVersion")
    return {name: body[name] for name in names if name in body}


def _is_header(one: Any) -> bool:
    return (
        isinstance(one, dict) and {"key", "value"} == one.keys() and all(isinstance(text, str) for text in one.values())
    )


def _hook_refused(name: str, code: str, why: str) -> Exception:
    return refuse(400, INVALID, "ValidationFailed", [(name, code, why)])


# -- lists ------------------------------------------------------------------------------------------------------------


def _listed(
    request: Request,
    how: Sequence[str],
    rows: Rows,
    number: Callable[[Any], int],
    shown: Callable[[Any], Any],
    known: Mapping[str, filters.Property],
    sorts: Sequence[str],
) -> Reply:
    """By cursor (sort is ignored there without a word), ``/paged`` or ``/count``."""
    query = request.query
    test, few = _test(query.get("filter", ""), known, next(iter(known)))
    if how == ["count"]:
        return answer(200, sum(test(row) for row in _some(rows, 0, few, number)))
    if how == ["paged"]:
        return _paged(query, [row for row in _some(rows, 0, few, number) if test(row)], shown, known, sorts)
    start = query.get("cursor", "0")
    if not is_number(start):
        raise refuse(400, "The cursor is not valid.", "BadCursorRequest")
    found = list(islice((row for row in _some(rows, int(start), few, number) if test(row)), CURSOR_PAGE + 1))
    page: dict[str, Any] = {"items": [shown(row) for row in found[:CURSOR_PAGE]]}
    if len(found) > CURSOR_PAGE:
        page["cursor"] = str(number(found[CURSOR_PAGE]))
    return answer(200, page)


def _some(rows: Rows, start: int, few: frozenset[int] | None, number: Callable[[Any], int]) -> Iterable[Any]:
    """All rows, or only those of a list of numbers, without walking through the others where there are many."""
    if few is None:
        return rows(start)
    wanted = sorted(one for one in few if one >= start)
    found: list[Any] = []
    for one in wanted:
        row = next(iter(rows(one)), None)
        if row is not None and number(row) == one:
            found.append(row)
    return found


def _test(
    text: str, known: Mapping[str, filters.Property], key: str
) -> tuple[filters.Predicate, frozenset[int] | None]:
    if not text:
        return (lambda _row: True), None
    try:
        found = filters.read(text, known)
    except filters.BadFilterError as error:
        told = str(error)
        name = told.rpartition("'")[0].rpartition("'")[2]
        if name in OPEN_CUSTOMER_PROPERTIES:  # it is there, and nobody may filter by it
            told = f"Operator $eq: not supported on property {name}"
        raise refuse(
            400, "The filter is not valid.", "BadFilterRequest", [("filter", "BadFilterRequest", told)]
        ) from None
    few = next(
        (
            one.value
            for one in filters.conjuncts(found)
            if isinstance(one, filters.Clause)
            and one.name == key
            and one.operator == "in"
            and all(isinstance(each, int) for each in one.value)
        ),
        None,
    )
    return found.test(known), few


def _paged(
    query: Mapping[str, str],
    rows: list[Any],
    shown: Callable[[Any], Any],
    known: Mapping[str, filters.Property],
    sorts: Sequence[str],
) -> Reply:
    names = {name.lower(): value for name, value in query.items()}
    size, skipped = names.get("pagesize", "20"), names.get("skippages", "0")
    if not is_number(size) or not 1 <= int(size) <= 100 or not is_number(skipped):
        told = [("pageSize", "InvalidValue", "The field PageSize must be between 1 and 100")]
        raise refuse(400, INVALID, "ValidationFailed", told)
    try:
        found = filters.ordered(rows, names.get("sort", ""), known, sorts)[:PAGED_REACH]
    except filters.BadFilterError as error:
        raise refuse(
            400, "The sort is not valid.", "BadSortRequest", [("sort", "BadSortRequest", str(error))]
        ) from None
    start = int(skipped) * int(size)
    return answer(200, [shown(row) for row in found[start : start + int(size)]])


def _body(request: Request) -> dict[str, Any]:
    try:
        found = request.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise refuse(400, INVALID, "ValidationFailed", [("", "InvalidBody", "The body is no object.")])
    return found


def _missing() -> Exception:
    return refuse(404, "Resource not found.", "ResourceNotFound")


def _not_allowed() -> Exception:
    return refuse(405, "Method not allowed.", "MethodNotAllowed")
