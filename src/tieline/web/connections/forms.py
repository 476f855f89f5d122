"""Forms of connections: built from a connector's manifest, so that a new connector needs no form of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tieline.sdk.manifest import AuthField, Manifest
from tieline.store.services.asking import SANDBOX
from tieline.web.connections.manifest_texts import said


def _control(one: AuthField, *, keep: bool) -> forms.Field:
    """The field for one thing that is typed. keep: what is stored stays when it is left empty."""
    attributes: dict[str, Any] = {"autocomplete": "off", "spellcheck": "false"}
    if one.placeholder:
        attributes["placeholder"] = one.placeholder
    common: dict[str, Any] = {
        "label": said(one.label),
        "help_text": said(one.help),
        "required": one.required and not one.default and not keep,
        "max_length": 4000,
    }
    if one.kind == "choice" and one.choices:
        common.pop("max_length")
        return forms.ChoiceField(choices=[(choice, choice) for choice in one.choices], **common)
    if one.secret or one.kind == "password":
        widget: forms.Widget = forms.PasswordInput(
            attrs={**attributes, "autocomplete": "new-password"}, render_value=True
        )
        return forms.CharField(widget=widget, strip=True, **common)
    widgets = {"url": forms.URLInput, "email": forms.EmailInput}
    return forms.CharField(
        widget=widgets.get(one.kind, forms.TextInput)(attrs=attributes), initial=one.default, **common
    )


class Connect(forms.Form):
    """What a connector asks for to be connected, whichever way: typed fields, or where to go for consent."""

    title = forms.CharField(
        label=gettext_lazy("What you call it"),
        required=False,
        max_length=120,
        help_text=gettext_lazy("Only needed where you have two of them."),
    )

    def __init__(self, manifest: Manifest, *args: Any, sandbox: bool, production: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.manifest = manifest
        names: list[str] = []
        if sandbox:
            choices = [("production", manifest.title)] if production else []
            choices.append((SANDBOX, _("Sandbox: a practice copy, nothing leaves this installation")))
            self.fields["environment"] = forms.ChoiceField(
                label=_("Connect to"), choices=choices, widget=forms.RadioSelect, initial=choices[0][0], required=False
            )
            names.append("environment")
        if manifest.auth.kind == "oauth2":
            if len(manifest.auth.data_centres) > 1 and production:
                self.fields["data_centre"] = forms.ChoiceField(
                    label=_("Data centre"),
                    choices=[(name, _address(name, centre)) for name, centre in manifest.auth.data_centres.items()],
                    help_text=_("Where your account is. If it is another one, %(vendor)s says so and Tieline follows.")
                    % {"vendor": manifest.title},
                )
                names.append("data_centre")
        else:
            for one in manifest.auth.fields:
                self.fields[one.name] = _control(one, keep=False)
                names.append(one.name)
        if "records" in manifest.facets and any(role.origin for role in manifest.roles.values()):
            self.fields["prepare"] = forms.BooleanField(
                label=_("Let Tieline leave its mark"),
                required=False,
                initial=True,
                help_text=prepare_help(manifest),
            )
            names.append("prepare")
        self.order_fields([*names, "title"])

    def typed(self) -> dict[str, str]:
        """What was typed for the connector itself."""
        return {one.name: self.cleaned_data.get(one.name, "") for one in self.manifest.auth.fields}

    @property
    def environment(self) -> str:
        """Where to connect to."""
        return str(self.cleaned_data.get("environment") or "production")


def prepare_help(manifest: Manifest) -> str:
    """Why Tieline wants a field of its own there."""
    if manifest.capabilities.origin == "unique":
        return _(
            "Tieline makes one field in %(vendor)s, “Tieline key”, that may hold each value only once. With it %(vendor)s itself refuses a second copy of a record, whatever fails in between. Nothing else is changed. Without it Tieline looks for doubles by number first."
        ) % {"vendor": manifest.title}
    return _(
        "Tieline makes what it needs in %(vendor)s to recognise its own records, whatever fails in between. Nothing else is changed."
    ) % {"vendor": manifest.title}


def _address(name: str, centre: dict[str, str]) -> str:
    host = next(iter(centre.values())).partition("://")[2]
    return f"{name.upper()} · {host}"


class Retype(forms.Form):
    """The fields of a connection anew. A secret is never shown; left empty, it stays."""

    def __init__(self, manifest: Manifest, stored: dict[str, str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.manifest = manifest
        for one in manifest.auth.fields:
            field = _control(one, keep=one.secret and bool(stored.get(one.name)))
            if one.secret:
                if stored.get(one.name):
                    field.help_text = _("Stored. Leave it empty to keep it.")
            else:
                field.initial = stored.get(one.name, one.default)
            self.fields[one.name] = field


class OurClient(forms.Form):
    """The OAuth client that was registered at the vendor."""

    client_id = forms.CharField(label=gettext_lazy("Client ID"), max_length=400)
    client_secret = forms.CharField(
        label=gettext_lazy("Client secret"),
        max_length=400,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("It is kept encrypted and never shown again."),
    )


class Lines(forms.Form):
    """The lines of a phone system that does not list them."""

    lines = forms.CharField(
        label=gettext_lazy("Lines"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "One in each row: the number, a comma, whose it is. For example: 01 86 76 54 32, Claire"
        ),
    )

    @staticmethod
    def as_text(lines: list[list[str]]) -> str:
        """Stored lines as they are typed."""
        return "\n".join(", ".join(filter(None, line)) for line in lines)

    def pairs(self) -> list[tuple[str, str]]:
        """What was typed, as (number, label)."""
        rows = [row.partition(",") for row in self.cleaned_data["lines"].splitlines() if row.strip()]
        return [(number.strip(), label.strip()) for number, _comma, label in rows]


class SigningSecret(forms.Form):
    """A phone system's signing secret, pasted."""

    secret = forms.CharField(
        label=gettext_lazy("Signing secret"),
        required=False,
        max_length=400,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )


class Title(forms.Form):
    """What people call a connection."""

    title = forms.CharField(label=gettext_lazy("What you call it"), max_length=120)


class ApiAccess(forms.Form):
    """What a phone system's API is asked with, where it can be connected without."""

    def __init__(self, fields: Sequence[AuthField], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for one in fields:
            self.fields[one.name] = _control(one, keep=False)
            self.fields[one.name].required = True


class Fetch(forms.Form):
    """Since when calls are fetched again."""

    since = forms.DateTimeField(
        label=gettext_lazy("Calls since"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"],
    )
