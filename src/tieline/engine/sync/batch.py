"""A batch: records of one role and side, from being read to what shall happen with each.

One query for their links, one for their parents'; the other side is read only for those that differ from their own part of the
base, and searched only for those that are linked with nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tieline.core.pairing import LEFT, RIGHT, Joined, Side, Told, other
from tieline.core.record import Record
from tieline.engine.effects.reasons import reason
from tieline.engine.sync import reasons
from tieline.engine.sync.finding import partners
from tieline.engine.sync.items import Item, Pass, waiting_row
from tieline.engine.sync.newness import tell_new
from tieline.engine.sync.parents import Parents
from tieline.engine.sync.ports import LinkRow, SyncOperation, WaitingRow
from tieline.engine.sync.related import read_beside
from tieline.engine.sync.rows import chosen, digest_of, id_of, view
from tieline.engine.sync.undecided import left_alone
from tieline.engine.times import seconds
from tieline.sdk.contract import VendorRecord

RECENT_S = 60.0
"""A record that was written so lately is read again by id before what a feed says of it counts: the page may be older."""
AT_REST = {"linked"}
"""Links of which nothing is to be done while their record is as it was."""


class Batch:
    """Works out what shall happen with each record. `waits`: those that cannot be looked at now; `quiet`: nothing happened. It
    reads the run and changes nothing of it."""

    def __init__(self, run: Pass, role: str, side: Side) -> None:
        self._pass = run
        self._pair = run.pair
        self.role = role
        self.side: Side = side
        self.across: Side = other(side)
        self.parents = Parents(run.pair.store, run.pair.run, run.planned)
        self.quiet: list[Item] = []
        self.waits: list[WaitingRow] = []
        self.adopted: list[tuple[SyncOperation, VendorRecord]] = []
        self.counts: Counter[str] = Counter()
        """What it came to, for the run once it is kept."""
        self._taken: dict[str, list[LinkRow]] = {}
        """id → links of what it would have been linked with."""
        self._claimed: dict[str, str] = {}
        """id → what a person chose for it, where that is linked with another one."""
        self._own = run.pair.ends[side]
        self._other = run.pair.ends[self.across]

    async def decide(self, given: Sequence[Item]) -> list[Item]:
        """Those of them with something to say, decided."""
        items = await self._linked(given)
        await self._parents_of(self.side, [item.vendor for item in items if item.vendor is not None])
        items = self._free(items)
        moved = [item for item in items if not self._is_echo(item)]
        await self._read(moved)
        moved = [item for item in moved if not self._is_echo(item)]
        await self._search(moved)
        moved = await self._not_successors(self._certain(moved))
        await self._beside(moved)
        decided = [item for item in moved if self._decided(item)]
        decided = await left_alone(self._pass, self.role, self.side, decided, self.waits, self.counts)
        # a page may be older than what a person has typed since; where the vendor does not see to that, it is read again first
        blind = [item for item in decided if self._writes_over_a_page(item)]
        if not blind:
            return decided
        ids = {item.id for item in blind}
        again = [Item(item.side, item.id, item.told, row=item.row, approved=item.approved) for item in blind]
        return [item for item in decided if item.id not in ids] + await self.decide(again)

    def _writes_over_a_page(self, item: Item) -> bool:
        if item.fresh or self._pass.dry or self._own.access.capabilities.conditional_write:
            return False
        return any(write.side == self.side and write.verb != "create" for write in item.plan.writes)

    async def alone(self, given: Sequence[Item]) -> list[Item]:
        """Those of them that are linked with nothing, decided; the others are none of this."""
        items = [item for item in await self._linked(given) if item.link is None]
        vendors = [item.vendor for item in items if item.vendor is not None]
        await self._parents_of(self.side, vendors)
        for item in items:
            item.record = self._record(self.side, item.vendor)
        await self._search(items)
        await self._beside(items)
        return [item for item in items if self._decided(item)]

    # -- what is known of them -----------------------------------------------------------------------------------------

    async def _linked(self, given: Sequence[Item]) -> list[Item]:
        """With their links; of two that are one customer the first, which hears what the other was told."""
        ids = list(dict.fromkeys(item.id for item in given))
        rows = await self._pair.run(lambda: self._pair.store.links(self.role, self.side, ids)) if ids else []
        links = {id_of(row, self.side): row for row in rows}
        items: dict[str, Item] = {}
        for item in given:
            item.link = links.get(item.id)
            first = items.setdefault(item.id, item)
            if first is not item:
                # of a feed: the later one counts; told of as gone too, it is read by id
                first.vendor = item.vendor if first.vendor is not None else None
        return list(items.values())

    async def _parents_of(self, side: Side, records: Sequence[VendorRecord]) -> None:
        await self.parents.load(self._pair.ends[side].shape(self.role), side, records)

    def _free(self, items: Sequence[Item]) -> list[Item]:
        """Those that no unsettled write of an earlier batch stands in the way of. What such a create left is `adopted`."""
        run = self._pass
        made = run.made.get((self.role, self.side))
        if not run.busy and made is None:
            return list(items)
        origin = self._own.shape(self.role).origin if self._own.access.searchable(self.role) else ""
        out: list[Item] = []
        for item in items:
            until = run.busy.get((self.role, self.side, item.id))
            if item.link is not None:
                until = until or run.busy.get((self.role, item.link.key))
            elif made is not None and origin and item.vendor is not None:
                create = run.lost.get(str(item.vendor.fields.get(origin) or ""))
                if create is not None:
                    self.adopted.append((create, item.vendor))
                    self.quiet.append(item)
                    continue
            elif made is not None:
                until = until or made
            if until is None:
                out.append(item)
            else:
                self.waits.append(waiting_row(self.role, item, until, reason(reasons.BUSY)))
        return out

    def _is_echo(self, item: Item) -> bool:
        """Whether it is as it was when both sides last agreed, so that nothing is to be done."""
        link, vendor, told = item.link, item.vendor, item.told
        again = (
            link is not None and link.state == "pending" and told == Told(event="deleted", by=link.pending or self.side)
        )
        if again and item.row is None and not item.approved:  # it is known, and waits or was asked about
            self.quiet.append(item)
            return True
        if link is None or told.event in {"deleted", "look"} or told.choices or told.deletion or item.approved:
            return False
        if link.state == "stopped" and not told.create and told.partner is None:
            self.quiet.append(item)
            self.counts["excluded"] += 1
            return True
        # what is open, or what a person wants looked at, may be on the other side
        retried = self._pass.run.kind == "asked" or (
            item.row is not None and (item.row.why is not None or item.row.told == {})
        )
        if vendor is None or link.state not in AT_REST or told.partner is not None or retried:
            return False
        if not self.is_base(self.side, vendor, link):
            return False
        self.quiet.append(item)
        self.counts["same"] += 1
        return True

    def is_base(self, side: Side, vendor: VendorRecord, link: LinkRow) -> bool:
        """Whether a record of a side is what the base says of it."""
        shape, base, fields = self._pair.ends[side].shape(self.role), link.base, vendor.fields
        place = self._pair.ends[side].place
        for line, name, parent in shape.lines:
            known = base.get(line)
            if known is None:
                if line in shape.led:
                    continue
                return False
            value = fields.get(shape.vendor[name])
            if parent:
                if not self.parents.is_base(parent, side, value, known[place]):
                    return False
            elif value != known[place] and (value or known[place]):
                return False
        return True

    # -- reading -------------------------------------------------------------------------------------------------------

    async def _read(self, items: Sequence[Item]) -> None:
        """Their counterparts, and themselves where what came in may be older than what stands there."""
        own = [item.id for item in items if self._is_to_be_read(item)]
        mates: list[str] = []
        for item in items:
            partner = item.told.partner or ""
            mate = id_of(item.link, self.across) if item.link is not None else partner
            if mate:
                mates.append(mate)
        mine, theirs = await asyncio.gather(self._own.fetch(self.role, own), self._other.fetch(self.role, mates))
        await self._parents_of(self.side, list(mine.values()))
        await self._parents_of(self.across, list(theirs.values()))
        await self._chosen(items)
        read = set(own)
        for item in items:
            if item.id in read:
                item.vendor, item.fresh = mine.get(item.id), True
            mate = id_of(item.link, self.across) if item.link is not None else item.told.partner or ""
            item.record = self._record(self.side, item.vendor)
            item.mate = self._record(self.across, theirs.get(mate)) if mate else None
            if item.row is not None and item.told.choices:
                item.told = chosen(item.row.told, item.told, self._values(item))

    async def _chosen(self, items: Sequence[Item]) -> None:
        """Partners that persons chose and that were linked with another one meanwhile, or all along: of these two nothing is merged.
        One query, and only where somebody chose."""
        wanted = {item.id: item.told.partner for item in items if item.link is None and item.told.partner}
        if not wanted:
            return
        ids = list(dict.fromkeys(wanted.values()))
        rows = await self._pair.run(lambda: self._pair.store.links(self.role, self.across, ids))
        taken = {id_of(row, self.across) for row in rows}
        self._claimed.update((id, partner) for id, partner in wanted.items() if partner in taken)

    def _values(self, item: Item) -> dict[str, list[Any]]:
        """Line → what both sides hold."""
        return {
            line.name: [
                one.get(line.field_of(side))
                for side, one in ((LEFT, item.left), (RIGHT, item.right))
                if one is not None
            ]
            for line in self._pair.customers.lines(self.role)
        }

    def _is_to_be_read(self, item: Item) -> bool:
        if item.fresh:
            return False
        if item.vendor is None:
            return True
        link = item.link
        if link is None:
            return False
        if link.agreed_at is None:
            return True
        lag = RECENT_S + self._own.access.capabilities.search_lag_s
        return self._pair.clock() - seconds(link.agreed_at) < lag

    def _record(self, side: Side, vendor: VendorRecord | None) -> Record | None:
        return None if vendor is None else self.parents.record(self._pair.ends[side].shape(self.role), side, vendor)

    async def _search(self, items: Sequence[Item]) -> None:
        """Partners of those that are linked with nothing, successors of those whose linked record is gone."""
        pair, role = self._pair, self.role
        alone = [one for one in items if one.link is None and one.record is not None and one.told.partner is None]
        if alone:
            wanted = [(one.id, pair.customers.finds(role, self.side, one.record)) for one in alone if one.record]
            found = await partners(
                pair.customers, pair.store, pair.run, self._other, self.parents, role, wanted, self._taken
            )
            for item in alone:
                item.found = found.get(item.id, [])
        for end, own in ((self._own, True), (self._other, False)):
            gone = [one for one in items if one.link is not None and _is_gone(one, own=own)]
            if gone:
                wanted = [
                    (one.id, pair.customers.successor_finds(role, end.side, view(one.link))) for one in gone if one.link
                ]
                found = await partners(pair.customers, pair.store, pair.run, end, self.parents, role, wanted)
                for item in gone:
                    item.found = found.get(item.id, [])

    def _certain(self, items: Sequence[Item]) -> list[Item]:
        """Without those that would be linked with what a create that nobody knows of may have made for another one, or was made from."""
        run, role, across = self._pass, self.role, self.across
        if not run.made and not run.busy:
            return list(items)
        out: list[Item] = []
        for item in items:
            found = item.found if item.link is None else ()
            untils = [run.busy.get((role, across, one.id)) or run.made.get((role, across)) for one in found]
            until = max((one for one in untils if one is not None), default=None)
            if until is None:
                out.append(item)
            else:
                self.waits.append(waiting_row(role, item, until, reason(reasons.BUSY)))
        return out

    async def _not_successors(self, items: Sequence[Item]) -> list[Item]:
        """Without those whose counterpart is linked with a record that is not there any more: it has another number now, or was
        merged into this one. The link is looked at first, and moves; else there would be two of the same across."""
        taken = {
            item.id: self._taken[item.id]
            for item in items
            if item.id in self._taken and item.link is None and not item.found and not _is_told(item.told)
        }
        if not taken:
            return list(items)
        there = await self._own.fetch(self.role, [id_of(row, self.side) for rows in taken.values() for row in rows])
        out: list[Item] = []
        for item in items:
            gone = next((row for row in taken.get(item.id, ()) if id_of(row, self.side) not in there), None)
            if gone is None:
                out.append(item)
                continue
            id, now = id_of(gone, self.side), self._pair.now()
            said = reason(reasons.CLAIMED, id=id_of(gone, self.across))
            # a person is asked, or its time has not come; or one said that what is there stays by itself
            if gone.state in {"pending", "stopped"}:
                row = waiting_row(self.role, item, None, said)
                row.waits_for = [self.role, self.side, id]
                self.waits.append(row)
                continue
            hint = Item(self.side, id, Told(event="deleted", by=self.side))
            self.waits.append(waiting_row(self.role, hint, now, reason(reasons.NOT_THERE)))
            self.waits.append(waiting_row(self.role, item, now, said))
        return out

    # -- deciding ------------------------------------------------------------------------------------------------------

    def _decided(self, item: Item) -> bool:
        """Asks the flow. False: there is nothing to decide, or it cannot be decided."""
        if item.record is None and item.link is None:
            self.quiet.append(item)
            return False
        if item.id in self._claimed:
            said = reason(reasons.CLAIMED, id=self._claimed[item.id])
            over = Told(event=item.told.event, by=item.told.by)
            self.waits.append(waiting_row(self.role, item, None, said, told=over))
            return False
        told = item.heard
        link = view(item.link) if item.link is not None else None
        try:
            item.decision = self._pair.customers.decide(
                self.role,
                item.left,
                item.right,
                link,
                told,
                tuple(item.found),
                related=item.related or (),
                parent=item.parent,
                parent_stopped=self.parents.are_stopped(item.left, item.right),
            )
        except Exception as error:  # noqa: BLE001  one record that cannot be decided stops no other
            self.counts["failed"] += 1
            said = reason(reasons.DECIDE_FAILED, error=type(error).__name__)
            self.waits.append(waiting_row(self.role, item, None, said))
            return False
        if item.mate is None and item.decision.matched is not None:
            item.mate = item.decision.matched.record
        item.digest = digest_of(item.decision, self._name)
        return True

    def _told(self, item: Item) -> Told:
        """With what the run says of all that are linked with nothing."""
        told = item.told
        if self._pass.create and item.link is None and told.partner is None and not told.create:
            told = replace(told, create=True)
        if self._pass.mark is not None and item.link is None and told.mark is None:
            told = replace(told, mark=self._pass.mark)
        return told

    async def _beside(self, items: Sequence[Item]) -> None:
        await tell_new(self._pass, self.role, items)
        for item in items:
            item.heard = self._told(item)
        await read_beside(self._pair, self.role, self.parents, items)

    def _name(self, value: Joined) -> str:
        return self.parents.name(self.side, value)


def _is_told(told: Told) -> bool:
    """Whether a person has said what to do with it."""
    return bool(told.partner is not None or told.deletion is not None or told.choices)


def _is_gone(item: Item, *, own: bool) -> bool:
    """Whether just this one of its records is gone."""
    here, there = (item.record, item.mate) if own else (item.mate, item.record)
    return here is None and there is not None
