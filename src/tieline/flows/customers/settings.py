"""Settings of a pair that keeps customers the same. "left" is the CRM, "right" the other system (CUST-1 … 3). Vendor things are
{id, label}; an upgrade turns every older version into this one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tieline.core.pairing import LEFT, Direction, Kind, Policy, Side

VERSION = 1

Operator = Literal["is", "is_not", "in", "not_in", "contains", "filled", "empty", "yes", "no", "more", "less"]
"""is, in, contains … compare with `values` as text, capitals apart; more, less as numbers, dates or text."""
Rule = Literal["registration_number", "email", "phone", "name"]
OnDelete = Literal["ask", "delete", "restore", "unlink"]
"""What a record that is gone on one side means: ask a person · delete it on the other side too · make it again · only part."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pick(_Model):
    """A thing of one of the systems: its id there and what people call it."""

    id: str
    label: str = ""


class Test(_Model):
    """One comparison of a saved condition. `field`: canonical, or the vendor's own as "=Stage"."""

    field: str
    operator: Operator = "is"
    values: tuple[str, ...] = ()


class Condition(_Model):
    """A saved condition of the CRM (CUST-3): of the customer itself, or of a record that leads to it (a won deal, a converted
    lead). `role`: whose fields are tested, "" the customer's own; `link`: its field that leads to the customer. All the tests
    are of one record: with two deals of one customer, one of them must pass them."""

    tests: tuple[Test, ...] = ()
    match: Literal["all", "any"] = "all"
    role: str = ""
    link: str = "account"


class Mark(_Model):
    """Which customers are kept the same. all: every one that is not stopped · own: those that Tieline's own mark says (a link that is
    not stopped) · field: those whose `field` in the CRM is yes, or one of `values`. `new`: new ones are marked when they are made."""

    kind: Literal["all", "own", "field"] = "all"
    field: str = ""
    values: tuple[str, ...] = ()
    new: bool = True


class LineRule(_Model):
    """One line of the mapping, as `core.pairing.Line`. A length that is None is what the system itself says."""

    name: str
    left: str
    right: str
    label: str = ""
    kind: Kind = "text"
    direction: Direction = "both"
    policy: Policy = "ask"
    left_length: Annotated[int, Field(ge=1)] | None = None
    right_length: Annotated[int, Field(ge=1)] | None = None
    left_form: str = ""
    right_form: str = ""
    values: dict[str, str] = Field(default_factory=dict)
    role: str = ""
    clears: bool = True


class MatchRule(_Model):
    """One rule of the first match, tried in their order. `lines`: names of the lines that hold it, () those of its kind (of
    names the whole ones: a first name, a last name, an employer is shared by many). `decides`: one record alone that agrees by it is
    the same; otherwise a person is asked."""

    rule: Rule
    lines: tuple[str, ...] = ()
    decides: bool = True


class RoleRule(_Model):
    """How records of one role are kept the same. left_values, right_values: what a new record gets there beside the lines, field →
    a choice or a plain value (an ERP asks for group, VAT zone, terms and currency)."""

    role: str
    lines: tuple[LineRule, ...] = ()
    match: tuple[MatchRule, ...] = ()
    left_values: dict[str, Pick | str | int | float | bool] = Field(default_factory=dict)
    right_values: dict[str, Pick | str | int | float | bool] = Field(default_factory=dict)
    on: bool = True

    def values_of(self, side: Side) -> dict[str, Any]:
        """What a new record of this side gets, plain."""
        chosen = self.left_values if side == LEFT else self.right_values
        return {name: one.id if isinstance(one, Pick) else one for name, one in chosen.items()}


class Deletions(_Model):
    """A record gone on a side waits first; then this happens. A run with which more than the smaller of `share` and `count` of a
    role would go within a day stops and asks; with 0 none go unasked (CUST-12)."""

    left: OnDelete = "ask"
    right: OnDelete = "ask"
    share: Annotated[float, Field(ge=0, le=1)] = 0.1
    count: Annotated[int, Field(ge=0)] = 50

    def of(self, side: Side) -> OnDelete:
        return self.left if side == LEFT else self.right


class Settings(_Model):
    """All of it.

    on            the master switch: off means no call at all
    crm_new       when a customer of the CRM is made in the other system
    crm_changed   whether changes in the CRM go there
    erp_created   whether a customer made there is made in the CRM
    erp_changed   whether changes there go to the CRM
    active        what "active" is, for crm_new "when_active"
    """

    version: Literal[1] = 1
    on: bool = True
    crm_new: Literal["at_creation", "when_active", "by_hand", "off"] = "at_creation"
    crm_changed: bool = True
    erp_created: bool = True
    erp_changed: bool = True
    active: Condition | None = None
    mark: Mark = Mark()
    default_country: str = "DK"
    roles: tuple[RoleRule, ...] = ()
    deletions: Deletions = Deletions()

    def role(self, name: str) -> RoleRule | None:
        """The rule of a role, None where that role is not kept the same."""
        return next((one for one in self.roles if one.role == name), None)


def load(raw: dict[str, Any]) -> Settings:
    """Settings from stored JSON of any version; raises pydantic.ValidationError naming each wrong place."""
    return Settings.model_validate(raw)
