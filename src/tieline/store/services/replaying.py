"""Deciding past subjects again, purely: two sets of settings side by side on the answers stored at the time.

Both sides see the same facts and the same answers, so that what differs is what the settings make differ. What a subject made
in truth is taken out of the answers of those after it; what each side would have made is laid over them instead: a lead that
is not made under the new settings is not found by the next call of the same number either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tieline.core.flow import Flow, Target
from tieline.core.mapping import RoleMap
from tieline.core.plan import Find, Known, Own, Plan
from tieline.core.record import PLANNED, Record, Ref, from_json
from tieline.engine.effects.journal import rows
from tieline.engine.events.fold import DECIDED
from tieline.engine.events.overlay import Overlay
from tieline.engine.ports import OperationRow, SubjectRow

MOST_ROUNDS: Final = 6
FACTS: Final = frozenset({"description", "outcome", "duration_s", "direction", "started_at", "external_number", "line_number"})  # fmt: skip
"""Values that settings do not choose."""
MISSING, LATER, FORGOTTEN, WATCHED = "missing", "later", "forgotten", "watched"
MARKS: Final = (MISSING, LATER, FORGOTTEN, WATCHED)
"""missing: a look-up that was not made at the time, taken as nothing found · later: one that was made for a later decision on
it · forgotten: its answers are no longer kept, so it was left out · watched: it arrived in watch mode, nothing was written."""

Kept = Sequence[Any]
"""[key, slot, verb, role, values, target, match keys] of an operation that later subjects may find."""


@dataclass(frozen=True, slots=True)
class Past:
    """A subject as it is kept. `ours`: (role, id) → origin key of what it made in truth, planned ids among them.

    found  the answers of its first decision; later: those that only a decision after it asked for
    """

    row: SubjectRow
    found: Mapping[Find, tuple[Record, ...]]
    later: Mapping[Find, tuple[Record, ...]]
    ours: Mapping[tuple[str, str], str]
    watched: bool


@dataclass(slots=True)
class Outcome:
    """What became of one subject."""

    kinds: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)
    planned: tuple[list[Kept], list[Kept]] = field(default_factory=lambda: ([], []))
    """Of the settings then, and of those now."""
    writes: list[list[str]] = field(default_factory=list)


class Side:
    """One set of settings, with what it has made so far."""

    def __init__(
        self, flow: Flow, target: Target, users: Mapping[str, Any], roles: Mapping[str, RoleMap], ids: dict[str, str]
    ) -> None:
        self._flow, self._target, self._users = flow, target, users
        self._ids = ids
        self._overlay = Overlay(roles, ids)

    def recall(self, kept: Iterable[Kept]) -> None:
        """What earlier subjects of this replay made on this side."""
        self._overlay.add([_operation(one) for one in kept])

    def decide(
        self, past: Past, settings: Any, gone: Mapping[tuple[str, str], str], own: Mapping[str, Own], decided: bool
    ) -> tuple[Plan, set[str]]:
        """The plan, and which marks its answers deserve. `gone`: (role, id) of what this replay's subjects made in truth."""
        found: dict[Find, tuple[Record, ...]] = {}
        marks: set[str] = set()
        for _ in range(MOST_ROUNDS):
            known = Known(found, own, past.row.answers, self._users, decided)
            wanted = self._flow.lookups(past.row.subject, known, settings)
            if not wanted:
                return self._flow.decide(past.row.subject, known, settings, self._target), marks
            for find in wanted:
                records, mark = self._answer(past, find, gone)
                if mark:
                    marks.add(mark)
                found[find] = self._overlay.lay(find, tuple(self._without(records, gone)), {})
        raise RuntimeError("the flow asks for look-ups without end")

    @staticmethod
    def _answer(past: Past, find: Find, gone: Mapping[tuple[str, str], str]) -> tuple[tuple[Record, ...], str]:
        """What is stored for a look-up. A record of ours may have been asked for before it had an id of the vendor's."""
        key = gone.get((find.by, find.value))
        planned = Find(find.role, find.by, PLANNED + key) if key is not None else find
        for one in (find, planned):
            if one in past.found:
                return past.found[one], ""
        for one in (find, planned):
            if one in past.later:
                return past.later[one], LATER
        made = key is not None or find.value.startswith(PLANNED) or (find.role, find.value) in gone
        return (), "" if made else MISSING

    def _without(self, records: Sequence[Record], gone: Mapping[tuple[str, str], str]) -> Iterable[Record]:
        """The records less what was made in truth; links to what this side has not made are empty."""
        for record in records:
            if (record.role, record.id) in gone:
                continue
            led = {
                name: self._made(value, gone)
                for name, value in record.fields.items()
                if type(value) is Ref and (value.role, value.id) in gone
            }
            yield Record(record.role, record.id, {**record.fields, **led}, record.version) if led else record

    def _made(self, ref: Ref, gone: Mapping[tuple[str, str], str]) -> Ref | None:
        """The record as this side has it; None where this side has not made it."""
        key = gone[ref.role, ref.id]
        id = self._ids.get(key, PLANNED + key)
        return Ref(ref.role, id) if self._overlay.lay(Find(ref.role, "id", id), (), {}) else None

    def add(self, operations: Sequence[OperationRow]) -> list[Kept]:
        """Lays a plan over what comes after it; gives it as it is to be kept."""
        self._overlay.add(operations)
        return [
            [one.key, one.slot, one.verb, one.role, one.values, one.target_ref, one.match_keys]
            for one in operations
            if (one.verb == "create" and one.match_keys) or one.verb == "update"
        ]


class Replaying:
    """Two sides, subject after subject in the order in which they were decided."""

    def __init__(
        self,
        flow: Flow,
        now: Any,
        target: Target,
        users: Mapping[str, Any],
        roles: Mapping[str, RoleMap],
        workspace: int,
    ) -> None:
        self._flow, self._now, self._workspace = flow, now, workspace
        self._ids: dict[str, str] = {}
        self._gone: dict[tuple[str, str], str] = {}
        self._then_side = Side(flow, target, users, roles, self._ids)
        self._now_side = Side(flow, target, users, roles, self._ids)
        self._top = Side(flow, target, users, roles, self._ids)

    def recall(self, ours: Mapping[tuple[str, str], str], then: Iterable[Kept], now: Iterable[Kept]) -> None:
        """What an earlier part of this replay came to."""
        self._know(ours)
        self._then_side.recall(then)
        self._now_side.recall(now)

    def _know(self, ours: Mapping[tuple[str, str], str]) -> None:
        self._gone.update(ours)
        self._ids.update({key: id for (_, id), key in ours.items() if not id.startswith(PLANNED)})

    def subject(self, past: Past, then: Any) -> Outcome:
        """One subject under the settings of its time and under those of now."""
        out = Outcome()
        if past.watched:
            out.marks.append(WATCHED)
        self._know(past.ours)
        bare = SubjectRow(0, past.row.flow, past.row.source, past.row.key, past.row.subject, "done", None)
        before, _ = self._then_side.decide(past, then, self._gone, {}, False)
        after, marks = self._now_side.decide(past, self._now, self._gone, {}, False)
        was, now = rows(before, bare, self._workspace), rows(after, bare, self._workspace)
        out.marks.extend(sorted(marks))
        out.planned = (self._then_side.add(was), self._now_side.add(now))
        out.differences = differences(before, was, after, now, self._ids)
        out.kinds = sorted({one["kind"] for one in out.differences})
        if out.kinds or past.watched:
            out.writes = self._writes(past) if past.row.own else [[one.role, one.verb] for one in now]
        return out

    def _writes(self, past: Past) -> list[list[str]]:
        """What deciding it again in truth would write, on what it has already."""
        own = {
            slot: Own(slot, Ref(*entry["ref"]), from_json(entry.get("values") or {}))
            for slot, entry in past.row.own.items()
            if entry.get("ref")
        }
        plan, _ = self._top.decide(past, self._now, {}, own, bool(past.row.subject.get(DECIDED)))
        return [[one.role, one.verb] for one in rows(plan, past.row, self._workspace)]


def differences(
    before: Plan, was: Sequence[OperationRow], after: Plan, now: Sequence[OperationRow], ids: Mapping[str, str]
) -> list[dict[str, Any]]:
    """What differs between two plans for one subject, slot by slot. Kinds: new, gone, owner or values of a role ("new.lead"),
    "asks" and "asks_not"."""
    if bool(before.questions) != bool(after.questions):
        plan = after if after.questions else before
        kind = "asks" if after.questions else "asks_not"
        return [_difference(kind, "", "", {}, {}, plan.questions[0].reason.to_json())]
    out: list[dict[str, Any]] = []
    old, new = {one.slot: one for one in was}, {one.slot: one for one in now}
    reasons = {one.rule: one.reason.to_json() for one in after.considered}
    for slot in dict.fromkeys([*old, *new]):
        had, has = old.get(slot), new.get(slot)
        if had is None and has is not None:
            out.append(_difference("new", slot, has.role, {}, _values(has, ids), has.reason, has.verb))
        elif has is None and had is not None:
            why = reasons.get("call.log" if slot == "call" else f"{slot}.create")
            out.append(_difference("gone", slot, had.role, _values(had, ids), {}, why, had.verb))
        elif had is not None and has is not None:
            out.extend(_changed(slot, had, has, ids, reasons))
    return out


def _changed(
    slot: str, had: OperationRow, has: OperationRow, ids: Mapping[str, str], reasons: Mapping[str, Any]
) -> Iterable[dict[str, Any]]:
    left, right = _values(had, ids), _values(has, ids)
    names = [name for name in dict.fromkeys([*left, *right]) if left.get(name) != right.get(name)]
    names = [name for name in names if name not in FACTS]
    if "owner" in names:
        why = reasons.get(f"{has.role}.owner")
        yield _difference("owner", slot, has.role, {"owner": left.get("owner")}, {"owner": right.get("owner")}, why)
        names.remove("owner")
    if names:
        yield _difference(
            "values", slot, has.role, {one: left.get(one) for one in names}, {one: right.get(one) for one in names},
            has.reason,
        )  # fmt: skip


def _difference(
    kind: str, slot: str, role: str, was: Mapping[str, Any], now: Mapping[str, Any], why: Any, verb: str = "create"
) -> dict[str, Any]:
    if verb != "create":  # an update or a file of a record that is there
        kind = f"{kind}_{verb}"
    return {"kind": f"{kind}.{role}" if role else kind, "slot": slot, "role": role, "was": was, "now": now, "why": why}


def _values(row: OperationRow, ids: Mapping[str, str]) -> dict[str, Any]:
    values: Any = _named(row.values, ids)
    return {name: value for name, value in values.items() if name not in FACTS}


def _named(value: Any, ids: Mapping[str, str]) -> Any:
    """With the vendor's ids in place of planned ones, where they are known."""
    if isinstance(value, dict):
        ref = value.get("$ref")
        if ref is not None:
            id = ids.get(ref[1][1:], ref[1]) if ref[1].startswith(PLANNED) else ref[1]
            return {"$ref": [ref[0], id]}
        return {name: _named(item, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [_named(item, ids) for item in value]
    return value


def _operation(kept: Kept) -> OperationRow:
    key, slot, verb, role, values, target, matches = kept
    return OperationRow(
        key=key, run=0, subject=0, slot=slot, verb=verb, role=role, values=values, target_ref=target, before={},
        state="planned", reason={}, match_keys=matches,
    )  # fmt: skip
