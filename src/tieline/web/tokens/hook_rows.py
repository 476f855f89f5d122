"""Outgoing webhooks as the API's page shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tieline.store import public_ids
from tieline.store.services import hooks as service
from tieline.store.services import sentences
from tieline.store.services.hooks import DeliveryRow, HookRow
from tieline.web.request import PageRequest

KINDS: Final[dict[str, str | Promise]] = {
    "run.finished": _("A run is finished, with the records that it wrote"),
    "case.opened": _("The inbox has a new case"),
    "connection.trouble": _("A connection or a flow has stopped"),
    "test": _("A test"),
}
STATES: Final[dict[str, tuple[str, str | Promise]]] = {
    "due": ("wait", _("On its way")),
    "done": ("ok", _("Arrived")),
    "given_up": ("fail", _("Given up")),
}


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook: how it is, in a colour and a word."""

    id: str
    row: HookRow
    kinds: tuple[str, ...]
    tone: str
    word: str | Promise
    why: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message and what became of it."""

    id: str
    row: DeliveryRow
    kind: str
    tone: str
    word: str | Promise


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind of message to be ticked."""

    name: str
    said: str
    on: bool


def hook(row: HookRow) -> Hook:
    """One row of the table."""
    why = _why(row.trouble)
    if not row.active:
        tone, word = "off", _("Off")
    elif row.failing_since is not None:
        tone, word = "fail", _("Fails")
    elif row.last_at is None:
        tone, word = "wait", _("Nothing sent yet")
    else:
        tone, word = "ok", _("Works")
    said = tuple(str(KINDS[one]) for one in row.kinds)
    return Hook(public_ids.of("hook").show(row.id), row, said, tone, word, why)


def delivery(row: DeliveryRow) -> Delivery:
    """One row of a webhook's messages."""
    tone, word = STATES[row.state]
    return Delivery(public_ids.of("message").show(row.id), row, str(KINDS[row.kind]), tone, word)


def context(request: PageRequest, *, error: str = "") -> dict[str, Any]:
    """What the card needs; what was typed stays where it was refused."""
    wanted = request.POST.getlist("kind") if error else service.KINDS
    return {
        "hooks": [hook(one) for one in service.listed(request.workspace.pk)],
        "hook_kinds": [Choice(name, str(KINDS[name]), name in wanted) for name in service.KINDS],
        "hook_error": error,
        "hook_title": request.POST.get("title", "") if error else "",
        "hook_url": request.POST.get("url", "") if error else "",
    }


def _why(trouble: Mapping[str, Any] | None) -> str:
    return sentences.say(trouble["code"], trouble.get("params") or {}) if trouble else ""
