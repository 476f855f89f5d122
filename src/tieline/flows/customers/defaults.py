"""Settings that work unedited on two given systems: what both can hold is kept the same, both ways, and a conflict is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from babel import Locale
from babel.numbers import get_territory_currencies

from tieline.core.flow import Target
from tieline.core.pairing import Kind
from tieline.flows.customers.conditions import led_to
from tieline.flows.customers.lines import required, top_roles
from tieline.flows.customers.settings import Condition, LineRule, MatchRule, Pick, RoleRule, Settings, Test

ROLES: Final = ("account", "contact")
KINDS: Final[Mapping[str, Kind]] = {
    "name": "name", "first_name": "name", "last_name": "name", "company": "name", "title": "text",
    "registration_number": "code", "tax_number": "code", "ean": "code", "email": "email", "phone": "phone", "mobile": "phone",
    "fax": "phone", "website": "url", "street": "address", "postal_code": "text", "city": "text", "country": "country",
    "currency": "choice", "birthday": "date", "note": "text", "notes": "text",
}  # fmt: skip
"""Canonical field → how it is compared; in the order in which the page shows them. Others are mapped by people."""
_ALIKE: Final = (("note", "notes"),)
"""Canonical fields of one meaning that systems name differently."""
_MATCH: Final[Mapping[str, tuple[MatchRule, ...]]] = {
    "account": (
        MatchRule(rule="registration_number"), MatchRule(rule="email"), MatchRule(rule="phone"), MatchRule(rule="name", decides=False),
    ),
    "contact": (MatchRule(rule="email"), MatchRule(rule="phone"), MatchRule(rule="name")),
}  # fmt: skip
_NUMBERS: Final = ("registration_number", "tax_number")
_ONE_NUMBER: Final = frozenset(("DK", "NO", "IT", "BE", "FI", "CH"))
"""Where a company's VAT number is its registration number, but for the country's letters: some systems have a field for one only."""
_PARENT: Final = {"contact": ("account", "account")}
"""Role → (its field that leads to the parent, the parent's role)."""

CONDITIONS: Final[tuple[Condition, ...]] = (
    Condition(role="deal", link="account", tests=(Test(field="stage_kind", values=("won",)),)),
    Condition(role="deal", link="contact", tests=(Test(field="stage_kind", values=("won",)),)),
    Condition(role="lead", link="converted_account", tests=(Test(field="converted_account", operator="filled"),)),
    Condition(role="lead", link="converted_contact", tests=(Test(field="converted_contact", operator="filled"),)),
)
"""What may make a customer active beside itself, with the test that is meant as a rule (CUST-3)."""


def conditions(settings: Settings, crm: Target) -> tuple[Condition, ...]:
    """Those of CONDITIONS that this CRM serves."""
    tops = top_roles(settings)
    return tuple(
        one
        for one in CONDITIONS
        if led_to(one.role, one.link) in tops
        and all((one.role, name) in crm.readable for name in (one.link, *(test.field for test in one.tests)))
    )


def defaults(left: Target, right: Target, country: str = "DK") -> Settings:
    """CUST-1, 2, 9: every role and field that both sides have."""
    roles = [role for role in ROLES if role in left.roles and role in right.roles]
    rules = tuple(_role(role, left, right, country, tuple(roles)) for role in roles)
    return Settings(roles=rules, default_country=country)


def _role(role: str, left: Target, right: Target, country: str, roles: tuple[str, ...]) -> RoleRule:
    lines = _lines(role, left, right, country)
    link = _PARENT.get(role)
    if link is not None and link[1] in roles and link[0] in left.roles[role] and link[0] in right.roles[role]:
        lines.append(LineRule(name=link[0], left=link[0], right=link[0], kind="link", role=link[1]))
    kinds = {line.kind for line in lines}
    numbers = any(line.name in _NUMBERS for line in lines)
    match = tuple(
        rule for rule in _MATCH[role] if (numbers if rule.rule == "registration_number" else rule.rule in kinds)
    )
    return RoleRule(
        role=role,
        lines=tuple(lines),
        match=tuple(_only_number(rule, lines) for rule in match),
        left_values=_values(role, left, {line.left for line in lines}, country),
        right_values=_values(role, right, {line.right for line in lines}, country),
    )


def _only_number(rule: MatchRule, lines: list[LineRule]) -> MatchRule:
    """By the company's own number and its VAT number; a place's number (EAN) stands at several customers."""
    if rule.rule != "registration_number":
        return rule
    names = tuple(line.name for line in lines if line.name in _NUMBERS)
    return rule.model_copy(update={"lines": names})


def _lines(role: str, left: Target, right: Target, country: str) -> list[LineRule]:
    out: list[LineRule] = []
    for name, kind in KINDS.items():
        ours, theirs = _held(left, role, name, country), _held(right, role, name, country)
        if ours and theirs and not any(line.left == ours or line.right == theirs for line in out):
            out.append(_line(role, name, ours, theirs, kind, left, right))
    return out


def _line(role: str, name: str, ours: str, theirs: str, kind: Kind, left: Target, right: Target) -> LineRule:
    if kind == "choice" and not (left.choices.get((role, ours)) and right.choices.get((role, theirs))):
        kind = "code"
    return LineRule(
        name=name, left=ours, right=theirs, kind=kind, left_form=_form(kind, role, ours, left), right_form=_form(kind, role, theirs, right)
    )  # fmt: skip


def _held(target: Target, role: str, name: str, country: str) -> str:
    """The field of this meaning there, "" where there is none."""
    fields = target.roles[role]
    if name in fields:
        return name
    if name == "registration_number" and country in _ONE_NUMBER and "tax_number" in fields:
        return "tax_number"
    return next((other for pair in _ALIKE if name in pair for other in pair if other in fields), "")


def _form(kind: Kind, role: str, name: str, target: Target) -> str:
    """How a side writes it, where its description says so."""
    if kind == "country" and target.choices.get((role, name)):
        ids = [id for id, _ in target.choices[role, name]]
        return "code" if all(len(id) == 2 for id in ids) else "code3" if all(len(id) == 3 for id in ids) else "en"
    if kind == "country" and (target.lengths.get((role, name)) or 0) in (2, 3):
        return "code" if target.lengths[role, name] == 2 else "code3"
    return "one" if kind == "email" and target.types.get((role, name)) == "email" else ""


def _values(role: str, target: Target, given: set[str], country: str) -> dict[str, Pick | str | int | float | bool]:
    """What a new record is asked for and no line gives: the first choice that there is; the country's own currency (CUST-9)."""
    out: dict[str, Pick | str | int | float | bool] = {}
    for name in required(target, role):
        choices = target.choices.get((role, name), ())
        if name == "currency":
            own = [
                code for code in get_territory_currencies(country) if not choices or code in {id for id, _ in choices}
            ]
            if own:
                label = next((label for id, label in choices if id == own[0]), "") or Locale("en").currencies.get(
                    own[0], own[0]
                )
                out[name] = Pick(id=own[0], label=label)
                continue
        if name not in given and choices:
            out[name] = Pick(id=choices[0][0], label=choices[0][1])
    return out
