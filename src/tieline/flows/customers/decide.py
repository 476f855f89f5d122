"""What shall happen with one customer or contact person: settings, the link, both records and what was told → a Decision. Pure.

The order of conditions is the order of `reasons.NOT_MOVED`: a decision that moves nothing names the first one that failed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from tieline.core import match
from tieline.core.flow import Target
from tieline.core.pairing import LEFT, RIGHT, Candidate, Decision, LinkView, Side, Status, Told
from tieline.core.reasons import Reason, because
from tieline.core.record import Record
from tieline.flows.customers import reasons as why
from tieline.flows.customers.case import Case
from tieline.flows.customers.conditions import is_marked
from tieline.flows.customers.gone import gone, is_reused, reused
from tieline.flows.customers.lines import Targets, is_top, lines, match_by
from tieline.flows.customers.making import unlinked
from tieline.flows.customers.settings import Settings
from tieline.flows.customers.updating import compare, update

NOTHING: Final[Mapping[Side, None]] = MappingProxyType({})
NO_TARGETS: Final[Mapping[Side, Target]] = MappingProxyType({})


def decide(
    link: LinkView | None,
    left: Record | None,
    right: Record | None,
    settings: Settings,
    role: str,
    told: Told,
    candidates: Sequence[Candidate] = (),
    times: Mapping[Side, str | None] = NOTHING,
    targets: Targets = NO_TARGETS,
    related: Sequence[Record] = (),
    parent: Record | None = None,
    parent_stopped: bool = False,
) -> Decision:
    """What shall happen with one customer, or contact person.

    left, right   as read just now, with the fields of `reads`; None: there is no such record (never: nobody looked)
    candidates    of `candidates_of`: for a record without link those of the other side; for a link whose record is gone those
                  that may be its successor on that same side
    times         side → when the vendor says its record changed last; without it the record's version where
                  that is a time, else its "last_activity"
    related       records that lead to this customer, where the condition of being active is about them
    parent, parent_stopped   of a contact person: the CRM's record of its customer, and whether that one's link is stopped

    With told.event "look" nothing is written, whatever would follow: the decision says how they are.
    """
    case = Case(
        settings, role, lines(settings, role, targets), match_by(settings, role), link, left, right, told,
        tuple(candidates), times, targets, tuple(related), parent, parent_stopped,
    )  # fmt: skip
    return of_case(case)


def of_case(case: Case) -> Decision:
    """The same of a case that is put together already."""
    decision = _decided(case)
    return _looked(case, decision) if case.told.event == "look" and not _is_told(case.told) else decision


def candidates_of(
    settings: Settings,
    role: str,
    side: Side,
    record: Record,
    found: Sequence[Record],
    taken: Collection[str] = (),
    targets: Targets = NO_TARGETS,
) -> tuple[Candidate, ...]:
    """Those of `found` (records of the other side) that may be the same as this one of `side`, best first, with their evidence.
    `taken`: ids that are linked with another record already: never sure."""
    by, country = match_by(settings, role), settings.default_country
    return match.candidates(by, side, record, found, lines=lines(settings, role, targets), taken=taken, country=country)


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
    if case.left is None or case.right is None:
        return gone(case, link)
    marked = is_marked(settings, case.left if is_top(settings, case.role) else case.parent)
    if not marked and not _is_told(told):
        return compare(case, case.left, case.right, because(why.NOT_MARKED), "not_marked")
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
