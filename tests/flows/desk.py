"""A small CRM at hand, and short ways to a decided call, for the tests of the calls flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieline.core.facts import CallFact
from tieline.core.flow import Place, Target
from tieline.core.plan import Known, Operation, Own, Plan
from tieline.core.record import Local, Record, Ref, User
from tieline.flows.calls import FLOW
from tieline.flows.calls.explain import WHOLE, look_up, records_of
from tieline.flows.calls.settings import Settings

USERS = {
    "anna": User("anna", "Anna Krogh"),
    "bruno": User("bruno", "Bruno Nielsen"),
    "chloe": User("chloe", "Chloé Roux"),
    "emma": User("emma", "Emma Holm"),
    "felix": User("felix", "Felix Left", active=False),
}
ACTIVE = tuple((user.id, user.name) for user in USERS.values() if user.active)
STAGES = ("qualify", "propose", "won", "lost")

TARGET = Target(
    roles=WHOLE.roles,
    required={
        "lead": {"standard": ("name", "company"), "trade": ("name", "company", "Industry")},
        "deal": {"standard": ("name", "stage", "closing_date"), "big": ("name", "stage", "pipeline", "Reason")},
    },
    places=(
        *(Place("standard", "sales", stage) for stage in ("won", "qualify", "propose", "lost")),
        *(Place("big", "tenders", stage) for stage in STAGES),
    ),
    choices={
        **{(role, "owner"): ACTIVE for role in WHOLE.roles},
        ("lead", "status"): (("new", "New"), ("tried", "Attempted to contact")),
        ("lead", "layout"): (("standard", "Standard"), ("trade", "Trade")),
        ("deal", "layout"): (("standard", "Standard"), ("big", "Big")),
        ("account", "layout"): (("standard", "Standard"),),
        ("contact", "layout"): (("standard", "Standard"),),
    },
    statuses={"qualify": "open", "propose": "open", "won": "won", "lost": "lost"},
    limits=WHOLE.limits,
)

LINES = [
    {"number": "+4570100411", "label": "Front", "manager": {"id": "anna", "label": "Anna"}},
    {"number": "70 10 04 12", "manager": {"id": "bruno", "label": "Bruno"}},
    {"number": "70100414", "manager": {"id": "felix", "label": "Felix"}},
    {"number": "70100419", "ignore": True, "manager": {"id": "anna", "label": "Anna"}},
    {"number": "70100420"},
]
BASE: dict[str, Any] = {
    "default_user": {"id": "emma", "label": "Emma"},
    "default_country": "DK",
    "zone": "Europe/Copenhagen",
    "lines": LINES,
}
STRANGER = "+4531100001"
STRANGER_TEXT = "+45 31 10 00 01"


def settings(**more: Any) -> Settings:
    return FLOW.load(BASE | more)


def call(
    external: str | None = STRANGER,
    line: str | None = "70100411",
    outcome: str | None = "missed",
    *more: Mapping[str, Any],
    direction: str = "inbound",
    at: str = "2026-11-20T09:00:00Z",
    **end: Any,
) -> dict[str, Any]:
    """The subject of an ended call."""
    facts = [
        CallFact("c1", "ringing", at, direction, external_number=external, line_number=line).to_json(),  # type: ignore[arg-type]
        CallFact("c1", "ended", at[:17] + "30Z", outcome=outcome, final=True, **end).to_json(),  # type: ignore[arg-type]
        *more,
    ]
    return FLOW.fold(None, facts, settings()).subject


@dataclass
class Decided:
    """A plan, easy to ask."""

    plan: Plan
    known: Known
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def made(self) -> dict[str, Operation]:
        return {operation.slot: operation for operation in self.plan.operations}

    @property
    def slots(self) -> list[str]:
        return [operation.slot for operation in self.plan.operations]

    def values(self, slot: str) -> Mapping[str, Any]:
        return self.made[slot].values

    def owner(self, slot: str) -> Any:
        return self.values(slot).get("owner")

    def why(self, rule: str) -> str:
        """The code of a rule's reason; "" when it was not considered."""
        return self.reasons.get(rule, "")

    def links(self, slot: str) -> dict[str, Any]:
        return {name: value for name, value in self.values(slot).items() if isinstance(value, Ref | Local)}


def decided(
    subject: Mapping[str, Any],
    using: Settings | None = None,
    crm: Mapping[str, Sequence[Mapping[str, Any]]] | Sequence[Record] = (),
    target: Target = TARGET,
    own: Mapping[str, Own] | None = None,
    answers: Mapping[str, Any] | None = None,
    users: Mapping[str, User] | None = None,
    before: bool = False,
) -> Decided:
    using = using or settings()
    records = records_of(crm) if isinstance(crm, Mapping) else list(crm)
    known = Known(own=own or {}, answers_given=answers or {}, users=USERS if users is None else users, decided=before)
    known = look_up(subject, records, using, known)
    plan = FLOW.decide(subject, known, using, target)
    return Decided(plan, known, {one.rule: one.reason.code for one in plan.considered})


def applied(plan: Plan, prefix: str = "r1", start: int = 0) -> tuple[list[Record], dict[str, Own]]:
    """What a CRM holds after a plan, and what the call then has: creates get ids, links become real."""
    ids: dict[str, Ref] = {}
    records: list[Record] = []
    own: dict[str, Own] = {}

    def real(value: Any) -> Any:
        return ids[value.slot] if isinstance(value, Local) else value

    for number, operation in enumerate(plan.operations, start):
        values = {name: real(value) for name, value in operation.values.items()}
        if operation.verb == "create":
            ids[operation.slot] = Ref(operation.role, f"{prefix}-{number}")
            records.append(Record(operation.role, ids[operation.slot].id, values))
            own[operation.slot] = Own(operation.slot, ids[operation.slot], values)
        else:
            target = real(operation.target)
            own[operation.slot] = Own(operation.slot, target, values)
    return records, own


# -- what many tests start from

ALL: dict[str, Any] = {
    "account": {"create": True},
    "contact": {"create": True},
    "deal": {"when": "no_active"},
}
MARIE = {"id": "5", "name": "Marie Duval", "phone": "31 10 00 01", "owner": "bruno"}
DUVAL = {"id": "7", "name": "Duval SARL", "phone": "+45 31100001", "owner": "chloe"}
BELLA = {"id": "9", "name": "Bella", "phone": "0045 31100001", "owner": "bruno"}


def without(role: str, *fields: str, **limits: Any) -> Target:
    roles = {name: have - set(fields) if name == role else have for name, have in WHOLE.roles.items()}
    if not fields:
        del roles[role]
    return Target(roles=roles, limits=limits)
