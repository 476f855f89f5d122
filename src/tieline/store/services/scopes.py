"""Which rights a connection needs and which rule asks for each, computed from the settings of the flows that write to it.

    needed(connection)   scope → rules, of the settings in force and of those that wait for consent
    for_new(workspace, manifest)   the same before there is a connection: what the defaults need
    missing, surplus     against what was granted

All inside `workspace_tx`. A rule is (flow, dotted path of the setting); flow "" and path "*" stand for what any connection
needs. A vendor without scopes (kind "fields") lacks none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models.fields.json import KT
from pydantic import ValidationError

from tieline.core.flow import Target
from tieline.core.pairing import Side
from tieline.engine.effects.undoing import FROM_LEADS
from tieline.flows.customers import CUSTOMERS
from tieline.sdk.manifest import ALWAYS, Manifest
from tieline.store.models import (
    Connection,
    ConnectionState,
    FlowSetting,
    FlowVersion,
    SyncPairVersion,
    Undo,
    UndoItem,
    UndoState,
)
from tieline.store.services import customers, flows
from tieline.store.services.asking import manifest_of

UNDO = "undo"
"""The path that stands for an undo that a person wants."""


class Rule(NamedTuple):
    """A rule that asks for a scope."""

    flow: str
    path: str


Needed = Mapping[str, Sequence[Rule]]


def needed(connection: Connection) -> dict[str, list[Rule]]:
    """Scope → the rules that ask for it, of every flow that writes to this connection."""
    manifest = manifest_of(connection.connector)
    out: dict[str, list[Rule]] = {}
    _add(out, manifest.scopes(()), "")
    for setting in FlowSetting.objects.filter(workspace_id=connection.workspace_id, target=connection):
        for raw in raw_of(setting, [setting.version, setting.waiting_version]).values():
            _add_flow(out, manifest, setting.flow, raw)
    for scope in undo_lacks(connection):
        out.setdefault(scope, []).append(Rule("", UNDO))
    _add_pairs(out, manifest, connection)
    return out


def _add_pairs(out: dict[str, list[Rule]], manifest: Manifest, connection: Connection) -> None:
    """What the pairs ask for that this connection is a side of."""
    for pair in customers.using(connection.workspace_id, connection.pk):
        kept = SyncPairVersion.objects.filter(
            workspace_id=connection.workspace_id, pair=pair, number=pair.version
        ).first()
        if kept is None:
            continue
        try:
            settings = CUSTOMERS.load(kept.settings)
        except ValidationError:
            continue
        side: Side = "left" if pair.left_id == connection.pk else "right"
        _add(out, manifest.scopes(CUSTOMERS.needs(settings, side)), "customers")


def undo_lacks(connection: Connection, undo: int | None = None) -> list[str]:
    """Scopes that planned undos at this connection (or one of them) would need and were not granted: to delete is asked for
    when it is wanted, never before."""
    plans = Undo.objects.filter(workspace_id=connection.workspace_id, target=connection, state=UndoState.READY)
    left = UndoItem.objects.filter(
        workspace_id=connection.workspace_id, undo__in=plans if undo is None else plans.filter(pk=undo), state="left"
    ).annotate(code=KT("reason__code"))
    roles = left.filter(code="undo.no_right").order_by("role").values_list("role", flat=True).distinct()
    manifest = manifest_of(connection.connector)
    found = dict.fromkeys(scope for role in roles for scope in _to_delete(manifest, role))
    return [scope for scope in found if scope not in connection.scopes]


def _to_delete(manifest: Manifest, role: str) -> list[str]:
    """The right itself, and those to see what hangs on such a record."""
    out = list(manifest.needs.get(f"{role}.delete", ()))
    for name, mapped in manifest.roles.items():
        if role in {to for link, to in mapped.links.items() if link not in FROM_LEADS}:
            out += manifest.needs.get(f"{name}.read", ())
    return out


def for_new(workspace: int, manifest: Manifest) -> dict[str, list[Rule]]:
    """What a new connection has to be asked for: what the defaults of the flows that would write to it need, since a new
    target begins with these (flow_settings.set_target). A flow that writes to another connection asks for nothing here."""
    out: dict[str, list[Rule]] = {}
    _add(out, manifest.scopes(()), "")
    rows = {row.flow: row for row in FlowSetting.objects.filter(workspace_id=workspace).select_related("target")}
    for name in flows.written_by(manifest):
        setting = rows.get(name)
        target = setting.target if setting is not None else None
        if target is not None and target.state != ConnectionState.DISCONNECTED:
            continue
        _add_flow(out, manifest, name, flows.flow(name).defaults(Target()))
    return out


def missing(connection: Connection, wanted: Iterable[str]) -> list[str]:
    """The scopes among these that were not granted."""
    if manifest_of(connection.connector).auth.kind != "oauth2":
        return []
    granted = set(connection.scopes)
    return [scope for scope in wanted if scope not in granted]


def surplus(connection: Connection) -> list[str]:
    """Granted scopes that no rule needs (any more)."""
    wanted = needed(connection)
    return [scope for scope in connection.scopes if scope not in wanted]


def of_settings(connection: Connection, name: str, raw: Mapping[str, Any]) -> dict[str, list[Rule]]:
    """What these settings of one flow need of this connection."""
    out: dict[str, list[Rule]] = {}
    manifest = manifest_of(connection.connector)
    _add(out, manifest.scopes(()), "")
    _add_flow(out, manifest, name, raw)
    return out


def raw_of(setting: FlowSetting, numbers: Iterable[int | None]) -> dict[int, dict[str, Any]]:
    """Version number → settings as stored."""
    wanted = [number for number in numbers if number]
    rows = FlowVersion.objects.filter(workspace_id=setting.workspace_id, setting=setting, number__in=wanted)
    return {row.number: row.settings for row in rows.order_by("number")}


def _add_flow(out: dict[str, list[Rule]], manifest: Manifest, name: str, raw: Mapping[str, Any]) -> None:
    flow = flows.flow(name)
    try:
        settings = flow.load(raw)
    except ValidationError:  # of a later version of Tieline: nothing can be said about what it needs
        return
    _add(out, manifest.scopes(flow.needs(settings)), name)


def _add(out: dict[str, list[Rule]], scopes: Mapping[str, Sequence[str]], flow: str) -> None:
    for scope, paths in scopes.items():
        rules = out.setdefault(scope, [])
        for path in paths:
            rule = Rule("" if path == ALWAYS else flow, path)
            if rule not in rules:
                rules.append(rule)
