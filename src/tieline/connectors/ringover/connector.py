"""Ringover: its webhooks 2.0, its list of calls and its recordings (public API v2)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tieline.connectors.ringover import events
from tieline.core.errors import ConfigError, ProtocolError
from tieline.core.facts import CallFact, Outcome
from tieline.sdk.contract import Arrived, Identity, Request
from tieline.sdk.http import Client

LARGEST_PAGE = 1000
FURTHEST = 9000
"""The largest offset; a stretch with more calls is cut in two."""
LONGEST = timedelta(days=15)
"""The longest stretch of one list."""
STATES: Mapping[str, Outcome] = {
    "answered": "answered",
    "missed": "missed",
    "voicemail": "voicemail",
    "noanswer": "no_answer",
    "busy": "busy",
    "cancelled": "canceled",
    "canceled": "canceled",
    "refused": "rejected",
    "failed": "failed",
}


class Connector:
    """Events, History and Files of Ringover."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def arrive(self, request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:
        return events.arrive(request, secrets, now_s)

    def parse(self, request: Request) -> list[CallFact]:
        return events.parse(request)

    async def check(self) -> Identity:
        """The team behind the API key; without a key nothing can be asked and nothing is."""
        if not self._client.fields.get("api_key"):
            return Identity("", "")
        team = await self._get("/v2/teams")
        return Identity(str(team.get("id") or team.get("team_id") or ""), str(team.get("name") or ""))

    async def lines(self) -> list[tuple[str, str]]:
        """Numbers of the team with what they are called."""
        rows = (await self._get("/v2/numbers")).get("list")
        if not isinstance(rows, list):
            raise ProtocolError("the list of numbers is no list")
        return [(number, _label(row)) for row in rows if (number := events.number(row.get("number")))]

    async def list_since(self, since: str, until: str | None = None) -> AsyncIterator[Sequence[CallFact]]:
        begin = datetime.fromisoformat(since)
        end = datetime.fromisoformat(until) if until else datetime.now(UTC) + timedelta(minutes=1)
        stretches = _cut(begin, end)
        while stretches:
            start, stop = stretches.pop(0)
            offset = 0
            while True:
                rows, total = await self._page(start, stop, offset)
                if total > FURTHEST + LARGEST_PAGE and stop - start > timedelta(seconds=1):
                    middle = start + (stop - start) / 2
                    stretches[:0] = [(start, middle), (middle, stop)]
                    break
                yield [fact for row in rows if _is_within(row, begin, end) for fact in facts_of(row)]
                offset += len(rows)
                if not rows or offset >= total:
                    break
                if offset > FURTHEST:
                    raise ProtocolError("more calls in one second than the list shows")

    async def _page(self, start: datetime, stop: datetime, offset: int) -> tuple[list[Any], int]:
        """Calls of a page, newest first, and how many there are in all."""
        query = {
            "start_date": _iso(start),
            "end_date": _iso(stop),
            "limit_count": str(LARGEST_PAGE),
            "limit_offset": str(offset),
        }
        answer = await self._get("/v2/calls", query)
        if not answer:
            return [], offset
        rows, total = answer.get("call_list"), answer.get("total_call_count")
        if not isinstance(rows, list) or not isinstance(total, int):
            raise ProtocolError("the call list is no list")
        return rows, total

    async def open(self, url: str, limit: int) -> tuple[str, bytes]:
        return await self._client.get_file(url, limit)

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        if not self._client.fields.get("api_key"):
            raise ConfigError("Ringover's API needs a key", setting="api_key")
        response = await self._client.request("GET", "api", path, read=True, query=query)
        if response.status == 204:  # nothing there
            return {}
        answer = response.json()
        if not isinstance(answer, dict):
            raise ProtocolError("an answer that is no object")
        return answer


def _cut(begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    out: list[tuple[datetime, datetime]] = []
    while begin < end:
        out.append((begin, min(begin + LONGEST, end)))
        begin += LONGEST
    return out


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _is_within(row: Mapping[str, Any], begin: datetime, end: datetime) -> bool:
    """A list by time may include its end; ours does not."""
    at = events.instant(row.get("start_time"))
    return at is not None and begin <= datetime.fromisoformat(at) < end


def _label(row: Mapping[str, Any]) -> str:
    owner: Mapping[str, Any] = next(
        (row[name] for name in ("user", "ivr", "group") if isinstance(row.get(name), dict)), {}
    )
    return str(row.get("label") or owner.get("concat_name") or owner.get("name") or row.get("type") or "")


def facts_of(row: Mapping[str, Any]) -> list[CallFact]:
    """A listed call as its start and its authoritative end. A call id may come as a number or as text."""
    key = row.get("call_id")
    if isinstance(key, bool) or not isinstance(key, (int, str)) or not key:
        raise ProtocolError("a listed call without its id")
    direction = events.direction_of(row)
    common: dict[str, Any] = {"call_key": str(key), "direction": direction, **events.numbers(row, direction)}
    began, ended = events.instant(row.get("start_time")), events.instant(row.get("end_time"))
    answered = events.instant(row.get("answered_time"))
    said = row.get("last_state")
    state = said.lower().replace("_", "").replace(" ", "") if isinstance(said, str) else ""
    is_answered = row.get("is_answered") is True
    outcome: Outcome = "answered" if is_answered else STATES.get(state, "unknown")
    if row.get("voicemail") and not is_answered:
        outcome = "voicemail"
    if outcome == "missed" and direction == "outbound":
        outcome = "no_answer"
    url = row.get("record") or row.get("voicemail")
    return [
        CallFact(type="ringing", occurred_at=began, **common),
        *([CallFact(type="answered", occurred_at=answered, **common)] if is_answered and answered else []),
        CallFact(
            type="ended",
            occurred_at=ended or began,
            agent_number=events.agent_of(row),
            outcome=outcome,
            outcome_reason=str(said) if said else None,
            talk_s=events.seconds(row.get("incall_duration")) if is_answered else 0,
            total_s=events.seconds(row.get("total_duration")),
            recording_url=str(url) if url else None,
            final=True,
            **common,
        ),
    ]
