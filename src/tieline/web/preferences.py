"""The reader's own settings: language, light or dark, keys. Stored with the user, or in cookies before a sign-in."""

from __future__ import annotations

from allauth.mfa.utils import is_mfa_enabled
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language_from_request, gettext_lazy, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from tieline.store.team import sessions
from tieline.store.team.models import Role, Theme, User
from tieline.web import permissions
from tieline.web.accounts.sessions import called
from tieline.web.middleware.preferences import THEME_COOKIE
from tieline.web.request import PageRequest

THEME_NAMES = [
    (Theme.SYSTEM, gettext_lazy("As this device")),
    (Theme.LIGHT, gettext_lazy("Light")),
    (Theme.DARK, gettext_lazy("Dark")),
]


class MyPage(forms.ModelForm):
    """How Tieline speaks and looks for one reader."""

    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        required=False,
        help_text=gettext_lazy(
            "Texts that Tieline writes into your CRM have their own language, set for the workspace."
        ),
    )
    theme = forms.ChoiceField(label=gettext_lazy("Light or dark"), choices=THEME_NAMES, widget=forms.RadioSelect)

    class Meta:
        model = User
        fields = ("name", "language", "theme", "shortcuts")
        labels = {
            "name": gettext_lazy("Your name"),
            "shortcuts": gettext_lazy("Single keys"),
        }
        help_texts = {
            "name": gettext_lazy("As your colleagues see it beside what you decided."),
            "shortcuts": gettext_lazy("Outside of fields: / searches, j and k move through a list, Enter opens."),
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["language"].choices = [("", _("As this browser asks")), *settings.LANGUAGES]  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
@permissions.signed_in
def me(request: PageRequest) -> HttpResponse:
    """Language, theme and keys, with the ways to password and second factor."""
    form = MyPage(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        with override(request.user.language or get_language_from_request(request)):
            messages.success(request, _("Your settings are saved."))
        return redirect("me")
    workspaces = [
        {"key": one.workspace.key, "name": one.workspace.name, "role": permissions.ROLE_NAMES[Role(one.role)]}
        for one in request.memberships
    ]
    role = permissions.ROLE_NAMES[Role(request.member.role)] if request.member else ""
    open_here = [
        (one, called(one.device)) for one in sessions.open_sessions(request.user.pk, request.session.session_key)
    ]
    more = {
        "workspaces": workspaces,
        "role": role,
        "second_factor": is_mfa_enabled(request.user),
        "sessions": open_here,
    }
    return render(request, "pages/me.html", {"form": form, **more})


def _back(request: HttpRequest) -> HttpResponseRedirect:
    """To the page that the form stood on."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = reverse("home")
    return HttpResponseRedirect(target)


@require_POST
@permissions.public
def language(request: HttpRequest) -> HttpResponse:
    """Speak another language from now on."""
    asked = request.POST.get("language", "")
    if asked not in dict(settings.LANGUAGES):
        return HttpResponse(status=400)
    if request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(language=asked)
    response = _back(request)
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        asked,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        samesite="Lax",
    )
    return response


@require_POST
@permissions.public
def theme(request: HttpRequest) -> HttpResponse:
    """Light, dark, or as the device. The script asks for no page (204); a form without script comes back to its own."""
    asked = request.POST.get("theme", "")
    if asked not in Theme.values:
        return HttpResponse(status=400)
    if request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(theme=asked)
    quiet = request.headers.get("X-Tieline-Quiet") == "1"
    response = HttpResponse(status=204) if quiet else _back(request)
    response.set_cookie(
        THEME_COOKIE,
        asked,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        samesite="Lax",
    )
    return response
