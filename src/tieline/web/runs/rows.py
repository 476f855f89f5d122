"""The queries behind the list of runs: one small set for a page, whatever it shows. Inside `workspace_tx`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from tieline.core.errors import TielineError
from tieline.sdk import manifest as manifests
from tieline.store.models import Connection, EventSubject, Operation, Run, Subject
from tieline.web.runs.filters import Filters

MOST_OPEN = 20
LIGHT = ("known",)
"""Columns that a line of the list does not need."""


@dataclass(slots=True)
class Rows:
    """Runs with what their lines show."""

    runs: Sequence[Run]
    operations: dict[int, list[Operation]] = field(default_factory=dict)
    subjects: dict[int, Subject] = field(default_factory=dict)
    connections: dict[int, Connection] = field(default_factory=dict)


def matching(workspace: int, filters: Filters) -> QuerySet[Run]:
    """The runs that filters leave, in no order yet."""
    runs = Run.objects.filter(workspace_id=workspace)
    if filters.flow:
        runs = runs.filter(flow=filters.flow)
    if filters.outcome:
        runs = runs.filter(state=filters.outcome)
    span = filters.span()
    if span is not None:
        runs = runs.filter(started_at__gte=span[0], started_at__lt=span[1])
    if filters.number:
        runs = runs.filter(subject_id__in=of_number(workspace, filters.number).values("id"))
    if filters.record:
        written = Operation.objects.filter(workspace_id=workspace, external_id=filters.record)
        runs = runs.filter(pk__in=written.values("run_id"))
    if filters.made:
        made = Operation.objects.filter(run_id=OuterRef("pk"), verb="create", role=filters.made)
        runs = runs.filter(Exists(made))
    if filters.connection is not None:
        runs = _at(workspace, runs, filters.connection)
    return runs


def _at(workspace: int, runs: QuerySet[Run], connection: int) -> QuerySet[Run]:
    """Runs that came by a connection or wrote to it: asked for what the connection can be, since an OR of both is slow."""
    row = Connection.objects.filter(workspace_id=workspace, pk=connection).first()
    if row is None:
        return runs.none()
    try:
        facets = manifests.connector(row.connector).facets
    except TielineError:
        facets = ("records", "events")
    came = Exists(Subject.objects.filter(pk=OuterRef("subject_id"), source_id=connection))
    if "events" not in facets:
        return runs.filter(target_id=connection)
    return runs.filter(Q(target_id=connection) | came) if "records" in facets else runs.filter(came)


def of_number(workspace: int, number: str) -> QuerySet[Subject]:
    """Calls with this number: by its lane where it is a whole number, else by the digits at its end."""
    subjects = Subject.objects.filter(workspace_id=workspace)
    if number.startswith("+"):
        return subjects.filter(lanes__0=f"phone:{number}")
    digits = "".join(one for one in number if one.isdigit()).lstrip("0")  # the zero of a national form is not in E.164
    return subjects.filter(lanes__0__endswith=digits) if digits else subjects.none()


def with_lines(workspace: int, runs: Sequence[Run]) -> Rows:
    """What the lines of these runs need: three queries."""
    out = Rows(runs)
    operations = (
        Operation.objects.filter(workspace_id=workspace, run_id__in=[run.pk for run in runs])
        .only("run_id", "role", "verb", "state", "values", "requests", "target_id", "slot")
        .order_by("position")
    )
    found = defaultdict(list)
    for operation in operations if runs else ():
        found[operation.run_id].append(operation)
    out.operations = dict(found)
    subjects = Subject.objects.filter(workspace_id=workspace, pk__in={run.subject_id for run in runs})
    out.subjects = {row.pk: row for row in (subjects.defer("own", "answers") if runs else ())}
    out.connections = connections(workspace)
    return out


def connections(workspace: int) -> dict[int, Connection]:
    """Every connection, ended ones too: old runs name them."""
    return {row.pk: row for row in Connection.objects.filter(workspace_id=workspace)}


def open_subjects(workspace: int, targets: Iterable[int]) -> list[Subject]:
    """Calls that go on, wait for their turn, or stopped, without a run of their own to show."""
    targets = list(targets)
    waiting = Subject.objects.filter(
        target_id__in=targets,
        workspace_id=workspace,
        state__in=["due", "waiting"],
        due_at__isnull=False,
        revision__lte=1,
    )
    stopped = Subject.objects.filter(workspace_id=workspace, state="parked")
    rows = list(waiting.defer("own", "answers").order_by("-arrived_at", "-id")[:MOST_OPEN])
    rows += list(stopped.defer("own", "answers").order_by("-id")[:MOST_OPEN])
    decided = set(Run.objects.filter(subject_id__in=[row.pk for row in rows]).values_list("subject_id", flat=True))
    return [row for row in rows if row.pk not in decided]


def by_state(workspace: int, start: datetime, end: datetime) -> dict[str, int]:
    """How many runs of each state began in a time."""
    counted = (
        Run.objects.filter(workspace_id=workspace, started_at__gte=start, started_at__lt=end)
        .order_by()
        .values_list("state")
        .annotate(Count("id"))
    )
    return dict(counted)


def events_of(workspace: int, subject: int) -> list[Any]:
    """The events that a subject was made of, oldest first."""
    links = EventSubject.objects.filter(workspace_id=workspace, subject_id=subject).select_related("event")
    return sorted((link.event for link in links[:200]), key=lambda event: (event.received_at, event.pk))
