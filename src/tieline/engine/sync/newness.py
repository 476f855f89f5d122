"""Whether a record that is linked with nothing is new, or was there before the pair was and has only been edited (CUST-2).

A feed says that a record changed, and so do most deliveries. Where the vendor tells when a record was made, that counts: before its
feed was first read, it is old. Where it does not, the first reading keeps the id of each record that is linked with nothing: what is
not among them came later.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from tieline.core.pairing import Side
from tieline.engine.sync.items import Item, Pair, Pass
from tieline.engine.sync.sides import CREATED_AT
from tieline.engine.times import seconds

SKEW_S = 120.0
"""The vendor's clock and ours may be so far apart."""
DAY_S, DATE_LENGTH = 86400.0, 10
"""A vendor that tells only the day: the day on which the feed was first read is new."""


async def tell_new(run: Pass, role: str, items: Collection[Item]) -> None:
    """Says of each that a feed or a delivery named whether it is new ("created") or was edited ("changed"). items: of one side. One
    query where the vendor does not tell."""
    if (run.run.kind, run.run.options.get("of")) not in {("changes", None), ("preview", "changes")}:
        return
    unknown: list[Item] = []
    for item in items:
        if item.link is not None or item.vendor is None or item.told.event not in {"created", "changed"}:
            continue
        made = _made_at(run.pair, role, item)
        if made is None:
            unknown.append(item)
        else:
            _is(item, new=made >= run.since.get((item.side, role), run.pair.clock()) - SKEW_S)
    if unknown:
        store, side, ids = run.pair.store, unknown[0].side, [item.id for item in unknown]
        old = await run.pair.run(lambda: store.old(role, side, ids))
        for item in unknown:
            _is(item, new=item.id not in old)


async def made_since(run: Pass, role: str, items: Sequence[Item]) -> list[Item]:
    """Of a first reading, those of these, linked with nothing, that were made since it began, by the vendor's word. The others were
    there before, as is kept where the vendor does not tell."""
    if not items:
        return []
    side, store = items[0].side, run.pair.store
    if run.pair.ends[side].shape(role).vendor.get(CREATED_AT) is None:
        ids = [item.id for item in items if item.vendor is not None]
        await run.pair.run(lambda: store.keep_old(role, side, ids))
        return []
    since = run.since[side, role]  # whoever was made just before is old: no time is allowed here for clocks that differ
    return [item for item in items if (made := _made_at(run.pair, role, item)) is not None and made > since]


async def keep_renumbered(pair: Pair, role: str, side: Side, moved: Mapping[str, str]) -> None:
    """Records that were there before, linked with nothing, and have another id now: they are no newer."""
    if moved:
        old = await pair.run(lambda: pair.store.old(role, side, list(moved)))
        if old:
            await pair.run(lambda: pair.store.keep_old(role, side, [moved[id] for id in old]))


def _is(item: Item, *, new: bool) -> None:
    item.told = replace(item.told, event="created" if new else "changed")


def _made_at(pair: Pair, role: str, item: Item) -> float | None:
    """When a record was made, in seconds; of a day its end. None where the vendor does not tell."""
    name = pair.ends[item.side].shape(role).vendor.get(CREATED_AT)
    value = item.vendor.fields.get(name) if item.vendor is not None and name is not None else None
    if not isinstance(value, str) or not value:
        return None
    try:
        return seconds(value) + (DAY_S if len(value) <= DATE_LENGTH else 0.0)
    except ValueError:
        return None
