"""A run, or a call without one yet, as one line of a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone

from tieline.store import public_ids
from tieline.store.models import Connection, Operation, Run, Subject
from tieline.web.parts import words
from tieline.web.runs import told
from tieline.web.runs.lines import Names
from tieline.web.runs.rows import Rows
from tieline.web.words import say
from tieline.web.words.names import STATES, WAITING

_TIES = {"ok": "ok", "wait": "wait", "fail": "fail", "off": "off", "watch": "watch", "note": "ok"}


@dataclass(frozen=True, slots=True)
class Line:
    """`id` is the page's anchor; `url` its own page, `story` the address that its opened part is fetched from."""

    id: str
    url: str
    story: str
    at: datetime
    kind: str
    word: str
    what: str
    source: str
    target: str
    tie: str
    cost: str
    moving: bool = False

    @property
    def clock(self) -> str:
        """How its time is written: with seconds today."""
        return "clock" if timezone.localtime(self.at).date() == timezone.localdate() else "short"


def run_id(run: int) -> str:
    """The run's public id."""
    return public_ids.of("run").show(run)


def call_id(subject: int) -> str:
    """The call's public id."""
    return public_ids.of("call").show(subject)


def of_runs(rows: Rows, names: Names) -> list[Line]:
    """The lines of runs."""
    return [
        of_run(run, rows.subjects.get(run.subject_id), rows.operations.get(run.pk, []), rows.connections, names)
        for run in rows.runs
    ]


def of_run(
    run: Run,
    subject: Subject | None,
    operations: Sequence[Operation],
    connections: dict[int, Connection],
    names: Names,
) -> Line:
    """One run."""
    kind, word = STATES.get(run.state, ("note", run.state))
    what = told.call_said(subject.subject, names) if subject is not None else run.flow
    after = told.became(run, operations, names)
    shown = run_id(run.pk)
    cost = told.requests(run.requests + sum(one.requests for one in operations))
    if run.finished_at is not None:
        cost += f" · {words.lasted(max((run.finished_at - run.started_at).total_seconds(), 0))}"
    return Line(
        shown,
        reverse("runs-run", args=[shown]),
        reverse("runs-story", args=[shown]),
        run.started_at,
        kind,
        str(word),
        words.titled(what, after) if after else what,
        _title(connections, subject.source_id if subject is not None else None),
        _title(connections, run.target_id),
        _TIES[kind],
        cost,
        moving=run.state == "applying",
    )


def of_subject(subject: Subject, connections: dict[int, Connection], names: Names) -> Line:
    """A call that was not decided yet, or stopped before."""
    kind, word = WAITING.get(subject.state, ("note", subject.state))
    what = told.call_said(subject.subject, names)
    shown = call_id(subject.pk)
    return Line(
        shown,
        reverse("runs-call", args=[shown]),
        reverse("runs-call-story", args=[shown]),
        subject.arrived_at,
        kind,
        str(word),
        words.titled(what, say(subject.why)) if subject.why and subject.state == "parked" else what,
        _title(connections, subject.source_id),
        _title(connections, subject.target_id),
        _TIES[kind],
        told.requests(0),
        moving=True,
    )


def _title(connections: dict[int, Connection], id: int | None) -> str:
    row = connections.get(id) if id is not None else None
    return row.title if row is not None else "–"
