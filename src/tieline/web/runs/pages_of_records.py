"""Where a record's own page is at the vendor, as far as the connector's manifest says."""

from __future__ import annotations

from urllib.parse import quote

from tieline.core.errors import TielineError
from tieline.core.record import PLANNED
from tieline.sdk import manifest as manifests
from tieline.store.models import Connection


def page_of(target: Connection | None, role: str, id: str) -> str:
    """The address, "" where there is none: an unknown role, a sandbox without pages, a manifest that says nothing."""
    if target is None or not id or id.startswith(PLANNED):
        return ""
    try:
        manifest = manifests.connector(target.connector)
    except TielineError:
        return ""
    template, known = manifest.record_page, manifest.roles.get(role)
    if not template or known is None:
        return ""
    base = target.config.get("base_url", "")
    if base and "pages" not in manifest.auth.override:
        return ""
    try:
        place = manifest.place(
            str(target.config.get("data_centre") or ""), {**target.config.get("fields", {}), "base_url": base}
        )
        return template.format(**place, object=quote(known.page or known.object, safe=""), id=quote(id, safe=""))
    except (KeyError, IndexError, TielineError):
        return ""
