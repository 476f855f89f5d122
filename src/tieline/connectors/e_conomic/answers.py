"""What e-conomic's errors mean. Two surfaces, two envelopes; the legacy one has three shapes of ``errors`` (vendor sheet section 7).

No message goes on: it may quote what was sent, and may be Danish. Codes and names of properties do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tieline.connectors.e_conomic.shapes import FIELD_OF
from tieline.core.errors import AuthError, ConfigError, ScopeError, TielineError
from tieline.sdk.codes import MODULE_MISSING
from tieline.sdk.contract import Gone, Outcome, Rejected, Unknown
from tieline.sdk.http import Response

NO_MODULES = "AccessDeniedAgreementMissingModules"
_MODULES = re.compile(r"[Mm]issing modules?:\s*([^.\n]{1,120})")
_FIELD_OF_CODE = {
    "CustomerInvalidCustomerNumber": "customerNumber",
    "CustomerAlreadyExists": "customerNumber",
    "CustomerannotChangeNumber": "customerNumber",
    "CustomerMissingName": "name",
    "CustomerInvalidName": "name",
    "CustomerInvalidEmail": "email",
    "CustomerInvalidGroupId": "customerGroup",
    "CustomerInvalidVatZone": "vatZone",
    "CustomerInvalidPaymentTerm": "paymentTerms",
    "CustomerBarredPaymentTerm": "paymentTerms",
    "CustomerInvalidEAN": "ean",
    "CustomerInvalidEANThirteenDigits": "ean",
    "CustomerInvalidPNumber": "pNumber",
    "CustomerInvalidDefaultAttention": "attention",
    "CustomerContactNameAlreadyExists": "name",
    "CustomerContactNameNullOrEmpty": "name",
    "CustomerDoesNotExist": "customerNumber",
    "CustomerNumberMismatch": "customerNumber",
    "E07140": "customerGroup",
}


def judge(path: str, response: Response) -> TielineError | None:
    """Statuses that say something about the connection: 401, and 403 for a right of the app or a module of the agreement."""
    if response.status == 401:
        return AuthError("the tokens are refused", status=401)
    if response.status != 403:
        return None
    body = response.json_or_none()
    told = (
        " ".join(str(body.get(name) or "") for name in ("title", "detail", "message")) if isinstance(body, dict) else ""
    )
    modules = _MODULES.search(told)
    if modules or (isinstance(body, dict) and body.get("errorCode") == NO_MODULES):
        named = modules[1].strip() if modules else "API"
        return ConfigError(f"a module is not active: {named}", code=MODULE_MISSING, setting="module", module=named)
    role = "SuperUser" if path.startswith("/webhooksapi") else "Sales"
    return ScopeError("the app lacks a role", scope=role, status=403)


def refusal(response: Response) -> Outcome:
    """The outcome that a 400, 404 or 409 stands for; `Stale` is the caller's to decide."""
    body = response.json_or_none()
    if not isinstance(body, dict) or not (
        body.get("errorCode") or body.get("errors") or body.get("message") or body.get("title")
    ):
        return Unknown(f"{response.status} in no shape that is known")
    if response.status == 404:
        return Gone()
    found = list(errors_of(body))
    whole = str(body.get("errorCode") or "") or f"HTTP {response.status}"
    code, name = next(((code, name) for code, name in found if code or name), (whole, ""))
    code = code or whole
    field = FIELD_OF.get(name, name) or _FIELD_OF_CODE.get(code)
    others = sorted({f"{FIELD_OF.get(other, other)}: {one}" for one, other in found[1:] if other})
    return Rejected(code, field or None, "; ".join(others)[:200])


def errors_of(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(code, property) of every error in an envelope, whichever its shape; "" where it says none."""
    found = body.get("errors")
    if isinstance(found, dict):
        yield from _by_property(found)
    elif isinstance(found, list):
        for one in found:
            if isinstance(one, dict) and ("errorCode" in one or "property" in one):
                yield str(one.get("errorCode") or ""), _plain(one.get("property") or one.get("propertyName"))
            elif isinstance(one, dict):
                yield from _by_property({name: part for name, part in one.items() if name != "arrayIndex"})


def _by_property(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, part in found.items():
        inner = part.get("errors") if isinstance(part, dict) else None
        for one in inner if isinstance(inner, list) else ():
            if isinstance(one, dict):
                yield str(one.get("errorCode") or ""), _plain(one.get("propertyName") or name)
        items = part.get("items") if isinstance(part, dict) else None
        for one in items if isinstance(items, list) else ():
            if isinstance(one, dict):
                yield from _by_property({key: value for key, value in one.items() if key != "arrayIndex"})


def _plain(name: Any) -> str:
    """``customerGroup.customerGroupNumber`` is ``customerGroup`` to us, ``EanLocationNumber`` begins small."""
    text = str(name or "").partition(".")[0]
    return text[:1].lower() + text[1:]


def is_error(body: Any) -> bool:
    """Whether a 2xx body is one of the envelopes all the same."""
    return isinstance(body, dict) and ("httpStatusCode" in body or "errorCode" in body or "traceId" in body)
