"""The legacy REST surface: /customers with its contacts, the lists that customers refer to, and /self."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from tieline.connectors.e_conomic.sandbox import filters
from tieline.connectors.e_conomic.sandbox.answers import JSON, answer, is_number, refuse_legacy
from tieline.connectors.e_conomic.sandbox.book import Book, Customer
from tieline.connectors.e_conomic.sandbox.shown import (
    LEGACY_FILTERS,
    LEGACY_SORTS,
    legacy_contact,
    legacy_customer,
    legacy_json,
)
from tieline.connectors.e_conomic.sandbox.taken import legacy_contact_values, legacy_values
from tieline.sdk.sandbox import Reply, Request

LARGEST_PAGE = 1000
Fire = Callable[[int | None, int | None], None]
"""(old number, new number): what a webhook tells."""
_HINT = "Filtering on collections can be done using the querystring parameter 'filter'."


class Legacy:
    """Answers requests to ``restapi``. ``agreement`` is what /self says of it."""

    def __init__(self, book: Book, now: Callable[[], int], fire: Fire, agreement: Mapping[str, Any]) -> None:
        self.book, self.now, self.fire, self.agreement = book, now, fire, agreement

    def answer(self, request: Request, base: str) -> Reply:
        """Route by path; ``base`` is where this surface is."""
        parts = request.path.strip("/").split("/")
        method = request.method
        match parts:
            case ["customers"] if method == "GET":
                return self._customers(request, base)
            case ["customers"] if method == "POST":
                return self._create(request, base)
            case ["customers", number] if is_number(number):
                return self._customer(request, int(number), base)
            case ["customers", number, "contacts", *rest] if is_number(number) and len(rest) < 2:
                return self._contacts(request, int(number), rest, base)
            case ["self"] if method == "GET":
                return answer(200, {**self.agreement, "self": f"{base}/self"})
            case [name] if name in _LISTS:
                if method != "GET":
                    raise refuse_legacy(405, "Method not allowed.", "E00405")
                return self._page(
                    request, base, [one | {"self": f"{base}/{name}/{key}"} for key, one in _LISTS[name](self.book)]
                )
        known = parts[0] in ("customers", "self", *_LISTS) and len(parts) < 3
        raise refuse_legacy(405 if known else 404, "Not allowed or not found.", "" if known else "E06000")

    # -- lists ------------------------------------------------------------------------------------------------------

    def _customers(self, request: Request, base: str) -> Reply:
        query = request.query
        try:
            wanted = filters.read(query["filter"], LEGACY_FILTERS) if query.get("filter") else None
        except filters.BadFilterError as error:
            raise refuse_legacy(
                400,
                "Could not parse query string filter.",
                hint=_HINT,
                errors=[str(error)],
                allowedFilteringFields=sorted(LEGACY_FILTERS),
            ) from None
        try:
            found = self._found(wanted, query.get("sort", "customerNumber"))
        except filters.BadFilterError as error:
            raise refuse_legacy(
                400, "Could not parse query string sort.", hint=str(error), errors=[str(error)]
            ) from None
        return self._page(request, base, found, len(self.book.customers), lambda one: legacy_json(one, base))

    def _found(self, wanted: filters.Filter | None, sort: str) -> Sequence[Customer]:
        """Matching customers in order. Ranges of the two things that are kept in order cost nothing."""
        book = self.book
        rows: Sequence[Customer]
        parts = filters.conjuncts(wanted) if wanted is not None else []
        if sort in ("lastUpdated", "lastUpdated,customerNumber"):
            low, high = 0, len(book.by_time)
            for part in list(parts):
                edge = _edge(part, "lastUpdated")
                if edge is not None and isinstance(part, filters.Clause):
                    at = bisect_left(book.by_time, (edge, 0))
                    low, high = (max(low, at), high) if part.operator.startswith("g") else (low, min(high, at))
                    parts.remove(part)
            if not parts:
                return _Slice(book, low, high)
            rows = [book.customers[number] for _, number in book.by_time[low:high]]
            sort = ""
        else:
            few = next(
                (
                    part
                    for part in parts
                    if isinstance(part, filters.Clause) and part.name == "customerNumber" and part.operator == "in"
                ),
                None,
            )
            numbers = sorted(few.value & book.customers.keys()) if few is not None else book.numbers
            low, high = self._seconds(parts)
            if few is None and (low, high) != (0, len(book.by_time)):
                numbers = sorted(number for _, number in book.by_time[low:high])
            rows = [book.customers[number] for number in numbers]
        tests = [part.test(LEGACY_FILTERS) for part in parts]
        for test in tests:
            rows = [row for row in rows if test(row)]
        return (
            rows if sort in ("", "customerNumber") else filters.ordered(list(rows), sort, LEGACY_FILTERS, LEGACY_SORTS)
        )

    def _seconds(self, parts: Sequence[filters.Filter]) -> tuple[int, int]:
        low, high = 0, len(self.book.by_time)
        for part in parts:
            edge = _edge(part, "lastUpdated")
            if edge is not None and isinstance(part, filters.Clause):
                at = bisect_left(self.book.by_time, (edge, 0))
                low, high = (max(low, at), high) if part.operator.startswith("g") else (low, min(high, at))
        return low, high

    def _page(
        self,
        request: Request,
        base: str,
        rows: Sequence[Any],
        total: int | None = None,
        shown: Callable[[Any], Any] = lambda row: row,
    ) -> Reply:
        query = request.query
        size, skipped = _number(query, "pagesize", 20), _number(query, "skippages", 0)
        if not 1 <= size <= LARGEST_PAGE:
            raise refuse_legacy(
                400, f"Page size {size} is not allowed.", "E04810", hint=f"The maximum is {LARGEST_PAGE}."
            )
        start = skipped * size
        rest = {name: value for name, value in query.items() if name not in ("pagesize", "skippages")}
        here = f"{base}{request.path}"

        def link(page: int) -> str:
            return f"{here}?{urlencode({**rest, 'skippages': page, 'pagesize': size})}"

        paging: dict[str, Any] = {
            "skipPages": skipped,
            "pageSize": size,
            "maxPageSizeAllowed": LARGEST_PAGE,
            "results": len(rows),
            "resultsWithoutFilter": len(rows) if total is None else total,
            "firstPage": link(0),
        }
        if start + size < len(rows):
            paging["nextPage"] = link(skipped + 1)
        if skipped:
            paging["previousPage"] = link(skipped - 1)
        paging["lastPage"] = link(max(0, -(-len(rows) // size) - 1))
        body = {
            "collection": [shown(row) for row in rows[start : start + size]],
            "pagination": paging,
            "metaData": {"create": {"description": "Create", "href": here, "httpMethod": "post"}},
            "self": f"{here}?{request.query_string}" if request.query_string else here,
        }
        return Reply(200, orjson.dumps(body), JSON)

    # -- customers --------------------------------------------------------------------------------------------------

    def _create(self, request: Request, base: str) -> Reply:
        values, number = legacy_values(self.book, _body(request), {})
        number = number or self.book.next_number()
        if number in self.book.customers:
            raise refuse_legacy(400, "The customer number is in use.", "E04310")
        made = self.book.put(number, values, self.now())
        self.fire(None, number)
        return answer(201, legacy_customer(made, base), [("Location", f"{base}/customers/{number}")])

    def _customer(self, request: Request, number: int, base: str) -> Reply:
        book = self.book
        known = book.customers.get(number)
        if request.method == "PUT":
            kept = {name: known.values[name] for name in _UNSEEN if known and name in known.values}
            people = number if known else None
            values, other = legacy_values(book, _body(request), kept, of=people)
            if other not in (None, number):
                raise refuse_legacy(400, "The customer number cannot be changed.", "E04310")
            made = book.put(number, values, self.now())
            self.fire(number if known else None, number)
            return answer(200 if known else 201, legacy_customer(made, base))
        if known is None:
            raise refuse_legacy(404, "Customer not found.", "E06000", hint="Find the customer by /customers.")
        if request.method == "GET":
            return answer(200, legacy_customer(known, base))
        if request.method == "DELETE":
            if known.in_use:
                raise refuse_legacy(400, "The customer is used on invoices and cannot be deleted.", "E04300")
            book.remove(number)
            self.fire(number, None)
            return Reply(204)
        raise refuse_legacy(405, "Method not allowed.")

    # -- contacts ---------------------------------------------------------------------------------------------------

    def _contacts(self, request: Request, customer: int, rest: Sequence[str], base: str) -> Reply:
        book, method = self.book, request.method
        if customer not in book.customers:
            raise refuse_legacy(404, "Customer not found.", "E06000")
        if not rest:
            if method == "GET":
                return self._page(request, base, [legacy_contact(one, base) for one in book.alive(customer)])
            if method == "POST":
                made = book.add_contact(
                    {**legacy_contact_values(_body(request)), "customerNumber": customer}, self.now()
                )
                return answer(201, legacy_contact(made, base), [("Location", legacy_contact(made, base)["self"])])
            raise refuse_legacy(405, "Method not allowed.")
        contact = next((one for one in book.alive(customer) if str(one.number) == rest[0]), None)
        if contact is None:
            raise refuse_legacy(404, "Customer contact not found.", "E06000")
        if method == "PUT":
            book.change_contact(
                contact, {**legacy_contact_values(_body(request)), "customerNumber": customer}, self.now()
            )
        elif method == "DELETE":
            book.delete_contact(contact, self.now())
            return Reply(204)
        elif method != "GET":
            raise refuse_legacy(405, "Method not allowed.")
        return answer(200, legacy_contact(contact, base))


class _Slice(Sequence[Customer]):
    """Customers of a part of the order by change, looked up when they are asked for."""

    def __init__(self, book: Book, low: int, high: int) -> None:
        self._book, self._low, self._high = book, low, max(low, high)

    def __len__(self) -> int:
        return self._high - self._low

    def __getitem__(self, at: Any) -> Any:
        keys = self._book.by_time[self._low : self._high] if not isinstance(at, slice) else self._cut(at)
        found = [self._book.customers[number] for _, number in keys]
        return found if isinstance(at, slice) else found[at]

    def _cut(self, at: slice) -> list[tuple[int, int]]:
        start, stop, _ = at.indices(len(self))
        return self._book.by_time[self._low + start : self._low + stop]


def _edge(part: filters.Filter, name: str) -> float | None:
    """Where a range of whole seconds begins or ends, for a clause that is one."""
    if not isinstance(part, filters.Clause) or part.name != name or not isinstance(part.value, (int, float)):
        return None
    return {"gte": part.value, "gt": part.value + 1, "lt": part.value, "lte": part.value + 1}.get(part.operator)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if text and not is_number(text):
        raise refuse_legacy(400, f"{name} must be a number.", "E04810")
    return int(text) if text else default


def _body(request: Request) -> dict[str, Any]:
    try:
        found = request.json()
    except ValueError:
        raise refuse_legacy(400, "The body is no JSON.", "E04300") from None
    if not isinstance(found, dict):
        raise refuse_legacy(400, "The body is no object.", "E04300")
    return found


_UNSEEN = (
    "county", "contactPerson", "paymentDays", "bankAccount", "layoutGroupPrint", "language", "discountGroupNumber", "recipientPeppol",
    "defaultDiscountPct", "bankGiroNumber", "iban", "swift", "directDebitMandateDate", "nemHandelReceiverType", "emailAttachmentLanguage",
    "defaultInvoiceRecipient", "defaultInvoiceTemplate", "defaultOrderRecipient", "defaultOrderTemplate", "defaultQuoteRecipient",
    "defaultQuoteTemplate", "defaultReminderRecipient", "defaultReminderTemplate", "defaultStatementOfAccountRecipient",
    "defaultStatementOfAccountTemplate",
)  # fmt: skip
"""What only the OpenAPI service knows: a legacy PUT leaves it (an assumption; nobody has written about it)."""


def _groups(book: Book) -> list[tuple[int, dict[str, Any]]]:
    return [
        (
            key,
            {
                "customerGroupNumber": key,
                "name": name,
                "account": {
                    "accountNumber": 5600 + key,
                    "self": f"https://restapi.e-conomic.com/accounts/{5600 + key}",
                },
            },
        )
        for key, name in book.groups.items()
    ]


_LISTS: dict[str, Callable[[Book], list[tuple[Any, dict[str, Any]]]]] = {
    "customer-groups": _groups,
    "vat-zones": lambda book: [
        (key, {"vatZoneNumber": key, "name": name, "enabledForCustomer": key != 4, "enabledForSupplier": True})
        for key, name in book.zones.items()
    ],
    "payment-terms": lambda book: [
        (
            key,
            {"paymentTermsNumber": key, "name": name, "paymentTermsType": kind}
            | ({} if days is None else {"daysOfCredit": days}),
        )
        for key, (name, kind, days) in book.terms.items()
    ],
    "employees": lambda book: [
        (key, {"employeeNumber": key, "name": name, "email": email, "barred": barred})
        for key, (name, email, barred) in book.employees.items()
    ],
    "layouts": lambda book: [
        (key, {"layoutNumber": key, "name": name, "deleted": deleted}) for key, (name, deleted) in book.layouts.items()
    ],
    "currencies": lambda book: [
        (code, {"code": code, "name": name, "isoNumber": number}) for code, (name, number) in book.currencies.items()
    ],
}
