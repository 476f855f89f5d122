"""Settings of flows: what is in force, what would contradict, every version, the live switch.

    current(workspace, flow) -> FlowView            settings in force (typed and as JSON), target, sources, live, waiting
    check(workspace, flow, raw) -> Checked          clashes, remarks, scopes missing and surplus; nothing is stored
    save(workspace, user, flow, raw, base=None) -> Saved
                                                    a new version; ClashesError; waits for consent where a scope is missing
    set_live(workspace, user, flow, live)           the switch; since when stands in FlowView.live_since
    set_target(workspace, user, flow, connection)   where the flow writes; defaults on the first one
    add_source, remove_source                       where its events come from
    suggested_lines(workspace, flow)                company lines of its phone systems with the person each belongs to
    fulfil(connection)                              after a consent: versions that waited for it come into force

`raw` is the flow's settings as JSON (for calls: flows/calls/settings.py). `base` is the version that the person began
from; another one saved meanwhile is a DeclinedError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import connection as database
from django.utils import timezone
from pydantic import ValidationError

from tieline.core.flow import Clash, Target
from tieline.store.connection import workspace_tx
from tieline.store.models import Connection, ConnectionState, FlowSetting, FlowSource, FlowState, FlowVersion
from tieline.store.requeue import requeue
from tieline.store.services import flows, scopes
from tieline.store.services.asking import manifest_of
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError
from tieline.store.services.first_settings import first_settings, suggested
from tieline.store.services.schemas import target_of

if TYPE_CHECKING:
    from tieline.store.team.models import User


@dataclass(frozen=True, slots=True)
class FlowView:
    """A flow of a workspace as it stands. `id` 0: never set up; `settings` None before the first version.

    waiting      the version that waits for consent (0: none), `waiting_raw` its settings, `waiting_scopes` what it lacks
    target       where it writes, `sources` where its events come from
    trouble      why it is paused, as {"code", "params"}
    """

    flow: str
    id: int = 0
    state: str = FlowState.ACTIVE
    version: int = 0
    settings: Any = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    saved_at: datetime | None = None
    saved_by: str = ""
    waiting: int = 0
    waiting_raw: Mapping[str, Any] = field(default_factory=dict)
    waiting_scopes: Mapping[str, Sequence[scopes.Rule]] = field(default_factory=dict)
    target: Connection | None = None
    sources: tuple[Connection, ...] = ()
    live: bool = False
    live_since: datetime | None = None
    trouble: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What saving these settings would mean. `malformed`: dotted places that are no valid settings at all."""

    settings: Any = None
    clashes: tuple[Clash, ...] = ()
    remarks: tuple[Clash, ...] = ()
    malformed: tuple[str, ...] = ()
    missing: Mapping[str, Sequence[scopes.Rule]] = field(default_factory=dict)
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Saved:
    """A stored version. `waits`: it is in force once these scopes are granted; the version before goes on until then."""

    version: int
    waits: Mapping[str, Sequence[scopes.Rule]] = field(default_factory=dict)


class ClashesError(DeclinedError):
    """The settings contradict; `clashes` says where, each with its example."""

    def __init__(self, clashes: Sequence[Clash]) -> None:
        super().__init__("flow.clashes", count=len(clashes))
        self.clashes = tuple(clashes)


def all_flows(workspace: int) -> list[FlowView]:
    """Every flow of this installation as it stands in the workspace."""
    return [current(workspace, name) for name in flows.found()]


def current(workspace: int, flow: str) -> FlowView:
    """A flow as it stands."""
    room = flows.flow(flow)
    with workspace_tx(workspace):
        setting = FlowSetting.objects.filter(workspace_id=workspace, flow=flow).select_related("target").first()
        if setting is None:
            return FlowView(flow)
        versions = FlowVersion.objects.filter(
            workspace_id=workspace, setting=setting, number__in=[setting.version, setting.waiting_version or 0]
        ).select_related("saved_by")
        by_number = {row.number: row for row in versions}
        now, waiting = by_number.get(setting.version), by_number.get(setting.waiting_version or -1)
        lacks: Mapping[str, Sequence[scopes.Rule]] = {}
        if waiting is not None and setting.target is not None:
            lacks = _missing(setting.target, flow, waiting.settings)
        sources = Connection.objects.filter(workspace_id=workspace, flow_sources__setting=setting).order_by("pk")
        return FlowView(
            flow,
            setting.pk,
            setting.state,
            setting.version,
            room.load(now.settings) if now else None,
            now.settings if now else {},
            now.saved_at if now else None,
            now.saved_by.name if now and now.saved_by else "",
            setting.waiting_version or 0,
            waiting.settings if waiting else {},
            lacks,
            setting.target,
            tuple(sources),
            setting.live,
            setting.live_since,
            setting.trouble,
        )


def check(workspace: int, flow: str, raw: Mapping[str, Any]) -> Checked:
    """What saving these settings would mean, before it is done."""
    with workspace_tx(workspace):
        setting = FlowSetting.objects.filter(workspace_id=workspace, flow=flow).select_related("target").first()
        return _checked(flow, raw, setting.target if setting else None)


def save(workspace: int, user: User | None, flow: str, raw: Mapping[str, Any], *, base: int | None = None) -> Saved:
    """Stores a new version. Refused with clashes; waits where it needs a scope that is not granted (CALL-3)."""
    with workspace_tx(workspace):
        setting = _locked(workspace, flow)
        if base is not None and base != max(setting.version, setting.waiting_version or 0):
            raise DeclinedError("flow.changed_meanwhile")
        checked = _checked(flow, raw, setting.target)
        if checked.malformed:
            raise DeclinedError("flow.malformed", places=list(checked.malformed))
        if checked.clashes:
            raise ClashesError(checked.clashes)
        saved = _store(setting, user, checked.settings.model_dump(mode="json"), checked.missing)
        note(workspace, user, "flow.saved", flow=flow, version=saved.version, waits=sorted(saved.waits))
        return saved


def set_live(workspace: int, user: User | None, flow: str, live: bool) -> FlowView:
    """Decide and write, or decide and only watch. Calls keep the mode that they arrived under."""
    with workspace_tx(workspace):
        setting = _locked(workspace, flow)
        if live:
            if setting.target is None:
                raise DeclinedError("flow.no_target")
            if setting.target.state == ConnectionState.DISCONNECTED:
                raise DeclinedError("flow.target_not_active", title=setting.target.title)
            if not setting.version:
                vendor = manifest_of(setting.target.connector).title
                raise DeclinedError(
                    "flow.waits_for_consent" if setting.waiting_version else "flow.not_set_up", vendor=vendor
                )
        if setting.live != live:
            setting.live, setting.live_since = live, timezone.now() if live else None
            setting.save(update_fields=["live", "live_since"])
            note(workspace, user, "flow.live" if live else "flow.watch", flow=flow)
    return current(workspace, flow)


def set_target(workspace: int, user: User | None, flow: str, connection: int, *, crm_user: str = "") -> FlowView:
    """The connection that this flow writes to. The first one brings the defaults, which work unedited (CALL-4); another
    one brings them anew, with the lines, since people and stages of one CRM mean nothing in another. What arrived meanwhile
    and waits at no target comes along; it is watched until the rules are live.

    crm_user: id in the CRM of the person who connects it; the default user.
    """
    with workspace_tx(workspace):
        target = Connection.objects.get(workspace_id=workspace, pk=connection)
        setting = _made(workspace, flow)
        if setting.target_id == target.pk and (setting.version or setting.waiting_version):
            return current(workspace, flow)
        before = next(iter(scopes.raw_of(setting, [setting.version or setting.waiting_version]).values()), None)
        setting.target, setting.state, setting.trouble = target, FlowState.ACTIVE, None
        setting.live, setting.live_since = False, None
        setting.version, setting.waiting_version = 0, None
        setting.save()
        raw = first_settings(setting, target, user, before=before, crm_user=crm_user)
        _store(setting, user, raw, _missing(target, flow, raw))
        _requeue(setting)
        note(workspace, user, "flow.target", flow=flow, title=target.title)
    return current(workspace, flow)


def add_source(workspace: int, user: User | None, flow: str, connection: int) -> None:
    """Events of this connection go to the flow from now on; its known lines join the settings."""
    with workspace_tx(workspace):
        source = Connection.objects.get(workspace_id=workspace, pk=connection)
        setting = _made(workspace, flow)
        _, new = FlowSource.objects.get_or_create(workspace_id=workspace, setting=setting, source=source)
        if new:
            note(workspace, user, "flow.source", flow=flow, title=source.title)
            _requeue(setting)
        add_lines(setting, user)


def remove_source(workspace: int, user: User | None, flow: str, connection: int) -> None:
    """Events of this connection go to the flow no more. Calls that were made of them are worked on; events that were not read
    by then are kept, and taken up when it is a source again."""
    with workspace_tx(workspace):
        gone, _ = FlowSource.objects.filter(workspace_id=workspace, setting__flow=flow, source_id=connection).delete()
        if gone:
            note(workspace, user, "flow.source_removed", flow=flow)


def _requeue(setting: FlowSetting) -> None:
    if setting.target_id is None:
        return
    with database.cursor() as cursor:
        requeue(cursor, setting.workspace_id, setting.target_id)
    wake(setting.target_id)


def add_lines(setting: FlowSetting, user: User | None) -> None:
    """Lines that the phone systems have and the settings do not yet: as a new version. Inside `workspace_tx`."""
    number = setting.waiting_version or setting.version
    raw = scopes.raw_of(setting, [number]).get(number or 0)
    if raw is None or setting.target is None or "lines" not in raw:
        return
    lines = suggested(setting, raw, setting.target)
    if lines == raw["lines"]:
        return
    fuller = {**raw, "lines": lines}
    if not _checked(setting.flow, fuller, setting.target).clashes:
        _store(setting, user, fuller, _missing(setting.target, setting.flow, fuller))


def suggested_lines(workspace: int, flow: str) -> list[dict[str, Any]]:
    """The settings' lines and those of the phone systems that are not among them, each with the person of the same name."""
    with workspace_tx(workspace):
        setting = FlowSetting.objects.filter(workspace_id=workspace, flow=flow).select_related("target").first()
        if setting is None:
            return []
        number = setting.waiting_version or setting.version
        raw = scopes.raw_of(setting, [number]).get(number or 0) or {}
        return suggested(setting, raw, setting.target)


def fulfil(connection: Connection) -> list[str]:
    """Versions that waited for a scope which is granted now come into force, and flows that stopped for one go on; their
    names. Inside `workspace_tx`."""
    begun: list[str] = []
    for setting in FlowSetting.objects.select_for_update().filter(
        workspace_id=connection.workspace_id, target=connection
    ):
        number = setting.waiting_version or setting.version
        raw = scopes.raw_of(setting, [number]).get(number or 0)
        if raw is None or _missing(connection, setting.flow, raw):
            continue
        if setting.waiting_version or setting.state != FlowState.ACTIVE:
            setting.version, setting.waiting_version = number, None
            setting.state, setting.trouble = FlowState.ACTIVE, None
            setting.save()
            begun.append(setting.flow)
    if begun:
        wake(connection.pk)
    return begun


def wake(target: int) -> None:
    """Tells the workers that there may be something to do for this target, when the transaction commits."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_notify('tieline', %s)", [str(target)])


def _made(workspace: int, flow: str) -> FlowSetting:
    flows.flow(flow)
    FlowSetting.objects.get_or_create(workspace_id=workspace, flow=flow)
    return FlowSetting.objects.select_for_update().get(workspace_id=workspace, flow=flow)


def _locked(workspace: int, flow: str) -> FlowSetting:
    flows.flow(flow)
    setting = FlowSetting.objects.select_for_update().filter(workspace_id=workspace, flow=flow).first()
    if setting is None:
        raise DeclinedError("flow.not_set_up")
    return setting


def _checked(flow: str, raw: Mapping[str, Any], target: Connection | None) -> Checked:
    room = flows.flow(flow)
    try:
        settings = room.load(raw)
    except ValidationError as error:
        places = tuple(".".join(str(part) for part in one["loc"]) for one in error.errors())
        return Checked(malformed=places)
    known = target_of(target) if target is not None else Target()
    remarks = room.remarks(settings, known) if hasattr(room, "remarks") else ()
    if target is None:
        return Checked(settings, room.check(settings, known), remarks)
    wanted = scopes.of_settings(target, flow, raw)
    spare = tuple(scope for scope in target.scopes if scope not in wanted) if _alone(target, flow) else ()
    return Checked(settings, room.check(settings, known), remarks, (), _missing(target, flow, raw), spare)


def _alone(target: Connection, flow: str) -> bool:
    """Whether no other flow writes there, so that what this one does not need nobody does."""
    others = FlowSetting.objects.filter(workspace_id=target.workspace_id, target=target).exclude(flow=flow)
    return not others.exists()


def _missing(target: Connection, flow: str, raw: Mapping[str, Any]) -> dict[str, list[scopes.Rule]]:
    wanted = scopes.of_settings(target, flow, raw)
    return {scope: wanted[scope] for scope in scopes.missing(target, wanted)}


def _store(
    setting: FlowSetting, user: User | None, raw: Mapping[str, Any], missing: Mapping[str, Sequence[scopes.Rule]]
) -> Saved:
    rows = FlowVersion.objects.filter(workspace_id=setting.workspace_id, setting=setting)
    last = rows.order_by("-number").values_list("number", flat=True).first()
    number = (last or 0) + 1
    FlowVersion.objects.create(
        workspace_id=setting.workspace_id, setting=setting, number=number, settings=dict(raw), saved_by=user
    )
    if missing:
        setting.waiting_version = number
        if setting.state == FlowState.ACTIVE:
            setting.state = FlowState.WAITING_CONSENT
    else:
        setting.version, setting.waiting_version = number, None
        setting.state, setting.trouble = FlowState.ACTIVE, None
    setting.save(update_fields=["version", "waiting_version", "state", "trouble"])
    if setting.target_id is not None:
        wake(setting.target_id)
    return Saved(number, missing)
