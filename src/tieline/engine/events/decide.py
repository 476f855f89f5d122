"""Decisions of a batch: look-ups joined over all of it, plans made one after the other in lane order."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieline.core.errors import TielineError
from tieline.core.flow import Flow, Target
from tieline.core.plan import Find, Known, Own, Plan
from tieline.core.record import PLANNED, Record, Ref, from_json, to_json
from tieline.engine.effects.journal import own_by_answer, rows, still_asked, unresolved
from tieline.engine.effects.reasons import DECIDE_FAILED, ENDLESS, LOOKUP_FAILED, reason
from tieline.engine.events.fold import DECIDED
from tieline.engine.events.lanes import Lanes
from tieline.engine.events.lookup import Lookups, why_failed
from tieline.engine.events.overlay import Overlay
from tieline.engine.ports import OperationRow, RunRow, SubjectRow

log = logging.getLogger(__name__)

MOST_ROUNDS = 6
"""Rounds of look-ups in one batch; a flow needs three at most, an earlier subject's plan may ask for more."""


@dataclass(slots=True)
class Rules:
    """What a flow decides by: its settings (typed) with their version, and what the target can hold."""

    flow: Flow
    settings: Any
    version: int
    target: Target
    workspace: int
    users: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Decided:
    """What a batch came to. failed: subjects whose look-ups failed, with the error. parked: those nothing could be decided
    about; their rows say why."""

    runs: list[RunRow] = field(default_factory=list)
    subjects: list[SubjectRow] = field(default_factory=list)
    failed: list[tuple[SubjectRow, BaseException]] = field(default_factory=list)
    parked: list[SubjectRow] = field(default_factory=list)
    stopped: TielineError | None = None


@dataclass(slots=True)
class _Waiting:
    row: SubjectRow
    own: dict[str, Own]
    finds: dict[Find, None] = field(default_factory=dict)


async def decide(subjects: Sequence[SubjectRow], rules: Rules, lookups: Lookups, overlay: Overlay, now: str) -> Decided:
    """Decides these subjects, which are in lane order."""
    out = Decided()
    waiting = [_Waiting(row, _own(row)) for row in subjects]
    for _ in range(MOST_ROUNDS):
        missing: dict[Find, None] = {}
        waiting = _round(waiting, rules, lookups, overlay, now, missing, out)
        if not missing:
            return out
        await lookups.ask(missing)
    for one in waiting:
        one.row.why = reason(ENDLESS)
        out.parked.append(one.row)
    return out


def _round(
    waiting: list[_Waiting],
    rules: Rules,
    lookups: Lookups,
    overlay: Overlay,
    now: str,
    missing: dict[Find, None],
    out: Decided,
) -> list[_Waiting]:
    """Decides all that can be decided; gives those that cannot, and puts what they lack into `missing`."""
    held = Lanes()
    for row, _ in out.failed:
        held.hold(row.lanes)
    left: list[_Waiting] = []
    for one in waiting:
        row = one.row
        try:
            known = _known(one, rules, lookups, overlay, missing)
            if isinstance(known, BaseException):
                out.failed.append((row, known))
                held.hold(row.lanes)
                continue
            if known is None or held.blocks(row.lanes):
                held.hold(row.lanes)
                left.append(one)
                continue
            plan = rules.flow.decide(row.subject, known, rules.settings, rules.target)
            run = _run(plan, known, row, rules, now)
        except Exception as error:
            log.exception("subject %s %s cannot be decided", row.flow, row.key)
            row.why = reason(DECIDE_FAILED, error=why_failed(error))
            out.parked.append(row)
            continue
        if run.state == "applying":
            overlay.add(run.operations)
        out.runs.append(run)
        out.subjects.append(row)
    if not missing and left:
        # Only subjects behind a failed look-up are left: their turn comes with the failed one's next try.
        behind = out.failed[-1][1]
        out.failed.extend((one.row, behind) for one in left)
    return left


def _known(
    one: _Waiting, rules: Rules, lookups: Lookups, overlay: Overlay, missing: dict[Find, None]
) -> Known | BaseException | None:
    """What is known of a subject; None while something is missing; the error where a look-up failed."""
    found: dict[Find, tuple[Record, ...]] = {}
    there, failed, origins = lookups.found, lookups.failed, lookups.origins
    for find in one.finds:
        if find in failed:
            return failed[find]
        found[find] = overlay.lay(find, there.get(find, ()), origins)
    known = Known(found, one.own, one.row.answers, rules.users, decided=bool(one.row.subject.get(DECIDED)))
    for _ in range(MOST_ROUNDS):
        wanted = rules.flow.lookups(one.row.subject, known, rules.settings)
        if not wanted:
            return known
        lacks = False
        for find in wanted:
            one.finds[find] = None
            if find in there or find.value.startswith(PLANNED):
                found[find] = overlay.lay(find, there.get(find, ()), origins)
            elif find in failed:
                return failed[find]
            else:
                missing[find] = None
                lacks = True
        if lacks:
            return None
    raise RuntimeError("the flow asks for look-ups without end")


def _own(row: SubjectRow) -> dict[str, Own]:
    """What the subject has made, and what a person said it has made when nobody could tell. An attachment that a person is
    asked about counts as made until then, so that its slot stays its own."""
    own_by_answer(row)
    asked = unresolved(row)
    out: dict[str, Own] = {}
    for slot, entry in row.own.items():
        ref = entry.get("ref") or (entry.get("on") if slot in asked else None)
        if ref:
            out[slot] = Own(slot, Ref(*ref), from_json(entry.get("values") or {}))
    return out


def _run(plan: Plan, known: Known, row: SubjectRow, rules: Rules, now: str) -> RunRow:
    operations = rows(plan, row, rules.workspace)
    _put_versions(operations, known)
    questions: list[Any] = [
        {
            "kind": one.kind,
            "topic": one.topic,
            "reason": one.reason.to_json(),
            "options": [[record.role, record.id, _fields(record)] for record in one.options],
        }
        for one in plan.questions
    ]
    questions.extend(still_asked(plan, row))
    if not row.live:
        state = "watched"
    elif operations:
        state = "applying"
    else:
        state = "asked" if questions else "nothing"
    row.state = "applying" if state == "applying" else "asked" if questions and row.live else "done"
    row.due_at = None
    known_json: dict[str, Any] = {"found": [_answer(find, records) for find, records in known.found.items()]}
    if row.why is not None and (row.attempts or row.why["code"] == LOOKUP_FAILED):
        known_json["trouble"] = row.why
    row.why = questions[0]["reason"] if row.state == "asked" else None
    if row.state != "applying":
        row.attempts = 0
    return RunRow(
        id=0,
        subject=row.id,
        revision=row.revision,
        state=state,
        settings_version=rules.version,
        known=known_json,
        considered=[[one.rule, one.applied, one.reason.to_json()] for one in plan.considered],
        questions=questions,
        notices=[{"kind": one.kind, "topic": one.topic, "reason": one.reason.to_json()} for one in plan.notices],
        started_at=now,
        operations=operations,
    )


def _put_versions(operations: Sequence[OperationRow], known: Known) -> None:
    """What is changed is changed as it was read."""
    updates = [one for one in operations if one.verb == "update" and one.target_ref is not None]
    if updates:
        read = {(record.role, record.id): record.version for records in known.found.values() for record in records}
        for one in updates:
            role, id = one.target_ref or ("", "")
            one.if_version = read.get((role, id))


def _answer(find: Find, records: Sequence[Record]) -> list[Any]:
    return [find.role, find.by, find.value, [[record.id, _fields(record)] for record in records]]


def _fields(record: Record) -> dict[str, Any]:
    return {name: to_json(value) for name, value in record.fields.items()}
