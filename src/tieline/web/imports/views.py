"""Importing a call list: the file, what its columns are, the first calls as they will be read, and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tieline.store import public_ids
from tieline.store.models import Connection, ConnectionState, Import, ImportState
from tieline.store.services import imports
from tieline.store.services.asking import manifest_of
from tieline.store.services.declined import DeclinedError
from tieline.web import permissions, reasons
from tieline.web.connections import shown
from tieline.web.connections.words import declined
from tieline.web.imports import words
from tieline.web.imports.forms import Columns, Upload
from tieline.web.request import PageRequest

SAMPLES = 3


@permissions.needs("connections.change")
@require_http_methods(["GET", "POST"])
def imports_of(request: PageRequest, connection: str) -> HttpResponse:
    """The imports of a connection, and a new one."""
    row = _connection(request, connection)
    form = Upload(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            made = imports.begin(request.workspace.pk, request.user, row.pk, file.name, file.read(imports.LARGEST + 1))
        except DeclinedError as error:
            form.add_error("file", declined(error))
        else:
            return redirect(_url(row, made))
    found = imports.listed(request.workspace.pk, row.pk)
    lines = [{"row": one, "url": _url(row, one), "state": words.STATES[one.state]} for one in found]
    context = {"connection": row, "connection_url": shown.url_of(row), "form": form, "lines": lines}
    return render(request, "imports/list.html", context, status=400 if form.errors else 200)


@permissions.needs("connections.change")
@require_http_methods(["GET", "POST"])
def one(request: PageRequest, connection: str, shown_id: str) -> HttpResponse:
    """An import: what its columns are while it is a draft, then how far it has come. POST keeps the columns and shows the calls
    again; with "start" it begins."""
    source = _connection(request, connection)
    row = _import(request, source, shown_id)
    if row.state != ImportState.DRAFT:
        return render(request, "imports/progress.html", _progress(source, row))
    said = ""
    if request.method == "POST":
        try:
            row = _reread(request, row)
            if "start" in request.POST:
                imports.start(request.workspace.pk, request.user, row.pk)
                return redirect(_url(source, row))
        except DeclinedError as error:
            said = declined(error)
            row = imports.get(request.workspace.pk, row.pk)
    try:
        found = imports.preview(row)
    except DeclinedError as error:  # somebody else started it a moment ago
        messages.error(request, declined(error))
        return redirect(_url(source, row))
    return render(
        request, "imports/columns.html", _columns(request, source, row, found, said), status=400 if said else 200
    )


def _reread(request: PageRequest, row: Import) -> Import:
    """What the form says, kept. Another encoding, separator or heading comes first: it makes other columns."""
    form = Columns(row, [""] * sum(name.startswith("column.") for name in request.POST), request.POST)
    form.is_valid()
    typed = form.typed()
    zone = row.reading.get("zone", "UTC")
    return imports.reread(
        request.workspace.pk,
        row.pk,
        reading=imports.reading_of(typed, zone=zone),
        encoding=typed.get("encoding", ""),
        separator=str(form.cleaned_data.get("separator", "")),
        has_names=bool(typed.get("has_names")),
    )


@permissions.needs("connections.change")
@require_safe
def progress(request: PageRequest, connection: str, shown_id: str) -> HttpResponse:
    """How far it has come, for the part of the page that stays fresh."""
    source = _connection(request, connection)
    return render(request, "imports/bar.html", _progress(source, _import(request, source, shown_id)))


@permissions.needs("connections.change")
@require_POST
def stop(request: PageRequest, connection: str, shown_id: str) -> HttpResponse:
    """End it where it is."""
    source = _connection(request, connection)
    row = _import(request, source, shown_id)
    imports.stop(request.workspace.pk, request.user, row.pk)
    return redirect(_url(source, row))


@permissions.needs("connections.change")
@require_POST
def discard(request: PageRequest, connection: str, shown_id: str) -> HttpResponse:
    """Forget a draft with its file."""
    source = _connection(request, connection)
    row = _import(request, source, shown_id)
    imports.discard(request.workspace.pk, row.pk)
    messages.success(request, _("%(name)s is forgotten. Nothing of it was imported.") % {"name": row.name})
    return redirect("connections-imports", shown.shown_id(source))


# ---------------------------------------------------------------------------------------------------------------------


def _connection(request: PageRequest, connection: str) -> Connection:
    row = shown.asked(request, connection)
    if not imports.takes_lists(row) or row.state == ConnectionState.DISCONNECTED:
        raise Http404
    return row


def _import(request: PageRequest, source: Connection, shown_id: str) -> Import:
    row_id = public_ids.of("imp").read(shown_id)
    if row_id is None:
        raise Http404
    try:
        row = imports.get(request.workspace.pk, row_id)
    except DeclinedError:
        raise Http404 from None
    if row.connection_id != source.pk:
        raise Http404
    return row


def _url(source: Connection, row: Import, page: str = "connections-import") -> str:
    return reverse(page, args=[shown.shown_id(source), public_ids.of("imp").show(row.pk)])


def _page(source: Connection, row: Import) -> dict[str, Any]:
    return {
        "connection": source,
        "row": row,
        "manifest": manifest_of(source.connector),
        "list_url": reverse("connections-imports", args=[shown.shown_id(source)]),
        "connection_url": shown.url_of(source),
    }


def _columns(
    request: PageRequest, source: Connection, row: Import, found: imports.Preview, said: str
) -> dict[str, Any]:
    form = Columns(row, found.heading)
    columns = [
        {
            "name": name,
            "field": form[f"column.{index}"],
            "samples": [one.cells[index] for one in found.rows if len(one.cells) > index and one.cells[index]][
                :SAMPLES
            ],
        }
        for index, name in enumerate(found.heading)
    ]
    return {
        **_page(source, row),
        "said": said,
        "form": form,
        "columns": columns,
        "more": [form[name] for name in ("direction", "order", "zone", "minutes")],
        "file": [form[name] for name in ("separator", "encoding", "has_names")],
        "found": found,
        "lacking": [words.LACKING[what] for what in found.lacking],
        "calls": [_call(one) for one in found.rows] if not found.lacking else [],
        "errors": _errors(found.errors),
        "since": _at(found.since),
        "until": _at(found.until),
        "all_checked": found.checked >= row.rows,
        "country": request.workspace.country,
        "discard_url": _url(source, row, "connections-import_discard"),
    }


def _call(one: imports.Shown) -> dict[str, Any]:
    call = one.call or {}
    return {
        "line": one.line,
        "is_call": one.call is not None,
        "at": _at(call.get("at")),
        "direction": words.DIRECTIONS.get(call.get("direction", ""), ""),
        "number": call.get("number", ""),
        "our_line": call.get("line", ""),
        "talk_s": call.get("talk_s"),
        "outcome": words.OUTCOMES.get(call.get("outcome", ""), ""),
        "agent": call.get("agent", ""),
        "wrong": [_sentence(what, why) for what, why in one.wrong.items()],
    }


def _errors(errors: Sequence[Any]) -> list[dict[str, Any]]:
    """Wrong cells in the reader's language: the line of the file, what it is, why."""
    return [{"line": line, **_sentence(what, why)} for line, what, why in errors]


def _sentence(what: str, why: Mapping[str, Any]) -> dict[str, Any]:
    return {"what": words.COLUMNS.get(what, what), "why": reasons.sentence(why["code"], **(why.get("params") or {}))}


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _progress(source: Connection, row: Import) -> dict[str, Any]:
    return {
        **_page(source, row),
        "state": words.STATES[row.state],
        "is_running": row.state == ImportState.RUNNING,
        "errors": _errors(row.errors or []),
        "progress_url": _url(source, row, "connections-import_progress"),
        "stop_url": _url(source, row, "connections-import_stop"),
        "calls_url": shown.page_url("runs"),
        "trouble": declined(DeclinedError(row.trouble["code"])) if row.trouble else "",
    }
