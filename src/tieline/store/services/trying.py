"""Settings that nobody has saved, on the last subjects (CALL-25): a replay that leaves nothing behind.

tried(workspace, flow, settings, most=50) -> (ReplayView, [Differing])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from tieline.store.connection import workspace_tx
from tieline.store.services import replay
from tieline.store.services.replay_views import Differing, ReplayView

MOST = 200
"""Some tenths of a second."""
DAYS = 366


def tried(
    workspace: int, flow: str, settings: Mapping[str, Any] | None, *, only: str = "", most: int = 50
) -> tuple[ReplayView, Sequence[Differing]]:
    """The newest decided subjects of a year under these settings (None: those in force): how many differ from what was decided
    then, and in what. Declined as `replay.begin`."""
    since = timezone.now() - timedelta(days=DAYS)
    with workspace_tx(workspace):
        begun = replay.begin(workspace, None, flow, settings, since=since, only=only, most=min(most, MOST))
        view = replay.run(workspace, begun.id)
        found = replay.subjects(workspace, begun.id, most=MOST)
        transaction.set_rollback(True)
    return view, found
