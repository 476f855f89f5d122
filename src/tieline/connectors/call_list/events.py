"""A row of a call list, read and checked by the import, as JSON:

at                ISO 8601 UTC, when the call began. Needed
direction         inbound, outbound or internal. Needed
number, line      the number outside ("" when withheld) and ours, as they stand in the list
agent             the person
outcome, reason   how it ended, in our words and in the list's
talk_s, total_s   seconds
call_id           the list's own id of the call, if it has one
recording_url     where its recording is

The event key is the call id, or a hash of the row: importing a list again doubles nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, get_args

from tieline.core.errors import ProtocolError
from tieline.core.facts import CallFact, Direction, Outcome
from tieline.sdk.contract import Arrived, Request
from tieline.sdk.webhook import digest, json_of

DIRECTIONS = get_args(Direction)
OUTCOMES = get_args(Outcome)
LONGEST_ID = 160
LONGEST_CALL_S = 7 * 24 * 3600
"""Longer than any call; a list that counts milliseconds says more."""


def arrive(request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:  # noqa: ARG001  the contract's names
    """Keys a row. It comes from our own page, after the sign-in: there is nothing to verify."""
    return Arrived("absent", key_of(row_of(request)))


def key_of(row: Mapping[str, Any]) -> str:
    """The same for the same row."""
    if row.get("call_id"):
        return f"id|{row['call_id']}"
    return f"row|{_hash(row)}"


def row_of(request: Request) -> dict[str, Any]:
    """The row, checked again: it is read from disk when it is folded."""
    row = json_of(request.body)
    if not isinstance(row, dict):
        raise ProtocolError("a row that is no object")
    at = row.get("at")
    if not isinstance(at, str) or not at.endswith("Z"):
        raise ProtocolError("a row without its time")
    try:
        datetime.fromisoformat(at)
    except ValueError:
        raise ProtocolError("a row whose time is none") from None
    if row.get("direction") not in DIRECTIONS:
        raise ProtocolError("a row without its direction")
    if not isinstance(row.get("call_id") or "", str) or len(row.get("call_id") or "") > LONGEST_ID:
        raise ProtocolError("a row whose id is none")
    return row


def parse(request: Request) -> list[CallFact]:
    """Its start and its authoritative end."""
    row = row_of(request)
    talk, total = _seconds(row.get("talk_s")), _seconds(row.get("total_s"))
    outcome: Outcome | None = row.get("outcome") if row.get("outcome") in OUTCOMES else None
    common: dict[str, Any] = {
        "call_key": row.get("call_id") or f"row-{_hash(row)}",
        "direction": row["direction"],
        "external_number": str(row.get("number") or ""),
        "line_number": _text(row.get("line")),
    }
    ended = datetime.fromisoformat(row["at"]) + timedelta(seconds=max(talk or 0, total or 0))
    return [
        CallFact(type="ringing", occurred_at=row["at"], **common),
        CallFact(
            type="ended",
            occurred_at=ended.strftime("%Y-%m-%dT%H:%M:%SZ"),
            agent_number=_text(row.get("agent")),
            outcome=outcome,
            outcome_reason=_text(row.get("reason")),
            talk_s=talk,
            total_s=total,
            recording_url=_text(row.get("recording_url")),
            final=True,
            **common,
        ),
    ]


def _hash(row: Mapping[str, Any]) -> str:
    return digest(row)


def _text(value: object) -> str | None:
    return str(value) if value not in (None, "") else None


def _seconds(value: object) -> int | None:
    return min(max(int(value), 0), LONGEST_CALL_S) if isinstance(value, (int, float)) else None
