"""Reason codes of the engine: why a subject waits, is parked or is asked about, beside what its flow says."""

from __future__ import annotations

from typing import Any

from tieline.core.errors import TielineError
from tieline.core.reasons import because, declare

REJECTED = declare("outcome.rejected", "slot", "vendor_code", "field", "detail")
LINK_REFUSED = declare("outcome.link_refused", "slot", "vendor_code", "field", "detail")
STALE = declare("outcome.stale", "slot")
GONE = declare("outcome.gone", "slot")
UNKNOWN = declare("outcome.unknown", "slot", "detail")
NOT_SENT = declare("outcome.not_sent", "slot", "detail")
BLOCKED = declare("outcome.blocked", "slot")
TOO_MANY_TRIES = declare("outcome.too_many_tries", "slot", "error")
UNREADABLE = declare("event.unreadable", "error")
NOT_FOLDED = declare("event.not_folded", "error")
ENDLESS = declare("lookup.endless")
LOOKUP_FAILED = declare("lookup.failed", "error")
DECIDE_FAILED = declare("decide.failed", "error")

INTERNAL = "error.internal"


def reason(code: str, **params: Any) -> dict[str, Any]:
    """A declared reason as JSON."""
    return because(code, **{name: plain(value) for name, value in params.items()}).to_json()


LONGEST = 1000
"""Characters of a vendor's words in a reason."""


def plain(value: Any) -> Any:
    """A vendor's words as every store takes them: without NUL and halves of characters, not endless."""
    if not isinstance(value, str):
        return value
    return value[:LONGEST].replace("\x00", "").encode(errors="replace").decode()


def of_error(error: BaseException) -> dict[str, Any]:
    """An error as JSON: its code and parameters. Of an error that is not ours only the kind is told, since its text may
    quote a body or a secret."""
    if isinstance(error, TielineError):
        params = {
            name: plain(value) for name, value in error.params.items() if isinstance(value, str | int | float | bool)
        }
        return {"code": error.code, **({"params": params} if params else {})}
    return {"code": INTERNAL, "params": {"kind": type(error).__name__}}
