"""The drain of one target: everything that is due, brought to its effect, step by step.

A step folds what arrived, settles what is unknown, decides what is due and writes it. Between any two port calls the process
may die: the journal then says where it was, and the next drain takes it up there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from tieline.core.errors import TielineError
from tieline.core.plan import Find
from tieline.core.record import Record
from tieline.engine.access import Access, Run, at_once
from tieline.engine.effects import reasons, undo_rows
from tieline.engine.effects.apply import Apply
from tieline.engine.effects.journal import own_after
from tieline.engine.effects.kept import keep_decided, keep_expired, keep_results
from tieline.engine.effects.pool import Carried, Pool
from tieline.engine.effects.recovery import recovery
from tieline.engine.effects.settle import Settle, asked_of, find_missing
from tieline.engine.effects.undoing import Undoing
from tieline.engine.events import fold
from tieline.engine.events.decide import Decided, Rules, decide
from tieline.engine.events.folding import Folding
from tieline.engine.events.lanes import Lanes
from tieline.engine.events.lookup import Lookups, Numbers, why_failed
from tieline.engine.events.overlay import Overlay
from tieline.engine.events.progress import Limits, Progress
from tieline.engine.events.turns import Turns
from tieline.engine.ports import Store, SubjectRow
from tieline.engine.times import backoff, iso, seconds
from tieline.sdk.asking import BACKFILL, LIVE, asking
from tieline.sdk.contract import Events, Files

__all__ = ["Drain", "Limits", "Progress"]

log = logging.getLogger(__name__)


OUTDATED_S = 300.0
"""A decision of which nothing left for so long is made anew."""


class Drain:
    """Drains one target for one flow. `sources`: connection → its events; `files` → its recordings; `settle` → how long it may
    go on talking of a subject after its end (seconds). `live`: whether subjects that arrive now may be written (False: watch
    mode)."""

    def __init__(
        self,
        store: Store,
        rules: Rules,
        access: Access,
        *,
        sources: Mapping[int, Events],
        numbers: Numbers,
        files: Mapping[int, Files] | None = None,
        settle: Mapping[int, float] | None = None,
        live: bool = True,
        run: Run = at_once,
        limits: Limits | None = None,
        undoing: Undoing | None = None,
    ) -> None:
        self._store = store
        self._rules = rules
        self._access = access
        self._folding = Folding(store, run, rules, sources, settle or {}, live)
        self._numbers = numbers
        self._files = files or {}
        self._run = run
        self._limits = limits or Limits()
        self._undoing = undoing
        self._decides = undoing is None or undoing.decides  # False: the flow is paused, and only undos go on
        self._pool: Pool | None = None
        self._outdates_at = 0.0
        self._turns = Turns()
        self._lanes = Lanes()
        self._later: dict[int, tuple[float, tuple[str, ...]]] = {}
        """Subjects that wait after a failure: their lanes stay held until then."""

    async def run_until_quiet(self) -> Progress:
        """Steps until nothing can be done now; the counts are of all steps."""
        total = Progress()
        while True:
            one = await self.step()
            total.folded += one.folded
            total.decided += one.decided
            total.written += one.written
            total.finished += one.finished
            total.settled += one.settled
            total.next_s, total.stopped, total.elsewhere = one.next_s, one.stopped, one.elsewhere
            if not one.more:
                return total

    async def step(self) -> Progress:
        """One round. Whatever it raises (the store is away, the process is to end), what is committed is all there is to
        know: the memory of open work is dropped and read again next time."""
        try:
            return await self._step()
        except BaseException:
            self._pool = None
            raise

    async def _step(self) -> Progress:
        out = Progress()
        if not await self._run(self._store.hold):
            self._pool = None
            out.elsewhere = True
            return out
        pool = self._pool if self._pool is not None else await self._take_up()
        out.folded = await self._fold()
        apply = Apply(self._access, self._store, self._run, pool, self._files)
        if not self._access.is_paused:
            await self._settle(pool, apply, out)
            if self._pool is None:
                out.more = True
                return out
            if self._undoing is not None and out.stopped is None:
                await self._undo(self._undoing, pool, out)
            if out.stopped is None and self._decides:
                await self._outdate(pool)
            begun = self._access.clock()
            due: list[SubjectRow] = []
            if out.stopped is None and self._decides and len(pool.runs) < self._limits.unfinished:
                due = await self._due()
            backfill = bool(due) and all(row.backfill for row in due)
            with asking(BACKFILL if backfill else LIVE):
                decided = await self._decide(pool, due, out) if due else Decided()
            # What is decided is written, whatever it came from: its lanes are held, and live work may be behind it.
            await self._apply(pool, apply, decided, out)
            self._turns.took(self._access.clock() - begun, len(due), backfill=backfill, most=self._limits.subjects)
        out.finished += await self._finish(pool)
        done = out.folded or out.decided or out.written or out.finished or out.settled
        out.more = out.stopped is None and bool(done or self._pool is None)
        if not out.more and out.stopped is None:
            out.next_s = await self._next(pool)
        return out

    # -- taking up, folding ------------------------------------------------------------------------------------------

    async def _take_up(self) -> Pool:
        """The open work as the journal has it."""
        pool = Pool()
        self._lanes = Lanes()
        self._later.clear()
        for subject, run in await self._run(self._store.unfinished):
            if not (self._decides or run.kind):  # of a paused flow: it goes on when the flow does
                self._lanes.hold(subject.lanes)
                continue
            # What is being applied was decided at the run's revision: whatever came since is to be decided anew.
            subject.revision = run.revision
            if pool.add(subject, run):
                self._lanes.hold(subject.lanes)
        for work in pool.work():
            if work.row.sent_at is not None:
                work.sent_s = seconds(work.row.sent_at)
                work.not_before = work.sent_s + self._access.settle_wait(work.row.role, work.row.verb)
            if work.row.state == "planned":
                work.not_before = 0.0
        await find_missing(pool, self._store, self._run)
        self._pool = pool
        self._outdates_at = 0.0
        return pool

    async def _outdate(self, pool: Pool) -> None:
        """What waited too long to leave (a stopped drain, a vendor away) is decided again."""
        now = self._access.clock()
        if now < self._outdates_at:
            return
        self._outdates_at = now + OUTDATED_S / 5
        results = pool.outdate(iso(now - OUTDATED_S))
        if results:
            await self._run(lambda: self._store.save_results(results, []))

    async def _undo(self, undoing: Undoing, pool: Pool, out: Progress) -> None:
        """Plans and begins what is to be undone; what it begins is written like all else."""
        try:
            begun = await undoing.step(pool, self._lanes)
        except TielineError as error:
            out.stopped = error
            return
        out.decided += begun
        if begun:
            await find_missing(pool, self._store, self._run)

    async def _fold(self) -> int:
        """Brings what arrived into subjects."""
        events = await self._run(lambda: self._store.open_events(self._limits.events))
        if events:
            await self._folding.fold(events, iso(self._access.clock()))
        return len(events)

    # -- settling ----------------------------------------------------------------------------------------------------

    async def _settle(self, pool: Pool, apply: Apply, out: Progress) -> None:
        settle = Settle(self._access, pool, apply, self._look)
        results = await settle.due()
        out.stopped = settle.stopped
        out.settled = len(results)
        if results and not await keep_results(self._store, self._run, results, []):
            self._pool = None

    async def _look(self, finds: list[Find]) -> Mapping[Find, tuple[Record, ...]]:
        lookups = self._lookups()
        await lookups.ask(finds)
        for error in lookups.failed.values():
            raise error
        return lookups.found

    def _lookups(self) -> Lookups:
        return Lookups(self._access, self._store, self._run, self._rules.flow.reads(), self._numbers)

    # -- deciding ----------------------------------------------------------------------------------------------------

    async def _decide(self, pool: Pool, due: list[SubjectRow], out: Progress) -> Decided:
        access = self._access
        overlay = Overlay(access.role_maps, pool.ids)
        overlay.add(pool.rows())
        lookups = self._lookups()
        before = access.requests()
        decided = await decide(due, self._rules, lookups, overlay, iso(access.clock()))
        share = (access.requests() - before) / len(due)
        for run in decided.runs:
            run.requests = share
        out.decided += len(decided.runs)
        await self._put_off(decided, lookups, out)
        return decided

    async def _due(self) -> list[SubjectRow]:
        """The subjects whose turn it is; those whose wait is over are folded once more, without what never came."""
        now_s = self._access.clock()
        now = iso(now_s)
        for id, (until, lanes) in list(self._later.items()):
            if until <= now_s:
                del self._later[id]
                self._lanes.free(lanes)
        most = max(1, self._limits.subjects >> self._access.trouble)
        held = list(self._lanes)
        may_backfill = now_s >= self._access.backfill_until
        due = await self._turns.take(self._store, self._run, now, most, held, may_backfill=may_backfill)
        expired = [row for row in due if row.state == "waiting"]
        if expired:
            rules = self._rules
            for row in expired:
                fold.expire(row, rules.flow, rules.settings, now)
            await keep_expired(self._store, self._run, expired)
            due = [row for row in due if row.state == "due"]
        return due

    async def _put_off(self, decided: Decided, lookups: Lookups, out: Progress) -> None:
        """Subjects whose look-ups failed wait their time; those that nothing can be decided about are parked."""
        moved: list[SubjectRow] = []
        waiting: list[SubjectRow] = []
        for row in decided.parked:
            row.state, row.due_at = "parked", None
            moved.append(row)
        first: BaseException | None = None
        for row, error in decided.failed:
            follows = recovery(error).read
            if follows == "stop" and isinstance(error, TielineError):
                out.stopped = error
                continue
            if follows == "pause":
                row.why = reasons.reason(reasons.LOOKUP_FAILED, error=why_failed(error))
                waiting.append(row)
                continue
            first = first or error
            moved.append(self._after_failure(row, error, follows == "ask"))
        if first is not None and not lookups.answered:
            self._access.failed_altogether(first)
        if moved or waiting:
            out.finished += len(moved)
            await self._run(lambda: self._store.finish({}, moved + waiting, []))

    def _after_failure(self, row: SubjectRow, error: BaseException, ask: bool) -> SubjectRow:
        row.attempts += 1
        row.why = reasons.reason(reasons.LOOKUP_FAILED, error=why_failed(error))
        if ask or row.attempts >= self._limits.lookups:
            row.state, row.due_at = "parked", None
        else:
            self._wait(row)
        return row

    def _wait(self, row: SubjectRow) -> None:
        """Puts a subject off after its failures so far; who shares a lane with it waits too."""
        until = self._access.clock() + backoff(row.attempts, self._access.chance())
        row.state, row.due_at = "due", iso(until)
        self._later[row.id] = (until, row.lanes)
        self._lanes.hold(row.lanes)

    # -- writing -----------------------------------------------------------------------------------------------------

    async def _apply(self, pool: Pool, apply: Apply, decided: Decided, out: Progress) -> None:
        """Stores the decisions, with the first wave marked as sent in the same transaction, and writes until nothing more
        can be sent now."""
        fresh: set[str] = set()
        for row, run in zip(decided.subjects, decided.runs, strict=True):
            if run.state == "applying":
                if pool.add(row, run):
                    self._lanes.hold(row.lanes)
                fresh.update(operation.key for operation in run.operations)
        wave = [] if out.stopped is not None else apply.next_wave()
        announced = False
        if decided.runs:
            keys = [work.row.key for group in wave for work in group]
            send = [key for key in keys if key in fresh]
            at_s = self._access.clock()
            kept = await keep_decided(self._store, self._run, decided.runs, decided.subjects, send)
            if not kept or any(one.state != "planned" for run in decided.runs for one in run.operations):
                # Some of it is there already under its key. The journal knows more than this memory: read it again.
                self._pool = None
                return
            old = [key for key in keys if key not in fresh]
            if old:
                await self._run(lambda: self._store.save_results([], old))
            apply.sent(wave, at_s)
            announced = True
        applied = await apply.until_nothing_is_ready(wave, announced=announced)
        out.written += applied.written
        out.stopped = out.stopped or applied.stopped
        if applied.lost:
            self._pool = None

    # -- finishing ---------------------------------------------------------------------------------------------------

    async def _finish(self, pool: Pool) -> int:
        """Ends the runs whose operations are all over and moves their subjects on."""
        ended = pool.ended()
        for one in pool.let_go():
            self._lanes.free(one.subject.lanes)
        if not ended or self._pool is None:
            return 0
        runs: dict[int, str] = {}
        subjects: list[SubjectRow] = []
        questions: list[tuple[int, Mapping[str, Any]]] = []
        for carried in ended:
            runs[carried.run.id] = self._end(carried, pool, questions)
            subjects.append(carried.subject)
        await self._run(lambda: self._store.finish(runs, subjects, questions))
        if self._undoing is not None:
            await self._undoing.settle(one.run.known["undo"] for one in ended if one.run.kind)
        pool.tidy()
        return len(ended)

    def _end(self, carried: Carried, pool: Pool, questions: list[tuple[int, Mapping[str, Any]]]) -> str:
        """The final state of one run; puts its subject's into the row."""
        row, run = carried.subject, carried.run
        if run.kind:
            return undo_rows.end(run, row, pool.ids, iso(self._access.clock()))
        asked = asked_of(carried)
        row.own = own_after(row, run.operations, pool.ids, asked)
        row.why, row.due_at = carried.why, None
        match carried.fate:
            case "done":
                row.attempts = 0
                row.state = "asked" if run.questions else "done"
                row.why = run.questions[0]["reason"] if run.questions else None
                return row.state
            case "park":
                row.state = "parked"
                return "failed"
            case "ask":
                row.state = "asked"
                questions.extend((run.id, one) for one in asked)
                return "asked"
            case "again" if carried.outdated:
                row.state, row.due_at, row.why = "due", iso(self._access.clock()), None
                return "superseded"
            case "again":
                row.attempts += 1
                if row.attempts >= self._limits.decisions:
                    row.state = "parked"
                elif row.attempts == 1:
                    row.state, row.due_at = "due", iso(self._access.clock())
                else:
                    self._wait(row)
                return "superseded"

    async def _next(self, pool: Pool) -> float | None:
        """When to look again if nobody wakes us."""
        now = self._access.clock()
        if self._access.is_paused:
            return self._access.paused_until
        times = [until for until, _ in self._later.values()]
        open_work = pool.next_time(now)
        if open_work is not None:
            times.append(open_work)
        if self._undoing is not None and self._undoing.not_before:
            times.append(self._undoing.not_before)
        due = await self._run(self._store.next_due)
        if due is not None:
            times.append(seconds(due))
        later = [one for one in times if one > now]
        if later:
            return min(later)
        return now + 1.0 if times or len(pool) else None
