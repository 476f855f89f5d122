"""Sentences of what the engine, the store and the door say: outcomes of writes, events, look-ups, stopped connections."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SENTENCES: Final[dict[str, str | Promise]] = {
    "outcome.rejected": _("%(slot)s was not taken: %(refusal)s."),
    "outcome.stale": _("%(slot)s was changed by somebody else in the meantime, so Tieline left it as it is."),
    "outcome.gone": _("%(slot)s is no longer there."),
    "outcome.unknown": _("No answer says whether %(slot_small)s was written."),
    "outcome.not_sent": _("%(slot)s was not sent: what it belongs to was not written."),
    "outcome.blocked": _("%(slot)s was held back: what it belongs to was not taken."),
    "outcome.too_many_tries": _("%(slot)s was tried several times. %(error)s"),
    "event.unreadable": _("Nothing can be read out of this event. %(error)s"),
    "event.not_folded": _("This event does not fit the call that it names. %(error)s"),
    "lookup.endless": _("Tieline looked again and again and never had enough to decide."),
    "lookup.failed": _("Tieline could not look into the CRM. %(error)s"),
    "decide.failed": _("Tieline could not decide. %(error)s"),
    "connection.needs_reconnect": _(
        "%(title)s refuses Tieline’s access. Nothing is lost: everything waits until somebody reconnects."
    ),
    "connection.stopped": _("Work with %(title)s is stopped. %(error)s"),
    "flow.paused": _("%(flow)s is paused at %(title)s. %(error)s"),
    "intake.signature_wrong": _("The signature did not fit, so nothing was done."),
    "intake.not_of_contract": _("What came is not what this system sends, so nothing was done: %(detail)s"),
}

STORY: Final[dict[str, str | Promise]] = {
    "call.story.about": "%(about)s",
    "call.story.arrived": _("Arrived: %(direction)s call with %(number)s on line %(line)s: %(result)s."),
    "call.story.waits": _("Waits until %(until)s: %(why)s."),
    "call.story.looked": _("Looked for %(value)s in %(role)s by %(by)s. Found: %(found)s."),
    "call.story.applied": _("%(rule)s: yes, because %(why)s."),
    "call.story.not_applied": _("%(rule)s: no, because %(why)s."),
    "call.story.asks": _("Asks a person: %(why)s. To choose from: %(options)s."),
    "call.story.notice": _("Says: %(why)s"),
    "call.story.writes": _("Writes %(role)s (%(verb)s, %(slot_small)s): %(values)s."),
    "call.story.nothing": _("Writes nothing."),
    "call.story.refused": _("These settings would be refused: %(why)s (%(rules)s)."),
}
"""The lines of `tieline explain`."""
