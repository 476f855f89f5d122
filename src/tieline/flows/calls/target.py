"""What the target asks of records and where deals go: shared by the decision and the checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieline.core.flow import Place, Target
from tieline.flows.calls.settings import Settings

CLOSED = frozenset(("won", "lost"))
"""Kinds of stages in which a deal is no longer active."""


def further(values: Mapping[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    """A rule's further values: canonical where the field has such a name, else the vendor's own ("=Industry")."""
    if not values:
        return {}
    return {name if name in fields or name.startswith("=") else f"={name}": value for name, value in values.items()}


def closed_status(settings: Settings, target: Target) -> str | None:
    """The status that closes a task there; None where tasks have none that anybody knows of."""
    if "status" not in target.roles.get("task", ()):
        return None
    chosen = settings.task.done.id if settings.task.done is not None else target.limits.get("task_closed")
    return chosen or None


def required(target: Target, role: str, layout: str | None) -> tuple[str, ...]:
    """What a create must give: of the chosen layout, else of the first one, which is the CRM's own choice."""
    by_layout = target.required.get(role)
    if not by_layout:
        return ()
    if layout is not None and layout in by_layout:
        return by_layout[layout]
    return next(iter(by_layout.values()))


def first_place(target: Target, layout: str | None) -> Place | None:
    """Where a deal goes when nobody said where but the CRM insists on a stage: the first one that is open."""
    if "stage" not in required(target, "deal", layout):
        return None
    for place in target.places:
        if layout in (None, place.layout) and target.statuses.get(place.stage) not in CLOSED:
            return place
    return None
