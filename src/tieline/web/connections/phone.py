"""What the page of a phone system shows: its address and secret, its API token, its lines, its newest event, lost calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from tieline.sdk.contract import Request
from tieline.sdk.manifest import AuthField, Manifest
from tieline.sdk.manifest import load as load_connector
from tieline.store.connection import workspace_tx
from tieline.store.models import Connection, ConnectionState, Event
from tieline.store.services import backfill, connections, practice
from tieline.store.services.asking import manifest_of, opening_of
from tieline.store.services.health import LastEvent
from tieline.web.connections import shown, words
from tieline.web.connections.forms import ApiAccess, Fetch, Lines, SigningSecret
from tieline.web.connections.manifest_texts import said
from tieline.web.events.reading import Read, read
from tieline.web.permissions import may
from tieline.web.request import PageRequest

GRACE_S = 24 * 3600.0
"""How long the old address works beside a new one."""


def context(request: PageRequest, row: Connection, manifest: Manifest, forms: dict[str, Any]) -> dict[str, Any]:
    """The phone side of a connection's page; `forms`: those that came back, and the count that a preview gave."""
    with workspace_tx(request.workspace.pk):
        address = connections.intake_url(row) if may(request.member, "connections.change") else ""
        stored = opening_of(row).fields
    secret = next((one for one in manifest.auth.fields if one.name == manifest.events.secret), None)
    kept = stored.get(manifest.events.secret, "")
    can_ask = manifest.can_ask(name for name, value in stored.items() if value)
    missing = access_fields(manifest)
    shown_id = shown.shown_id(row)
    return {
        "is_phone": not manifest.events.imports,
        "address": address,
        "addresses": [(name, f"{address}?event={name}") for name in manifest.events.per_event] if address else [],
        "old_until": row.intake_until if row.intake_until and row.intake_until > timezone.now() else None,
        "secret": secret,
        "secret_label": said(secret.label) if secret else "",
        "secret_help": said(secret.help) if secret else "",
        "secret_kept": f"…{kept[-4:]}" if len(kept) > 12 else bool(kept),
        "secret_form": forms.get("secret_form") or SigningSecret(),
        "can_ask": can_ask,
        "access_fields": missing,
        "access_form": forms.get("access_form") or ApiAccess(missing),
        "lists_lines": can_ask and "history" in manifest.facets,
        "lines_form": forms.get("lines_form") or Lines(initial={"lines": Lines.as_text(row.lines)}),
        "lines": row.lines,
        "calls_url": shown.page_url("calls"),
        "sandbox_page": practice.has_page(row),
        "address_url": reverse("connections-address", args=[shown_id]),
        **fetching(request, row, forms),
    }


def access_fields(manifest: Manifest) -> list[AuthField]:
    """What its API is asked with and need not be typed to connect."""
    asked = manifest.asks_with()
    return [
        one
        for one in manifest.auth.fields
        if one.name in asked and one.name != manifest.events.secret and not one.required
    ]


def fetching(request: PageRequest, row: Connection, forms: dict[str, Any] | None = None) -> dict[str, Any]:
    """Lost calls: what is being fetched, what was, and the form that fetches more."""
    found = backfill.overview(request.workspace.pk, row.pk)
    vendor = manifest_of(row.connector).title
    since = timezone.now() - timedelta(hours=24)
    given = forms or {}
    running = found.running
    return {
        "fetch": found,
        "fetch_form": given.get("fetch_form") or Fetch(initial={"since": since.replace(second=0, microsecond=0)}),
        "fetch_count": given.get("fetch_count"),
        "fetch_trouble": words.error_said(running.trouble, vendor) if running is not None and running.trouble else "",
        "fetch_rows": [
            (one, words.WHY_FETCHED.get(one.why, one.why), words.error_said(one.trouble, vendor) if one.trouble else "")
            for one in found.runs
        ],
        "fetch_url": shown.url_of(row, "connections-fetch") + ("" if running is not None else "?form=1"),
        "page_url": shown.url_of(row),
        "fetch_may": may(request.member, "connections.change") and row.state == ConnectionState.ACTIVE,
        "vendor": vendor,
        "connection": row,
        "connection_id": shown.shown_id(row),
    }


def arrived(request: PageRequest, row: Connection, last: LastEvent | None) -> dict[str, Any]:
    """What the newest delivery was: `event`, as its connector reads it, `is_test`, whether it is the vendor's own test, and
    `event_page`, "" for who may not look at events."""
    if last is None or last.event is None:
        return {"event": None, "is_test": False, "event_page": ""}
    with workspace_tx(request.workspace.pk):
        event = Event.objects.filter(workspace_id=request.workspace.pk, pk=last.event).first()
    if event is None:
        return {"event": None, "is_test": False, "event_page": ""}
    found: Read = read(event, row, request.workspace.country)
    page = reverse("events-event", args=[found.id]) if may(request.member, "events.see") else ""
    return {"event": found, "is_test": _is_test(event, row), "event_page": page}


def _is_test(event: Event, row: Connection) -> bool:
    key = manifest_of(row.connector).events.test_key
    if not key:
        return False
    request = Request(event.method, event.query, event.headers, bytes(event.body))
    try:
        facts = load_connector(row.connector)(None).parse(request)
    except Exception:  # noqa: BLE001 - what cannot be read is no test that we know
        return False
    return any(fact.call_key == key for fact in facts)
