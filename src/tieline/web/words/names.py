"""Names of things that codes speak of, beside those of the calls flow (`web/calls/words.py`)."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Texts = dict[str, str | Promise]

SLOTS: Final[Texts] = {
    "account": _("the account"), "lead": _("the lead"), "contact": _("the contact"), "deal": _("the deal"),
    "task": _("the task"), "call": _("the call record"), "call.update": _("the change of the call record"),
    "call.recording": _("the recording"), "contact.link": _("the contact’s link to the account"),
}  # fmt: skip

FLOWS: Final[Texts] = {
    "calls": _("Calls"), "proposals": _("Proposals"), "customers": _("Customers"), "capture": _("Capture"),
    "outreach": _("Outreach"),
}  # fmt: skip

DONE: Final[Texts] = {
    "call.log": _("Log the call"), "account.create": _("New account"), "lead.create": _("New lead"),
    "contact.create": _("New contact"), "deal.create": _("New deal"), "task.create": _("New task"),
    "contact.link": _("Link contact and account"), "call.recording": _("Copy the recording"),
    "several.decide": _("Ask a person"),
}  # fmt: skip
"""A rule that applied, as a title."""

NOT_DONE: Final[Texts] = {
    "call.log": _("Call not logged"), "account.create": _("No new account"), "lead.create": _("No new lead"),
    "contact.create": _("No new contact"), "deal.create": _("No new deal"), "task.create": _("No task"),
    "contact.link": _("Contact and account not linked"), "call.recording": _("Recording not copied"),
    "several.decide": _("Nobody asked"),
}  # fmt: skip

STATES: Final[dict[str, tuple[str, str | Promise]]] = {
    "applying": ("wait", _("Writing")), "done": ("ok", _("Done")), "asked": ("wait", _("Asks you")),
    "watched": ("watch", _("Watched")), "nothing": ("off", _("Nothing")), "failed": ("fail", _("Failed")),
    "superseded": ("off", _("Replaced")),
}  # fmt: skip
"""State of a run → kind of status and its word."""

WAITING: Final[dict[str, tuple[str, str | Promise]]] = {
    "waiting": ("wait", _("Waiting")), "due": ("wait", _("Waiting")), "applying": ("wait", _("Writing")),
    "asked": ("wait", _("Asks you")), "done": ("ok", _("Done")), "parked": ("fail", _("Stopped")),
    "undone": ("off", _("Undone")),
}  # fmt: skip
"""The same of a call that has no run yet."""

OPERATIONS: Final[dict[str, tuple[str, str | Promise]]] = {
    "planned": ("wait", pgettext_lazy("a write", "Planned")), "sent": ("wait", pgettext_lazy("a write", "Sent")),
    "done": ("ok", pgettext_lazy("a write", "Written")), "rejected": ("fail", pgettext_lazy("a write", "Not taken")),
    "unknown": ("wait", pgettext_lazy("a write", "Not known yet")),
    "blocked": ("fail", pgettext_lazy("a write", "Held back")),
}  # fmt: skip

IN_MANY: Final[Texts] = {
    "account": _("accounts"), "lead": _("leads"), "contact": _("contacts"), "deal": _("deals"), "task": _("tasks"),
    "call": _("calls"),
}  # fmt: skip

FIELDS: Final[Texts] = {
    "due": _("due on"), "direction": _("direction"), "started_at": _("began"), "external_number": _("number outside"),
    "line_number": _("line"), "last_activity": _("last activity"), "created_at": _("made on"),
    "stage_kind": _("stage"), "converted_contact": _("contact that it became"), "url": _("file"), "source": _("source"),
}  # fmt: skip
"""Canonical fields that the settings of calls do not name."""
