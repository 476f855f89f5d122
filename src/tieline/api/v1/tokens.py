"""Tokens: made by a member, or by a token that may; one never gives more than it has."""

from datetime import datetime
from typing import Any

from ninja import Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, NotAllowedError, asker, needs
from tieline.api.v1.shapes import PROBLEMS, Done, read, shown
from tieline.store.services import tokens

router = Router(tags=["Tokens"])


class Token(Schema):
    """A token as it is listed; `hint` is how it begins."""

    id: str
    name: str
    hint: str
    actions: list[str]
    made_by: str
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    works: bool


class Make(Schema):
    """What it is called, what it may do, and for how many days (null: until it is ended). It lives no longer than the token that
    makes it."""

    name: str = Field(min_length=1, max_length=80)
    actions: list[str] = Field(min_length=1, max_length=100)
    days: int | None = Field(None, ge=1, le=3650)


class Made(Token):
    """With its text, which is shown this once."""

    token: str


@router.get("/tokens", response={200: list[Token], **PROBLEMS}, summary="List tokens")
@needs("tokens.see", "tokens")
def list_tokens(request: Asked) -> Any:
    """The newest first; ended ones for a month more."""
    workspace, _ = asker(request)
    return [_token(one) for one in tokens.listed(workspace)]


@router.post("/tokens", response={200: Made, **PROBLEMS}, summary="Make a token")
@needs("tokens.change", "tokens-make")
def make_token(request: Asked, given: Make) -> Any:
    """With actions that this one has; its text is in the answer and nowhere else."""
    workspace, user = asker(request)
    beyond = sorted(set(given.actions) - request.auth.actions)
    if beyond:
        raise NotAllowedError(beyond[0])
    made, text = tokens.make(workspace, user, given.name, given.actions, given.days, until=request.auth.expires)
    return {**_token(made), "token": text}


@router.delete("/tokens/{token}", response={200: Done, **PROBLEMS}, summary="End a token")
@needs("tokens.change", "tokens-end")
def end_token(request: Asked, token: str) -> Any:
    """From this moment."""
    workspace, user = asker(request)
    tokens.end(workspace, user, read("token", token))
    return {"done": True}


def _token(one: tokens.Token) -> dict[str, Any]:
    return {
        "id": shown("token", one.id),
        "name": one.name,
        "hint": one.hint,
        "actions": list(one.actions),
        "made_by": one.made_by,
        "created": one.created,
        "expires": one.expires,
        "last_used": one.last_used,
        "works": one.works,
    }
