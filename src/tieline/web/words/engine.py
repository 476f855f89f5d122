"""Sentences of what the engine, the store and the door say: outcomes of writes, events, look-ups, stopped connections."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SENTENCES: Final[dict[str, str | Promise]] = {
    "outcome.rejected": _("%(slot)s was not taken: %(refusal)s."),
    "outcome.link_refused": _("%(slot)s was not taken: %(refusal)s."),
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
    "undo.edited": _("It was changed after Tieline wrote it (of Tieline’s values: %(fields)s)."),
    "undo.gone": _("It is no longer there."),
    "undo.cannot_delete": _("This CRM lets nobody delete %(role)s from outside."),
    "undo.no_right": _("The right %(scope)s was not given."),
    "undo.converted": _("The lead was converted."),
    "undo.theirs_hang": _("Others made something that belongs to it: %(count)s, %(role)s among them."),
    "undo.ours_hang": _("Something that stays belongs to it: %(count)s, %(role)s among them."),
    "undo.later": _("A later run of Tieline wrote it again: %(fields)s."),
    "undo.no_before": _("Nobody knows what stood there before: %(fields)s."),
    "undo.already": _("It is as it was already."),
    "undo.file_stays": _("The file stays."),
    "undo.not_known": _("Nobody knows whether it was written."),
    "undo.busy": _("It is being written now, and the rules are paused."),
    "undo.forgotten": _("What Tieline wrote is no longer kept, so nobody can tell whether it is still the same."),
    "undo.there_again": _("It was made again since."),
    "undo.moved": _("It was changed after the plan was read."),
    "undo.made_here": _("Tieline made it and nobody changed it since"),
    "undo.back": _("Tieline changed it and its value is still there"),
    "undo.again": _("an undo took it away"),
    "undo.undone": _("It was undone."),
    "connection.needs_reconnect": _(
        "%(title)s refuses Tieline’s access. Nothing is lost: everything waits until somebody reconnects."
    ),
    "connection.stopped": _("Work with %(title)s is stopped. %(error)s"),
    "flow.paused": _("%(flow)s is paused at %(title)s. %(error)s"),
    "hook.refused": _("It answered with %(status)s."),
    "hook.no_answer": _("It did not answer within ten seconds, or could not be reached."),
    "hook.not_public": _("Its address leads to no place that the internet can reach."),
    "hook.sealed": _("Its secret does not open with this installation’s key. Make a new secret."),
    "hook.off_gone": _("Switched off: it answered that it is gone (410)."),
    "hook.switched_off": _("The webhook “%(title)s” is told nothing any more. %(error)s"),
    "hook.off_failing": _("Switched off: nothing has arrived for %(days)s days."),
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
