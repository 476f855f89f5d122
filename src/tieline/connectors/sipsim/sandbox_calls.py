"""How SipSim's list of calls shows a call, and which calls it lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tieline.connectors.sipsim.sandbox_events import SimulatedCall


def listed(
    calls: Sequence[SimulatedCall], query: Mapping[str, str], start: float, end: float, after: tuple[object, ...]
) -> list[SimulatedCall]:
    """The calls that started from `start` to `end` and that the query asks for, oldest first, behind the place of a page."""
    wanted = set(query["call_types"].split(",")) if "call_types" in query else None
    text = query.get("search", "")
    found = (
        call
        for call in calls
        if start <= call.started <= end
        and (wanted is None or kind(call) in wanted)
        and (not text or text in call.number)
        and (call.started, call.pbx_id) > after
    )
    return sorted(found, key=lambda call: (call.started, call.pbx_id))


def shown_call(call: SimulatedCall) -> dict[str, Any]:
    """An item of ``GET /calls``."""
    inbound = call.direction == "inbound"
    line = (
        call.lines[-1 if call.answered_by is None else call.answered_by]
        if call.outcome == "answered"
        else call.lines[0]
    )
    statuses = {
        "answered": "ANSWER",
        "missed": "MISSED",
        "voicemail": "MISSED",
        "busy": "BUSY",
        "no_answer": "NOANSWER",
    }
    return {
        "id": call.pbx_id,
        "direction": "inbound" if inbound else "outgoing",
        "caller_number": call.number if inbound else line,
        "receiver_number": line if inbound else call.number,
        "dialed_number": call.lines[0] if inbound else call.number,
        "start_time": datetime.fromtimestamp(int(call.started), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "waiting_time": call.ring_s,
        "duration": call.duration,
        "status": statuses[call.outcome],
        "call_type": kind(call),
        "audio_path": call.audio_path,
        "tags": [],
    }


def kind(call: SimulatedCall) -> str:
    """The call_types word of a call."""
    if call.direction == "outbound":
        return "outgoing"
    return {"answered": "inbound", "voicemail": "voicemail"}.get(call.outcome, "missed")
