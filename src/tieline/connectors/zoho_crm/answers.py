"""What Zoho's answers mean: errors of a whole request, and the outcome of each item of a batch.

Batches are judged item by item and by position; the HTTP status says little (207 is mixed, 400 all failed, and an error may
come inside a 200). Source: pages Status Codes and Insert Records of the v8 documentation, vendor sheet section 3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tieline.connectors.zoho_crm.shapes import ORIGIN, version_of
from tieline.core.errors import AuthError, ConfigError, ScopeError, TielineError
from tieline.sdk.codes import PERMISSION
from tieline.sdk.contract import Gone, NotSent, Outcome, Rejected, Stale, Unknown, Written
from tieline.sdk.http import Judge, Response

JUDGED = frozenset((400, 404, 409, 412, 413, 415, 422))
"""Statuses whose body says what became of each item."""
UNCLEAR = frozenset(("INTERNAL_ERROR", "INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "UNABLE_TO_PROCESS"))
_FIELD = re.compile(r"\$\.data\[\d+\]\.([\w$]+)")


def error_of(response: Response) -> Mapping[str, Any]:
    """The bare error object of an answer, {} where there is none."""
    found = response.json_or_none()
    return found if isinstance(found, dict) and isinstance(found.get("code"), str) else {}


VERBS = {"GET": "READ", "POST": "CREATE", "PUT": "UPDATE", "DELETE": "DELETE"}


def scope_of(method: str, path: str) -> str:
    """The scope that a path below /crm/v8 needs, as far as the path says."""
    parts = path.partition("?")[0].strip("/").split("/")
    if parts[0] == "coql":
        return "ZohoCRM.coql.READ"
    if parts[0] == "__composite_requests":
        return "ZohoCRM.composite_requests.CUSTOM"
    if parts[0] in ("org", "users"):
        return f"ZohoCRM.{parts[0]}.READ"
    verb = VERBS.get(method, "READ")
    if parts[0] == "settings":
        return f"ZohoCRM.settings.{parts[1]}.{verb}"
    return f"ZohoCRM.modules.{'attachments' if parts[-1] == 'Attachments' else parts[0]}.{verb}"


def judge(method: str, path: str) -> Judge:
    """Statuses that Zoho uses its own way. A scope that is missing is a 401 there, and no matter of the token's age."""

    def judged(response: Response) -> TielineError | None:
        code = error_of(response).get("code", "")
        if code == "OAUTH_SCOPE_MISMATCH":
            return ScopeError("a scope is missing", scope=scope_of(method, path), vendor_code=code)
        if response.status == 403 and code:
            told = "the profile of the connected user does not allow this"
            return ScopeError(told, code=PERMISSION, scope=scope_of(method, path), vendor_code=code)
        if code == "INVALID_HOST":
            return ConfigError("this account is in another data centre", setting="data_centre", vendor_code=code)
        if response.status == 401:
            return AuthError("the token is refused", vendor_code=code)
        return None

    return judged


def refused(code: str, details: Mapping[str, Any]) -> TielineError | None:
    """Whole-request errors that are nobody's record's fault: a module or field that is not there."""
    if code == "INVALID_MODULE":
        return ConfigError("Zoho has no such module", setting="module", vendor_code=code)
    if code == "INVALID_QUERY" and details.get("column_name"):
        return ConfigError("Zoho has no such field", setting=str(details["column_name"]), vendor_code=code)
    return None


def outcomes(response: Response, count: int) -> list[Outcome]:
    """One outcome per item of a batch write, in order."""
    answer = response.json_or_none()
    items = answer.get("data") if isinstance(answer, dict) else None
    if isinstance(items, list) and len(items) == count:
        return [outcome(item) for item in items]
    bare = error_of(response)
    if bare and response.status >= 400 and not items:
        error = refused(bare["code"], bare.get("details") or {})
        if error is not None:
            raise error
        return [outcome(bare) for _ in range(count)]
    return [Unknown("the answer does not fit what was sent")] * count


def outcome(item: Any) -> Outcome:
    """The outcome of one item. A DUPLICATE_DATA on our origin key is our own record, made by an earlier try."""
    if not isinstance(item, dict):
        return Unknown("an item that is no object")
    details = item.get("details")
    details = details if isinstance(details, dict) else {}
    code = str(item.get("code") or "")
    if item.get("status") == "success":
        found = details.get("id")
        return Written(str(found), version_of(details)) if found else Unknown("success without an id")
    if code == "MULTIPLE_OR_MULTI_ERRORS":
        errors = [error for error in details.get("errors") or () if isinstance(error, dict)]
        known = next((one for one in map(outcome, errors) if isinstance(one, Written)), None)
        return known or (outcome(errors[0]) if errors else Rejected(code))
    if code == "DUPLICATE_DATA" and details.get("api_name") == ORIGIN:
        found = details.get("id") or (details.get("duplicate_record") or {}).get("id")
        return Written(str(found), existed=True) if found else Unknown("our key is taken, and by what is not said")
    if code in ("ALREADY_MODIFIED", "RECORD_MODIFIED"):
        return Stale()
    if code in UNCLEAR or not code:
        return Unknown(code)
    path = str(details.get("json_path") or "")
    field = _FIELD.match(path)
    name = field[1] if field else details.get("api_name")
    if code == "INVALID_DATA" and name == "id":
        return Gone()
    return Rejected(code, str(name) if name else None, _why(details))


def _why(details: Mapping[str, Any]) -> str:
    """What Zoho expected, without any value."""
    names = ("expected_data_type", "maximum_length", "regex")
    parts = [f"{name}: {details[name]}" for name in names if isinstance(details.get(name), (str, int))]
    supported = details.get("supported_values")
    if isinstance(supported, Sequence) and not isinstance(supported, str):
        parts.append("supported: " + ", ".join(str(value) for value in supported[:20]))
    return "; ".join(parts)


def lacks_scope(item: Any) -> bool:
    """Whether a sub-request was refused for a missing scope: nobody's record's fault."""
    details = item.get("details") if isinstance(item, dict) else None
    response = details.get("response") if isinstance(details, dict) else None
    inner = response.get("body") if isinstance(response, dict) else None
    return isinstance(inner, dict) and inner.get("code") == "OAUTH_SCOPE_MISMATCH"


def sub_outcome(item: Any, has_parent: bool) -> Outcome:
    """The outcome of one sub-request of a composite request. One that was never run, since what it refers to failed, did
    surely not happen."""
    details = item.get("details") if isinstance(item, dict) else None
    response = details.get("response") if isinstance(details, dict) else None
    inner = response.get("body") if isinstance(response, dict) else None
    data = inner.get("data") if isinstance(inner, dict) else None
    if isinstance(data, list) and len(data) == 1:
        return outcome(data[0])
    if isinstance(inner, dict) and inner.get("code"):
        return outcome(inner)
    if not isinstance(item, dict) or item.get("status") == "success":
        return Unknown("a sub-request without its answer")
    code = str(item.get("code") or "")
    if has_parent and code not in UNCLEAR:
        return NotSent(code)
    return outcome(item)
