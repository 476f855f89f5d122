"""Who may do what: one table of role × action. Pages (`web/permissions.py`) and the API (`api/v1/access.py`) both go by it."""

from __future__ import annotations

from typing import Final

from tieline.store.team.models import Member, Role

EVERYBODY: Final = frozenset({Role.SUPER_ADMIN, Role.ADMIN, Role.MEMBER})
ADMINS: Final = frozenset({Role.SUPER_ADMIN, Role.ADMIN})
SUPER_ADMINS: Final = frozenset({Role.SUPER_ADMIN})

ACTIONS: Final[dict[str, frozenset[Role]]] = {
    "home.see": EVERYBODY,
    "search": EVERYBODY,
    "inbox.see": EVERYBODY,
    "inbox.answer": EVERYBODY,
    "inbox.remember": ADMINS,  # "always do this for cases like it", and taking that back
    "records.see": EVERYBODY,
    "records.write": EVERYBODY,
    "flows.see": EVERYBODY,
    "flows.try": EVERYBODY,
    "flows.change": ADMINS,
    "flows.live": ADMINS,
    "runs.see": EVERYBODY,
    "runs.retry": EVERYBODY,
    "runs.replay": ADMINS,
    "runs.undo": ADMINS,
    "events.see": ADMINS,  # raw bodies of what arrived
    "capture.report": EVERYBODY,
    "capture.change": ADMINS,
    "outreach.work": EVERYBODY,
    "outreach.change": ADMINS,
    "connections.see": EVERYBODY,
    "connections.grant": EVERYBODY,  # one's own authorisation of a connection
    "connections.change": ADMINS,
    "oauth_clients.change": SUPER_ADMINS,
    "workspace.see": ADMINS,
    "workspace.change": ADMINS,
    "notifications.change": ADMINS,
    "team.see": EVERYBODY,
    "team.change": SUPER_ADMINS,
    "tokens.see": ADMINS,
    "tokens.change": ADMINS,
    "audit.see": ADMINS,
    "person.erase": SUPER_ADMINS,
    "crm.see": ADMINS,
    "crm.change": SUPER_ADMINS,
}


def may(member: Member | None, action: str) -> bool:
    """Whether a member may do an action. An action that the table does not know is an error, never a no."""
    roles = ACTIONS[action]
    return member is not None and Role(member.role) in roles
