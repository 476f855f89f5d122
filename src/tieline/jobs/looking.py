"""A live look at one customer for whoever waits for a page: both systems as they are now, and what the rules would do.

    look(customer) -> Looked                     two seconds; then a side is "unreachable"
    search(customer, text) -> [id]               records across that have this number, registration number or name

In a thread and an event loop of its own: a page's thread may have a loop that must not be blocked, or none.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from django.utils import timezone

from tieline.core.errors import TielineError
from tieline.core.pairing import SIDES, Decision, Side, other
from tieline.engine.effects.reasons import of_error
from tieline.engine.sync.look import Look, look_at
from tieline.jobs.mistakes import told
from tieline.sdk.contract import VendorRecord
from tieline.store.look_store import LookStore
from tieline.store.postgres import database_urls
from tieline.store.secrets import installed
from tieline.store.services.asking import alone
from tieline.store.services.customers import Customer, Pair
from tieline.store.services.declined import DeclinedError, of_vendor
from tieline.store.sync_store import StoredSync
from tieline.wiring import Wiring

log = logging.getLogger(__name__)
NOT_ASKED: Final = ("paused", "disconnected")
"""States of a connection in which nothing is asked of it."""
WAIT_S: Final = 6.0
"""Both reads have two seconds each, side by side; a first match has as long again; the rest is our own."""
SEARCH_S: Final = 8.0
FIELDS: Final = ("registration_number", "name", "email", "phone")


@dataclass(frozen=True, slots=True)
class Looked:
    """status as `core.pairing.Status`; decision None where it says nothing (switched off, not set up, unreachable). seen: digest of
    both records, to be given back with a person's word. unreachable: side → Reason as JSON. mistake: a Reason as JSON where neither
    side is to blame."""

    status: str
    decision: Decision | None = None
    seen: str = ""
    at: datetime | None = None
    unreachable: Mapping[Side, Mapping[str, Any]] = field(default_factory=dict)
    mistake: Mapping[str, Any] | None = None


def look(customer: Customer) -> Looked:
    """Both records as they are. Switched off, nobody is asked anything (CUST-2), nor where a connection is paused. Whatever goes wrong
    is a state that the page shows: a side does not answer, or we could not look."""
    pair = customer.pair
    if pair.row.state == "ended" or not pair.keeps(customer.role):
        return Looked("not_set_up")
    if not _may_ask(pair):
        return Looked("switched_off")
    shut: dict[Side, Mapping[str, Any]] = {}

    async def inside() -> Look:
        async with Wiring.open(database_urls().app, installed()) as wiring:
            store = LookStore(wiring.rows, pair.row.workspace_id, pair.id, pair.epoch)
            try:
                sync, _ = await wiring.sync(cast("StoredSync", store))
            except TielineError:
                shut.update(await _whose(wiring, pair))
                raise
            return await look_at(sync.pair, customer.role, customer.side, customer.id)

    try:
        found = alone(inside, WAIT_S)
    except TimeoutError:
        return Looked("unreachable", at=timezone.now(), unreachable={customer.side: {"code": "error.timeout"}})
    except TielineError as error:
        if shut:
            return Looked("unreachable", at=timezone.now(), unreachable=shut)
        return Looked("unreachable", at=timezone.now(), mistake=of_error(error))
    except Exception as error:  # noqa: BLE001  the page says so, and shows what is kept all the same
        log.warning("pair %s: a look broke off: %s", pair.id, told(error))
        return Looked("unreachable", at=timezone.now(), mistake=of_error(error))
    if found.unreachable:
        return Looked("unreachable", seen=found.seen, at=timezone.now(), unreachable=found.unreachable)
    return Looked(found.decision.status, found.decision, found.seen, timezone.now())


def _may_ask(pair: Pair) -> bool:
    """Whether anybody is asked anything at all (CUST-2)."""
    return pair.row.on and all(pair.connection(side).state not in NOT_ASKED for side in SIDES)


async def _whose(wiring: Wiring, pair: Pair) -> dict[Side, Mapping[str, Any]]:
    """Side → why its connection cannot be asked."""
    out: dict[Side, Mapping[str, Any]] = {}
    for side in SIDES:
        try:
            await wiring.connection(pair.row.workspace_id, pair.connection(side).pk)
        except TielineError as error:
            out[side] = of_error(error)
    return out


def search(customer: Customer, text: str) -> list[str]:
    """Ids of records across that have this id, registration number, e-mail, phone or name; at most a few. Switched off, nobody is
    asked."""
    if not text:
        return []
    if not customer.pair.keeps(customer.role):
        raise DeclinedError("pair.not_kept")
    if not _may_ask(customer.pair):
        raise DeclinedError("pair.off")
    pair, role, across = customer.pair, customer.role, other(customer.side)

    async def inside() -> list[str]:
        async with Wiring.open(database_urls().app, installed()) as wiring:
            store = LookStore(wiring.rows, pair.row.workspace_id, pair.id, pair.epoch)
            sync, _ = await wiring.sync(cast("StoredSync", store))
            end = sync.pair.ends[across]
            mapped = end.access.role_maps[role]
            own = mapped.fields.get("name", ())
            found: list[VendorRecord] = []
            try:
                found = await end.access.fetch(mapped.object, [text], own)
            except TielineError:
                found = []  # an id of another shape is refused by some vendors: then it is no id
            for name in FIELDS:
                by = [one for one in mapped.fields.get(name, ()) if not one.startswith("$")]
                if not found and by:
                    found = await end.access.find(mapped.object, by, [text], own)
            return [one.id for one in found[:5]]

    manifest_title = pair.connection(across).title
    try:
        return alone(inside, SEARCH_S)
    except (TielineError, TimeoutError) as error:
        declined: DeclinedError = of_vendor(error, manifest_title, seconds=SEARCH_S)
        raise declined from error
    except Exception as error:
        log.warning("pair %s: a search broke off: %s", pair.id, told(error))
        raise DeclinedError("vendor.odd_answer", vendor=manifest_title) from error
