"""What can be wrong with the lines of a role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tieline.core.flow import Clash, Target
from tieline.core.merge import allowed
from tieline.core.pairing import LEFT, RIGHT, SIDES, Side, other
from tieline.core.reasons import Reason, because
from tieline.flows.customers import reasons as why
from tieline.flows.customers.settings import LineRule, RoleRule

Targets = Mapping[Side, Target]
Way = tuple[Reason, Mapping[str, Any]]

_TEXTS: Final = frozenset(("text", "phone", "email", "url", "other"))
_FITS: Final[tuple[frozenset[str], ...]] = (
    _TEXTS,
    frozenset(("number", "money", "text", "other")),
    frozenset(("bool", "other")),
    frozenset(("date", "datetime", "other")),
    frozenset(("choice", "text", "other")),
    frozenset(("choices", "other")),
    frozenset(("link", "other")),
    frozenset(("user", "other")),
)
"""Types of fields that can stand on one line: anything of one group with anything of it."""
_KIND_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "bool": frozenset(("bool", "other")),
    "date": frozenset(("date", "datetime", "text", "other")),
    "number": frozenset(("number", "money", "text", "other")),
    "link": frozenset(("link", "number", "text", "other")),
    "email": frozenset(("email", "text", "other")),
    "phone": frozenset(("phone", "text", "other")),
    "url": frozenset(("url", "text", "other")),
}


def line_clashes(rule: RoleRule, targets: Targets) -> Iterator[Clash]:
    """Contradictions among the lines of one role."""
    yield from _twice(rule)
    yield from _two_writers(rule)
    yield from _circles(rule)
    for line in rule.lines:
        yield from _types(rule, line, targets)
        yield from _masters(rule, line)
        yield from _choices(rule, line, targets)


def line_remarks(rule: RoleRule, targets: Targets) -> Iterator[Clash]:
    """Lines that work and do less than they seem to."""
    for line in rule.lines:
        name = (f"{rule.role}.{line.name}",)
        for side in SIDES:
            target = targets.get(side)
            field = field_of(line, side)
            if target is None or rule.role not in target.roles or not allowed(line.direction, other(side)):
                continue
            if (rule.role, field) not in target.types and field not in target.roles[rule.role]:
                yield Clash(
                    name, because(why.REMARK_READ_ONLY, what=line.name, side=side), None, _one_way(rule, line, side)
                )
            mine, theirs = _length(rule, line, side, targets), _length(rule, line, other(side), targets)
            if mine is not None and (theirs is None or theirs > mine) and line.kind not in _UNCUT:
                reason = because(why.REMARK_TOO_SHORT, what=line.name, side=side, length=mine)
                yield Clash(name, reason, {line.name: "x" * min(mine + 1, 60)}, _one_way(rule, line, side))
        yield from _unmapped(rule, line, targets)


_UNCUT: Final = frozenset(("bool", "choice", "link", "number", "date", "country"))


def field_of(line: LineRule, side: Side) -> str:
    return line.left if side == LEFT else line.right


def _drop(rule: RoleRule, line: LineRule) -> Way:
    return because(why.WAY_DROP_LINE, what=line.name), {f"roles.{rule.role}.lines.{line.name}": None}


def _one_way(rule: RoleRule, line: LineRule, side: Side) -> tuple[Way, ...]:
    """The way out of a line that should not write to this side."""
    if line.direction != "both":
        return (_drop(rule, line),)
    direction = "to_right" if side == LEFT else "to_left"
    change = {f"roles.{rule.role}.lines.{line.name}.direction": direction}
    return (because(why.WAY_ONE_WAY, what=line.name, side=other(side)), change), _drop(rule, line)


def _twice(rule: RoleRule) -> Iterator[Clash]:
    names = [line.name for line in rule.lines]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield Clash((f"{rule.role}.{name}",), because(why.CLASH_LINE_TWICE, what=name), {name: "Nordlys ApS"})


def _two_writers(rule: RoleRule) -> Iterator[Clash]:
    """Two lines that write one field: the later one would win, and write for ever."""
    for side in SIDES:
        writers: dict[str, list[LineRule]] = {}
        for line in rule.lines:
            if allowed(line.direction, other(side)):
                writers.setdefault(field_of(line, side), []).append(line)
        for field, (first, *more) in writers.items():
            for line in more:
                if line.name == first.name:
                    continue
                reason = because(why.CLASH_TWO_WRITERS, what=first.name, other=line.name, side=side, field=field)
                ways = (*_one_way(rule, line, side), *_one_way(rule, first, side))
                rules = (f"{rule.role}.{first.name}", f"{rule.role}.{line.name}")
                yield Clash(rules, reason, {first.name: "A", line.name: "B"}, ways)


def _circles(rule: RoleRule) -> Iterator[Clash]:
    """One-way lines that lead back to where they began: a change would go round and come back as another one."""
    edges: dict[tuple[Side, str], list[tuple[tuple[Side, str], LineRule]]] = {}
    for line in rule.lines:
        if line.direction != "both":
            source: Side = LEFT if line.direction == "to_right" else RIGHT
            edges.setdefault((source, field_of(line, source)), []).append(
                ((other(source), field_of(line, other(source))), line)
            )
    seen: set[frozenset[str]] = set()
    for start in edges:
        for path in _paths(edges, start):
            names = frozenset(line.name for line in path)
            if names in seen:
                continue
            seen.add(names)
            reason = because(why.CLASH_CIRCLE, lines=[line.name for line in path])
            ways: list[Way] = [_drop(rule, line) for line in path]
            if len(path) == 2 and path[0].left == path[1].left:
                one, two = path
                changes = {
                    f"roles.{rule.role}.lines.{one.name}.direction": "both", f"roles.{rule.role}.lines.{two.name}": None,
                }  # fmt: skip
                ways.insert(0, (because(why.WAY_BOTH_WAYS, what=one.name), changes))
            yield Clash(tuple(f"{rule.role}.{line.name}" for line in path), reason, {path[0].name: "A"}, tuple(ways))


def _paths(
    edges: Mapping[tuple[Side, str], list[tuple[tuple[Side, str], LineRule]]], start: tuple[Side, str]
) -> Iterator[list[LineRule]]:
    """Ways from a field back to it, each field once."""
    stack: list[tuple[tuple[Side, str], list[LineRule], frozenset[tuple[Side, str]]]] = [
        (start, [], frozenset([start]))
    ]
    while stack:
        here, path, been = stack.pop()
        for there, line in edges.get(here, ()):
            if there == start:
                yield [*path, line]
            elif there not in been:
                stack.append((there, [*path, line], been | {there}))


def _types(rule: RoleRule, line: LineRule, targets: Targets) -> Iterator[Clash]:
    """Pairs of types that nothing can be carried between, and kinds that a type cannot be."""
    types = {
        side: targets[side].types.get((rule.role, field_of(line, side)), "") if side in targets else ""
        for side in SIDES
    }
    left, right = types[LEFT], types[RIGHT]
    fits = _KIND_TYPES.get(line.kind)
    wrong = bool(left and right) and not any(left in group and right in group for group in _FITS)
    if line.kind == "link":
        wrong = False
    if fits is not None and any(one and one not in fits for one in (left, right)):
        wrong = True
    if wrong:
        reason = because(why.CLASH_TYPES, what=line.name, left_type=left or line.kind, right_type=right or line.kind)
        yield Clash(
            (f"{rule.role}.{line.name}",), reason, {line.name: _EXAMPLES.get(left or right, "A")}, (_drop(rule, line),)
        )


_EXAMPLES: Final = {
    "number": "12",
    "money": "12.50",
    "bool": "true",
    "date": "2026-11-20",
    "email": "anna@nordlys.example",
}


def _masters(rule: RoleRule, line: LineRule) -> Iterator[Clash]:
    """A line that goes one way only, and whose policy says that the other side wins: both would be the master."""
    source = {"to_right": LEFT, "to_left": RIGHT}.get(line.direction)
    if source is None or line.policy not in SIDES or line.policy == source:
        return
    at = f"roles.{rule.role}.lines.{line.name}"
    ways: tuple[Way, ...] = (
        (because(why.WAY_ASK, what=line.name), {f"{at}.policy": "ask"}),
        (because(why.WAY_BOTH_WAYS, what=line.name), {f"{at}.direction": "both"}),
    )
    reason = because(why.CLASH_BOTH_MASTERS, what=line.name, side=line.policy)
    yield Clash((f"{rule.role}.{line.name}",), reason, {line.name: "A"}, ways)


def _choices(rule: RoleRule, line: LineRule, targets: Targets) -> Iterator[Clash]:
    """A mapped choice that the side does not have."""
    if line.kind != "choice":
        return
    for side, ids in ((LEFT, line.values.keys()), (RIGHT, line.values.values())):
        target = targets.get(side)
        choices = target.choices.get((rule.role, field_of(line, side))) if target is not None else None
        if not choices:
            continue
        known = {id for id, _ in choices}
        for id in dict.fromkeys(ids):
            if id not in known:
                reason = because(why.CLASH_CHOICE, what=line.name, side=side, said=id)
                yield Clash((f"{rule.role}.{line.name}",), reason, {line.name: id}, (_drop(rule, line),))


def _unmapped(rule: RoleRule, line: LineRule, targets: Targets) -> Iterator[Clash]:
    """Choices of one side that mean nothing on the other: such a value stays where it is."""
    if line.kind != "choice":
        return
    lists = {
        side: dict(targets[side].choices.get((rule.role, field_of(line, side)), ())) if side in targets else {}
        for side in SIDES
    }
    for side in SIDES:
        if not lists[side] or not allowed(line.direction, side):
            continue
        if line.values:
            mapped = set(line.values) if side == LEFT else set(line.values.values())
        elif lists[other(side)]:
            mapped = set(lists[other(side)])
        else:
            continue
        lacking = [label or id for id, label in lists[side].items() if id not in mapped]
        if lacking:
            reason = because(why.REMARK_UNMAPPED, what=line.name, side=side, said=", ".join(lacking[:5]))
            yield Clash((f"{rule.role}.{line.name}",), reason)


def _length(rule: RoleRule, line: LineRule, side: Side, targets: Targets) -> int | None:
    said = line.left_length if side == LEFT else line.right_length
    target = targets.get(side)
    told = target.lengths.get((rule.role, field_of(line, side))) if target is not None else None
    lengths = [one for one in (said, told) if one is not None]
    return min(lengths, default=None)
