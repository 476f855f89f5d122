"""What makes a customer active, as the form of the rules shows it: a condition of the customer itself, or of records that lead
to it (CUST-3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tieline.core.flow import Target
from tieline.flows.customers import CUSTOMERS
from tieline.flows.customers.lines import top_role
from tieline.flows.customers.settings import Settings
from tieline.store.services.customers import Pair
from tieline.web.customers import labels
from tieline.web.customers import words as own

OF: Final[Mapping[str, str | Promise]] = {
    "": _("the customer itself has"), "deal": _("one of its deals has"), "lead": _("a lead that became it has"),
}  # fmt: skip
"""Whose fields are tested; behind it stands "all of these" or "one of these"."""
KINDS: Final[Mapping[str, str | Promise]] = {
    "open": pgettext_lazy("a deal", "open"), "won": pgettext_lazy("a deal", "won"), "lost": pgettext_lazy("a deal", "lost"),
}  # fmt: skip
DOT: Final = "."


def of(raw: Mapping[str, Any] | None) -> str:
    """Whose fields a condition tests, as the form names it: "", or "deal.account", by its role and what leads to the customer."""
    role = str((raw or {}).get("role") or "")
    return f"{role}{DOT}{(raw or {}).get('link') or 'account'}" if role else ""


def choices(settings: Settings, crm: Target, chosen: str) -> list[tuple[str, str]]:
    """(value, label) of what this CRM can test, and of what is chosen though it cannot."""
    offered = ["", *(f"{one.role}{DOT}{one.link}" for one in CUSTOMERS.conditions(settings, crm))]
    named = dict.fromkeys([*offered, chosen])
    return [(value, str(OF.get(value.partition(DOT)[0], value))) for value in named]


def role_of(settings: Settings, chosen: str) -> str:
    """The role whose fields are tested."""
    return chosen.partition(DOT)[0] or top_role(settings)


def fields(pair: Pair, crm: Target, role: str) -> list[tuple[str, str]]:
    """(name, label) of everything that can be read of a role, the standard ones first."""
    there = [name for of, name in crm.readable if of == role]
    standard = sorted((name for name in there if not name.startswith("=")), key=own.line_name)
    named = labels.of_fields(pair, "left", role, read_only=True)
    theirs = sorted((one for one in named.items() if not one[0].startswith("=$")), key=lambda one: one[1])
    return [(name, own.line_name(name)) for name in standard] + [
        (name, f"{label} ({name[1:]})") for name, label in theirs
    ]


def values(crm: Target, role: str, field: str, now: Sequence[str]) -> list[tuple[str, str]]:
    """(value, label) of what a field can be compared with, where there are only so many and one of them is; else it is typed."""
    there = [(value, str(KINDS.get(value, label or value))) for value, label in CUSTOMERS.values_of(crm, role, field)]
    return there if there and (not now or (len(now) == 1 and now[0] in dict(there))) else []
