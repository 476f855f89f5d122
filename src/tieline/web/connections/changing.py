"""What is done to a connection from its page. Each is one form; the page comes back with what it did, or why not."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from tieline.store.models import Connection
from tieline.store.services import connection_ends, connections, practice
from tieline.store.services.asking import manifest_of
from tieline.store.services.declined import DeclinedError
from tieline.web import permissions
from tieline.web.connections import phone, shown, taking_over, words
from tieline.web.connections.forms import Lines, SigningSecret, Title
from tieline.web.connections.views import context_of, one_page
from tieline.web.request import PageRequest


def _done(request: PageRequest, row: Connection, deed: Callable[[], object], said: str) -> HttpResponse:
    """Does it and goes back to the page, with a word about it or why it was not done."""
    try:
        deed()
    except DeclinedError as error:
        messages.error(request, words.declined(error))
    else:
        messages.success(request, said)
    return redirect(shown.url_of(row))


@permissions.needs("connections.change")
@require_POST
def pause(request: PageRequest, connection: str) -> HttpResponse:
    """Ask nothing of it for now; events are kept."""
    row = shown.asked(request, connection)
    said = _("%(title)s is paused. Events are kept.") % {"title": row.title}
    return _done(request, row, lambda: connections.pause(request.workspace.pk, request.user, row.pk), said)


@permissions.needs("connections.change")
@require_POST
def resume(request: PageRequest, connection: str) -> HttpResponse:
    """Go on."""
    row = shown.asked(request, connection)
    said = _("%(title)s goes on.") % {"title": row.title}
    return _done(request, row, lambda: connections.resume(request.workspace.pk, request.user, row.pk), said)


@permissions.needs("connections.change")
@require_POST
def refresh(request: PageRequest, connection: str) -> HttpResponse:
    """Look again: who we are, fields, people, lines."""
    row = shown.asked(request, connection)
    prepare = request.POST.get("prepare") == "1"
    said = _("Looked again. What is shown is what %(title)s says now.") % {"title": row.title}
    return _done(
        request, row, lambda: connections.refresh(request.workspace.pk, request.user, row.pk, prepare=prepare), said
    )


@permissions.needs("connections.change")
@require_http_methods(["GET", "POST"])
def disconnect(request: PageRequest, connection: str) -> HttpResponse:
    """End it, after saying what stops."""
    row = shown.asked(request, connection)
    if request.method == "POST":
        by_hand = connection_ends.disconnect(request.workspace.pk, request.user, row.pk)
        messages.success(request, _("%(title)s is disconnected. Its secrets are deleted.") % {"title": row.title})
        for title in by_hand:
            messages.warning(request, words.still_delivers(title))
        instead = taking_over.instead(request.workspace.pk, row)
        if instead:
            messages.warning(request, instead)
        return redirect("connections")
    return render(request, "connections/disconnect.html", context_of(request, row))


@sensitive_post_parameters("secret")
@permissions.needs("connections.change")
@require_POST
def secret(request: PageRequest, connection: str) -> HttpResponse:
    """Replace the signing secret, or take it away."""
    row = shown.asked(request, connection)
    form = SigningSecret(request.POST)
    if not form.is_valid():
        return one_page(request, row, status=400, secret_form=form)
    remove = "remove" in request.POST
    value = "" if remove else form.cleaned_data["secret"].strip()
    if not value and not remove:
        messages.error(request, _("Nothing was typed, so the secret stays as it was."))
        return redirect(shown.url_of(row))
    name = manifest_of(row.connector).events.secret
    said = (
        _("The signing secret is gone. The address itself is what protects it now.")
        if remove
        else _("The signing secret is replaced. It holds from the next event on.")
    )
    return _done(
        request, row, lambda: connections.set_secret(request.workspace.pk, request.user, row.pk, name, value), said
    )


@permissions.needs("connections.change")
@require_POST
def sandbox(request: PageRequest, connection: str) -> HttpResponse:
    """To the sandbox's page on which people make an event happen by hand, told where this connection's events go."""
    row = shown.asked(request, connection)
    home = request.build_absolute_uri(shown.page_url("runs"))
    try:
        return redirect(practice.open_page(request.workspace.pk, request.user, row.pk, home=home))
    except DeclinedError as no:
        messages.error(request, words.declined(no))
        return redirect(shown.url_of(row))


@permissions.needs("connections.change")
@require_POST
def address(request: PageRequest, connection: str) -> HttpResponse:
    """A new address for its events."""
    row = shown.asked(request, connection)
    said = _("There is a new address. Paste it at the phone system; the old one works for 24 hours more.")
    workspace, grace_s = request.workspace.pk, phone.GRACE_S
    return _done(
        request, row, lambda: connections.new_intake_key(workspace, request.user, row.pk, grace_s=grace_s), said
    )


@permissions.needs("connections.change")
@require_POST
def lines(request: PageRequest, connection: str) -> HttpResponse:
    """Type the lines of a phone system."""
    row = shown.asked(request, connection)
    form = Lines(request.POST)
    if form.is_valid():
        pairs = form.pairs()
        try:
            connections.set_lines(request.workspace.pk, request.user, row.pk, pairs)
        except DeclinedError as error:
            form.add_error("lines", words.declined(error))
        else:
            said = ngettext("%(count)s line is kept.", "%(count)s lines are kept.", len(pairs))
            messages.success(request, said % {"count": len(pairs)})
            return redirect(shown.url_of(row))
    return one_page(request, row, status=400, lines_form=form)


@permissions.needs("connections.change")
@require_POST
def rename(request: PageRequest, connection: str) -> HttpResponse:
    """Call it something else."""
    row = shown.asked(request, connection)
    form = Title(request.POST)
    if not form.is_valid():
        return one_page(request, row, status=400, title_form=form)
    title = form.cleaned_data["title"]
    said = _("It is called %(title)s now.") % {"title": title}
    return _done(request, row, lambda: connections.rename(request.workspace.pk, request.user, row.pk, title), said)
