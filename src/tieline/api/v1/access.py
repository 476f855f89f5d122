"""Who asks, and what they may: tokens, and the mark by which each route says which action it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, TypeVar

from django.http import HttpRequest
from ninja.security import HttpBearer

from tieline.store.services import tokens
from tieline.store.services.tokens import Bearer
from tieline.store.team.actions import ACTIONS

View = TypeVar("View", bound=Callable[..., Any])


class Asked(HttpRequest):
    """A request as routes get it: whose token it came with is known."""

    auth: Bearer


class NotAllowedError(Exception):
    """The token lacks this action, or its maker's role does."""

    def __init__(self, action: str) -> None:
        super().__init__(action)
        self.action = action


class TokenAuth(HttpBearer):
    """`Authorization: Bearer tl_…`. What a route then finds as `request.auth` is a `Bearer`."""

    openapi_description = "A token of one workspace, made under Settings, API."

    def authenticate(self, request: HttpRequest, token: str) -> Bearer | None:
        """Who asks. NotAllowedError before anything that was sent is looked at."""
        found = tokens.bearer(token)
        if found is not None and request.resolver_match is not None:
            path = "/" + request.resolver_match.route.replace("<", "{").replace(">", "}")
            mark = marks().get((request.method or "", path))
            if mark is not None and mark.action not in found.actions:
                raise NotAllowedError(mark.action)
        return found


@dataclass(frozen=True, slots=True)
class Marked:
    """What a route is: its action, and the names of the pages' addresses that do the same."""

    action: str
    pages: tuple[str, ...]


ROUTES: dict[str, Marked] = {}
"""A route's function → its mark; docs/reference/api-actions.md is made of it."""


@cache
def marks() -> dict[tuple[str, str], Marked]:
    """(method, path as it is described) → its mark."""
    from tieline.api.v1 import api

    return {
        (method.upper(), path): mark
        for path, methods in api.get_openapi_schema()["paths"].items()
        for method, route in methods.items()
        for name, mark in ROUTES.items()
        if route["operationId"].endswith(f"_{name}")
    }


def needs(action: str, *pages: str) -> Callable[[View], View]:
    """Mark a route with the action that it is (a key of ACTIONS), and the pages that do the same. 403 without it."""
    if action not in ACTIONS:
        raise KeyError(f"no such action: {action}")

    def mark(view: View) -> View:
        @wraps(view)
        def guarded(request: Asked, *args: Any, **kwargs: Any) -> Any:
            if action not in request.auth.actions:
                raise NotAllowedError(action)
            return view(request, *args, **kwargs)

        ROUTES[view.__name__] = Marked(action, pages)
        return guarded  # type: ignore[return-value]

    return mark


def demand(request: Asked, action: str) -> None:
    """403 unless the token may do this too: what it asks for is more than its route's action."""
    if action not in request.auth.actions:
        raise NotAllowedError(action)


def asker(request: Asked) -> tuple[int, Any]:
    """The workspace's id, and the user whose token it is."""
    member = request.auth.member
    return member.workspace_id, member.user
