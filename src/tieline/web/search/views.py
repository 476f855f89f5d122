"""The search's page, and the list that drops from the box while somebody types."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from tieline.store import public_ids
from tieline.store.connection import workspace_tx
from tieline.web import permissions
from tieline.web.request import PageRequest
from tieline.web.search.finding import LOOK_BACK, Found, find
from tieline.web.search.others import others

DROPPED, LISTED = 6, 50


@permissions.needs("search")
@require_safe
def search(request: PageRequest) -> HttpResponse:
    """All that is found; the id of a run leads to the run."""
    text = request.GET.get("q", "").strip()
    if public_ids.of("run").read(text) is not None:
        found = _find(request, text, 1)
        if found.lines:
            return HttpResponseRedirect(reverse("runs-run", args=[text]))
    hits = others(request, text, LISTED)
    context = {"found": _find(request, text, LISTED), "hits": hits, "text": text, "look_back": LOOK_BACK}
    return render(request, "search/page.html", context)


@permissions.needs("search")
@require_safe
def found(request: PageRequest) -> HttpResponse:
    """The first few, for the list below the box."""
    text = request.GET.get("q", "").strip()
    if len(text) < 2:
        return HttpResponse("", content_type="text/html; charset=utf-8")
    hits = others(request, text, DROPPED)[:DROPPED]
    return render(request, "search/found.html", {"found": _find(request, text, DROPPED), "hits": hits, "text": text})


def _find(request: PageRequest, text: str, limit: int) -> Found:
    if not permissions.may(request.member, "runs.see"):
        return Found()
    with workspace_tx(request.workspace.pk):
        return find(request.workspace.pk, text, request.workspace.country or "FR", limit)
