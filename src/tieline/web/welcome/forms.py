"""Forms of the first run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tieline.sdk.contract import VendorUser
from tieline.web.accounts.forms import country_choices, zone_choices
from tieline.web.calls.draft import line_keys
from tieline.web.parts.words import phone

IGNORE = "!ignore"
"""The answer "leave this line out of the CRM"."""
LINE = "line_"
"""Before a line's number, in the name of its field."""


class Company(forms.Form):
    """Name, place and language of a workspace."""

    name = forms.CharField(label=gettext_lazy("Company"), max_length=120)
    country = forms.ChoiceField(
        label=gettext_lazy("Country"),
        choices=country_choices,
        help_text=gettext_lazy("For phone numbers that are written without one."),
    )
    zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"), choices=zone_choices, help_text=gettext_lazy("For days, hours and due dates.")
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language of what is written into the CRM"), choices=settings.LANGUAGES
    )


class WhoAnswers(forms.Form):
    """Each line's manager, and the default user for calls without one. A line's field is named after its number, since the
    list may have changed since the page was shown; `base` is the version of the settings that the page showed.
    """

    base = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=0)
    default_user = forms.ChoiceField(
        label=gettext_lazy("Default user"),
        help_text=gettext_lazy("Takes the calls of lines without a manager, and of lines that are not in the list."),
    )

    def __init__(
        self,
        lines: Sequence[Mapping[str, Any]],
        people: Sequence[VendorUser],
        default: str,
        base: int,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        active = [(one.id, one.name) for one in people if one.active]
        self.fields["default_user"].choices = active  # type: ignore[attr-defined]
        self.fields["default_user"].initial = default
        self.fields["base"].initial = base
        self.lines = [dict(line) for line in lines]
        self.names = [LINE + key for key in line_keys(self.lines)]
        self.people = {one.id: one.name for one in people}
        for name, line in zip(self.names, self.lines, strict=True):
            manager = line.get("manager") or {}
            label = " · ".join(filter(None, [phone(str(line["number"])), str(line.get("label") or "")]))
            self.fields[name] = forms.ChoiceField(
                label=label,
                required=False,
                choices=[("", _("The default user")), *active, (IGNORE, _("Leave it out of the CRM"))],
                initial=IGNORE if line.get("ignore") else manager.get("id", ""),
            )

    def pick(self, user: str) -> dict[str, str] | None:
        """A user as settings hold one."""
        return {"id": user, "label": self.people.get(user, user)} if user else None

    def chosen(self) -> list[dict[str, Any]]:
        """The lines as settings hold them; one that the page did not show stays as it is."""
        out: list[dict[str, Any]] = []
        for name, line in zip(self.names, self.lines, strict=True):
            if name not in self.data:
                out.append(line)
                continue
            said = self.cleaned_data.get(name, "")
            manager = line.get("manager") if said == IGNORE else self.pick(said)
            out.append({**line, "manager": manager, "ignore": said == IGNORE})
        return out
