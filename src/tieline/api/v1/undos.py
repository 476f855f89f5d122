"""Undos: what runs wrote, taken back as far as it is still ours."""

from typing import Any

from ninja import Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.shapes import PROBLEMS, Done, read, reason, shown
from tieline.store.models import Undo
from tieline.store.services import undo

router = Router(tags=["Undos"])


class Chosen(Schema):
    """Which runs are to be taken back."""

    runs: list[str] = Field(min_length=1, max_length=5000)


class UndoState(Schema):
    """An undo. plan: names the plan to be approved. items: state → how many."""

    id: str
    kind: str
    state: str
    plan: str
    items: dict[str, int]
    lacks: list[str]
    recycle_bin: bool


class Item(Schema):
    """A record of an undo: what is done with it, or why it stays."""

    role: str
    external_id: str | None
    does: str
    state: str
    reason: dict[str, Any] | None


class Plan(Schema):
    """The plan that was read."""

    plan: str = Field(max_length=64)


class Begun(Schema):
    """One undo for each CRM that the runs wrote to."""

    undos: list[str]


@router.get("/undos", response={200: list[UndoState], **PROBLEMS}, summary="List undos")
@needs("runs.see", "runs-undos")
def list_undos(request: Asked) -> Any:
    """The newest first."""
    workspace, _ = asker(request)
    return [_undo(undo.shown(workspace, row.pk)) for row in undo.recent(workspace, 20)]


@router.post("/undos", response={200: Begun, **PROBLEMS}, summary="Begin an undo")
@needs("runs.undo", "runs-undo-begin")
def begin_undo(request: Asked, given: Chosen) -> Any:
    """A plan is made of it; nothing is changed before it is approved."""
    workspace, user = asker(request)
    made = undo.begin(workspace, user, [read("run", one) for one in given.runs])
    return {"undos": [shown("undo", id) for id in made]}


@router.get("/undos/{undo_id}", response={200: UndoState, **PROBLEMS}, summary="One undo")
@needs("runs.see", "runs-undo", "runs-undo-live")
def one_undo(request: Asked, undo_id: str) -> Any:
    """As it stands."""
    workspace, _ = asker(request)
    return _undo(undo.shown(workspace, read("undo", undo_id)))


@router.get("/undos/{undo_id}/items", response={200: list[Item], **PROBLEMS}, summary="Its records")
@needs("runs.see")
def undo_items(request: Asked, undo_id: str) -> Any:
    """What is done with each, and what stays and why; the first 1,000."""
    workspace, _ = asker(request)
    id = undo.shown(workspace, read("undo", undo_id)).undo.pk
    return [
        {
            "role": one.role,
            "external_id": one.record or None,
            "does": one.do,
            "state": one.state,
            "reason": reason(one.why or one.reason),
        }
        for one in undo.items(workspace, id, limit=1000)
    ]


@router.post("/undos/{undo_id}/approve", response={200: UndoState, **PROBLEMS}, summary="Approve its plan")
@needs("runs.undo", "runs-undo-approve")
def approve_undo(request: Asked, undo_id: str, given: Plan) -> Any:
    """What was read is what is done; a record that moved meanwhile stays and is listed."""
    workspace, user = asker(request)
    undo.approve(workspace, user, read("undo", undo_id), given.plan)
    return _of(workspace, undo_id)


@router.post("/undos/{undo_id}/look", response={200: UndoState, **PROBLEMS}, summary="Make its plan anew")
@needs("runs.undo", "runs-undo-look")
def look_undo(request: Asked, undo_id: str) -> Any:
    """From what is there now."""
    workspace, user = asker(request)
    undo.look_again(workspace, user, read("undo", undo_id))
    return _of(workspace, undo_id)


@router.post("/undos/{undo_id}/again", response={200: Begun, **PROBLEMS}, summary="Undo an undo")
@needs("runs.undo", "runs-undo-again")
def undo_undo(request: Asked, undo_id: str) -> Any:
    """What it took away is made anew, with new ids."""
    workspace, user = asker(request)
    return {"undos": [shown("undo", undo.again(workspace, user, read("undo", undo_id)))]}


@router.delete("/undos/{undo_id}", response={200: Done, **PROBLEMS}, summary="Drop a plan")
@needs("runs.undo", "runs-undo-drop")
def drop_undo(request: Asked, undo_id: str) -> Any:
    """Nothing is changed in the CRM."""
    workspace, user = asker(request)
    undo.drop(workspace, user, read("undo", undo_id))
    return {"done": True}


def _of(workspace: int, undo_id: str) -> dict[str, Any]:
    return _undo(undo.shown(workspace, read("undo", undo_id)))


def _undo(one: undo.Shown) -> dict[str, Any]:
    row: Undo = one.undo
    return {
        "id": shown("undo", row.pk),
        "kind": row.kind,
        "state": row.state,
        "plan": one.plan,
        "items": dict(one.counts),
        "lacks": list(one.lacks),
        "recycle_bin": one.recycle_bin,
    }
