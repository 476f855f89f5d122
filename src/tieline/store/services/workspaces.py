"""What a workspace is called, where it is and how it writes.

change(workspace, user, name, zone, country, language)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieline.store.connection import workspace_tx
from tieline.store.services.audit import note
from tieline.store.team.models import Workspace

if TYPE_CHECKING:
    from tieline.store.team.models import User


def change(workspace: int, user: User | None, *, name: str, zone: str, country: str, language: str) -> Workspace:
    """`zone` is an IANA name, `country` an ISO 3166 code, `language` that of texts written into the CRM. Settings of flows
    that were saved before keep theirs."""
    with workspace_tx(workspace):
        row = Workspace.objects.select_for_update().get(pk=workspace)
        row.name, row.zone, row.country, row.language = name.strip()[:120], zone, country, language
        row.save(update_fields=["name", "zone", "country", "language"])
        note(workspace, user, "workspace.changed", name=row.name)
    return row
