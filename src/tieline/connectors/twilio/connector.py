"""Twilio Voice: callbacks, the list of calls, numbers and recordings (API 2010-04-01, HTTP basic)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from tieline.connectors.twilio import events
from tieline.core.errors import ConfigError, ProtocolError
from tieline.core.facts import CallFact
from tieline.sdk.contract import Arrived, Identity, Request
from tieline.sdk.http import Client

LARGEST_PAGE = 1000
BEYOND = timedelta(days=1)
"""The docs promise filters by day only, and a leg may begin after its call: so much more is asked for, and then chosen from."""


class Connector:
    """Events, History and Files of Twilio."""

    def __init__(self, client: Client) -> None:
        self._client = client

    # -- events ---------------------------------------------------------------------------------------------------

    def arrive(self, request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:
        return events.arrive(request, secrets, now_s)

    def parse(self, request: Request) -> list[CallFact]:
        return events.parse(request)

    # -- the account ----------------------------------------------------------------------------------------------

    async def check(self) -> Identity:
        """The account whose sid and auth token were typed."""
        answer = await self._get(f"/2010-04-01/Accounts/{self._account}.json")
        return Identity(str(answer.get("sid", "")), str(answer.get("friendly_name") or ""))

    # -- history --------------------------------------------------------------------------------------------------

    async def list_since(self, since: str, until: str | None = None) -> AsyncIterator[Sequence[CallFact]]:
        """Parent legs that ended and began in [since, until), each with its dialled legs and recordings.

        The list is of legs, newest first: a dialled leg is kept until its call is seen, and dropped where that is not listed.
        """
        low, high = _moment(since), _moment(until) if until else None
        around = {"StartTime>": _text(low)}
        if high is not None:
            around["StartTime<"] = _text(high + BEYOND)
        waiting: dict[str, list[CallFact]] = {}
        known: set[str] = set()
        async for rows in self._pages("Calls", "calls", around):
            facts: list[CallFact] = []
            for row in rows:
                leg = leg_of(row)
                if leg is None:
                    continue
                if leg.parent:
                    if leg.parent in known:
                        facts += events.facts_of(leg)
                    else:
                        waiting.setdefault(leg.parent, []).extend(events.facts_of(leg))
                elif _is_within(leg.began, low, high):
                    known.add(leg.sid)
                    facts += [*events.facts_of(leg), *waiting.pop(leg.sid, ())]
            yield facts
        if not known:
            return
        dated = {name.replace("StartTime", "DateCreated"): value for name, value in around.items()}
        async for rows in self._pages("Recordings", "recordings", dated):
            yield [self._recorded(row) for row in rows if row.get("call_sid") in known]

    async def lines(self) -> list[tuple[str, str]]:
        """The account's numbers as (number, friendly name)."""
        found: list[tuple[str, str]] = []
        async for rows in self._pages("IncomingPhoneNumbers", "incoming_phone_numbers", {}):
            found += [
                (str(row["phone_number"]), str(row.get("friendly_name") or ""))
                for row in rows
                if row.get("phone_number")
            ]
        return found

    # -- files ----------------------------------------------------------------------------------------------------

    async def open(self, url: str, limit: int) -> tuple[str, bytes]:
        """A recording as MP3 (an address without an ending gives WAV, seven times as large). An account may demand the
        credentials; they go to the API's own host only."""
        parts = urlsplit(url)
        if "/Recordings/RE" in parts.path and "." not in parts.path.rpartition("/")[2]:
            url = parts._replace(path=parts.path + ".mp3").geturl()
        return await self._client.get_file(url, limit, with_credentials=True)

    # -- asking ---------------------------------------------------------------------------------------------------

    @property
    def _account(self) -> str:
        sid = self._client.fields.get("account_sid", "").strip()
        if not sid:
            raise ConfigError("Twilio's API needs the account SID", setting="account_sid")
        return quote(sid, safe="")

    async def _pages(
        self, resource: str, name: str, query: Mapping[str, str]
    ) -> AsyncIterator[list[Mapping[str, Any]]]:
        """The pages of a list of the account; the next one's place is taken from the answer, its path is ours."""
        path = f"/2010-04-01/Accounts/{self._account}/{resource}.json"
        asked = {**query, "PageSize": str(LARGEST_PAGE)}
        while True:
            answer = await self._get(path, asked)
            rows = answer.get(name)
            if not isinstance(rows, list):
                raise ProtocolError(f"the list of {name} is no list")
            yield rows
            following = answer.get("next_page_uri")
            if not following:
                return
            before, asked = asked, dict(parse_qsl(urlsplit(str(following)).query))
            if asked == before or "PageToken" not in asked:
                raise ProtocolError(f"the list of {name} says that there is more, and not where")

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        answer = (await self._client.request("GET", "api", path, read=True, query=query)).json()
        if not isinstance(answer, dict):
            raise ProtocolError("an answer that is no object")
        return answer

    def _recorded(self, row: Mapping[str, Any]) -> CallFact:
        uri = str(row.get("uri") or "").removesuffix(".json")
        return events.recorded(
            str(row["call_sid"]),
            str(row.get("status") or ""),
            str(row.get("source") or ""),
            self._client.hosts["api"] + uri if uri.startswith("/") else None,
            events.seconds_of(row.get("duration")),
            events.instant(row.get("start_time")) or events.instant(row.get("date_created")),
        )


def leg_of(row: Mapping[str, Any]) -> events.Leg | None:
    """A listed leg that ended; None while it goes on."""
    sid, status = str(row.get("sid") or ""), str(row.get("status") or "").lower()
    if not sid:
        raise ProtocolError("a listed call without a sid")
    if status in events.UNDER_WAY or status == events.ANSWERED:
        return None
    began = events.instant(row.get("start_time")) or events.instant(row.get("date_created"))
    return events.Leg(
        sid,
        str(row.get("parent_call_sid") or ""),
        status,
        str(row.get("direction") or ""),
        str(row.get("from") or "").strip(),
        str(row.get("to") or "").strip(),
        events.instant(row.get("end_time")) or began,
        events.seconds_of(row.get("duration")),
        began=began,
        is_final=True,
    )


def _is_within(began: str | None, low: datetime, high: datetime | None) -> bool:
    if began is None:
        return False
    at = _moment(began)
    return low <= at and (high is None or at < high)


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
