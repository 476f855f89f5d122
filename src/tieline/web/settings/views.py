"""The workspace's own settings."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from tieline.store.services import team, workspaces
from tieline.store.services.declined import DeclinedError
from tieline.web import permissions
from tieline.web.connections.words import declined
from tieline.web.request import PageRequest
from tieline.web.welcome.forms import Company


@permissions.needs("workspace.see")
@require_http_methods(["GET", "POST"])
def workspace(request: PageRequest) -> HttpResponse:
    """Name, country, zone, language."""
    space = workspaces.read(request.workspace.pk)
    initial = {"name": space.name, "country": space.country, "zone": space.zone, "language": space.language}
    form = Company(request.POST or None, initial=initial)
    if request.method == "POST":
        if not permissions.may(request.member, "workspace.change"):
            raise PermissionDenied("workspace.change")
        if form.is_valid():
            try:
                workspaces.change(request.workspace.pk, request.user, **form.cleaned_data)
            except DeclinedError as error:
                form.add_error(error.field or None, declined(error))
            else:
                messages.success(request, _("The workspace’s settings are saved."))
                return redirect("settings")
    context = {
        "form": form,
        "space": space,
        "mine": team.has_second_factor(request.user),
        "may_factor": permissions.may(request.member, "team.change"),
        "without": [one for one in team.members(request.workspace.pk) if not one.second_factor],
    }
    return render(request, "settings/workspace.html", context)


@permissions.needs("team.change")
@require_POST
def second_factor(request: PageRequest) -> HttpResponse:
    """Whether everybody needs a second factor."""
    on = request.POST.get("on") == "1"
    try:
        team.require_second_factor(request.workspace.pk, request.user, on)
    except DeclinedError as error:
        messages.error(request, declined(error))
    else:
        messages.success(
            request,
            _("From now on nobody comes in without a second factor.")
            if on
            else _("A second factor is each one’s own choice again."),
        )
    return redirect("settings")
