"""Connecting: the form of a connector, consent there and back, and connecting anew."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from tieline.sdk.manifest import Manifest
from tieline.store import public_ids
from tieline.store.connection import workspace_tx
from tieline.store.models import Connection, ConnectionState
from tieline.store.services import connections, consent, oauth_clients
from tieline.store.services import undo as undos
from tieline.store.services.asking import SANDBOX, manifest_of, opening_of, sandbox_url
from tieline.store.services.declined import DeclinedError
from tieline.store.services.offers import offer
from tieline.store.team.models import Member
from tieline.web import permissions
from tieline.web.connections import shown, words
from tieline.web.connections.forms import Connect, Retype
from tieline.web.middleware.security import allow
from tieline.web.permissions import may
from tieline.web.request import PageRequest

WIZARD = "start"
"""The `then` of a consent that began in the first-run wizard."""


@sensitive_post_parameters()
@never_cache
@permissions.needs("connections.change")
@require_http_methods(["GET", "POST"])
def new(request: PageRequest, connector: str) -> HttpResponse:
    """Connect something: a form, or the page before consent."""
    manifest = _manifest(connector)
    form = connect_form(request, manifest)
    if request.method == "POST" and form.is_valid():
        answer = connect(request, manifest, form)
        if isinstance(answer, HttpResponse):
            return answer
        if answer is not None:
            messages.success(request, _("%(title)s is connected.") % {"title": answer.title})
            return redirect(shown.url_of(answer))
    return leaving(render(request, "connections/new.html", new_context(request, manifest, form)), manifest)


def connect_form(request: PageRequest, manifest: Manifest) -> Connect:
    """The form of a connector, filled with what was sent."""
    sandbox = bool(sandbox_url(manifest.name))
    production = manifest.auth.kind != "oauth2" or oauth_clients.client_for(request.workspace.pk, manifest) is not None
    return Connect(manifest, request.POST or None, sandbox=sandbox, production=production)


def new_context(request: PageRequest, manifest: Manifest, form: Connect) -> dict[str, Any]:
    """What the page before connecting shows."""
    found = offer(request.workspace.pk, manifest.name)
    oauth = manifest.auth.kind == "oauth2"
    no_client = oauth and oauth_clients.client_for(request.workspace.pk, manifest) is None
    return {
        "manifest": manifest,
        "form": form,
        "card": shown.card(found) if found else None,
        "oauth": oauth,
        "no_client": no_client,
        "can_go": not no_client or bool(sandbox_url(manifest.name)),
        "client_url": reverse("connections-client", args=[manifest.name]) if oauth else "",
        "may_register": may(request.member, "oauth_clients.change"),
        "asked": shown.asked_for(consent.wanted(request.workspace.pk, manifest.name)) if oauth else [],
    }


def connect(
    request: PageRequest, manifest: Manifest, form: Connect, then: str = ""
) -> Connection | HttpResponse | None:
    """The connection, or the way to the consent; None when the form has errors now."""
    common: dict[str, Any] = {
        "title": form.cleaned_data.get("title", ""),
        "environment": form.environment,
        "prepare": bool(form.cleaned_data.get("prepare", False)),
    }
    workspace, user = request.workspace.pk, request.user
    try:
        if manifest.auth.kind == "oauth2":
            centre = form.cleaned_data.get("data_centre", "") if form.environment != SANDBOX else ""
            return go(consent.start(workspace, user, manifest.name, data_centre=centre, then=then, **common))
        return connections.connect(workspace, user, manifest.name, form.typed(), **common)
    except DeclinedError as error:
        form.add_error(error.field if error.field in form.fields else None, words.declined(error))
        return None


def go(url: str) -> HttpResponse:
    """To a vendor's consent page."""
    return leaving_to(HttpResponseRedirect(url), url)


def leaving_to(response: HttpResponse, url: str) -> HttpResponse:
    """Lets the forms of this answer end at another origin."""
    parts = urlsplit(url)
    allow(response, "form-action", f"{parts.scheme}://{parts.netloc}")
    return response


def leaving(response: HttpResponse, manifest: Manifest) -> HttpResponse:
    """Lets the forms of a page end at a consent page of this vendor: browsers hold form-action against redirects too."""
    if manifest.auth.kind == "oauth2":
        for centre in manifest.auth.data_centres.values():
            for value in centre.values():
                if value.startswith("https://"):
                    leaving_to(response, value)
        if sandbox_url(manifest.name):
            leaving_to(response, sandbox_url(manifest.name))
    return response


@never_cache
@permissions.signed_in
@require_safe
def returned(request: PageRequest) -> HttpResponse:
    """Where a vendor sends people back to: accepted, refused, or something went wrong."""
    query = {name: request.GET[name] for name in request.GET}
    if not query.get("state"):
        raise Http404
    workspace = consent.workspace_of(query)
    if workspace is not None and not may(_member_of(request, workspace), "connections.change"):
        raise PermissionDenied("connections.change")  # the role changed while they were away
    try:
        finished = consent.finish(request.user, query)
    except DeclinedError as error:
        return render(request, "connections/not_connected.html", {"said": words.declined(error)}, status=400)
    member = _member_of(request, finished.workspace)
    where = f"/w/{member.workspace.key}"
    if finished.connection is None:
        vendor = manifest_of(finished.connector).title
        if finished.renewed is not None:
            again, back = (
                reverse("connections-reconnect", args=[shown.shown_id(finished.renewed)]),
                shown.url_of(finished.renewed),
            )
        else:
            again, back = reverse("connections-new", args=[finished.connector]), reverse("connections")
        if finished.then == WIZARD:
            again = back = reverse("start")
        context = {"vendor": vendor, "again": again, "back": back, "renewed": finished.renewed is not None}
        return render(request, "connections/refused.html", context)
    row = finished.connection
    if finished.renewed is not None:
        messages.success(request, _("%(title)s is connected again.") % {"title": row.title})
    else:
        messages.success(request, _("%(title)s is connected.") % {"title": row.title})
    if finished.begun:
        names = words.listed([str(words.FLOWS.get(one, one)) for one in finished.begun])
        messages.success(request, _("The rules that waited are in force now: %(flows)s.") % {"flows": names})
    if finished.missing:
        said = ngettext(
            "%(vendor)s did not give one right.", "%(vendor)s did not give %(count)s rights.", len(finished.missing)
        )
        messages.warning(request, said % {"vendor": row.title, "count": len(finished.missing)})
    undo = public_ids.of("undo").read(finished.then) if finished.then.startswith("undo_") else None
    if undo is not None:
        with contextlib.suppress(DeclinedError):
            undos.look_again(finished.workspace, request.user, undo)
        return HttpResponseRedirect(f"{where}/undo/{finished.then}/")
    page = "start" if finished.then == WIZARD else "connections-one"
    path = _path(page, row)
    return HttpResponseRedirect(f"{where}{path}")


def _path(page: str, row: Connection) -> str:
    """A page's path below the workspace, whichever workspace this request was for."""
    from django.urls import get_script_prefix

    full = reverse(page) if page == "start" else shown.url_of(row, page)
    return "/" + full.removeprefix(get_script_prefix())


def _member_of(request: PageRequest, workspace: int) -> Member:
    member = next((one for one in request.memberships if one.workspace_id == workspace), None)
    if member is None:
        raise Http404
    return member


@sensitive_post_parameters()
@never_cache
@permissions.needs("connections.change")
@require_http_methods(["GET", "POST"])
def reconnect(request: PageRequest, connection: str) -> HttpResponse:
    """Connect the same account anew: by consent, or with new fields."""
    row = shown.asked(request, connection)
    manifest = _manifest(row.connector)
    if row.state == ConnectionState.DISCONNECTED:
        return redirect("connections-new", row.connector)
    context: dict[str, Any] = {"connection": row, "manifest": manifest, "back": shown.url_of(row)}
    if manifest.auth.kind == "oauth2":
        if request.method == "POST":
            try:
                url = consent.start(
                    request.workspace.pk,
                    request.user,
                    row.connector,
                    connection=row.pk,
                    prepare=bool(row.origin_fields),
                    then=_undo_named(request),
                )
                return go(url)
            except DeclinedError as error:
                context["said"] = words.declined(error)
        missing = [
            scope for scope in consent.wanted(request.workspace.pk, row.connector, row.pk) if scope not in row.scopes
        ]
        context["asked"] = shown.asked_for(consent.wanted(request.workspace.pk, row.connector, row.pk), missing)
        context["missing"] = missing
        return leaving(render(request, "connections/reconnect.html", context), manifest)
    with workspace_tx(request.workspace.pk):
        stored = dict(opening_of(row).fields)
    form = Retype(manifest, stored, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            connections.retype(request.workspace.pk, request.user, row.pk, form.cleaned_data)
        except DeclinedError as error:
            form.add_error(error.field if error.field in form.fields else None, words.declined(error))
        else:
            messages.success(request, _("%(title)s is connected again.") % {"title": row.title})
            return redirect(shown.url_of(row))
    return render(request, "connections/reconnect.html", {**context, "form": form})


def _undo_named(request: PageRequest) -> str:
    """The undo that a person came from, to go back to once the right is given."""
    named = request.GET.get("then", "")
    return named if public_ids.of("undo").read(named) is not None else ""


def _manifest(connector: str) -> Manifest:
    try:
        return manifest_of(connector)
    except DeclinedError:
        raise Http404 from None
