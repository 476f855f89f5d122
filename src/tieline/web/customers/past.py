"""The history of every value of a customer: where it came from, which rule wrote it, what was there before; undo of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from tieline.store.services import pair_undo, pair_views
from tieline.store.services.customers import Customer
from tieline.store.services.declined import DeclinedError
from tieline.web import permissions
from tieline.web.connections.words import declined
from tieline.web.customers import compare, labels, shown
from tieline.web.customers import words as own
from tieline.web.customers.addressed import found_of
from tieline.web.request import PageRequest
from tieline.web.words import customers as sides
from tieline.web.words import say

SIZE = 40


@dataclass(frozen=True, slots=True)
class Value:
    """One value that was written, or could not be."""

    at: datetime
    label: str
    old: str
    new: str
    why: str
    source: str
    target: str
    kind: str
    word: str
    tie: str
    run: int
    line: str
    may_undo: bool


def of(request: PageRequest, one: Customer) -> dict[str, Any]:
    """The newest values, and the address of older ones."""
    if one.link is None:
        return {"history": [], "more_history": ""}
    text = request.GET.get("before", "")
    before = int(text) if text.isdecimal() and len(text) < 19 else None
    found = pair_views.history(one.pair.row.workspace_id, one.pair.id, one.link.key, before=before, limit=SIZE)
    named = labels.of(one.pair, one.role)
    titles = {"left": one.pair.left.title, "right": one.pair.right.title}
    with sides.named(**titles):
        lines = [_value(row, named, titles) for row in found.values]
    here = shown.url_of(one.pair, one.role, one.side, one.id)
    return {"history": lines, "more_history": f"{here}?before={found.older}#about" if found.older else ""}


def _value(row: Any, named: dict[str, str], titles: dict[str, str]) -> Value:
    kind, word = {
        "done": ("ok", _("Written")), "rejected": ("fail", _("Not taken")), "unknown": ("wait", _("Not known yet")),
        "sent": ("wait", _("Sent")), "skipped": ("off", _("Left alone")), "planned": ("watch", _("Planned")),
    }.get(row.state, ("off", row.state))  # fmt: skip
    source = titles["right" if row.side == "left" else "left"]
    why = own.text(own.RUNS, row.kind)
    said = say(row.rule) if row.rule else ""
    return Value(
        row.at,
        own.line_name(row.line, named.get(row.line, "")),
        compare.value(row.old, row.line),
        compare.value(row.new, row.line),
        f"{said} · {why}" if said else why,
        source,
        titles[row.side],
        kind,
        word,
        kind if kind in ("ok", "fail", "wait", "watch", "off") else "ok",
        row.run,
        row.line,
        row.state == "done" and row.verb == "update",
    )


@permissions.needs("runs.undo")
@require_POST
def undo(request: PageRequest, pair: str, role: str, side: str, record: str) -> HttpResponse:
    """One field goes back to what it was before a write, where the value there is still ours."""
    one = found_of(request, pair, role, side, record)
    run = request.POST.get("run", "")
    if one.link is None or not run.isdecimal():
        raise Http404
    try:
        options = {"of": int(run), "link": one.link.key, "line": request.POST.get("line", "")[:200]}
        pair_undo.undo(request.workspace.pk, request.user, one.pair.id, options)
    except DeclinedError as error:
        messages.error(request, declined(error))
    else:
        messages.success(request, _("Being undone. It stays where somebody has changed the value since."))
    return HttpResponseRedirect(f"{shown.url_of(one.pair, role, one.side, one.id)}?tab=history#about")
