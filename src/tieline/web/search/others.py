"""What a text may mean besides runs: records, connections, people, pages of settings. As lines with an address each, held to
what the reader may open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tieline.core.values import phone
from tieline.sdk import manifest as manifests
from tieline.store import public_ids
from tieline.store.models import Connection
from tieline.store.services import search as service
from tieline.web.nav import MENU, Entry
from tieline.web.permissions import ROLE_NAMES, may
from tieline.web.request import PageRequest
from tieline.web.runs.filters import Filters

ROLES: Final[dict[str, str | Promise]] = {
    "account": _("Account"), "contact": _("Contact"), "lead": _("Lead"), "deal": _("Deal"), "task": _("Task"),
    "call": _("Call"),
}  # fmt: skip

_MORE: Final[tuple[tuple[str, str | Promise, str | None], ...]] = (
    ("settings", _("Workspace: name, country, time zone, language, second factor"), "workspace.see"),
    ("team", _("Team: people, invitations, roles"), "team.see"),
    ("audit", _("Audit: who did what"), "audit.see"),
    ("me", _("Your settings: language, light or dark, sessions"), None),
    ("account_change_password", _("Your password"), None),
    ("mfa_index", _("Your second factor"), None),
)
"""Pages by the words that people look for, beside the menu's own."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One line: what it is, its name, its address."""

    kind: str | Promise
    name: str | Promise
    url: str
    icon: str


def others(request: PageRequest, text: str, limit: int) -> Sequence[Hit]:
    """Records first, then connections, people and pages."""
    text = text.strip()[:120]
    if len(text) < 2:
        return ()
    found = [*_records(request, text, limit), *_connections(request, text), *_people(request, text)]
    return [*found, *_pages(request, text)][: limit * 2]


def _records(request: PageRequest, text: str, limit: int) -> Iterator[Hit]:
    if not may(request.member, "runs.see"):
        return
    number = phone(text, request.workspace.country or "FR").e164 if any(one.isdigit() for one in text) else ""
    for one in service.records(request.workspace.pk, text, number or "", limit):
        name = one.name or one.email or one.external_id
        kind = ROLES.get(one.role, one.role)
        yield Hit(kind, name, reverse("runs") + Filters().address(record=one.external_id), "records")


def _connections(request: PageRequest, text: str) -> Iterator[Hit]:
    event = public_ids.of("event").read(text)
    if event is not None and may(request.member, "runs.see") and service.event_is_there(request.workspace.pk, event):
        yield Hit(_("Event"), text, reverse("events-event", args=[text]), "list")
    if not may(request.member, "connections.see"):
        return
    for one in service.connections(request.workspace.pk, text):
        yield Hit(
            _("Connection"), _titled(one), reverse("connections-one", args=[public_ids.of("conn").show(one.pk)]), "plug"
        )


def _titled(one: Connection) -> str:
    names = {name: manifest.title for name, manifest in manifests.connectors().items()}
    vendor = names.get(one.connector, one.connector)
    return one.title if one.title == vendor else f"{one.title} · {vendor}"


def _people(request: PageRequest, text: str) -> Iterator[Hit]:
    if may(request.member, "team.see"):
        for one in service.members(request.workspace.pk, text):
            yield Hit(ROLE_NAMES[one.role], f"{one.name} · {one.email}", reverse("team"), "team")  # type: ignore[index]


def _pages(request: PageRequest, text: str) -> Iterator[Hit]:
    wanted, seen = text.casefold(), set()
    known = [(entry.page, entry.label, entry.action) for entry in _entries(MENU)]
    for page, label, action in [*_MORE, *known]:
        if page in seen or wanted not in str(label).casefold():
            continue
        if action is not None and not may(request.member, action):
            continue
        try:
            url = reverse(page)
        except NoReverseMatch:
            continue
        seen.add(page)
        yield Hit(_("Page"), label, url, "sliders")


def _entries(entries: Sequence[Entry]) -> Iterator[Entry]:
    for one in entries:
        yield one
        yield from _entries(one.inside)
