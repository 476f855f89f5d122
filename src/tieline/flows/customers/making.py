"""A record that only one side has: is it the same as one over there, is it to be made there, and if not, why."""

from __future__ import annotations

from typing import Any

from tieline.core.merge import CREATED as LINE_CREATED
from tieline.core.merge import allowed
from tieline.core.pairing import (
    LEFT,
    RIGHT,
    Become,
    Candidate,
    Decision,
    Joined,
    LineResult,
    LineState,
    Side,
    Write,
    other,
)
from tieline.core.reasons import Reason, because
from tieline.core.record import Record
from tieline.core.same import CANNOT_HOLD, for_side, is_empty
from tieline.flows.customers import reasons as why
from tieline.flows.customers.case import Case
from tieline.flows.customers.conditions import is_marked, made_active, mark_value
from tieline.flows.customers.lines import is_top, own_name, parent_of, required
from tieline.flows.customers.updating import marked, update


def unlinked(case: Case, side: Side, record: Record) -> Decision:
    """One record of `side`, linked with nothing."""
    told = case.told
    if told.deletion is not None:
        return _after_deletion(case, side, record)
    if told.partner:
        chosen = next((one for one in case.candidates if one.record.id == told.partner), None)
        if chosen is None:
            return Decision(
                "missing", "none", candidates=case.candidates, reason=because(why.REFUSED_PARTNER, id=told.partner)
            )
        return joined(case, side, record, chosen, because(why.CHOSEN_PARTNER))
    closed = _closed(case, side, record)
    if closed is not None:
        return Decision(
            "missing" if closed.code == why.SWITCH else "not_marked", "none", candidates=case.candidates, reason=closed
        )
    sure = [one for one in case.candidates if one.sure]
    if told.partner is None and len(sure) == 1:
        rule = next(one.rule for one in sure[0].evidence if one.agrees)
        return joined(case, side, record, sure[0], because(why.MATCHED, rule=rule))
    failed = _not_created(case, side, record)
    if told.partner is None and case.candidates:
        count = len(case.candidates)
        asks = because(why.AMBIGUOUS if count > 1 else why.UNSURE, count=count)
        # to be the same it need not be new: a transfer may have asked this, and a feed names it again
        shut = failed if failed is not None and failed.code != why.NOT_NEW else None
        return Decision(
            "candidates", "none", candidates=case.candidates, asks=None if shut else asks, reason=shut or asks
        )
    if failed is not None:
        waits_for = _unlinked_parent(case, side, record) if failed.code == why.PARENT else None
        return Decision("missing", "none", candidates=case.candidates, reason=failed, waits_for=waits_for)
    return make(case, side, record, _created_because(case, side))


def joined(case: Case, side: Side, record: Record, candidate: Candidate, because_of: Reason) -> Decision:
    """The two are one: linked now, and what differs goes by the lines."""
    left, right = (record, candidate.record) if side == LEFT else (candidate.record, record)
    base = case.link.base if case.link is not None else {}
    return update(case, left, right, base=base, become=_made(case), matched=candidate, because_of=because_of)


def make(case: Case, source: Side, record: Record, because_of: Reason) -> Decision:
    """A create on the side across, with everything that its lines and defaults give."""
    target = other(source)
    rule = case.settings.role(case.role)
    values: dict[str, Any] = {}
    reasons: dict[str, Reason] = {}
    results: list[LineResult] = []
    base: dict[str, tuple[Any, Any]] = {}
    there = case.target(target)
    chosen = rule.values_of(target) if rule is not None else {}
    given = {own_name(there, case.role, name): value for name, value in chosen.items()}
    created, country = because(LINE_CREATED, side=source), case.country
    state: LineState = "to_right" if target == RIGHT else "to_left"
    for line in case.lines:
        here, name = (line.left, line.right) if source == LEFT else (line.right, line.left)
        value = record.fields.get(here)
        if not allowed(line.direction, source) or (isinstance(value, Joined) and not value.key):
            continue
        coming = for_side(line, target, value, country=country)
        if coming is CANNOT_HOLD:
            continue
        if is_empty(coming):
            if name not in given and here in record.fields:  # empty on both sides: agreed on
                base[line.name] = (value, None) if source == LEFT else (None, value)
            continue
        values[name] = coming
        reasons[line.name] = created
        base[line.name] = (value, coming) if source == LEFT else (coming, value)
        left, right = (value, None) if source == LEFT else (None, value)
        results.append(LineResult(line.name, state, left, right, value, created))
    for name, default in given.items():
        if is_empty(values.get(name)):
            values[name] = default
            reasons[f"={name}" if not name.startswith("=") else name] = because(why.DEFAULT)
    if target == LEFT and (mark := _new_mark(case)):
        values |= mark
        reasons["mark"] = because(why.MARKED)
    missing = _missing(case, target, values)
    if missing:
        reason = because(why.REQUIRED, side=target, fields=missing)
        return Decision("missing", "none", lines=tuple(results), candidates=case.candidates, reason=reason)
    writes = [Write(target, "create", case.role, "", values, {}, because_of, reasons)]
    if source == LEFT and (mark := marked(case, record)):
        before, said = {name: record.get(name) for name in mark}, {"mark": because(why.MARKED)}
        writes.append(Write(LEFT, "update", case.role, record.id, mark, before, because_of, said))
    return Decision("missing", _made_new(case, source), tuple(writes), tuple(results), base, reason=because_of)


# -- the conditions, in their order ------------------------------------------------------------------------------------


def _closed(case: Case, side: Side, record: Record) -> Reason | None:
    """What keeps it from being linked at all."""
    if case.told.create:
        return None
    settings = case.settings
    if case.parent_stopped:
        return because(why.STOPPED)
    if is_top(settings, case.role):
        marked = side == RIGHT or is_marked(settings, record)
    else:  # a contact person of either side goes along with its customer
        marked = is_marked(settings, case.parent)
    if not marked:
        return because(why.NOT_MARKED)
    on = (
        (settings.crm_new != "off" or settings.crm_changed)
        if side == LEFT
        else (settings.erp_created or settings.erp_changed)
    )
    return None if on else because(why.SWITCH, side=side)


def _not_created(case: Case, side: Side, record: Record) -> Reason | None:
    """The first condition of being made over there that fails."""
    settings, told = case.settings, case.told
    if not told.create:
        if side == RIGHT and not settings.erp_created:
            return because(why.SWITCH, side=side)
        if side == LEFT:
            failed = _crm_not_created(case, record)
            if failed is not None:
                return failed
        if told.event != "created" and _is_for_new(case, side):
            return because(why.NOT_NEW)
    waiting = _unlinked_parent(case, side, record)
    parent = parent_of(settings, case.role)
    if waiting is not None and parent is not None:
        return because(why.PARENT, role=parent.role)
    if parent is not None and is_empty(record.get(parent.left if side == LEFT else parent.right)):
        across = parent.right if side == LEFT else parent.left
        if across in required(case.target(other(side)), case.role):
            return because(why.NO_PARENT, role=parent.role)
    return None


def _crm_not_created(case: Case, record: Record) -> Reason | None:
    settings = case.settings
    if settings.crm_new == "off":
        return because(why.SWITCH, side=LEFT)
    if not is_top(settings, case.role):  # contact persons go along with their customer
        return None
    if settings.crm_new == "by_hand":
        return because(why.BY_HAND)
    if settings.crm_new == "when_active":
        if settings.active is None:
            return because(why.NO_CONDITION)
        return None if made_active(settings.active, record, case.related) is not None else because(why.NOT_ACTIVE)
    if settings.mark.kind == "field":  # the mark is the word
        return None
    if settings.mark.kind == "own" and not settings.mark.new:
        return because(why.NOT_MARKED)
    return None


def _is_for_new(case: Case, side: Side) -> bool:
    """Whether only new records of that side are made across: an edit of one that was there before sets nothing up. A contact person
    goes along with a customer that is set up later, by its mark, once it is active or by hand."""
    settings, is_person = case.settings, not is_top(case.settings, case.role)
    if settings.mark.kind == "field" and (side == LEFT or is_person):  # the mark is the word
        return False
    return side == RIGHT or settings.crm_new == "at_creation"


def _unlinked_parent(case: Case, side: Side, record: Record) -> Joined | None:
    parent = parent_of(case.settings, case.role)
    if parent is None:
        return None
    value = record.get(parent.left if side == LEFT else parent.right)
    return value if isinstance(value, Joined) and not value.key else None


def _created_because(case: Case, side: Side) -> Reason:
    if case.told.create:
        return because(why.CREATED_BY_HAND, side=side)
    if side == LEFT and case.settings.crm_new == "when_active" and is_top(case.settings, case.role):
        return _active_because(case)
    return because(why.CREATED, side=side)


def _active_because(case: Case) -> Reason:
    """Which record made it active, where that is another one."""
    condition, record = case.settings.active, case.left
    if condition is not None and condition.role and record is not None:
        through = made_active(condition, record, case.related)
        if through is not None:
            return because(why.CREATED_THROUGH, one=through.role, name=str(through.get("name") or ""), id=through.id)
    return because(why.CREATED_ACTIVE)


def _missing(case: Case, side: Side, values: dict[str, Any]) -> list[str]:
    """What the other system asks of a new record and nobody gives."""
    return sorted(name for name in required(case.target(side), case.role) if is_empty(values.get(name)))


def _made(case: Case) -> Become:
    return "stop" if case.told.mark is False and case.settings.mark.kind != "field" else "make"


def _made_new(case: Case, source: Side) -> Become:
    """As `_made`; a customer that comes from the ERP by itself has Tieline's own mark only where new ones have."""
    told, mark = case.told, case.settings.mark
    by_itself = told.mark is None and not told.create and told.deletion is None and case.link is None
    if by_itself and source == RIGHT and mark.kind == "own" and not mark.new and is_top(case.settings, case.role):
        return "stop"
    return _made(case)


def _new_mark(case: Case) -> dict[str, Any]:
    mark = case.settings.mark
    wanted = case.told.mark if case.told.mark is not None else mark.new
    if mark.kind != "field" or not mark.field or not wanted or not is_top(case.settings, case.role):
        return {}
    return {mark.field: mark_value(case.settings)}


def _after_deletion(case: Case, side: Side, record: Record) -> Decision:
    """A person said what a deletion means, and the link is no more (its number was given to somebody else meanwhile)."""
    if case.told.deletion == "restore":
        return make(case, side, record, because(why.RESTORED, side=other(side)))
    if case.told.deletion == "delete":
        said = because(why.DELETED_BY_HAND, side=other(side))
        write = Write(side, "delete", case.role, record.id, {}, dict(record.fields), said)
        return Decision("missing", "none", (write,), reason=said)
    return Decision("missing", "none", reason=because(why.STOPPED))
