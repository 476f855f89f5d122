"""What an address names: a pair, a record of it; and cells of a file."""

from __future__ import annotations

from urllib.parse import unquote

from django.http import Http404

from tieline.store import public_ids
from tieline.store.services import customers
from tieline.store.services.customers import Customer, Pair
from tieline.store.services.declined import DeclinedError
from tieline.web.customers import words as own
from tieline.web.request import PageRequest


def found_of(request: PageRequest, pair: str, role: str, side: str, record: str) -> Customer:
    """The record of an address."""
    kept = pair_of(request, pair)
    if role not in own.ROLE or side not in ("left", "right"):
        raise Http404
    return customers.one(kept, role, customers.side_of(side), unquote(record))


def pair_of(request: PageRequest, text: str) -> Pair:
    """The pair of an address."""
    id = public_ids.of("pair").read(text)
    if id is None:
        raise Http404
    try:
        return customers.pair(request.workspace.pk, id)
    except DeclinedError:
        raise Http404 from None


def plain(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
