"""Why something was done or not: codes with parameters, never sentences, so that stored rows outlive a choice of language.

Every code is declared once by the room that uses it (`declare`), with the names of its parameters. The words stand in
`web/words/`; a test wants each code in every language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DECLARED: dict[str, frozenset[str]] = {}
"""Every reason code with the names of its parameters."""


def declare(code: str, *params: str) -> str:
    """Declares a reason code and gives it back, so that a module reads `NO_MATCH = declare("call.no_match", "number")`."""
    known = DECLARED.get(code)
    if known is not None and known != frozenset(params):
        raise ValueError(f"reason code {code!r} is declared twice with different parameters")
    DECLARED[code] = frozenset(params)
    return code


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: a declared code and its parameters (plain JSON values)."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, **({"params": dict(self.params)} if self.params else {})}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Reason:
        return cls(raw["code"], raw.get("params") or {})


def because(code: str, **params: Any) -> Reason:
    """A reason by its declared code; an undeclared code or parameter is a bug and raises."""
    names = DECLARED.get(code)
    if names is None:
        raise ValueError(f"reason code {code!r} is not declared")
    if not names >= params.keys():
        raise ValueError(f"reason {code!r} has no parameter {sorted(params.keys() - names)}")
    return Reason(code, params)
