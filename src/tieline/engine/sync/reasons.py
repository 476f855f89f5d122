"""Reason codes of keeping two systems the same: what the engine itself says, beside what its flow says."""

from __future__ import annotations

from tieline.core.reasons import declare

REJECTED = declare("sync.rejected", "side", "vendor_code", "field", "detail")
"""`side`: which system refused it."""
STALE = declare("sync.stale")
GONE = declare("sync.gone")
UNKNOWN = declare("sync.unknown", "looked")
NOT_SENT = declare("sync.not_sent", "detail")
BUSY = declare("sync.busy")
"""An earlier write of this customer is not settled yet."""
PARENT_FIRST = declare("sync.parent_first", "role", "id")
CLAIMED = declare("sync.claimed", "id")
"""Another record of the same page was linked with the one that this would have been linked with."""
LIMIT = declare("sync.limit", "role", "count", "most")
MOVED = declare("sync.moved")
"""It is not as it was when a person decided."""
DECIDE_FAILED = declare("sync.decide_failed", "error")
LINKED = declare("sync.linked", "id")
NOT_THERE = declare("sync.not_there")
UNDONE = declare("sync.undone", "run")
UNDO_CHANGED = declare("sync.undo_changed", "field")
UNDO_GONE = declare("sync.undo_gone")
UNDO_NO_DELETE = declare("sync.undo_no_delete", "role")
UNDO_LATER = declare("sync.undo_later")
UNDO_NOT_READ = declare("sync.undo_not_read", "field")
"""Not mapped any more, so nobody knows what stands there."""
UNDO_NEW_RECORD = declare("sync.undo_new_record")
"""A deleted record is made anew: it has another id there."""
STOPPED = declare("sync.run_stopped")
LIKELY = declare("sync.likely", "count", "percent")
"""No rule finds a partner for it, and these are likely. The question stays open until it is answered or its record is linked."""
TOO_MANY = declare("sync.too_many", "role", "most")
"""Linked with nothing: more than are compared as whole lists."""
ROLE_OFF = declare("customers.not.role", "role")
"""As the flow says it (HUB-11): of a record that waits while its role is switched off."""
OTHER_WORKS = declare("sync.other_works")
