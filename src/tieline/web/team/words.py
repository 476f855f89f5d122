"""Each action of the table role × action as people say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tieline.store.team.models import Role
from tieline.web.permissions import ACTIONS

SENTENCES: Final[dict[str, str | Promise]] = {
    "home.see": _("See what happened today"),
    "search": _("Search"),
    "inbox.see": _("See the inbox"),
    "inbox.answer": _("Answer questions in the inbox"),
    "inbox.remember": _("Have a decision remembered for cases like it, and take that back"),
    "records.see": _("See records"),
    "records.write": _("Write to records"),
    "flows.see": _("See the settings of flows"),
    "flows.try": _("Try settings on past calls, without writing"),
    "flows.change": _("Change the settings of flows"),
    "flows.live": _("Switch a flow live, or back to watching"),
    "runs.see": _("See runs and their reasons"),
    "runs.retry": _("Let Tieline try again what stopped"),
    "runs.replay": _("Replay past calls under other settings"),
    "runs.undo": _("Undo what a run wrote"),
    "events.see": _("See events as they arrived"),
    "capture.report": _("Report a visit"),
    "capture.change": _("Change questionnaires"),
    "outreach.work": _("Work through outreach"),
    "outreach.change": _("Change outreach"),
    "connections.see": _("See connections and their health"),
    "connections.grant": _("Give one’s own consent to a connection"),
    "connections.change": _("Connect, pause and disconnect systems"),
    "oauth_clients.change": _("Register Tieline at vendors"),
    "workspace.see": _("See the workspace’s settings"),
    "workspace.change": _("Change the workspace’s name, place and language"),
    "notifications.change": _("Change who is notified of what"),
    "team.see": _("See the team"),
    "team.change": _("Invite and remove people, change roles"),
    "tokens.see": _("See API tokens and outgoing webhooks"),
    "tokens.change": _("Make and end API tokens and outgoing webhooks"),
    "audit.see": _("See who did what"),
    "person.erase": _("Erase a person everywhere"),
    "crm.see": _("See the plan for changing the CRM"),
    "crm.change": _("Change the CRM"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One action and whether each role may do it, in the order of `Role`."""

    said: str
    may: Sequence[bool]


def table() -> list[Row]:
    """The whole table, as `permissions.ACTIONS` has it."""
    return [Row(str(SENTENCES[action]), [role in roles for role in Role]) for action, roles in ACTIONS.items()]
