"""A linked record that is not there any more. Deletions wait first (CUST-12); one that was merged or converted has a successor
(CUST-16)."""

from __future__ import annotations

from typing import Literal

from tieline.core.match import is_another
from tieline.core.pairing import LEFT, RIGHT, Decision, LinkView, Side, Write, other
from tieline.core.reasons import because
from tieline.core.record import Record
from tieline.core.same import is_empty, same
from tieline.flows.customers import reasons as why
from tieline.flows.customers.case import Case, moves
from tieline.flows.customers.lines import is_top, parent_of
from tieline.flows.customers.making import joined, make
from tieline.flows.customers.settings import OnDelete


def gone(case: Case, link: LinkView) -> Decision:
    """At least one of its records is not there."""
    if case.left is None and case.right is None:
        return Decision("missing", "drop", reason=because(why.GONE_BOTH))
    side: Side = LEFT if case.left is None else RIGHT
    record = case.record(other(side))
    assert record is not None  # noqa: S101  one of them is
    told = case.told
    if told.partner:
        chosen = next((one for one in case.candidates if one.record.id == told.partner), None)
        if chosen is not None:
            return joined(case, other(side), record, chosen, because(why.CHOSEN_PARTNER))
    sure = [one for one in case.candidates if one.sure]
    # who wants it restored wants no second one where it is back already, by another hand or out of a recycle bin
    if told.deletion in (None, "restore") and told.partner is None and len(sure) == 1:
        return joined(case, other(side), record, sure[0], because(why.MOVED_LINK, side=side))
    action = _action(case, link, side)
    deletes = case.target(other(side)).deletes
    if action == "delete" and deletes is not None and case.role not in deletes:
        reason = because(why.CANNOT_DELETE, side=other(side))
        return Decision("pending_delete", "pending", base=link.base, asks=reason, reason=reason)
    if action == "delete":
        return _delete(case, link, side, record)
    if action == "restore":
        return make(case, other(side), record, because(why.RESTORED, side=side))
    if action == "unlink":
        return Decision("not_marked", "stop", base=link.base, reason=because(why.STOPPED))
    return _waits(case, link, side)


def is_reused(case: Case, link: LinkView) -> Side | None:
    """The side whose record has nothing in common with what the link knew: its number was given to another customer. A CRM gives
    an id once."""
    right, was_gone = case.right, link.pending == RIGHT
    if right is not None and is_another(case.by, case.lines, RIGHT, link.base, right, case.country, was_gone=was_gone):
        return RIGHT
    return None


def reused(case: Case, link: LinkView, side: Side) -> Decision:
    """Nothing of it moves until a person has said whether it is the same; once the old one is known to be gone, it is not."""
    reason = because(why.REUSED, side=side, id=link.id_of(side))
    certain = is_another(case.by, case.lines, side, link.base, case.right, case.country) if case.right else False
    if (link.pending == side and (certain or case.told.deletion is not None)) or case.told.partner == "":
        return Decision("missing", "drop", reason=reason)
    if link.pending == side:  # it stays so, else the next look would take it for a new name
        return Decision("pending_delete", "pending", base=link.base, asks=reason, reason=reason)
    return Decision("differs", "keep", base=link.base, asks=reason, reason=reason)


def _action(case: Case, link: LinkView, side: Side) -> Literal["delete", "restore", "unlink"] | None:
    """What a person, or the policy once it has waited, says of it."""
    if case.told.deletion is not None:
        return case.told.deletion
    policy = _policy(case, link, side)
    if link.pending != side or policy == "ask" or case.candidates or case.told.event == "look":
        return None
    if policy == "delete" and case.told.event != "deleted":  # it has not waited yet
        return None
    return policy if side in moves(case.settings) else None


def _policy(case: Case, link: LinkView, side: Side) -> OnDelete:
    """What the settings say; a person is asked where the record that is left was changed since both agreed, or touched since the
    other one is gone: whoever did that meant to keep it. And where nobody can say whether it was marked."""
    policy = case.settings.deletions.of(side)
    record = case.record(other(side))
    if policy in {"delete", "restore"} and case.settings.mark.kind == "field":
        touched = policy == "delete" and link.pending == side and case.told.event != "deleted"
        if touched or not _mark_is_known(case):
            return "ask"
    if policy != "delete" or record is None:
        return policy
    place = 0 if side == RIGHT else 1
    edited = any(
        line.name in link.base
        and line.field_of(other(side)) in record.fields
        and not same(line.kind, record.get(line.field_of(other(side))), link.base[line.name][place], case.country)
        for line in case.lines
    )
    return "ask" if edited else policy


def _mark_is_known(case: Case) -> bool:
    """Whether the record of the CRM that holds the mark is still there, or none does. What the base knows of the field is from when
    it was marked: of one that is not, no base is kept."""
    if is_top(case.settings, case.role):
        return case.left is not None
    parent = parent_of(case.settings, case.role)
    if case.parent is not None or parent is None:
        return True
    record, name = (case.left, parent.left) if case.left is not None else (case.right, parent.right)
    return record is None or is_empty(record.get(name))


def _waits(case: Case, link: LinkView, side: Side) -> Decision:
    policy = _policy(case, link, side)
    if case.candidates:
        reason = asks = because(why.GONE_MERGED, side=side, count=len(case.candidates))
        return Decision(
            "pending_delete", "pending", base=link.base, candidates=case.candidates, asks=asks, reason=reason
        )
    if policy == "ask":
        reason = because(why.GONE, side=side)
        return Decision("pending_delete", "pending", base=link.base, asks=reason, reason=reason)
    reason = because(why.GONE_WAITS if side in moves(case.settings) else why.GONE_SWITCH, side=side)
    return Decision("pending_delete", "pending", base=link.base, reason=reason)


def _delete(case: Case, link: LinkView, side: Side, record: Record) -> Decision:
    reason = because(why.DELETED if case.told.deletion is None else why.DELETED_BY_HAND, side=side)
    write = Write(other(side), "delete", case.role, record.id, {}, dict(record.fields), reason)
    return Decision("pending_delete", "drop", (write,), base=link.base, reason=reason)
