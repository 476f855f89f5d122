"""Runs of a pair as pages read them: what they came to, what they wrote or would write, what does not agree.

recent(workspace, pair) -> [SyncRun]
one(workspace, pair, run) -> SyncRun | None
operations(workspace, run, before) -> Some              the newest first
reports(workspace, run, after) -> Some                  in the order in which they were found
planned(workspace, runs) -> {run}                       dry runs that may be applied
approved(workspace, runs) -> {run: run}                 and by which run they were
left_s(run) -> seconds | None                           until it is done, by the pace that it has had
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef

from tieline.engine.sync.matched import LINE
from tieline.engine.sync.ports import PACE
from tieline.engine.sync.reasons import UNDONE
from tieline.store.connection import workspace_tx
from tieline.store.models import SyncOperation, SyncReport, SyncRun

SIZE = 50


@dataclass(frozen=True, slots=True)
class Some:
    """A page of rows; `more`: the key to go on from, None at the end."""

    rows: Sequence[Any] = field(default=())
    more: int | None = None


def recent(workspace: int, pair: int, limit: int = 8) -> list[SyncRun]:
    """The newest runs."""
    with workspace_tx(workspace):
        return list(SyncRun.objects.filter(workspace_id=workspace, pair_id=pair).order_by("-id")[:limit])


def one(workspace: int, pair: int, run: int) -> SyncRun | None:
    """One run of this pair."""
    with workspace_tx(workspace):
        return SyncRun.objects.filter(workspace_id=workspace, pair_id=pair, pk=run).select_related("asked_by").first()


def operations(workspace: int, run: SyncRun, *, before: int | None = None, size: int = SIZE) -> Some:
    """What it wrote, or (a dry run) would write."""
    with workspace_tx(workspace):
        rows = SyncOperation.objects.filter(workspace_id=workspace, run_id=run.pk)
        if before is not None:
            rows = rows.filter(pk__lt=before)
        found = list(rows.defer("base").order_by("-pk")[: size + 1])
    return Some(found[:size], found[size - 1].pk if len(found) > size else None)


def reports(workspace: int, run: SyncRun, *, after: int | None = None, size: int = SIZE) -> Some:
    """Records that do not agree."""
    with workspace_tx(workspace):
        rows = SyncReport.objects.filter(workspace_id=workspace, run_id=run.pk)
        if after is not None:
            rows = rows.filter(pk__gt=after)
        found = list(rows.order_by("pk")[: size + 1])
    return Some(found[:size], found[size - 1].pk if len(found) > size else None)


def verb_of(row: SyncOperation) -> str:
    """What it did: "create", "update", "delete"; "link" and "unlink" of two records that were found to be one, or parted by an undo, for which
    nothing was written."""
    line = row.lines.get(LINE) if row.verb == "update" and not row.values else None
    if line is None:
        return row.verb
    return "unlink" if line["code"] == UNDONE else "link"


def wrote(workspace: int, run: SyncRun) -> bool:
    """Whether there is something to take back."""
    if run.state in ("running", "paused"):
        return False
    with workspace_tx(workspace):
        return SyncOperation.objects.filter(workspace_id=workspace, run_id=run.pk, state="done").exists()


def planned(workspace: int, runs: Sequence[SyncRun]) -> set[int]:
    """Dry runs of these that are done and planned something. One query."""
    ids = [run.pk for run in runs if run.kind == "preview" and run.state == "done"]
    if not ids:
        return set()
    with workspace_tx(workspace):
        writes = SyncOperation.objects.filter(workspace_id=workspace, run_id=OuterRef("pk"), state="planned")
        rows = SyncRun.objects.filter(Exists(writes), workspace_id=workspace, pk__in=ids)
        return set(rows.values_list("pk", flat=True))


def approved(workspace: int, runs: Sequence[SyncRun]) -> dict[int, int]:
    """Dry run → the run that applied it, of those of these that were. One query."""
    ids = [run.pk for run in runs if run.kind == "preview"]
    if not ids:
        return {}
    pairs = {run.pair_id for run in runs}
    with workspace_tx(workspace):
        rows = SyncRun.objects.filter(workspace_id=workspace, pair_id__in=pairs, kind="approved", options__of__in=ids)
        return dict(rows.values_list("options__of", "pk"))


def left_s(run: SyncRun) -> float | None:
    """How long what is left of its total takes at the pace of its pages so far, pauses left out. None where nobody can tell: the total is
    not known, no page is done, it stands still, or it is at what comes after the last page."""
    worked, read = run.position.get(PACE) or (0.0, 0)
    left = (run.total or 0) - run.counts.get("read", 0)
    return left * worked / read if run.state == "running" and worked > 0 and read > 0 and left > 0 else None
