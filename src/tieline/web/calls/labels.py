"""Settings and their values by name, for lists of changes and for two people's choices side by side."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from tieline.web.calls.desk import Desk
from tieline.web.calls.words import OWNERS, first_up, text, the
from tieline.web.parts.words import titled


def place_label(desk: Desk, place: str) -> str:
    """A setting by name, for lists of changes: "Lead: owner"."""
    head, _dot, rest = place.partition(".")
    if head == "lines":
        line = next((one for one in desk.raw["lines"] if one["number"] == rest.partition("#")[0]), None)
        return _("Line %(line)s") % {"line": (line or {}).get("label") or rest}
    names = {
        "create": _("create"), "owner": _("owner"), "name": _("name"), "layout": _("layout"), "status": _("status"),
        "when": _("when"), "place": _("pipeline and stage"), "per_manager": _("one place per manager"), "due_days": _("days until due"),
        "log": _("which calls"), "recording": _("recordings"), "retention_days": _("kept for days"), "decide": _("who decides"),
        "per": _("one for each call, or one per caller"), "done": _("status when closed"),
    }  # fmt: skip
    alone = {
        "default_user": _("Default user"), "default_country": _("Country"), "zone": _("Time zone"),
        "language": _("Language of texts"), "several": _("Several matches"), "settle_s": _("Settle time"),
    }  # fmt: skip
    title = alone.get(head) or first_up(the(head))
    inner, _dot, key = rest.partition(".")
    if inner == "places":
        return _("%(what)s: pipeline and stage of %(user)s") % {"what": title, "user": key}
    return titled(title, names.get(inner, key or inner)) if rest else title


def value_words(value: Any) -> str:
    """A setting's value in words, for "yours" and "theirs"."""
    if value is None or value == "":
        return _("nothing")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        if "kind" in value:
            user = value.get("user") or {}
            return user.get("label") or text(OWNERS, value["kind"])
        if "number" in value:
            manager = (value.get("manager") or {}).get("label") or _("no manager")
            return _("left out of the CRM") if value.get("ignore") else manager
        if "stage" in value:
            return " › ".join(
                str(value[part].get("label") or value[part]["id"]) for part in ("layout", "pipeline", "stage")
            )
        return str(value.get("label") or value.get("id") or value)
    return str(value)
