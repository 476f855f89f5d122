"""The rooms in flows/, found by scanning for their `FLOW`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

import tieline.flows
from tieline.sdk.manifest import Manifest
from tieline.store.services.declined import DeclinedError


@cache
def found() -> dict[str, Any]:
    """Every flow (core.flow.Flow) by its name, sorted."""
    rooms = (
        importlib.import_module(f"tieline.flows.{room.name}")
        for room in pkgutil.iter_modules(tieline.flows.__path__)
        if room.ispkg
    )
    flows = {room.FLOW.name: room.FLOW for room in rooms if hasattr(room, "FLOW")}
    return dict(sorted(flows.items()))


def flow(name: str) -> Any:
    """One flow; DeclinedError where there is none of this name."""
    try:
        return found()[name]
    except KeyError:
        raise DeclinedError("flow.unknown", flow=name) from None


def written_by(manifest: Manifest) -> tuple[str, ...]:
    """The flows that can write to this connector: those that know one of its roles."""
    if "records" not in manifest.facets:
        return ()
    return tuple(name for name, one in found().items() if set(one.reads()) & set(manifest.roles))


def fed_by(manifest: Manifest) -> tuple[str, ...]:
    """The flows that take this connector's events: a phone system's are calls."""
    if "events" not in manifest.facets or "phone" not in manifest.categories:
        return ()
    return tuple(name for name in found() if name == "calls")
