"""Errors by what happens next (one table in engine/effects/recovery.py). Never with a body or a secret in the text.

TielineError
├── TransientError        retry with jitter, then park
├── RateLimitedError      pause the connection's budget until `resume_at`; costs no attempt
├── UnknownOutcomeError   a write that may or may not have happened: look first
├── AuthError             pause the connection, ask to reconnect
├── ScopeError            pause the flow, name the scope
├── ConfigError           pause the flow, name the setting
├── ProtocolError         stop, keep the evidence redacted
└── SafetyStopError       ask
"""

from __future__ import annotations


class TielineError(Exception):
    """Something went wrong; `code` names the words shown, `params` fill them in."""

    code = "error.internal"

    def __init__(self, detail: str = "", *, code: str | None = None, **params: object) -> None:
        super().__init__(detail or code or self.code)
        self.detail = detail
        if code is not None:
            self.code = code
        self.params = params


class TransientError(TielineError):
    """The other system did not answer properly; the request was a read, or surely did not happen."""

    code = "error.transient"


class RateLimitedError(TielineError):
    """The other system asks us to slow down. `wait_s` is what it said, None when it said nothing."""

    code = "error.rate_limited"

    def __init__(self, detail: str = "", *, wait_s: float | None = None, **params: object) -> None:
        super().__init__(detail, **params)  # type: ignore[arg-type]
        self.wait_s = wait_s


class UnknownOutcomeError(TielineError):
    """A write was sent and no answer says what became of it."""

    code = "error.unknown_outcome"


class AuthError(TielineError):
    """The other system refuses our credentials."""

    code = "error.auth"


class ScopeError(TielineError):
    """A right is lacking; `scope` names it."""

    code = "error.scope"


class ConfigError(TielineError):
    """Our settings cannot work there; `setting` names which."""

    code = "error.config"


class ProtocolError(TielineError):
    """The other system answered in a shape that we do not know."""

    code = "error.protocol"


class SafetyStopError(TielineError):
    """The plan would change or delete more than is allowed without asking."""

    code = "error.safety_stop"
