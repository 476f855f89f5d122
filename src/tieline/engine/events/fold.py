"""From kept events to subjects: parsed by their source's connector, folded by the flow, in whatever order they came."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from tieline.core.errors import ProtocolError
from tieline.core.facts import CallFact
from tieline.core.flow import Flow, Folded
from tieline.engine.effects.reasons import NOT_FOLDED, UNREADABLE, reason
from tieline.engine.events.lookup import why_failed
from tieline.engine.ports import LISTED, EventRow, SubjectRow
from tieline.engine.times import seconds
from tieline.sdk.contract import Events, Request

log = logging.getLogger(__name__)

OLDEST = "1980"
AHEAD_S = 300.0
"""Clocks differ: an event may be so much later than its arrival."""
_NAMES = tuple(one.name for one in fields(CallFact))

DECIDED = "decided"
"""In the subject of a flow, which its fold carries along: it was decided live and to the end before later facts came."""

LONGEST_KEY = 200
"""Characters of a call's key; more are no key that a phone system gives, and too many for an index."""

LONGEST_TEXT = 500
"""Characters of any other text of a fact; what is longer is cut: it may become a lane, a topic, a value of an index."""
LONGEST_S = 10 * 366 * 86_400
"""Seconds of anything; a sender that says more means something else, and no calendar holds the most that a number can say."""
LONGEST_URL = 4000
"""Characters of an address; a longer one leads nowhere once it is cut, and none that a phone system gives."""

Key = tuple[int, str]
"""(source, subject key)."""


@dataclass(slots=True)
class Parsed:
    """What a batch of events says. delivered: subjects that an event came for by itself, not from a list. refused: event id →
    Reason as JSON."""

    facts: dict[Key, list[Mapping[str, Any]]] = field(default_factory=dict)
    arrived: dict[Key, str] = field(default_factory=dict)
    events: dict[Key, list[int]] = field(default_factory=dict)
    delivered: set[Key] = field(default_factory=set)
    refused: dict[int, Mapping[str, Any]] = field(default_factory=dict)


def fact(said: CallFact, received_at: str, *, listed: bool = False, settle_s: float = 0) -> dict[str, Any]:
    """A fact as flows read it: what is said, when (the arrival, where the source gave no time), when it arrived, whether it was
    read in a list, and how long its source may go on talking of a call after an end of it (seconds)."""
    out: dict[str, Any] = {"arrived_at": received_at}
    if listed:
        out["listed"] = True
    if settle_s:
        out["settle_s"] = settle_s
    for name in _NAMES:
        value = getattr(said, name)
        if value is not None and value is not False:
            out[name] = value[:LONGEST_TEXT] if type(value) is str and name not in _WHOLE else value
    out["occurred_at"] = _happened(said.occurred_at, received_at)
    return out


def _happened(at: str | None, received_at: str) -> str:
    """When it happened, by its source; the arrival where that says nothing, no time, the zero of some calendar, or a time that
    is not there yet: nothing may wait for the clock of a source that is ahead."""
    if at is None or at < OLDEST:
        return received_at
    if at[:19] <= received_at[:19]:
        return at
    try:
        ahead = seconds(at) - seconds(received_at)
    except ValueError:
        return received_at
    return at if ahead <= AHEAD_S else received_at


_WHOLE = {"call_key": LONGEST_KEY, "leg_key": LONGEST_KEY, "recording_url": LONGEST_URL}
"""Texts that are worth nothing when they are cut, and how long they may be."""


def _check(said: CallFact) -> None:
    """ProtocolError where a fact holds what no store takes: its whole batch would be refused with it."""
    for name, limit in _WHOLE.items():
        if len(getattr(said, name) or "") > limit:
            raise ProtocolError("too long for a fact", field=name, limit=limit)
    for name in _NAMES:
        value = getattr(said, name)
        if isinstance(value, str) and not value.isascii():
            value.encode()  # half of a surrogate pair is no text
        if isinstance(value, str) and "\x00" in value:
            raise ProtocolError("NUL in a fact", field=name)
        if name.endswith("_s") and value is not None and abs(value) > LONGEST_S:
            raise ProtocolError("longer than any call", field=name, limit=LONGEST_S)


def said_by(row: EventRow, sources: Mapping[int, Events]) -> list[CallFact]:
    """What an event says: as its connector reads it, or as a list said it."""
    if row.method == LISTED:
        return [CallFact(**one) for one in json.loads(row.body)]
    return sources[row.source].parse(Request(row.method, row.query, row.headers, row.body))


def parse(rows: Sequence[EventRow], sources: Mapping[int, Events], settle: Mapping[int, float] | None = None) -> Parsed:
    """The facts of all events by subject. An event that cannot be read is refused and keeps nobody else up. settle: source →
    its settle time."""
    out = Parsed()
    for row in rows:
        listed = row.method == LISTED
        settle_s = settle.get(row.source, 0) if settle else 0
        try:
            said = said_by(row, sources)
            for one in said:
                _check(one)
        except Exception as error:  # noqa: BLE001  whatever one body does to its connector, the other events go on
            log.warning("event %s of connection %s cannot be read: %s", row.id, row.source, type(error).__name__)
            out.refused[row.id] = reason(UNREADABLE, error=why_failed(error))
            continue
        for one in said:
            if not one.call_key:
                continue
            key = (row.source, one.call_key)
            if not listed:
                out.delivered.add(key)
            there = out.facts.get(key)
            if there is None:
                out.facts[key] = [fact(one, row.received_at, listed=listed, settle_s=settle_s)]
                out.arrived[key] = row.received_at
                out.events[key] = [row.id]
            else:
                there.append(fact(one, row.received_at, listed=listed, settle_s=settle_s))
                if out.events[key][-1] != row.id:
                    out.events[key].append(row.id)
    return out


@dataclass(slots=True)
class Changes:
    """What a fold leads to, as `Store.save_folded` takes it."""

    subjects: list[SubjectRow] = field(default_factory=list)
    links: list[tuple[int, int, str]] = field(default_factory=list)
    refused: dict[int, Mapping[str, Any]] = field(default_factory=dict)


def fold(
    parsed: Parsed, stored: Mapping[Key, SubjectRow], flow: Flow, settings: Any, *, live: bool, now: str
) -> Changes:
    """The subjects after these facts. What is only added to a subject (`_adds`) makes none that nobody knows: a call that is
    tagged or rated may be older than its connection, or than what is kept."""
    out = Changes(refused=dict(parsed.refused))
    for key, facts in parsed.facts.items():
        row = stored.get(key)
        if row is None and all(map(_adds, facts)):
            continue
        try:
            folded = flow.fold(row.subject if row is not None else None, facts, settings)
            lanes = flow.lanes(folded.subject, settings)
        except Exception as error:
            log.exception("events of %s %s cannot be folded", flow.name, key)
            for event in parsed.events[key]:
                out.refused[event] = reason(NOT_FOLDED, error=why_failed(error))
            continue
        out.links.extend((event, key[0], key[1]) for event in parsed.events[key])
        if row is None or row.state not in {"due", "applying"}:
            fetched = key not in parsed.delivered
        else:  # what is due already does not fall back
            fetched = row.backfill and key not in parsed.delivered
        if row is None:
            row = SubjectRow(
                0, flow.name, key[0], key[1], folded.subject, "waiting", None, live=live, arrived_at=parsed.arrived[key]
            )
            row.backfill = fetched
            put(row, folded, lanes, now)
            out.subjects.append(row)
        elif folded.changed or row.state == "waiting":
            row.backfill = fetched
            put(row, folded, lanes, now)
            out.subjects.append(row)
        elif folded.subject != row.subject:
            # Nothing to decide anew, but later facts are weighed against what was said when.
            row.subject = folded.subject
            out.subjects.append(row)
    return out


def _adds(fact: Mapping[str, Any]) -> bool:
    """Whether it says nothing of how its subject came about, and brings nothing that would be lost with it."""
    return fact["type"] == "other" or (fact["type"] == "enriched" and "recording_url" not in fact)


def expire(row: SubjectRow, flow: Flow, settings: Any, now: str) -> None:
    """Brings a row whose wait is over to what its flow makes of it without what never came."""
    try:
        folded = flow.expire(row.subject, settings)
        put(row, folded, flow.lanes(folded.subject, settings), now)
    except Exception as error:
        log.exception("%s %s cannot expire", flow.name, row.key)
        row.state, row.due_at, row.why = "parked", None, reason(NOT_FOLDED, error=why_failed(error))


def put(row: SubjectRow, folded: Folded, lanes: tuple[str, ...], now: str) -> None:
    """Brings a row to what its fold says. A subject whose run is being applied stays so; finishing makes it due again. One
    that is due keeps its time, since it may be waiting after a failure."""
    row.subject = folded.subject
    row.lanes = lanes
    if row.state in {"done", "undone"} and row.live:
        # the state is about to be overwritten; Known.decided is read from here
        row.subject = {**folded.subject, DECIDED: True}
    if folded.changed:
        row.revision += 1
    if row.state in {"applying", "due", "undone"}:
        return
    row.why = None
    if folded.ready:
        row.state, row.due_at, row.attempts = "due", now, 0
    else:
        row.state, row.due_at = "waiting", folded.due_at
        row.why = folded.reason.to_json() if folded.reason is not None else None
