"""Back-fill: a source's list of calls, read again where events may be missing, and kept as events of their own.

A stretch of time is asked for after the other. The cursor moves with the last page of a stretch, in its transaction, so that
it does not matter in which order a vendor lists; a process that dies reads the stretch it was in again, and an event that was
kept is not kept twice. What the list shows goes the way of every event: the drain folds it with what was delivered of the
same call. A call about which it says nothing new leaves no event.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieline.core.errors import RateLimitedError, TielineError
from tieline.core.facts import CallFact
from tieline.core.flow import Flow
from tieline.engine.access import Run, at_once
from tieline.engine.effects import reasons
from tieline.engine.effects.recovery import recovery
from tieline.engine.events import fold
from tieline.engine.ports import BackfillRow, BackfillStore, Fetched
from tieline.engine.times import backoff, iso, seconds
from tieline.sdk.contract import History

log = logging.getLogger(__name__)

FIRST_STRETCH_S = 6 * 3600.0
SHORTEST_S, LONGEST_S = 900.0, 7 * 86400.0
FEW_PAGES, MANY_PAGES = 1, 6
"""A stretch of so few pages is followed by one twice as long; of so many, by one half as long."""
MOST_TRIES = 12
"""Failures in a row before it is given up: about two hours."""

Flows = Mapping[str, tuple[Flow, Any]]
"""The flows that a source feeds, with their settings: they say what is news."""


@dataclass(slots=True)
class Page:
    """What a page of a list comes to. `listed`: calls in it; `news`: those that it says something new of."""

    listed: int = 0
    news: list[Fetched] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Calls that nobody had told of."""
        return sum(one.is_missing for one in self.news)


def by_call(facts: Sequence[CallFact]) -> dict[str, list[dict[str, Any]]]:
    """The facts of a page as JSON, by call."""
    calls: dict[str, list[dict[str, Any]]] = {}
    for fact in facts:
        if fact.call_key:
            calls.setdefault(fact.call_key, []).append(fact.to_json())
    return calls


def news(
    calls: Mapping[str, Sequence[Mapping[str, Any]]],
    known: Mapping[str, Mapping[str, Mapping[str, Any]]],
    flows: Flows,
    now: str,
) -> Page:
    """What is new in the calls of a page, by what each flow makes of them."""
    page = Page(len(calls))
    for key, facts in calls.items():
        missing = not any(key in subjects for subjects in known.values())
        if missing or _changes(key, facts, known, flows, now):
            page.news.append(Fetched(key, _event_key(key, facts), facts, missing))
    return page


def _changes(
    key: str,
    facts: Sequence[Mapping[str, Any]],
    known: Mapping[str, Mapping[str, Mapping[str, Any]]],
    flows: Flows,
    now: str,
) -> bool:
    for name, (flow, settings) in flows.items():
        subject = known.get(name, {}).get(key)
        if subject is None:
            return True
        try:
            said = [fold.fact(CallFact(**one), now, listed=True) for one in facts]
            if flow.fold(subject, said, settings).changed:
                return True
        except Exception as error:  # noqa: BLE001  what cannot be folded is kept: the drain refuses it and says so
            log.warning("a listed call cannot be compared: %s", type(error).__name__)
            return True
    return False


def _event_key(key: str, facts: Sequence[Mapping[str, Any]]) -> str:
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True)
    return f"list|{key}|{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"


class Backfill:
    """One back-fill, from where its cursor stands."""

    def __init__(
        self,
        row: BackfillRow,
        history: History,
        store: BackfillStore,
        flows: Flows,
        *,
        clock: Callable[[], float],
        chance: Callable[[], float],
        run: Run = at_once,
    ) -> None:
        self._row = row
        self._history = history
        self._store = store
        self._flows = flows
        self._clock = clock
        self._chance = chance
        self._run = run
        self._attempts = row.attempts

    async def work(self) -> None:
        """Reads the list to its end, or until it is stopped or put off."""
        try:
            if await self._read():
                await self._run(lambda: self._store.finish(None))
        except TielineError as error:
            await self._after(error)
        except Exception as error:  # noqa: BLE001  a connector's mistake ends its back-fill, not the worker
            log.warning("the calls of connection %s cannot be listed: %s", self._row.source, type(error).__name__)
            said = reasons.of_error(error)
            await self._run(lambda: self._store.finish(said))

    async def _read(self) -> bool:
        at, end = math.floor(seconds(self._row.reached)), math.ceil(seconds(self._row.until))
        stretch = FIRST_STRETCH_S
        while at < end:
            to = int(min(at + stretch, end))
            pages = await self._stretch(at, to)
            if pages is None:
                return False
            at = to
            if pages <= FEW_PAGES:
                stretch = min(stretch * 2, LONGEST_S)
            elif pages >= MANY_PAGES:
                stretch = max(stretch / 2, SHORTEST_S)
        return True

    async def _stretch(self, at: int, to: int) -> int | None:
        """How many pages it had; None where it was stopped. The last page is held back so that the cursor goes with it."""
        pages = 0
        held: Sequence[CallFact] = ()
        listed = self._history.list_since(_vendor_time(at), _vendor_time(to))
        try:
            async for page in listed:
                if pages and not await self._save(held, None):
                    return None
                held = page
                pages += 1
        finally:
            await _close(listed)
        return pages if await self._save(held, iso(to)) else None

    async def _save(self, facts: Sequence[CallFact], reached: str | None) -> bool:
        calls = by_call(facts)
        known = await self._run(lambda: self._store.known(list(calls))) if calls else {}
        page = news(calls, known, self._flows, iso(self._clock()))
        kept = await self._run(lambda: self._store.save_page(page.news, page.listed, reached))
        self._attempts = 0
        return kept

    async def _after(self, error: TielineError) -> None:
        said = reasons.of_error(error)
        now = self._clock()
        if isinstance(error, RateLimitedError):
            wait = error.wait_s if error.wait_s is not None else backoff(self._attempts + 1, self._chance())
            until = iso(now + wait)
            await self._run(lambda: self._store.put_off(until, self._attempts, said))
            return
        self._attempts += 1
        if recovery(error).read == "retry" and self._attempts < MOST_TRIES:
            later = iso(now + backoff(self._attempts, self._chance()))
            await self._run(lambda: self._store.put_off(later, self._attempts, said))
            return
        await self._run(lambda: self._store.finish(said))


def _vendor_time(at: int) -> str:
    """Whole seconds, as every vendor takes them."""
    return iso(at)[:19] + "Z"


async def _close(listed: AsyncIterator[Any]) -> None:
    close = getattr(listed, "aclose", None)
    if close is not None:
        await close()
