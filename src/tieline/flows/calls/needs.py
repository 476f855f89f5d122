"""From settings to the roles and verbs that they need, each with the rule that asks: scopes follow from these (CALL-3)."""

from __future__ import annotations

from collections.abc import Iterator

from tieline.core.flow import Need
from tieline.flows.calls.people import PERSONS
from tieline.flows.calls.settings import Settings


def needs(settings: Settings) -> tuple[Need, ...]:
    """Roles and verbs of the active rules.

    Verbs: read, create, update, attach; "owner" to give a record to a user and know who is active; "fields" to know layouts
    and required fields; "places" to know pipelines with their stages.
    """
    active = tuple(_active(settings))
    out = [*_records(active), *_further(settings)]
    if active:
        # several matches are put in order by their open deals
        out.append(Need("deal", "read", "several.decide"))
    return tuple(dict.fromkeys(out))


def _active(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Each active rule, the role that it makes, its owner source."""
    if settings.call.log != "none":
        yield "call.log", "call", settings.call.owner.kind
    if settings.task.create:
        yield "task.create", "task", settings.task.owner.kind
    for role in PERSONS:
        rule = getattr(settings, role)
        if rule.create:
            yield f"{role}.create", role, rule.owner.kind
    if settings.deal.when != "never":
        yield "deal.create", "deal", settings.deal.owner.kind


def _records(active: tuple[tuple[str, str, str], ...]) -> Iterator[Need]:
    for rule, role, source in active:
        for verb in ("create", "owner", "fields"):
            yield Need(role, verb, rule)
        for person in PERSONS:
            yield Need(person, "read", rule)
        if source == "deal":
            yield Need("deal", "read", f"{role}.owner")


def _further(settings: Settings) -> Iterator[Need]:
    if settings.call.log != "none":
        yield Need("call", "update", "call.log")
        if settings.call.recording == "copy":
            yield Need("call", "attach", "call.recording")
    if settings.task.create and settings.task.per == "caller":
        yield Need("task", "read", "task.per")
        yield Need("task", "update", "task.per")
    if settings.account.create:
        yield Need("contact", "update", "account.create")
    if settings.deal.when in ("none", "no_active"):
        yield Need("deal", "read", "deal.create")
    if settings.deal.when != "never" and (settings.deal.place is not None or settings.deal.per_manager):
        yield Need("deal", "places", "deal.place")
