"""What shall happen with one customer or contact person: settings, the link, both records and what was told → a Decision. Pure.

The order of conditions is the order of `reasons.NOT_MOVED`: a decision that moves nothing names the first one that failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from tieline.core import match
from tieline.core.flow import Target
from tieline.core.pairing import LEFT, RIGHT, Candidate, Decision, Side, Status, Told
from tieline.core.reasons import Reason, because
from tieline.flows.customers import reasons as why
from tieline.flows.customers.case import Case
from tieline.flows.customers.conditions import is_marked
from tieline.flows.customers.gone import gone, is_reused, reused
from tieline.flows.customers.lines import is_top
from tieline.flows.customers.making import unlinked
from tieline.flows.customers.updating import compare, update

NOTHING: Final[Mapping[Side, None]] = MappingProxyType({})
NO_TARGETS: Final[Mapping[Side, Target]] = MappingProxyType({})


def of_case(case: Case) -> Decision:
    """What shall happen with one customer, or contact person. With told.event "look" nothing is written, whatever would follow: the
    decision says how they are."""
    decision = _decided(case)
    return _looked(case, decision) if case.told.event == "look" and not _is_told(case.told) else decision


def _decided(case: Case) -> Decision:
    settings, link, told = case.settings, case.link, case.told
    if not settings.on:
        return _still(case, "switched_off", because(why.OFF))
    rule = settings.role(case.role)
    if rule is None or not rule.on:
        return _still(case, "not_set_up", because(why.ROLE_OFF, role=case.role))
    if link is None:
        return _without_link(case)
    another = is_reused(case, link) if told.partner != link.right_id else None
    if another is not None and told.partner != link.left_id:
        return reused(case, link, another)
    if (link.stopped or case.parent_stopped) and not _is_told(told):
        return _still(case, "not_marked", because(why.STOPPED))
    both_gone = case.left is None and case.right is None
    marked = is_marked(settings, case.left if is_top(settings, case.role) else case.parent)
    if not marked and not both_gone and not _is_told(told):  # what is not kept the same is not deleted across either
        return _still(case, "not_marked", because(why.NOT_MARKED))
    if case.left is None or case.right is None:
        return gone(case, link)
    return update(case, case.left, case.right, base=link.base, become="keep")


def _without_link(case: Case) -> Decision:
    left, right = case.left, case.right
    if left is not None and right is not None:  # a person says that these two are one
        side = case.told.by
        mine, theirs = (left, right) if side == LEFT else (right, left)
        evidence = match.compared(case.by, side, mine, theirs, case.lines, case.country)
        candidate = Candidate(theirs, evidence, sure=False, score=round(match.score(evidence), 3))
        known = tuple(one for one in case.candidates if one.record.id != theirs.id)
        return unlinked(replace(case, candidates=(candidate, *known)), side, mine)
    side = LEFT if left is not None else RIGHT
    record = case.record(side)
    if record is None:
        return Decision("missing", "none", reason=because(why.GONE_BOTH))
    return unlinked(case, side, record)


def _still(case: Case, status: Status, reason: Reason) -> Decision:
    """Nothing moves; where both are there, the lines are shown all the same."""
    if case.left is not None and case.right is not None and case.lines:
        return compare(case, case.left, case.right, reason, status)
    base = case.link.base if case.link is not None else {}
    return Decision(status, "keep" if case.link is not None else "none", base=base, reason=reason)


def _is_told(told: Told) -> bool:
    """Whether a person has said what to do with this one."""
    return bool(told.choices or told.create or told.partner is not None or told.deletion is not None)


def _looked(case: Case, decision: Decision) -> Decision:
    """The same, with nothing following from it; the reason is then why something would."""
    reason = decision.reason or next((one.reason for one in decision.writes), None)
    base = case.link.base if case.link is not None else {}
    return replace(decision, writes=(), become="keep" if case.link is not None else "none", base=base, reason=reason)
