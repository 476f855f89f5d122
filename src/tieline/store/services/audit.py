"""Who did what, written in the transaction that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tieline.store.models import Audit

if TYPE_CHECKING:
    from tieline.store.team.models import User


def note(workspace: int, user: User | None, action: str, **params: Any) -> None:
    """One line of the audit log, inside the caller's `workspace_tx`. `user` None: Tieline itself. Never a secret."""
    Audit.objects.create(workspace_id=workspace, user=user, action=action, params=params)
