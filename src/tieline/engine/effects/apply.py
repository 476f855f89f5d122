"""Writes: the pool's planned operations to the vendor, in waves, and what each outcome means."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieline.core.errors import TielineError
from tieline.core.record import PLANNED
from tieline.engine.access import LEAVES_S, Access, Run
from tieline.engine.effects.fetching import Fetching, FileTroubleError
from tieline.engine.effects.journal import REF, own_keys, real
from tieline.engine.effects.kept import keep_results
from tieline.engine.effects.pool import Pool, Work, batches
from tieline.engine.effects.reasons import (
    GONE,
    LINK_REFUSED,
    NOT_SENT,
    REJECTED,
    STALE,
    TOO_MANY_TRIES,
    UNKNOWN,
    of_error,
    reason,
)
from tieline.engine.effects.recovery import recovery
from tieline.engine.ports import OperationRow, Result, Store
from tieline.engine.times import backoff, seconds
from tieline.sdk.contract import (
    Files,
    Gone,
    Link,
    NotSent,
    Outcome,
    PushOperation,
    PushVerb,
    Rejected,
    Stale,
    Unknown,
    Written,
)
from tieline.sdk.leaving import LateError

MOST_TRIES = 16
"""Failed tries of one operation before its subject is parked: about two hours of back-off."""
FRESH_S = 30.0
"""How long what was looked up is taken for what stands there (seconds)."""


@dataclass(slots=True)
class Applied:
    """What a round of pushes came to."""

    written: int = 0
    lost: bool = False
    """The journal says otherwise than memory of something that could not be kept."""
    stopped: TielineError | None = None


class Apply:
    """Pushes what the pool has. `files`: source → its files; an attachment of a source without is left to the vendor to
    fetch."""

    def __init__(self, access: Access, store: Store, run: Run, pool: Pool, files: Mapping[int, Files]) -> None:
        self._access = access
        self._store = store
        self._run = run
        self._pool = pool
        self._files = Fetching(files, pool, access.clock)
        self._told: list[Result] = []
        """What became of files that could not be fetched."""

    def next_wave(self) -> list[list[Work]]:
        """The groups to push next; empty when nothing may be sent now."""
        access = self._access
        if access.is_paused:
            return []
        works, levels = self._files.fetched(*self._pool.sendable(access.clock()))
        for work, error in self._files.failed():
            self._told.append(self._not_fetched(work, error))
        if not works:
            return []
        capabilities = access.capabilities
        groups, _ = batches(works, levels, write_batch=capabilities.write_batch, dependent=capabilities.push_dependent)
        return groups

    async def until_nothing_is_ready(self, wave: list[list[Work]], *, announced: bool) -> Applied:
        """Pushes wave after wave. Each is in the journal as sent before it is pushed; `announced`: the first is already."""
        out = Applied()
        if not announced and wave:
            await self._save([], wave)
        while wave:
            results = await self._push_all(wave, out)
            wave = [] if out.stopped is not None else self.next_wave()
            if not await self._save(results + self._take_told(), wave):
                out.lost = True
                return out
        told = self._take_told()
        if told:
            await self._run(lambda: self._store.save_results(told, []))
        return out

    def _take_told(self) -> list[Result]:
        out, self._told = self._told, []
        return out

    async def _save(self, results: list[Result], wave: list[list[Work]]) -> bool:
        keys = [work.row.key for group in wave for work in group]
        at_s = self._access.clock()
        if not await keep_results(self._store, self._run, results, keys):
            return False
        self.sent(wave, at_s)
        return True

    def sent(self, wave: list[list[Work]], at_s: float) -> None:
        """Marks a wave as sent once the journal says so. at_s: a time before the journal was asked to."""
        for group in wave:
            for work in group:
                work.row.state = "sent"
                work.row.attempts += 1
                work.sent_s = at_s
                work.missed = False

    async def _push_all(self, wave: list[list[Work]], out: Applied) -> list[Result]:
        before = self._access.requests()
        answers = await asyncio.gather(*(self._push(group) for group in wave), return_exceptions=True)
        count = sum(len(group) for group in wave)
        share = (self._access.requests() - before) / count
        results: list[Result] = []
        failed: list[Exception] = []
        for group, answer in zip(wave, answers, strict=True):
            if isinstance(answer, LateError):
                results.extend(self.back(work, work.row.error, share) for work in group)
                continue
            for work in group:
                work.content = None
            if isinstance(answer, Exception):
                failed.append(answer)
                results.extend(self._failed(work, answer, share) for work in group)
                if isinstance(answer, TielineError) and recovery(answer).write == "stop":
                    out.stopped = answer
            elif isinstance(answer, BaseException):
                raise answer
            else:
                results.extend(self._outcomes(group, answer, share))
        if len(failed) == len(wave):
            self._access.failed_altogether(failed[0])
        results.extend(self._pool.block())
        out.written += sum(result.state == "done" for result in results)
        return results

    async def _push(self, group: list[Work]) -> list[Outcome]:
        first = group[0].row
        if first.verb == "delete" and first.role in self._access.capabilities.deleted_with:
            return [Written(work.row.target_ref[1]) for work in group if work.row.target_ref is not None]
        inside = {work.row.key for work in group} if len(group) > 1 else set()
        operations = [self._operation(work, inside) for work in group]
        return await self._access.push(operations, self._leaves_by_s(group))

    def _leaves_by_s(self, group: list[Work]) -> float:
        """Until when these may leave: at any time where sending twice does no harm."""
        harmless = (
            work.row.verb == "delete" or (work.row.verb == "create" and self._access.unique(work.row.role))
            for work in group
        )
        if all(harmless):
            return math.inf
        return min(work.sent_s for work in group) + LEAVES_S

    def _operation(self, work: Work, inside: set[str]) -> PushOperation:
        row = work.row
        mapped = self._access.role_maps[row.role]
        target = self._link(row.target_ref, inside) if row.target_ref is not None else None
        if row.verb == "attach":
            values = {"name": row.values["name"]}
            if work.content is not None:
                values["content"] = work.content
            else:
                values["url"] = row.values["url"]
            return PushOperation(row.key, "attach", mapped.object, values, target)
        if row.verb == "delete":
            return PushOperation(row.key, "delete", mapped.object, {}, target, row.if_version)
        written = mapped.to_vendor({name: self._value(value, inside) for name, value in row.values.items()})
        verb: PushVerb = "create" if row.verb == "create" else "update"
        return PushOperation(row.key, verb, mapped.object, written, target, self._version(work))

    def _version(self, work: Work) -> str | None:
        """The version that the record must still have. Where asking for it costs a request, what was looked up a moment ago
        goes without."""
        run = work.carried.run
        if run.kind or self._access.capabilities.conditional_write:
            return work.row.if_version
        return work.row.if_version if self._access.clock() - seconds(run.started_at) > FRESH_S else None

    def _value(self, value: Any, inside: set[str]) -> Any:
        kind = type(value)
        if kind is dict:
            ref = value.get(REF)
            if ref is not None:
                return self._link(ref, inside)
            return {name: self._value(item, inside) for name, item in value.items()}
        if kind is list:
            return [self._value(item, inside) for item in value]
        return value

    def _link(self, ref: Sequence[str], inside: set[str]) -> Link:
        role, id = ref
        object = self._access.role_maps[role].object
        if not id.startswith(PLANNED):
            return Link(object, id)
        key = id[1:]
        known = self._pool.ids.get(key)
        if known is not None:
            return Link(object, known)
        if key in inside:
            return Link(object, key=key)
        raise ValueError(f"operation refers to {key}, which is neither written nor in this push")

    # -- outcomes ----------------------------------------------------------------------------------------------------

    def _outcomes(self, group: list[Work], outcomes: Sequence[Outcome], share: float) -> list[Result]:
        """Fewer outcomes than operations: of those left over nothing is known."""
        short = [Unknown("no outcome was given")] * (len(group) - len(outcomes))
        return [self._outcome(work, one, share) for work, one in zip(group, [*outcomes, *short], strict=True)]

    def _outcome(self, work: Work, outcome: Outcome, share: float) -> Result:
        slot = work.row.slot
        match outcome:
            case Written():
                return self.done(work, outcome.id, outcome.version, share)
            case Rejected():
                linked = self._links(work.row, outcome.field)
                self._access.gone.update(linked)
                said = {"vendor_code": outcome.code, "field": outcome.field or "", "detail": outcome.detail}
                error = reason(LINK_REFUSED if linked else REJECTED, slot=slot, **said)
                return self.refused(work, error, share)
            case Stale():
                return self.refused(work, reason(STALE, slot=slot), share)
            case Gone() if work.row.verb == "delete" and work.row.target_ref is not None:
                return self.done(work, work.row.target_ref[1], None, share)
            case Gone():
                if work.row.target_ref is not None:
                    self._access.gone.add((work.row.target_ref[0], real(work.row.target_ref[1], self._pool.ids)))
                return self.refused(work, reason(GONE, slot=slot), share)
            case NotSent():
                # Its parent failed, or the request never left. A refused parent blocks it in a moment.
                said = reason(NOT_SENT, slot=slot, detail=outcome.detail)
                if all(key in self._pool.ids for key in work.deps):
                    return self.again(work, said, share)
                return self.back(work, said, share)
            case Unknown():
                return self.unknown(work, reason(UNKNOWN, slot=slot, detail=outcome.detail), share)

    def _links(self, row: OperationRow, field: str | None) -> set[tuple[str, str]]:
        """The records that this vendor field of an operation links to: what refuses a link says that they went."""
        mapped, out = self._access.role_maps[row.role], set()
        for name, value in row.values.items():
            if type(value) is dict and REF in value and field in mapped.fields.get(name, ()):
                role, id = value[REF]
                out.add((role, real(id, self._pool.ids)))
        return out

    def _failed(self, work: Work, error: Exception, share: float) -> Result:
        said = of_error(error)
        match recovery(error).write:
            case "retry":
                return self.again(work, said, share)
            case "look":
                return self.unknown(work, said, share)
            case "ask":
                work.carried.questions.append(question(work.row, error))
                work.carried.turn("ask", said)
                return self.refused(work, said, share)
            case "pause":
                work.not_before = self._access.paused_until
            case "stop":
                pass
        return self.back(work, said, share)

    def _not_fetched(self, work: Work, error: FileTroubleError) -> Result:
        """Whatever its source says, nothing was written and the target is not to blame."""
        if not error.lasts:
            return self.again(work, of_error(error))
        said = str(error.params.get("error", ""))
        return self.refused(work, reason(REJECTED, slot=work.row.slot, vendor_code=said, field="", detail=""))

    def back(self, work: Work, error: dict[str, Any] | None, share: float = 0.0) -> Result:
        """It surely did not happen, through no fault of its own: planned as before."""
        work.row.state = "planned"
        work.row.error = error
        return Result(work.row.key, "planned", error=error, requests=share)

    def done(self, work: Work, external_id: str, version: str | None = None, share: float = 0.0) -> Result:
        """It is written, now or at an earlier try."""
        self._pool.done(work, external_id)
        own = own_keys(work.row, external_id, self._pool.ids)
        return Result(work.row.key, "done", external_id, version, requests=share, own=own)

    def refused(self, work: Work, error: dict[str, Any], share: float = 0.0) -> Result:
        """It will not happen in this run."""
        self._pool.refuse(work, error)
        return Result(work.row.key, "rejected", error=error, requests=share)

    def again(self, work: Work, error: dict[str, Any], share: float = 0.0) -> Result:
        """It surely did not happen: sent again later, until the tries are used up."""
        work.tries += 1
        if work.tries >= MOST_TRIES:
            return self.refused(work, reason(TOO_MANY_TRIES, slot=work.row.slot, error=error["code"]), share)
        work.row.state = "planned"
        work.row.error = error
        work.not_before = self._access.clock() + backoff(work.tries, self._access.chance())
        return Result(work.row.key, "planned", error=error, requests=share)

    def unknown(self, work: Work, error: dict[str, Any], share: float = 0.0) -> Result:
        """It may have happened: somebody looks once it can be told (`settle`)."""
        work.tries += 1
        work.row.state = "unknown"
        work.row.error = error
        work.not_before = work.sent_s + self._access.settle_wait(work.row.role, work.row.verb)
        return Result(work.row.key, "unknown", error=error, requests=share)


def question(row: OperationRow, error: BaseException) -> dict[str, Any]:
    """The question that a safety stop asks about one operation."""
    return {"kind": f"safety:{row.slot}", "topic": row.slot, "reason": of_error(error), "options": []}
