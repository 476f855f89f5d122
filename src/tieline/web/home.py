"""Home: what needs the reader first, what went well in one line. And the phone's "More"."""

from __future__ import annotations

from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tieline.web import permissions
from tieline.web.request import PageRequest


@require_safe
@permissions.signed_in
def home(request: PageRequest) -> HttpResponse:
    """The first page of a workspace; who is in none is told whom to ask."""
    if request.usual_member is None:
        return render(request, "pages/no_workspace.html")
    return render(
        request, "pages/home.html", {"now": timezone.now(), "greeting": greeting(request), "next_step": next_step()}
    )


def greeting(request: PageRequest) -> str:
    """Good morning, afternoon or evening by the workspace's clock, with the first name."""
    hour = timezone.localtime().hour
    name = (request.user.name.split() or [request.user.email])[0]
    if 5 <= hour < 12:
        return _("Good morning, %(name)s.") % {"name": name}
    if 12 <= hour < 18:
        return _("Good afternoon, %(name)s.") % {"name": name}
    return _("Good evening, %(name)s.") % {"name": name}


def next_step() -> dict[str, str] | None:
    """The one next step on an empty home page: connect something, once there is a page for it."""
    try:
        return {"url": reverse("connections"), "label": _("Connect the first system")}
    except NoReverseMatch:
        return None


@require_safe
@permissions.signed_in
def more(request: HttpRequest) -> HttpResponse:
    """The whole menu as a page, for the phone's bottom bar."""
    return render(request, "pages/more.html")


@require_safe
@permissions.public
def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask here without looking at the page."""
    return HttpResponseRedirect(staticfiles_storage.url("tieline/favicon.svg"))
