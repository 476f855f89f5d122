"""What makes a customer active, as the form of the rules shows and posts it: a condition of the customer itself, or of records that lead
to it (CUST-3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tieline.core.flow import Target
from tieline.flows.customers import CUSTOMERS
from tieline.flows.customers.defaults import CONDITIONS
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


def posted(post: QueryDict, before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The condition that was posted. Of other records than were shown: with the test that is meant as a rule."""
    if "active.of" not in post:  # it was not shown
        return dict(before) if before is not None else None
    wanted = _one(post, "active.of")
    role, _dot, link = wanted.partition(DOT)
    tests: Sequence[dict[str, Any]] = _tests(post) if wanted == _one(post, "active.shown") else _usual(role, link)
    if not tests and not role:
        return None
    match = _one(post, "active.match") or "all"
    return {**(before or {}), "tests": list(tests), "match": match, "role": role, "link": link or "account"}


def _usual(role: str, link: str) -> list[dict[str, Any]]:
    found = next((one for one in CONDITIONS if (one.role, one.link) == (role, link)), None)
    return [test.model_dump(mode="json") for test in found.tests] if found is not None else []


def _tests(post: QueryDict) -> list[dict[str, Any]]:
    out = []
    for number in range(20):
        field = _one(post, f"active.{number}.field")
        if field and post.get("drop") != f"active.{number}.":
            values = [one.strip() for one in _one(post, f"active.{number}.values").split(",") if one.strip()]
            out.append({"field": field, "operator": _one(post, f"active.{number}.operator") or "is", "values": values})
    return out


def _one(post: QueryDict, name: str) -> str:
    return str(post.get(name, "")).replace("\x00", "").strip()[:200]
