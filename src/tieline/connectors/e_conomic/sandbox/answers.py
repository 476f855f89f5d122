"""How e-conomic says no: the legacy envelope with its three shapes of ``errors``, and problem+json of the OpenAPI services."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from tieline.sdk.sandbox import Reply

PROBLEM = "application/problem+json"
JSON = "application/json; charset=utf-8"


class NoError(Exception):
    """An answer that is no."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def log_id() -> str:
    """As the vendor's: hex and a place."""
    return f"{secrets.token_hex(8)}-CPH"


def answer(status: int, value: Any, headers: Sequence[tuple[str, str]] = ()) -> Reply:
    """JSON."""
    return Reply(status, orjson.dumps(value), JSON, headers)


def envelope(status: int, message: str, code: str = "", *, hint: str = "", errors: Any = None, **more: Any) -> Reply:
    """The envelope of the legacy surface. ``errors``: an array of strings, an object by property, or an array by index."""
    body: dict[str, Any] = {"message": message}
    if code:
        body["errorCode"] = code
    body |= {
        "developerHint": hint or "Inspect validation errors and correct your request.",
        "logId": log_id(),
        "httpStatusCode": status,
        "logTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    }
    if errors is not None:
        body |= {"errors": errors, "errorCount": len(errors)}
    return answer(status, body | more)


def invalid(found: Mapping[str, tuple[str, str, Any]]) -> Reply:
    """Validation: property → (code, message, what was sent)."""
    errors = {
        name: {
            "errors": [
                {
                    "propertyName": name,
                    "errorMessage": message,
                    "errorCode": code,
                    "inputValue": value,
                    "developerHint": "Inspect validation errors and correct your request.",
                }
            ]
        }
        for name, (code, message, value) in found.items()
    }
    return envelope(400, f"Validation failed. {len(found)} error found.", "E04300", errors=errors, schemaPath="/schema")


def problem(
    status: int, title: str, code: str, errors: Sequence[tuple[str, str, str]] = (), detail: str | None = None
) -> Reply:
    """problem+json; errors are (property, code, message)."""
    body: dict[str, Any] = {
        "type": "https://tools.ietf.org/html/rfc9110",
        "title": title,
        "status": status,
        "traceId": log_id(),
        "errorCode": code,
        "traceTimeUtc": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if detail is not None:
        body["detail"] = detail
    if errors:
        body["errors"] = [{"property": name, "errorCode": one, "message": message} for name, one, message in errors]
    return Reply(status, orjson.dumps(body), PROBLEM)


def refuse_legacy(status: int, message: str, code: str = "", **more: Any) -> NoError:
    """To be raised."""
    return NoError(envelope(status, message, code, **more))


def refuse(
    status: int, title: str, code: str, errors: Sequence[tuple[str, str, str]] = (), detail: str | None = None
) -> NoError:
    """To be raised."""
    return NoError(problem(status, title, code, errors, detail))


def is_open(path: str) -> bool:
    """Whether a path is one of the OpenAPI services' (``/{service}api/v…``)."""
    first = path.lstrip("/").partition("/")[0]
    return first.endswith("api") and "/v" in path


def is_number(text: str) -> bool:
    """Whether a text is a number that is not too long to be one."""
    return text.isascii() and text.isdigit() and len(text) <= 18
