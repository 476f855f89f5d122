"""SipSim, a mobile PBX on SIM cards: its events, its call list and its recordings (API v2)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tieline.connectors.sipsim import events
from tieline.core.errors import ConfigError, ProtocolError
from tieline.core.facts import CallFact, Direction, Outcome
from tieline.sdk.contract import Arrived, Identity, Request
from tieline.sdk.http import Client

LARGEST_PAGE = 1000
"""Of the call list; 20 is the smallest that it takes."""


class Connector:
    """Events, History and Files of SipSim."""

    def __init__(self, client: Client) -> None:
        self._client = client

    # -- events ---------------------------------------------------------------------------------------------------

    def arrive(self, request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:
        return events.arrive(request, secrets, now_s)

    def parse(self, request: Request) -> list[CallFact]:
        return events.parse(request)

    # -- the account ----------------------------------------------------------------------------------------------

    async def check(self) -> Identity:
        """The account behind the API token; without a token nothing can be asked and nothing is."""
        if not self._client.fields.get("token"):
            return Identity("", "")
        account = _object(await self._get("/api/v2/account"))
        return Identity(str(account.get("id", "")), str(account.get("company_name") or ""))

    # -- history --------------------------------------------------------------------------------------------------

    async def list_since(self, since: str, until: str | None = None) -> AsyncIterator[Sequence[CallFact]]:
        query = {"start_time": since, "limit": str(LARGEST_PAGE)}
        if until:
            query["end_time"] = until
        token: str | None = None
        while True:
            answer = await self._get("/api/v2/calls", {**query, "page": token} if token else query)
            rows = answer.get("data")
            if not isinstance(rows, list):
                raise ProtocolError("the call list is no list")
            yield [fact for row in rows for fact in facts_of(row) if _is_within(row, until)]
            paging = answer.get("pagination") or {}
            if not paging.get("has_more"):
                return
            if not paging.get("page") or paging["page"] == token:
                raise ProtocolError("the call list says that there is more, and not where")
            token = str(paging["page"])

    async def lines(self) -> list[tuple[str, str]]:
        """Phones of every kind (a person's, a department's, an IVR's) as (number, name)."""
        answer = await self._get("/api/v2/phones")
        rows = answer.get("data")
        if not isinstance(rows, list):
            raise ProtocolError("the list of phones is no list")
        return [
            (str(row["number"]), str(row.get("name") or row.get("type") or "")) for row in rows if row.get("number")
        ]

    # -- files ----------------------------------------------------------------------------------------------------

    async def open(self, url: str, limit: int) -> tuple[str, bytes]:
        has_token = bool(self._client.fields.get("token"))
        return await self._client.get_file(url, limit, with_credentials=has_token)

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        if not self._client.fields.get("token"):
            raise ConfigError("SipSim's API needs a token", setting="token")
        answer = (await self._client.request("GET", "api", path, read=True, query=query)).json()
        if not isinstance(answer, dict):
            raise ProtocolError("an answer without its envelope")
        return answer


def _object(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    found = answer.get("data")
    if not isinstance(found, dict):
        raise ProtocolError("an answer without data")
    return found


def _is_within(row: Mapping[str, Any], until: str | None) -> bool:
    """A list by time may include its end; ours does not."""
    return until is None or (started_at(row) or "") < (events.instant(until) or until)


def started_at(row: Mapping[str, Any]) -> str | None:
    """When a listed call began."""
    return events.instant(row.get("start_time") or row.get("time") or row.get("started_at"))


def facts_of(row: Mapping[str, Any]) -> list[CallFact]:
    """A listed call as its start and its authoritative end. The field names of a listed call beside id, direction,
    caller_number and receiver_number are not published; the events' names are taken for the rest."""
    key = str(row.get("pbx_id") or row.get("id") or "")
    if not key:
        raise ProtocolError("a listed call without an id")
    kind = str(row.get("direction") or row.get("call_type") or row.get("type") or "").lower()
    direction: Direction = "outbound" if kind.startswith("out") else "inbound"
    caller, receiver = (row.get(name) or row.get(f"{name}_number") for name in ("caller", "receiver"))
    outside, agent = (caller, receiver) if direction == "inbound" else (receiver, caller)
    line = (row.get("dialed_number") or agent) if direction == "inbound" else agent
    kind = str(row.get("call_type") or row.get("type") or "")
    # a voicemail is a missed call by its status: its type says more
    status = kind if kind.lower() == "voicemail" else str(row.get("status") or kind)
    seconds = row.get("duration")
    talk = int(seconds) if isinstance(seconds, (int, float)) else None
    began = started_at(row)
    ended = began
    waited = row.get("waiting_time")
    lasted = (talk or 0) + (waited if isinstance(waited, int) and waited > 0 else 0)
    if began and lasted:
        ended = (datetime.fromisoformat(began) + timedelta(seconds=lasted)).strftime("%Y-%m-%dT%H:%M:%SZ")
    common: dict[str, Any] = {
        "call_key": key,
        "direction": direction,
        "external_number": None if outside is None else str(outside),
        "line_number": None if line is None else str(line),
    }
    agent_number = None if agent is None else str(agent)
    return [
        CallFact(type="ringing", occurred_at=began, **common),
        CallFact(
            type="ended",
            occurred_at=ended,
            agent_number=agent_number,
            outcome=_outcome(status.lower(), talk),
            outcome_reason=status or None,
            talk_s=talk,
            recording_url=row.get("audio_path") or None,
            final=True,
            **common,
        ),
    ]


def _outcome(status: str, talk: int | None) -> Outcome | None:
    if status == "voicemail":
        return "voicemail"
    known = events.OUTCOMES.get(status)
    if known is not None:
        return known
    if status in ("", "inbound", "incoming", "outbound", "outgoing"):
        return None if talk is None else ("answered" if talk else None)
    return "unknown"
