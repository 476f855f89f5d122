"""A batch of events into the store: folded together, or one by one where something among them cannot be kept."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tieline.engine.access import Run
from tieline.engine.effects import reasons
from tieline.engine.events import fold
from tieline.engine.events.decide import Rules
from tieline.engine.events.lookup import why_failed
from tieline.engine.ports import EventRow, NotStorable, Store
from tieline.sdk.contract import Events

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Folding:
    """Where events come from and go to. `sources`: connection → its events; `settle` → how long it may go on talking of a
    subject after its end (seconds). `live`: whether subjects that arrive now may be written (False: watch mode)."""

    store: Store
    run: Run
    rules: Rules
    sources: Mapping[int, Events]
    settle: Mapping[int, float]
    live: bool

    async def fold(self, events: Sequence[EventRow], now: str) -> None:
        """Folds a batch. One with something in it that cannot be kept is folded event by event: only the culprit is refused."""
        flow, store = self.rules.flow, self.store
        parsed = fold.parse(events, self.sources, self.settle)
        keys = list(parsed.facts)
        stored = await self.run(lambda: store.subjects(flow.name, keys)) if keys else []
        by_key = {(row.source, row.key): row for row in stored}
        changes = fold.fold(parsed, by_key, flow, self.rules.settings, live=self.live, now=now)
        ids = [event.id for event in events]
        try:
            await self.run(lambda: store.save_folded(changes.subjects, ids, changes.links, changes.refused))
        except NotStorable as error:
            if len(events) > 1:
                for event in events:
                    await self.fold([event], now)
                return
            log.warning("event %s of connection %s cannot be kept", events[0].id, events[0].source)
            refused = {events[0].id: reasons.reason(reasons.NOT_FOLDED, error=why_failed(error))}
            await self.run(lambda: store.save_folded([], ids, [], refused))
