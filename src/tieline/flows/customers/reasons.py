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
CANNOT_DELETE: Final = declare("customers.not.cannot_delete", "side")
GONE_MERGED: Final = declare("customers.not.merged", "side", "count")
GONE_BOTH: Final = declare("customers.not.gone_both")
CONFLICT: Final = declare("customers.not.conflict", "count")
SAME: Final = declare("customers.not.same")

NOT_MOVED: Final = (
    OFF, ROLE_OFF, STOPPED, NOT_MARKED, SWITCH, BY_HAND, NOT_NEW, NOT_ACTIVE, NO_CONDITION, PARENT, NO_PARENT, REQUIRED,
    AMBIGUOUS, UNSURE, REFUSED_PARTNER, REUSED, GONE, GONE_WAITS, GONE_SWITCH, CANNOT_DELETE, GONE_MERGED, GONE_BOTH, CONFLICT, SAME,
)  # fmt: skip

# -- why something is written ------------------------------------------------------------------------------------------
CREATED: Final = declare("customers.write.created", "side")
CREATED_BY_HAND: Final = declare("customers.write.created_by_hand", "side")
CREATED_ACTIVE: Final = declare("customers.write.created_active")
CREATED_THROUGH: Final = declare("customers.write.created_through", "one", "name", "id")
"""`one` (its role), `name`, `id`: of the record in the CRM that made the customer active."""
RESTORED: Final = declare("customers.write.restored", "side")
UPDATED: Final = declare("customers.write.updated", "side")
MATCHED: Final = declare("customers.write.matched", "rule")
CHOSEN_PARTNER: Final = declare("customers.write.chosen_partner")
MOVED_LINK: Final = declare("customers.write.moved_link", "side")
DELETED: Final = declare("customers.write.deleted", "side")
DELETED_BY_HAND: Final = declare("customers.write.deleted_by_hand", "side")
"""A person said of this one that it is to be deleted there too: it does not count against the limit (CUST-12)."""
DEFAULT: Final = declare("customers.write.default")
MARKED: Final = declare("customers.write.marked")
LIKELY: Final = declare("customers.evidence.likely", "percent")
"""How likely two records are one, by everything that they hold together."""

# -- settings that contradict ------------------------------------------------------------------------------------------
CLASH_COUNTRY: Final = declare("customers.clash.country", "country")
CLASH_NO_ROLE: Final = declare("customers.clash.no_role")
CLASH_ROLE_TWICE: Final = declare("customers.clash.role_twice", "role")
CLASH_ROLE: Final = declare("customers.clash.role", "role", "side")
CLASH_ROLE_CIRCLE: Final = declare("customers.clash.role_circle", "roles")
CLASH_PARENT: Final = declare("customers.clash.parent", "what", "role")
CLASH_CONDITION: Final = declare("customers.clash.condition")
CLASH_CONDITION_VALUE: Final = declare("customers.clash.condition_value", "what", "said")
CLASH_CONDITION_ROLE: Final = declare("customers.clash.condition_role", "role")
CLASH_CONDITION_LINK: Final = declare("customers.clash.condition_link", "role", "what")
CLASH_CONDITION_FIELD: Final = declare("customers.clash.condition_field", "role", "what")
CLASH_MARK: Final = declare("customers.clash.mark")
CLASH_LINE_TWICE: Final = declare("customers.clash.line_twice", "what")
CLASH_TWO_WRITERS: Final = declare("customers.clash.two_writers", "what", "other", "side", "field")
CLASH_CIRCLE: Final = declare("customers.clash.circle", "lines")
CLASH_TYPES: Final = declare("customers.clash.types", "what", "left_type", "right_type")
CLASH_BOTH_MASTERS: Final = declare("customers.clash.both_masters", "what", "side")
CLASH_CHOICE: Final = declare("customers.clash.choice", "what", "side", "said")
CLASH_REQUIRED: Final = declare("customers.clash.required", "role", "side", "fields")
CLASH_NOTHING_GIVEN: Final = declare("customers.clash.nothing_given", "role", "side")

REMARK_READ_ONLY: Final = declare("customers.remark.read_only", "what", "side")
REMARK_TOO_SHORT: Final = declare("customers.remark.too_short", "what", "side", "length")
REMARK_UNMAPPED: Final = declare("customers.remark.unmapped", "what", "side", "said")
REMARK_NO_MATCH: Final = declare("customers.remark.no_match", "role")
REMARK_RULE_EMPTY: Final = declare("customers.remark.rule_empty", "role", "rule")
REMARK_NOTHING_MOVES: Final = declare("customers.remark.nothing_moves")
REMARK_NO_DELETE: Final = declare("customers.remark.no_delete", "role", "side")

WAY_DROP_LINE: Final = declare("customers.way.drop_line", "what")
WAY_ONE_WAY: Final = declare("customers.way.one_way", "what", "side")
WAY_BOTH_WAYS: Final = declare("customers.way.both_ways", "what")
WAY_ASK: Final = declare("customers.way.ask", "what")
WAY_ROLE_OFF: Final = declare("customers.way.role_off", "role")
WAY_ROLE_ON: Final = declare("customers.way.role_on", "role")
WAY_AT_CREATION: Final = declare("customers.way.at_creation")
WAY_BY_HAND: Final = declare("customers.way.by_hand")
WAY_NOT_CREATED: Final = declare("customers.way.not_created", "side")
WAY_MARK_ALL: Final = declare("customers.way.mark_all")
WAY_FIRST_CHOICE: Final = declare("customers.way.first_choice", "said")
