"""The steps of the first run and how far a workspace is. Nothing is kept about it but what each step itself keeps; that a
step was passed without keeping anything stands in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tieline.store.connection import workspace_tx
from tieline.store.models import Audit, Connection
from tieline.store.services import connections, flow_settings
from tieline.store.services.asking import manifest_of
from tieline.store.services.flow_settings import FlowView
from tieline.store.services.health import last_event
from tieline.web.request import PageRequest

FLOW: Final = "calls"
STEPS: Final[dict[str, str | Promise]] = {
    "company": _("Your company"),
    "crm": _("Your CRM"),
    "phone": _("Your phone system"),
    "events": _("Its events"),
    "lines": _("Who answers"),
    "live": _("Live"),
}


@dataclass(frozen=True)
class Journey:
    """How far a workspace is. `crm`, `phone`: the connections made; `flow` the calls flow; `done` the steps behind."""

    crm: Connection | None
    phone: Connection | None
    flow: FlowView
    done: frozenset[str]

    @property
    def next(self) -> str:
        """The first step that is not done; "done" behind the last."""
        return next((name for name in STEPS if name not in self.done), "done")


@dataclass(frozen=True)
class Step:
    """A step on the spine. `url` "" where it cannot be opened yet."""

    label: str
    url: str
    done: bool
    here: bool


def journey(request: PageRequest) -> Journey:
    """How far the reader's workspace is."""
    workspace = request.workspace.pk
    flow = flow_settings.current(workspace, FLOW)
    rows = connections.listed(workspace)
    phones = [row for row in rows if "events" in manifest_of(row.connector).facets]
    phone = phones[-1] if phones else None
    crm = flow.target if flow.target is not None and flow.target in rows else None
    with workspace_tx(workspace):
        passed = set(
            Audit.objects.filter(workspace_id=workspace, action__startswith="start.").values_list("action", flat=True)
        )
        arrived = phone is not None and last_event(phone) is not None
    brought = (
        phone is not None and manifest_of(phone.connector).events.imports
    )  # nobody delivers: there is nothing to wait for
    done = {
        "company": bool(request.workspace.country) and bool({"start.company"} & passed or rows),
        "crm": crm is not None,
        "phone": phone is not None,
        "events": phone is not None and (arrived or brought or "start.events" in passed),
        "lines": "start.lines" in passed and bool(flow.version or flow.waiting),
        "live": flow.live or "start.watch" in passed,
    }
    return Journey(crm, phone, flow, frozenset(name for name, is_done in done.items() if is_done))


def spine(found: Journey, here: str) -> Sequence[Step]:
    """The steps with links to those that can be opened."""
    first_open = found.next
    return [
        Step(
            str(label),
            reverse(f"start-{name}") if name in found.done or name == first_open else "",
            name in found.done,
            name == here,
        )
        for name, label in STEPS.items()
    ]


def passed(request: PageRequest, step: str) -> None:
    """Notes that a step is behind, though it kept nothing."""
    from tieline.store.services.audit import note

    with workspace_tx(request.workspace.pk):
        note(request.workspace.pk, request.user, f"start.{step}")
