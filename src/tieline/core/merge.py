"""Merges what two sides hold, line by line, three ways: each side against its own part of the base.

A side has changed a line when its value is not the same as its part of the base. One changed: the other follows. Both changed to
the same: they agree. Both changed differently: the line's policy says. Without a base (they were just linked): an empty side is
filled, what is equal agrees, what differs goes by the policy. Deciding again once the writes are done writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from tieline.core.pairing import (
    LEFT,
    RIGHT,
    SIDES,
    Base,
    Direction,
    Joined,
    Line,
    LineResult,
    LineState,
    Policy,
    Side,
    other,
)
from tieline.core.reasons import Reason, because, declare
from tieline.core.same import CANNOT_HOLD, DEFAULT_COUNTRY, agree, for_side, is_empty, mails, same

SAME: Final = declare("customers.line.same")
CHANGED: Final = declare("customers.line.changed", "side")
FILLED: Final = declare("customers.line.filled", "side")
EMPTIED: Final = declare("customers.line.emptied", "side")
CHOSEN: Final = declare("customers.line.chosen", "side")
WINS: Final = declare("customers.line.wins", "side")
NEWEST: Final = declare("customers.line.newest", "side", "at", "other_at")
ONE_WAY_WINS: Final = declare("customers.line.one_way_wins", "side")
CREATED: Final = declare("customers.line.created", "side")

ASK_POLICY: Final = declare("customers.conflict.ask")
ASK_NO_TIME: Final = declare("customers.conflict.no_time", "side")
ASK_TOO_CLOSE: Final = declare("customers.conflict.too_close", "seconds")
ASK_FIRST: Final = declare("customers.conflict.first")

HELD_ONE_WAY: Final = declare("customers.held.one_way", "side")
HELD_SWITCH: Final = declare("customers.held.switch", "side")
HELD_NOT_EMPTIED: Final = declare("customers.held.not_emptied", "side")
HELD_NO_VALUE: Final = declare("customers.held.no_value", "side")
HELD_PARENT: Final = declare("customers.held.parent", "role")
HELD_NOT_READ: Final = declare("customers.held.not_read", "side")
HELD_DRIFT: Final = declare("customers.held.drift")

USABLE_S: Final = 2.0
"""Two changes within so many seconds: nobody can say which was the later one (CUST-10)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all lines of one record.

    country   of the workspace, for phone numbers and registration numbers
    choices   line → side whose value a person chose
    times     side → when the vendor says the record changed last, ISO 8601; None where it says nothing
    moves     sides from which changes may go to the other one; a person's choice goes all the same
    strict    what does not agree is named even where neither side changed it since (a proof of agreement knows no base)
    """

    country: str = DEFAULT_COUNTRY
    choices: Mapping[str, Side] = field(default_factory=dict)
    times: Mapping[Side, str | None] = field(default_factory=dict)
    moves: frozenset[Side] = frozenset(SIDES)
    strict: bool = False


def merge(
    lines: Iterable[Line], left: Mapping[str, Any], right: Mapping[str, Any], base: Base, rules: Rules
) -> tuple[LineResult, ...]:
    """What becomes of each line. left, right: field → value as read; a field that is not there was not read: its line is held."""
    return tuple(_merged(line, left, right, base.get(line.name), rules) for line in lines)


def written(lines: Sequence[Line], results: Sequence[LineResult], side: Side, country: str) -> dict[str, Any]:
    """field → value that this side shall hold where the merge writes to it."""
    by_name = {line.name: line for line in lines}
    state = f"to_{side}"
    return {
        by_name[one.line].field_of(side): _for(by_name[one.line], side, one, country)
        for one in results
        if one.state == state
    }


def base_after(lines: Sequence[Line], results: Sequence[LineResult], base: Base, country: str) -> Base:
    """What both sides last agreed on, once everything is written. Lines in conflict or held keep their old base."""
    by_name = {line.name: line for line in lines}
    out: dict[str, tuple[Any, Any]] = {}
    for one in results:
        line = by_name[one.line]
        if one.state == "same":
            out[one.line] = (one.left, one.right)
        elif one.state == "to_right":
            out[one.line] = (one.left, _for(line, RIGHT, one, country))
        elif one.state == "to_left":
            out[one.line] = (_for(line, LEFT, one, country), one.right)
        elif one.line in base:
            out[one.line] = base[one.line]
    return out


def allowed(direction: Direction, source: Side) -> bool:
    """Whether a line lets changes of this side go to the other."""
    return direction in {"both", "to_right" if source == LEFT else "to_left"}


def seconds_apart(one: str | None, another: str | None) -> float | None:
    """How much later the first is, in seconds; None where one of them is no time."""
    first, second = _time(one), _time(another)
    return None if first is None or second is None else (first - second).total_seconds()


# -- one line ----------------------------------------------------------------------------------------------------------


def _merged(
    line: Line,
    left_fields: Mapping[str, Any],
    right_fields: Mapping[str, Any],
    base: tuple[Any, Any] | None,
    rules: Rules,
) -> LineResult:
    for side, fields in ((LEFT, left_fields), (RIGHT, right_fields)):
        if line.field_of(side) not in fields:
            reason = because(HELD_NOT_READ, side=side)
            return LineResult(line.name, "held", left_fields.get(line.left), right_fields.get(line.right), None, reason)
    left, right = left_fields[line.left], right_fields[line.right]
    values: dict[Side, Any] = {LEFT: left, RIGHT: right}
    if line.name in rules.choices and not agree(line, left, right, rules.country):
        side = rules.choices[line.name]
        return _move(line, values, side, because(CHOSEN, side=side), rules, chosen=True)
    if base is None:
        return _first(line, values, rules)
    changed = tuple(
        side
        for side, before in zip(SIDES, base, strict=True)
        if not same(line.kind, values[side], before, rules.country)
    )
    if not changed and rules.strict and not agree(line, left, right, rules.country):
        return _held(line, values, because(HELD_DRIFT))
    if not changed or agree(line, left, right, rules.country):
        return LineResult(line.name, "same", left, right, left, because(SAME))
    if len(changed) == 1:
        return _follow(line, values, changed[0], rules)
    return _both(line, values, rules, because(ASK_POLICY))


def _first(line: Line, values: Mapping[Side, Any], rules: Rules) -> LineResult:
    """They were linked just now: nobody has agreed on anything."""
    if agree(line, values[LEFT], values[RIGHT], rules.country):
        return LineResult(line.name, "same", values[LEFT], values[RIGHT], values[LEFT], because(SAME))
    for side in SIDES:
        if is_empty(values[other(side)]):
            return _move(line, values, side, because(FILLED, side=side), rules)
    return _both(line, values, rules, because(ASK_FIRST))


def _follow(line: Line, values: Mapping[Side, Any], source: Side, rules: Rules) -> LineResult:
    """One side changed: the other one follows."""
    if is_empty(values[source]) and line.kind != "bool":
        if not _empties(line, values, source):
            return _held(line, values, because(HELD_NOT_EMPTIED, side=source))
        return _move(line, values, source, because(EMPTIED, side=source), rules)
    return _move(line, values, source, because(CHANGED, side=source), rules)


def _both(line: Line, values: Mapping[Side, Any], rules: Rules, why: Reason) -> LineResult:
    """Both sides hold different values, and neither is just the older one."""
    if line.direction != "both":
        source: Side = LEFT if line.direction == "to_right" else RIGHT
        if (
            is_empty(values[source])
            and line.kind != "bool"
            and (why.code == ASK_FIRST or not _empties(line, values, source))
        ):
            return _held(line, values, because(HELD_NOT_EMPTIED, side=source))
        return _move(line, values, source, because(ONE_WAY_WINS, side=source), rules)
    winner, reason = _winner(line.policy, rules.times, why)
    if winner is None:
        return LineResult(line.name, "conflict", values[LEFT], values[RIGHT], None, reason)
    if is_empty(values[winner]) and line.kind != "bool" and not _empties(line, values, winner):
        return _held(line, values, because(HELD_NOT_EMPTIED, side=winner))
    return _move(line, values, winner, reason, rules)


def _empties(line: Line, values: Mapping[Side, Any], source: Side) -> bool:
    """Whether the other side is emptied with this one: not by a side with room for one address where several stand, which it never held."""
    several = line.kind == "email" and line.form_of(source) == "one" and len(mails(values[other(source)])) > 1
    return line.clears and not several


def _winner(policy: Policy, times: Mapping[Side, str | None], why: Reason) -> tuple[Side | None, Reason]:
    if policy in SIDES:
        side: Side = LEFT if policy == "left" else RIGHT
        return side, because(WINS, side=side)
    if policy == "ask":
        return None, why
    apart = seconds_apart(times.get(LEFT), times.get(RIGHT))
    if apart is None:
        without = next((side for side in SIDES if _time(times.get(side)) is None), LEFT)
        return None, because(ASK_NO_TIME, side=without)
    if abs(apart) <= USABLE_S:
        return None, because(ASK_TOO_CLOSE, seconds=abs(apart))
    side = LEFT if apart > 0 else RIGHT
    return side, because(NEWEST, side=side, at=times[side], other_at=times[other(side)])


def _move(
    line: Line, values: Mapping[Side, Any], source: Side, reason: Reason, rules: Rules, *, chosen: bool = False
) -> LineResult:
    """The other side shall hold the value of this one, if line and switches let it."""
    target = other(source)
    value = values[source]
    if not allowed(line.direction, source):
        return _held(line, values, because(HELD_ONE_WAY, side=source))
    if not chosen and source not in rules.moves:
        return _held(line, values, because(HELD_SWITCH, side=source))
    if isinstance(value, Joined) and not value.key:
        return _held(line, values, because(HELD_PARENT, role=line.role))
    coming = for_side(line, target, value, held=values[target], country=rules.country)
    if coming is CANNOT_HOLD:
        return _held(line, values, because(HELD_NO_VALUE, side=target))
    if same(line.kind, coming, values[target], rules.country):
        return LineResult(line.name, "same", values[LEFT], values[RIGHT], value, because(SAME))
    state: LineState = "to_right" if target == RIGHT else "to_left"
    return LineResult(line.name, state, values[LEFT], values[RIGHT], value, reason)


def _held(line: Line, values: Mapping[Side, Any], reason: Reason) -> LineResult:
    return LineResult(line.name, "held", values[LEFT], values[RIGHT], None, reason)


def _for(line: Line, side: Side, one: LineResult, country: str) -> Any:
    held = one.left if side == LEFT else one.right
    return for_side(line, side, one.value, held=held, country=country)


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
