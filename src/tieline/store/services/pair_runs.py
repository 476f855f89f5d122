"""Runs of a pair as pages read them: what they came to, what they wrote or would write, what does not agree.

recent(workspace, pair) -> [SyncRun]
one(workspace, pair, run) -> SyncRun | None
operations(workspace, run, before) -> Some              the newest first
reports(workspace, run, after) -> Some                  in the order in which they were found
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tieline.engine.sync.matched import LINE
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


def has_plan(workspace: int, run: SyncRun) -> bool:
    """Whether a dry run planned anything."""
    with workspace_tx(workspace):
        return SyncOperation.objects.filter(workspace_id=workspace, run_id=run.pk, state="planned").exists()


def approved(workspace: int, run: SyncRun) -> int | None:
    """The run that applied this dry run."""
    if run.kind != "preview":
        return None
    with workspace_tx(workspace):
        found = SyncRun.objects.filter(workspace_id=workspace, pair_id=run.pair_id, kind="approved", options__of=run.pk)
        return found.values_list("pk", flat=True).first()
