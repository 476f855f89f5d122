"""The guided page that registers this installation at a vendor with consent (HUB-13)."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from tieline.sdk.manifest import Manifest
from tieline.store.services import oauth_clients
from tieline.store.services.asking import manifest_of
from tieline.store.services.declined import DeclinedError
from tieline.web import permissions
from tieline.web.connections import words
from tieline.web.connections.forms import OurClient
from tieline.web.request import PageRequest


def _manifest(connector: str) -> Manifest:
    try:
        manifest = manifest_of(connector)
    except DeclinedError:
        raise Http404 from None
    if manifest.auth.kind != "oauth2":
        raise Http404
    return manifest


@sensitive_post_parameters("client_secret")
@never_cache
@permissions.needs("oauth_clients.change")
@require_http_methods(["GET", "POST"])
def client(request: PageRequest, connector: str) -> HttpResponse:
    """What to register at the vendor, and where to put what it gives."""
    manifest = _manifest(connector)
    found = oauth_clients.client_for(request.workspace.pk, manifest)
    form = OurClient(request.POST or None, initial={"client_id": found.client_id if found else ""})
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            oauth_clients.keep(request.workspace.pk, request.user, connector, said["client_id"], said["client_secret"])
        except DeclinedError as error:
            form.add_error(error.field or None, words.declined(error))
        else:
            messages.success(request, _("%(vendor)s can be connected now.") % {"vendor": manifest.title})
            return redirect("connections-new", connector)
    names = oauth_clients.environment_names(manifest)
    context = {
        "manifest": manifest,
        "form": form,
        "found": found,
        "redirect_uri": oauth_clients.redirect_uri(),
        "variables": names,
        "centres": [(name.upper(), next(iter(centre.values()))) for name, centre in manifest.auth.data_centres.items()],
    }
    return render(request, "connections/client.html", context)


@permissions.needs("oauth_clients.change")
@require_POST
def forget(request: PageRequest, connector: str) -> HttpResponse:
    """Take the workspace's own client away."""
    manifest = _manifest(connector)
    oauth_clients.forget(request.workspace.pk, request.user, connector)
    messages.success(request, _("The workspace’s own client at %(vendor)s is gone.") % {"vendor": manifest.title})
    return redirect("connections-client", connector)
