"""A pair for tests: a CRM and an ERP as two Targets, settings that fit, and short ways to decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tieline.core.flow import Target
from tieline.core.pairing import LEFT, Base, Decision, Joined, LinkView, Side, Told
from tieline.core.record import Record
from tieline.flows.customers import CUSTOMERS
from tieline.flows.customers.flow import PairRules

ACCOUNT = (
    "name", "phone", "email", "website", "street", "postal_code", "city", "country", "registration_number", "currency",
)  # fmt: skip
CRM = Target(
    roles={
        "account": frozenset((*ACCOUNT, "owner", "kept", "stage")),
        "contact": frozenset(("name", "phone", "email", "account")),
        "deal": frozenset(("name", "account", "stage_kind")),
    },
    required={"account": {"": ("name",)}, "contact": {"": ("name",)}},
    choices={("account", "stage"): (("prospect", "Prospect"), ("customer", "Customer"))},
    types={
        ("account", "name"): "text", ("account", "phone"): "phone", ("account", "email"): "email", ("account", "kept"): "bool",
        ("account", "stage"): "choice", ("account", "city"): "text", ("contact", "account"): "link", ("account", "currency"): "text",
    },
    lengths={("account", "name"): 120},
    readable={
        **{("account", name): "text" for name in (*ACCOUNT, "owner", "kept", "stage")},
        **{("contact", name): "text" for name in ("name", "phone", "email")}, ("contact", "account"): "link",
        ("deal", "name"): "text", ("deal", "account"): "link", ("deal", "stage_kind"): "choice",
    },
)  # fmt: skip
ERP = Target(
    roles={
        "account": frozenset((*ACCOUNT, "group", "vat_zone", "terms")),
        "contact": frozenset(("name", "phone", "email", "account")),
    },
    required={
        "account": {"": ("name", "currency", "group", "vat_zone", "terms")},
        "contact": {"": ("name", "account")},
    },
    choices={
        ("account", "group"): (("1", "Danish customers"), ("2", "Abroad")),
        ("account", "vat_zone"): (("1", "Domestic"),),
        ("account", "terms"): (("1", "Net 8 days"), ("2", "Net 30 days")),
        ("account", "currency"): (("DKK", "Danish krone"), ("EUR", "Euro")),
    },
    types={
        ("account", "name"): "text", ("account", "phone"): "text", ("account", "email"): "text", ("account", "group"): "choice",
        ("account", "city"): "text", ("account", "currency"): "choice", ("contact", "account"): "link",
    },
    lengths={("account", "name"): 30, ("account", "city"): 50},
)  # fmt: skip
TARGETS: dict[Side, Target] = {"left": CRM, "right": ERP}


def raw(**changes: Any) -> dict[str, Any]:
    """Settings as JSON: the defaults with changes at the top."""
    return {**CUSTOMERS.defaults(CRM, ERP), **changes}


def rules(**changes: Any) -> PairRules:
    return CUSTOMERS.of(CUSTOMERS.load(raw(**changes)), TARGETS)


def crm(id: str = "1", **fields: Any) -> Record:
    """A customer of the CRM, every field read."""
    return Record(
        "account", id, {**dict.fromkeys(ACCOUNT), "name": "Nordlys ApS", "registration_number": "DK26134439", **fields}
    )


def erp(id: str = "9", **fields: Any) -> Record:
    """The same customer in the ERP."""
    held = {**dict.fromkeys(ACCOUNT), "name": "Nordlys ApS", "registration_number": "26134439", **fields}
    return Record("account", id, held)


def person(id: str = "5", parent: Joined | None = None, **fields: Any) -> Record:
    return Record(
        "contact", id, {"name": "Anna Holm", "phone": None, "email": None, "account": parent or Joined("k1"), **fields}
    )


def link(left: Record | None = None, right: Record | None = None, **more: Any) -> LinkView:
    """A link whose base is what these two hold."""
    left, right = left or crm(), right or erp()
    base: Base = {name: (value, right.get(name)) for name, value in left.fields.items() if name in right.fields}
    return LinkView("k1", left.id, right.id, **{"base": base, **more})


def decide(
    of: PairRules,
    left: Record | None = None,
    right: Record | None = None,
    known: LinkView | None = None,
    found: Sequence[Record] = (),
    *,
    role: str = "account",
    event: Any = "changed",
    by: Side = LEFT,
    **told: Any,
) -> Decision:
    more = {name: told.pop(name) for name in ("times", "related", "taken", "parent", "parent_stopped") if name in told}
    return of.decide(role, left, right, known, Told(event=event, by=by, **told), found, **more)


def writes(decision: Decision) -> list[tuple[str, str, dict[str, Any]]]:
    return [(one.side, one.verb, dict(one.values)) for one in decision.writes]


def why(decision: Decision) -> str:
    return decision.reason.code if decision.reason is not None else ""
