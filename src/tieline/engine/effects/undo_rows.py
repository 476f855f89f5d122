"""From an approved undo to runs of its own, one for each subject, and what a subject is when its run is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tieline.core.record import PLANNED
from tieline.engine.effects.journal import AFTER, REF, own_after
from tieline.engine.effects.keys import origin_key
from tieline.engine.effects.reasons import reason
from tieline.engine.effects.undo import Item, Key
from tieline.engine.effects.undo_reasons import UNDONE
from tieline.engine.ports import OperationRow, RunRow, SubjectRow, SubjectState

VERBS = {"delete": "delete", "restore": "update", "create": "create", "attach": "attach"}


def origin(item: Item, subject: SubjectRow, workspace: int, undo: int) -> str:
    """The origin key of what an item writes. A record that is made anew has the next generation of its slot: the key of the
    one that was deleted may still be taken at the vendor."""
    if item.do == "create":
        generation = str((subject.own.get(item.slot) or {}).get("generation", 0))
    else:
        generation = f"undo{undo}:{item.role}:{item.record}"
    return origin_key(workspace, subject.flow, subject.source, subject.key, item.slot, generation)


def runs(
    items: Sequence[Item],
    subjects: Mapping[int, SubjectRow],
    *,
    workspace: int,
    undo: int,
    kind: str,
    version: int,
    now: str,
    begun: Mapping[Key, str],
    late: frozenset[int] = frozenset(),
) -> tuple[list[RunRow], dict[int, str]]:
    """(a run for each subject, item id → origin key). begun: origin keys of this undo's writes in earlier runs, by record; late:
    subjects about which something was heard since they were undone. The subjects' rows become "applying"."""
    keys = {item.id: origin(item, subjects[item.subject], workspace, undo) for item in items}
    by_record = dict(begun) | {item.key: keys[item.id] for item in items if item.do != "attach"}
    made = {item.key for item in items if item.do == "create"} | set(begun)
    out: dict[int, RunRow] = {}
    for item in items:
        subject = subjects[item.subject]
        run = out.get(item.subject)
        if run is None:
            known: dict[str, Any] = {"undo": undo, "was": [subject.state, subject.why]}
            if item.subject in late:
                known["late"] = True
            run = out[item.subject] = RunRow(
                0, item.subject, subject.revision, "applying", version, known, [], [], [], now, kind=kind
            )
        run.operations.append(_row(item, keys[item.id], by_record, made, len(run.operations)))
    for id in out:
        subjects[id].state, subjects[id].due_at, subjects[id].why = "applying", None, None
    return list(out.values()), keys


def _row(item: Item, key: str, by_record: Mapping[Key, str], made: set[Key], position: int) -> OperationRow:
    def pointed(value: Any) -> Any:
        if isinstance(value, Mapping):
            ref = value.get(REF)
            if ref is None:
                return {name: pointed(one) for name, one in value.items()}
            again = by_record.get((ref[0], ref[1])) if item.do in {"create", "attach"} else None
            return {REF: [ref[0], PLANNED + again]} if again is not None else dict(value)
        return [pointed(one) for one in value] if isinstance(value, list) else value

    target: list[str] | None = [item.role, item.record]
    match_keys: list[list[str]] = []
    if item.do == "create":
        target = None
        ids = {id: PLANNED + by_record[role, id] for role, id in made if (role, id) in by_record}
        match_keys = [[by, ids.get(value, value)] for by, value in item.found_by]
    elif item.do == "attach":
        target = [item.role, PLANNED + by_record[item.key]] if item.key in by_record else target
    elif item.do == "delete":
        match_keys = [[AFTER, PLANNED + by_record[one]] for one in item.after if one in by_record]
    return OperationRow(
        key=key,
        run=0,
        subject=item.subject,
        slot=item.slot,
        verb=VERBS[item.do],
        role=item.role,
        values={name: pointed(value) for name, value in item.values.items()},
        target_ref=target,
        before=dict(item.before),
        state="planned",
        reason=dict(item.reason or {}),
        match_keys=match_keys,
        position=position,
        if_version=item.version if item.do in {"delete", "restore"} else None,
    )


def end(run: RunRow, subject: SubjectRow, ids: Mapping[str, str], now: str) -> str:
    """The final state of a run of an undo; puts its subject's into the row. What could not be done is listed with the undo, not
    asked: the run is over all the same. A subject of which something was taken back is not decided again by itself."""
    written = [row for row in run.operations if row.state == "done"]
    subject.own = own_after(subject, written, ids)
    done = bool(written)
    was: SubjectState = run.known["was"][0]
    subject.attempts = 0
    if run.kind == "undo" and done:
        subject.state, subject.due_at, subject.why = "undone", None, reason(UNDONE)
    elif run.kind == "redo" and done:
        # What was heard of it while it was undone is brought in now.
        subject.state = "due" if run.known.get("late") else "done"
        subject.due_at, subject.why = (now if subject.state == "due" else None), None
    else:
        subject.state, subject.why = was, run.known["was"][1]
        subject.due_at = now if was in {"due", "waiting"} else None
    return "done" if done else "nothing"
