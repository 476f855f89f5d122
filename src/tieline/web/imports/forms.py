"""Forms of an import: the file, and what its columns are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tieline.flows.calls.call_list import COLUMNS, Reading
from tieline.store.models import Import
from tieline.web.imports import words


class Upload(forms.Form):
    """The file. Its size is judged by the service, which says it better than a field."""

    file = forms.FileField(
        label=gettext_lazy("The list"),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/tab-separated-values"}),
        help_text=gettext_lazy("CSV or TSV, one call in each row; up to 50,000 rows and 20 MB."),
    )


class Columns(forms.Form):
    """What each column is, and how cells are read. `heading`: names of the file's columns."""

    def __init__(self, row: Import, heading: Sequence[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reading = Reading.from_json(row.reading)
        is_column = {index: what for what, index in reading.columns.items()}
        choices = [("", _("Nothing")), *((what, words.COLUMNS[what]) for what in COLUMNS)]
        for index, name in enumerate(heading):
            self.fields[f"column.{index}"] = forms.ChoiceField(
                label=name, choices=choices, required=False, initial=is_column.get(index, "")
            )
        self.count = len(heading)
        self._more(row, reading)

    def _more(self, row: Import, reading: Reading) -> None:
        self.fields["direction"] = forms.ChoiceField(
            label=_("Where the list does not say who called"),
            choices=[("", _("It says so")), ("inbound", _("They called us")), ("outbound", _("We called them"))],
            required=False,
            initial=reading.direction or "",
        )
        self.fields["order"] = forms.ChoiceField(
            label=_("03/04/2026 is"),
            choices=[("dmy", _("3 April")), ("mdy", _("4 March"))],
            initial=reading.order,
            required=False,
        )
        self.fields["zone"] = forms.ChoiceField(
            label=_("Times are written in the zone"),
            choices=[(name, name) for name in sorted({*available_timezones(), reading.zone}) if name[:1].isupper()],
            initial=reading.zone,
            required=False,
            help_text=_("Times that name their zone are taken as they are."),
        )
        self.fields["minutes"] = forms.BooleanField(
            label=_("Durations count minutes"), required=False, initial=reading.minutes
        )
        self.fields["separator"] = forms.ChoiceField(
            label=_("Between cells stands"),
            choices=list(words.SEPARATORS.items()),
            required=False,
            initial=row.separator,
        )
        self.fields["encoding"] = forms.ChoiceField(
            label=_("Encoding"), choices=list(words.ENCODINGS.items()), required=False, initial=row.encoding
        )
        self.fields["has_names"] = forms.BooleanField(
            label=_("The first row names the columns"), required=False, initial=row.has_names
        )

    def typed(self) -> dict[str, str]:
        """As `imports.reading_of` takes it."""
        return {name: str(value) if value else "" for name, value in self.cleaned_data.items()}
