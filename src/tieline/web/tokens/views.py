"""The API's page: tokens made, shown once, ended."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from tieline.store import public_ids
from tieline.store.services import sentences
from tieline.store.services import tokens as service
from tieline.store.services.declined import DeclinedError
from tieline.store.services.tokens import Token
from tieline.web import permissions
from tieline.web.request import PageRequest
from tieline.web.team.words import SENTENCES
from tieline.web.tokens import hook_rows as hooks

DAYS = (30, 90, 365, 0)
"""How long a token may work; 0: until somebody ends it."""
READS = ("home.see", "search", "inbox.see", "records.see", "flows.see", "runs.see", "connections.see", "team.see")


@dataclass(frozen=True, slots=True)
class Listed:
    """A token as the page shows it."""

    id: str
    row: Token
    may: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """An action to be ticked."""

    name: str
    said: str
    on: bool


@permissions.needs("tokens.see")
@require_safe
def tokens(request: PageRequest) -> HttpResponse:
    """Every token, and the form for a new one."""
    return _page(request)


@never_cache
@permissions.needs("tokens.change")
@require_POST
def make(request: PageRequest) -> HttpResponse:
    """A new token; its text is shown once, on the answer itself."""
    days = request.POST.get("days", "")
    try:
        row, text = service.make(
            request.workspace.pk,
            request.user,
            request.POST.get("name", ""),
            request.POST.getlist("action"),
            int(days) if days.isdigit() and int(days) in DAYS else DAYS[1],
        )
    except DeclinedError as error:
        return _page(request, error=sentences.say(error.code, error.params))
    return _page(request, made=(row.name, text))


@permissions.needs("tokens.change")
@require_POST
def end(request: PageRequest, shown: str) -> HttpResponse:
    """It works no more."""
    id = public_ids.of("token").read(shown)
    if id is None:
        raise Http404
    try:
        service.end(request.workspace.pk, request.user, id)
        messages.success(request, _("The token works no more."))
    except DeclinedError as error:
        messages.info(request, sentences.say(error.code, error.params))
    return redirect("tokens")


def _page(request: PageRequest, *, made: tuple[str, str] | None = None, error: str = "") -> HttpResponse:
    return page(request, made=made, error=error)


def page(
    request: PageRequest,
    *,
    made: tuple[str, str] | None = None,
    error: str = "",
    hook_made: tuple[str, str] | None = None,
    hook_error: str = "",
) -> HttpResponse:
    """The page; `made` and `hook_made` are a name and the secret that is shown this once."""
    rows = service.listed(request.workspace.pk)
    wanted = request.POST.getlist("action") if error else READS
    context = {
        "tokens": [
            Listed(
                public_ids.of("token").show(row.id),
                row,
                tuple(str(SENTENCES[one]) for one in row.actions if one in SENTENCES),
            )
            for row in rows
        ],
        "choices": [
            Choice(name, str(SENTENCES[name]), name in wanted)
            for name in permissions.ACTIONS
            if permissions.may(request.member, name)
        ],
        "days": [(one, _("%(count)s days") % {"count": one} if one else _("until it is ended")) for one in DAYS],
        "days_on": DAYS[1],
        "may_change": permissions.may(request.member, "tokens.change"),
        "made": made,
        "error": error,
        "name": request.POST.get("name", "") if error else "",
        **hooks.context(request, error=hook_error),
        "hook_made": hook_made,
    }
    return render(request, "tokens/page.html", context, status=400 if error or hook_error else 200)
