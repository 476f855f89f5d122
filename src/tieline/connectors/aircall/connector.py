"""Aircall: webhooks, the list of calls, numbers and recordings (API v1, HTTP basic)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tieline.connectors.aircall import events
from tieline.core.errors import ConfigError, ProtocolError, TransientError
from tieline.core.facts import CallFact
from tieline.sdk.contract import Arrived, Identity, Request
from tieline.sdk.http import Client

LARGEST_PAGE = 50
LAST_PAGE = 10_000 // LARGEST_PAGE
"""A query shows 10,000 calls at most: what is behind them is asked for anew, from the last one's second on."""


class Connector:
    """Events, History and Files of Aircall."""

    def __init__(self, client: Client) -> None:
        self._client = client

    # -- events ---------------------------------------------------------------------------------------------------

    def arrive(self, request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:
        return events.arrive(request, secrets, now_s)

    def parse(self, request: Request) -> list[CallFact]:
        return events.parse(request)

    # -- the account ----------------------------------------------------------------------------------------------

    async def check(self) -> Identity:
        """The company; without an API token nothing can be asked and nothing is."""
        if not self._client.fields.get("api_token"):
            return Identity("", "")
        company = (await self._get("/v1/company")).get("company")
        if not isinstance(company, dict):
            raise ProtocolError("an answer without a company")
        return Identity(self._client.fields.get("api_id", ""), str(company.get("name") or ""))

    # -- history --------------------------------------------------------------------------------------------------

    async def list_since(self, since: str, until: str | None = None) -> AsyncIterator[Sequence[CallFact]]:
        low, high = _unix(since), _unix(until) if until else None
        start = low
        while True:
            last, is_cut = start, False
            async for rows, more in self._pages(
                "calls", {"order": "asc", "from": str(start), **({"to": str(high)} if high else {})}
            ):
                inside = [row for row in rows if _is_within(row, low, high)]
                yield [fact for row in inside for fact in events.facts_of(row, is_final=True)]
                last = max((row["started_at"] for row in rows), default=last)
                is_cut = more
            if not is_cut:
                return
            if last == start:
                raise ProtocolError("more calls began in one second than a query shows")
            start = last

    async def lines(self) -> list[tuple[str, str]]:
        """The company's numbers as (digits, name)."""
        return [
            (str(row["digits"]), str(row.get("name") or ""))
            async for rows, _ in self._pages("numbers", {})
            for row in rows
            if row.get("digits")
        ]

    # -- files ----------------------------------------------------------------------------------------------------

    async def open(self, url: str, limit: int) -> tuple[str, bytes]:
        """A recording or voicemail by the page under which Aircall shows it: the API gives an address that lives for
        an hour, and that is read at once, without credentials."""
        found = events.IS_ASSET.fullmatch(url)
        if found is None:
            raise ConfigError("a file's link is none of Aircall's pages", setting="hosts")
        call = (await self._get(f"/v1/calls/{found[1]}")).get("call")
        if not isinstance(call, dict):
            raise ProtocolError("an answer without a call")
        address = call.get(found[2])
        if not isinstance(address, str) or not address:
            raise TransientError("the file is not there yet, or not any more")
        return await self._client.get_file(address, limit)

    # -- asking ---------------------------------------------------------------------------------------------------

    async def _pages(self, name: str, query: Mapping[str, str]) -> AsyncIterator[tuple[list[Mapping[str, Any]], bool]]:
        """The pages of a list, each with whether there is more behind it; ends where a query ends."""
        for page in range(1, LAST_PAGE + 1):
            answer = await self._get(f"/v1/{name}", {**query, "per_page": str(LARGEST_PAGE), "page": str(page)})
            rows, meta = answer.get(name), answer.get("meta")
            if not isinstance(rows, list) or not isinstance(meta, dict):
                raise ProtocolError(f"the list of {name} is no list")
            total = meta.get("total")
            more = bool(meta.get("next_page_link"))
            # the last page that a query shows names no next one, although there is more
            beyond = page == LAST_PAGE and isinstance(total, int) and total > page * LARGEST_PAGE
            yield rows, more or beyond
            if not more:
                return
            if not rows:
                raise ProtocolError(f"the list of {name} says that there is more, and has nothing")

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        if not self._client.fields.get("api_token"):
            raise ConfigError("Aircall's API needs an API id and token", setting="api_token")
        answer = (await self._client.request("GET", "api", path, read=True, query=query)).json()
        if not isinstance(answer, dict):
            raise ProtocolError("an answer that is no object")
        return answer


def _is_within(row: Mapping[str, Any], low: int, high: int | None) -> bool:
    """Ended calls that began in [low, high): the list's own limits may include their end, and calls that go on."""
    began = row.get("started_at")
    if not isinstance(began, int):
        raise ProtocolError("a listed call without started_at")
    return row.get("status") == "done" and low <= began and (high is None or began < high)


def _unix(text: str) -> int:
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
