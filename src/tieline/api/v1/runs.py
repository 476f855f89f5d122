"""Runs, calls and events."""

from datetime import datetime
from typing import Any

from django.http import Http404
from ninja import Query, Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.shapes import PROBLEMS, Done, Run, Runs, read, reason, shown
from tieline.store.connection import workspace_tx
from tieline.store.masking import without_secrets
from tieline.store.models import Connection, Event, Operation, RefusedEvent, Subject
from tieline.store.models import Run as RunRow
from tieline.store.services import inbox

router = Router(tags=["Runs"])
MOST = 100


class Wanted(Schema):
    """Which runs."""

    state: str = Field("", max_length=12)
    flow: str = Field("", max_length=32)
    call: str = Field("", max_length=40)
    record: str = Field("", max_length=100, description="the id of a record at the CRM")
    since: datetime | None = None
    until: datetime | None = None
    after: str = Field("", max_length=40)
    limit: int = Field(25, ge=1, le=MOST)


@router.get("/runs", response={200: Runs, **PROBLEMS}, summary="List runs")
@needs("runs.see", "runs", "runs-new")
def list_runs(request: Asked, wanted: Query[Wanted]) -> Any:
    """The newest first."""
    workspace, _ = asker(request)
    rows = RunRow.objects.filter(workspace_id=workspace)
    if wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.flow:
        rows = rows.filter(flow=wanted.flow)
    if wanted.call:
        rows = rows.filter(subject_id=read("call", wanted.call))
    if wanted.since:
        rows = rows.filter(started_at__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(started_at__lt=wanted.until)
    if wanted.after:
        rows = rows.filter(pk__lt=read("run", wanted.after))
    with workspace_tx(workspace):
        if wanted.record:
            written = Operation.objects.filter(workspace_id=workspace, external_id=wanted.record)
            rows = rows.filter(pk__in=written.values("run_id"))
        page = list(rows.defer("known").order_by("-pk")[: wanted.limit + 1])
        found = page[: wanted.limit]
        return {
            "items": _told(workspace, found),
            "next": shown("run", found[-1].pk) if len(page) > len(found) else None,
        }


@router.get("/runs/{run}", response={200: Run, **PROBLEMS}, summary="One run")
@needs("runs.see", "runs-run", "runs-story")
def one_run(request: Asked, run: str) -> Any:
    """What it was about, what was weighed and what was written."""
    workspace, _ = asker(request)
    with workspace_tx(workspace):
        rows = list(RunRow.objects.filter(workspace_id=workspace, pk=read("run", run)).defer("known"))
        if not rows:
            raise Http404
        return _told(workspace, rows)[0]


class Call(Schema):
    """A call as it stands: state is waiting, due, applying, done, asked or parked."""

    id: str
    state: str
    about: dict[str, Any]
    arrived_at: datetime
    why: dict[str, Any] | None


@router.get("/calls/{call}", response={200: Call, **PROBLEMS}, summary="One call")
@needs("runs.see", "runs-call", "runs-call-story")
def one_call(request: Asked, call: str) -> Any:
    """Also one that was not decided yet."""
    workspace, _ = asker(request)
    with workspace_tx(workspace):
        row = Subject.objects.filter(workspace_id=workspace, pk=read("call", call)).first()
    if row is None:
        raise Http404
    return {"id": call, "state": row.state, "about": _about(row), "arrived_at": row.arrived_at, "why": reason(row.why)}


@router.post("/calls/{call}/retry", response={200: Done, **PROBLEMS}, summary="Try a stopped call again")
@needs("runs.retry", "runs-retry")
def retry_call(request: Asked, call: str) -> Any:
    """`done` is false where it has not stopped, or goes on already."""
    workspace, user = asker(request)
    return {"done": inbox.retry(workspace, user, read("call", call))}


class EventLine(Schema):
    """A delivery as it arrived. `refused`: why nothing could be made of it."""

    id: str
    connection: str | None
    received_at: datetime
    method: str
    query: str | None = Field(description="as it came, less secrets; null without the action events.see")
    body: str | None = Field(
        description="as it came, less secrets, bytes that are no text replaced; null without the action events.see"
    )
    refused: dict[str, Any] | None


class EventLines(Schema):
    """A page of events, the newest first."""

    items: list[EventLine]
    next: str | None


class WantedEvents(Schema):
    """Which events."""

    connection: str = Field("", max_length=40)
    after: str = Field("", max_length=40)
    limit: int = Field(25, ge=1, le=MOST)


@router.get("/events", response={200: EventLines, **PROBLEMS}, summary="List events")
@needs("runs.see", "events")
def list_events(request: Asked, wanted: Query[WantedEvents]) -> Any:
    """Everything that was acknowledged."""
    workspace, _ = asker(request)
    with workspace_tx(workspace):
        rows = Event.objects.filter(workspace_id=workspace)
        if wanted.connection:
            rows = rows.filter(connection_id=read("conn", wanted.connection))
        if wanted.after:
            rows = rows.filter(pk__lt=read("event", wanted.after))
        page = list(rows.order_by("-pk")[: wanted.limit + 1])
        return {
            "items": _events(request, workspace, page[: wanted.limit]),
            "next": shown("event", page[wanted.limit - 1].pk) if len(page) > wanted.limit else None,
        }


@router.get("/events/{event}", response={200: EventLine, **PROBLEMS}, summary="One event")
@needs("runs.see", "events-event")
def one_event(request: Asked, event: str) -> Any:
    """With its body as it came."""
    workspace, _ = asker(request)
    with workspace_tx(workspace):
        rows = list(Event.objects.filter(workspace_id=workspace, pk=read("event", event)))
        if not rows:
            raise Http404
        return _events(request, workspace, rows)[0]


def _events(request: Asked, workspace: int, rows: list[Event]) -> list[dict[str, Any]]:
    raw = "events.see" in request.auth.actions
    refused = dict(
        RefusedEvent.objects.filter(workspace_id=workspace, pk__in=[row.pk for row in rows]).values_list("pk", "reason")
    )
    return [
        {
            "id": shown("event", row.pk),
            "connection": shown("conn", row.connection_id),
            "received_at": row.received_at,
            "method": row.method,
            "query": without_secrets(row.query) if raw else None,
            "body": without_secrets(bytes(row.body).decode("utf-8", "replace")) if raw else None,
            "refused": reason(refused.get(row.pk)),
        }
        for row in rows
    ]


def _told(workspace: int, runs: list[RunRow]) -> list[dict[str, Any]]:
    """Runs with what they are about and what they wrote: three queries for all of them."""
    ids = [run.pk for run in runs]
    subjects = {
        row.pk: row for row in Subject.objects.filter(workspace_id=workspace, pk__in={run.subject_id for run in runs})
    }
    titles = dict(Connection.objects.filter(workspace_id=workspace).values_list("pk", "title"))
    operations: dict[int, list[Operation]] = {}
    for operation in Operation.objects.filter(workspace_id=workspace, run_id__in=ids).order_by("position"):
        operations.setdefault(operation.run_id, []).append(operation)
    return [
        {
            "id": shown("run", run.pk),
            "flow": run.flow,
            "state": run.state,
            "call": shown("call", run.subject_id),
            "about": _about(subjects.get(run.subject_id)),
            "target": titles.get(run.target_id),
            "settings_version": run.settings_version,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "requests": run.requests + sum(one.requests for one in operations.get(run.pk, ())),
            "considered": [
                {"rule": rule, "applied": applied, "reason": reason(why)} for rule, applied, why in run.considered
            ],
            "operations": [_operation(one) for one in operations.get(run.pk, ())],
            "notices": [reason(one["reason"]) for one in run.notices],
            "asks": [reason(one["reason"]) for one in run.questions],
        }
        for run in runs
    ]


def _operation(row: Operation) -> dict[str, Any]:
    return {
        "role": row.role,
        "verb": row.verb,
        "state": row.state,
        "external_id": row.external_id,
        "values": row.values,
        "before": row.before,
        "reason": reason(row.reason),
        "error": reason(row.error),
        "requests": row.requests,
    }


INTERNAL = ("order", "decided")


def _about(row: Subject | None) -> dict[str, Any]:
    return {} if row is None else {name: value for name, value in row.subject.items() if name not in INTERNAL}
