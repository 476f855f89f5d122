"""Whatever is sent, the sandbox answers as e-conomic would: with a documented status and JSON, never with a failure of its own."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from tests.sandboxes.economic import BOOK, CUSTOMERSAPI, OPEN, WEBHOOKSAPI
from tieline.connectors.e_conomic.sandbox import APP_SECRET, GRANT, EConomic
from tieline.connectors.e_conomic.sandbox.book import BOOLEANS, CONTACT_LENGTHS, LENGTHS, NUMBERS, RECEIVES
from tieline.connectors.e_conomic.sandbox.shown import LEGACY_FILTERS, PEOPLE, REFERENCES, TEXTS
from tieline.sdk.sandbox import Request

HEADERS = {"x-appsecrettoken": APP_SECRET, "x-agreementgranttoken": GRANT, "content-type": "application/json"}
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
    | st.sampled_from(["DKK", "http://x/customer-groups/1", "a@b.example", 1, 19]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["customerGroupNumber", "employeeNumber", "customerContactNumber", "self", "key", "value"]), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
LEGACY = sorted({"customerNumber", "address", "barred", *TEXTS, *REFERENCES, *PEOPLE})
OPENED = sorted({*LENGTHS, *NUMBERS, *BOOLEANS, "objectVersion"})
CONTACT = sorted({"number", "customerNumber", "objectVersion", *CONTACT_LENGTHS, *RECEIVES})
HOOK = ["eventType", "name", "url", "contentType", "postData", "customHeaders", "isDisabled", "objectVersion"]


def changed(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), values, max_size=5)


def ask(method: str, path: str, body: Any = None, query: str = "", **headers: str) -> int:
    economic = EConomic()
    economic.store({"customers": [{"name": "A"}, {"name": "B"}], "contacts": [{"name": "C", "customerNumber": "1"}]})
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    reply = economic.answer(Request(method, path, query, {**HEADERS, **headers}, raw, "http://127.0.0.1"))
    assert reply.status in (200, 201, 204, 400, 401, 403, 404, 405, 409, 415), reply.body
    if reply.body:
        orjson.loads(reply.body)
    if reply.status < 300 and method != "GET":  # what was taken can be shown again
        for shown in ("/customers", f"{CUSTOMERSAPI}/Customers", f"{CUSTOMERSAPI}/Contacts", "/customers/1/contacts"):
            assert economic.answer(Request("GET", shown, "", HEADERS, b"", "http://127.0.0.1")).status == 200
    return reply.status


@given(changed(LEGACY), st.sampled_from([("POST", "/customers"), ("PUT", "/customers/1"), ("PUT", "/customers/77")]))
def test_customers_of_the_legacy_surface(body: dict[str, Any], route: tuple[str, str]) -> None:
    ask(*route, BOOK | body)
    ask(*route, body)


@given(changed(OPENED), st.sampled_from([("POST", "/Customers"), ("PUT", "/Customers/1")]))
def test_customers_of_the_services(body: dict[str, Any], route: tuple[str, str]) -> None:
    ask(route[0], CUSTOMERSAPI + route[1], OPEN | body)
    ask(route[0], CUSTOMERSAPI + route[1], body)


@given(changed(CONTACT), st.sampled_from([("POST", f"{CUSTOMERSAPI}/Contacts"), ("PUT", f"{CUSTOMERSAPI}/Contacts"), ("POST", "/customers/1/contacts"),
                                          ("PUT", "/customers/1/contacts/1")]))  # fmt: skip
def test_contacts(body: dict[str, Any], route: tuple[str, str]) -> None:
    ask(*route, {"customerNumber": 1, "name": "D", "number": 1} | body)
    ask(*route, body)


@given(changed(HOOK), st.sampled_from(["POST", "PUT"]))
def test_webhooks(body: dict[str, Any], method: str) -> None:
    whole = {"eventType": "CUSTOMER_UPDATED", "name": "T", "url": "http://127.0.0.1:1/", "contentType": "text/plain"}
    ask(method, f"{WEBHOOKSAPI}/webhooks", whole | body)


@given(st.sampled_from(["/customers", "/customers/1/contacts", f"{CUSTOMERSAPI}/Customers", f"{CUSTOMERSAPI}/Contacts", f"{WEBHOOKSAPI}/webhooks"]), values, st.binary(max_size=30))  # fmt: skip
def test_bodies_that_are_none(path: str, body: Any, raw: bytes) -> None:
    ask("POST", path, body)
    ask("POST", path, raw)


@given(st.sampled_from([*LEGACY_FILTERS, "nothing"]), st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte", "like", "in", "nin", "x"]),
       st.text("ab0129$()[],*:.-TZé\x00", max_size=20), st.sampled_from(["name", "-balance", "~zip", "x", "barred", "lastUpdated,customerNumber"]))  # fmt: skip
def test_filters(name: str, operator: str, value: str, sort: str) -> None:
    from urllib.parse import urlencode

    for wanted in (f"{name}${operator}:{value}", f"({name}${operator}:[{value}])$or:name$eq:A", value):
        query = urlencode({"filter": wanted, "sort": sort})
        ask("GET", "/customers", b"", query)
        ask("GET", f"{CUSTOMERSAPI}/Customers", b"", query)
        ask("GET", f"{CUSTOMERSAPI}/Contacts/paged", b"", query)


@given(st.sampled_from(["pagesize", "skippages", "pageSize", "skipPages", "cursor"]), st.text("0129-x² ", max_size=8),
       st.sampled_from(["/customers", "/currencies", f"{CUSTOMERSAPI}/Customers", f"{CUSTOMERSAPI}/Customers/paged", f"{WEBHOOKSAPI}/webhooks/paged"]))  # fmt: skip
def test_pages(name: str, text: str, path: str) -> None:
    ask("GET", path, b"", f"{name}={text}")
