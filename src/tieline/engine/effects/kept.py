"""Values that the store cannot hold (`NotStorable`): what came with them is kept row by row, so that only the culprit stops.

Each function says whether all was kept as given. Where it was not, memory and journal differ: the drain reads the journal
again before it goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from tieline.core.errors import TielineError
from tieline.core.record import PLANNED
from tieline.engine.access import Run
from tieline.engine.effects.reasons import DECIDE_FAILED, NOT_FOLDED, UNKNOWN, reason
from tieline.engine.ports import NotStorable, Result, RunRow, Store, SubjectRow

log = logging.getLogger(__name__)


async def keep_results(store: Store, run: Run, results: Sequence[Result], send: Sequence[str]) -> bool:
    """Outcomes, and what is sent next; False: nothing is marked as sent. Of a record whose id cannot be kept a person is
    asked."""
    try:
        await run(lambda: store.save_results(results, send))
    except NotStorable:
        for result in results:
            await _keep_result(store, run, result)
        return False
    return True


async def _keep_result(store: Store, run: Run, result: Result) -> None:
    try:
        await run(lambda: store.save_results([result], []))
    except NotStorable as error:
        log.warning("the outcome of operation %s cannot be kept", result.key)
        bare = Result(result.key, "rejected", error=reason(UNKNOWN, slot="", detail=_kind(error)))
        await run(lambda: store.save_results([bare], []))


async def keep_decided(
    store: Store, run: Run, runs: Sequence[RunRow], subjects: Sequence[SubjectRow], send: Sequence[str]
) -> bool:
    """Decisions, and what of them is sent at once; False: nothing is marked as sent, and the culprit is parked."""
    try:
        await run(lambda: store.save_decided(runs, subjects, send))
    except NotStorable:
        spoilt = False
        for one, row in zip(runs, subjects, strict=True):
            if not (spoilt and _counts_on_others(one)):  # it stays due, and may be spoilt by what it counted on alone
                spoilt = not await _keep_run(store, run, one, row) or spoilt
        return False
    return True


async def _keep_run(store: Store, run: Run, one: RunRow, row: SubjectRow) -> bool:
    try:
        await run(lambda: store.save_decided([one], [row], []))
    except NotStorable as error:
        log.warning("the decision on %s %s cannot be kept", row.flow, row.id)
        await _park(store, run, row, DECIDE_FAILED, error)
        return False
    return True


def _counts_on_others(run: RunRow) -> bool:
    """Whether it was decided by records that are only planned."""
    return any(id.startswith(PLANNED) for _, _, _, records in run.known.get("found", ()) for id, _ in records)


async def keep_expired(store: Store, run: Run, rows: Sequence[SubjectRow]) -> bool:
    """Subjects whose wait is over; the culprit is parked."""
    try:
        await run(lambda: store.save_folded(rows, [], [], {}))
    except NotStorable as error:
        if len(rows) == 1:
            log.warning("%s %s cannot be kept after its wait", rows[0].flow, rows[0].id)
            await _park(store, run, rows[0], NOT_FOLDED, error)
        else:
            for row in rows:
                await keep_expired(store, run, [row])
        return False
    return True


async def _park(store: Store, run: Run, row: SubjectRow, code: str, error: NotStorable) -> None:
    row.state, row.due_at, row.why = "parked", None, reason(code, error=_kind(error))
    await run(lambda: store.finish({}, [row], []))


def _kind(error: Exception) -> str:
    return error.code if isinstance(error, TielineError) else type(error).__name__
