"""What goes in and out, and ids as texts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import Http404
from ninja import Schema
from pydantic import Field

from tieline.api.v1.errors import Problem
from tieline.store import public_ids
from tieline.store.services import sentences

PROBLEMS: dict[int, type[Schema]] = dict.fromkeys((400, 401, 403, 404, 409, 422, 502), Problem)
"""Which answers from 400 up there are, with their body."""


class Done(Schema):
    """It was done."""

    done: bool = True


class Ended(Done):
    """It was done. by_hand: titles of systems that go on telling us of changes, since they could not be asked to stop or a person has
    set it up there: take that away by hand."""

    by_hand: list[str]


class Reason(Schema):
    """Why: the code and its parameters for programs, the message for people."""

    code: str
    params: dict[str, Any] = Field(default_factory=dict)
    message: str


def shown(kind: str, id: int | None) -> str | None:
    """A row's id as the API shows it."""
    return None if id is None else public_ids.of(kind).show(id)


def read(kind: str, text: str) -> int:
    """The row's id; 404 for what was never shown."""
    id = public_ids.of(kind).read(text)
    if id is None:
        raise Http404
    return id


def reason(raw: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A stored reason with its sentence."""
    if raw is None:
        return None
    params = raw.get("params") or {}
    return {"code": raw.get("code", ""), "params": params, "message": sentences.say(raw.get("code", ""), params)}


class Operation(Schema):
    """One write: what stood there before (of an update), what stands there now, and why."""

    role: str
    verb: str
    state: str = Field(description="planned, sent, done, rejected, unknown or blocked")
    external_id: str | None = None
    values: dict[str, Any]
    before: dict[str, Any]
    reason: Reason | None
    error: Reason | None = None
    requests: float


class Considered(Schema):
    """A rule that was weighed."""

    rule: str
    applied: bool
    reason: Reason | None


class Run(Schema):
    """A decision on a call: what it was about, what was weighed, and what was written."""

    id: str
    flow: str
    state: str
    call: str = Field(description="the id of the call, for trying again")
    about: dict[str, Any]
    target: str | None
    settings_version: int
    started_at: datetime
    finished_at: datetime | None
    requests: float
    considered: list[Considered]
    operations: list[Operation]
    notices: list[Reason]
    asks: list[Reason]


class Runs(Schema):
    """A page of runs, the newest first."""

    items: list[Run]
    next: str | None = Field(description="give it as `after` for the page behind this one")
