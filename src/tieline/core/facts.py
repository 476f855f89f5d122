"""Facts of phone calls, as every phone connector gives them and flows/calls folds them.

One call (business fact), many legs, many events. Source: the canonical call event of vendors/telephony, section 3.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

CallEventType = Literal[
    "ringing",
    "leg_ringing",
    "leg_ended",
    "answered",
    "transferred",
    "ended",
    "voicemail",
    "recording_ready",
    "enriched",
    "other",
]
Direction = Literal["inbound", "outbound", "internal"]
Outcome = Literal["answered", "missed", "busy", "no_answer", "canceled", "failed", "rejected", "voicemail", "unknown"]


@dataclass(frozen=True, slots=True)
class CallFact:
    """What one event of a phone system says. Text as the source gave it; None is not said.

    call_key          the provider's call id, always text; unique within the connection
    occurred_at       ISO 8601 UTC text, None when the source gave no time (the engine puts the arrival in)
    external_number   the number outside, raw; line_number the company line, raw
    agent_number      extension, SIM or user of the person
    *_s               seconds; None unknown, 0 only when known to be none
    final             the source's authoritative end: no later event changes outcome
    """

    call_key: str
    type: CallEventType
    occurred_at: str | None = None
    direction: Direction | None = None
    external_number: str | None = None
    line_number: str | None = None
    agent_number: str | None = None
    leg_key: str | None = None
    outcome: Outcome | None = None
    outcome_reason: str | None = None
    talk_s: int | None = None
    total_s: int | None = None
    recording_url: str | None = None
    recording_s: int | None = None
    final: bool = False

    def to_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if value is not None and value is not False}
