"""Connections: the marketplace and one connection's page, with the parts of it that stay fresh by themselves."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tieline.sdk.manifest import Manifest
from tieline.store.connection import workspace_tx
from tieline.store.models import Connection, ConnectionState, Grant
from tieline.store.services import change_feeds, connection_ends, connections, scopes
from tieline.store.services.asking import SANDBOX, manifest_of, sandbox_url
from tieline.store.services.health import Health, health
from tieline.store.services.offers import offers
from tieline.web import permissions
from tieline.web.connections import phone, shown, taking_over, words
from tieline.web.connections.forms import Title
from tieline.web.middleware.security import allow
from tieline.web.permissions import may
from tieline.web.request import PageRequest


@permissions.needs("connections.see")
@require_safe
def marketplace(request: PageRequest) -> HttpResponse:
    """What is connected and what can be."""
    cards = [shown.card(one) for one in offers(request.workspace.pk)]
    query = request.GET.get("q", "").strip()[:100]
    category = request.GET.get("category", "")
    mine = request.GET.get("mine") == "1"
    found = [one for one in cards if not query or shown.matches(one, query)]
    counted = Counter(name for one in found for name in one.offer.manifest.categories)
    chips = [
        {"name": name, "label": words.CATEGORIES.get(name, name), "count": counted[name]} for name in sorted(counted)
    ]
    if category:
        found = [one for one in found if category in one.offer.manifest.categories]
    lines = [line for one in cards for line in one.lines]
    context = {
        "cards": [one for one in found if one.lines] if mine else found,
        "lines": sorted(lines, key=lambda one: one.connection.pk),
        "ready": sum(1 for one in cards if not one.lines),
        "chips": chips,
        "all": sum(1 for one in cards if not query or shown.matches(one, query)),
        "query": query,
        "category": category,
        "mine": mine,
        "may_change": may(request.member, "connections.change"),
        "wizard": "" if lines else shown.page_url("start"),
    }
    return render(request, "connections/marketplace.html", context)


@permissions.needs("connections.see")
@require_safe
def one(request: PageRequest, connection: str) -> HttpResponse:
    """Everything about one connection."""
    return one_page(request, shown.asked(request, connection))


def one_page(request: PageRequest, row: Connection, *, status: int = 200, **forms: Any) -> HttpResponse:
    """A connection's page; `forms`: those that came back with errors."""
    context = context_of(request, row, **forms)
    response = render(request, "connections/one.html", context, status=status)
    if context.get("sandbox_page"):  # its button ends there
        parts = urlsplit(sandbox_url(row.connector))
        allow(response, "form-action", f"{parts.scheme}://{parts.netloc}")
    return response


@permissions.needs("connections.see")
@require_safe
def pulse(request: PageRequest, connection: str) -> HttpResponse:
    """Its health, for the parts of the page that stay fresh."""
    row = shown.asked(request, connection)
    part = "word" if request.GET.get("part") == "word" else "pulse"
    return render(request, f"connections/{part}.html", _health_of(request, row))


@permissions.needs("connections.see")
@require_safe
def last_event(request: PageRequest, connection: str) -> HttpResponse:
    """The newest delivery, for the part of the page that waits for it."""
    row = shown.asked(request, connection)
    return render(request, "connections/last_event.html", _health_of(request, row))


def _health_of(request: PageRequest, row: Connection) -> dict[str, Any]:
    with workspace_tx(request.workspace.pk):
        found = health(row)
    vendor = manifest_of(row.connector).title
    last = found.last
    return {
        **phone.arrived(request, row, last),
        "connection": row,
        "health": found,
        "word": words.HEALTH[found.word],
        "vendor": vendor,
        "last": last,
        "last_said": words.error_said(last.reason, vendor) if last is not None and last.reason else "",
        "trouble_said": words.error_said(found.trouble, vendor) if found.trouble else "",
        "troubles": shown.troubles(found, vendor),
        "connection_id": shown.shown_id(row),
        "pulse_url": shown.url_of(row, "connections-pulse"),
        "word_url": shown.url_of(row, "connections-pulse") + "?part=word",
        "event_url": shown.url_of(row, "connections-event"),
    }


def context_of(request: PageRequest, row: Connection, **forms: Any) -> dict[str, Any]:
    """What the page of a connection shows; `forms`: those that came back with errors."""
    workspace = request.workspace.pk
    manifest = manifest_of(row.connector)
    context = _health_of(request, row)
    found: Health = context["health"]
    with workspace_tx(workspace):
        wanted = scopes.needed(row) if manifest.auth.kind == "oauth2" else {}
        grant = Grant.objects.filter(workspace_id=workspace, connection=row, ended=None).select_related("user").first()
    ended = row.state == ConnectionState.DISCONNECTED
    return {
        **context,
        "manifest": manifest,
        "identity": shown.identity(row, manifest),
        "is_sandbox": row.environment == SANDBOX,
        "grant": grant,
        "asked": shown.asked_for(wanted, found.missing),
        "used": shown.used_by(workspace, row),
        "joined": shown.joined(workspace, row),
        "has_feed": not ended and "changes" in manifest.facets and bool(change_feeds.shown(workspace, row.pk).how),
        "takes_over": taking_over.said(connections.free_flows(row)),
        "reconnect_url": shown.url_of(row, "connections-reconnect"),
        "origin": _origin(row, manifest),
        "ended": ended,
        "paused": row.state == ConnectionState.PAUSED,
        "may_change": may(request.member, "connections.change") and not ended,
        "stops": connection_ends.stops(workspace, row.pk) if not ended else None,
        "title_form": forms.get("title_form") or Title(initial={"title": row.title}),
        "budget_label": manifest.title,
        **(phone.context(request, row, manifest, forms) if "events" in manifest.facets and not ended else {}),
    }


def _origin(row: Connection, manifest: Manifest) -> str:
    """How surely a record is never made twice there: "unique", "search" or "none"; "" where nothing is written."""
    if "records" not in manifest.facets:
        return ""
    made = row.origin_fields or not any(role.origin for role in manifest.roles.values())
    return manifest.capabilities.origin if made else "none"


def phone_context(request: PageRequest, row: Connection) -> dict[str, Any]:
    """What a page shows that waits for a phone system's first event."""
    return {**_health_of(request, row), **phone.context(request, row, manifest_of(row.connector), {})}
