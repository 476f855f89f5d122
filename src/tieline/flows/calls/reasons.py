"""Why the calls flow does what it does: every code it can give, with its parameters.

Parameters are plain: numbers as people write them, names of records and users, roles and rules by their code name.
"""

from __future__ import annotations

from tieline.core.reasons import declare

# -- why nothing is done at all
IGNORED_LINE = declare("call.ignored_line", "line")
INTERNAL = declare("call.internal")
NOTHING_KNOWN = declare("call.nothing_known")
"""All that came is a recording or a remark: of a call before the connection, or on a leg that no other event names."""
IGNORED_LATE = declare("call.ignored_late", "line")

# -- why a rule does not apply
RULE_OFF = declare("call.rule_off")
NO_PERSON = declare("call.no_person", "kind")
"""kind: withheld, short, internal, invalid, empty or own_line."""
ROLE_MISSING = declare("call.role_missing", "role")
LINK_MISSING = declare("call.link_missing", "role", "link")
DECIDED_BEFORE = declare("call.decided_before")
MADE_BEFORE = declare("call.made_before")

# -- accounts, leads, contacts
ACCOUNT_NEW = declare("call.account.new", "number")
ACCOUNT_MATCHES = declare("call.account.matches", "name")
ACCOUNT_OF_CONTACT = declare("call.account.of_contact", "name")
LEAD_NEW = declare("call.lead.new", "number")
LEAD_MATCH = declare("call.lead.match", "role", "name")
CONTACT_NEW = declare("call.contact.new", "number")
CONTACT_MATCHES = declare("call.contact.matches", "name")
LINK_NEW_ACCOUNT = declare("call.link.new_account", "name")
LINK_NO_NEW_ACCOUNT = declare("call.link.no_new_account")
LINK_NO_CONTACT = declare("call.link.no_contact")

# -- deals
DEAL_ALWAYS = declare("call.deal.always")
DEAL_NONE = declare("call.deal.none")
DEAL_NONE_ACTIVE = declare("call.deal.none_active", "count")
DEAL_THERE = declare("call.deal.there", "name")
DEAL_ACTIVE = declare("call.deal.active", "name")
DEAL_NO_PARTY = declare("call.deal.no_party")
DEAL_NOBODY = declare("call.deal.nobody")
PLACE_MISSING = declare("call.deal.place_missing", "user")

# -- tasks
TASK_UNREACHED = declare("call.task.unreached", "direction", "result")
TASK_REACHED = declare("call.task.reached")
TASK_RESULT_UNKNOWN = declare("call.task.result_unknown")
TASK_AGAIN = declare("call.task.again", "name")
TASK_CLOSED = declare("call.task.closed", "direction")
TASK_NONE_OPEN = declare("call.task.none_open")

# -- call records
LOG = declare("call.log.on", "log")
LOG_NOT = declare("call.log.off", "log")
LOG_NO_PARENT = declare("call.log.no_parent")
LOG_UPDATE = declare("call.log.update", "fields")
LOG_SAME = declare("call.log.same")
LOG_FIXED = declare("call.log.fixed", "fields")
RECORDING_COPY = declare("call.recording.copy")
RECORDING_UNSUPPORTED = declare("call.recording.unsupported")

# -- owners
OWNER_MANAGER = declare("call.owner.manager", "line", "user")
OWNER_DEFAULT = declare("call.owner.default", "user")
OWNER_USER = declare("call.owner.user", "user")
OWNER_RECORD = declare("call.owner.record", "role", "name", "user")
OWNER_SAME_CALL = declare("call.owner.same_call", "role", "user")
OWNER_NO_MANAGER = declare("call.owner.no_manager", "line", "user")
OWNER_UNKNOWN_LINE = declare("call.owner.unknown_line", "line", "user")
OWNER_NO_LINE = declare("call.owner.no_line", "user")
OWNER_ABSENT = declare("call.owner.absent", "role", "user")
OWNER_INACTIVE = declare("call.owner.inactive", "who", "user")
OWNER_NOBODY = declare("call.owner.nobody")
OWNER_CYCLE = declare("call.owner.cycle", "rules")

# -- questions and notices
SEVERAL = declare("call.several", "number", "count")
UNKNOWN_LINE = declare("call.unknown_line", "line")

# -- contradictions (checks.py; the list with words is docs/reference/calls-rules.md)
CLASH_OWNER_CYCLE = declare("call.clash.owner_cycle", "rules")
CLASH_PLACE = declare("call.clash.place", "layout", "pipeline", "stage")
CLASH_PLACE_UNSUPPORTED = declare("call.clash.place_unsupported")
CLASH_PLACE_MISSING = declare("call.clash.place_missing", "user")
CLASH_TWO_LAYOUTS = declare("call.clash.two_layouts", "layout", "place")
CLASH_LINE_TWICE = declare("call.clash.line_twice", "line")
CLASH_LINE_INVALID = declare("call.clash.line_invalid", "line")
CLASH_RECORDING = declare("call.clash.recording_without_log")
CLASH_REQUIRED = declare("call.clash.required", "role", "fields")
CLASH_NO_DEFAULT_USER = declare("call.clash.no_default_user")
CLASH_USER_GONE = declare("call.clash.user_gone", "user")
CLASH_NO_USER = declare("call.clash.no_user", "rule")
CLASH_ROLE = declare("call.clash.role_missing", "role")
CLASH_FIELD = declare("call.clash.field_missing", "role", "field")
CLASH_CHOICE = declare("call.clash.choice", "role", "field", "value")
CLASH_VALUE = declare("call.clash.value", "role", "field", "value", "type")
CLASH_TEMPLATE = declare("call.clash.template", "placeholder")
CLASH_TASK_STATUS = declare("call.clash.task_status")
CLASH_TASK_LINK = declare("call.clash.task_link")
CLASH_COUNTRY = declare("call.clash.country", "country")
CLASH_ZONE = declare("call.clash.zone", "zone")

# -- what is not refused, but said when a rule is saved
REMARK_LINK = declare("call.remark.link_missing", "role", "link")
REMARK_OWNER = declare("call.remark.owner_missing", "role")
REMARK_OWNER_NEVER = declare("call.remark.owner_never", "role", "source")
REMARK_NOT_LOGGED = declare("call.remark.not_logged")
REMARK_DEAL_NEEDS_PARTY = declare("call.remark.deal_needs_party")
REMARK_TASK_STRANGER = declare("call.remark.task_stranger")
REMARK_USER_GONE = declare("call.remark.user_gone", "user")

# -- ways out of a contradiction, as said on a button
WAY_MANAGER = declare("call.way.manager", "role")
WAY_DEFAULT_USER = declare("call.way.default_user", "role")
WAY_CRM_DEFAULT = declare("call.way.crm_default")
WAY_ONE_PLACE = declare("call.way.one_place")
WAY_NO_RECORDING = declare("call.way.no_recording")
WAY_LOG = declare("call.way.log")
WAY_SWITCH_OFF = declare("call.way.switch_off", "role")
WAY_DROP_LINE = declare("call.way.drop_line", "line")
WAY_TASK_PER_CALL = declare("call.way.task_per_call")
WAY_PLAIN_NAME = declare("call.way.plain_name")
