"""Notifications in words, on the page and in e-mails."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SENTENCES: Final[dict[str, str | Promise]] = {
    "told.question": _("Questions that wait for an answer: %(times)s"),
    "told.stopped": _("Calls that stopped until somebody looks: %(times)s"),
    "told.connection.needs_reconnect": _("%(title)s wants to be reconnected: %(error)s"),
    "told.connection.stopped": _("%(title)s is stopped: %(error)s"),
    "told.flow.paused": _("%(flow)s is paused: %(error)s"),
    "told.hook.switched_off": _("The webhook “%(title)s” is told nothing any more. %(error)s"),
    "mail.several": _("%(count)s things to know"),
    "mail.look": _("See them here: %(address)s"),
    "mail.choose": _("Choose what you are told of, and how: %(address)s"),
}
KINDS: Final[dict[str, str | Promise]] = {
    "question": _("Questions that wait for an answer"),
    "stopped": _("Calls that stopped"),
    "connection.needs_reconnect": _("A connection that wants to be reconnected"),
    "connection.stopped": _("A connection that stopped"),
    "flow.paused": _("A flow that was paused"),
    "hook.switched_off": _("A webhook that switched itself off"),
    "notice": _("Anything else to know"),
}
MAILS: Final[dict[str, str | Promise]] = {
    "no": _("no e-mail"),
    "now": _("e-mail at once"),
    "digest": _("in the daily e-mail"),
}
STATES: Final[dict[str, str | Promise]] = {
    "due": _("goes into an e-mail"),
    "sending": _("its e-mail is on its way"),
    "sent": _("sent by e-mail"),
    "failed": _("the mail server refused its e-mail"),
    "unknown": _("it is not known whether its e-mail arrived"),
}
"""What became of the e-mail, where there was to be one."""
