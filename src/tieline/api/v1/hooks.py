"""Outgoing webhooks: made, changed, tested, given a new secret, ended, and what became of their messages."""

from datetime import datetime
from typing import Any, Literal

from ninja import Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.shapes import PROBLEMS, Done, Reason, read, reason, shown
from tieline.store.services import hooks

router = Router(tags=["Webhooks"])
Kind = Literal["run.finished", "case.opened", "connection.trouble"]


class Webhook(Schema):
    """A webhook; `last_status` is the last answer's (null: none came). The old secret signs too until `old_secret_until`."""

    id: str
    title: str
    url: str
    kinds: list[str]
    active: bool
    created: datetime
    last_status: int | None
    last_at: datetime | None
    failing_since: datetime | None
    trouble: Reason | None
    old_secret_until: datetime | None


class MakeWebhook(Schema):
    """What it is called, where its messages go (https), and which they are."""

    title: str = Field(min_length=1, max_length=80)
    url: str = Field(min_length=1, max_length=500)
    kinds: list[Kind] = Field(min_length=1, max_length=3)


class ChangeWebhook(Schema):
    """What is left out stays."""

    title: str | None = Field(None, min_length=1, max_length=80)
    url: str | None = Field(None, min_length=1, max_length=500)
    kinds: list[Kind] | None = Field(None, min_length=1, max_length=3)
    active: bool | None = None


class SecretWebhook(Webhook):
    """With its secret, which is shown this once."""

    secret: str


class Delivery(Schema):
    """A message; `message` is its webhook-id, `due_at` when it is tried next."""

    id: str
    message: str
    kind: str
    state: str = Field(description="due, done or given_up")
    created: datetime
    due_at: datetime | None
    attempts: int
    last_status: int | None
    done_at: datetime | None


@router.get("/hooks", response={200: list[Webhook], **PROBLEMS}, summary="List webhooks")
@needs("tokens.see", "tokens")
def list_hooks(request: Asked) -> Any:
    """The newest first."""
    workspace, _ = asker(request)
    return [_hook(one) for one in hooks.listed(workspace)]


@router.post("/hooks", response={200: SecretWebhook, **PROBLEMS}, summary="Make a webhook")
@needs("tokens.change", "tokens-hooks_make")
def make_hook(request: Asked, given: MakeWebhook) -> Any:
    """Its secret is in the answer and nowhere else."""
    workspace, user = asker(request)
    made, secret = hooks.make(workspace, user, given.title, given.url, given.kinds)
    return {**_hook(made), "secret": secret}


@router.patch("/hooks/{hook}", response={200: Webhook, **PROBLEMS}, summary="Change a webhook")
@needs("tokens.change", "tokens-hooks_change")
def change_hook(request: Asked, hook: str, given: ChangeWebhook) -> Any:
    """Switched off, what waits for it is given up."""
    workspace, user = asker(request)
    return _hook(hooks.change(workspace, user, read("hook", hook), **given.dict()))


@router.delete("/hooks/{hook}", response={200: Done, **PROBLEMS}, summary="End a webhook")
@needs("tokens.change", "tokens-hooks_end")
def end_hook(request: Asked, hook: str) -> Any:
    """With its messages."""
    workspace, user = asker(request)
    hooks.end(workspace, user, read("hook", hook))
    return {"done": True}


@router.post("/hooks/{hook}/rotate", response={200: SecretWebhook, **PROBLEMS}, summary="Give a webhook a new secret")
@needs("tokens.change", "tokens-hooks_rotate")
def rotate_hook(request: Asked, hook: str) -> Any:
    """It is in the answer and nowhere else; the one before signs too for a day."""
    workspace, user = asker(request)
    made, secret = hooks.rotate(workspace, user, read("hook", hook))
    return {**_hook(made), "secret": secret}


@router.post("/hooks/{hook}/test", response={200: Delivery, **PROBLEMS}, summary="Send a test message")
@needs("tokens.change", "tokens-hooks_test")
def test_hook(request: Asked, hook: str) -> Any:
    """A message of the kind "test", at once."""
    workspace, user = asker(request)
    return _delivery(hooks.test(workspace, user, read("hook", hook)))


@router.get("/hooks/{hook}/deliveries", response={200: list[Delivery], **PROBLEMS}, summary="List a webhook's messages")
@needs("tokens.see", "tokens-hooks_deliveries")
def list_deliveries(request: Asked, hook: str) -> Any:
    """The last fifty, the newest first."""
    workspace, _ = asker(request)
    return [_delivery(one) for one in hooks.deliveries(workspace, read("hook", hook))]


@router.post(
    "/hooks/{hook}/deliveries/{delivery}/again", response={200: Done, **PROBLEMS}, summary="Send a message again"
)
@needs("tokens.change", "tokens-hooks_again")
def send_again(request: Asked, hook: str, delivery: str) -> Any:
    """Under the same webhook-id."""
    workspace, user = asker(request)
    hooks.again(workspace, user, read("hook", hook), read("message", delivery))
    return {"done": True}


def _hook(one: hooks.HookRow) -> dict[str, Any]:
    return {
        "id": shown("hook", one.id),
        "title": one.title,
        "url": one.url,
        "kinds": list(one.kinds),
        "active": one.active,
        "created": one.created,
        "last_status": one.last_status,
        "last_at": one.last_at,
        "failing_since": one.failing_since,
        "trouble": reason(one.trouble),
        "old_secret_until": one.old_secret_until,
    }


def _delivery(one: hooks.DeliveryRow) -> dict[str, Any]:
    return {
        "id": shown("message", one.id),
        "message": one.message,
        "kind": one.kind,
        "state": one.state,
        "created": one.created,
        "due_at": one.due_at,
        "attempts": one.attempts,
        "last_status": one.last_status,
        "done_at": one.done_at,
    }
