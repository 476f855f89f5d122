"""Requests to e-conomic's two hosts, with its tokens, its reading of errors and an eye on its budget."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from tieline.connectors.e_conomic.answers import is_error, judge
from tieline.core.errors import ConfigError, ProtocolError
from tieline.sdk.http import Client, RefusedError, Response

REST = "rest"
APIS = "apis"
CUSTOMERSAPI = "/customersapi/v3.1.0"
WEBHOOKSAPI = "/webhooksapi/v1.0.0"
PAGE = 1000
"""Most rows of a page, on both surfaces."""
JUDGED = frozenset((400, 404, 409))
"""Statuses whose body says what became of the one record."""
_LIMIT = re.compile(r"token-limit-(\d+)-per-(\d+)-seconds:\s*(\d+)/(\d+)")
_KEYS = {"/Customers": "customerNumber", "/Contacts": "number"}
_NEARLY = 0.9
"""Share of the bucket above which we slow down by ourselves: others drink from it too."""


class Api:
    """One agreement."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def __repr__(self) -> str:
        return "<Api of e-conomic>"

    async def get(
        self, host: str, path: str, query: Mapping[str, str] | None = None, *, accept: tuple[int, ...] = ()
    ) -> Response:
        """A 2xx with JSON, or a status in `accept`; trouble is raised."""
        try:
            response = await self._ask("GET", host, path, read=True, query=query, accept=accept)
        except RefusedError as error:
            body = error.response.json_or_none()
            code = str(body.get("errorCode") or "") if isinstance(body, dict) else ""
            raise ProtocolError(f"GET {path}: {error.response.status} {code}", status=error.response.status) from None
        if response.status < 300 and is_error(response.json()):
            raise ProtocolError(f"GET {path}: an error inside a {response.status}")
        return response

    async def write(
        self, method: str, host: str, path: str, body: Any = None, *, key: str = "", accept: frozenset[int] = JUDGED
    ) -> Response:
        """The answer to a write, sent once. `key`: under which e-conomic remembers the answer for an hour."""
        headers = {"Idempotency-Key": key} if key else {}
        return await self._ask(method, host, path, read=False, json=body, headers=headers, accept=accept)

    async def rows(
        self, path: str, query: Mapping[str, str], key: str = "customerNumber"
    ) -> tuple[list[dict[str, Any]], Response]:
        """One page of a legacy collection whose rows have `key`."""
        response = await self.get(REST, path, query)
        body = response.json()
        return _rows(body.get("collection") if isinstance(body, dict) else None, path, key), response

    async def items(self, path: str, query: Mapping[str, str]) -> tuple[list[dict[str, Any]], str, Response]:
        """One page of a cursor listing of customersapi, and the cursor of the next, "" at the end."""
        response = await self.get(APIS, CUSTOMERSAPI + path, query)
        body = response.json()
        if not isinstance(body, dict):
            raise ProtocolError(f"GET {path}: no page")
        return _rows(body.get("items"), path, _KEYS[path]), str(body.get("cursor") or ""), response

    async def counted(self, path: str, query: Mapping[str, str] | None = None) -> int:
        """How many rows a listing of customersapi has: `…/count` answers with a bare number."""
        found = (await self.get(APIS, f"{CUSTOMERSAPI}{path}/count", query)).json()
        if not isinstance(found, int) or isinstance(found, bool) or found < 0:
            raise ProtocolError(f"GET {path}/count: no number")
        return found

    async def _ask(
        self, method: str, host: str, path: str, *, read: bool, headers: Any = None, **more: Any
    ) -> Response:
        fields = self.client.fields
        tokens = {
            "X-AppSecretToken": fields.get("app_secret_token", "").strip(),
            "X-AgreementGrantToken": fields.get("agreement_grant_token", "").strip(),
        }
        for name, value in tokens.items():
            if not value or not value.isascii() or not value.isprintable():
                raise ConfigError("a token is missing or has signs that no token has", setting=name)
        response = await self.client.request(
            method, host, path, read=read, headers=tokens | (headers or {}), judge=partial(judge, path), **more
        )
        await self._slow_down(response)
        return response

    async def _slow_down(self, response: Response) -> None:
        """Pauses the connection's budget when the bucket that it shares with others is nearly empty."""
        budget = self.client.budget
        found = _LIMIT.search(response.headers.get("X-RateLimiting", "")) if budget is not None else None
        if budget is None or found is None:
            return
        window, used, limit = int(found[2]), int(found[3]), int(found[4])
        if limit and used > limit * _NEARLY:
            paused = budget.pause(round((used - limit * _NEARLY) * window / limit, 2))
            if paused is not None:
                await paused


def _rows(found: Any, path: str, key: str) -> list[dict[str, Any]]:
    if not isinstance(found, list) or not all(isinstance(row, dict) and row.get(key) is not None for row in found):
        raise ProtocolError(f"GET {path}: no rows with {key}")
    return found


def now_of(response: Response) -> int | None:
    """Unix seconds of the answer by e-conomic's own clock; None where it says no time."""
    try:
        return int(parsedate_to_datetime(response.headers.get("Date", "")).timestamp())
    except (TypeError, ValueError):
        return None
