"""The Flow protocol: what the engine asks of a room in flows/. Everything here is pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tieline.core.plan import Find, Known, Plan
from tieline.core.reasons import Reason


@dataclass(frozen=True, slots=True)
class Need:
    """Something a rule needs of a connection: a role and a verb ("read", "create", "update", "attach", "owner", "fields"
    …), and the rule that asks for it. The connector's manifest turns needs into scopes.
    """

    role: str
    verb: str
    rule: str


@dataclass(frozen=True, slots=True)
class Clash:
    """Settings that contradict.

    rules     dotted paths into the settings that take part ("account.owner", "lead.owner"); the page marks them
    reason    what is wrong, in words of the business
    example   the smallest subject that shows it, as the flow's own JSON subject (None where the settings alone show it)
    ways_out  each a (reason shown on the button, changes: settings path → value) that solves it
    """

    rules: tuple[str, ...]
    reason: Reason
    example: Mapping[str, Any] | None = None
    ways_out: tuple[tuple[Reason, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True)
class Folded:
    """A subject after its facts are folded in.

    subject    plain JSON; the flow alone reads it
    ready      decide now
    due_at     not ready: decide (or give up waiting) at this time, ISO UTC text; None never
    changed    a subject that was decided before is to be decided again
    reason     why it waits
    """

    subject: dict[str, Any]
    ready: bool
    due_at: str | None = None
    changed: bool = True
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A stage in a pipeline in a layout of one role: the choices a target offers."""

    layout: str
    pipeline: str
    stage: str


@dataclass(frozen=True, slots=True)
class Target:
    """What the target CRM can hold, as far as flows must know: made from the connector's manifest and its describe().

    roles       role → canonical fields that can be written
    required    role → layout id → canonical or vendor field names a create must give a value for
    places      every (layout, pipeline, stage) of deals; layouts and stages by id
    choices     (role, field) → allowed values, where closed; `field` canonical, or the vendor's own as "=Industry"
    types       (role, field) → type as in sdk.contract.FieldSchema, of the same fields
    statuses    stage id → "open" | "won" | "lost"
    limits      capability names and values ("call_needs_parent": True …), data only
    lengths     (role, field) → characters it can hold, of the same fields, where the system says so
    deletes     roles whose records can be deleted there from outside; None: nobody has asked
    readable    (role, field) → type, of everything that can be read: the same fields and those that nobody can write
    """

    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    required: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    places: tuple[Place, ...] = ()
    choices: Mapping[tuple[str, str], tuple[tuple[str, str], ...]] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[tuple[str, str], str] = field(default_factory=dict)
    lengths: Mapping[tuple[str, str], int] = field(default_factory=dict)
    deletes: frozenset[str] | None = None
    readable: Mapping[tuple[str, str], str] = field(default_factory=dict)


class Flow(Protocol):
    """A room in flows/. `raw settings` is what the store keeps as JSON; the flow upgrades old versions."""

    name: str

    def load(self, raw: Mapping[str, Any]) -> Any:
        """Typed settings from stored JSON of any earlier version."""

    def defaults(self, target: Target) -> dict[str, Any]:
        """Settings that work unedited on this target, as JSON."""

    def needs(self, settings: Any) -> tuple[Need, ...]:
        """Roles and verbs the active rules need."""

    def check(self, settings: Any, target: Target) -> tuple[Clash, ...]:
        """Every contradiction; empty means that they can be saved."""

    def fold(self, subject: Mapping[str, Any] | None, facts: Sequence[Mapping[str, Any]], settings: Any) -> Folded:
        """The subject after these facts, whatever their order or number."""

    def expire(self, subject: Mapping[str, Any], settings: Any) -> Folded:
        """The subject when its wait is over: decided without what never came."""

    def lanes(self, subject: Mapping[str, Any], settings: Any) -> tuple[str, ...]:
        """Identity keys at the target ("phone:+33…"); subjects that share one are decided in order."""

    def lookups(self, subject: Mapping[str, Any], known: Known, settings: Any) -> tuple[Find, ...]:
        """What must be known and is not yet; empty when `decide` can run."""

    def reads(self) -> Mapping[str, tuple[str, ...]]:
        """Role → canonical fields that look-ups must read (minimal: nothing else is fetched or kept)."""

    def decide(self, subject: Mapping[str, Any], known: Known, settings: Any, target: Target) -> Plan:
        """Facts + what is known + settings → plan. `now` is a fact of the subject (the call's end)."""
