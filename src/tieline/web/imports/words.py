"""What columns of a call list and states of an import are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, str | Promise]

COLUMNS: Final[Words] = {
    "time": _("Date and time"),
    "clock": _("Time of day, apart from the date"),
    "direction": _("Direction or kind of call"),
    "number": _("Their number"),
    "line": _("Our line"),
    "caller": _("Who called"),
    "called": _("Who was called"),
    "duration": _("Duration"),
    "outcome": _("How it ended"),
    "agent": _("Person of ours"),
    "call_id": _("ID of the call"),
    "recording_url": _("Address of the recording"),
}
LACKING: Final[Words] = {
    "time": _("which column holds the date and time"),
    "direction": _("which column holds the direction, or which one all calls have"),
    "number": _("which column holds their number, or which two hold who called and who was called"),
}
DIRECTIONS: Final[Words] = {"inbound": _("Inbound"), "outbound": _("Outbound"), "internal": _("Internal")}
OUTCOMES: Final[Words] = {
    "answered": _("Answered"),
    "missed": _("Missed"),
    "no_answer": _("No answer"),
    "busy": _("Busy"),
    "voicemail": _("Voicemail"),
    "canceled": _("Cancelled"),
    "failed": _("Failed"),
    "rejected": _("Rejected"),
    "unknown": _("Unknown"),
}
STATES: Final[Mapping[str, tuple[str, str | Promise]]] = {
    "draft": ("off", _("Not begun")),
    "running": ("wait", pgettext_lazy("of an import", "Under way")),
    "done": ("ok", _("Done")),
    "stopped": ("note", _("Stopped")),
    "failed": ("fail", _("Failed")),
}
"""State → (kind of badge, word)."""
SEPARATORS: Final[Words] = {";": _("Semicolon ;"), ",": _("Comma ,"), "\t": _("Tab"), "|": _("Bar |")}
ENCODINGS: Final[Words] = {
    "utf-8": "UTF-8",
    "cp1252": _("Western European (Windows)"),
    "cp1250": _("Central European (Windows)"),
    "cp1251": _("Cyrillic (Windows)"),
    "mac-roman": _("Western European (Mac)"),
    "utf-16": "UTF-16",
}
