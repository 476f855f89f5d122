"""Facts of one call, in any order, doubled or late, into one subject.

Every field is a register with an order of its own, so that folding is commutative and idempotent: the same set of facts
gives the same subject however it is cut and shuffled. Rules (vendors/telephony, section 3):

- state only moves forward: ringing, answered, ended
- the first event by nature (ringing before a leg before an answer before the end), then by time, wins direction, number
  outside and line dialled; the last answer, transfer or end says who the agent was
- the last end wins outcome and durations, an authoritative one (`final`) before any other
- where the legs tell how long each talked, the call's talk is theirs together; a leg that was answered is an answer
- what a list of calls says fills in; it takes nothing from what was delivered, but an end that is not authoritative
- a voicemail means that no person answered; it and recordings may come before or after the end
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tieline.core.flow import Folded
from tieline.core.reasons import because, declare
from tieline.flows.calls.settings import Settings

IN_PROGRESS = declare("call.wait.in_progress")
SETTLING = declare("call.wait.settling", "seconds")

NO_END_AFTER = timedelta(hours=4)
"""A call whose end never came is decided without it, outcome unknown."""
FIRST_YEAR, LAST_YEAR = 1980, 9000
"""Outside of these stands the zero of some calendar, or nothing that can be counted on from."""
LONG_AGO = "1970-01-01T00:00:00Z"

RANK = {
    "ringing": "0",
    "leg_ringing": "1",
    "answered": "2",
    "transferred": "3",
    "leg_ended": "4",
    "ended": "5",
    "voicemail": "6",
    "recording_ready": "7",
    "enriched": "8",
    "other": "9",
}
STATE = {"answered": 1, "transferred": 1, "ended": 2}
STATES = ("ringing", "answered", "ended")
ANSWERED = ("answered", "transferred")
AGENT_SAYS = frozenset(("answered", "transferred", "ended", "voicemail"))
ENDS = ("ended_at", "outcome", "outcome_reason", "talk_s", "total_s")
LISTED_END = "0~"
"""Above every end that is not authoritative, below those that are."""
TOLD, NUMBERS = "final", "numbers"
"""In the order of a call: an authoritative end was delivered; a company number was."""
AFTERWARDS = frozenset(("recording_ready", "enriched", "other", "voicemail"))

DECIDES = (
    "direction", "external", "line", "numbers", "state", "expired", "outcome", "talk_s", "total_s", "voicemail", "recordings",
)  # fmt: skip
"""What a decision rests on: a subject that was decided is decided again when one of these changed."""


def fold(subject: Mapping[str, Any] | None, facts: Sequence[Mapping[str, Any]], settings: Settings) -> Folded:
    """The call after these facts (CallFact as JSON)."""
    old = subject or {}
    new: dict[str, Any] = dict(old)
    order: dict[str, str] = dict(old.get("order", ()))
    for fact in facts:
        _take(new, order, fact)
    new["order"] = order
    _derive(new)
    changed = any(new.get(name) != old.get(name) for name in DECIDES)
    return _when(new, settings, changed)


def expire(subject: Mapping[str, Any]) -> Folded:
    """The call when its wait is over: without an end its outcome is unknown."""
    new = {**subject, "expired": True}
    _derive(new)
    return Folded(new, ready=True, changed=not subject.get("expired", False))


def instant(text: str | None) -> str | None:
    """ISO 8601 text as UTC text ending in Z that sorts as time does once the Z is off; None for what is no time that a call can
    have had."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        return None
    if len(text) == 20 and text[19] == "Z":
        return text
    plain = at.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{plain}.{at.microsecond:06}".rstrip("0") + "Z" if at.microsecond else plain + "Z"


def moved(at: str, by: timedelta) -> str:
    """UTC text moved by so much."""
    return instant((datetime.fromisoformat(at) + by).isoformat()) or at


def _take(new: dict[str, Any], order: dict[str, str], fact: Mapping[str, Any]) -> None:
    kind = fact["type"]
    at = instant(fact.get("occurred_at")) or instant(fact.get("arrived_at"))
    time = at[:-1] if at else "~"
    new.setdefault("key", fact["call_key"])
    listed = bool(fact.get("listed"))
    first = ("L" if listed else "") + RANK.get(kind, "9") + time
    if (value := fact.get("direction")) is not None:
        _first(new, order, "direction", value, first)
    if (value := fact.get("external_number")) is not None:
        _first(new, order, "external", value, ("0" if value.strip() else "1") + first)
    if value := fact.get("line_number"):
        _first(new, order, "line", value, first)
        _number(new, order, value, listed)
    if value := fact.get("agent_number"):
        _last(
            new,
            order,
            "agent",
            value,
            (LISTED_END if listed else "1" if kind in AGENT_SAYS else "0")
            + (at[:-1] if at else "")
            + RANK.get(kind, "9"),
        )
        _number(new, order, value, listed)
    final = bool(fact.get("final"))
    ended = final or kind == "ended"
    if ended and not listed and final:
        _forget_listed(new, order)
    if ended and not (listed and TOLD in order):
        last = (LISTED_END if listed else "1" if final else "0") + (at[:-1] if at else "")
        _last(new, order, "ended_at", at, last)
        for name in ENDS[1:]:
            _last(new, order, name, fact.get(name), last)
    if final:
        new["final"] = True
    _reached(new, kind, fact)
    _advance(new, 2 if ended else STATE.get(kind, 0))
    if url := fact.get("recording_url"):
        _recording(new, url, fact.get("recording_s"), time, listed=listed)
    if (settle := fact.get("settle_s", 0)) > new.get("settle_s", 0):
        new["settle_s"] = settle
    _seen(new, kind, at, instant(fact.get("arrived_at")))


def _seen(new: dict[str, Any], kind: str, at: str | None, arrived: str | None) -> None:
    if arrived is not None:
        _earliest(new, "arrived_at", arrived)
    if at is None:
        return
    _earliest(new, "first_at", at)
    if kind in ("ringing", "leg_ringing"):
        _earliest(new, "rang_at", at)
    elif kind in ANSWERED:
        _earliest(new, "answered_at", at)
    if kind not in AFTERWARDS and ("last_at" not in new or new["last_at"][:-1] < at[:-1]):
        new["last_at"] = at


def _first(new: dict[str, Any], order: dict[str, str], name: str, value: Any, key: str) -> None:
    have = order.get(name)
    if have is None or key < have or (key == have and value < new[name]):
        order[name] = key
        new[name] = value


def _last(new: dict[str, Any], order: dict[str, str], name: str, value: Any, key: str) -> None:
    if value is None:
        return
    have = order.get(name)
    if have is None or key > have or (key == have and value > new[name]):
        order[name] = key
        new[name] = value


def _earliest(new: dict[str, Any], name: str, at: str) -> None:
    if name not in new or at[:-1] < new[name][:-1]:
        new[name] = at


def _advance(new: dict[str, Any], state: int) -> None:
    if "state" not in new or STATES.index(new["state"]) < state:
        new["state"] = STATES[state]


def _forget_listed(new: dict[str, Any], order: dict[str, str]) -> None:
    """An authoritative end is delivered: what a list said of the end goes, whichever came first."""
    if TOLD not in order:
        order[TOLD] = "1"
        for name in ENDS:
            if order.get(name, "").startswith(LISTED_END):
                del order[name], new[name]


def _number(new: dict[str, Any], order: dict[str, str], value: str, listed: bool) -> None:
    """Every company number that took part: one that is left out of the CRM leaves the whole call out. A list, which may write
    them in another way, is asked for them only where no delivery named one."""
    if listed and NUMBERS in order:
        return
    have = new.get("numbers", []) if listed or NUMBERS in order else []
    if not listed:
        order[NUMBERS] = "1"
    if value not in have:
        have = sorted([*have, value])
    new["numbers"] = have


def _recording(new: dict[str, Any], url: str, seconds: int | None, time: str, *, listed: bool) -> None:
    """Those of a list count only where none was delivered; their links may be signed anew each time, so that one is known by
    what stands before its query."""
    have: list[dict[str, Any]] = new.get("recordings", [])
    if listed and any(not one.get("listed") for one in have):
        return
    if not listed:
        have = [one for one in have if not one.get("listed")]
    name = url.partition("?")[0] if listed else url
    same = next((one for one in have if (one["url"].partition("?")[0] if listed else one["url"]) == name), None)
    known = same.get("s") if same else None
    longest = max((value for value in (known, seconds) if value is not None), default=None)
    made: dict[str, Any] = {
        "url": min(same["url"], url) if same else url,
        "at": min(same["at"], time) if same else time,
    }
    if longest is not None:
        made["s"] = longest
    if listed:
        made["listed"] = True
    new["recordings"] = sorted(
        [*(one for one in have if one is not same), made], key=lambda one: (one["at"], one["url"])
    )


def _reached(new: dict[str, Any], kind: str, fact: Mapping[str, Any]) -> None:
    """Whether a person answered, or a voicemail took the call."""
    outcome = fact.get("outcome")
    if kind == "voicemail" or outcome == "voicemail":
        new["voicemail"] = True
    if kind in ANSWERED:
        new["answered"] = True
    if kind == "leg_ended" and outcome == "answered":
        new["answered"] = True
        _leg(new, fact.get("leg_key") or "", fact.get("talk_s"))


def _leg(new: dict[str, Any], leg: str, seconds: int | None) -> None:
    """How long an answered leg talked."""
    if seconds is not None:
        legs = new.get("legs", {})
        new["legs"] = {**legs, leg: max(seconds, legs.get(leg, 0))}


def _derive(new: dict[str, Any]) -> None:
    """What follows from the registers: `talk_s` of the legs, `started_at` and `result`, the outcome as the rules see it."""
    if new.get("legs"):
        new["talk_s"] = sum(new["legs"].values())
    started = new.get("rang_at")
    if started is None and (ended := new.get("ended_at")) is not None:
        lasted = new.get("total_s", new.get("talk_s"))
        started = moved(ended, -timedelta(seconds=lasted)) if lasted else ended
        answered = new.get("answered_at")
        started = min(started, answered, key=lambda at: at[:-1]) if answered else started
    new["started_at"] = started or new.get("answered_at") or new.get("first_at")
    new["result"] = _result(new)


def _result(call: Mapping[str, Any]) -> str | None:
    """None while the call goes on."""
    if call.get("voicemail") and (call["state"] == "ended" or call.get("expired")):
        return "voicemail"
    if call["state"] != "ended":
        return "unknown" if call.get("expired") else None
    said: str | None = call.get("outcome")
    if said is not None and said != "unknown":  # what a source cannot name takes nothing from what else it said
        return said
    if call.get("answered") or call.get("talk_s"):
        return "answered"
    if call.get("talk_s") == 0:
        return "no_answer" if call.get("direction") == "outbound" else "missed"
    return "unknown"


def _when(new: dict[str, Any], settings: Settings, changed: bool) -> Folded:
    if new.get("expired") or new.get("final"):
        return Folded(new, ready=True, changed=changed)
    if new["state"] == "ended":
        settle_s = max(settings.settle_s, new.get("settle_s", 0))
        if not settle_s or "ended_at" not in new:
            return Folded(new, ready=True, changed=changed)
        due = moved(new["ended_at"], timedelta(seconds=settle_s))
        return Folded(new, False, due, changed, because(SETTLING, seconds=round(settle_s)))
    # a delivery that comes a day late has its end behind it, and a source's clock may be ahead: the wait counts from the arrival
    first = new.get("arrived_at") or new.get("first_at")
    # a call without any time cannot be waited for: it is decided at once rather than never
    return Folded(new, False, moved(first, NO_END_AFTER) if first else LONG_AGO, changed, because(IN_PROGRESS))
