"""Writes of a batch: made of its decisions, kept as sent, pushed side by side, and what became of each."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from tieline.core.errors import TielineError
from tieline.core.pairing import Joined, Side, Write, other
from tieline.engine.access import LEAVES_S
from tieline.engine.effects.reasons import of_error, reason
from tieline.engine.effects.recovery import recovery
from tieline.engine.sync import reasons
from tieline.engine.sync.items import Item, Pass, name_of
from tieline.engine.sync.matched import linking
from tieline.engine.sync.parents import Parents, joined_keys
from tieline.engine.sync.ports import SyncOperation
from tieline.engine.sync.rows import base_row, lively, plain, told_row
from tieline.engine.sync.sides import End
from tieline.sdk.contract import (
    Gone,
    Link,
    NotSent,
    Outcome,
    PushOperation,
    Rejected,
    Stale,
    Unknown,
    Written,
)
from tieline.sdk.leaving import LateError

STOPS = "stop"
"""In what an operation was told: its link is not kept the same."""
ORDER = {"create": 0, "update": 1, "delete": 2}


def operations(run: Pass, role: str, items: Iterable[Item]) -> list[SyncOperation]:
    """The operations of these items' decisions. An item that makes a link has its key from here."""
    out: list[SyncOperation] = []
    for item in items:
        decision = item.plan
        item.new_key = item.link.key if item.link is not None else run.key(role, item.side, item.id)
        stem = item.new_key if item.link is None else run.key(role, item.side, item.id)
        if run.dry:
            stem = run.planned_key(role, item)
        for number, write in enumerate(sorted(decision.writes, key=lambda one: (ORDER[one.verb], one.side))):
            item.writes.append(_operation(run, role, item, write, f"{stem}{number:02d}"))
        if run.dry and not decision.writes and decision.become == "make":
            item.writes.append(linking(run, role, item, f"{stem}00", source_of(run, item), "planned"))
        out.extend(item.writes)
    return out


def _operation(run: Pass, role: str, item: Item, write: Write, key: str) -> SyncOperation:
    decision = item.plan
    there = item.record if write.side == item.side else item.mate
    return SyncOperation(
        key=key,
        run=run.run.id,
        link=item.new_key,
        role=role,
        side=write.side,
        verb=write.verb,
        id=write.id,
        values=plain(write.values),
        before=plain(write.before),
        reason=write.reason.to_json(),
        lines={line: said.to_json() for line, said in write.lines.items()},
        source=source_of(run, item),
        state="planned" if run.dry else "sent",
        version=there.version if there is not None and write.verb != "create" else None,
        name=name_of(item.record) or name_of(item.mate),
        base=base_row(decision.base),
        digest=item.digest,
    )


def source_of(run: Pass, item: Item) -> list[str]:
    """[side, id] of the record it was decided from; and as JSON what it was told, so that it can be decided again: in a dry run all,
    else what was said of one that is to be made."""
    told = told_row(item.heard)
    if not run.dry:
        told = {name: told[name] for name in ("create", "mark") if name in told and item.link is None}
        if item.plan.become == "stop":
            told[STOPS] = True
        if not told:
            return [item.side, item.id]
    return [item.side, item.id, orjson.dumps(told).decode()]


async def load_parents(parents: Parents, works: Sequence[SyncOperation]) -> None:
    """The links whose ids the values of these operations need."""
    await parents.load_keys(joined_keys(lively(value) for one in works for value in one.values.values()))


class Pushing:
    """Pushes operations that the journal knows as sent; each has its outcome in `state`, `error`, `id`, `version` afterwards.

    What names a parent that is not there on its side is not sent: written without it, the two would be parted, on the other side as
    well. Only one that is sent `again`, and may have happened as it was, goes without that field.

    outcomes   key → what the vendor said
    error      what ends the run: a person must put something right, or the vendor wants to be left alone
    """

    def __init__(self, run: Pass, parents: Parents, *, again: bool = False) -> None:
        self._pass = run
        self._is_again = again
        self._ends = run.pair.ends
        self._parents = parents
        self.outcomes: dict[str, Outcome] = {}

    async def push(self, works: Sequence[SyncOperation], leaves_from: float) -> None:
        """leaves_from: seconds since the epoch at which they were kept as sent."""
        groups: list[list[SyncOperation]] = []
        by_kind: dict[tuple[Side, str, str], list[SyncOperation]] = {}
        for one in works:
            role = "" if self._is_again else self._parent_missing(one)
            if role:
                self._became(one, NotSent(), reason(reasons.PARENT_FIRST, role=role, id=""))
                continue
            by_kind.setdefault((one.side, one.role, one.verb), []).append(one)
        for (side, _, _), same in by_kind.items():
            most = self._ends[side].access.capabilities.write_batch
            groups.extend(same[at : at + most] for at in range(0, len(same), most))
        answers = await asyncio.gather(*(self._group(group, leaves_from) for group in groups), return_exceptions=True)
        for group, answer in zip(groups, answers, strict=True):
            if isinstance(answer, BaseException) and not isinstance(answer, Exception):
                raise answer
            self._took(group, answer)

    async def _group(self, group: Sequence[SyncOperation], leaves_from: float) -> list[Outcome]:
        end = self._ends[group[0].side]
        access = end.access
        if group[0].verb == "delete" and group[0].role in access.capabilities.deleted_with:
            return [Written(one.id) for one in group]
        harmless = group[0].verb == "delete" or (group[0].verb == "create" and access.unique(group[0].role))
        sent = [self._push_operation(end, one) for one in group]
        return await access.push(sent, math.inf if harmless else leaves_from + LEAVES_S)

    def _push_operation(self, end: End, one: SyncOperation) -> PushOperation:
        shape = end.shape(one.role)
        if one.verb == "delete":
            return PushOperation(one.key, "delete", shape.object, {}, Link(shape.object, one.id), one.version)
        missing = self._missing(one)
        values = {
            name: self._value(end, shape.links.get(name), lively(value))
            for name, value in one.values.items()
            if name not in missing
        }
        sent = end.values(one.role, values)
        if one.verb == "create":
            return PushOperation(one.key, "create", shape.object, sent)
        return PushOperation(one.key, "update", shape.object, sent, Link(shape.object, one.id), one.version)

    def _missing(self, one: SyncOperation) -> set[str]:
        """Fields whose value is a parent that has no id on this side, or that lead nowhere any more. An empty one misses nothing."""
        links = self._ends[one.side].shape(one.role).links
        kept = {name: lively(value) for name, value in one.values.items() if isinstance(value, dict)}
        joined = {name: value for name, value in kept.items() if isinstance(value, Joined)}
        return {name for name, value in joined.items() if name not in links or not self._parents.id_on(one.side, value)}

    def _parent_missing(self, one: SyncOperation) -> str:
        """The role of a parent that has no id there; "" where every one has."""
        links = self._ends[one.side].shape(one.role).links
        return next((links[name] for name in self._missing(one) if name in links), "")

    def _value(self, end: End, role: str | None, value: Any) -> Any:
        if not isinstance(value, Joined):
            return value
        id = self._parents.id_on(end.side, value)
        return Link(end.shapes[role].object, id) if role is not None and id is not None else None

    def _took(self, group: Sequence[SyncOperation], answer: Sequence[Outcome] | Exception) -> None:
        if isinstance(answer, Exception):
            outcome: Outcome = NotSent(type(answer).__name__)
            if not isinstance(answer, LateError) and recovery(answer).write == "look":
                outcome = Unknown(type(answer).__name__)
            for one in group:
                self._became(one, outcome, of_error(answer))
            if isinstance(answer, TielineError) and recovery(answer).write in {"stop", "pause"}:
                self._pass.error = self._pass.error or answer
            return
        for number, one in enumerate(group):
            self._became(one, answer[number] if number < len(answer) else Unknown("no answer"), None)

    def _became(self, one: SyncOperation, outcome: Outcome, error: dict[str, Any] | None) -> None:
        self.outcomes[one.key] = outcome
        match outcome:
            case Written():
                one.state, one.error = "done", None
                one.id, one.version = outcome.id or one.id, outcome.version
            case Rejected():
                one.state = "rejected"
                one.error = reason(
                    reasons.REJECTED,
                    side=one.side,
                    vendor_code=outcome.code,
                    field=outcome.field,
                    detail=outcome.detail,
                )
            case Stale():
                one.state, one.error = "skipped", reason(reasons.STALE)
            case Gone():
                gone = one.verb == "delete"
                one.state, one.error = ("done", None) if gone else ("skipped", reason(reasons.GONE))
            case Unknown():
                one.state, one.error = "unknown", error or reason(reasons.UNKNOWN)
            case NotSent():
                one.state, one.error = "skipped", error or reason(reasons.NOT_SENT, detail=outcome.detail)


def settled_at(run: Pass, one: SyncOperation) -> float:
    """When a write of which nobody knows what became can be looked for (seconds since the epoch)."""
    access = run.pair.ends[one.side].access
    now = run.pair.clock()
    if one.verb == "create":
        if access.unique(one.role) or access.capabilities.idempotent_s:
            return now + access.settle_wait(one.role, "create") if access.unique(one.role) else now + 1.0
        return now + access.certain_s()
    if one.version is not None and access.capabilities.conditional_write:
        return now
    return now + access.certain_s()


def failed_lines(run: Pass, item: Item, role: str) -> set[str]:
    """Lines whose value did not get to where it was to be written."""
    lines = run.pair.customers.lines(role)
    out: set[str] = set()
    for one in item.writes:
        if one.state == "done":
            continue
        out.update(line.name for line in lines if line.field_of(one.side) in one.values)
    return out


def base_kept(item: Item, failed: set[str]) -> dict[str, list[Any]]:
    """The base after what was written: lines that did not get through keep what was agreed before."""
    decision = item.plan
    base = base_row(decision.base)
    before: Mapping[str, list[Any]] = item.link.base if item.link is not None else {}
    for line in failed:
        if line in before:
            base[line] = before[line]
        else:
            base.pop(line, None)
    return base


def ids_after(item: Item) -> dict[Side, str]:
    """Where the customer stands on both sides, once everything is written; "" where it does not."""
    across = other(item.side)
    ids: dict[Side, str] = {item.side: item.id, across: item.mate.id if item.mate is not None else ""}
    if item.link is not None:
        ids = {"left": item.link.left_id, "right": item.link.right_id}
    if item.decision is not None and item.decision.matched is not None:  # a successor of one that is gone, too
        side = item.side if item.record is None else across
        ids[side] = item.decision.matched.record.id
    for one in item.writes:
        if one.verb == "create":
            ids[one.side] = one.id if one.state == "done" else ids[one.side]
    return ids
