"""The bulk first match of a reconciliation (its option `match`): what is linked with nothing on either side is compared as two
whole lists, and likely pairs become questions. Nothing is linked, and nothing is asked of the vendors beyond what is read anyway.

The lists are kept in memory while both sides are gone through. A run that goes on after a crash or a pause has them no more: what
it has not read itself from beginning to end is read anew, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from tieline.core.linkage import features_of
from tieline.core.match import FURTHER
from tieline.core.pairing import SIDES, Candidate, Side, Told
from tieline.core.reasons import because
from tieline.core.record import Record
from tieline.engine.effects.reasons import reason
from tieline.engine.sync import reasons
from tieline.engine.sync.batch import Batch
from tieline.engine.sync.batching import settle
from tieline.engine.sync.came import Came
from tieline.engine.sync.items import Item, Pass, name_of, waiting_row
from tieline.engine.sync.ports import AskedRow
from tieline.engine.sync.runs import ahead, is_paused
from tieline.engine.sync.settling import plain_candidate

MOST: Final = 50_000
"""Records of a side that are compared. With more, nothing is proposed: of a part of a list, a pair that looks like the only one may
not be."""
QUESTIONS: Final = 500
"""Kept together."""
CROWDED: Final = "crowded"
"""In the run's position: the first role that has too many."""
_NAMES: Final = ("name", "first_name", "last_name")


class Likely:
    """The records of a role that are linked with nothing and may be linked, as far as they were read."""

    def __init__(self, this: Pass, role: str) -> None:
        self._pass = this
        self._role = role
        self._records: dict[Side, dict[str, Record]] = {"left": {}, "right": {}}
        self._whole: set[Side] = set()
        self._crowded = False
        lines = this.pair.customers.lines(role)
        compared = {one.name for one in features_of(lines)} | {one.name for one in lines if one.kind == "link"}
        self._fields: dict[Side, frozenset[str]] = {}
        for side in SIDES:
            names = {line.field_of(side) for line in lines if line.name in compared}
            self._fields[side] = frozenset({*names, *(FURTHER + name for name in names), *_NAMES})

    async def keep(self, side: Side, items: Sequence[Item]) -> None:
        """Takes in records of a page, decided: those that have no partner by any rule, and that nothing keeps from having one."""
        mine = self._records[side]
        free = [one.record for one in items if one.record is not None and one.plan.status == "missing"]
        if self._crowded or not free:
            return
        pair, ids = self._pass.pair, [one.id for one in free]
        spoken = await pair.run(lambda: pair.store.spoken_for(self._role, side, ids))
        for one in free:
            if one.id not in spoken:
                fields = {name: value for name, value in one.fields.items() if name in self._fields[side]}
                mine[one.id] = Record(one.role, one.id, fields, None)
        if len(mine) > MOST:
            self._crowded = True
            self._records = {"left": {}, "right": {}}

    def ended(self, side: Side) -> None:
        """The side was read from its beginning to its end."""
        self._whole.add(side)

    async def propose(self) -> None:
        """Asks about what is likely. The run stands where it stood if it was paused meanwhile."""
        this, pair = self._pass, self._pass.pair
        for side in SIDES:
            if side not in self._whole and not self._crowded and not await self._read(side):
                return
        if self._crowded:
            this.run.position.setdefault(CROWDED, self._role)
            return
        left, right = (list(self._records[side].values()) for side in SIDES)
        # as long as both lists are: not where everything else of this process waits for it
        found = await asyncio.to_thread(pair.customers.likely, self._role, left, right)
        asked = [self._question(self._records["left"][id], those) for id, those in found.items()]
        for at in range(0, len(asked), QUESTIONS):
            came = Came()
            for item, row in asked[at : at + QUESTIONS]:
                came.asked.append(row)
                came.wait(waiting_row(self._role, item, None, row.reason, state="asked"))
            this.count("asked", len(came.asked))
            await settle(this, came.settled())

    async def _read(self, side: Side) -> bool:
        """Reads a side anew, for its lists only: everything else was said of it before. False: a person has paused the run."""
        self._records[side] = {}
        async with aclosing(ahead(self._pass.pair.ends[side].pull(self._role, None))) as pages:
            async for page in pages:
                given = [Item(side, one.id, Told(event="look", by=side), one, fresh=True) for one in page.records]
                await self.keep(side, await Batch(self._pass, self._role, side).alone(given))
                if await is_paused(self._pass):
                    return False
                if self._crowded:
                    break
        self.ended(side)
        return True

    def _question(self, record: Record, those: Sequence[Candidate]) -> tuple[Item, AskedRow]:
        item = Item("left", record.id, Told(by="left"), record=record)
        best = max(round(one.score * 100) for one in those)
        said = because(reasons.LIKELY, count=len(those), percent=min(max(best, 1), 99)).to_json()
        options = [plain_candidate(one) for one in those]
        return item, AskedRow("match", self._role, "left", record.id, said, options, "", name_of(record))


def said_at_the_end(this: Pass) -> None:
    """What a run that did everything else has to say of this."""
    role = this.run.position.get(CROWDED)
    if role is not None:
        this.said = reason(reasons.TOO_MANY, role=role, most=MOST)
