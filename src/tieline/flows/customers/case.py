"""One customer with everything that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tieline.core.flow import Target
from tieline.core.match import MatchBy
from tieline.core.merge import Rules, seconds_apart
from tieline.core.pairing import LEFT, RIGHT, SIDES, Candidate, Line, LinkView, Side, Told
from tieline.core.record import Record
from tieline.flows.customers.lines import CHANGED_AT, Targets
from tieline.flows.customers.settings import Settings


@dataclass(frozen=True, slots=True)
class Case:
    """What `decide` is given, with the lines and match rules of its role.

    candidates   records of the other side that may be the same (of the side that is gone, for a link)
    times        side → when the vendor says its record changed last, ISO 8601; None where it says nothing
    targets      what each side can hold
    related      records that lead to this customer, for a condition about them (a won deal)
    parent       the CRM's record of the customer that a contact person belongs to, where the mark is a field of it
    parent_stopped   the customer that a contact person belongs to is not kept the same
    """

    settings: Settings
    role: str
    lines: tuple[Line, ...]
    by: tuple[MatchBy, ...]
    link: LinkView | None
    left: Record | None
    right: Record | None
    told: Told
    candidates: tuple[Candidate, ...] = ()
    times: Mapping[Side, str | None] = field(default_factory=dict)
    targets: Targets = field(default_factory=dict)
    related: tuple[Record, ...] = ()
    parent: Record | None = None
    parent_stopped: bool = False

    def record(self, side: Side) -> Record | None:
        return self.left if side == LEFT else self.right

    @property
    def country(self) -> str:
        return self.settings.default_country

    def target(self, side: Side) -> Target:
        return self.targets.get(side) or Target()

    @property
    def rules(self) -> Rules:
        """For the merge: a person's choices, the times, and the sides whose changes may go to the other one."""
        times = {side: self._changed_at(side) for side in SIDES}
        return Rules(self.country, self.told.choices, times, moves(self.settings), strict=self.told.event == "look")

    def _changed_at(self, side: Side) -> str | None:
        """When a person changed this side last. While a question is open, the time of a record that nobody touched since is of what
        was asked about, or of our own write to another line: it answers nothing."""
        record, link = self.record(side), self.link
        known = link.version_of(side) if link is not None and link.asked else None
        if known is not None and record is not None and record.version == known:
            return None
        return self.times.get(side) or changed_at(record)


def moves(settings: Settings) -> frozenset[Side]:
    """The sides whose changes go to the other one (CUST-2)."""
    return frozenset(side for side, on in ((LEFT, settings.crm_changed), (RIGHT, settings.erp_changed)) if on)


def changed_at(record: Record | None) -> str | None:
    """When the vendor says that the record changed last: a version that is a time, else the field of that meaning."""
    if record is None:
        return None
    for said in (record.version, record.get(CHANGED_AT)):
        text = str(said) if said is not None else ""
        if len(text) > 10 and text[4] == "-" and seconds_apart(text, text) is not None:
            return text
    return None
