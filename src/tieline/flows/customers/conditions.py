"""Whether a customer is active, and whether it is marked (CUST-2, CUST-3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from tieline.core.fields import FIELDS, LINK
from tieline.core.record import Record
from tieline.core.same import is_empty, normal
from tieline.flows.customers.settings import Condition, Settings, Test


def made_active(condition: Condition, record: Record, related: Sequence[Record] = ()) -> Record | None:
    """The record of which the saved condition holds: this customer, or the first of those that lead to it. Without tests there is
    none."""
    if not condition.tests:
        return None
    subjects = [record] if not condition.role else [one for one in related if one.role == condition.role]
    every = all if condition.match == "all" else any
    return next((one for one in subjects if every(holds(test, one.fields) for test in condition.tests)), None)


def led_to(role: str, link: str) -> str | None:
    """The role that a canonical link leads to; None for a vendor's own field, or one that is no link."""
    known = FIELDS.get(role, {}).get(link)
    return known.value.removeprefix(LINK) if known is not None and known.value.startswith(LINK) else None


def is_marked(settings: Settings, left: Record | None) -> bool:
    """Whether the CRM's own field says that this customer is kept the same; always where there is no such field."""
    mark = settings.mark
    if mark.kind != "field" or left is None or mark.field not in left.fields:
        return True
    value = left.get(mark.field)
    if mark.values:
        return _folded(value) in {_folded(one) for one in mark.values}
    return normal("bool", value) is True


def mark_value(settings: Settings) -> Any:
    """What the mark's field holds of a customer that is marked."""
    return settings.mark.values[0] if settings.mark.values else True


def holds(test: Test, fields: Mapping[str, Any]) -> bool:
    """Whether one comparison holds. A field that was not read holds for nothing."""
    if test.field not in fields:
        return False
    value = fields[test.field]
    wanted = [_folded(one) for one in test.values]
    held = [_folded(one) for one in value] if isinstance(value, list | tuple) else [_folded(value)]
    match test.operator:
        case "filled":
            return not is_empty(value)
        case "empty":
            return is_empty(value)
        case "yes" | "no":
            return (normal("bool", value) is True) == (test.operator == "yes")
        case "is" | "in":
            return any(one in wanted for one in held)
        case "is_not" | "not_in":
            return not any(one in wanted for one in held)
        case "contains":
            return any(part in one for part in wanted for one in held)
        case "more" | "less":
            return any(_order(one, part) == (1 if test.operator == "more" else -1) for part in wanted for one in held)


def _folded(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(str(value).split()).casefold() if value is not None else ""


def _order(one: str, another: str) -> int:
    """-1, 0, 1: as numbers where both are, else as text (ISO dates are in their order so); 0 where something is missing."""
    if not one or not another:
        return 0
    try:
        a, b = Decimal(one), Decimal(another)
    except InvalidOperation:
        return (one > another) - (one < another)
    return 0 if a.is_nan() or b.is_nan() else (a > b) - (a < b)
