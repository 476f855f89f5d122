"""Pages of accounts that are ours; allauth has those of passwords and second factors."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView
from allauth.core import ratelimit
from allauth.mfa.base.views import IndexView
from django.contrib import messages
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from tieline.store.services import team
from tieline.store.team import people, sessions
from tieline.store.team.models import Member, OneTimeLink, Role, User
from tieline.web import permissions
from tieline.web.accounts import mail
from tieline.web.accounts.forms import FirstAdmin, Forgotten, Join, NewPassword
from tieline.web.reasons import sentence
from tieline.web.request import PageRequest

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


class SignInView(LoginView):
    """The sign-in page; on a new installation it says how the first person gets in."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """allauth's context, and whether anybody can sign in at all."""
        return super().get_context_data(**kwargs) | {"nobody_yet": not people.somebody_exists()}


sign_in = SignInView.as_view()


@permissions.public
@require_http_methods(["GET", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """A link for a new password by e-mail. The answer is the same, and as quick, for addresses without an account."""
    form = Forgotten(request.POST or None)
    asked = request.method == "POST" and mail.is_set() and form.is_valid()
    if asked:
        email = form.cleaned_data["email"].strip().lower()
        if not ratelimit.consume(request, action="reset_password", key=email):
            return ratelimit.respond_429(request)
        mail.send_new_password(email)
    return render(request, "account/forgotten.html", {"form": form, "asked": asked, "can_mail": mail.is_set()})


class SecondFactorView(IndexView):
    """One's second factors; says which workspaces let nobody in without one."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """allauth's context, and the workspaces that need one."""
        needed = [one.workspace for one in self.request.memberships if one.workspace.second_factor]
        return super().get_context_data(**kwargs) | {"needed_by": needed}


second_factor = SecondFactorView.as_view()


@require_POST
@permissions.signed_in
def end_session(request: PageRequest, named: str) -> HttpResponse:
    """End one of the reader's sessions, by the name that their list gives it."""
    if sessions.end(request.user.pk, named):
        messages.success(request, _("Signed out there."))
    return redirect("me")


@require_POST
@permissions.signed_in
def end_other_sessions(request: PageRequest) -> HttpResponse:
    """End every session of the reader but this one."""
    sessions.end_others(request.user.pk, request.session.session_key)
    messages.success(request, _("You are signed out everywhere else."))
    return redirect("me")


@require_POST
@permissions.signed_in
def sign_out_everywhere(request: PageRequest) -> HttpResponse:
    """End this and every other session of the reader."""
    people.sign_out_everywhere(request.user)
    logout(request)
    messages.success(request, _("You are signed out on every device."))
    return redirect("account_login")


def _language() -> str:
    return (translation.get_language() or "en")[:2]


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
@permissions.public
def welcome(request: HttpRequest, token: str) -> HttpResponseBase:
    """What a one-time link opens: the first super admin, an invitation, a new password."""
    link = people.open_link(token)
    if link is None:
        return render(request, "team/link_gone.html", status=410)
    pages = {
        OneTimeLink.Purpose.FIRST: _first,
        OneTimeLink.Purpose.INVITATION: _invitation,
        OneTimeLink.Purpose.PASSWORD: _password,
    }
    try:
        return pages[OneTimeLink.Purpose(link.purpose)](request, token, link)
    except people.Refused as refused:
        messages.error(request, sentence(refused.code))
        return redirect("account_login")


def _enter(request: HttpRequest, user: User, member: Member | None = None) -> HttpResponse:
    """Sign in whoever just proved themselves by a link; a second factor that is on is asked for at sign-in instead."""
    from allauth.mfa.utils import is_mfa_enabled

    if is_mfa_enabled(user):
        return redirect("account_login")
    login(request, user, backend=BACKEND)
    return redirect(f"/w/{member.workspace.key}/" if member else "/")


def _first(request: HttpRequest, token: str, link: OneTimeLink) -> HttpResponse:
    form = FirstAdmin(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        member = people.use_first_link(
            token,
            company=said["company"],
            zone=said["zone"],
            country=said["country"],
            name=said["name"],
            email=said["email"],
            password=said["password"],
            language=_language(),
        )
        return _enter(request, member.user, member)
    return render(request, "team/first.html", {"form": form, "link": link})


def _invitation(request: HttpRequest, token: str, link: OneTimeLink) -> HttpResponse:
    """The page is the same whether or not the address has an account: it offers both ways in. Only who holds the link and
    tries to make the account hears that it cannot be made."""
    user = request.user
    context: dict[str, Any] = {"link": link, "role": permissions.ROLE_NAMES[Role(link.role)]}
    if user.is_authenticated and user.email == link.email:
        if request.method == "POST":
            member = people.accept_invitation(token, user)
            team.joined(member)
            return redirect(f"/w/{member.workspace.key}/")
        return render(request, "team/invitation.html", context | {"mine": True})
    form = Join(request.POST or None, user=None, email=link.email)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            member = people.use_invitation(token, name=said["name"], password=said["password"], language=_language())
        except people.Refused as refused:
            if refused.code != "email_taken":
                raise
            form.add_error(None, _("No account was made. If you have one for this address, sign in with it."))
        else:
            team.joined(member)
            return _enter(request, member.user, member)
    return render(request, "team/invitation.html", context | {"form": form})


def _password(request: HttpRequest, token: str, link: OneTimeLink) -> HttpResponse:
    form = NewPassword(request.POST or None, user=link.user)
    if request.method == "POST" and form.is_valid():
        user = people.use_password_link(token, form.cleaned_data["password"])
        messages.success(request, _("Your new password is set. Every other session of yours has ended."))
        return _enter(request, user)
    return render(request, "team/new_password.html", {"form": form, "link": link})
