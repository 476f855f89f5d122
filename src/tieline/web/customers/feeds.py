"""How changes reach a pair: deliveries that a system makes by itself, set up there by its API or pasted by a person, proven by the
first that comes; else it is asked every so often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from tieline.core.pairing import SIDES, Side
from tieline.store.services import change_feeds, customers
from tieline.store.services.change_feeds import Feed
from tieline.store.services.customers import Pair
from tieline.store.services.declined import DeclinedError
from tieline.web import permissions
from tieline.web.connections.words import declined
from tieline.web.customers import shown
from tieline.web.customers.addressed import pair_of
from tieline.web.request import PageRequest
from tieline.web.words import say

DEEDS = {"api": change_feeds.set_up, "pasted": change_feeds.paste, "renew": change_feeds.renew, "end": change_feeds.end}


@dataclass(frozen=True, slots=True)
class SideShown:
    """A card of one side. kind, word: whether its deliveries work."""

    side: Side
    title: str
    feed: Feed
    kind: str
    word: str
    why: str


@permissions.needs("connections.change")
@require_safe
def feeds(request: PageRequest, pair: str) -> HttpResponse:
    """Both sides."""
    return render(request, "customers/feeds.html", _context(request, pair_of(request, pair)))


@permissions.needs("connections.change")
@require_safe
def live(request: PageRequest, pair: str) -> HttpResponse:
    """The same, while the first delivery is awaited."""
    return render(request, "customers/feeds_sides.html", _context(request, pair_of(request, pair)))


@permissions.needs("connections.change")
@require_POST
def change(request: PageRequest, pair: str) -> HttpResponse:
    """Set up there, an address to paste, another address, or ended."""
    kept = pair_of(request, pair)
    side, deed = request.POST.get("side", ""), DEEDS.get(request.POST.get("act", ""))
    if side not in SIDES or deed is None:
        raise Http404
    try:
        deed(request.workspace.pk, request.user, kept.connection(customers.side_of(side)).pk)
    except DeclinedError as error:
        messages.error(request, declined(error))
    return HttpResponseRedirect(reverse("customers-feeds", args=[pair]))


# -- inside -------------------------------------------------------------------------------------------------------------


def _context(request: PageRequest, pair: Pair) -> dict[str, Any]:
    text = shown.pair_id(pair)
    sides = [_side(request, pair, side) for side in SIDES]
    return {
        "pair": {
            "id": text, "url": reverse("customers-pair", args=[text]), "left_title": pair.left.title,
            "right_title": pair.right.title,
        },
        "sides": sides,
        "change_url": reverse("customers-feed", args=[text]),
        "live_url": reverse("customers-feeds-live", args=[text]),
        "awaited": any(one.feed.how and one.feed.proven_at is None for one in sides),
    }  # fmt: skip


def _side(request: PageRequest, pair: Pair, side: Side) -> SideShown:
    connection = pair.connection(side)
    feed = change_feeds.shown(request.workspace.pk, connection.pk)
    kind, word = _state(feed)
    why = say(feed.trouble) if feed.trouble else ""
    return SideShown(side, connection.title, feed, kind, word, why)


def _state(feed: Feed) -> tuple[str, str]:
    if not feed.how:
        return "note", _("Asked every so often")
    if feed.trouble or feed.active is False:
        return "fail", _("Does not tell us")
    if feed.proven_at is None:
        return "wait", _("Waiting for the first")
    return "ok", _("Tells us at once")
