"""What undoing writes would do, and what it cannot: pure. The plan is made twice, for the preview and again just before it is
applied; what both say alike is done, everything else is listed.

A create is undone by a delete, where the record is still as we left it and nothing hangs on it that stays. A change is undone
field by field, where the value there is still ours. A delete of ours (an earlier undo) is undone by creating the record anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tieline.core.record import Record
from tieline.engine.effects.journal import REF
from tieline.engine.effects.reasons import reason
from tieline.engine.effects.same import same
from tieline.engine.effects.undo_reasons import (
    AGAIN,
    ALREADY,
    BACK,
    BUSY,
    CANNOT,
    CONVERTED,
    EDITED,
    FILE_STAYS,
    FORGOTTEN,
    GONE,
    LATER,
    MADE_HERE,
    NO_BEFORE,
    NO_RIGHT,
    NOT_KNOWN,
    OURS_HANG,
    THEIRS_HANG,
    THERE_AGAIN,
)

Key = tuple[str, str]
"""A record: (role, the vendor's id)."""
Do = Literal["delete", "restore", "create", "attach", "leave"]


@dataclass(frozen=True, slots=True)
class Act:
    """One write of a run that is to be undone. `record` is the record's id; ids of links in `values` are the vendor's.

    known   False: nobody knows whether it was written (a person was asked)
    before  as in `OperationRow`; of a delete: {"values", "files", "found_by"} of what it took away
    """

    id: int
    run: int
    revision: int
    subject: int
    slot: str
    verb: str
    role: str
    record: str
    values: Mapping[str, Any]
    before: Mapping[str, Any]
    found_by: Sequence[Sequence[str]] = ()
    known: bool = True

    @property
    def key(self) -> Key:
        return self.role, self.record


@dataclass(frozen=True, slots=True)
class Wrote:
    """One write of ours on a record, by whichever run; the list of them is in the order in which they were done."""

    run: int
    verb: str
    values: Mapping[str, Any]
    version: str | None
    subject: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when planning. read: as the records are now, None where one is gone. hanging: record → records that link
    to it. lacks: role → a scope without which its records cannot be deleted. history: our writes on each record. now: (subject,
    slot) → the record that stands for it now. gone: what this undo has deleted already. busy: subjects being written."""

    read: Mapping[Key, Record | None]
    hanging: Mapping[Key, frozenset[Key]] = field(default_factory=dict)
    deletes: frozenset[str] = frozenset()
    lacks: Mapping[str, str] = field(default_factory=dict)
    history: Mapping[Key, Sequence[Wrote]] = field(default_factory=dict)
    now: Mapping[tuple[int, str], Sequence[str]] = field(default_factory=dict)
    goes_with: frozenset[str] = frozenset()
    """Roles of records that go with the one they hang on, and cannot be deleted otherwise."""
    gone: frozenset[Key] = frozenset()
    busy: frozenset[int] = frozenset()
    ours: frozenset[Key] = frozenset()
    """Those of `hanging` that we made."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that an undo does, or leaves with a reason.

    values   restore, create, attach: what is written; delete: none
    before   restore: the values as they are; delete: {"values", "files", "found_by"}; leave: the values it is about, of a
             record that we made {"values"}
    version  the record's version that this was planned on
    after    records that must be deleted (or created) first
    """

    act: int
    run: int
    subject: int
    slot: str
    do: Do
    role: str
    record: str
    values: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None
    reason: Mapping[str, Any] | None = None
    after: tuple[Key, ...] = ()
    found_by: Sequence[Sequence[str]] = ()
    id: int = 0

    @property
    def key(self) -> Key:
        return self.role, self.record

    @property
    def mark(self) -> tuple[str, ...]:
        """What is the same thing in two plans."""
        return (self.do, self.role, self.record, self.slot if self.do == "attach" else "")


def plan(acts: Sequence[Act], facts: Facts) -> list[Item]:
    """What undoing these writes (in the order in which they were made) would do and leave, in their order."""
    made = {act.key: act for act in acts if act.verb == "create" and act.known and act.key not in facts.gone}
    runs = {act.run for act in acts}
    leaves = {key: why for key, act in made.items() if (why := _must_stay(act, facts, runs)) is not None}
    back = {act.key: act for act in acts if act.verb == "delete" and act.known}
    changed: dict[Key, list[Act]] = {}
    for act in acts:
        if act.verb == "update" and act.known and act.key not in made and act.key not in facts.gone:
            changed.setdefault(act.key, []).append(act)
    restored = {key: _restore(updates, facts) for key, updates in changed.items()}
    freed = {
        (item.key, to) for items in restored.values() for item in items if item.do == "restore" for to in _freed(item)
    }
    _keep_what_is_hung_on(made, leaves, facts, freed)
    goes = {key for key in made if key not in leaves}
    out: list[Item] = []
    for act in acts:
        if not act.known:
            out.append(_left(act, reason(NOT_KNOWN)))
        elif act.verb == "create" and act.key in made:
            if act.key in goes:
                out.append(_delete(act, acts, goes, facts, freed))
            else:
                out.append(_left(act, leaves[act.key], {"values": dict(act.values)}))
        elif act.verb == "delete":
            out.extend(_create(act, back, facts))
        elif act.verb == "attach" and act.key not in made:
            out.append(_left(act, reason(FILE_STAYS)))
        elif act.verb == "update":
            out.extend(restored.pop(act.key, ()))
    return out


def _freed(item: Item) -> list[Key]:
    """The records that a restored one will not link to any more."""
    refs = [value[REF] for value in item.before.values() if isinstance(value, Mapping) and REF in value]
    return [(ref[0], ref[1]) for ref in refs]


# -- creates: deleted where they are still ours --------------------------------------------------------------------------


def _must_stay(act: Act, facts: Facts, runs: set[int]) -> dict[str, Any] | None:
    record = facts.read.get(act.key)
    if act.subject in facts.busy:
        return reason(BUSY)
    if act.role not in facts.deletes and act.role not in facts.goes_with:
        return reason(CANNOT, role=act.role)
    if not act.values:
        return reason(FORGOTTEN)
    if record is None:
        return reason(GONE)
    if record.fields.get("converted_contact"):
        return reason(CONVERTED)
    history = facts.history.get(act.key, ())
    edited = _edited(record, history)
    if edited is None:  # a task that a later call's run goes on with is that call's too
        later = [one for one in history if one.run not in runs and one.subject != act.subject]
        if later:
            return reason(LATER, fields=sorted({name for one in later for name in one.values}))
    if edited is not None:
        return reason(EDITED, fields=edited)
    if act.role in facts.lacks:
        return reason(NO_RIGHT, scope=facts.lacks[act.role])
    return None


def _edited(record: Record, history: Sequence[Wrote]) -> list[str] | None:
    """The fields that are not as we last wrote them, None where the record is untouched. Where both versions are known they
    decide; a record may be changed in fields that we never wrote."""
    last = written_last(history)
    read = record.fields
    changed = [name for name, value in last.items() if name in read and not same(value, read[name])]
    # Of several links a vendor may hold one: those that it left out were not taken away by anybody.
    links = {name for name, value in last.items() if isinstance(value, Mapping) and REF in value and name in read}
    if links - set(changed):
        changed = [name for name in changed if name not in links or read[name]]
    version = next((one.version for one in reversed(history)), None)
    if version is not None and record.version is not None:
        return None if version == record.version else changed
    return changed or None


def written_last(history: Sequence[Wrote]) -> dict[str, Any]:
    """Field → the value that we wrote last."""
    out: dict[str, Any] = {}
    for one in history:
        out.update(one.values)
    return out


def _keep_what_is_hung_on(
    made: Mapping[Key, Act], leaves: dict[Key, dict[str, Any]], facts: Facts, freed: set[tuple[Key, Key]]
) -> None:
    """A record stays where something that stays hangs on it; and so on up."""
    changed = True
    while changed:
        changed = False
        for key in made:
            if key in leaves:
                continue
            if key[0] in facts.goes_with and not any(one in made and one not in leaves for one in _above(key, facts)):
                leaves[key] = reason(CANNOT, role=key[0])
                changed = True
                continue
            stays = [
                one
                for one in sorted(facts.hanging.get(key, ()))
                if one not in facts.gone and (one, key) not in freed and (one not in made or one in leaves)
            ]
            if stays:
                theirs = [one for one in stays if one not in facts.ours and one not in made]
                role = (theirs or stays)[0][0]
                code = THEIRS_HANG if theirs else OURS_HANG
                leaves[key] = reason(code, role=role, count=len(theirs or stays))
                changed = True


def _above(key: Key, facts: Facts) -> list[Key]:
    """What a record hangs on."""
    return [above for above, hanging in facts.hanging.items() if key in hanging]


def _delete(act: Act, acts: Sequence[Act], goes: set[Key], facts: Facts, freed: set[tuple[Key, Key]]) -> Item:
    record = facts.read[act.key]
    files = [dict(one.values) for one in acts if one.verb == "attach" and one.key == act.key]
    before = {
        "values": {**act.values, **written_last(facts.history.get(act.key, ()))},
        "files": files,
        "found_by": [list(pair) for pair in act.found_by],
    }
    hanging = facts.hanging.get(act.key, frozenset())
    if act.role in facts.goes_with:
        after = tuple(sorted(one for one in _above(act.key, facts) if one in goes))
    else:
        with_it = (one for one in hanging if one[0] not in facts.goes_with)
        after = tuple(sorted(one for one in with_it if one in goes or (one, act.key) in freed))
    version = record.version if record is not None else None
    return _item(act, "delete", before=before, version=version, reason=reason(MADE_HERE), after=after)


# -- changes: put back field by field ------------------------------------------------------------------------------------


def _restore(updates: Sequence[Act], facts: Facts) -> list[Item]:
    """The fields of one record that these updates changed: back where the value is still ours."""
    first, last = updates[0], updates[-1]
    record = facts.read.get(first.key)
    if last.subject in facts.busy:
        return [_left(last, reason(BUSY))]
    if record is None:
        return [_left(last, reason(GONE))]
    if not any(one.values for one in updates):
        return [_left(last, reason(FORGOTTEN))]
    ours: dict[str, Any] = {}
    was: dict[str, Any] = {}
    for one in updates:
        for name, value in one.values.items():
            if name not in ours and name in one.before:
                was[name] = one.before[name]
            ours[name] = value
    left: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    runs = {one.run for one in updates}
    for name in ours:
        code = _why_left(name, ours, was, record, runs, facts.history.get(first.key, ()))
        if code is not None:
            left.setdefault(code, []).append(name)
        else:
            values[name] = was[name]
    out: list[Item] = []
    if values:
        before = {name: ours[name] for name in values}
        out.append(_item(last, "restore", values=values, before=before, version=record.version, reason=reason(BACK)))
    for code, names in left.items():
        why = reason(code) if code == ALREADY else reason(code, fields=names)
        out.append(_left(last, why, {name: ours[name] for name in names}))
    return out


def _why_left(
    name: str,
    ours: Mapping[str, Any],
    was: Mapping[str, Any],
    record: Record,
    runs: set[int],
    history: Sequence[Wrote],
) -> str | None:
    """Why a field stays as it is; None where it is still ours."""
    writers = [one for one in history if name in one.values]
    now = record.fields.get(name)
    if writers and writers[-1].run not in runs:
        return LATER
    if name not in was:
        return NO_BEFORE
    if same(was[name], now):
        return ALREADY
    return EDITED if name in record.fields and not same(ours[name], now) else None


# -- deletes: made anew --------------------------------------------------------------------------------------------------


def _create(act: Act, back: Mapping[Key, Act], facts: Facts) -> list[Item]:
    """The record that an undo took away, with links to what is made anew beside it; and its files."""
    if act.subject in facts.busy:
        return [_left(act, reason(BUSY))]
    if (act.subject, act.slot) in facts.now:
        return [_left(act, reason(THERE_AGAIN))]
    after: list[Key] = []

    def pointed(value: Any) -> Any:
        if isinstance(value, Mapping):
            ref = value.get(REF)
            if ref is None:
                return {name: pointed(one) for name, one in value.items()}
            other = back.get((ref[0], ref[1]))
            if other is None:
                return dict(value)
            again = facts.now.get((other.subject, other.slot))
            if again is not None:
                return {REF: list(again)}
            after.append(other.key)
            return dict(value)
        return [pointed(one) for one in value] if isinstance(value, list) else value

    values = {name: pointed(value) for name, value in (act.before.get("values") or {}).items()}
    made = _item(
        act,
        "create",
        values=values,
        reason=reason(AGAIN),
        after=tuple(sorted(set(after))),
        found_by=act.before.get("found_by") or (),
    )
    files = act.before.get("files") or ()
    return [
        made,
        *(
            replace(made, slot=f"{act.slot}.file{number}", do="attach", values=dict(one), after=(act.key,), found_by=())
            for number, one in enumerate(files, 1)
        ),
    ]


def _item(act: Act, do: Do, **more: Any) -> Item:
    return Item(act.id, act.run, act.subject, act.slot, do, act.role, act.record, **more)


def _left(act: Act, why: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Item:
    return _item(act, "leave", before=before or {}, reason=why)
