"""Pairs: two systems that keep their customers the same; their rules, switches and runs."""

from datetime import datetime
from typing import Any, Literal

from django.http import Http404
from ninja import Query, Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.flows import Checked, Live, Saved, Settings
from tieline.api.v1.shapes import PROBLEMS, Done, Reason, read, reason, shown
from tieline.core.flow import Clash
from tieline.store.models import SyncRun
from tieline.store.services import customers, pair_runs, pair_views, pairs, panel
from tieline.store.services.customers import Pair

router = Router(tags=["Customers"])
Side = Literal["left", "right"]


class PairState(Schema):
    """A pair as it stands. on: the master switch. live: it writes; else it only watches."""

    id: str
    name: str
    left: str
    right: str
    state: str
    on: bool
    live: bool
    version: int
    polled_at: datetime | None
    trouble: Reason | None


class Why(Schema):
    """So many records are in this state for this reason."""

    state: str
    count: int
    reason: Reason | None


class Health(Schema):
    """How many records agree, and how many do not, and why."""

    agree: int
    differ: int
    failing: int
    pending: int
    stopped: int
    waiting: int
    excluded: int
    linked: dict[str, int]
    reasons: list[Why]


class PairDetail(PairState):
    """A pair with its health."""

    health: Health


class Two(Schema):
    """The connections that are to be joined: left is the CRM, right the ERP or address book."""

    left: str = Field(max_length=40)
    right: str = Field(max_length=40)


class Rules(Schema):
    """The rules in force."""

    version: int
    settings: dict[str, Any]


class On(Schema):
    """The master switch."""

    on: bool


class Wanted(Schema):
    """A run. `from`: of a transfer, the side whose customers are brought to the other, `mark` whether they are kept the same
    afterwards. `of`: what a preview plans."""

    kind: Literal["preview", "transfer", "reconcile", "changes"]
    of: Literal["changes", "transfer"] = "changes"
    from_: Side = Field("right", alias="from")
    mark: bool = True


class Wish(Schema):
    """What a run is to do; "" has it go on."""

    wish: Literal["pause", "stop", ""]


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
    """What was or would be written, with what stood there before."""

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


class Panel(Schema):
    """The panel for the CRM's own record page. path: below this installation's address, the record's id is put behind ?id=."""

    origins: list[str]
    path: str


class Origins(Schema):
    """Which pages may frame it, each as https://crm.example.com; none switches it off."""

    origins: list[str] = Field(max_length=20)


@router.get("/pairs", response={200: list[PairState], **PROBLEMS}, summary="List pairs")
@needs("flows.see", "customers")
def list_pairs(request: Asked) -> Any:
    """Those that are not taken apart."""
    workspace, _ = asker(request)
    return [_state(one) for one in customers.pairs(workspace)]


@router.post("/pairs", response={200: PairState, **PROBLEMS}, summary="Join two connections")
@needs("flows.change", "customers-new")
def create_pair(request: Asked, given: Two) -> Any:
    """With rules that work unedited; nothing is written before it is switched live."""
    workspace, user = asker(request)
    made = pairs.create(workspace, user, read("conn", given.left), read("conn", given.right))
    return _state(customers.pair(workspace, made))


@router.get("/pairs/{pair}", response={200: PairDetail, **PROBLEMS}, summary="One pair")
@needs("flows.see", "customers-pair", "customers-live")
def one_pair(request: Asked, pair: str) -> Any:
    """With how many agree, and why the others do not."""
    workspace, _ = asker(request)
    found = pair_of(workspace, pair)
    health = pair_views.health(workspace, found.id)
    why = [
        {
            "state": one.state,
            "count": one.count,
            "reason": reason({"code": one.code, "params": dict(one.params)}) if one.code else None,
        }
        for one in health.reasons
    ]
    counts = {name: getattr(health, name) for name in _COUNTS}
    return {**_state(found), "health": {**counts, "linked": dict(health.linked), "reasons": why}}


@router.delete("/pairs/{pair}", response={200: Done, **PROBLEMS}, summary="Take a pair apart")
@needs("flows.change", "customers-end")
def end_pair(request: Asked, pair: str) -> Any:
    """Nothing is kept the same any more; what was written stays."""
    workspace, user = asker(request)
    pairs.end(workspace, user, pair_of(workspace, pair).id)
    return {"done": True}


@router.get("/pairs/{pair}/rules", response={200: Rules, **PROBLEMS}, summary="Its rules")
@needs("flows.see", "customers-rules")
def pair_rules(request: Asked, pair: str) -> Any:
    """Those in force."""
    workspace, _ = asker(request)
    found = pair_of(workspace, pair)
    return {"version": found.row.version, "settings": dict(found.settings or {})}


@router.post(
    "/pairs/{pair}/rules/check", response={200: Checked, **PROBLEMS}, summary="Check rules without saving them"
)
@needs("flows.change", "customers-rules-edit")
def check_rules(request: Asked, pair: str, given: Settings) -> Any:
    """Contradictions and remarks."""
    workspace, _ = asker(request)
    found = pairs.checked(workspace, pair_of(workspace, pair).id, given.settings)
    return {
        "clashes": [_clash(one) for one in found.clashes],
        "remarks": [_clash(one) for one in found.remarks],
        "malformed": list(found.malformed),
        "missing_rights": [],
        "surplus_rights": [],
    }


@router.put("/pairs/{pair}/rules", response={200: Saved, **PROBLEMS}, summary="Save its rules")
@needs("flows.change", "customers-rules-edit")
def save_rules(request: Asked, pair: str, given: Settings) -> Any:
    """As a new version. 409 with the clashes where they contradict."""
    workspace, user = asker(request)
    version = pairs.save(workspace, user, pair_of(workspace, pair).id, given.settings, base=given.base)
    return {"version": version, "waits_for": []}


@router.put("/pairs/{pair}/switch", response={200: PairState, **PROBLEMS}, summary="The master switch")
@needs("flows.change", "customers-switch")
def switch_pair(request: Asked, pair: str, given: On) -> Any:
    """Off: nobody is asked anything."""
    workspace, user = asker(request)
    pairs.switch(workspace, user, pair_of(workspace, pair).id, given.on)
    return _state(pair_of(workspace, pair))


@router.put("/pairs/{pair}/live", response={200: PairState, **PROBLEMS}, summary="Switch a pair's writing on or off")
@needs("flows.live", "customers-write")
def live_pair(request: Asked, pair: str, given: Live) -> Any:
    """Off: it is watched, and nothing is written."""
    workspace, user = asker(request)
    pairs.go_live(workspace, user, pair_of(workspace, pair).id, given.live)
    return _state(pair_of(workspace, pair))


@router.post("/pairs/{pair}/go-on", response={200: PairState, **PROBLEMS}, summary="Go on after trouble")
@needs("flows.change", "customers-go_on")
def resume_pair(request: Asked, pair: str) -> Any:
    """What stopped it has been mended."""
    workspace, user = asker(request)
    pairs.go_on(workspace, user, pair_of(workspace, pair).id)
    return _state(pair_of(workspace, pair))


@router.get("/pairs/{pair}/runs", response={200: list[RunState], **PROBLEMS}, summary="List a pair's runs")
@needs("runs.see")
def list_pair_runs(request: Asked, pair: str) -> Any:
    """The newest 50."""
    workspace, _ = asker(request)
    return [run_state(workspace, row) for row in pair_runs.recent(workspace, pair_of(workspace, pair).id, 50)]


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
def undo_pair_run(request: Asked, pair: str, run: str) -> Any:
    """Where the value there is still ours. The run that does it; it can be undone itself."""
    workspace, user = asker(request)
    found = pair_of(workspace, pair)
    made = pairs.undo(workspace, user, found.id, {"of": _row(workspace, found, run).pk})
    return run_state(workspace, _row(workspace, found, str(shown("syncrun", made))))


@router.get("/pairs/{pair}/panel", response={200: Panel, **PROBLEMS}, summary="Its panel for the CRM")
@needs("flows.change", "customers-panel")
def pair_panel(request: Asked, pair: str) -> Any:
    """Its address. Whoever has it can look at customers of this pair, and change nothing."""
    workspace, _ = asker(request)
    return _panel(pair_of(workspace, pair))


@router.put("/pairs/{pair}/panel", response={200: Panel, **PROBLEMS}, summary="Say who may frame the panel")
@needs("flows.change", "customers-panel")
def allow_panel(request: Asked, pair: str, given: Origins) -> Any:
    """None switches it off."""
    workspace, user = asker(request)
    panel.allow(workspace, user, pair_of(workspace, pair).id, given.origins)
    return _panel(pair_of(workspace, pair))


@router.post("/pairs/{pair}/panel/renew", response={200: Panel, **PROBLEMS}, summary="Another address for the panel")
@needs("flows.change", "customers-panel")
def renew_panel(request: Asked, pair: str) -> Any:
    """Those given out before stop at once."""
    workspace, user = asker(request)
    panel.renew(workspace, user, pair_of(workspace, pair).id)
    return _panel(pair_of(workspace, pair))


# -- inside -------------------------------------------------------------------------------------------------------------

_COUNTS = ("agree", "differ", "failing", "pending", "stopped", "waiting", "excluded")


def pair_of(workspace: int, text: str) -> Pair:
    """The pair of an id; DeclinedError pair.gone."""
    return customers.pair(workspace, read("pair", text))


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
    return {}


def _state(pair: Pair) -> dict[str, Any]:
    row = pair.row
    return {
        "id": shown("pair", row.pk), "name": row.name, "left": shown("conn", pair.left.pk), "right": shown("conn", pair.right.pk),
        "state": row.state, "on": row.on, "live": row.live, "version": row.version, "polled_at": row.polled_at,
        "trouble": reason(row.trouble),
    }  # fmt: skip


def run_state(workspace: int, row: SyncRun) -> dict[str, Any]:
    """A run as it is shown."""
    applied = pair_runs.approved(workspace, row)
    ready = row.kind == "preview" and row.state == "done" and applied is None and pair_runs.has_plan(workspace, row)
    return {
        "id": shown("syncrun", row.pk), "kind": row.kind, "state": row.state, "wish": row.wish, "counts": dict(row.counts),
        "total": row.total, "requests": row.requests, "version": row.version, "why": reason(row.why),
        "started_at": row.started_at, "finished_at": row.finished_at, "may_approve": ready, "approved_by": shown("syncrun", applied),
    }  # fmt: skip


def _write(one: Any) -> dict[str, Any]:
    return {
        "role": one.role, "side": one.side, "verb": one.verb, "state": one.state, "external_id": one.record, "name": one.name,
        "values": dict(one.values), "before": dict(one.before), "reason": reason(one.reason or None), "error": reason(one.error),
    }  # fmt: skip


def _clash(one: Clash) -> dict[str, Any]:
    return {"rules": list(one.rules), "reason": reason(one.reason.to_json()), "example": one.example}


def _panel(pair: Pair) -> dict[str, Any]:
    return {"origins": list(panel.origins(pair)), "path": panel.address(pair)}
