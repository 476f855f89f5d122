"""What waits for a person."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from ninja import Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, demand, needs
from tieline.api.v1.shapes import PROBLEMS, Reason, read, reason, shown
from tieline.store.services import inbox, remembered

router = Router(tags=["Inbox"])


class Case(Schema):
    """A question, a notice, or a call that stopped (`id` is null then; try `call` again)."""

    id: str | None
    flow: str
    kind: str
    topic: str
    reason: Reason | None
    options: list[Any] = Field(
        description="each [role, id, fields]; answer with {role, id} of one, or with “none”. Where it is asked whether a write is there"
        " (outcome:role:…): also with that role and the id under which it stands"
    )
    about: dict[str, Any] | None
    call: str | None
    run: str | None
    times: int
    last_at: datetime
    state: str
    answer: Any = None
    decided_by: str
    decided_at: datetime | None
    waits: bool


class Cases(Schema):
    """Like cases together."""

    flow: str
    kind: str
    topic: str
    cases: list[Case]


class Answer(Schema):
    """The decision. `like`: for every open like question too. `always`: for later like ones too (action inbox.remember)."""

    choice: Any
    like: bool = False
    always: bool = False


class Decided(Schema):
    """What the decision is now. `mine` false: somebody was faster, and `by`, `at` and `answer` are theirs."""

    id: str
    state: str
    answer: Any
    by: str
    at: datetime | None
    mine: bool


class Count(Schema):
    """How many it was."""

    count: int


class Remembered(Schema):
    """A decision that answers later like cases. `times`: how many it has answered."""

    id: str
    flow: str
    kind: str
    topic: str
    answer: Any
    name: str
    by: str
    at: datetime
    times: int
    last_at: datetime | None


@router.get("/inbox", response={200: list[Cases], **PROBLEMS}, summary="List what waits")
@needs("inbox.see", "inbox", "inbox-list", "inbox-count")
def list_inbox(request: Asked, flow: str = "") -> Any:
    """Questions, what stopped, and notices; like ones together."""
    workspace, _ = asker(request)
    return [
        {"flow": one.flow, "kind": one.kind, "topic": one.topic, "cases": [_case(case) for case in one.cases]}
        for one in inbox.groups(workspace, flow=flow)
    ]


@router.get("/inbox/{case}", response={200: Case, **PROBLEMS}, summary="One case")
@needs("inbox.see", "inbox-case")
def one_case(request: Asked, case: str) -> Any:
    """Open or decided."""
    workspace, _ = asker(request)
    return _case(inbox.case(workspace, read("case", case)))


@router.post("/inbox/{case}/answer", response={200: list[Decided], **PROBLEMS}, summary="Decide a question")
@needs("inbox.answer", "inbox-answer")
def answer_case(request: Asked, case: str, given: Answer) -> Any:
    """What waited for it is decided anew with it."""
    workspace, user = asker(request)
    item = read("case", case)
    if given.always:
        demand(request, "inbox.remember")
    if given.like and (made := inbox.answer_like(workspace, user, item, given.choice, always=given.always)):
        return [_decided(one) for one in made]
    return [_decided(inbox.answer(workspace, user, item, given.choice, always=given.always))]


@router.post("/inbox/last/take-back", response={200: Count, **PROBLEMS}, summary="Take back one's last decision")
@needs("inbox.answer", "inbox-take_back")
def take_back(request: Asked) -> Any:
    """It waits again, with all that was decided with it. Refused once the call has gone on with it."""
    workspace, user = asker(request)
    return {"count": inbox.take_back(workspace, user)}


@router.post("/calls/{call}/retry-like", response={200: Count, **PROBLEMS}, summary="Try all like a stopped call again")
@needs("runs.retry", "inbox-again")
def retry_like(request: Asked, call: str) -> Any:
    """Every call that stopped for the same reason; 0 where this one has not stopped."""
    workspace, user = asker(request)
    return {"count": inbox.retry_like(workspace, user, read("call", call))}


@router.get("/remembered", response={200: list[Remembered], **PROBLEMS}, summary="List remembered decisions")
@needs("inbox.see", "inbox-remembered")
def list_remembered(request: Asked) -> Any:
    """Those in force, the newest first."""
    workspace, _ = asker(request)
    return [{**asdict(one), "id": shown("kept", one.id)} for one in remembered.listed(workspace)]


@router.delete("/remembered/{kept}", response={200: Count, **PROBLEMS}, summary="Revoke a remembered decision")
@needs("inbox.remember", "inbox-revoke")
def revoke(request: Asked, kept: str) -> Any:
    """Later cases ask again; 0 where it was revoked before."""
    workspace, user = asker(request)
    return {"count": int(remembered.revoke(workspace, user, read("kept", kept)))}


@router.post("/inbox/{case}/dismiss", response={200: Decided, **PROBLEMS}, summary="Put a notice aside")
@needs("inbox.answer", "inbox-aside")
def dismiss_case(request: Asked, case: str) -> Any:
    """It comes again when what it says happens again."""
    workspace, user = asker(request)
    return _decided(inbox.dismiss(workspace, user, read("case", case)))


def _case(one: inbox.Case) -> dict[str, Any]:
    return {
        "id": shown("case", one.item),
        "flow": one.flow,
        "kind": one.kind,
        "topic": one.topic,
        "reason": reason(one.reason),
        "options": list(one.options),
        "about": one.subject,
        "call": shown("call", one.subject_id),
        "run": shown("run", one.run),
        "times": one.times,
        "last_at": one.last_at,
        "state": one.state,
        "answer": one.answer,
        "decided_by": one.decided_by,
        "decided_at": one.decided_at,
        "waits": one.waits,
    }


def _decided(one: inbox.Decision) -> dict[str, Any]:
    return {
        "id": shown("case", one.item),
        "state": one.state,
        "answer": one.answer,
        "by": one.by,
        "at": one.at,
        "mine": one.mine,
    }
