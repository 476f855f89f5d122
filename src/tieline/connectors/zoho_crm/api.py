"""Requests to Zoho CRM v8 with Zoho's reading of errors and its prices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from tieline.connectors.zoho_crm.answers import JUDGED, error_of, judge, refused
from tieline.core.errors import ProtocolError
from tieline.sdk.http import Client, RefusedError, Response

BASE = "/crm/v8"


class Api:
    """Below /crm/v8 of the connection's API host."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.told_at: datetime | None = None
        """When the last query was answered, by Zoho's own clock; None where it says no time."""

    async def get(
        self, path: str, query: Mapping[str, str] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Mapping[str, Any] | None:
        """The answer's object; None for 204 (nothing found) and 304 (nothing new)."""
        answer = await self._read("GET", path, query=query, headers=headers, accept=(304,))
        return None if answer.status in (204, 304) else _object(answer)

    async def coql(self, query: str, limit: int) -> Mapping[str, Any] | None:
        """The answer of a query with this limit; None for nothing found. A query by POST is a read."""
        cost = 1.0 if limit <= 200 else 2.0 if limit <= 1000 else 3.0
        answer = await self._read("POST", "/coql", json={"select_query": query}, cost=cost)
        self.told_at = _date(answer)
        return None if answer.status == 204 else _object(answer)

    async def write(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        multipart: aiohttp.FormData | None = None,
        cost: float = 1.0,
        slots: int = 1,
    ) -> Response:
        """The answer to a write, sent once; statuses that are judged item by item come back."""
        return await self.client.request(
            method,
            "api",
            BASE + path,
            read=False,
            json=json,
            multipart=multipart,
            accept=JUDGED,
            judge=judge(method, path),
            cost=cost,
            slots=slots,
        )

    async def _read(self, method: str, path: str, **more: Any) -> Response:
        try:
            return await self.client.request(method, "api", BASE + path, read=True, judge=judge(method, path), **more)
        except RefusedError as error:
            found = error_of(error.response)
            code = str(found.get("code") or error.response.status)
            details = found.get("details")
            raise refused(code, details if isinstance(details, dict) else {}) or ProtocolError(
                f"{method} {path}: {code}", vendor_code=code
            ) from None


def _date(answer: Response) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers.get("Date", ""))
    except (TypeError, ValueError):
        return None


def _object(answer: Response) -> Mapping[str, Any]:
    found = answer.json()
    if not isinstance(found, dict):
        raise ProtocolError("an answer that is no object")
    if found.get("status") == "error" and "code" in found:
        raise ProtocolError(f"an error inside a {answer.status}", vendor_code=str(found["code"])[:60])
    return found
