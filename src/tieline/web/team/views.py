"""The team's page and what its forms do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from tieline.store import public_ids
from tieline.store.services import team as service
from tieline.store.services.declined import DeclinedError
from tieline.store.services.team import Invitation, MemberRow
from tieline.store.team.models import Role
from tieline.web import permissions
from tieline.web.accounts import links, mail
from tieline.web.connections.words import declined
from tieline.web.permissions import ROLE_NAMES, ROLE_SENTENCES
from tieline.web.request import PageRequest
from tieline.web.team import words
from tieline.web.team.forms import Invite


@dataclass(frozen=True, slots=True)
class Person:
    """A member as the page shows them."""

    id: str
    row: MemberRow
    role: str
    me: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """An open invitation as the page shows it."""

    id: str
    row: Invitation
    role: str


@dataclass(frozen=True, slots=True)
class Made:
    """A link that was just made: its address is shown this once."""

    email: str
    address: str
    sent: bool


@permissions.needs("team.see")
@require_safe
def team(request: PageRequest) -> HttpResponse:
    """Who is in, who is invited, what each role may do."""
    return _page(request)


@never_cache
@permissions.needs("team.change")
@require_POST
def invite(request: PageRequest) -> HttpResponse:
    """Invite somebody; the link is shown once, on the answer itself."""
    form = Invite(request.POST)
    if not form.is_valid():
        return _page(request, form)
    said = form.cleaned_data
    by_mail = mail.is_set() and "send" in request.POST
    try:
        made, token = service.invite(
            request.workspace.pk,
            request.user,
            email=said["email"],
            role=said["role"],
            days=said["days"],
            mailed=by_mail,
        )
    except DeclinedError as error:
        form.add_error(error.field or None, declined(error))
        return _page(request, form)
    return _page(request, made=_hand_over(request, made, token, by_mail=by_mail))


@never_cache
@permissions.needs("team.change")
@require_POST
def renew(request: PageRequest, shown: str) -> HttpResponse:
    """A new link for an invitation; the old one stops working."""
    try:
        made, token = service.renew(request.workspace.pk, request.user, _id("invite", shown))
    except DeclinedError as error:
        messages.error(request, declined(error))
        return redirect("team")
    return _page(request, made=_hand_over(request, made, token, by_mail=made.mailed and mail.is_set()))


@permissions.needs("team.change")
@require_POST
def revoke(request: PageRequest, shown: str) -> HttpResponse:
    """Take an invitation back."""
    invitation = _id("invite", shown)
    return _do(
        request,
        lambda: service.revoke(request.workspace.pk, request.user, invitation),
        _("The invitation is taken back. Its link opens nothing any more."),
    )


@permissions.needs("team.change")
@require_POST
def role(request: PageRequest, shown: str) -> HttpResponse:
    """Give a member another role."""
    member, asked = _id("member", shown), request.POST.get("role", "")
    return _do(
        request,
        lambda: service.change_role(request.workspace.pk, request.user, member, asked),
        _("The role is changed. It counts from now on."),
    )


@permissions.needs("team.change")
@require_POST
def sign_out(request: PageRequest, shown: str) -> HttpResponse:
    """End every session of a member."""
    member = _id("member", shown)
    return _do(
        request,
        lambda: service.sign_out(request.workspace.pk, request.user, member),
        _("Every session of theirs has ended. They sign in again."),
    )


@permissions.needs("team.change")
@require_POST
def remove(request: PageRequest, shown: str) -> HttpResponse:
    """Take somebody out of the team."""
    member = _id("member", shown)
    return _do(
        request,
        lambda: service.remove(request.workspace.pk, request.user, member),
        _("They are out of the team, and their sessions have ended."),
    )


def _do(request: PageRequest, action: Callable[[], object], done: str) -> HttpResponse:
    try:
        action()
    except DeclinedError as error:
        messages.error(request, declined(error))
    else:
        messages.success(request, done)
    return redirect("team")


def _hand_over(request: PageRequest, made: Invitation, token: str, *, by_mail: bool) -> Made:
    address = links.address(token)
    if not by_mail:
        return Made(made.email, address, sent=False)
    sent = mail.send_invitation(made.email, request.workspace.name, request.user.name, address)
    if not sent:
        messages.error(request, _("The mail server did not take the e-mail. Hand the link over yourself."))
    return Made(made.email, "" if sent else address, sent)


def _id(kind: str, shown: str) -> int:
    found = public_ids.of(kind).read(shown)
    if found is None:
        raise Http404
    return found


def _people(request: PageRequest) -> Sequence[Person]:
    ids = public_ids.of("member")
    return [
        Person(ids.show(row.id), row, str(ROLE_NAMES[Role(row.role)]), row.user == request.user.pk)
        for row in service.members(request.workspace.pk)
    ]


def _page(request: PageRequest, form: Invite | None = None, made: Made | None = None) -> HttpResponse:
    may_change = permissions.may(request.member, "team.change")
    ids = public_ids.of("invite")
    invited = service.invitations(request.workspace.pk) if may_change else []
    context: dict[str, Any] = {
        "people": _people(request),
        "invited": [Asked(ids.show(row.id), row, str(ROLE_NAMES[Role(row.role)])) for row in invited],
        "roles": [(one.value, ROLE_NAMES[one], ROLE_SENTENCES[one]) for one in Role],
        "table": words.table(),
        "may_change": may_change,
        "form": form or Invite(),
        "made": made,
        "can_mail": mail.is_set(),
        "everybody_needs": request.workspace.second_factor,
        "may_settings": permissions.may(request.member, "workspace.see"),
    }
    return render(request, "team/team.html", context)
