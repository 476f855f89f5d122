"""A sentence for each kind of line in the audit log. A test holds them against every `note(…)` that there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tieline.store.team.models import Role
from tieline.web.customers.words import RUNS
from tieline.web.permissions import ROLE_NAMES
from tieline.web.words.names import FLOWS

SUBJECTS: Final[dict[str, str | Promise]] = {
    "team": _("Team"),
    "workspace": _("Workspace"),
    "connection": _("Connections"),
    "consent": _("Consents"),
    "oauth_client": _("Registrations at vendors"),
    "flow": _("Flows"),
    "inbox": _("Inbox"),
    "subject": _("Calls"),
    "replay": _("Replays"),
    "undo": _("Undoing"),
    "backfill": _("Past calls"),
    "import": _("Imported call lists"),
    "token": _("API tokens"),
    "hook": _("Webhooks"),
    "start": _("First steps"),
    "pair": _("Pairs of systems"),
    "customer": _("Customers"),
    "panel": _("The panel in the CRM"),
}
"""The part of a kind before its dot, for the filter."""

SENTENCES: Final[dict[str, str | Promise]] = {
    "token.made": _("Made the API token %(name)s"),
    "token.ended": _("Ended the API token %(name)s"),
    "hook.made": _("Made the webhook %(title)s"),
    "hook.changed": _("Changed the webhook %(title)s"),
    "hook.rotated": _("Made a new secret for the webhook %(title)s"),
    "hook.ended": _("Ended the webhook %(title)s"),
    "hook.tested": _("Sent a test message to the webhook %(title)s"),
    "hook.sent_again": _("Had a message sent again to the webhook %(title)s"),
    "team.invited": _("Invited %(email)s as %(role)s"),
    "team.uninvited": _("Took back the invitation of %(email)s"),
    "team.joined": _("Joined as %(role)s"),
    "team.role": _("Changed the role of %(name)s from %(before)s to %(after)s"),
    "team.removed": _("Removed %(name)s (%(email)s) from the team"),
    "team.signed_out": _("Signed %(name)s out on every device"),
    "team.second_factor_on": _("Made a second factor necessary for everybody"),
    "team.second_factor_off": _("Left the second factor to each member"),
    "workspace.changed": _("Changed the workspace’s settings; it is called %(name)s"),
    "connection.made": _("Connected %(title)s"),
    "connection.renewed": _("Reconnected %(title)s"),
    "connection.refreshed": _("Had Tieline look at %(title)s again"),
    "connection.renamed": _("Renamed a connection to %(title)s"),
    "connection.ended": _("Disconnected %(title)s"),
    "connection.paused": _("Paused %(title)s"),
    "connection.resumed": _("Let %(title)s go on"),
    "connection.new_address": _("Made a new address for the events of %(title)s"),
    "connection.old_address_ended": _("Ended the old address for the events of %(title)s"),
    "connection.secret_changed": _("Changed a secret of %(title)s"),
    "connection.lines": _("Listed %(count)s lines of %(title)s"),
    "connection.practised": _("Played in the sandbox of %(title)s"),
    "consent.refused": _("Refused the consent for %(connector)s"),
    "oauth_client.kept": _("Registered Tieline at %(connector)s"),
    "oauth_client.forgotten": _("Removed the registration at %(connector)s"),
    "flow.saved": _("Saved the settings of %(flow)s, version %(version)s"),
    "flow.live": _("Switched %(flow)s live"),
    "flow.watch": _("Switched %(flow)s to watching"),
    "flow.target": _("Let %(flow)s write to %(title)s"),
    "flow.source": _("Let %(flow)s read from %(title)s"),
    "flow.source_removed": _("Took a source from %(flow)s"),
    "inbox.answered": _("Answered a question in the inbox"),
    "inbox.remembered": _("Let an answer in the inbox hold for later cases"),
    "inbox.revoked": _("Ended an answer that held for later cases"),
    "inbox.taken_back": _("Took an answer in the inbox back"),
    "inbox.dismissed": _("Read a notice in the inbox"),
    "subject.retried": _("Had Tieline try a stopped call again"),
    "replay.begun": _("Began a replay of %(count)s past calls"),
    "replay.applied": _("Let %(count)s calls of a replay be decided anew"),
    "undo.begun": _("Asked what undoing %(runs)s runs would change"),
    "undo.approved": _("Let %(runs)s runs be undone"),
    "undo.dropped": _("Left runs as they are instead of undoing them"),
    "backfill.started": _("Began to fetch past calls of %(title)s"),
    "backfill.stopped": _("Stopped fetching past calls of %(title)s"),
    "import.started": _("Began to import %(rows)s calls from the file %(name)s"),
    "import.stopped": _("Stopped importing the file %(name)s after %(rows)s calls"),
    "start.company": _("First steps: the company"),
    "start.crm": _("First steps: the CRM"),
    "start.phone": _("First steps: the phone system"),
    "start.events": _("First steps: its events"),
    "start.lines": _("First steps: who answers"),
    "start.live": _("First steps: live"),
    "connection.feed_made": _("Had %(title)s tell of changes"),
    "connection.feed_pasted": _("Got an address for changes of %(title)s to be pasted there"),
    "connection.feed_ended": _("Ended the deliveries of changes of %(title)s"),
    "pair.created": _("Joined %(pair)s"),
    "pair.saved": _("Saved the rules of %(pair)s, version %(version)s"),
    "pair.switched_on": _("Switched %(pair)s on"),
    "pair.switched_off": _("Switched %(pair)s off"),
    "pair.live": _("Let %(pair)s write"),
    "pair.watching": _("Let %(pair)s only watch"),
    "pair.ended": _("Took %(pair)s apart"),
    "pair.resumed": _("Let %(pair)s go on after trouble"),
    "pair.asked": _("Began a run of %(pair)s: %(run)s"),
    "pair.run_wish": _("Told a run of %(pair)s (%(run)s): %(wish)s"),
    "customer.told": _("Decided about the customer %(customer)s: %(what)s"),
    "customer.marked": _("Had the customer %(customer)s kept the same"),
    "customer.unmarked": _("Had the customer %(customer)s no longer kept the same"),
    "panel.allowed": _("Changed which pages may show the panel of %(pair)s"),
    "panel.renewed": _("Made a new address for the panel of %(pair)s"),
}


_CODES: Final[dict[str, dict[str, str | Promise]]] = {
    "run": RUNS,
    "wish": {"pause": _("pause"), "stop": _("stop"), "go on": _("go on")},
    "what": {
        "choose": _("which values hold"),
        "create": _("make it there"),
        "link": _("which record it is"),
        "look": _("look again"),
        "delete": _("delete it there too"),
        "restore": _("make it again"),
        "unlink": _("end the link"),
    },
}
"""Parameters that are codes, and their words."""


class _Params(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "–"


def said(action: str, params: Mapping[str, Any]) -> str:
    """What was done, in the reader's language. Lines of an older version whose kind is gone are shown as their code."""
    text = SENTENCES.get(action)
    if text is None:
        return action
    shown = _Params({name: _value(name, value) for name, value in params.items()})
    return str(text) % shown


def subject(action: str) -> str:
    """What a kind is about."""
    return str(SUBJECTS.get(action.partition(".")[0], ""))


def by(who: str, user: int | None) -> str:
    """Who did it: Tieline itself where nobody did."""
    return who or (gettext("An account that is gone") if user is not None else gettext("Tieline"))


def _value(name: str, value: Any) -> str:
    if name in {"role", "before", "after"} and value in Role.values:
        return str(ROLE_NAMES[Role(value)])
    if name == "flow":
        return str(FLOWS.get(str(value), value))
    if name in _CODES:
        return str(_CODES[name].get(str(value), value))
    return str(value)
