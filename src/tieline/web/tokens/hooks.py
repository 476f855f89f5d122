"""Outgoing webhooks, made, tested, given a new secret, switched off and ended."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from tieline.store import public_ids
from tieline.store.services import hooks as service
from tieline.store.services import sentences
from tieline.store.services.declined import DeclinedError
from tieline.web import permissions
from tieline.web.request import PageRequest
from tieline.web.tokens import hook_rows
from tieline.web.tokens.views import page


@never_cache
@permissions.needs("tokens.change")
@require_POST
def make(request: PageRequest) -> HttpResponse:
    """A new webhook; its secret is shown once, on the answer itself."""
    given = request.POST
    try:
        row, secret = service.make(
            request.workspace.pk, request.user, given.get("title", ""), given.get("url", ""), given.getlist("kind")
        )
    except DeclinedError as error:
        return page(request, hook_error=sentences.say(error.code, error.params))
    return page(request, hook_made=(row.title, secret))


@never_cache
@permissions.needs("tokens.change")
@require_POST
def rotate(request: PageRequest, shown: str) -> HttpResponse:
    """A new secret, shown once."""
    try:
        row, secret = service.rotate(request.workspace.pk, request.user, _id("hook", shown))
    except DeclinedError as error:
        return page(request, hook_error=sentences.say(error.code, error.params))
    return page(request, hook_made=(row.title, secret))


@permissions.needs("tokens.change")
@require_POST
def change(request: PageRequest, shown: str) -> HttpResponse:
    """Switched on or off."""
    on = request.POST.get("active") == "1"
    said = _("The webhook is switched on.") if on else _("The webhook is switched off. What waited for it is not sent.")
    hook = _id("hook", shown)
    return _then(request, said, lambda: service.change(request.workspace.pk, request.user, hook, active=on))


@permissions.needs("tokens.change")
@require_POST
def test(request: PageRequest, shown: str) -> HttpResponse:
    """A test message."""
    hook = _id("hook", shown)
    said = _("The test message is on its way.")
    return _then(request, said, lambda: service.test(request.workspace.pk, request.user, hook), back=shown)


@permissions.needs("tokens.change")
@require_POST
def end(request: PageRequest, shown: str) -> HttpResponse:
    """It goes, with its messages."""
    hook = _id("hook", shown)
    return _then(request, _("The webhook is ended."), lambda: service.end(request.workspace.pk, request.user, hook))


@permissions.needs("tokens.change")
@require_POST
def again(request: PageRequest, shown: str, message: str) -> HttpResponse:
    """A message sent again, under its id."""
    hook, delivery = _id("hook", shown), _id("message", message)
    said = _("The message is sent again.")
    return _then(request, said, lambda: service.again(request.workspace.pk, request.user, hook, delivery), back=shown)


@permissions.needs("tokens.see")
@require_safe
def deliveries(request: PageRequest, shown: str) -> HttpResponse:
    """A webhook's last messages."""
    id = _id("hook", shown)
    row = next((one for one in service.listed(request.workspace.pk) if one.id == id), None)
    if row is None:
        raise Http404
    context = {
        "hook": hook_rows.hook(row),
        "messages_sent": [hook_rows.delivery(one) for one in service.deliveries(request.workspace.pk, id)],
        "may_change": permissions.may(request.member, "tokens.change"),
    }
    return render(request, "tokens/hook.html", context)


def _then(request: PageRequest, said: str, do: Callable[[], object], back: str = "") -> HttpResponse:
    try:
        do()
        messages.success(request, said)
    except DeclinedError as error:
        messages.info(request, sentences.say(error.code, error.params))
    return redirect("tokens-hooks_deliveries", back) if back else redirect("tokens")


def _id(kind: str, shown: str) -> int:
    id = public_ids.of(kind).read(shown)
    if id is None:
        raise Http404
    return id
