"""The panel inside the CRM's own record page: what a look says of this customer, and the way into Tieline to change it.

It is the only page that may stand in a frame, and only in those of the origins that the pair's left connection names. It needs
no sign-in (a frame gets no cookie of ours), so it changes nothing: its buttons open Tieline in a tab of its own.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from tieline.store.connection import workspace_tx
from tieline.store.services import customers, panel
from tieline.store.team.models import Workspace
from tieline.web import permissions
from tieline.web.customers import looks, shown
from tieline.web.middleware.security import allow


@permissions.public
@require_safe
@xframe_options_exempt
def view(request: HttpRequest, token: str) -> HttpResponse:
    """?id= is the record's id at the CRM. Without htmx's header the page comes at once and asks for the look by itself."""
    found = panel.opened(token)
    record = request.GET.get("id", "").replace("\x00", "").strip()[:200]
    if found is None or not record:
        raise Http404
    workspace, pair = found
    role = request.GET.get("role", "account")
    if role not in ("account", "contact"):
        raise Http404
    customer = customers.one(pair, role, "left", record)
    with workspace_tx(workspace):
        key = Workspace.objects.get(pk=workspace).key
    context = {
        "one": shown.customer(customer),
        "look_url": request.get_full_path(),
        "inside_url": f"/w/{key}{shown.url_of(pair, role, 'left', record)}",
    }
    if request.headers.get("HX-Request") or request.GET.get("look"):
        context |= looks.look(request, customer)
        context["one"] = context.pop("looked")
    response = render(
        request, "customers/panel_part.html" if request.headers.get("HX-Request") else "customers/panel.html", context
    )
    allow(response, "frame-ancestors", *panel.origins(pair))
    return response
