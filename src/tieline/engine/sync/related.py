"""Records of the CRM beside those of a batch that deciding looks at: what may make a customer active (its deals), and of a contact
person its customer, which bears the mark. A look-up each for a whole batch, and none where no rule asks."""

from __future__ import annotations

from collections.abc import Collection

from tieline.core.pairing import Joined, Side
from tieline.core.record import Record
from tieline.engine.sync.items import Item, Pair
from tieline.engine.sync.parents import Parents
from tieline.engine.sync.sides import CRM, watched_name


async def read_beside(pair: Pair, role: str, parents: Parents, items: Collection[Item]) -> None:
    """Gives each what deciding about it needs."""
    await _active(pair, role, items)
    await _parents(pair, role, parents, items)


async def _active(pair: Pair, role: str, items: Collection[Item]) -> None:
    if all(one.to != role for one in pair.customers.watched):
        return
    asked: dict[tuple[str, str], dict[str, list[Item]]] = {}
    for item in items:
        record = item.left
        if item.link is not None or item.mate is not None or record is None or item.related is not None:
            continue
        for find in pair.customers.related_finds(role, record, item.heard):
            asked.setdefault((watched_name(find.role), find.by), {}).setdefault(find.value, []).append(item)
    end = pair.ends[CRM]
    for (feed, by), askers in asked.items():
        shape = end.shape(feed)
        for vendor in await end.find(feed, by, list(askers)):
            found = shape.record(vendor)
            for item in askers.get(str(found.get(by) or ""), ()):
                item.related = (*(item.related or ()), found)


async def _parents(pair: Pair, role: str, parents: Parents, items: Collection[Item]) -> None:
    if not pair.customers.parent_fields(role):
        return
    wanted: dict[str, dict[str, list[Item]]] = {}
    for item in items:
        found = _parent(pair, role, parents, item)
        if found is not None:
            wanted.setdefault(found[0], {}).setdefault(found[1], []).append(item)
    end = pair.ends[CRM]
    for parent, askers in wanted.items():
        there = await end.fetch(parent, list(askers))
        for id, vendor in there.items():
            for item in askers[id]:
                item.parent = end.shape(parent).record(vendor)


def _parent(pair: Pair, role: str, parents: Parents, item: Item) -> tuple[str, str] | None:
    """(role, id in the CRM) of what this one belongs to, by either of its records."""
    sides: tuple[tuple[Side, Record | None], ...] = (("left", item.left), ("right", item.right))
    for side, record in sides:
        if record is None:
            continue
        for name, parent in pair.ends[side].shape(role).links.items():
            value = record.get(name)
            id = parents.crm_id(value) if isinstance(value, Joined) else None
            if id:
                return parent, id
    return None
