"""From settings to the roles and verbs that each side is asked for, each with the setting that asks: scopes follow from these."""

from __future__ import annotations

from tieline.core.flow import Need
from tieline.core.merge import allowed
from tieline.core.pairing import LEFT, Side, other
from tieline.flows.customers.settings import RoleRule, Settings


def needs(settings: Settings, side: Side) -> tuple[Need, ...]:
    """Roles and verbs of this side: read, fields; create, update, delete where some setting writes there."""
    if not settings.on:
        return ()
    out: list[Need] = []
    for rule in settings.roles:
        if not rule.on:
            continue
        out.extend((Need(rule.role, "read", "roles"), Need(rule.role, "fields", "roles")))
        out.extend(_writes(settings, rule, side))
    condition = settings.active
    if side == LEFT and settings.crm_new == "when_active" and condition is not None and condition.role:
        out.append(Need(condition.role, "read", "active"))
    return tuple(dict.fromkeys(out))


def _writes(settings: Settings, rule: RoleRule, side: Side) -> list[Need]:
    out: list[Need] = []
    source = other(side)
    created, changed = (
        ("erp_created", settings.erp_created), ("erp_changed", settings.erp_changed)
    ) if side == LEFT else (
        ("crm_new", settings.crm_new != "off"), ("crm_changed", settings.crm_changed)
    )  # fmt: skip
    if created[1]:
        out.append(Need(rule.role, "create", created[0]))
    # a first match fills what is empty on either side
    if (changed[1] or created[1]) and any(allowed(line.direction, source) for line in rule.lines):
        out.append(Need(rule.role, "update", changed[0]))
    if settings.deletions.of(source) == "delete":
        out.append(Need(rule.role, "delete", f"deletions.{source}"))
    return out
