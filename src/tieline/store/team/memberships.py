"""In which workspaces a user is: what is asked before a workspace can be named, so by a function of the database."""

from __future__ import annotations

from datetime import datetime, timedelta

from tieline.store.connection import workspace_tx
from tieline.store.team.models import Member, User, Workspace

NOTED_EVERY = timedelta(minutes=5)


def memberships(user: User) -> list[Member]:
    """A user's roles with their workspaces, by the workspaces' names."""
    found = list(Member.objects.raw("SELECT * FROM team_memberships(%s)", [user.pk]))
    spaces = Workspace.objects.in_bulk([one.workspace_id for one in found])
    for member in found:
        member.user, member.workspace = user, spaces[member.workspace_id]
    return sorted(found, key=lambda one: (one.workspace.name, one.workspace_id))


def note_seen(member: Member, now: datetime) -> None:
    """Write that somebody is in their workspace, at most every five minutes."""
    if member.seen is None or now - member.seen > NOTED_EVERY:
        with workspace_tx(member.workspace_id):
            Member.objects.filter(pk=member.pk, workspace_id=member.workspace_id).update(seen=now)
