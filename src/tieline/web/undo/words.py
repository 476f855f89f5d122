"""Sentences of undos: short ones over a group, whole ones for a record (`web/words/engine.py`)."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Texts = dict[str, str | Promise]

WHY: Final[Texts] = {
    "undo.edited": _("Changed since Tieline wrote it"),
    "undo.gone": _("No longer there"),
    "undo.cannot_delete": _("The CRM lets nobody delete it from outside"),
    "undo.no_right": _("Tieline may not delete it yet"),
    "undo.converted": _("The lead was converted"),
    "undo.theirs_hang": _("Something that others made belongs to it"),
    "undo.ours_hang": _("Something that stays belongs to it"),
    "undo.later": _("A later run wrote it again"),
    "undo.no_before": _("Nobody knows what stood there before"),
    "undo.already": _("It is as it was already"),
    "undo.file_stays": _("Files stay"),
    "undo.not_known": _("Nobody knows whether it was written"),
    "undo.busy": _("It is being written now"),
    "undo.forgotten": _("What was written is no longer kept"),
    "undo.there_again": _("It was made again since"),
    "undo.moved": _("Changed after you read the plan"),
    "outcome.stale": _("Changed at the last moment"),
    "outcome.rejected": _("The CRM did not take it"),
    "outcome.blocked": _("What belongs to it stayed"),
}
"""Reason code → the heading of its group."""

HAND: Final[Texts] = {
    "undo.cannot_delete": _("Delete these by hand in the CRM."),
    "undo.edited": _("Look at them in the CRM: somebody’s work is in them."),
    "undo.theirs_hang": _("Move or delete what belongs to them first, then undo again."),
    "undo.converted": _("Look at the contact that the lead became."),
    "undo.file_stays": _("Remove the file in the CRM if nobody needs it."),
    "undo.no_right": _("Allow it, then Tieline looks again."),
}
"""What to do about it by hand, where there is something."""

DO: Final[Texts] = {
    "delete": _("Delete"),
    "restore": _("Put back"),
    "create": _("Make anew"),
    "attach": _("Attach again"),
}
DONE: Final[Texts] = {
    "delete": _("Deleted"),
    "restore": _("Put back"),
    "create": _("Made anew"),
    "attach": _("Attached again"),
}

STATES: Final[dict[str, tuple[str, str | Promise]]] = {
    "reading": ("wait", _("Reading")), "ready": ("note", _("To be approved")), "approved": ("wait", _("Undoing")),
    "done": ("ok", _("Done")), "dropped": ("off", _("Not wanted")),
}  # fmt: skip
