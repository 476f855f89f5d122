"""The marketplace: every connector that is installed, what it can do as data, and what of it is connected.

offers(workspace) -> [Offer], by title; search and categories are the page's
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tieline.sdk import manifest as manifests
from tieline.sdk.manifest import Manifest
from tieline.store.connection import workspace_tx
from tieline.store.models import Connection
from tieline.store.services import connections, flows
from tieline.store.services.asking import sandbox_url
from tieline.store.services.health import Health, health

Degree = Literal["yes", "part", "not"]
ROLES = ("account", "contact", "lead", "deal", "task", "call")


@dataclass(frozen=True, slots=True)
class Ability:
    """Something that a connector can do, can partly do, or cannot. `code` is one of `ABILITIES`."""

    degree: Degree
    code: str
    params: dict[str, Any]


ABILITIES: dict[str, frozenset[str]] = {
    "writes": frozenset({"roles"}),
    "no_role": frozenset({"roles"}),
    "never_twice": frozenset(),
    "looks_first": frozenset(),
    "no_mark": frozenset(),
    "consent": frozenset(),
    "instant": frozenset(),
    "asks_every": frozenset({"seconds"}),
    "pipelines": frozenset(),
    "files": frozenset(),
    "no_files": frozenset(),
    "call_needs_parent": frozenset(),
    "call_events": frozenset(),
    "call_lists": frozenset(),
    "signed": frozenset(),
    "lines": frozenset(),
    "backfill": frozenset(),
    "recordings": frozenset(),
}
"""Every code with its parameters; pages have words for each."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One card. `flows`: those that it can serve; `sandbox`: whether its sandbox is offered here; connected: with health."""

    manifest: Manifest
    flows: tuple[str, ...]
    abilities: tuple[Ability, ...]
    sandbox: bool
    connected: tuple[tuple[Connection, Health], ...] = ()

    @property
    def checked(self) -> str:
        """What it was checked against: "sandbox" or "real"."""
        return "sandbox" if self.manifest.checked.strip().lower().startswith("sandbox") else "real"


def offer(workspace: int, connector: str) -> Offer | None:
    """One card by the connector's name."""
    return next((one for one in offers(workspace) if one.manifest.name == connector), None)


def offers(workspace: int) -> list[Offer]:
    """Every installed connector, by title."""
    with workspace_tx(workspace):
        made: dict[str, list[tuple[Connection, Health]]] = {}
        for row in connections.listed(workspace):
            made.setdefault(row.connector, []).append((row, health(row)))
    found = [
        Offer(
            one,
            tuple(dict.fromkeys((*flows.written_by(one), *flows.fed_by(one)))),
            tuple(abilities(one)),
            bool(sandbox_url(one.name)),
            tuple(made.get(one.name, ())),
        )
        for one in manifests.connectors().values()
    ]
    return sorted(found, key=lambda one: one.manifest.title.lower())


def abilities(manifest: Manifest) -> list[Ability]:
    """What it can, partly can and cannot do, by its manifest alone."""
    out: list[Ability] = []
    if manifest.auth.kind == "oauth2":
        out.append(_can("yes", "consent"))
    if "events" in manifest.facets:
        out.append(_can("yes", "call_lists" if manifest.events.imports else "call_events"))
        if manifest.events.secret:
            out.append(_can("yes", "signed"))
    if "history" in manifest.facets:
        out += [_can("yes", "lines"), _can("yes", "backfill")]
    if "files" in manifest.facets:
        out.append(_can("yes", "recordings"))
    return out + (_of_records(manifest) if "records" in manifest.facets else [])


def _of_records(manifest: Manifest) -> list[Ability]:
    can = manifest.capabilities
    out = [_can("yes", "writes", roles=[role for role in ROLES if role in manifest.roles]), _ORIGIN[can.origin]]
    if can.pipelines:
        out.append(_can("yes", "pipelines"))
    out.append(_can("yes", "files") if can.attachments else _can("not", "no_files"))
    if can.webhooks:
        out.append(_can("yes", "instant"))
    elif can.poll_s:
        out.append(_can("part", "asks_every", seconds=round(can.poll_s)))
    if can.call_needs_parent:
        out.append(_can("part", "call_needs_parent"))
    absent = [role for role in ROLES if role not in manifest.roles]
    return [*out, _can("not", "no_role", roles=absent)] if absent else out


def _can(degree: Degree, code: str, **params: Any) -> Ability:
    return Ability(degree, code, params)


_ORIGIN = {"unique": _can("yes", "never_twice"), "search": _can("yes", "looks_first"), "none": _can("part", "no_mark")}
