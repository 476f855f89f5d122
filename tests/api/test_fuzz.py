"""Requests that no program means, to every route of the API with a token that may do everything: refused, never a fault of the server."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.api.conftest import everything

if TYPE_CHECKING:
    from tests.web.conftest import Company

ODD_TEXTS = [
    "", "\x00", "a\x00b", "\ud800", "😀" * 50, "9" * 400, "-1", "1e999", "NaN", "../..", "%00", "é" * 3000, "'; --", "2026-13-45", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59+14:00", "conn_aaaaaaaaaaaaa", "x" * 100_000, "<script>", "calls", "sipsim", "production", "http://127.0.0.1:1/", "https://exa mple",
]  # fmt: skip
ODD_VALUES: list[Any] = [
    None, True, False, 0, -1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**300, 1e308, 1.5, [], {}, [[]], {"": ""}, [None], [1, "a", None], {"a": {"b": [{}]}}, *ODD_TEXTS,
]  # fmt: skip
RAW = [
    b"", b"\x00", b"{", b"[]", b"null", b"NaN", b'"a"', b"\xff\xfe{}", b"\xed\xa0\x80", b'{"a":1,"a":2}', b"[" * 100_000, b"[" * 400 + b"]" * 400,
    b'{"a":' * 3000 + b"1" + b"}" * 3000, b'{"settings":' * 600 + b"1" + b"}" * 600, b'{"limit":' + b"9" * 5000 + b"}", b'{"title":"\\ud800"}', b'{"title":"\\u0000"}', b"a=b&c=d",
    b'{"title":1e99999}', b"\xef\xbb\xbf{}",
]  # fmt: skip
TYPES = ["application/json"] * 12 + ["text/plain", "", "multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "é/é", "application/json; charset=nothing", "application/json; charset=utf-16"]  # fmt: skip
LARGE = 4 * 1024 * 1024


class Asking:
    """Makes requests of the routes' own description."""

    def __init__(self, seed: int) -> None:
        from tieline.api.v1 import api

        self.chance = random.Random(seed)
        described = json.loads(json.dumps(api.get_openapi_schema()))
        self.schemas = described["components"]["schemas"]
        self.routes = [
            (method.upper(), path, route)
            for path, methods in described["paths"].items()
            for method, route in methods.items()
        ]
        self.ids = ["calls", "sipsim", "0", "1", "-1"]
        """Ids that exist, found on the way."""

    def request(self, number: int) -> tuple[str, str, bytes, str, dict[str, str]]:
        """(method, path with query, body, content type, headers)"""
        chance = self.chance
        method, path, route = self.routes[number % len(self.routes)]
        query = []
        for one in route.get("parameters", ()):
            text = chance.choice(self.ids) if chance.random() < 0.7 else chance.choice(ODD_TEXTS)
            text = quote(text[:2000].encode("utf-8", "surrogatepass"), safe="")
            if one["in"] == "path":
                path = path.replace("{" + one["name"] + "}", text or "%20")
            elif chance.random() < 0.6:
                query.append(f"{one['name']}={text}")
        if chance.random() < 0.05:
            query.append(chance.choice(["%00=%00", "a[]=1", "&&&", "limit=1&limit=2", "after=%ff%fe", "=" * 500]))
        if chance.random() < 0.04:
            method = chance.choice(["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "POST", "GET"])
        body = self.body(route)
        headers = {}
        if chance.random() < 0.1:
            headers[chance.choice(["HTTP_ACCEPT_LANGUAGE", "HTTP_ACCEPT", "HTTP_X_FORWARDED_FOR", "HTTP_COOKIE", "HTTP_RANGE"])] = chance.choice(
                ["\xff\xfe", "a" * 9000, "fr;q=2,;;,*", "sessionid=\x01", "xx-" * 300, ""]
            )  # fmt: skip
        return method, path + ("?" + "&".join(query) if query else ""), body, chance.choice(TYPES), headers

    def body(self, route: dict[str, Any]) -> bytes:
        """What the route wants, changed here and there; or something else."""
        content = route.get("requestBody", {}).get("content", {}).get("application/json")
        luck = self.chance.random()
        if luck < 0.12 or content is None:
            return self.chance.choice(RAW)
        if luck < 0.125:
            return b'{"title":"' + b"x" * LARGE + b'"}'
        value = self.sample(content["schema"])
        if luck < 0.25 and isinstance(value, dict) and value:
            del value[self.chance.choice(list(value))]
        if luck > 0.6:
            raw = bytearray(json.dumps(value).encode())
            for _ in range(self.chance.randint(0, 2)):
                at = self.chance.randrange(len(raw) + 1)
                raw[at : at + self.chance.randint(0, 2)] = self.chance.choice(
                    [b"\x00", b"\xff", b'"', b"{", b"1", b"\\u0000", b"\\ud800"]
                )
            return bytes(raw)
        return json.dumps(value).encode()

    def sample(self, schema: dict[str, Any], depth: int = 0) -> Any:
        """A value of this shape, most of the time."""
        chance = self.chance
        if chance.random() < 0.25 or depth > 6:
            return chance.choice(ODD_VALUES)
        if "$ref" in schema:
            return self.sample(self.schemas[schema["$ref"].rpartition("/")[2]], depth + 1)
        if "anyOf" in schema:
            return self.sample(chance.choice(schema["anyOf"]), depth + 1)
        if "enum" in schema:
            return chance.choice(schema["enum"])
        kind = schema.get("type")
        if kind == "object":
            found = {name: self.sample(one, depth + 1) for name, one in schema.get("properties", {}).items()}
            more = schema.get("additionalProperties")
            if more and not found:
                inner = more if isinstance(more, dict) else {}
                return {
                    chance.choice(["", "a", "\x00", "default_user", "lines", "api_token"]): self.sample(
                        inner, depth + 1
                    )
                    for _ in range(3)
                }
            return found
        if kind == "array":
            return [self.sample(schema.get("items", {}), depth + 1) for _ in range(chance.randint(0, 3))]
        if kind in {"integer", "number"}:
            return chance.choice([0, 1, 5, 100, 10**6, -1])
        if kind == "boolean":
            return chance.random() < 0.5
        return chance.choice(["a", "Main line", "2026-11-18T10:00:00Z", *self.ids, *ODD_TEXTS])

    def learn(self, found: Any) -> None:
        """Keeps the ids of an answer."""
        if isinstance(found, dict):
            for name, value in found.items():
                if name == "id" and isinstance(value, str) and value not in self.ids and len(self.ids) < 60:
                    self.ids.append(value)
                self.learn(value)
        elif isinstance(found, list):
            for one in found:
                self.learn(one)


def fuzz(company: Company, count: int, seed: int) -> Counter[int]:
    from django.test import Client

    asking = Asking(seed)
    token = everything(company).token
    client = Client(raise_request_exception=False)
    statuses: Counter[int] = Counter()
    wrong: dict[str, str] = {}
    for number in range(count):
        method, path, body, kind, headers = asking.request(number)
        answer = client.generic(method, path, body, kind, headers={"authorization": f"Bearer {token}"}, **headers)
        statuses[answer.status_code] += 1
        raw = b"" if answer.streaming else answer.content
        if answer.status_code == 401:  # its own maker was removed, or it was ended: as it was asked for
            token = everything(company).token
        elif answer.status_code >= 500:
            code = ""
            if answer.status_code == 502:  # a vendor that is not there, said in the API's shape
                code = json.loads(raw)["error"]["code"]
            if not code:
                what = f"{method} {path.partition('?')[0].split('/')[3]} {answer.status_code}"
                error = getattr(answer, "exc_info", None)
                wrong.setdefault(
                    what + f" {error[1]!r:.300}" if error else what,
                    f"{number}: {method} {path[:200]} {kind} {body[:300]!r}",
                )
        elif answer.status_code >= 400 and answer.status_code != 405 and raw[:1] == b"{":
            assert json.loads(raw)["error"]["code"]
        elif answer.status_code == 200 and raw[:1] in (b"{", b"["):
            asking.learn(json.loads(raw))
    assert wrong == {}
    status = client.get(
        "/api/v1/workspace", headers={"authorization": f"Bearer {everything(company).token}"}
    ).status_code
    assert status == 200, "a good request afterwards is answered"
    return statuses


@pytest.mark.timeout(300)
def test_what_no_program_means(web: Any, company: Company) -> None:
    statuses = fuzz(company, 400, 1)
    assert {200, 404, 422} <= set(statuses)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.proves("HUB-8")
def test_ten_thousand_that_no_program_means(web: Any, company: Company) -> None:
    statuses = fuzz(company, 10_000, 2)
    assert {200, 400, 404, 409, 422} <= set(statuses)
