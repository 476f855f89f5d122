"""Settings of the calls flow. Vendor things are {id, label}; an upgrade turns every older version into this one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

VERSION = 1

OwnerKind = Literal["manager", "default", "account", "lead", "contact", "deal", "user"]
"""Whose record it becomes: the line's manager, the default user, the owner of the call's account, lead, contact or deal
(found, or made by the same call), or a named user. CALL-8."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pick(_Model):
    """A thing of the CRM: its id there and what people call it."""

    id: str
    label: str = ""


class Owner(_Model):
    """An owner source. Absent or inactive at the time: the default user, with the reason."""

    kind: OwnerKind = "manager"
    user: Pick | None = None
    """The named user, for kind "user"."""


class Line(_Model):
    """One company line: number as the phone system gives it, whose it is, or left out of the CRM altogether (CALL-6, 7)."""

    number: str
    label: str = ""
    manager: Pick | None = None
    ignore: bool = False
    country: str | None = None
    """ISO 3166 alpha-2; None: the workspace's."""


class NewRecord(_Model):
    """What every rule that creates has: the owner, the name and further values."""

    owner: Owner = Owner()
    name: Annotated[str, Field(max_length=200)] = "{number}"
    """Template; {number} is the number as people write it, {line}, {date}, {direction} too. CALL-16."""
    layout: Pick | None = None
    values: dict[str, Any] = Field(default_factory=dict)
    """Vendor field → value, for what the layout requires."""


class AccountRule(NewRecord):
    create: bool = False


class LeadRule(NewRecord):
    create: bool = True
    status: Pick | None = None
    """None: the CRM's default. CALL-11."""


class ContactRule(NewRecord):
    create: bool = False


class DealPlace(_Model):
    """Where a new deal stands: stage ∈ pipeline ∈ layout. CALL-14."""

    layout: Pick
    pipeline: Pick
    stage: Pick


class DealRule(NewRecord):
    when: Literal["never", "always", "none", "no_active"] = "never"
    """never; one per call; if there is no deal at all; if there is no active deal. CALL-13."""
    per_manager: bool = False
    place: DealPlace | None = None
    """For all; None: the CRM's default."""
    places: dict[str, DealPlace] = Field(default_factory=dict)
    """user id → place, used when per_manager."""


class TaskRule(_Model):
    create: bool = True
    """A task for each call that reached nobody. CALL-18."""
    per: Literal["call", "caller"] = "call"
    """One per call; or the caller's open task is used again, and closed when somebody reaches them."""
    done: Pick | None = None
    """The status of a closed task; None: the CRM's own."""
    owner: Owner = Owner()
    name: Annotated[str, Field(max_length=200)] = "{direction} {number}"
    due_days: Annotated[int, Field(ge=0, le=60)] = 1
    values: dict[str, Any] = Field(default_factory=dict)


class CallRule(_Model):
    log: Literal["all", "inbound", "outbound", "none"] = "all"
    owner: Owner = Owner()
    recording: Literal["link", "copy", "none"] = "link"
    retention_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """How long raw bodies, look-up answers and values of runs are kept here. CALL-20."""
    values: dict[str, Any] = Field(default_factory=dict)


class Several(_Model):
    """Several records match: the set order decides, or a person does. CALL-17."""

    decide: Literal["order", "inbox"] = "order"


class Settings(_Model):
    """All of it. The defaults work unedited once `default_user` is filled in at connect (CALL-4)."""

    version: Literal[1] = 1
    default_country: str = "FR"
    default_user: Pick | None = None
    zone: str = "Europe/Paris"
    """The workspace's zone, for "a calendar year ago", due dates and written times."""
    language: Literal["en", "fr", "da", "it"] = "en"
    """Of the texts written into the CRM. HUB-9."""
    settle_s: Annotated[int, Field(ge=0, le=600)] = 0
    """Waited after the end for sources with several legs; 0 for sources with an authoritative end."""
    lines: tuple[Line, ...] = ()
    account: AccountRule = AccountRule()
    lead: LeadRule = LeadRule()
    contact: ContactRule = ContactRule()
    deal: DealRule = DealRule()
    task: TaskRule = TaskRule()
    call: CallRule = CallRule()
    several: Several = Several()


def load(raw: dict[str, Any]) -> Settings:
    """Settings from stored JSON of any version; raises pydantic.ValidationError naming each wrong place."""
    return Settings.model_validate(raw)
