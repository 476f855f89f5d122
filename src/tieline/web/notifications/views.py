"""What the reader was told of, read and chosen; and the bell that counts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from tieline.store.services import notifications as service
from tieline.store.services import notifying, sentences
from tieline.store.services.declined import DeclinedError
from tieline.store.services.notifications import Told
from tieline.web import nav, permissions
from tieline.web.accounts import mail
from tieline.web.notifications.words import KINDS, MAILS, STATES
from tieline.web.request import PageRequest


@dataclass(frozen=True, slots=True)
class Line:
    """One notification on the page."""

    said: str
    at: datetime
    unread: bool
    mail: str
    url: str


@nav.bell
def unread(request: HttpRequest) -> int:
    """What the reader was told of and has not read."""
    workspace, user = getattr(request, "workspace", None), request.user
    return service.unread(workspace.pk, user) if workspace is not None else 0  # type: ignore[arg-type]


@permissions.needs("inbox.see")
@require_safe
def notifications(request: PageRequest) -> HttpResponse:
    """The newest first, and how the reader wants to be told."""
    told = [_line(one) for one in service.listed(request.workspace.pk, request.user)]
    rows = [
        (row.kind, KINDS[row.kind], row.in_app, row.mail)
        for row in service.choices(request.workspace.pk, request.user, request.member)
    ]
    context = {
        "told": told,
        "unread": any(one.unread for one in told),
        "rows": rows,
        "mails": list(MAILS.items()),
        "mail_is_set": mail.is_set(),
    }
    return render(request, "notifications/page.html", context)


@permissions.needs("inbox.see")
@require_POST
def read(request: PageRequest) -> HttpResponse:
    """All of it is read."""
    service.read_all(request.workspace.pk, request.user)
    return redirect("notifications")


@permissions.needs("inbox.see")
@require_POST
def choose(request: PageRequest) -> HttpResponse:
    """How the reader is told from now on."""
    shown = [row.kind for row in service.choices(request.workspace.pk, request.user, request.member)]
    wanted = {kind: (f"app:{kind}" in request.POST, request.POST.get(f"mail:{kind}", "")) for kind in shown}
    try:
        service.choose(request.workspace.pk, request.user, request.member, wanted)
        messages.success(request, _("Saved. It holds for what happens from now on."))
    except DeclinedError as error:
        messages.error(request, sentences.say(error.code, error.params))
    return redirect("notifications")


def _line(one: Told) -> Line:
    url = reverse("connections" if one.kind.startswith("connection.") else "inbox")
    state = str(STATES[one.mail_state]) if one.mail_state in STATES else ""
    return Line(notifying.line(one.kind, one.params, one.times), one.last_at, one.read_at is None, state, url)
