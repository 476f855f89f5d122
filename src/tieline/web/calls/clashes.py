"""A contradiction as the page shows it: what is wrong, the smallest call that shows it, and a button for each way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tieline.core.flow import Clash
from tieline.core.reasons import Reason
from tieline.flows.calls import reasons as why
from tieline.flows.calls.call import lines_of
from tieline.flows.calls.checks import makes
from tieline.web.calls.desk import Desk
from tieline.web.calls.words import CONSEQUENCES, MANY, RULES, chain, example_call, said, text, the
from tieline.web.parts.words import phone


@dataclass
class ShownClash:
    """`ways`: (value of the button, its words)."""

    title: str
    example: str
    consequence: str
    ways: list[tuple[str, str]] = field(default_factory=list)


def shown(desk: Desk, clash: Clash, number: int) -> ShownClash:
    """One contradiction in the reader's language; `number` is its place among those of the desk."""
    ways = [(f"way:{number}:{at}", said(reason)) for at, (reason, _changes) in enumerate(clash.ways_out)]
    return ShownClash(_title(desk, clash), _example(desk, clash.example), _consequence(desk, clash), ways)


def changes_of(desk: Desk, button: str) -> Mapping[str, Any] | None:
    """What a way-out button changes: settings path → value; nothing where the contradiction is gone already."""
    try:
        _kind, clash, way = button.split(":")
        _reason, changes = desk.clashes[int(clash)].ways_out[int(way)]
    except (ValueError, IndexError):
        return None
    return changes


def _title(desk: Desk, clash: Clash) -> str:
    params = clash.reason.params
    if clash.reason.code == why.CLASH_OWNER_CYCLE:
        count = len(params["rules"])
        if count == 1:
            return _("This owner waits for itself")
        if count == 2:
            return _("These two owners wait for each other")
    if clash.reason.code == why.CLASH_NO_USER:
        return _("A named user is wanted and nobody is named: %(rule)s") % {"rule": text(RULES, params["rule"])}
    if clash.reason.code == why.CLASH_ROLE:
        return _("This CRM has no place for it: %(role)s") % {"role": text(MANY, params["role"])}
    if clash.reason.code == why.CLASH_REQUIRED:
        labels = []
        for name in params["fields"]:
            known = desk.vendor_field(params["role"], name)
            labels.append(known.label if known is not None else name)
        count = len(labels)
        words = ngettext(
            "The CRM wants one more value for %(role)s: %(fields)s",
            "The CRM wants more values for %(role)s: %(fields)s",
            count,
        )
        return words % {"role": the(params["role"]), "fields": ", ".join(labels)}
    if clash.reason.code in (why.CLASH_CHOICE, why.CLASH_VALUE) and str(params["field"]).startswith("="):
        known = desk.vendor_field(params["role"], params["field"])
        name = known.label if known is not None else params["field"].removeprefix("=")
        return said(Reason(clash.reason.code, {**params, "field": name}))
    return said(clash.reason)


def _example(desk: Desk, call: Mapping[str, Any] | None) -> str:
    if not call or desk.settings is None:
        return ""
    raw = str(call.get("line") or "")
    line = lines_of(desk.settings).find(raw) if raw else None
    return example_call(call, (line.label if line else "") or phone(raw))


def _consequence(desk: Desk, clash: Clash) -> str:
    code = clash.reason.code
    if code not in CONSEQUENCES:
        return ""
    if code == why.CLASH_OWNER_CYCLE and desk.settings is not None:
        return text(CONSEQUENCES, code) % {"chain": chain(clash.rules, makes(desk.settings))}
    return text(CONSEQUENCES, code)
