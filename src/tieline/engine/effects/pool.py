"""The operations of all unfinished runs of one target: what may be sent, what waits for what, what became of it.

A pool is memory only. It is built from the journal when a drain begins, and thrown away when the drain loses its thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tieline.engine.effects.journal import depends_on
from tieline.engine.effects.reasons import BLOCKED, GONE, LINK_REFUSED, STALE, UNKNOWN, reason
from tieline.engine.ports import OperationRow, Result, RunRow, SubjectRow

Fate = Literal["done", "again", "park", "ask"]
"""What becomes of a subject when its run ends: nothing more, decided again, parked, or a question is asked."""

FATES: dict[str, Fate] = {STALE: "again", GONE: "again", LINK_REFUSED: "again", BLOCKED: "again", UNKNOWN: "ask"}
"""The fate of a run by the error of an operation that will not happen; of any other error: park."""

MOST_IDS = 20_000
"""Ids kept before those that nobody needs are thrown away."""

_ORDER: dict[Fate, int] = {"done": 0, "again": 1, "park": 2, "ask": 3}


@dataclass(slots=True)
class Carried:
    """A run that is being applied, with its subject. `why` and `questions` go with its fate."""

    subject: SubjectRow
    run: RunRow
    open: int = 0
    holding: int = 0
    """Open operations that decisions about the same caller depend on: all but attachments."""
    let_go: bool = False
    """Its lanes are free already: only attachments are left."""
    fate: Fate = "done"
    why: dict[str, Any] | None = None
    questions: list[dict[str, Any]] = field(default_factory=list)
    outdated: bool = False
    """Nothing of it was sent for so long that it is decided anew; that is no failure of its subject."""

    def turn(self, fate: Fate, why: dict[str, Any] | None = None) -> None:
        """Takes the graver fate; the first reason for it stays."""
        if _ORDER[fate] > _ORDER[self.fate]:
            self.fate = fate
            self.why = why


@dataclass(slots=True, eq=False)
class Work:
    """One operation that is not over. `tries` counts failures since this process has it."""

    row: OperationRow
    carried: Carried
    deps: tuple[str, ...]
    not_before: float = 0.0
    tries: int = 0
    sent_s: float = 0.0
    """When it was marked as sent, seconds since the epoch; it leaves soon after that or not at all."""
    missed: bool = False
    """A look that counts has not found it."""
    content: bytes | None = None
    """The file of an attachment that has not left yet."""
    fetch: asyncio.Task[bytes] | None = None
    """It is being fetched."""


class Pool:
    """All open work, in an order in which operations refer to earlier ones only."""

    def __init__(self) -> None:
        self.runs: dict[int, Carried] = {}
        """By subject: none has two."""
        self.ids: dict[str, str] = {}
        """Origin key → vendor's id of every done operation that open work may refer to."""
        self._work: dict[str, Work] = {}
        self._ended: list[Carried] = []
        self._dead: set[str] = set()
        self._let_go: list[Carried] = []

    def __len__(self) -> int:
        return len(self._work)

    def add(self, subject: SubjectRow, run: RunRow) -> bool:
        """Takes a stored run on; operations that were sent before are unknown until somebody looked. Whether it holds its
        lanes: nobody's decision depends on an attachment."""
        carried = Carried(subject, run)
        self.runs[subject.id] = carried
        for row in run.operations:
            if row.state == "done" and row.external_id is not None:
                self.ids[row.key] = row.external_id
            elif row.state in {"planned", "sent", "unknown"}:
                self._work[row.key] = Work(row, carried, depends_on(row))
                carried.open += 1
                carried.holding += row.verb != "attach"
            else:
                self._dead.add(row.key)
                carried.turn(FATES.get((row.error or {}).get("code", ""), "park"), row.error)
        if not carried.open:
            self._ended.append(carried)
        carried.let_go = not carried.holding
        return bool(carried.holding)

    def work(self) -> Iterator[Work]:
        return iter(self._work.values())

    def get(self, key: str) -> Work | None:
        return self._work.get(key)

    def missing(self) -> list[str]:
        """Origin keys that open work refers to and neither is open itself nor known to be done."""
        out: dict[str, None] = {}
        for work in self._work.values():
            for key in work.deps:
                if key not in self._work and key not in self.ids:
                    out[key] = None
        return list(out)

    def rows(self) -> Iterator[OperationRow]:
        """Every operation of the unfinished runs, done ones too."""
        for carried in self.runs.values():
            yield from carried.run.operations

    # -- what became of it -------------------------------------------------------------------------------------------

    def done(self, work: Work, external_id: str) -> None:
        work.row.state = "done"
        work.row.external_id = external_id
        work.row.error = None
        self.ids[work.row.key] = external_id
        self._close(work)

    def refuse(self, work: Work, error: dict[str, Any]) -> None:
        """It will not happen in this run. `block` follows once the outcomes of its whole push are in."""
        work.row.state = "rejected"
        work.row.error = error
        work.carried.turn(FATES.get(error["code"], "park"), error)
        self._dead.add(work.row.key)
        self._close(work)

    def block(self) -> list[Result]:
        """Blocks all open work that refers to what will not happen; runs that are not its own are decided again. Work that
        was sent with its parent is left alone: its own outcome says what became of it."""
        if not self._dead:
            return []
        out: list[Result] = []
        for work in list(self._work.values()):
            if work.row.state != "planned" or not self.is_orphan(work):
                continue
            out.append(self.blocked(work))
        return out

    def is_orphan(self, work: Work) -> bool:
        """Whether it refers to what will not happen, so that it cannot have happened itself."""
        return not self._dead.isdisjoint(work.deps)

    def blocked(self, work: Work) -> Result:
        """It refers to what will not happen."""
        error = reason(BLOCKED, slot=work.row.slot)
        work.row.state = "blocked"
        work.row.error = error
        work.carried.turn("again", error)
        self._dead.add(work.row.key)
        self._close(work)
        return Result(work.row.key, "blocked", error=error)

    def outdate(self, before: str) -> list[Result]:
        """Gives up runs that were decided before that time (ISO) and of which nothing left, through no fault of their own:
        what they were decided by may have changed. They are decided again, and so is what refers to them."""
        by_run: dict[int, list[Work]] = {}
        for work in self._work.values():
            run = work.carried.run
            if not run.kind and run.started_at < before:
                by_run.setdefault(run.id, []).append(work)
        out: list[Result] = []
        for works in by_run.values():
            carried = works[0].carried
            if len(works) < len(carried.run.operations) or any(
                one.tries or one.row.state != "planned" for one in works
            ):
                continue
            carried.outdated = True
            for work in works:
                error = reason(STALE, slot=work.row.slot)
                self.refuse(work, error)
                out.append(Result(work.row.key, "rejected", error=error))
        return out + self.block() if out else out

    def bury(self, keys: Iterable[str]) -> list[Result]:
        """Blocks what refers to these keys: operations of runs that ended without writing them."""
        self._dead.update(keys)
        return self.block()

    def _close(self, work: Work) -> None:
        del self._work[work.row.key]
        work.carried.open -= 1
        work.carried.holding -= work.row.verb != "attach"
        if not work.carried.holding and not work.carried.let_go:
            work.carried.let_go = True
            self._let_go.append(work.carried)
        if not work.carried.open:
            self._ended.append(work.carried)

    def ended(self) -> list[Carried]:
        """The runs whose operations are all over; they leave the pool with this."""
        out, self._ended = self._ended, []
        for carried in out:
            del self.runs[carried.subject.id]
        return out

    def let_go(self) -> list[Carried]:
        """The runs whose lanes are to be freed now."""
        out, self._let_go = self._let_go, []
        return out

    def tidy(self) -> None:
        """Forgets ids that no open work can ask for any more."""
        if not self._work:
            self.ids.clear()
            self._dead.clear()
        elif len(self.ids) > MOST_IDS:
            keep = {key for work in self._work.values() for key in work.deps}
            keep.update(row.key for row in self.rows())
            self.ids = {key: id for key, id in self.ids.items() if key in keep}

    # -- what may be sent --------------------------------------------------------------------------------------------

    def sendable(self, now: float) -> tuple[list[Work], list[int]]:
        """(planned work that may be sent now or once earlier work of this list is done, the wave of each from 0)."""
        waves: dict[str, int] = {}
        out: list[Work] = []
        levels: list[int] = []
        ids = self.ids
        for key, work in self._work.items():
            if work.row.state != "planned" or work.not_before > now:
                continue
            level = 0
            for dep in work.deps:
                if dep in ids:
                    continue
                above = waves.get(dep)
                if above is None:
                    break
                if above >= level:
                    level = above + 1
            else:
                waves[key] = level
                out.append(work)
                levels.append(level)
        return out, levels

    def next_time(self, now: float) -> float | None:
        """When the next piece of work that waits for a time may go on; None when nothing does."""
        times = [
            work.not_before
            for work in self._work.values()
            if work.not_before > now and work.row.state in {"planned", "unknown", "sent"}
        ]
        return min(times, default=None)


def batches(
    works: Sequence[Work], levels: Sequence[int], *, write_batch: int, dependent: int
) -> tuple[list[list[Work]], bool]:
    """(the groups to push side by side next, whether they are one dependent push).

    Waves: the first wave by object and verb, `write_batch` at most; a group that failed before is halved with each failure,
    until the one that spoils it stands alone. Where so few operations are left that dependent pushes (`dependent` at most,
    one after the other) need fewer requests than waves, the first of these. Attachments go alone, deletes among themselves.
    """
    groups: dict[tuple[int, str, str], list[Work]] = {}
    plain: list[Work] = []
    for work, level in zip(works, levels, strict=True):
        row = work.row
        if row.verb == "attach":
            groups.setdefault((level, row.key, "attach"), []).append(work)
        else:
            groups.setdefault((level, row.role, row.verb), []).append(work)
            if row.verb != "delete":
                plain.append(work)
    now: list[list[Work]] = []
    requests = 0
    for (level, _, verb), group in groups.items():
        size = max(1, write_batch >> max(work.tries for work in group))
        if verb not in {"attach", "delete"}:
            requests += -(-len(group) // size)
        if level == 0:
            now.extend(group[start : start + size] for start in range(0, len(group), size))
    spoilt = any(work.tries > 1 for work in plain)
    if dependent > 1 and len(plain) > 1 and not spoilt and -(-len(plain) // dependent) < requests:
        return [plain[:dependent], *(group for group in now if group[0].row.verb in {"attach", "delete"})], True
    return now, False
