"""Replays: past subjects decided again under other settings, on the answers stored with them (CALL-25).

    begin(workspace, user, flow, settings=None, …) -> ReplayView   which subjects and settings; nothing is decided yet
    step(workspace, replay) -> ReplayView                          the next part; call it until `state` is "done"
    run(workspace, replay) -> ReplayView                           all of it at once
    again(workspace, user, replay) -> ReplayView                   the same once more, to confirm it
    listed(workspace), get(workspace, replay) -> ReplayView        what was replayed, newest first
    subjects(workspace, replay, kind="", after=0) -> [Differing]   what would differ, subject by subject
    go_live(workspace, user, replay) -> Saved                      its settings come into force
    preview(workspace, replay) -> Preview                          what applying it to the past would write
    apply(workspace, user, replay, watched=…, others=…) -> int     makes those subjects due again

A replay asks no vendor and writes nothing there. A look-up without a stored answer counts as "nothing found" and is marked.
Settings are the flow's JSON; None: those in force. Kinds of differences: `replaying.differences`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
from django.db import connection as database
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from tieline.core.record import User as Person
from tieline.flows.calls.call import UNREACHED
from tieline.store.connection import workspace_tx
from tieline.store.models import Connection, FlowSetting, FlowVersion, Replay, ReplayedSubject, Subject
from tieline.store.services import flow_settings, flows, schemas
from tieline.store.services.asking import manifest_of
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError
from tieline.store.services.flow_settings import Saved
from tieline.store.services.past import pasts
from tieline.store.services.replay_views import Differing, Preview, ReplayView
from tieline.store.services.replaying import FORGOTTEN, WATCHED, Replaying

if TYPE_CHECKING:
    from tieline.store.team.models import User

MOST: Final = 10_000
STEP: Final = 200
"""Subjects in one step: some tenths of a second."""
ONLY: Final = ("", "inbound", "outbound", "unreached", "watched")
"""What a replay may be narrowed to."""


def begin(
    workspace: int,
    user: User | None,
    flow: str,
    settings: Mapping[str, Any] | None = None,
    *,
    since: datetime,
    until: datetime | None = None,
    only: str = "",
    most: int = 1000,
) -> ReplayView:
    """A replay of the newest `most` decided subjects of that time. Settings that contradict are refused as by a save."""
    with workspace_tx(workspace):
        setting, target = _flow(workspace, flow)
        raw = settings if settings is not None else flow_settings.current(workspace, flow).raw
        checked = flow_settings.check(workspace, flow, raw)
        if checked.malformed:
            raise DeclinedError("flow.malformed", places=list(checked.malformed))
        if checked.clashes:
            raise flow_settings.ClashesError(checked.clashes)
        row = Replay(
            workspace_id=workspace, flow=flow, target_id=target.pk, epoch=target.epoch,
            settings=checked.settings.model_dump(mode="json"), base=setting.version, since=since,
            until=until or timezone.now(), only=only if only in ONLY else "", most=max(1, min(most, MOST)), made_by=user,
        )  # fmt: skip
        ids = list(_subjects(row).order_by("-id").values_list("id", flat=True)[: row.most])
        _begun(row, ids[-1] if ids else 0, ids[0] if ids else 0, len(ids))
        note(workspace, user, "replay.begun", flow=flow, count=row.total)
        return _view(row)


def again(workspace: int, user: User | None, replay: int) -> ReplayView:
    """The same settings on the same subjects once more: what it says must not depend on when it is asked."""
    with workspace_tx(workspace):
        first = _row(workspace, replay)
        setting, target = _flow(workspace, first.flow)
        if target.pk != first.target_id or target.epoch != first.epoch:
            raise DeclinedError("replay.other_crm")
        names = ("flow", "target_id", "epoch", "settings", "since", "until", "only", "most")
        row = Replay(workspace_id=workspace, made_by=user, again_of=first, base=setting.version)
        for name in names:
            setattr(row, name, getattr(first, name))
        _begun(row, first.first_id, first.final_id, first.total)
        note(workspace, user, "replay.begun", flow=row.flow, count=row.total)
        return _view(row)


def step(workspace: int, replay: int, most: int = STEP) -> ReplayView:
    """Decides the next subjects. Two who ask at once: one of them waits for the other's part."""
    with workspace_tx(workspace):
        row = _row(workspace, replay, lock=True)
        if row.state != "running":
            return _view(row)
        found = list(
            _subjects(row).filter(pk__gt=row.cursor, pk__gte=row.first_id, pk__lte=row.final_id).order_by("id")[:most]
        )
        if found:
            _part(row, found)
        if len(found) < most:
            row.state, row.finished_at, row.total = "done", timezone.now(), row.done
            row.digest = _digest(row)
        row.save()
        return _view(row)


def run(workspace: int, replay: int) -> ReplayView:
    """Every step."""
    view = get(workspace, replay)
    while view.state == "running":
        view = step(workspace, replay)
    return view


def listed(workspace: int, flow: str = "", most: int = 20) -> list[ReplayView]:
    """The newest replays."""
    with workspace_tx(workspace):
        rows = Replay.objects.filter(workspace_id=workspace).select_related("made_by", "again_of").order_by("-id")
        if flow:
            rows = rows.filter(flow=flow)
        versions: dict[str, tuple[int, Mapping[str, Any]]] = {}
        return [_view(row, versions) for row in rows[:most]]


def get(workspace: int, replay: int) -> ReplayView:
    """One replay."""
    with workspace_tx(workspace):
        return _view(_row(workspace, replay))


def subjects(
    workspace: int, replay: int, *, kind: str = "", mark: str = "", after: int = 0, most: int = 50
) -> list[Differing]:
    """What would differ, in the order in which it was decided; with a mark: those that carry it, whether they differ or not."""
    with workspace_tx(workspace):
        rows = ReplayedSubject.objects.filter(workspace_id=workspace, replay_id=replay, position__gt=after)
        rows = rows.filter(marks__contains=[mark]) if mark else rows.exclude(kinds=[])
        if kind:
            rows = rows.filter(kinds__contains=[kind])
        page = list(rows.order_by("position")[:most])
        ids = [row.subject_id for row in page]
        kept = {one.pk: one for one in Subject.objects.filter(workspace_id=workspace, pk__in=ids)}
    return [
        Differing(
            row.position, row.subject_id, kept[row.subject_id].subject, kept[row.subject_id].arrived_at, row.kinds,
            row.marks, row.differences, row.writes,
        )
        for row in page if row.subject_id in kept
    ]  # fmt: skip


def go_live(workspace: int, user: User | None, replay: int) -> Saved:
    """Its settings come into force, and the flow writes from now on. Refused where others were saved since it was begun:
    what it told would not be what happens."""
    with workspace_tx(workspace):
        row = _row(workspace, replay, lock=True)
        setting, target = _flow(workspace, row.flow)
        if target.pk != row.target_id or target.epoch != row.epoch:
            raise DeclinedError("replay.other_crm")
        if row.state != "done":
            raise DeclinedError("replay.not_done")
        current = flow_settings.current(workspace, row.flow)
        if _same(row.flow, current.raw, row.settings):
            saved = Saved(current.version)
        else:
            if setting.version != row.base:
                raise DeclinedError("replay.settings_moved")
            base = max(setting.version, setting.waiting_version or 0)
            saved = flow_settings.save(workspace, user, row.flow, row.settings, base=base)
        if not setting.live and not saved.waits:
            flow_settings.set_live(workspace, user, row.flow, True)
        row.live_version = saved.version
        row.save(update_fields=["live_version"])
        return saved


def preview(workspace: int, replay: int) -> Preview:
    """What applying this replay would write, and to how many subjects; as far as the stored answers tell."""
    with workspace_tx(workspace):
        row = _row(workspace, replay)
        found: tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]] = (Counter(), Counter())
        counts = [0, 0]
        for one in _to_apply(row):
            at = 0 if WATCHED in one.marks else 1
            counts[at] += 1
            found[at].update((role, verb) for role, verb in one.writes)
        return Preview(counts[0], counts[1], found[0], found[1], _refused(row))


def apply(workspace: int, user: User | None, replay: int, *, watched: bool = True, others: bool = True) -> int:
    """Makes the subjects of this replay that have something to write due again; how many. Those of watch mode are written
    for real from then on. They are decided anew by the settings in force, which must be those replayed, and by what the CRM
    holds by then."""
    with workspace_tx(workspace):
        row = _row(workspace, replay, lock=True)
        refused = _refused(row)
        if refused:
            raise DeclinedError(refused)
        ids = [one.subject_id for one in _to_apply(row) if (watched if WATCHED in one.marks else others)]
        with database.cursor() as cursor:
            # a subject that moved on meanwhile, or waits for an answer, goes its own way
            cursor.execute(
                "UPDATE store_subject SET state = 'due', due_at = now(), attempts = 0, why = NULL, revision = revision + 1,"
                " live = true WHERE workspace_id = %s AND target_id = %s AND epoch = %s AND state = 'done'"
                " AND id = ANY(%s)",
                [workspace, row.target_id, row.epoch, ids],
            )
            count: int = cursor.rowcount
        row.applied_at, row.applied = timezone.now(), count
        row.save(update_fields=["applied_at", "applied"])
        note(workspace, user, "replay.applied", flow=row.flow, count=count)
        flow_settings.wake(row.target_id)
        return count


# -- which subjects ------------------------------------------------------------------------------------------------------


def _subjects(row: Replay) -> QuerySet[Subject]:
    """Decided subjects of the replay's time, less what it is narrowed by."""
    found = Subject.objects.filter(
        workspace_id=row.workspace_id, flow=row.flow, target_id=row.target_id, epoch=row.epoch,
        state__in=["done", "asked"], arrived_at__gte=row.since, arrived_at__lte=row.until,
    )  # fmt: skip
    return narrowed(found, row.only)


def narrowed(found: QuerySet[Subject], only: str) -> QuerySet[Subject]:
    """Calls of a kind (`ONLY`); another word narrows nothing."""
    if only in ("inbound", "outbound"):
        said = RawSQL("store_subject.subject->>'direction'", [])
        found = found.annotate(said=said).filter(said=only)
    elif only == "unreached":
        said = RawSQL("store_subject.subject->>'result'", [])
        found = found.annotate(said=said).filter(said__in=sorted(UNREACHED))
    elif only == "watched":
        found = found.filter(live=False)
    return found


def _begun(row: Replay, first: int, final: int, total: int) -> None:
    row.first_id, row.final_id, row.total = first, final, total
    row.save()


def _flow(workspace: int, flow: str) -> tuple[FlowSetting, Connection]:
    flows.flow(flow)
    setting = FlowSetting.objects.select_related("target").filter(workspace_id=workspace, flow=flow).first()
    if setting is None or not setting.version:
        raise DeclinedError("flow.not_set_up")
    if setting.target is None:
        raise DeclinedError("flow.no_target")
    return setting, setting.target


def _row(workspace: int, replay: int, *, lock: bool = False) -> Replay:
    rows = Replay.objects.filter(workspace_id=workspace, pk=replay)
    row = (rows.select_for_update() if lock else rows).first()
    if row is None:
        raise DeclinedError("replay.gone")
    return row


# -- deciding ------------------------------------------------------------------------------------------------------------


def _part(row: Replay, found: Sequence[Subject]) -> None:
    """One step: the rows of these subjects, and the replay's counts."""
    workspace = row.workspace_id
    room = flows.flow(row.flow)
    target = Connection.objects.get(workspace_id=workspace, pk=row.target_id)
    users = {one.id: Person(one.id, one.name, one.email, one.active) for one in schemas.users_of(target)}
    now = room.load(row.settings)
    roles = manifest_of(target.connector).role_maps()
    replaying = Replaying(room, now, schemas.target_of(target), users, roles, workspace)
    earlier = ReplayedSubject.objects.filter(workspace_id=workspace, replay_id=row.pk).order_by("position")
    for ours, (then_kept, now_kept) in earlier.values_list("ours", "planned"):
        replaying.recall({(role, id): key for role, id, key in ours}, then_kept, now_kept)
    versions = _versions(row, room)
    counts, marks = Counter(row.counts), Counter(row.marks)
    made: list[ReplayedSubject] = []
    for subject, past, version in pasts(row.workspace_id, found):
        row.done += 1
        one = ReplayedSubject(
            workspace_id=workspace, replay_id=row.pk, subject_id=subject.pk, position=row.done, planned=[[], []]
        )
        if past is None:
            one.marks = [FORGOTTEN]
        else:
            out = replaying.subject(past, versions.get(version, versions[0]))
            one.kinds, one.marks, one.differences, one.writes = out.kinds, out.marks, out.differences, out.writes
            one.planned = list(out.planned)
            one.ours = [[role, id, key] for (role, id), key in past.ours.items()]
        row.differing += bool(one.kinds)
        counts.update(one.kinds)
        marks.update(one.marks)
        made.append(one)
    ReplayedSubject.objects.bulk_create(made)
    row.cursor, row.counts, row.marks = found[-1].pk, dict(counts), dict(marks)


def _versions(row: Replay, room: Any) -> dict[int, Any]:
    """Every version of the settings, typed; 0: those in force, for a subject whose version is not kept."""
    kept = FlowVersion.objects.filter(workspace_id=row.workspace_id, setting__flow=row.flow)
    out = {one.number: room.load(one.settings) for one in kept}
    out[0] = out.get(row.base) or room.load(row.settings)
    return out


def _digest(row: Replay) -> str:
    """Of every difference, in order."""
    digest = hashlib.sha256()
    rows = ReplayedSubject.objects.filter(workspace_id=row.workspace_id, replay_id=row.pk).exclude(kinds=[])
    for subject, marks, found in rows.order_by("position").values_list("subject_id", "marks", "differences"):
        digest.update(orjson.dumps([subject, marks, found], option=orjson.OPT_SORT_KEYS))
    return digest.hexdigest()


# -- applying ------------------------------------------------------------------------------------------------------------


def _to_apply(row: Replay) -> list[ReplayedSubject]:
    rows = ReplayedSubject.objects.filter(workspace_id=row.workspace_id, replay_id=row.pk).order_by("position")
    return [one for one in rows.only("subject_id", "marks", "writes") if one.writes]


def _refused(row: Replay) -> str:
    """Why it cannot be applied now."""
    setting, target = _flow(row.workspace_id, row.flow)
    current = flow_settings.current(row.workspace_id, row.flow)
    if target.pk != row.target_id or target.epoch != row.epoch:
        return "replay.other_crm"
    if row.state != "done":
        return "replay.not_done"
    if row.applied_at is not None:
        return "replay.applied_before"
    if not setting.live:
        return "replay.not_live"
    return "" if _same(row.flow, current.raw, row.settings) else "replay.not_in_force"


def _same(flow: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Whether two sets of settings say the same, whatever their version leaves out."""
    room = flows.flow(flow)
    return bool(room.load(left) == room.load(right))


def _view(row: Replay, versions: dict[str, tuple[int, Mapping[str, Any]]] | None = None) -> ReplayView:
    known = versions if versions is not None else {}
    if row.flow not in known:
        view = flow_settings.current(row.workspace_id, row.flow)
        known[row.flow] = (view.version, view.raw)
    number, raw = known[row.flow]
    first = row.again_of
    both = first is not None and row.state == "done" and first.state == "done"
    return ReplayView(
        row.pk, row.flow, row.state, row.settings, row.base, number if _same(row.flow, raw, row.settings) else 0,
        row.since, row.until, row.only, row.total, row.done, row.differing, row.counts, row.marks, row.digest, row.made_at,
        row.made_by.name if row.made_by else "", row.finished_at, first.pk if first is not None else 0,
        row.digest == first.digest if both and first is not None else None, row.live_version or 0, row.applied_at, row.applied,
    )  # fmt: skip
