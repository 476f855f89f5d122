"""Sentences of keeping two systems the same: what the engine, the worker and the deliveries of changes say beside the flow."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SENTENCES: Final[dict[str, str | Promise]] = {
    "sync.rejected": _("%(side)s does not take it: %(refusal)s."),
    "sync.stale": _("Somebody changed it there meanwhile. It is read again first."),
    "sync.gone": _("It is not there any more."),
    "sync.unknown": _("It was sent and nobody knows yet whether it arrived. Tieline looks before it writes again."),
    "sync.not_sent": _("It was not sent."),
    "sync.busy": _("An earlier write of this customer is not settled yet."),
    "sync.parent_first": _("The customer that it belongs to must be linked first."),
    "sync.claimed": _("Another record was just linked with the one that this would have been linked with."),
    "sync.limit": _(
        "%(count)s records would be deleted within a day, more than the limit of %(most)s. These were not deleted."
    ),
    "sync.moved": _("It is not as it was when somebody decided."),
    "sync.decide_failed": _("A mistake of Tieline kept it from deciding. The others go on."),
    "sync.linked": _("The two are linked. Nothing is written for that."),
    "sync.not_there": _("It is not there."),
    "sync.undone": _("A run was undone."),
    "sync.undo_changed": _("Somebody changed it since, so it stays: %(field)s."),
    "sync.undo_gone": _("It is not there any more, so there is nothing to take back."),
    "sync.undo_no_delete": _("The system does not let Tieline delete it. Delete it there by hand."),
    "sync.undo_later": _("Tieline wrote it again later. Undo that first."),
    "sync.undo_not_read": _("It is not kept the same any more, so it stays: %(field)s."),
    "sync.undo_new_record": _("It is made anew, as another record with another number."),
    "sync.run_stopped": _("Somebody paused it."),
    "sync.likely": _(
        "No rule of the first match finds it, but it is likely to be there already (with up to %(percent)s %% likelihood)."
    ),
    "sync.too_many": _(
        "Likely pairs were not looked for (%(role)s): more than %(most)s records of one system are linked with nothing."
    ),
    "sync.other_works": _("Another process works on this pair."),
    "sync.delivery_not_read": _("What came says nothing that Tieline can read."),
    "pair.stopped": _("%(pair)s is stopped until somebody looks. %(error)s"),
    "connection.feed_mended": _(
        "%(title)s had stopped telling Tieline of changes, and tells again. What was deleted meanwhile may have been missed:"
        " compare both systems."
    ),
    "connection.feed_lost": _("%(title)s no longer tells Tieline of changes. It is asked for them instead. %(error)s"),
}
