"""Customers that stand in two systems: listed, looked at, decided about. A record's id is the vendor's own; one that holds a slash
is percent-encoded twice in an address."""

from datetime import datetime
from typing import Any, Literal
from urllib.parse import unquote

from ninja import Query, Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.pair_runs import RunState, run_state
from tieline.api.v1.pairs import Side, pair_of
from tieline.api.v1.shapes import PROBLEMS, Reason, read, reason, shown
from tieline.jobs import looking
from tieline.store.models import SyncRun
from tieline.store.services import customers, pair_runs, pair_undo, pair_views, pairs
from tieline.store.services.customers import Customer, Line
from tieline.store.services.declined import DeclinedError

router = Router(tags=["Customers"])
Role = Literal["account", "contact"]
State = Literal["", "linked", "conflict", "failing", "pending", "stopped", "waiting", "excluded"]


class Listed(Schema):
    """A record of the list."""

    role: str
    side: str
    id: str
    left_id: str
    right_id: str
    name: str
    state: str
    why: Reason | None
    agreed_at: datetime | None


class ListPage(Schema):
    """A page of them, the newest first."""

    items: list[Listed]
    next: int | None


class Filter(Schema):
    """Which of them."""

    state: State = ""
    role: Literal["", "account", "contact"] = ""
    q: str = Field("", max_length=200)
    after: int | None = Field(None, ge=0, lt=2**63)


class Kept(Schema):
    """One customer as it is kept here. state: of its link, "" where it is linked with nothing."""

    role: str
    side: str
    id: str
    left_id: str
    right_id: str
    name: str
    state: str
    why: Reason | None
    agreed_at: datetime | None
    persons: list[Listed]
    asked: str | None


class LineNow(Schema):
    """A line of both records as they are now."""

    line: str
    state: str
    left: Any = None
    right: Any = None
    reason: Reason | None


class CandidateNow(Schema):
    """A record across that may be the same."""

    id: str
    name: str
    evidence: list[Reason]


class Now(Schema):
    """What a look found. seen: digest of both records, to be given back with a decision. unreachable: side → why. mistake: why there was
    no look where neither side is to blame."""

    status: str
    seen: str
    at: datetime | None
    lines: list[LineNow]
    candidates: list[CandidateNow]
    unreachable: dict[str, Reason]
    mistake: Reason | None


class Told(Schema):
    """What is decided. choices: line → the side whose value holds. partner: the record across that is the same one, "" for none of the
    candidates. find: its number, registration number or name, looked up there. create: make it there. seen: of the look that this
    rests on: where something moved since, nothing is written and the run says so."""

    choices: dict[str, Side] = Field(default_factory=dict)
    partner: str | None = Field(None, max_length=500)
    find: str = Field("", max_length=200)
    create: bool = False
    deletion: Literal["delete", "restore", "unlink"] | None = None
    seen: str = Field("", max_length=80)


class Marked(Schema):
    """Kept the same, or not."""

    on: bool


class ValueWritten(Schema):
    """A value that was written for a customer. run: give it with `line` to have the value undone."""

    at: datetime | None
    line: str
    side: str
    old: Any = None
    new: Any = None
    why: Reason | None
    run: str
    kind: str
    state: str


class Values(Schema):
    """The newest first."""

    items: list[ValueWritten]
    next: int | None


class Back(Schema):
    """Which value goes back: of which run, on which line; without a line everything that the run wrote for this customer."""

    run: str = Field(max_length=40)
    line: str = Field("", max_length=200)


@router.get("/pairs/{pair}/customers", response={200: ListPage, **PROBLEMS}, summary="List customers")
@needs("records.see", "records", "records-csv")
def list_customers(request: Asked, pair: str, wanted: Query[Filter]) -> Any:
    """Narrowed by state, role, or words of the name (or a whole id)."""
    workspace, _ = asker(request)
    found = customers.listed(
        pair_of(workspace, pair), state=wanted.state, role=wanted.role, words=wanted.q.strip(), before=wanted.after
    )
    return {"items": [_line(one) for one in found.lines], "next": found.older}


@router.get("/pairs/{pair}/customers/{role}/{side}/{record}", response={200: Kept, **PROBLEMS}, summary="One customer")
@needs("records.see", "records-one")
def one_customer(request: Asked, pair: str, role: Role, side: Side, record: str) -> Any:
    """What is kept of it; no system is asked."""
    one = _of(request, pair, role, side, record)
    link = one.link
    why = link.why if link is not None and link.why else next((row.why for row in one.waiting if row.why), None)
    persons = [
        {
            "role": row.role, "side": "left" if row.left_id else "right", "id": row.left_id or row.right_id, "left_id": row.left_id,
            "right_id": row.right_id, "name": row.name, "state": row.state, "why": reason(row.why), "agreed_at": row.agreed_at,
        }
        for row in one.persons
    ]  # fmt: skip
    return {
        "role": one.role, "side": one.side, "id": one.id, "left_id": one.id_of("left"), "right_id": one.id_of("right"),
        "name": one.name, "state": link.state if link else "", "why": reason(why), "agreed_at": link.agreed_at if link else None,
        "persons": persons, "asked": shown("syncrun", one.asked.pk) if one.asked else None,
    }  # fmt: skip


@router.get("/pairs/{pair}/customers/{role}/{side}/{record}/look", response={200: Now, **PROBLEMS}, summary="Look now")
@needs("records.see", "records-look")
def look_customer(request: Asked, pair: str, role: Role, side: Side, record: str) -> Any:
    """Both systems are asked, for two seconds each; nothing is written."""
    found = looking.look(_of(request, pair, role, side, record))
    decision = found.decision
    lines = decision.lines if decision else ()
    candidates = decision.candidates if decision else ()
    return {
        "status": found.status, "seen": found.seen, "at": found.at,
        "lines": [
            {"line": one.line, "state": one.state, "left": _plain(one.left), "right": _plain(one.right),
             "reason": reason(one.reason.to_json())}
            for one in lines
        ],
        "candidates": [
            {"id": one.record.id, "name": str(one.record.get("name") or ""),
             "evidence": [reason(said.reason.to_json()) for said in one.evidence]}
            for one in candidates
        ],
        "unreachable": {name: reason(why) for name, why in found.unreachable.items()}, "mistake": reason(found.mistake),
    }  # fmt: skip


@router.post(
    "/pairs/{pair}/customers/{role}/{side}/{record}/write",
    response={200: RunState, **PROBLEMS},
    summary="Decide about it",
)
@needs("records.write", "records-write")
def write_customer(request: Asked, pair: str, role: Role, side: Side, record: str, given: Told) -> Any:
    """The run that writes it. Nothing chosen: it is looked at and finished where a write was left undone. Of a
    pair that only watches too: what a person decides is written."""
    workspace, user = asker(request)
    one = _of(request, pair, role, side, record)
    told: dict[str, Any] = {"choices": dict(given.choices)} if given.choices else {}
    if given.find.strip():
        there = looking.search(one, given.find.strip())
        if len(there) != 1:
            raise DeclinedError("inbox.no_choice")
        told["partner"] = there[0]
    elif given.partner is not None:
        told["partner"] = given.partner
    if given.create:
        told |= {"create": True, "partner": ""}
    if given.deletion is not None:
        told["deletion"] = given.deletion
    made = pairs.tell(workspace, user, one, told or one.unfinished, given.seen)
    return _run(workspace, one, made)


@router.put(
    "/pairs/{pair}/customers/{role}/{side}/{record}/mark", response={200: Kept, **PROBLEMS}, summary="Keep it the same"
)
@needs("records.write", "records-mark")
def mark_customer(request: Asked, pair: str, role: Role, side: Side, record: str, given: Marked) -> Any:
    """Or not: its link stays, and nothing moves."""
    workspace, user = asker(request)
    pairs.mark(workspace, user, _of(request, pair, role, side, record), given.on)
    return one_customer(request, pair, role, side, record)


@router.get(
    "/pairs/{pair}/customers/{role}/{side}/{record}/history", response={200: Values, **PROBLEMS}, summary="Its history"
)
@needs("records.see", "records-one")
def customer_history(request: Asked, pair: str, role: Role, side: Side, record: str, after: int | None = None) -> Any:
    """Every value that was written, by which rule, and what stood there before."""
    workspace, _ = asker(request)
    one = _of(request, pair, role, side, record)
    if one.link is None:
        return {"items": [], "next": None}
    if after is not None and not 0 <= after < 2**63:
        after = 0
    found = pair_views.history(workspace, one.pair.id, one.link.key, before=after)
    return {
        "items": [
            {
                "at": row.at, "line": row.line, "side": row.side, "old": row.old, "new": row.new, "why": reason(row.rule or None),
                "run": shown("syncrun", row.run), "kind": row.kind, "state": row.state,
            }
            for row in found.values
        ],
        "next": found.older,
    }  # fmt: skip


@router.post(
    "/pairs/{pair}/customers/{role}/{side}/{record}/undo",
    response={200: RunState, **PROBLEMS},
    summary="Undo one value",
)
@needs("runs.undo", "records-undo")
def undo_customer(request: Asked, pair: str, role: Role, side: Side, record: str, given: Back) -> Any:
    """It goes back to what it was, where the value there is still ours."""
    workspace, user = asker(request)
    one = _of(request, pair, role, side, record)
    if one.link is None:
        raise DeclinedError("pair.not_linked")
    options: dict[str, Any] = {"of": read("syncrun", given.run), "link": one.link.key}
    if given.line:
        options["line"] = given.line
    return _run(workspace, one, pair_undo.undo(workspace, user, one.pair.id, options))


# -- inside -------------------------------------------------------------------------------------------------------------


def _of(request: Asked, pair: str, role: str, side: str, record: str) -> Customer:
    workspace, _ = asker(request)
    return customers.one(pair_of(workspace, pair), role, customers.side_of(side), unquote(record))


def _run(workspace: int, one: Customer, run: int) -> dict[str, Any]:
    row: SyncRun | None = pair_runs.one(workspace, one.pair.id, run)
    if row is None:
        raise DeclinedError("pair.no_such_run")
    return run_state(workspace, row)


def _line(one: Line) -> dict[str, Any]:
    return {
        "role": one.role, "side": one.side, "id": one.id, "left_id": one.left_id, "right_id": one.right_id, "name": one.name,
        "state": one.state, "why": reason(one.why), "agreed_at": one.agreed_at,
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """A value as JSON: of a link its id."""
    if value is None or isinstance(value, str | int | float | bool | dict):
        return value
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return getattr(value, "id", None) or str(value)
