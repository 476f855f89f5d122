"""A customer, a pair and a history as pages show them: words, states, addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.urls import reverse
from django.utils.translation import gettext as _

from tieline.core.pairing import Side
from tieline.store import public_ids
from tieline.store.models import SyncLink
from tieline.store.services.customers import Customer, Line, Pair
from tieline.store.services.pair_views import state_of_waiting
from tieline.web.customers import words as own
from tieline.web.runs.pages_of_records import page_of
from tieline.web.words import customers as sides
from tieline.web.words import say

_TIES = {"ok": "ok", "wait": "wait", "fail": "fail", "off": "off", "note": "note", "watch": "watch"}


@dataclass(frozen=True, slots=True)
class Link:
    """A button that leads to the record's own page at a vendor."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One customer for its page. kind, word: its state as it is kept; a live look may say another one."""

    name: str
    said: str
    left_title: str
    right_title: str
    left_id: str
    right_id: str
    right_said: str
    kind: str
    word: str
    why: str
    is_linked: bool
    stopped: bool
    agreed_at: datetime | None
    url: str
    across_title: str
    pairs: Sequence[tuple[str, str]]
    tie: str


def pair_id(pair: Pair) -> str:
    """The id of a pair as addresses show it."""
    return public_ids.of("pair").show(pair.id)


def url_of(pair: Pair, role: str, side: Side, id: str, page: str = "records-one") -> str:
    """The address of a record's page. Vendors' ids may hold slashes: they are quoted whole."""
    return reverse(page, args=[pair_id(pair), role, side, quote(id, safe="")])


def url_of_link(pair: Pair, link: SyncLink) -> str:
    """The address of a link's page: by its record of the left, where it has one."""
    if link.left_id:
        return url_of(pair, link.role, "left", link.left_id)
    return url_of(pair, link.role, "right", link.right_id)


def url_of_line(pair: Pair, line: Line) -> str:
    """The same of a line of the list."""
    return url_of(pair, line.role, line.side, line.id)


def state_of(state: str) -> tuple[str, str]:
    """Kind of status and word of a line's state."""
    if state in own.LINK:
        kind, word = own.LINK[state]
        return kind, str(word)
    return {
        "waiting": ("wait", _("Waiting")), "due": ("wait", _("Waiting")), "asked": ("wait", _("Asks you")),
        "excluded": ("off", _("Excluded")),
    }.get(state, ("off", state))  # fmt: skip


def customer(one: Customer, *, status: str = "", differing: int = 0, gone: str = "") -> Shown:
    """A customer. status: of a live look, with the number of fields that differ, or the title of the system where it is gone."""
    pair, link = one.pair, one.link
    if not status and link is not None and link.state == "pending":
        gone = pair.connection("right" if link.pending == "right" else "left").title
    if status:
        kind, word = own.STATUS[status]
        word = own.differs_in(differing) if status == "differs" and differing else str(word)
    elif link is not None:
        kind, word = state_of(link.state)
    elif one.waiting:
        first = one.waiting[0]
        kind, word = state_of(state_of_waiting(first.state, first.code))
    else:
        kind, word = "note", _("Not linked")
    word = own.deleted_in(gone) if gone else word
    why = link.why if link is not None and link.why else next((row.why for row in one.waiting if row.why), None)
    left_id, right_id = one.id_of("left"), one.id_of("right")
    right = pair.right.title
    return Shown(
        one.name,
        said(one),
        pair.left.title,
        right,
        left_id,
        right_id,
        f"{own.text(own.ROLE, one.role).lower()} {right_id}" if right_id else right,
        kind,
        word,
        reason_of(pair, why),
        link is not None,
        link is not None and link.state == "stopped",
        link.agreed_at if link is not None else None,
        url_of(pair, one.role, one.side, one.id),
        right if one.side == "left" else pair.left.title,
        _pairs(one),
        _TIES[kind],
    )


def said(one: Customer) -> str:
    """The line below the name: "Zoho CRM 4401 · e-conomic 10042"."""
    parts = [f"{one.pair.connection(side).title} {id}" for side in ("left", "right") if (id := one.id_of(side))]
    if one.parent is not None:
        parts.append(_("contact person of %(name)s") % {"name": one.parent.name})
    return " · ".join(parts)


def _pairs(one: Customer) -> list[tuple[str, str]]:
    return [(one.pair.connection(side).title, id) for side in ("left", "right") if (id := one.id_of(side))]


def open_at(one: Customer) -> list[Link]:
    """Where the record's own pages are."""
    found = []
    for side in ("left", "right"):
        connection = one.pair.connection(side)
        url = page_of(connection, one.role, one.id_of(side))
        if url:
            found.append(Link(connection.title, url))
    return found


@dataclass(frozen=True, slots=True)
class Person:
    """A line of the table of contact persons."""

    name: str
    url: str
    left_id: str
    right_id: str
    kind: str
    word: str


def persons(one: Customer) -> list[Person]:
    """The contact persons of a customer."""
    return [
        Person(
            row.name or row.left_id or row.right_id,
            url_of_link(one.pair, row),
            row.left_id,
            row.right_id,
            *state_of(row.state),
        )
        for row in one.persons
    ]


def reason_of(pair: Pair, raw: Mapping[str, Any] | None) -> str:
    """A reason as a sentence that calls both systems by their names, "" for none."""
    with sides.named(pair.left.title, pair.right.title):
        return say(raw) if raw else ""
