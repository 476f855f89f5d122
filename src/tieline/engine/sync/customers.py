"""What the engine asks of the flow that keeps customers the same. Pure: `flows.customers` is it, with a pair's settings inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tieline.core.pairing import Candidate, Decision, Line, LinkView, Side, Told, Watched
from tieline.core.plan import Find
from tieline.core.record import Record


class Customers(Protocol):
    """Roles, lines and decisions of one pair.

    Records come with the fields of the lines, a "link" as `Joined` (None where it is empty), and what `reads` names beside.
    """

    @property
    def roles(self) -> Sequence[str]:
        """The roles that are kept the same, parents first."""

    @property
    def country(self) -> str:
        """Where phone and registration numbers are from that do not say so, ISO 3166 alpha-2."""

    def lines(self, role: str) -> Sequence[Line]:
        """The lines of a role."""

    def reads(self, role: str, side: Side) -> Sequence[str]:
        """Further fields to read of that side: what conditions, matching and deciding look at. Canonical, or "=Own"."""

    def finds(self, role: str, side: Side, record: Record) -> Sequence[Sequence[Find]]:
        """The look-ups on the other side by which this record (of `side`) may be found there: for each rule of the first match in
        their order its look-ups, none where the record has no value for it. Values are normal forms: two records agree by a rule
        where their look-ups of it share a value. An empty sequence: it needs no partner, nothing would come of it."""

    def likely(self, role: str, left: Sequence[Record], right: Sequence[Record]) -> Mapping[str, Sequence[Candidate]]:
        """Of records that are linked with nothing, whole lists of both sides: id of the left → those of the right that are likely the
        same, the likeliest first, though no rule finds them; none is sure. Takes as long as the lists are."""

    def successor_finds(self, role: str, side: Side, link: LinkView) -> Sequence[Sequence[Find]]:
        """Look-ups on `side`, where a linked record is gone, for what it may have been merged into; as `finds`."""

    @property
    def watched(self) -> Sequence[Watched]:
        """Records of the CRM (left) whose changes may make a customer active; none where no rule asks."""

    def made_active(self, related: Record) -> str:
        """The customer that such a record makes active, by its id in the CRM; "" where it makes none."""

    def related_finds(self, role: str, record: Record, told: Told) -> Sequence[Find]:
        """Look-ups in the CRM, of watched records by their link, that say whether this customer, linked with nothing, is active."""

    def parent_fields(self, role: str) -> Sequence[str]:
        """Fields of the CRM's record of the customer that a contact person belongs to, where deciding about it needs them."""

    def decide(
        self,
        role: str,
        left: Record | None,
        right: Record | None,
        link: LinkView | None,
        told: Told,
        found: Sequence[Record] = (),
        *,
        related: Sequence[Record] = (),
        parent: Record | None = None,
        parent_stopped: bool = False,
    ) -> Decision:
        """What shall happen. None for a side: there is no such record. found: records of the other side that the look-ups gave, for
        one that is not linked (or of the side where a linked one is gone); those that are linked already are not among them.
        related: what `related_finds` gave. parent: the CRM's record of the customer that a contact person belongs to, where
        `parent_fields` names any. parent_stopped: the customer that a contact person belongs to is not kept the same."""
