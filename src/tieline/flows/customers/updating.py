"""A customer that both sides have: three ways against the base, written where it differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tieline.core.merge import HELD_PARENT, base_after, merge, written
from tieline.core.pairing import (
    LEFT,
    RIGHT,
    Base,
    Become,
    Candidate,
    Decision,
    Joined,
    LineResult,
    Status,
    Write,
    other,
)  # fmt: skip
from tieline.core.reasons import Reason, because
from tieline.core.record import Record
from tieline.flows.customers import reasons as why
from tieline.flows.customers.case import Case
from tieline.flows.customers.conditions import is_marked, mark_value

MOVES: Final = {"to_left": LEFT, "to_right": RIGHT}


def merged(case: Case, base: Base, left: Record, right: Record) -> tuple[LineResult, ...]:
    """Every line of the two records."""
    return merge(case.lines, left.fields, right.fields, base, case.rules)


def status_of(results: Sequence[LineResult]) -> Status:
    """Whether every line agrees."""
    return "same" if all(one.state == "same" for one in results) else "differs"


def update(
    case: Case,
    left: Record,
    right: Record,
    *,
    base: Base,
    become: Become,
    matched: Candidate | None = None,
    because_of: Reason | None = None,
) -> Decision:
    """Both are there: what follows from their lines. `because_of`: why they are linked, where they are linked now."""
    results = merged(case, base, left, right)
    writes = tuple(_writes(case, results, left, right, because_of))
    conflicts = [one for one in results if one.state == "conflict"]
    held = next((one.reason for one in results if one.state == "held"), None)
    asks = because(why.CONFLICT, count=len(conflicts)) if conflicts else None
    return Decision(
        status=status_of(results),
        become=become,
        writes=writes,
        lines=results,
        base=base_after(case.lines, results, base, case.country),
        matched=matched,
        asks=asks,
        reason=asks or held or (None if writes else because_of or because(why.SAME)),
        waits_for=waits_for(results),
    )


def compare(case: Case, left: Record, right: Record, reason: Reason, status: Status) -> Decision:
    """Both are there and nothing moves, for this reason; the lines are shown all the same."""
    base = case.link.base if case.link is not None else {}
    return Decision(
        status,
        "keep" if case.link is not None else "none",
        lines=merged(case, base, left, right),
        base=base,
        reason=reason,
    )


def waits_for(results: Sequence[LineResult]) -> Joined | None:
    """The parent that must be linked first."""
    for one in results:
        if one.state == "held" and one.reason.code == HELD_PARENT:
            return next((value for value in (one.left, one.right) if isinstance(value, Joined) and not value.key), None)
    return None


def _writes(
    case: Case, results: Sequence[LineResult], left: Record, right: Record, because_of: Reason | None
) -> list[Write]:
    out: list[Write] = []
    fields = {line.name: line for line in case.lines}
    for side, record in ((LEFT, left), (RIGHT, right)):
        values = written(case.lines, results, side, case.country)
        moving = [one for one in results if MOVES.get(one.state) == side]
        lines = {one.line: one.reason for one in moving}
        mark = marked(case, record) if side == LEFT and because_of is not None else {}
        if mark:
            values |= mark
            lines["mark"] = because(why.MARKED)
        if not values:
            continue
        before: dict[str, Any] = {
            fields[one.line].field_of(side): record.get(fields[one.line].field_of(side)) for one in moving
        }
        before |= {name: record.get(name) for name in mark}
        reason = because_of or because(why.UPDATED, side=other(side))
        out.append(Write(side, "update", case.role, record.id, values, before, reason, lines))
    return out


def marked(case: Case, left: Record) -> dict[str, Any]:
    """The CRM's field that says that it is kept the same, where a person said so for one that is linked now."""
    mark = case.settings.mark
    if mark.kind != "field" or not mark.field or case.told.mark is not True or is_marked(case.settings, left):
        return {}
    return {mark.field: mark_value(case.settings)}
