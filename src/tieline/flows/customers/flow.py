"""The room's door: CUSTOMERS, and a pair's rules with its settings inside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tieline.core import match
from tieline.core.flow import Need, Target
from tieline.core.match import MatchBy
from tieline.core.pairing import LEFT, SIDES, Candidate, Decision, Line, LinkView, Side, Told, Watched
from tieline.core.plan import Find
from tieline.core.record import Record
from tieline.flows.customers import checks, lines, needs
from tieline.flows.customers.case import Case
from tieline.flows.customers.conditions import is_marked, made_active
from tieline.flows.customers.decide import NO_TARGETS, NOTHING, of_case
from tieline.flows.customers.defaults import conditions, defaults
from tieline.flows.customers.likely import likely
from tieline.flows.customers.settings import Condition, Settings, load


@dataclass(frozen=True, slots=True)
class PairRules:
    """The rules of one pair. Records come with the fields of `lines` and `reads`, a "link" as `Joined` (None where it is empty)."""

    settings: Settings
    targets: Mapping[Side, Target]
    _lines: Mapping[str, tuple[Line, ...]]
    _by: Mapping[str, tuple[MatchBy, ...]]
    watched: tuple[Watched, ...]
    """Records of the CRM to be pulled too: a change there may make a customer active (CUST-3)."""

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that are kept the same, parents first."""
        return tuple(self._lines)

    @property
    def country(self) -> str:
        """Where phone and registration numbers are from that do not say so, ISO 3166 alpha-2."""
        return self.settings.default_country

    def lines(self, role: str) -> tuple[Line, ...]:
        return self._lines.get(role, ())

    def reads(self, role: str, side: Side) -> tuple[str, ...]:
        """Fields to read of that side beside those of the lines."""
        return lines.further(self.settings, role, side)

    def finds(self, role: str, side: Side, record: Record) -> Sequence[Sequence[Find]]:
        """Rule by rule the look-ups on the other side; () for a rule whose value the record lacks."""
        return lines.finds(self._by.get(role, ()), role, side, record, self.settings.default_country)

    def likely(self, role: str, left: Sequence[Record], right: Sequence[Record]) -> dict[str, tuple[Candidate, ...]]:
        """Of whole lists of records linked with nothing: id of the left → at most three of the right that are likely the same."""
        return likely(self._by.get(role, ()), self.lines(role), left, right, self.settings.default_country)

    def successor_finds(self, role: str, side: Side, link: LinkView) -> Sequence[Sequence[Find]]:
        """Look-ups on `side`, where a linked record is gone, for what it was merged into: by what the base knows of it."""
        at = 0 if side == LEFT else 1
        known = {line.field_of(side): link.base[line.name][at] for line in self.lines(role) if line.name in link.base}
        by = tuple(
            MatchBy(one.rule, one.fields_of(side), one.fields_of(side), one.decides) for one in self._by.get(role, ())
        )
        return lines.finds(by, role, side, Record(role, "", known), self.settings.default_country)

    def made_active(self, related: Record) -> str:
        """The customer that this record of a watched role leads to and makes active, by its id; "" where it does not."""
        condition = self.settings.active
        one = next((one for one in self.watched if one.role == related.role), None)
        if one is None or condition is None or made_active(condition, related, (related,)) is None:
            return ""
        return str(related.get(one.link) or "")

    def related_finds(self, role: str, record: Record, told: Told) -> tuple[Find, ...]:
        """What leads to this customer of the CRM, linked with nothing, and says whether it is active; () where nothing hangs on it."""
        if told.create or told.partner or told.deletion or not is_marked(self.settings, record):
            return ()
        return tuple(Find(one.role, one.link, record.id) for one in self.watched if one.to == role)

    def parent_fields(self, role: str) -> tuple[str, ...]:
        """Fields of the parent's record in the CRM that deciding about this role needs: the mark of its customer."""
        mark = self.settings.mark
        marked = mark.kind == "field" and mark.field and not lines.is_top(self.settings, role)
        return (mark.field,) if marked else ()

    def candidates(
        self, role: str, side: Side, record: Record, found: Sequence[Record], taken: Collection[str] = ()
    ) -> tuple[Candidate, ...]:
        """Those of `found` (of the other side) that may be the same as this record of `side`."""
        country = self.settings.default_country
        by, known = self._by.get(role, ()), self.lines(role)
        return match.candidates(by, side, record, found, lines=known, taken=taken, country=country)

    def decide(
        self,
        role: str,
        left: Record | None,
        right: Record | None,
        link: LinkView | None,
        told: Told,
        found: Sequence[Record] = (),
        *,
        times: Mapping[Side, str | None] = NOTHING,
        related: Sequence[Record] = (),
        taken: Collection[str] = (),
        parent: Record | None = None,
        parent_stopped: bool = False,
    ) -> Decision:
        """What shall happen.

        left, right   as read just now; None: there is no such record (never: nobody looked)
        found         records of the other side that the look-ups gave (of the side that is gone, for a link); taken: those of them
                      that are linked with another record, which are never sure
        times         side → when the vendor says its record changed last; without it the record's version where that is a time,
                      else its "last_activity"
        related       records that lead to this customer, where the condition of being active is about them
        parent, parent_stopped   of a contact person: the CRM's record of its customer, and whether that one's link is stopped
        """
        side = next((one for one, record in zip(SIDES, (left, right), strict=True) if record is not None), None)
        record = {LEFT: left}.get(side, right) if side is not None else None
        candidates: tuple[Candidate, ...] = ()
        if found and side is not None and record is not None and (left is None or right is None):
            candidates = self.candidates(role, side, record, found, taken)
        return of_case(
            Case(
                self.settings, role, self.lines(role), self._by.get(role, ()), link, left, right, told, candidates, times,
                self.targets, tuple(related), parent, parent_stopped,
            )
        )  # fmt: skip


class Customers:
    """The flow, for what has no pair yet."""

    name: Final = "customers"

    def load(self, raw: Mapping[str, Any]) -> Settings:
        """Typed settings from stored JSON of any earlier version; raises pydantic.ValidationError naming each wrong place."""
        return load(dict(raw))

    def defaults(self, left: Target, right: Target, country: str = "DK") -> dict[str, Any]:
        """Settings that work unedited on these two systems, as JSON. country: of the workspace, ISO 3166 alpha-2."""
        return defaults(left, right, country).model_dump(mode="json")

    def conditions(self, settings: Settings, crm: Target) -> tuple[Condition, ...]:
        """What may make a customer active in this CRM beside itself, each with the test that is meant as a rule."""
        return conditions(settings, crm)

    def values_of(self, crm: Target, role: str, field: str) -> checks.Choices:
        """(value, the CRM's word for it) of all that a field of a condition can hold, where there are only so many."""
        return checks.values_of(crm, role, field)

    def needs(self, settings: Settings, side: Side) -> tuple[Need, ...]:
        """Roles and verbs of this side."""
        return needs.needs(settings, side)

    def check(self, settings: Settings, targets: Mapping[Side, Target]) -> checks.Checks:
        """Every contradiction (with one they cannot be saved), and what is only said."""
        return checks.check(settings, targets)

    def of(self, settings: Settings, targets: Mapping[Side, Target] = NO_TARGETS) -> PairRules:
        """The rules of one pair."""
        kept = {role: lines.lines(settings, role, targets) for role in lines.roles(settings)}
        by = {role: lines.match_by(settings, role) for role in kept}
        return PairRules(settings, targets, kept, by, lines.watched(settings))


CUSTOMERS: Final = Customers()
