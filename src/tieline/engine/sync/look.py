"""A look for a customer's page: both records as they are now, within two seconds, and what the flow says of them. Nothing is written
or kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

from tieline.core.errors import TielineError
from tieline.core.pairing import Decision, Side, Told, other
from tieline.core.record import Record
from tieline.engine.effects.reasons import of_error
from tieline.engine.look import LIMIT_S, TIMEOUT
from tieline.engine.sync.finding import partners
from tieline.engine.sync.items import Item, Pair
from tieline.engine.sync.parents import Parents
from tieline.engine.sync.ports import LinkRow
from tieline.engine.sync.related import read_beside
from tieline.engine.sync.rows import id_of, seen, view
from tieline.engine.sync.sides import CRM
from tieline.sdk.contract import VendorRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """What a look came to.

    decision     with event "look": status, lines, candidates, what it waits for. Status "unreachable": see `unreachable`
    left, right  the records; None where there is none, or where it could not be read
    seen         digest of both, to be given back with a person's word ("seen" of an `asked` run)
    unreachable  side → why it could not be read (a Reason as JSON)
    """

    decision: Decision
    left: Record | None
    right: Record | None
    link: LinkRow | None
    seen: str
    unreachable: dict[Side, dict[str, Any]] = field(default_factory=dict)


async def _failure(side: Side, work: Awaitable[None], limit_s: float) -> dict[str, Any] | None:
    """Why a side could not be read in this time; None: it could."""
    try:
        async with asyncio.timeout(limit_s):
            await work
    except TimeoutError:
        return dict(TIMEOUT)
    except TielineError as error:
        return of_error(error)
    except Exception as error:  # noqa: BLE001  what answered is odd: that is a state of this look, and no reason to show none
        log.warning("a look stumbled over what the %s side answered (%s)", side, type(error).__name__)
        return of_error(error)
    return None


async def look_at(pair: Pair, role: str, side: Side, id: str, limit_s: float = LIMIT_S) -> Look:
    rows = await pair.run(lambda: pair.store.links(role, side, [id]))
    link = rows[0] if rows else None
    across = other(side)
    sides: dict[Side, str] = {side: id}
    if link is not None:
        sides[across] = id_of(link, across)
    found: dict[Side, VendorRecord | None] = {}
    failed: dict[Side, dict[str, Any]] = {}

    async def within(one: Side, work: Awaitable[None]) -> None:
        why = await _failure(one, work, limit_s)
        if why is not None:
            failed[one] = why

    async def read(one: Side, its: str) -> None:
        found[one] = (await pair.ends[one].fetch(role, [its])).get(its)

    await asyncio.gather(*(within(one, read(one, its)) for one, its in sides.items()))
    parents = Parents(pair.store, pair.run)
    records: dict[Side, Record | None] = {"left": None, "right": None}
    for one, vendor in found.items():
        if vendor is not None:
            shape = pair.ends[one].shape(role)
            await parents.load(shape, one, [vendor])
            records[one] = parents.record(shape, one, vendor)
    lines = pair.customers.lines(role)
    digest = seen(lines, records["left"], records["right"])
    own, told = records[side], Told(event="look", by=side)
    item = Item(side, id, told, link=link, record=own, mate=records[across], heard=told)
    if not failed:

        async def search() -> None:
            if link is None and own is not None:
                wanted = [(id, pair.customers.finds(role, side, own))]
                there = await partners(pair.customers, pair.store, pair.run, pair.ends[across], parents, role, wanted)
                item.found = there.get(id, [])

        beside = read_beside(pair, role, parents, [item])
        await asyncio.gather(within(across, search()), within(CRM, beside))
    if failed:
        base = view(link).base if link is not None else {}
        decision = Decision("unreachable", "keep" if link is not None else "none", base=base)
        return Look(decision, records["left"], records["right"], link, digest, failed)
    decision = pair.customers.decide(
        role,
        item.left,
        item.right,
        view(link) if link is not None else None,
        told,
        tuple(item.found),
        related=item.related or (),
        parent=item.parent,
        parent_stopped=parents.are_stopped(item.left, item.right),
    )
    return Look(decision, item.left, item.right, link, digest)
