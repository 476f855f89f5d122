"""Cases of the inbox as pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tieline.store.models import InboxItem, InboxState, Remembered, Subject


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that waits or is to be known. `item` None: a subject that stopped (`subject_id` says which).

    options: [[role, id, fields], …] to choose from. subject: the flow's own JSON of what the case is about.
    """

    item: int | None
    flow: str
    kind: str
    topic: str
    reason: Mapping[str, Any]
    options: Sequence[Any]
    subject_id: int | None
    subject: Mapping[str, Any] | None
    run: int | None
    times: int
    created: datetime
    last_at: datetime
    state: str = InboxState.OPEN
    answer: Any = None
    decided_by: str = ""
    decided_at: datetime | None = None
    remembered_from: datetime | None = None
    """Where a remembered decision answered it: when that was made."""

    pair: int | None = None
    """A question of a pair about `record` of `side` in `role` (`name`), or about a run of it (record ""); `link`: key of the link."""
    role: str = ""
    side: str = ""
    record: str = ""
    link: str = ""
    name: str = ""

    @property
    def waits(self) -> bool:
        """Whether something waits for it: a question, or a subject that stopped."""
        return self.subject_id is not None or self.pair is not None


@dataclass(frozen=True, slots=True)
class Group:
    """Like cases: the newest first. `waits`: questions or stopped subjects; otherwise a notice."""

    flow: str
    kind: str
    topic: str
    cases: Sequence[Case] = field(default=())

    @property
    def waits(self) -> bool:
        """Whether something waits for it."""
        return self.cases[0].waits


def shown(rows: Sequence[InboxItem]) -> list[Case]:
    """These items as pages show them. Inside `workspace_tx`."""
    ids = [row.subject_id for row in rows if row.subject_id is not None]
    subjects = {one.pk: one for one in Subject.objects.filter(pk__in=ids)} if ids else {}
    by = [row.remembered_id for row in rows if row.remembered_id is not None]
    since = dict(Remembered.objects.filter(pk__in=by).values_list("pk", "decided_at")) if by else {}
    return [
        Case(
            row.pk,
            row.flow,
            row.kind,
            row.topic,
            row.reason,
            row.options,
            row.subject_id,
            subjects[row.subject_id].subject if row.subject_id in subjects else None,
            row.run_id,
            row.times,
            row.created,
            row.last_at,
            row.state,
            row.answer,
            row.decided_by.name if row.decided_by else "",
            row.decided_at,
            since.get(row.remembered_id) if row.remembered_id is not None else None,
            row.pair_id,
            row.role,
            row.side,
            row.record,
            row.link,
            row.name,
        )
        for row in rows
    ]


def stopped_case(row: Subject) -> Case:
    """A subject that stopped, as a case."""
    why = row.why or {"code": "error.internal"}
    return Case(
        None, row.flow, "stopped", str(why.get("code", "")), why, (), row.pk, row.subject, None, 1, row.arrived_at,
        row.arrived_at,
    )  # fmt: skip
