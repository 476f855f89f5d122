"""Pages of undos: begun from a run or from the list of runs, read, approved, watched, undone themselves."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from tieline.store import public_ids
from tieline.store.connection import workspace_tx
from tieline.store.services import undo as service
from tieline.store.services.declined import DeclinedError
from tieline.web import permissions
from tieline.web.connections.words import declined
from tieline.web.request import PageRequest
from tieline.web.runs import rows
from tieline.web.runs.filters import Filters
from tieline.web.runs.lines import names
from tieline.web.undo import links, plan


@permissions.needs("runs.see")
@require_safe
def undos(request: PageRequest) -> HttpResponse:
    """The newest undos."""
    found = service.recent(request.workspace.pk)
    return render(request, "undo/list.html", {"lines": [plan.head(one) for one in found]})


@permissions.needs("runs.undo")
@require_POST
def begin(request: PageRequest) -> HttpResponse:
    """One run, or all that a filter of the list leaves. Nothing is changed yet: the plan is read and approved first."""
    workspace = request.workspace.pk
    try:
        run = request.POST.get("run", "")
        if run:
            id = public_ids.of("run").read(run)
            if id is None:
                raise Http404
            made = service.begin(workspace, request.user, [id], {"run": id})
        else:
            address = request.POST.get("filter", "")[:2000]
            filters = Filters.read(QueryDict(address.lstrip("?")), request.workspace.country)
            with workspace_tx(workspace):
                chosen = rows.matching(workspace, filters).values("pk")
                made = service.begin(workspace, request.user, chosen, {"filter": filters.address()})
    except DeclinedError as error:
        messages.info(request, declined(error))
        return HttpResponseRedirect(_back(request))
    return HttpResponseRedirect(links.url_of(made[0]) if len(made) == 1 else reverse("runs-undos"))


@permissions.needs("runs.see")
@require_safe
def undo(request: PageRequest, shown: str) -> HttpResponse:
    """One undo: its plan, how far it is, or what became of it."""
    return render(request, "undo/page.html", _context(request, shown))


@permissions.needs("runs.see")
@require_safe
def live(request: PageRequest, shown: str) -> HttpResponse:
    """How far it is, again and again; the whole page once it has got somewhere."""
    context = _context(request, shown)
    if context["undo"].state not in ("reading", "approved"):
        return HttpResponse(status=200, headers={"HX-Refresh": "true"})
    return render(request, "undo/moving.html", context)


@permissions.needs("runs.undo")
@require_POST
def approve(request: PageRequest, shown: str) -> HttpResponse:
    """Apply the plan that was read."""
    id = _id(shown)
    given = request.POST.get("plan", "")
    return _done(request, id, lambda: service.approve(request.workspace.pk, request.user, id, given))


@permissions.needs("runs.undo")
@require_POST
def again(request: PageRequest, shown: str) -> HttpResponse:
    """Undo this undo."""
    try:
        made = service.again(request.workspace.pk, request.user, _id(shown))
    except DeclinedError as error:
        messages.info(request, declined(error))
        return HttpResponseRedirect(reverse("runs-undo", args=[shown]))
    return HttpResponseRedirect(links.url_of(made))


@permissions.needs("runs.undo")
@require_POST
def look(request: PageRequest, shown: str) -> HttpResponse:
    """Make the plan anew."""
    id = _id(shown)
    return _done(request, id, lambda: service.look_again(request.workspace.pk, request.user, id))


@permissions.needs("runs.undo")
@require_POST
def drop(request: PageRequest, shown: str) -> HttpResponse:
    """Not wanted after all."""
    id = _id(shown)
    try:
        service.drop(request.workspace.pk, request.user, id)
    except DeclinedError as error:
        messages.info(request, declined(error))
        return HttpResponseRedirect(links.url_of(id))
    messages.success(request, _("Nothing was changed in the CRM."))
    return HttpResponseRedirect(reverse("runs"))


def _done(request: PageRequest, id: int, deed: Any) -> HttpResponse:
    try:
        deed()
    except DeclinedError as error:
        messages.warning(request, declined(error))
    return HttpResponseRedirect(links.url_of(id))


def _id(shown: str) -> int:
    id = public_ids.of("undo").read(shown)
    if id is None:
        raise Http404
    return id


def _context(request: PageRequest, shown: str) -> dict[str, Any]:
    workspace, id = request.workspace.pk, _id(shown)
    try:
        found = service.shown(workspace, id)
    except DeclinedError:
        raise Http404 from None
    row = found.undo
    is_done = row.state == "done"
    listed = []
    if row.state not in ("reading", "dropped"):
        listed = service.items(workspace, id, plan.STAYS, limit=2000)
    with workspace_tx(workspace):
        known = names(workspace)
    over, whole = plan.progress(found)
    return {
        "undo": row,
        "head": plan.head(row),
        "shown": shown,
        "plan": found.plan,
        "happens": plan.happens(found, done=is_done),
        "stays": plan.stays(found, listed, known),
        "lacks": found.lacks,
        "recycle_bin": found.recycle_bin,
        "over": over,
        "whole": whole,
        "planned": found.counts.get("planned", 0),
        "stayed": sum(found.counts.get(one, 0) for one in plan.STAYS),
        "of_undo": links.url_of(row.undoes_id) if row.undoes_id else "",
        "undone_by": links.url_of(found.undone_by) if found.undone_by else "",
        "may_undo": permissions.may(request.member, "runs.undo"),
        "may_connect": permissions.may(request.member, "connections.change"),
        "reconnect": reverse("connections-reconnect", args=[public_ids.of("conn").show(row.target_id)]),
        "filter": row.selection.get("filter", ""),
    }


def _back(request: PageRequest) -> str:
    back = request.POST.get("next", "")
    safe = back.startswith("/") and not back.startswith("//") and "\\" not in back
    return back if safe else reverse("runs")
