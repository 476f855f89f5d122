"""The page of decisions that hold for later cases: who made which, how often it answered, and its end."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from tieline.store import public_ids
from tieline.store.services import remembered as service
from tieline.store.services import sentences
from tieline.store.services.declined import DeclinedError
from tieline.store.services.remembered import Kept
from tieline.web import permissions
from tieline.web.parts import words
from tieline.web.request import PageRequest


@dataclass(frozen=True, slots=True)
class Listed:
    """A remembered decision as the page shows it."""

    id: str
    question: str
    row: Kept


@permissions.needs("inbox.see")
@require_safe
def listed(request: PageRequest) -> HttpResponse:
    """All that are in force."""
    rows = [
        Listed(public_ids.of("kept").show(one.id), _("Who is %(number)s?") % {"number": words.phone(one.topic)}, one)
        for one in service.listed(request.workspace.pk)
    ]
    return render(
        request, "inbox/remembered.html", {"rows": rows, "may_end": permissions.may(request.member, "inbox.remember")}
    )


@permissions.needs("inbox.remember")
@require_POST
def revoke(request: PageRequest, shown: str) -> HttpResponse:
    """Later cases ask again."""
    id = public_ids.of("kept").read(shown)
    if id is None:
        raise Http404
    try:
        if service.revoke(request.workspace.pk, request.user, id):
            messages.success(request, _("Later cases will ask again. What was decided stays."))
        else:
            messages.info(request, _("Somebody ended it before."))
    except DeclinedError as error:
        messages.error(request, sentences.say(error.code, error.params))
    return redirect("inbox-remembered")
