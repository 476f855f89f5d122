"""Whether new settings of a pair let something through that those before held back. What was held is not told of again by any
change, so whoever saves such settings has the linked ones compared anew."""

from __future__ import annotations

from tieline.flows.customers.settings import LineRule, Settings


def opens(before: Settings, after: Settings) -> bool:
    """Whether a switch was opened, or a line's direction widened or turned, or it empties or maps what it did not before. Lines and
    roles that are new hold nothing back yet: they are filled as their records move."""
    if not after.on:
        return False
    switches = ((before.on, True), (before.crm_changed, after.crm_changed), (before.erp_changed, after.erp_changed))
    if any(now and not was for was, now in switches):
        return True
    known = {(role.role, line.name): line for role in before.roles for line in role.lines}
    return any(
        (role.role, line.name) in known and _opens(known[role.role, line.name], line)
        for role in after.roles
        if role.on
        for line in role.lines
    )


def _opens(before: LineRule, after: LineRule) -> bool:
    turned = before.direction not in {after.direction, "both"}
    return turned or (after.clears and not before.clears) or not after.values.items() <= before.values.items()
