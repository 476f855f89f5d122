"""From settings to the lines, fields and look-ups of a role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tieline.core.flow import Target
from tieline.core.match import KIND_OF_RULE, MatchBy, wanted
from tieline.core.pairing import LEFT, RIGHT, Line, Side, Watched
from tieline.core.plan import Find
from tieline.core.record import Record
from tieline.flows.customers.conditions import led_to
from tieline.flows.customers.settings import LineRule, Settings

CHANGED_AT: Final = "last_activity"
"""Canonical field: when something happened with the record last, for where its version is no time."""
CREATED_AT: Final = "created_at"

Targets = Mapping[Side, Target]


def roles(settings: Settings) -> tuple[str, ...]:
    """The roles that are kept the same, parents first."""
    left = [one for one in settings.roles if one.on]
    out: list[str] = []
    while left:
        waiting = {one.role for one in left}
        free = [
            one for one in left if not {line.role for line in one.lines if line.kind == "link"} & (waiting - {one.role})
        ]
        out.extend(one.role for one in free or left)  # a circle is refused when it is saved
        left = [one for one in left if one.role not in out]
    return tuple(out)


def lines(settings: Settings, role: str, targets: Targets | None = None) -> tuple[Line, ...]:
    """The lines of a role, with the lengths that the systems tell."""
    rule = settings.role(role)
    return tuple(_line(one, role, targets or {}) for one in rule.lines) if rule is not None else ()


SHARED_NAMES = frozenset(("first_name", "last_name", "company"))
"""Names that many share: who has one of them in common with somebody is not the same for that."""


def match_by(settings: Settings, role: str) -> tuple[MatchBy, ...]:
    """The rules of the first match in their order."""
    rule = settings.role(role)
    if rule is None:
        return ()
    out = []
    for one in rule.match:
        fields = [
            line
            for line in rule.lines
            if (line.name in one.lines if one.lines else KIND_OF_RULE.get(line.kind) == one.rule)
        ]
        if one.rule == "name" and not one.lines:
            fields = [line for line in fields if not {line.left, line.right} & SHARED_NAMES]
        if fields:
            left, right = tuple(line.left for line in fields), tuple(line.right for line in fields)
            out.append(MatchBy(one.rule, left, right, one.decides))
    return tuple(out)


def further(settings: Settings, role: str, side: Side) -> tuple[str, ...]:
    """What is read of that side beside the lines: the mark, the condition, and the times."""
    names = [CHANGED_AT, CREATED_AT]
    if side == LEFT and is_top(settings, role):
        if settings.mark.kind == "field" and settings.mark.field:
            names.append(settings.mark.field)
        if settings.crm_new == "when_active" and settings.active is not None and not settings.active.role:
            names.extend(test.field for test in settings.active.tests)
    return tuple(dict.fromkeys(names))


def is_top(settings: Settings, role: str) -> bool:
    """Whether records of this role belong to no other that is kept the same."""
    return parent_of(settings, role) is None


def watched(settings: Settings) -> tuple[Watched, ...]:
    """What is read of the CRM beside the customers, since a change there may make one active: nothing, or the records of the
    condition."""
    condition = settings.active
    if not settings.on or settings.crm_new != "when_active" or condition is None or not condition.role:
        return ()
    to = led_to(condition.role, condition.link) or top_role(settings)
    if to not in top_roles(settings) or not condition.tests:
        return ()
    fields = dict.fromkeys((*(test.field for test in condition.tests), "name"))
    return (Watched(condition.role, condition.link, to, tuple(fields)),)


def top_roles(settings: Settings) -> tuple[str, ...]:
    """The roles whose records belong to no other that is kept the same."""
    return tuple(role for role in roles(settings) if is_top(settings, role))


def top_role(settings: Settings) -> str:
    """The role that is meant by "the customer itself": "account", or "contact" where only contact persons are kept the same."""
    return next(iter(top_roles(settings)), "account")


def parent_of(settings: Settings, role: str) -> LineRule | None:
    """The line that leads to the parent role."""
    rule = settings.role(role)
    kept = {one.role for one in settings.roles if one.on}
    if rule is None:
        return None
    return next((line for line in rule.lines if line.kind == "link" and line.role in kept and line.role != role), None)


def own_name(target: Target | None, role: str, name: str) -> str:
    """A field as lines name it: canonical where the side has such a name, else the vendor's own as "=Industry"."""
    fields = target.roles.get(role) if target is not None else None
    return name if not fields or name in fields or name.startswith("=") else f"={name}"


def required(target: Target, role: str) -> tuple[str, ...]:
    """What a new record there must be given, of the layout that the system takes by itself, as lines name it."""
    return tuple(own_name(target, role, name) for name in next(iter(target.required.get(role, {}).values()), ()))


def finds(by: Sequence[MatchBy], role: str, side: Side, record: Record, country: str) -> Sequence[Sequence[Find]]:
    """Rule by rule the look-ups on the other side; () where the record has no value for a rule. The values are the same whatever
    side they come from, so that two records agree by a rule where they share one. by: of `match_by`."""
    found = {one.rule: one for one in wanted(by, side, record.fields, country)}
    return tuple(
        tuple(Find(role, name, value) for name in found[one.rule].by for value in found[one.rule].values)
        if one.rule in found
        else ()
        for one in by
    )


def _line(rule: LineRule, role: str, targets: Targets) -> Line:
    def length(side: Side, said: int | None) -> int | None:
        target = targets.get(side)
        told = target.lengths.get((role, rule.left if side == LEFT else rule.right)) if target is not None else None
        return min(one for one in (said, told) if one is not None) if said is not None or told is not None else None

    return Line(
        rule.name, rule.left, rule.right, rule.kind, rule.direction, rule.policy,
        length(LEFT, rule.left_length), length(RIGHT, rule.right_length), rule.values, rule.role, rule.clears,
        rule.left_form, rule.right_form,
    )  # fmt: skip
