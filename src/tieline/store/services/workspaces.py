"""What a workspace is called, where it is and how it writes.

read(workspace) -> Shape
change(workspace, user, name, zone, country, language)
"""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings

from tieline.store.connection import workspace_tx
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError
from tieline.store.team.models import Workspace

if TYPE_CHECKING:
    from tieline.store.team.models import User


@dataclass(frozen=True, slots=True)
class Shape:
    """As `change` takes it, and whether everybody needs a second factor (`team.require_second_factor`)."""

    key: str
    name: str
    zone: str
    country: str
    language: str
    second_factor: bool


def read(workspace: int) -> Shape:
    """The workspace as it is set."""
    row = Workspace.objects.get(pk=workspace)
    return Shape(row.key, row.name, row.zone, row.country, row.language, row.second_factor)


def change(workspace: int, user: User | None, *, name: str, zone: str, country: str, language: str) -> Workspace:
    """`zone` is an IANA name, `country` an ISO 3166 code or empty, `language` that of texts written into the CRM. Settings of
    flows that were saved before keep theirs. Declined: `workspace.no_name`, `….zone_unknown`, `….country_unknown`,
    `….language_unknown`."""
    if not name.strip():
        raise DeclinedError("workspace.no_name", field="name")
    if zone not in zoneinfo.available_timezones():
        raise DeclinedError("workspace.zone_unknown", field="zone", zone=zone)
    if country and not (len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()):
        raise DeclinedError("workspace.country_unknown", field="country", country=country)
    if language not in dict(settings.LANGUAGES):
        raise DeclinedError("workspace.language_unknown", field="language", language=language)
    with workspace_tx(workspace):
        row = Workspace.objects.select_for_update().get(pk=workspace)
        row.name, row.zone, row.country, row.language = name.strip()[:120], zone, country, language
        row.save(update_fields=["name", "zone", "country", "language"])
        note(workspace, user, "workspace.changed", name=row.name)
    return row
