"""The forms of signing in and of the one-time links, with our words and without placeholders for labels."""

from __future__ import annotations

import zoneinfo
from functools import lru_cache
from typing import Any

from allauth.account.forms import ChangePasswordForm, LoginForm, ReauthenticateForm
from allauth.core import context
from allauth.mfa.base.forms import BaseAuthenticateForm
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.totp.forms import ActivateTOTPForm
from babel import Locale
from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from tieline.store.team.models import User


def _plain(form: forms.BaseForm) -> None:
    """Placeholders that repeat the label say nothing and vanish while one types: take them off."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)


class SignIn(LoginForm):
    """E-mail and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail")
        self.fields["login"].widget.attrs |= {"autocomplete": "username", "autofocus": True}
        self.fields["password"].label = _("Password")
        self.fields["password"].help_text = ""
        _plain(self)


class ChangePassword(ChangePasswordForm):
    """The current password and a new one, typed once: the field can show what was typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = _("Current password")
        self.fields["oldpassword"].help_text = ""
        self.fields["password1"].label = _("New password")
        self.fields["password1"].help_text = _password_rules()
        self.fields["password2"].label = _("New password, once more")
        _plain(self)


class ConfirmPassword(ReauthenticateForm):
    """One's password again, before something that matters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].label = _("Password")
        self.fields["password"].help_text = ""
        self.fields["password"].widget.attrs["autofocus"] = True
        _plain(self)


def _code_field(form: forms.BaseForm) -> None:
    field = form.fields["code"]
    field.label = _("Code")
    field.widget.attrs |= {"inputmode": "numeric", "autocomplete": "one-time-code", "autofocus": True}
    _plain(form)


class EnterCode(BaseAuthenticateForm):
    """The code of the authenticator app, or one of the recovery codes; at sign-in and to confirm."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _code_field(self)

    def save(self) -> None:
        """Note it in the session; somebody already signed in has confirmed, not signed in."""
        request = context.request
        post_authentication(request, self.authenticator, reauthenticated=request.user.is_authenticated)


class SwitchOnApp(ActivateTOTPForm):
    """The first code of a new authenticator app."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _code_field(self)


def _password_rules() -> str:
    return " ".join(filter(None, password_validators_help_texts()))


class NewPassword(forms.Form):
    """A password that the rules of the settings take."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, user: User | None = None, email: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.invited = user, email
        self.fields["password"].help_text = _password_rules()

    def clean(self) -> dict[str, Any]:
        """Hold the password against the rules with what is known about its owner."""
        cleaned = super().clean() or {}
        owner = self.user or User(email=cleaned.get("email", self.invited), name=cleaned.get("name", ""))
        if cleaned.get("password"):
            try:
                validate_password(cleaned["password"], owner)
            except ValidationError as refused:
                self.add_error("password", refused)
        return cleaned


class Forgotten(forms.Form):
    """Whose password is forgotten."""

    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class Join(NewPassword):
    """What an invited person says about themselves."""

    name = forms.CharField(
        label=_("Your name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name", "autofocus": True})
    )
    field_order: tuple[str, ...] = ("name", "password")


@lru_cache(maxsize=8)
def _countries(language: str) -> list[tuple[str, str]]:
    names = Locale.parse(language).territories
    return sorted(
        (
            (code, name)
            for code, name in names.items()
            if len(code) == 2 and code.isalpha() and code not in {"ZZ", "XA", "XB", "EU", "EZ", "UN", "QO"}
        ),
        key=lambda pair: pair[1],
    )


def country_choices() -> list[tuple[str, str]]:
    """Countries by name in the reader's language, each with its ISO 3166 code."""
    return [("", "–"), *_countries((get_language() or "en")[:2])]


@lru_cache(maxsize=1)
def zone_choices() -> list[tuple[str, str]]:
    """IANA zones of places, Europe first; old aliases without a region are left out."""
    regions = ("Europe", "Africa", "America", "Asia", "Atlantic", "Australia", "Indian", "Pacific")
    zones = [zone for zone in zoneinfo.available_timezones() if zone.split("/")[0] in regions]
    zones.sort(key=lambda zone: (regions.index(zone.split("/")[0]), zone))
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ").replace("/", " / ")) for zone in zones)]


_LIKELY = {"fr": "FR", "da": "DK", "it": "IT"}  # proposed, never assumed


class FirstAdmin(Join):
    """The first super admin and the first workspace."""

    email = forms.EmailField(
        label=_("E-mail"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    company = forms.CharField(
        label=_("Company"),
        max_length=120,
        help_text=_("The name of the workspace. It can be changed later."),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    country = forms.ChoiceField(
        label=_("Country"), help_text=_("Phone numbers written without a country are read as from here.")
    )
    zone = forms.ChoiceField(label=_("Time zone"), help_text=_("Rules about days and hours are judged in it."))
    field_order = ("company", "country", "zone", "name", "email", "password")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = country_choices()  # type: ignore[attr-defined]
        self.fields["zone"].choices = zone_choices()  # type: ignore[attr-defined]
        self.fields["zone"].widget.attrs["data-zone"] = True  # the script proposes the browser's own
        self.fields["country"].initial = _LIKELY.get((get_language() or "en")[:2], "")
        self.fields["name"].widget.attrs.pop("autofocus", None)
        self.fields["company"].widget.attrs["autofocus"] = True
