"""Reason codes of customers kept the same. The closed list of why a record does not move is NOT_MOVED (HUB-11)."""

from __future__ import annotations

from typing import Final

from tieline.core.reasons import declare

# -- why a record does not move: the first failed condition -------------------------------------------------------------
OFF: Final = declare("customers.not.switched_off")
ROLE_OFF: Final = declare("customers.not.role", "role")
STOPPED: Final = declare("customers.not.stopped")
NOT_MARKED: Final = declare("customers.not.marked")
SWITCH: Final = declare("customers.not.switch", "side")
BY_HAND: Final = declare("customers.not.by_hand")
NOT_NEW: Final = declare("customers.not.new")
NOT_ACTIVE: Final = declare("customers.not.active")
NO_CONDITION: Final = declare("customers.not.condition")
PARENT: Final = declare("customers.not.parent", "role")
NO_PARENT: Final = declare("customers.not.no_parent", "role")
REQUIRED: Final = declare("customers.not.required", "side", "fields")
AMBIGUOUS: Final = declare("customers.not.ambiguous", "count")
UNSURE: Final = declare("customers.not.unsure", "count")
REFUSED_PARTNER: Final = declare("customers.not.partner_gone", "id")
REUSED: Final = declare("customers.not.reused", "side", "id")
GONE: Final = declare("customers.not.gone", "side")
GONE_WAITS: Final = declare("customers.not.gone_waits", "side")
GONE_SWITCH: Final = declare("customers.not.gone_switch", "side")
GONE_MERGED: Final = declare("customers.not.merged", "side", "count")
GONE_BOTH: Final = declare("customers.not.gone_both")
CONFLICT: Final = declare("customers.not.conflict", "count")
LOOK_ONLY: Final = declare("customers.not.look_only")
SAME: Final = declare("customers.not.same")

NOT_MOVED: Final = (
    OFF, ROLE_OFF, STOPPED, NOT_MARKED, SWITCH, BY_HAND, NOT_NEW, NOT_ACTIVE, NO_CONDITION, PARENT, NO_PARENT, REQUIRED,
    AMBIGUOUS, UNSURE, REFUSED_PARTNER, REUSED, GONE, GONE_WAITS, GONE_SWITCH, GONE_MERGED, GONE_BOTH, CONFLICT, LOOK_ONLY, SAME,
)  # fmt: skip

# -- why something is written ------------------------------------------------------------------------------------------
CREATED: Final = declare("customers.write.created", "side")
CREATED_BY_HAND: Final = declare("customers.write.created_by_hand", "side")
CREATED_ACTIVE: Final = declare("customers.write.created_active")
RESTORED: Final = declare("customers.write.restored", "side")
UPDATED: Final = declare("customers.write.updated", "side")
MATCHED: Final = declare("customers.write.matched", "rule")
CHOSEN_PARTNER: Final = declare("customers.write.chosen_partner")
MOVED_LINK: Final = declare("customers.write.moved_link", "side")
DELETED: Final = declare("customers.write.deleted", "side")
DEFAULT: Final = declare("customers.write.default")
MARKED: Final = declare("customers.write.marked")
