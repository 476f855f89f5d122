"""Why an undo does something, or leaves it as it is."""

from __future__ import annotations

from tieline.core.reasons import declare

EDITED = declare("undo.edited", "fields")
GONE = declare("undo.gone")
CANNOT = declare("undo.cannot_delete", "role")
NO_RIGHT = declare("undo.no_right", "scope")
CONVERTED = declare("undo.converted")
THEIRS_HANG = declare("undo.theirs_hang", "role", "count")
OURS_HANG = declare("undo.ours_hang", "role", "count")
LATER = declare("undo.later", "fields")
NO_BEFORE = declare("undo.no_before", "fields")
ALREADY = declare("undo.already")
FILE_STAYS = declare("undo.file_stays")
NOT_KNOWN = declare("undo.not_known")
BUSY = declare("undo.busy")
FORGOTTEN = declare("undo.forgotten")
THERE_AGAIN = declare("undo.there_again")
MOVED = declare("undo.moved")
MADE_HERE = declare("undo.made_here")
BACK = declare("undo.back")
AGAIN = declare("undo.again")
UNDONE = declare("undo.undone")
