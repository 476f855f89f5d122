"""Loading one story: a run, or a call without one. Inside `workspace_tx` where it says so."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from tieline.store import public_ids
from tieline.store.connection import workspace_tx
from tieline.store.models import Operation, Run, Subject
from tieline.store.services import inbox, undo
from tieline.web.inbox import asked
from tieline.web.runs import line, rows, story
from tieline.web.runs.line import Line, call_id, run_id
from tieline.web.runs.lines import names
from tieline.web.runs.story import Story
from tieline.web.undo import links as undos


@dataclass(frozen=True, slots=True)
class Opened:
    """A line with its story."""

    line: Line
    story: Story


def of_run(workspace: int, shown: str) -> Opened | None:
    """A run by its public id; None where this workspace has none of this name."""
    id = public_ids.of("run").read(shown)
    if id is None:
        return None
    with workspace_tx(workspace):
        run = Run.objects.filter(workspace_id=workspace, pk=id).first()
        subject = _subject(workspace, run.subject_id) if run is not None else None
        if run is None or subject is None:
            return None
        known, connections = names(workspace), rows.connections(workspace)
        operations = list(Operation.objects.filter(workspace_id=workspace, run_id=run.pk).order_by("position", "id"))
        told = story.of_run(run, subject, operations, rows.events_of(workspace, subject.pk), connections, known)
        newest = Run.objects.filter(subject_id=subject.pk, workspace_id=workspace).order_by("-id").only("id").first()
        _undos(workspace, run, told)
        if subject.answers:
            told.answers = [asked.decided(one) for one in inbox.answers(workspace, subject.pk, run.pk)]
        if newest is not None and newest.pk != run.pk and not told.undone:
            told.newer = reverse("runs-run", args=[run_id(newest.pk)])
            told.trouble, told.step = "", None
        elif subject.state == "parked":
            told.retry = reverse("runs-retry", args=[call_id(subject.pk)])
        return Opened(line.of_run(run, subject, operations, connections, known), told)


def _undos(workspace: int, run: Run, told: Story) -> None:
    """Whether this run can be undone, was undone, or undoes."""
    part_of = run.known.get("undo") if run.kind else None
    told.part_of = undos.url_of(int(part_of)) if part_of else ""
    taken = [one for one in undo.of_run(workspace, run.pk) if one.state in undo.TAKEN]
    if taken:
        told.undone = undos.url_of(taken[0].pk)
    elif undo.undoable(workspace, [run.pk]).exists():
        told.undo = run_id(run.pk)


def of_call(workspace: int, shown: str) -> Opened | Run | None:
    """A call by its public id; its newest run where it has one."""
    id = public_ids.of("call").read(shown)
    if id is None:
        return None
    with workspace_tx(workspace):
        subject = _subject(workspace, id)
        if subject is None:
            return None
        run: Run | None = Run.objects.filter(subject_id=id, workspace_id=workspace).order_by("-id").only("id").first()
        if run is not None:
            return run
        known, connections = names(workspace), rows.connections(workspace)
        told = story.of_subject(subject, rows.events_of(workspace, id), connections, known)
        if subject.state == "parked":
            told.retry = reverse("runs-retry", args=[call_id(id)])
        return Opened(line.of_subject(subject, connections, known), told)


def _subject(workspace: int, id: int) -> Subject | None:
    return Subject.objects.filter(workspace_id=workspace, pk=id).first()
