"""What is asked of a phone system's API from its page: its token, its lines, calls whose events were lost."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from tieline.store.services import backfill, connections
from tieline.store.services.asking import manifest_of
from tieline.store.services.declined import DeclinedError
from tieline.web import permissions
from tieline.web.connections import phone, shown, words
from tieline.web.connections.forms import ApiAccess, Fetch
from tieline.web.connections.views import one_page
from tieline.web.request import PageRequest


@permissions.needs("connections.see")
@require_safe
def progress(request: PageRequest, connection: str) -> HttpResponse:
    """What is being fetched, for the part of the page that stays fresh."""
    row = shown.asked(request, connection)
    # the form stands beside this part, unless the page was made while calls were being fetched
    context = {**phone.fetching(request, row), "more_link": request.GET.get("form") != "1"}
    return render(request, "connections/fetching.html", context)


@permissions.needs("connections.change")
@require_POST
def start(request: PageRequest, connection: str) -> HttpResponse:
    """Count what a back-fill would find, or begin it."""
    row = shown.asked(request, connection)
    form = Fetch(request.POST)
    if not form.is_valid():
        return one_page(request, row, status=400, fetch_form=form)
    since = form.cleaned_data["since"]
    try:
        if "count" in request.POST:
            found = backfill.preview(request.workspace.pk, row.pk, since)
            return one_page(request, row, fetch_form=form, fetch_count=found)
        backfill.start(request.workspace.pk, request.user, row.pk, since)
    except DeclinedError as error:
        form.add_error("since" if error.field else None, words.declined(error))
        return one_page(request, row, status=400, fetch_form=form)
    messages.success(request, _("Calls are being fetched. You need not wait here."))
    return redirect(f"{shown.url_of(row)}#lost")


@permissions.needs("connections.change")
@require_POST
def stop(request: PageRequest, connection: str) -> HttpResponse:
    """End the one under way."""
    row = shown.asked(request, connection)
    try:
        backfill.stop(request.workspace.pk, request.user, row.pk)
    except DeclinedError as error:
        messages.error(request, words.declined(error))
    else:
        messages.success(request, _("Stopped. What was fetched stays and is worked on."))
    return redirect(f"{shown.url_of(row)}#lost")


@permissions.needs("connections.change")
@require_POST
def lines(request: PageRequest, connection: str) -> HttpResponse:
    """Ask for the lines and take them over into the settings of the flows."""
    row = shown.asked(request, connection)
    try:
        found = backfill.fetch_lines(request.workspace.pk, request.user, row.pk)
    except DeclinedError as error:
        messages.error(request, words.declined(error))
        return redirect(shown.url_of(row))
    said = ngettext("%(vendor)s lists %(count)s line.", "%(vendor)s lists %(count)s lines.", len(found.lines))
    text = said % {"vendor": manifest_of(row.connector).title, "count": len(found.lines)}
    if found.new:
        new = ngettext(
            "%(count)s is new and stands under Managers.", "%(count)s are new and stand under Managers.", len(found.new)
        )
        text = f"{text} {new % {'count': len(found.new)}}"
    elif found.left:
        text = f"{text} {_('Set up Calls, then they stand under Managers.')}"
    else:
        text = f"{text} {_('All of them stand under Managers already.')}"
    messages.success(request, text)
    return redirect(f"{shown.url_of(row)}#lines")


@sensitive_post_parameters()
@permissions.needs("connections.change")
@require_POST
def access(request: PageRequest, connection: str) -> HttpResponse:
    """What the API is asked with; the vendor is asked once before it is kept."""
    row = shown.asked(request, connection)
    manifest = manifest_of(row.connector)
    form = ApiAccess(phone.access_fields(manifest), request.POST)
    if not form.is_valid():
        return one_page(request, row, status=400, access_form=form)
    try:
        connections.retype(request.workspace.pk, request.user, row.pk, form.cleaned_data)
    except DeclinedError as error:
        form.add_error(error.field if error.field in form.fields else None, words.declined(error))
        return one_page(request, row, status=400, access_form=form)
    messages.success(request, _("%(vendor)s answers. Its lines are listed now.") % {"vendor": manifest.title})
    return redirect(shown.url_of(row))


@permissions.needs("connections.change")
@require_POST
def old_address(request: PageRequest, connection: str) -> HttpResponse:
    """The address before the present one stops now."""
    row = shown.asked(request, connection)
    try:
        connections.end_old_address(request.workspace.pk, request.user, row.pk)
    except DeclinedError as error:
        messages.error(request, words.declined(error))
    else:
        messages.success(request, _("The old address has stopped."))
    return redirect(shown.url_of(row))
