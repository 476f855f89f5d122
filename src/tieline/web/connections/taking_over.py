"""A CRM that flows go on with after theirs was ended."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from tieline.store.models import Connection
from tieline.store.services import connections
from tieline.store.services.declined import DeclinedError
from tieline.web import permissions
from tieline.web.connections import shown, words
from tieline.web.request import PageRequest


def said(flows: tuple[str, ...]) -> str:
    """Flows by name, "" for none."""
    return words.listed([str(words.FLOWS.get(one, one)) for one in flows]) if flows else ""


def instead(workspace: int, ended: Connection) -> str:
    """What to say when flows have lost their CRM and another one is there; "" where there is nothing to say."""
    for row in connections.listed(workspace):
        flows = connections.free_flows(row) if row.pk != ended.pk else ()
        if flows:
            return _("%(flows)s: nothing is written now. On the page of %(title)s you can choose to go on with it.") % {
                "flows": said(flows),
                "title": row.title,
            }
    return ""


@permissions.needs("connections.change")
@require_POST
def take_over(request: PageRequest, connection: str) -> HttpResponse:
    """Flows without a CRM go on with this one."""
    row = shown.asked(request, connection)
    try:
        taken = connections.take_over(request.workspace.pk, request.user, row.pk)
    except DeclinedError as error:
        messages.error(request, words.declined(error))
    else:
        text = _(
            "%(flows)s: %(title)s it is from now on, by the default rules. Nothing is written until you switch it on."
        )
        messages.success(request, text % {"flows": said(taken), "title": row.title})
    return redirect(shown.url_of(row))
