"""From a plan to rows of the journal: local references become origin keys, values become JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tieline.core.plan import Operation, Plan
from tieline.core.record import PLANNED, Local, Ref
from tieline.engine.effects.keys import origin_key
from tieline.engine.effects.reasons import UNKNOWN
from tieline.engine.ports import OperationRow, OwnKey, SubjectRow

REF = "$ref"
AFTER = "after"
"""In the match keys of a delete: another one that must be done before, as "~" + its origin key."""


def rows(plan: Plan, subject: SubjectRow, workspace: int) -> list[OperationRow]:
    """The plan's operations as rows, in order, less what the subject has already (a create or an attachment of a slot that is
    there, an update of a record of ours to the values it was last given) and less what a person is asked about, with all
    that hangs on it."""
    own = subject.own
    left = set(unresolved(subject))
    slots: dict[str, list[str]] = {slot: entry["ref"] for slot, entry in own.items() if entry.get("ref")}
    out: list[OperationRow] = []
    for operation in plan.operations:
        slot, verb = operation.slot, operation.verb
        if left and (slot in left or _hangs_on(operation, left)):
            left.add(slot)
            continue
        if verb in {"create", "attach"}:
            if slot in slots:
                continue
            generation = str(own[slot].get("generation", 0)) if slot in own else "0"
        else:
            generation = f"r{subject.revision}"
        key = origin_key(workspace, subject.flow, subject.source, subject.key, slot, generation)
        values = {name: plain(value, slots) for name, value in operation.values.items()}
        target = ref_of(operation.target, slots) if operation.target is not None else None
        if verb == "update" and target is not None and _has(own, target, values):
            continue
        if verb == "create":
            slots[slot] = [operation.role, PLANNED + key]
        out.append(_row(operation, subject, key, values, target, slots, len(out)))
    return out


def _row(
    operation: Operation,
    subject: SubjectRow,
    key: str,
    values: dict[str, Any],
    target: list[str] | None,
    slots: Mapping[str, list[str]],
    position: int,
) -> OperationRow:
    return OperationRow(
        key=key,
        run=0,
        subject=subject.id,
        slot=operation.slot,
        verb=operation.verb,
        role=operation.role,
        values=values,
        target_ref=target,
        before={name: plain(value, slots) for name, value in operation.before.items()},
        state="planned",
        reason=operation.reason.to_json(),
        match_keys=[
            [name, value if isinstance(value, str) else ref_of(value, slots)[1]] for name, value in operation.match_keys
        ],
        position=position,
    )


def plain(value: Any, slots: Mapping[str, list[str]]) -> Any:
    """A value of a plan as JSON; a Local becomes the Ref of its slot."""
    kind = type(value)
    if kind is str or kind is int or value is None or kind is bool or kind is float:
        return value
    if kind is Ref or kind is Local:
        return {REF: ref_of(value, slots)}
    if isinstance(value, Mapping):
        return {name: plain(item, slots) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, slots) for item in value]
    return value


def ref_of(value: Ref | Local, slots: Mapping[str, list[str]]) -> list[str]:
    """[role, id] of a reference; a Local that no slot answers to is a mistake of the flow and raises."""
    if isinstance(value, Ref):
        return [value.role, value.id]
    found = slots.get(value.slot)
    if found is None:
        raise ValueError(
            f"the plan refers to slot {value.slot!r}, which it does not make and the subject does not have"
        )
    return found


def _has(own: Mapping[str, Any], target: list[str], values: Mapping[str, Any]) -> bool:
    for entry in own.values():
        if entry.get("ref") == target:
            have = entry.get("values") or {}
            return all(name in have and have[name] == value for name, value in values.items())
    return False


def _hangs_on(operation: Operation, left: set[str]) -> bool:
    """Whether it refers to one of these slots."""
    values = [operation.target, *operation.values.values(), *(value for _, value in operation.match_keys)]
    return any(slot in left for value in values for slot in _locals(value))


def _locals(value: Any) -> Iterator[str]:
    if type(value) is Local:
        yield value.slot
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _locals(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _locals(item)


def planned_in(value: Any) -> Iterator[str]:
    """The origin keys that a JSON value refers to."""
    if isinstance(value, dict):
        ref = value.get(REF)
        if ref is not None:
            if ref[1].startswith(PLANNED):
                yield ref[1][1:]
            return
        for item in value.values():
            yield from planned_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from planned_in(item)


def depends_on(row: OperationRow) -> tuple[str, ...]:
    """The origin keys of the operations that must be done before this one."""
    keys: list[str] = []
    if row.verb == "delete":
        keys.extend(value[1:] for by, value in row.match_keys if by == AFTER)
    if row.target_ref is not None and row.target_ref[1].startswith(PLANNED):
        keys.append(row.target_ref[1][1:])
    for value in row.values.values():
        if type(value) is dict or type(value) is list:
            keys.extend(planned_in(value))
    if len(keys) > 1:
        return tuple(dict.fromkeys(keys))
    return tuple(keys)


def resolved(value: Any, ids: Mapping[str, str]) -> Any:
    """A JSON value with planned ids replaced by the vendor's, as far as they are known."""
    if type(value) is dict:
        ref = value.get(REF)
        if ref is not None:
            return {REF: [ref[0], real(ref[1], ids)]}
        return {name: resolved(item, ids) for name, item in value.items()}
    if type(value) is list:
        return [resolved(item, ids) for item in value]
    return value


def real(id: str, ids: Mapping[str, str]) -> str:
    """The vendor's id for a planned one, where it is known."""
    return ids.get(id[1:], id) if id.startswith(PLANNED) else id


def own_keys(row: OperationRow, external_id: str, ids: Mapping[str, str]) -> list[OwnKey]:
    """What look-ups would find this done create by. `external_id` is its own; links among the values are resolved."""
    if not row.match_keys or row.verb != "create":
        return []
    values = {name: resolved(value, ids) for name, value in row.values.items()}
    return [OwnKey(row.role, by, real(value, ids), external_id, values) for by, value in row.match_keys]


def own_after(
    subject: SubjectRow,
    rows: Iterable[OperationRow],
    ids: Mapping[str, str],
    asked: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The subject's `own` once its run is over: a slot per operation that is done, and the newest values of each record in
    every slot that stands for it. An operation that a person is asked about leaves its values and the question (of `asked`),
    without a record; an attachment also what it was to hang on."""
    own: dict[str, Any] = dict(subject.own)
    questions = {slot_asked(one["kind"]): one for one in asked if one["kind"].startswith(OUTCOME)}
    for row in rows:
        values = {name: resolved(value, ids) for name, value in row.values.items()}
        if row.state != "done":
            if (row.error or {}).get("code") == UNKNOWN:
                own[row.slot] = {**own.get(row.slot, {}), "values": values, **_asked(row, questions.get(row.slot), ids)}
        elif row.verb == "create":
            own[row.slot] = {**_made(own.get(row.slot, {})), "ref": [row.role, row.external_id], "values": values}
        elif row.verb == "delete":
            for slot, entry in own.items():
                if entry.get("ref") == row.target_ref:
                    own[slot] = {"generation": entry.get("generation", 0) + 1}
        elif row.target_ref is not None:
            ref = [row.target_ref[0], real(row.target_ref[1], ids)]
            if row.verb == "update":
                for slot, entry in own.items():
                    if entry.get("ref") == ref:
                        own[slot] = {**entry, "values": {**(entry.get("values") or {}), **values}}
            own[row.slot] = {"ref": ref, "values": values}
    return own


def _asked(row: OperationRow, question: Mapping[str, Any] | None, ids: Mapping[str, str]) -> dict[str, Any]:
    out: dict[str, Any] = {"question": dict(question)} if question is not None else {}
    if row.verb == "attach" and row.target_ref is not None:
        out["on"] = [row.target_ref[0], real(row.target_ref[1], ids)]
    return out


def _made(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of a record that is there: nobody is asked about it any more."""
    return {name: value for name, value in entry.items() if name not in {"question", "on"}}


def unresolved(subject: SubjectRow) -> dict[str, Mapping[str, Any]]:
    """Slot → question of each write of which nobody can tell whether it happened, while no person has said it. It must not be
    made again until then."""
    answers = subject.answers
    return {
        slot: entry["question"]
        for slot, entry in subject.own.items()
        if "question" in entry and not entry.get("ref") and entry["question"]["kind"] not in answers
    }


def still_asked(plan: Plan, subject: SubjectRow) -> list[Mapping[str, Any]]:
    """Questions of earlier runs that stay open beside this plan: of what it would write again, and of attachments, which
    flows take for there until they hear that they are not."""
    planned = {operation.slot for operation in plan.operations}
    return [one for slot, one in unresolved(subject).items() if slot in planned or "on" in subject.own[slot]]


def own_by_answer(subject: SubjectRow) -> None:
    """Puts into `own` what a person said is there, where nobody else could tell (`outcome_kind`)."""
    for kind, answer in subject.answers.items():
        if not kind.startswith(OUTCOME):
            continue
        id = str(answer.get("id") or "") if isinstance(answer, Mapping) else str(answer or "").rpartition(":")[2]
        role, slot = kind.split(":", 2)[1], slot_asked(kind)
        entry = subject.own.get(slot) or {}
        asked = entry.get("question")
        if id in NONE or entry.get("ref") or (asked is not None and asked["kind"] != kind):
            continue
        ref = entry.get("on") or [role, id]
        subject.own[slot] = {"values": {}, **_made(entry), "ref": ref}


OUTCOME = "outcome:"
NONE = frozenset(("", "none", "create"))
"""Answers that say that the record is not there."""


def outcome_kind(role: str, slot: str, answers: Iterable[str] = ()) -> str:
    """The kind of the question whether a record of this slot is there; its answer is the record's id (alone, as "role:id" or
    as {"id"}), or one of `NONE`. Asked once more after one of these `answers`, it is another question, numbered: what was
    said of the first try says nothing of the second."""
    first = kind = f"{OUTCOME}{role}:{slot}"
    number = 1
    while kind in answers:
        number += 1
        kind = f"{first}#{number}"
    return kind


def slot_asked(kind: str) -> str:
    """The slot of an `outcome_kind`."""
    return kind.split(":", 2)[2].partition("#")[0]
