"""What goes wrong, as one shape: {"error": {"code", "message", "params"}}."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import Field

from tieline.api.v1.access import NotAllowedError
from tieline.core.errors import TielineError
from tieline.store.services import sentences
from tieline.store.services.declined import DeclinedError
from tieline.store.services.flow_settings import ClashesError

log = logging.getLogger(__name__)


class Said(Schema):
    """Why it was not done. `code` and `params` are for programs, `message` for people."""

    code: str
    message: str
    params: dict[str, Any] = Field(default_factory=dict)


class Problem(Schema):
    """The body of every answer from 400 up."""

    error: Said


GONE = (
    "connection.gone",
    "flow.unknown",
    "hook.gone",
    "hook.no_message",
    "import.gone",
    "inbox.gone",
    "pair.gone",
    "replay.gone",
    "team.gone",
    "team.invitation_gone",
    "token.gone",
    "undo.not_there",
)


def add_to(api: NinjaAPI) -> None:
    """Let the API answer in this shape."""

    def answer(request: HttpRequest, status: int, code: str, **params: Any) -> HttpResponse:
        said = {"code": code, "message": sentences.say(code, params), "params": params}
        return api.create_response(request, {"error": said}, status=status)

    @api.exception_handler(AuthenticationError)
    def unknown(request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
        found = answer(request, 401, "api.no_token")
        found["WWW-Authenticate"] = "Bearer"
        return found

    @api.exception_handler(NotAllowedError)
    def forbidden(request: HttpRequest, error: NotAllowedError) -> HttpResponse:
        return answer(request, 403, "api.not_allowed", action=error.action)

    @api.exception_handler(Http404)
    def missing(request: HttpRequest, _error: Http404) -> HttpResponse:
        return answer(request, 404, "api.not_found")

    @api.exception_handler(ValidationError)
    def malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
        places = [".".join(str(part) for part in one.get("loc", ())) for one in error.errors]
        return answer(
            request, 422, "api.malformed", places=places, details=[one.get("msg", "") for one in error.errors]
        )

    @api.exception_handler(DataError)
    def unstorable(request: HttpRequest, _error: DataError) -> HttpResponse:
        """A text with U+0000, a number that no column takes: nothing there can be what was meant."""
        return answer(request, 422, "api.malformed", places=[], details=[])

    @api.exception_handler(ClashesError)
    def clashes(request: HttpRequest, error: ClashesError) -> HttpResponse:
        found = [
            {"rules": list(one.rules), "reason": one.reason.to_json(), "example": one.example} for one in error.clashes
        ]
        return answer(request, 409, error.code, **{**error.params, "clashes": found})

    @api.exception_handler(DeclinedError)
    def declined(request: HttpRequest, error: DeclinedError) -> HttpResponse:
        more = {"field": error.field} if error.field else {}
        return answer(request, 404 if error.code in GONE else 409, error.code, **error.params, **more)

    @api.exception_handler(TielineError)
    def trouble(request: HttpRequest, error: TielineError) -> HttpResponse:
        return answer(request, 502, error.code, **error.params)

    @api.exception_handler(HttpError)
    def other(request: HttpRequest, error: HttpError) -> HttpResponse:
        return answer(request, error.status_code, "api.unreadable")
