"""Settings of a pair that contradict, each with its smallest example and the ways out of it; and what is only said, not refused.

Rules of a clash are "role.line", or a path into the settings; changes are paths whose parts in a list are a line's or role's name;
None takes the line away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tieline.core.flow import Clash, Target
from tieline.core.merge import allowed
from tieline.core.pairing import LEFT, SIDES, Side, other
from tieline.core.reasons import Reason, because
from tieline.core.values import known_country
from tieline.flows.customers import reasons as why
from tieline.flows.customers.check_lines import line_clashes, line_remarks
from tieline.flows.customers.conditions import led_to
from tieline.flows.customers.lines import match_by, own_name, required, top_role, top_roles
from tieline.flows.customers.settings import RoleRule, Settings

CLOSED: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {"stage_kind": (("open", ""), ("won", ""), ("lost", ""))}
"""What a canonical field holds whatever the system is."""

Targets = Mapping[Side, Target]
Choices = Sequence[tuple[str, str]]
Way = tuple[Reason, Mapping[str, Any]]
_NOT_ACTIVE: Final[tuple[Way, ...]] = (
    (because(why.WAY_AT_CREATION), {"crm_new": "at_creation"}),
    (because(why.WAY_BY_HAND), {"crm_new": "by_hand"}),
)
"""Ways out of a condition of being active."""


@dataclass(frozen=True, slots=True)
class Checks:
    """clashes: settings with these cannot be saved. remarks: they can, and people should know."""

    clashes: tuple[Clash, ...] = ()
    remarks: tuple[Clash, ...] = ()


def values_of(target: Target, role: str, field: str) -> Choices:
    """(value, the system's own word for it) of all that a field can hold, where there are only so many."""
    return target.choices.get((role, field)) or CLOSED.get(field, ())


def check(settings: Settings, targets: Targets) -> Checks:
    """Everything there is to say of them. A side without a target (its description was never read) is not judged."""
    clashes = [
        *_general(settings, targets),
        *_roles(settings, targets),
        *(clash for rule in _on(settings) for clash in line_clashes(rule, targets)),
        *(clash for rule in _on(settings) for clash in _creates(settings, rule, targets)),
    ]
    remarks = [
        *_quiet(settings),
        *(remark for rule in _on(settings) for remark in line_remarks(rule, targets)),
        *(remark for rule in _on(settings) for remark in _matching(settings, rule)),
        *(remark for rule in _on(settings) for remark in _deletions(settings, rule, targets)),
    ]
    return Checks(tuple(clashes), tuple(remarks))


def _on(settings: Settings) -> tuple[RoleRule, ...]:
    return tuple(rule for rule in settings.roles if rule.on)


def _general(settings: Settings, targets: Targets) -> Iterator[Clash]:
    if not known_country(settings.default_country):
        yield Clash(("default_country",), because(why.CLASH_COUNTRY, country=settings.default_country))
    active = settings.active
    if settings.crm_new == "when_active":
        if active is None or not active.tests or any(not test.field for test in active.tests):
            yield Clash(("crm_new", "active"), because(why.CLASH_CONDITION), {"name": "Nordlys ApS"}, _NOT_ACTIVE)
        else:
            yield from _condition_served(settings, targets)
            yield from _condition_values(settings, targets)
    mark = settings.mark
    if mark.kind == "field" and not mark.field:
        everyone: Way = (because(why.WAY_MARK_ALL), {"mark.kind": "all"})
        yield Clash(("mark.kind", "mark.field"), because(why.CLASH_MARK), {"name": "Nordlys ApS"}, (everyone,))


def _condition_served(settings: Settings, targets: Targets) -> Iterator[Clash]:
    """Records that the CRM does not have, or that do not lead to a customer, make none active."""
    condition, target = settings.active, targets.get(LEFT)
    if condition is None or target is None or not target.readable:
        return
    role = condition.role or top_role(settings)
    example = {"name": "Nordlys ApS"}
    if all(of != role for of, _ in target.readable):
        yield Clash(("active.role",), because(why.CLASH_CONDITION_ROLE, role=role), example, _NOT_ACTIVE)
        return
    if condition.role:
        to = led_to(role, condition.link)
        known = target.readable.get((role, condition.link)) == "link"
        if not known or (to is not None and to not in top_roles(settings)):
            reason = because(why.CLASH_CONDITION_LINK, role=role, what=condition.link)
            yield Clash(("active.link",), reason, example, _NOT_ACTIVE)
    for number, test in enumerate(condition.tests):
        if (role, test.field) not in target.readable:
            reason = because(why.CLASH_CONDITION_FIELD, role=role, what=test.field)
            yield Clash((f"active.tests.{number}",), reason, example, _NOT_ACTIVE)


def _condition_values(settings: Settings, targets: Targets) -> Iterator[Clash]:
    """A value that the field's closed list does not have is never true."""
    active = settings.active
    target = targets.get(LEFT)
    if active is None or target is None:
        return
    for number, test in enumerate(active.tests):
        choices = values_of(target, active.role or top_role(settings), test.field)
        if not choices or test.operator not in ("is", "in", "is_not", "not_in"):
            continue
        known = {id.casefold() for id, _ in choices}
        for value in test.values:
            if value.casefold() not in known:
                reason = because(why.CLASH_CONDITION_VALUE, what=test.field, said=value)
                yield Clash((f"active.tests.{number}",), reason, {test.field: value})


def _roles(settings: Settings, targets: Targets) -> Iterator[Clash]:
    on = _on(settings)
    if settings.on and not on:
        ways = tuple(
            (because(why.WAY_ROLE_ON, role=rule.role), {f"roles.{rule.role}.on": True}) for rule in settings.roles
        )
        yield Clash(("roles",), because(why.CLASH_NO_ROLE), None, ways)
    names = [rule.role for rule in settings.roles]
    for role in dict.fromkeys(names):
        if names.count(role) > 1:
            yield Clash((role,), because(why.CLASH_ROLE_TWICE, role=role))
    for rule in on:
        off: Way = (because(why.WAY_ROLE_OFF, role=rule.role), {f"roles.{rule.role}.on": False})
        for side in SIDES:
            target = targets.get(side)
            if target is not None and target.roles and rule.role not in target.roles:
                yield Clash(
                    (rule.role,), because(why.CLASH_ROLE, role=rule.role, side=side), {"name": "Anna Holm"}, (off,)
                )
        for line in rule.lines:
            if line.kind == "link" and line.role not in {one.role for one in on}:
                drop: Way = (because(why.WAY_DROP_LINE, what=line.name), {f"roles.{rule.role}.lines.{line.name}": None})
                outs = [drop]
                if line.role in names:
                    outs.append((because(why.WAY_ROLE_ON, role=line.role), {f"roles.{line.role}.on": True}))
                reason = because(why.CLASH_PARENT, what=line.name, role=line.role)
                yield Clash(
                    (f"{rule.role}.{line.name}",), reason, {"name": "Anna Holm", line.name: "Nordlys ApS"}, tuple(outs)
                )
    yield from _role_circles(on)


def _role_circles(on: tuple[RoleRule, ...]) -> Iterator[Clash]:
    """Each role waits for its parent: a circle would wait for ever."""
    parents = {
        rule.role: {line.role for line in rule.lines if line.kind == "link" and line.role != rule.role} for rule in on
    }
    while True:
        free = [role for role, above in parents.items() if not above & parents.keys()]
        if not free:
            break
        for role in free:
            del parents[role]
    if parents:
        rules = tuple(
            f"{rule.role}.{line.name}"
            for rule in on
            if rule.role in parents
            for line in rule.lines
            if line.kind == "link" and line.role in parents
        )
        ways = tuple(
            (because(why.WAY_DROP_LINE, what=name), {f"roles.{role}.lines.{name}": None})
            for role, name in (one.split(".", 1) for one in rules)
        )
        yield Clash(rules, because(why.CLASH_ROLE_CIRCLE, roles=sorted(parents)), {"name": "Nordlys ApS"}, ways)


def _creates(settings: Settings, rule: RoleRule, targets: Targets) -> Iterator[Clash]:
    """A new record on a side gets what that side insists on (CUST-9)."""
    for side in SIDES:
        off: Way = (
            (because(why.WAY_NOT_CREATED, side=side), {"erp_created": False})
            if side == LEFT
            else (because(why.WAY_NOT_CREATED, side=side), {"crm_new": "off"})
        )
        if not (settings.erp_created if side == LEFT else settings.crm_new != "off"):
            continue
        given = {
            line.left if side == LEFT else line.right for line in rule.lines if allowed(line.direction, other(side))
        }
        if not given:
            reason = because(why.CLASH_NOTHING_GIVEN, role=rule.role, side=side)
            yield Clash((f"{rule.role}.lines",), reason, {"name": "Nordlys ApS"}, (off,))
            continue
        target = targets.get(side)
        needed = required(target, rule.role) if target is not None else ()
        chosen = rule.values_of(side).items()
        have = given | {own_name(target, rule.role, name) for name, value in chosen if value not in (None, "")}
        missing = sorted(name for name in needed if name not in have)
        if missing:
            paths = tuple(f"{rule.role}.{side}_values.{name}" for name in missing)
            ways = [off]
            if target is not None and all(target.choices.get((rule.role, name)) for name in missing):
                picks = {
                    f"roles.{rule.role}.{side}_values.{name}": dict(
                        zip(("id", "label"), target.choices[rule.role, name][0], strict=True)
                    )
                    for name in missing
                }
                labels = ", ".join(str(pick["label"] or pick["id"]) for pick in picks.values())
                ways.insert(0, (because(why.WAY_FIRST_CHOICE, said=labels), picks))
            reason = because(why.CLASH_REQUIRED, role=rule.role, side=side, fields=missing)
            yield Clash(paths, reason, {"name": "Nordlys ApS"}, tuple(ways))


# -- what is only said ---------------------------------------------------------------------------------------------------


def _quiet(settings: Settings) -> Iterator[Clash]:
    if settings.crm_new == "off" and not (settings.crm_changed or settings.erp_created or settings.erp_changed):
        yield Clash(("crm_new", "crm_changed", "erp_created", "erp_changed"), because(why.REMARK_NOTHING_MOVES))


def _matching(settings: Settings, rule: RoleRule) -> Iterator[Clash]:
    there = {one.rule for one in match_by(settings, rule.role)}
    if not there:
        yield Clash((f"{rule.role}.match",), because(why.REMARK_NO_MATCH, role=rule.role))
    for number, one in enumerate(rule.match):
        if there and one.rule not in there:
            reason = because(why.REMARK_RULE_EMPTY, role=rule.role, rule=one.rule)
            yield Clash((f"{rule.role}.match.{number}",), reason)


def _deletions(settings: Settings, rule: RoleRule, targets: Targets) -> Iterator[Clash]:
    for side in SIDES:
        target = targets.get(other(side))
        deletes = target.deletes if target is not None else None
        if settings.deletions.of(side) == "delete" and deletes is not None and rule.role not in deletes:
            reason = because(why.REMARK_NO_DELETE, role=rule.role, side=other(side))
            yield Clash((f"deletions.{side}",), reason)
