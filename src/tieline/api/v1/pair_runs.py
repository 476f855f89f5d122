"""Runs of pairs: asked for, looked at, approved, paused, undone; what they wrote and what does not agree."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from django.http import Http404
from ninja import Query, Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.pairs import Side, pair_of
from tieline.api.v1.shapes import PROBLEMS, Reason, read, reason, shown
from tieline.store.models import SyncRun
from tieline.store.services import pair_runs, pair_undo, pairs
from tieline.store.services.customers import Pair

router = Router(tags=["Customers"])


class Wanted(Schema):
    """A run. `from`: of a transfer, the side whose customers are brought to the other, `mark` whether they are kept the same
    afterwards. `of`: what a preview plans. `match`: a reconcile asks in the inbox about likely pairs among what is linked with nothing."""

    kind: Literal["preview", "transfer", "reconcile", "changes"]
    of: Literal["changes", "transfer"] = "changes"
    from_: Side = Field("right", alias="from")
    mark: bool = True
    match: bool = False


class Wish(Schema):
    """What a run is to do; "" has it go on."""

    wish: Literal["pause", "stop", ""]


class Confirmed(Schema):
    """deletes: how many deletions you know of and agree to."""

    deletes: int = Field(0, ge=0)


class RunState(Schema):
    """A run. counts: what came of it. total: how many there are, null while nobody knows."""

    id: str
    kind: str
    state: str
    wish: str
    counts: dict[str, int]
    total: int | None
    requests: int
    version: int
    why: Reason | None
    started_at: datetime
    finished_at: datetime | None
    may_approve: bool
    approved_by: str | None


class PairWrite(Schema):
    """What was or would be written, with what stood there before. verb: "create", "update", "delete"; "link", "unlink" of two records
    that were found to be one, or parted again, for which nothing was written."""

    role: str
    side: str
    verb: str
    state: str
    external_id: str
    name: str
    values: dict[str, Any]
    before: dict[str, Any]
    reason: Reason | None
    error: Reason | None


class PairWrites(Schema):
    """A page of them, the newest first."""

    items: list[PairWrite]
    next: int | None


class Disagreement(Schema):
    """A record that does not agree."""

    role: str
    name: str
    left_id: str
    right_id: str
    status: str
    reason: Reason | None
    lines: list[Any]


class Report(Schema):
    """A page of what a reconciliation found."""

    items: list[Disagreement]
    next: int | None


class Page(Schema):
    """Where the page begins: what `next` said."""

    after: int | None = Field(None, ge=0, lt=2**63)
    limit: int = Field(50, ge=1, le=500)


@router.get("/pairs/{pair}/runs", response={200: list[RunState], **PROBLEMS}, summary="List a pair's runs")
@needs("runs.see")
def list_pair_runs(request: Asked, pair: str) -> Any:
    """The newest 50."""
    workspace, _ = asker(request)
    return _states(workspace, pair_runs.recent(workspace, pair_of(workspace, pair).id, 50))


@router.post("/pairs/{pair}/runs", response={200: RunState, **PROBLEMS}, summary="Begin a run")
@needs("flows.change", "customers-ask", "customers-transfer")
def begin_pair_run(request: Asked, pair: str, given: Wanted) -> Any:
    """A dry run, a transfer of all, a comparison of everything, or a look at what changed."""
    workspace, user = asker(request)
    found = pair_of(workspace, pair)
    made = pairs.ask(workspace, user, found.id, given.kind, _options(given))
    return run_state(workspace, _row(workspace, found, str(shown("syncrun", made))))


@router.get("/pairs/{pair}/runs/{run}", response={200: RunState, **PROBLEMS}, summary="One run of a pair")
@needs("runs.see", "customers-run", "customers-run-live")
def one_pair_run(request: Asked, pair: str, run: str) -> Any:
    """How far it is, and what came of it."""
    workspace, _ = asker(request)
    return run_state(workspace, _row(workspace, pair_of(workspace, pair), run))


@router.get("/pairs/{pair}/runs/{run}/writes", response={200: PairWrites, **PROBLEMS}, summary="What a run wrote")
@needs("runs.see", "customers-run")
def pair_run_writes(request: Asked, pair: str, run: str, page: Query[Page]) -> Any:
    """Or, of a dry run, would write."""
    workspace, _ = asker(request)
    row = _row(workspace, pair_of(workspace, pair), run)
    found = pair_runs.operations(workspace, row, before=page.after, size=page.limit)
    return {"items": [_write(one) for one in found.rows], "next": found.more}


@router.get("/pairs/{pair}/runs/{run}/report", response={200: Report, **PROBLEMS}, summary="What does not agree")
@needs("runs.see", "customers-run-csv", "customers-run-html")
def pair_run_report(request: Asked, pair: str, run: str, page: Query[Page]) -> Any:
    """Every record that a reconciliation or a dry run found to differ."""
    workspace, _ = asker(request)
    row = _row(workspace, pair_of(workspace, pair), run)
    found = pair_runs.reports(workspace, row, after=page.after, size=page.limit)
    return {
        "items": [
            {
                "role": one.role,
                "name": one.name,
                "left_id": one.left_id,
                "right_id": one.right_id,
                "status": one.status,
                "reason": reason(one.reason or None),
                "lines": list(one.lines),
            }
            for one in found.rows
        ],
        "next": found.more,
    }


@router.post("/pairs/{pair}/runs/{run}/approve", response={200: RunState, **PROBLEMS}, summary="Approve a dry run")
@needs("flows.change", "customers-run-approve")
def approve_pair_run(request: Asked, pair: str, run: str) -> Any:
    """What it planned is what is written; a record that moved meanwhile is asked about in the inbox. The run that does it."""
    workspace, user = asker(request)
    found = pair_of(workspace, pair)
    made = pairs.approve(workspace, user, _row(workspace, found, run).pk)
    return run_state(workspace, _row(workspace, found, str(shown("syncrun", made))))


@router.post("/pairs/{pair}/runs/{run}/wish", response={200: RunState, **PROBLEMS}, summary="Pause, stop, go on")
@needs("flows.change", "customers-run-wish")
def wish_pair_run(request: Asked, pair: str, run: str, given: Wish) -> Any:
    """It is heard after the page of records that is being worked on."""
    workspace, user = asker(request)
    found = pair_of(workspace, pair)
    pairs.wish(workspace, user, _row(workspace, found, run).pk, given.wish)
    return run_state(workspace, _row(workspace, found, run))


@router.post("/pairs/{pair}/runs/{run}/undo", response={200: RunState, **PROBLEMS}, summary="Undo a run of a pair")
@needs("runs.undo", "customers-run-undo")
def undo_pair_run(request: Asked, pair: str, run: str, given: Confirmed | None = None) -> Any:
    """Where the value there is still ours. The run that does it; it can be undone itself. One that would delete more records than
    may go without a word answers 409 `undo.deletes` with their number, `count`: say it back as `deletes`. Of a pair that only watches too."""
    workspace, user = asker(request)
    found = pair_of(workspace, pair)
    confirmed = given.deletes if given is not None else 0
    made = pair_undo.undo(workspace, user, found.id, {"of": _row(workspace, found, run).pk}, confirmed=confirmed)
    return run_state(workspace, _row(workspace, found, str(shown("syncrun", made))))


# -- inside -------------------------------------------------------------------------------------------------------------


def _row(workspace: int, pair: Pair, text: str) -> SyncRun:
    found = pair_runs.one(workspace, pair.id, read("syncrun", text))
    if found is None:
        raise Http404
    return found


def _options(given: Wanted) -> dict[str, Any]:
    """As the pages ask for it."""
    moves = {"from": given.from_, "mark": given.mark}
    if given.kind == "transfer":
        return moves
    if given.kind == "preview":
        return {**moves, "of": "transfer"} if given.of == "transfer" else {"of": "changes", "poll": "all"}
    return {"match": True} if given.kind == "reconcile" and given.match else {}


def run_state(workspace: int, row: SyncRun) -> dict[str, Any]:
    """A run as it is shown."""
    return _states(workspace, [row])[0]


def _states(workspace: int, rows: Sequence[SyncRun]) -> list[dict[str, Any]]:
    planned, approved = pair_runs.planned(workspace, rows), pair_runs.approved(workspace, rows)
    return [_state(row, row.pk in planned, approved.get(row.pk)) for row in rows]


def _state(row: SyncRun, has_plan: bool, applied: int | None) -> dict[str, Any]:
    return {
        "id": shown("syncrun", row.pk), "kind": row.kind, "state": row.state, "wish": row.wish, "counts": dict(row.counts),
        "total": row.total, "requests": row.requests, "version": row.version, "why": reason(row.why),
        "started_at": row.started_at, "finished_at": row.finished_at, "may_approve": has_plan and applied is None, "approved_by": shown("syncrun", applied),
    }  # fmt: skip


def _write(one: Any) -> dict[str, Any]:
    return {
        "role": one.role, "side": one.side, "verb": pair_runs.verb_of(one), "state": one.state, "external_id": one.record, "name": one.name,
        "values": dict(one.values), "before": dict(one.before), "reason": reason(one.reason or None), "error": reason(one.error),
    }  # fmt: skip
