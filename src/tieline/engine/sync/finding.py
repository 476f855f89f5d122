"""Partners for records that are linked with nothing: rule by rule, one look-up each for a whole batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tieline.core.plan import Find
from tieline.core.record import Record
from tieline.engine.access import Run
from tieline.engine.sync.customers import Customers
from tieline.engine.sync.parents import Parents
from tieline.engine.sync.ports import LinkRow, SyncStore
from tieline.engine.sync.rows import id_of
from tieline.engine.sync.sides import End
from tieline.sdk.contract import VendorRecord


async def partners(
    customers: Customers,
    store: SyncStore,
    run: Run,
    across: End,
    parents: Parents,
    role: str,
    wanted: Sequence[tuple[str, Sequence[Sequence[Find]]]],
    taken: dict[str, list[LinkRow]] | None = None,
) -> dict[str, list[Record]]:
    """id → records of the side `across` that a look-up gave for it and that are linked with nothing. wanted: (id, its look-ups, rule
    by rule).

    A rule is asked for those that the rules before it gave nothing. What is found is confirmed by its own look-ups: a record
    stands for those whose value of the same rule it has too. So a vendor's loose search brings nothing in.

    taken: gets, by id, the links of those that would have been found and are linked already.
    """
    out: dict[str, list[Record]] = {}
    linked: set[str] = set()
    shape, side = across.shape(role), across.side
    for number in range(max((len(rules) for _, rules in wanted), default=0)):
        asked: dict[str, dict[str, None]] = {}
        askers: dict[str, list[str]] = {}
        for id, rules in wanted:
            for find in rules[number] if id not in out and number < len(rules) else ():
                asked.setdefault(find.by, {})[find.value] = None
                askers.setdefault(find.value, []).append(id)
        found: dict[str, VendorRecord] = {}
        for by, values in asked.items():
            found.update((one.id, one) for one in await across.find(role, by, list(values)))
        fresh = [id for id in found if id not in linked]
        if fresh:
            rows = await run(lambda fresh=fresh: store.links(role, side, fresh))  # type: ignore[misc]
            linked.update(id_of(row, side) for row in rows)
            if taken is not None:
                for row in rows:
                    record = shape.record(found[id_of(row, side)])
                    for asker in _askers(askers, _own(customers.finds(role, side, record), number)):
                        taken.setdefault(asker, []).append(row)
        free = [one for id, one in found.items() if id not in linked]
        await parents.load(shape, side, free)
        for vendor in free:
            record = parents.record(shape, side, vendor)
            for asker in _askers(askers, _own(customers.finds(role, side, record), number)):
                mine = out.setdefault(asker, [])
                if all(one.id != record.id for one in mine):
                    mine.append(record)
    return out


def _own(rules: Sequence[Sequence[Find]], number: int) -> Sequence[Find]:
    return rules[number] if number < len(rules) else ()


def _askers(askers: Mapping[str, Sequence[str]], finds: Sequence[Find]) -> list[str]:
    """Who looked for one of these values."""
    return list(dict.fromkeys(asker for find in finds for asker in askers.get(find.value, ())))
