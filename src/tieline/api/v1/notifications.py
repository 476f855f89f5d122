"""What the token's maker was told of, and how they want to be told."""

from datetime import datetime
from typing import Any, Literal

from ninja import Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.shapes import PROBLEMS
from tieline.store.services import notifications

router = Router(tags=["Notifications"])


class Told(Schema):
    """One thing: a kind with its parameters. `times`: how often it came before it was read."""

    kind: str
    params: dict[str, Any]
    times: int
    last_at: datetime
    read_at: datetime | None
    mail_state: str


class Choice(Schema):
    """How a kind is told."""

    kind: str = Field(max_length=64)
    in_app: bool
    mail: Literal["no", "now", "digest"]


class Read(Schema):
    """How many had not been read."""

    count: int


@router.get("/notifications", response={200: list[Told], **PROBLEMS}, summary="List notifications")
@needs("inbox.see", "notifications")
def list_notifications(request: Asked) -> Any:
    """The newest first."""
    workspace, user = asker(request)
    return notifications.listed(workspace, user)


@router.post("/notifications/read", response={200: Read, **PROBLEMS}, summary="Mark all as read")
@needs("inbox.see", "notifications-read")
def read_notifications(request: Asked) -> Any:
    """All of them."""
    workspace, user = asker(request)
    return {"count": notifications.read_all(workspace, user)}


@router.get("/notifications/choices", response={200: list[Choice], **PROBLEMS}, summary="How one is told")
@needs("inbox.see")
def list_choices(request: Asked) -> Any:
    """Every kind that the token's maker may be told of."""
    workspace, user = asker(request)
    return notifications.choices(workspace, user, request.auth.member)


@router.put("/notifications/choices", response={200: list[Choice], **PROBLEMS}, summary="Choose how one is told")
@needs("inbox.see", "notifications-choose")
def choose(request: Asked, given: list[Choice]) -> Any:
    """The kinds that are named; the others stay."""
    workspace, user = asker(request)
    member = request.auth.member
    notifications.choose(workspace, user, member, {one.kind: (one.in_app, one.mail) for one in given})
    return notifications.choices(workspace, user, member)
