"""Undo of runs: what is chosen, the plan that a worker makes of it, its approval, and what became of it.

    begin(workspace, user, runs, selection) -> [int]   undos, one for each CRM and flow that these runs wrote with
    again(workspace, user, undo) -> int                what an undo took away is made anew ("undo this undo")
    look_again(workspace, user, undo)                  the plan is made anew, from what is there now
    approve(workspace, user, undo, plan)               apply the plan that was read; `plan` is `Shown.plan`
    drop(workspace, user, undo)                        not wanted after all
    shown(workspace, undo) -> Shown                    one undo, for its page
    items(workspace, undo, states) -> [UndoItem]       its items, in order
    recent(workspace) -> [Undo]                        the newest
    of_run(workspace, run) -> [Undo]                   the undos that took a run back or are it

A worker plans within a second or two; until then the state is "reading". What was approved is planned once more when it is
applied, and only what both plans say alike is done: a record that somebody changed meanwhile is listed as "moved".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Count, Exists, OuterRef
from django.db.models.fields.json import KT
from django.utils import timezone

from tieline.store.connection import workspace_tx
from tieline.store.models import Connection, ConnectionState, Operation, Run, Undo, UndoItem, UndoRun, UndoState
from tieline.store.services import scopes
from tieline.store.services.asking import manifest_of
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError
from tieline.store.services.flow_settings import wake

if TYPE_CHECKING:
    from tieline.store.team.models import User

MOST_RUNS: Final = 5000
"""Runs of one undo: their records are read and planned together."""
OPEN: Final = (UndoState.READING, UndoState.READY, UndoState.APPROVED)
TAKEN: Final = (UndoState.APPROVED, UndoState.DONE)
_ENDED: Final = ("done", "failed", "asked", "superseded")


@dataclass(frozen=True, slots=True)
class Shown:
    """One undo. counts: state of items → how many. groups: (do, role, reason code, state) → how many. lacks: scopes that were
    not granted and without which items stay. plan: names the plan that is shown, "" while there is none. recycle_bin: whether the
    vendor has one. undone_by: the newest undo of this one."""

    undo: Undo
    counts: Mapping[str, int]
    groups: Mapping[tuple[str, str, str, str], int]
    lacks: tuple[str, ...]
    plan: str
    recycle_bin: bool
    undone_by: int | None


def undoable(workspace: int, runs: Iterable[int] | Any) -> Any:
    """Those among these runs (ids or a query of ids) that wrote something that was not taken back yet, inside
    `workspace_tx`: a query of runs, newest first."""
    wrote = Operation.objects.filter(run_id=OuterRef("pk"), state="done")
    taken = UndoRun.objects.filter(run_id=OuterRef("pk"), undo__state__in=TAKEN)
    here = Connection.objects.filter(pk=OuterRef("target_id"), epoch=OuterRef("epoch"))
    found = Run.objects.filter(workspace_id=workspace, pk__in=runs, state__in=_ENDED).exclude(kind="undo")
    return found.filter(Exists(wrote), Exists(here)).exclude(Exists(taken)).order_by("-pk")


def begin(
    workspace: int, user: User | None, runs: Iterable[int] | Any, selection: Mapping[str, Any] | None = None
) -> list[int]:
    """Undos of these runs, to be planned; one for each target and flow. At most MOST_RUNS, the newest ones: `selection` of the
    undo then has "more". DeclinedError "undo.nothing" where none of them wrote anything that is still to be undone."""
    with workspace_tx(workspace):
        found = list(undoable(workspace, runs).values_list("pk", "target_id", "flow", "epoch")[: MOST_RUNS + 1])
        if not found:
            raise DeclinedError("undo.nothing")
        chosen = {**(selection or {}), **({"more": True} if len(found) > MOST_RUNS else {})}
        groups: dict[tuple[int, str, int], list[int]] = {}
        for id, target, flow, epoch in found[:MOST_RUNS]:
            groups.setdefault((target, flow, epoch), []).append(id)
        return [_made(workspace, user, *key, ids, chosen).pk for key, ids in groups.items()]


def again(workspace: int, user: User | None, undo: int) -> int:
    """The undo of an undo: what it deleted is made anew, with new ids, and what it put back is set again."""
    with workspace_tx(workspace):
        row = _locked(workspace, undo)
        if row.state != UndoState.DONE:
            raise DeclinedError("undo.not_done")
        if Undo.objects.filter(workspace_id=workspace, undoes=row, state__in=TAKEN).exists():
            raise DeclinedError("undo.undone_before")
        runs = list(_runs_of(workspace, row))
        if not runs or not Connection.objects.filter(pk=row.target_id, epoch=row.epoch).exists():
            raise DeclinedError("undo.nothing")
        kind = "undo" if row.kind == "redo" else "redo"
        return _made(
            workspace, user, row.target_id, row.flow, row.epoch, runs, {"undo": row.pk}, kind=kind, undoes=row
        ).pk


def look_again(workspace: int, user: User | None, undo: int) -> None:
    """A plan that was not approved yet is made anew: a right was granted, or somebody changed something."""
    with workspace_tx(workspace):
        row = _locked(workspace, undo)
        if row.state not in (UndoState.READY, UndoState.READING):
            raise DeclinedError("undo.not_ready")
        row.state, row.ready_at, row.user = UndoState.READING, None, user or row.user
        row.save(update_fields=["state", "ready_at", "user"])
        wake(row.target_id)


def approve(workspace: int, user: User | None, undo: int, plan: str) -> None:
    """The plan that was read is applied. DeclinedError "undo.replanned": it was made anew since it was read."""
    with workspace_tx(workspace):
        row = _locked(workspace, undo)
        if row.state != UndoState.READY:
            raise DeclinedError("undo.not_ready")
        if plan_of(row) != plan:
            raise DeclinedError("undo.replanned")
        row.state, row.approved_at, row.approved_by = UndoState.APPROVED, timezone.now(), user
        row.save(update_fields=["state", "approved_at", "approved_by"])
        note(workspace, user, "undo.approved", undo=row.pk, runs=row.runs, kind=row.kind)
        wake(row.target_id)


def drop(workspace: int, user: User | None, undo: int) -> None:
    """Not wanted: the plan is forgotten, nothing is changed in the CRM."""
    with workspace_tx(workspace):
        row = _locked(workspace, undo)
        if row.state not in (UndoState.READING, UndoState.READY):
            raise DeclinedError("undo.not_ready")
        row.state, row.finished_at = UndoState.DROPPED, timezone.now()
        row.save(update_fields=["state", "finished_at"])
        UndoItem.objects.filter(workspace_id=workspace, undo_id=row.pk).delete()
        note(workspace, user, "undo.dropped", undo=row.pk)


def shown(workspace: int, undo: int) -> Shown:
    """One undo with how many items there are of each sort; DeclinedError "undo.not_there"."""
    with workspace_tx(workspace):
        row = _one(workspace, undo)
        rows = (
            UndoItem.objects.filter(workspace_id=workspace, undo_id=row.pk)
            .order_by()
            .values_list("do", "role", "state", KT("reason__code"), KT("why__code"))
            .annotate(Count("id"))
        )
        groups: dict[tuple[str, str, str, str], int] = {}
        counts: dict[str, int] = {}
        for do, role, state, reason, why, count in rows:
            code = (why or reason or "") if state in ("left", "stays", "moved") else ""
            groups[do, role, code, state] = groups.get((do, role, code, state), 0) + count
            counts[state] = counts.get(state, 0) + count
        after = Undo.objects.filter(workspace_id=workspace, undoes=row, state__in=(*OPEN, UndoState.DONE))
        newest = after.order_by("-pk").values_list("pk", flat=True).first()
        manifest = manifest_of(row.target.connector)
        return Shown(
            row,
            counts,
            groups,
            tuple(scopes.undo_lacks(row.target, row.pk)),
            plan_of(row),
            manifest.capabilities.recycle_bin,
            newest,
        )


def items(workspace: int, undo: int, states: Sequence[str] = (), *, limit: int = 200, after: int = 0) -> list[UndoItem]:
    """Items in these states (all without any), in order, `limit` of those behind the id `after`."""
    with workspace_tx(workspace):
        found = UndoItem.objects.filter(workspace_id=workspace, undo_id=undo, pk__gt=after)
        if states:
            found = found.filter(state__in=states)
        return list(found.order_by("pk")[:limit])


def recent(workspace: int, limit: int = 50) -> list[Undo]:
    """The newest undos."""
    with workspace_tx(workspace):
        rows = Undo.objects.filter(workspace_id=workspace).exclude(state=UndoState.DROPPED)
        return list(rows.select_related("target", "user", "approved_by").order_by("-pk")[:limit])


def of_run(workspace: int, run: int) -> list[Undo]:
    """The undos under way or done that this run was chosen for, newest first."""
    with workspace_tx(workspace):
        ids = UndoRun.objects.filter(workspace_id=workspace, run_id=run).values("undo_id")
        rows = Undo.objects.filter(workspace_id=workspace, pk__in=ids).exclude(state=UndoState.DROPPED)
        return list(rows.order_by("-pk"))


def plan_of(row: Undo) -> str:
    """What names the plan of an undo, "" while there is none."""
    return row.ready_at.isoformat() if row.ready_at is not None else ""


def _runs_of(workspace: int, row: Undo) -> Iterable[int]:
    """The runs by which an undo was applied."""
    keys = UndoItem.objects.filter(workspace_id=workspace, undo_id=row.pk).exclude(key="").values("key")
    wrote = Operation.objects.filter(workspace_id=workspace, target_id=row.target_id, key__in=keys, state="done")
    found: Iterable[int] = wrote.order_by("run_id").values_list("run_id", flat=True).distinct()
    return found


def _made(
    workspace: int,
    user: User | None,
    target: int,
    flow: str,
    epoch: int,
    runs: Sequence[int],
    selection: Mapping[str, Any],
    *,
    kind: str = "undo",
    undoes: Undo | None = None,
) -> Undo:
    connection = Connection.objects.get(workspace_id=workspace, pk=target)
    if connection.state == ConnectionState.DISCONNECTED:
        raise DeclinedError("connection.disconnected", title=connection.title)
    row = Undo.objects.create(
        workspace_id=workspace, target=connection, epoch=epoch, flow=flow, kind=kind, undoes=undoes, user=user,
        selection=dict(selection), runs=len(runs),
    )  # fmt: skip
    UndoRun.objects.bulk_create([UndoRun(workspace_id=workspace, undo_id=row.pk, run_id=id) for id in runs])
    note(workspace, user, "undo.begun", undo=row.pk, runs=len(runs), kind=kind)
    wake(target)
    return row


def _one(workspace: int, undo: int) -> Undo:
    rows = Undo.objects.filter(workspace_id=workspace, pk=undo)
    row = rows.select_related("target", "user", "approved_by", "undoes").first()
    if row is None:
        raise DeclinedError("undo.not_there")
    return row


def _locked(workspace: int, undo: int) -> Undo:
    row = Undo.objects.select_for_update().filter(workspace_id=workspace, pk=undo).first()
    if row is None:
        raise DeclinedError("undo.not_there")
    return row
