"""Values that rules give to further fields of the CRM (CALL-16): each is one that its field can hold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from tieline.core.flow import Clash, Target
from tieline.core.reasons import because
from tieline.flows.calls import reasons as why
from tieline.flows.calls.settings import Settings
from tieline.flows.calls.target import further

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


def misfits(settings: Settings, target: Target, roles: Sequence[str]) -> Iterator[Clash]:
    """Values that the CRM would refuse with every call, of the rules of these roles. Empty ones are none; of a field that was
    never described nothing is known."""
    for role in roles:
        fields = target.roles.get(role, frozenset())
        for key, value in getattr(settings, role).values.items():
            if value is None or value in ("", []):
                continue
            name = next(iter(further({key: value}, fields)))
            path = f"{role}.values.{key}"
            back = ((because(why.WAY_CRM_DEFAULT), {path: None}),)
            kind = target.types.get((role, name), "other")
            ids = {id for id, _ in target.choices.get((role, name), ())}
            given = value if isinstance(value, list) else [value]
            strange = [one for one in given if str(one) not in ids]
            if not fits(kind, value):
                reason = because(why.CLASH_VALUE, role=role, field=name, value=str(value), type=kind)
                yield Clash((path,), reason, ways_out=back)
            elif ids and strange:
                reason = because(why.CLASH_CHOICE, role=role, field=name, value=str(strange[0]))
                yield Clash((path,), reason, ways_out=back)


def fits(kind: str, value: Any) -> bool:
    """Whether a field of this type (sdk.contract.FieldSchema.type) can hold it. Of links, users and types without a name of
    ours nothing is known."""
    if kind in ("number", "money"):
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "date":
        return isinstance(value, str) and bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value)) and _is_time(value)
    if kind == "datetime":
        return isinstance(value, str) and "T" in value and _is_time(value)
    if kind == "email":
        return isinstance(value, str) and bool(EMAIL.fullmatch(value))
    if kind == "choices":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if kind in ("text", "phone", "url", "choice"):
        return isinstance(value, str | int | float) and not isinstance(value, bool)
    return True


def _is_time(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
