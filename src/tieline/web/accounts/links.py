"""Addresses of one-time links, for commands and the demo to print and for the team's page to show once."""

from __future__ import annotations

from django.conf import settings

from tieline.store.team import people
from tieline.store.team.models import Role, User, Workspace


def address(token: str) -> str:
    """The public address of a link's token."""
    return f"{settings.TIELINE_PUBLIC_URL}/welcome/{token}/"


def first_admin() -> str:
    """Where the first super admin makes their account. Refused (`not_first`) when somebody has one."""
    return address(people.first_admin_link())


def invitation(workspace: Workspace, email: str, role: Role | str) -> str:
    """Where the owner of an e-mail address joins a workspace."""
    return address(people.invitation_link(workspace, email, role))


def new_password(user: User) -> str:
    """Where a user sets a new password."""
    return address(people.password_link(user))
