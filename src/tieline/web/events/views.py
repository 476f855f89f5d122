"""What arrived, connection by connection, and what was refused at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tieline.core.errors import TielineError
from tieline.sdk import manifest as manifests
from tieline.store import public_ids
from tieline.store.connection import workspace_tx
from tieline.store.models import (
    Connection,
    Event,
    EventSubject,
    OpenEvent,
    RefusedDelivery,
    RefusedEvent,
    Run,
    Subject,
)
from tieline.web import permissions
from tieline.web.events import reading
from tieline.web.events.reading import Read
from tieline.web.parts.pager import pages
from tieline.web.permissions import may
from tieline.web.request import PageRequest
from tieline.web.runs import rows, told
from tieline.web.runs.line import call_id, run_id
from tieline.web.runs.lines import Names, names
from tieline.web.words import Step, next_step, say


@dataclass(frozen=True, slots=True)
class Became:
    """The call that an event belongs to, as a sentence with its page."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Row:
    """One event of the list."""

    read: Read
    url: str
    source: str
    kind: str
    word: str
    became: tuple[Became, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """One delivery that was not accepted."""

    at: datetime
    source: str
    status: int
    why: str
    step: Step
    method: str
    headers: tuple[tuple[str, str], ...]
    body: str


@permissions.needs("runs.see")
@require_safe
def events(request: PageRequest) -> HttpResponse:
    """What arrived, newest first."""
    workspace = request.workspace.pk
    chosen = request.GET.get("connection", "")
    with workspace_tx(workspace):
        connections = rows.connections(workspace)
        sources = {id: row for id, row in connections.items() if _receives(row)}
        ids = [id for id in sources if str(id) == chosen] or list(sources)
        found = Event.objects.filter(workspace_id=workspace, connection_id__in=ids)
        page = pages(found, request, "id")
        shown = _rows(workspace, list(page.rows), connections, names(workspace))
        refused = RefusedDelivery.objects.filter(workspace_id=workspace, connection_id__in=ids).count()
    context = {
        "rows": shown,
        "page": page,
        "sources": sorted(sources.values(), key=lambda row: row.title.casefold()),
        "chosen": chosen,
        "refused": refused,
    }
    return render(request, "events/list.html", context)


@permissions.needs("runs.see")
@require_safe
def event(request: PageRequest, shown: str) -> HttpResponse:
    """One event; its body to admins, masked."""
    workspace = request.workspace.pk
    id = public_ids.of("event").read(shown)
    with workspace_tx(workspace):
        row = Event.objects.filter(workspace_id=workspace, pk=id).first() if id is not None else None
        if row is None:
            raise Http404
        connections = rows.connections(workspace)
        (line,) = _rows(workspace, [row], connections, names(workspace))
    open_body = may(request.member, "events.see")
    context = {
        "row": line,
        "method": row.method,
        "body": reading.body(row) if open_body else "",
        "headers": reading.headers(row) if open_body else [],
        "open_body": open_body,
    }
    return render(request, "events/event.html", context)


@permissions.needs("events.see")
@require_safe
def refused(request: PageRequest) -> HttpResponse:
    """Deliveries that were refused at the door, with why and what to do. The last hundred of each connection are kept."""
    workspace = request.workspace.pk
    with workspace_tx(workspace):
        connections = rows.connections(workspace)
        page = pages(RefusedDelivery.objects.filter(workspace_id=workspace), request, "at")
        shown = [
            Refused(
                row.at,
                _title(connections, row.connection_id),
                row.status,
                say(row.reason),
                next_step(row.reason),
                row.method,
                tuple(sorted(row.headers.items())),
                row.body,
            )
            for row in page.rows
        ]
    return render(request, "events/refused.html", {"rows": shown, "page": page})


def _receives(row: Connection) -> bool:
    try:
        return "events" in manifests.connector(row.connector).facets
    except TielineError:
        return True  # its connector is gone; what came by it is still here


def _title(connections: Mapping[int, Connection], id: int) -> str:
    row = connections.get(id)
    return row.title if row is not None else "–"


def _rows(workspace: int, found: Sequence[Event], connections: Mapping[int, Connection], known: Names) -> list[Row]:
    """Four queries for any number of events."""
    ids = [event.pk for event in found]
    links = list(
        EventSubject.objects.filter(workspace_id=workspace, event_id__in=ids).values_list("event_id", "subject_id")
    )
    subjects = {
        row.pk: row
        for row in Subject.objects.filter(workspace_id=workspace, pk__in={two for _one, two in links}).only("subject")
    }
    newest: dict[int, int] = {}
    for subject, run in Run.objects.filter(workspace_id=workspace, subject_id__in=list(subjects)).values_list(
        "subject_id", "id"
    ):
        newest[subject] = max(run, newest.get(subject, 0))
    odd = dict(RefusedEvent.objects.filter(workspace_id=workspace, event_id__in=ids).values_list("event_id", "reason"))
    waiting = set(OpenEvent.objects.filter(workspace_id=workspace, event_id__in=ids).values_list("event_id", flat=True))
    by_event: dict[int, list[int]] = {}
    for event_pk, subject in links:
        by_event.setdefault(event_pk, []).append(subject)
    out = []
    for event in found:
        source = connections.get(event.connection_id)
        read = reading.read(event, source, known.country)
        became = tuple(
            _became(subjects[one], newest.get(one), known) for one in by_event.get(event.pk, ()) if one in subjects
        )
        kind, word = _state(event, odd, waiting, became)
        out.append(
            Row(
                read,
                reverse("events-event", args=[read.id]),
                _title(connections, event.connection_id),
                kind,
                word,
                became,
                say(odd[event.pk]) if event.pk in odd else "",
            )
        )
    return out


def _state(event: Event, odd: Mapping[int, Any], waiting: set[int], became: Sequence[Became]) -> tuple[str, str]:
    if event.pk in odd:
        return "fail", _("Nothing to make of it")
    if event.pk in waiting:
        return "wait", _("Waits for its turn")
    if not became:
        return "off", _("Not about a call")
    return "ok", _proof(event.signature)


def _proof(signature: str) -> str:
    """What stood for it when it came in; that the connection has got a secret since says nothing about it."""
    if signature == "verified":
        return _("Signature fits")
    if signature == "token":
        return _("Token fits")
    return _("Secret address") if signature == "absent" else _("Kept")


def _became(subject: Subject, run: int | None, known: Names) -> Became:
    text = told.call_said(subject.subject, known)
    if run is not None:
        return Became(text, reverse("runs-run", args=[run_id(run)]))
    return Became(text, reverse("runs-call", args=[call_id(subject.pk)]))
