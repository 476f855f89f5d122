"""A caller of e-conomic's sandbox, and what e-conomic published about its answers.

The published files are not part of this repository: they are looked for in ``$TIELINE_SHARED/vendors/specs/e-conomic`` and in ``../shared`` beside
it; without them ``published()`` skips the test with the reason.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from aiohttp import ClientSession

from tests.sandboxes.conftest import Caller
from tieline.connectors.e_conomic.sandbox import APP_SECRET, GRANT, EConomic
from tieline.sdk.sandbox import serve

CUSTOMERSAPI = "/customersapi/v3.1.0"
WEBHOOKSAPI = "/webhooksapi/v1.0.0"
BOOK = {"name": "Nordbyg ApS", "currency": "DKK", "customerGroup": {"customerGroupNumber": 1}, "paymentTerms": {"paymentTermsNumber": 1}, "vatZone": {"vatZoneNumber": 1}}  # fmt: skip
"""The smallest customer that the legacy surface takes."""
OPEN = {"customerNumber": 5000, "name": "Nordbyg ApS", "currency": "DKK", "customerGroupNumber": 1, "zone": 1, "paymentTermId": 1, "access": True}  # fmt: skip
"""The smallest customer that customersapi takes."""


class Economic(Caller):
    """Calls both surfaces with the sandbox's tokens."""

    sandbox: EConomic

    async def add(self, **more: Any) -> int:
        """A customer by the legacy surface; its number."""
        status, body = await self("POST", "/customers", {**BOOK, **more})
        assert status == 201, body
        return int(body["customerNumber"])

    async def find(self, wanted: str, **more: str) -> list[Any]:
        """Names of the legacy list under a filter."""
        status, body = await self("GET", "/customers", params={"filter": wanted, **more})
        assert status == 200, body
        return [row["name"] for row in body["collection"]]

    async def refusal(self, wanted: str, path: str = "/customers") -> Any:
        """What is said to a filter that is none."""
        status, body = await self("GET", path, params={"filter": wanted})
        assert status == 400, body
        return body


@asynccontextmanager
async def calling() -> AsyncIterator[Economic]:
    running = await serve(0, ["e_conomic"])
    async with ClientSession() as session:
        caller = Economic(running, session, "e_conomic")
        caller.headers = {"X-AppSecretToken": APP_SECRET, "X-AgreementGrantToken": GRANT}
        sandbox = running.sandbox("e_conomic")
        assert isinstance(sandbox, EConomic)
        caller.sandbox = sandbox
        try:
            yield caller
        finally:
            await running.close()


# -- what was published -----------------------------------------------------------------------------------------------


class Published:
    """The OpenAPI files, and the schemas of the legacy surface read as of today."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._services = {
            CUSTOMERSAPI: json.loads((folder / "openapi/openapi-Customers.json").read_text("utf-8")),
            WEBHOOKSAPI: json.loads((folder / "openapi/openapi-webhooks-api.json").read_text("utf-8")),
        }

    def answer(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with an answer of an OpenAPI service."""
        document, described = self._operation(method, path)
        response = described["responses"].get(str(status))
        if response is None:
            return [f"{method} {path}: {status} is not described"]
        content = response.get("content") or {}
        if body is None or not content:
            return (
                [] if body is None and not content else [f"{method} {path}: a body, or none, against the description"]
            )
        return _problems(document, next(iter(content.values()))["schema"], body)

    def request(self, method: str, path: str, body: Any) -> list[str]:
        """What is wrong with a body sent to an OpenAPI service."""
        document, described = self._operation(method, path)
        return _problems(document, described["requestBody"]["content"]["application/json"]["schema"], body)

    def legacy(self, name: str, body: Any) -> list[str]:
        """What is wrong with a body of the legacy surface, against one of its schemas ("customers.get")."""
        text = (self._folder / f"legacy-json-schema/{name}.schema.json").read_text("utf-8")
        return _problems({}, _of_today(json.loads(text)), body)

    def fields(self, mark: str) -> set[str]:
        """The customer's properties that are marked so ("filterable", "sortable")."""
        text = (self._folder / "legacy-json-schema/customers.get.schema.json").read_text("utf-8")
        items = json.loads(text)["properties"]["collection"]["items"]["properties"]
        return {name for name, said in items.items() if said.get(mark) is True}

    def open_filters(self, schema: str) -> dict[str, set[str]]:
        """Property → operators, of customersapi."""
        found = self._services[CUSTOMERSAPI]["components"]["schemas"][schema]["properties"]
        said = {name: part.get("x-filterable", "not filterable") for name, part in found.items()}
        return {name: set(text.split(", ")) for name, text in said.items() if text != "not filterable"}

    def _operation(self, method: str, path: str) -> tuple[Any, Any]:
        prefix = next(one for one in self._services if path.startswith(one))
        document = self._services[prefix]
        below = path.removeprefix(prefix).partition("?")[0]
        for template, methods in sorted(document["paths"].items(), key=lambda one: "{" in one[0]):
            if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), below):
                return document, methods[method.lower()]
        raise LookupError(f"{method} {below} is not described")


def published() -> Published:
    """The published description, or a skip that says why."""
    root = Path(__file__).resolve().parents[2]
    for shared in (os.environ.get("TIELINE_SHARED"), root.parent / "shared"):
        if shared and (folder := Path(shared) / "vendors/specs/e-conomic").is_dir():
            return _load(folder)
    pytest.skip("e-conomic's published files are not here: set TIELINE_SHARED or put them into ../shared")


@functools.cache
def _load(folder: Path) -> Published:
    return Published(folder)


def _of_today(schema: Any) -> Any:
    """A schema of draft 3 as one of today: there a property says of itself that it is required."""
    if isinstance(schema, list):
        return [_of_today(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _of_today(part) for name, part in schema.items() if name not in ("$schema", "required", "format")}
    if isinstance(properties := schema.get("properties"), dict):
        made["required"] = [
            name for name, part in properties.items() if isinstance(part, dict) and part.get("required") is True
        ]
    return made


def _problems(document: Any, schema: Any, body: Any) -> list[str]:
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": document.get("components", {}),
        "allOf": [schema],
    }
    found = jsonschema_rs.validator_for(_nullable(whole)).iter_errors(body)
    return [f"{'/'.join(map(str, error.instance_path))}: {error.message[:300]}" for error in found]


def _nullable(value: Any) -> Any:
    """OpenAPI 3.0's word for "or null" is not needed: nothing that is null is ever shown, and nothing may be sent so."""
    if isinstance(value, list):
        return [_nullable(one) for one in value]
    return (
        {name: _nullable(part) for name, part in value.items() if name != "nullable"}
        if isinstance(value, dict)
        else value
    )
