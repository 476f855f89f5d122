"""The shapes of Zoho CRM's answers: success items, error items, whole-request errors."""

from __future__ import annotations

from typing import Any

from tieline.sdk.sandbox import Reply, json_reply

MESSAGES = {
    "DUPLICATE_DATA": "duplicate data",
    "INVALID_DATA": "invalid data",
    "MANDATORY_NOT_FOUND": "required field not found",
    "MULTIPLE_OR_MULTI_ERRORS": "Multiple errors occurred for the given request",
    "DEPENDENT_FIELD_MISSING": "required dependent field is missing",
    "DEPENDENT_MISMATCH": "the given value does not match its dependent field",
    "EXPECTED_FIELD_MISSING": "one of the expected fields is missing",
    "INVALID_MODULE": "the module name given seems to be invalid",
    "INVALID_URL_PATTERN": "Please check if the URL trying to access is a correct one",
    "INVALID_REQUEST_METHOD": "The http request method type is not a valid one",
    "INVALID_HOST": "the host is not valid for this organization",
    "INVALID_TOKEN": "invalid oauth token",
    "INVALID_OAUTHTOKEN": "The oauth token is invalid",
    "AUTHENTICATION_FAILURE": "Authentication failed",
    "OAUTH_SCOPE_MISMATCH": "invalid oauth scope to access this URL",
    "NO_PERMISSION": "permission denied",
    "TOO_MANY_REQUESTS": "You have made too many requests in a short time. Please try again later.",
    "INTERNAL_ERROR": "Internal Server Error",
    "SERVICE_UNAVAILABLE": "Service temporarily unavailable. Please try again later",
    "REQUIRED_PARAM_MISSING": "One of the expected parameter is missing",
    "EXPECTED_PARAM_MISSING": "One of the expected parameter is missing",
    "LIMIT_EXCEEDED": "the limit is exceeded",
    "ALREADY_MODIFIED": "the record has been modified since the given time",
    "ID_ALREADY_CONVERTED": "the given lead is already converted",
    "NOT_ALLOWED": "the action is not allowed",
    "NOT_SUPPORTED": "the request is not supported",
    "DISCRETE_PAGINATION_LIMIT_EXCEEDED": "page beyond the first 2000 records; use page_token",
    "PAGINATION_LIMIT_EXCEEDED": "maximum records that can be fetched is reached",
    "AMBIGUITY_DURING_PROCESSING": "ambiguity while processing the request",
    "EXPIRED_VALUE": "the given page_token is expired",
    "TOKEN_BOUND_DATA_MISMATCH": "the request does not match the page_token",
    "FILE_SIZE_MORE_THAN_ALLOWED_SIZE": "Please check if the size of the file is in the correct range",
}  # fmt: skip


def error(code: str, message: str = "", **details: Any) -> dict[str, Any]:
    """An error object: an item of ``data`` as well as a whole-request error."""
    return {"code": code, "details": details, "message": message or MESSAGES.get(code, "error"), "status": "error"}


def field_error(code: str, name: str, index: int, message: str = "", **details: Any) -> dict[str, Any]:
    """An error about one field of item ``index``."""
    return error(code, message, api_name=name, json_path=f"$.data[{index}].{name}", **details)


def refused(status: int, code: str, message: str = "", **details: Any) -> Reply:
    """A whole-request error: a bare object, no ``data``."""
    return json_reply(status, error(code, message, **details))


def success(message: str, details: dict[str, Any]) -> dict[str, Any]:
    """A success item."""
    return {"code": "SUCCESS", "details": details, "message": message, "status": "success"}


def batch(items: list[dict[str, Any]], all_good: int, key: str = "data") -> Reply:
    """The answer to a batch, judged per item: ``all_good`` when all succeeded, 207 mixed, 400 when all failed."""
    good = sum(item["status"] == "success" for item in items)
    if good == len(items):
        status = all_good
    elif good:
        status = 207
    else:
        status = 412 if all(item["code"] == "ALREADY_MODIFIED" for item in items) else 400
    return json_reply(status, {key: items})


def nothing() -> Reply:
    """Nothing found: 204 without a body."""
    return Reply(204)
