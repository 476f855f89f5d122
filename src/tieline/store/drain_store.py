"""`engine.ports.Store` on Postgres: what the drain of one target needs, over the session that holds it."""

from __future__ import annotations

import uuid

from tieline.store.drain_runs import RunSide
from tieline.store.drain_session import DrainSession
from tieline.store.drain_subjects import SubjectSide


class DrainStore(SubjectSide, RunSide):
    """The store of one target. Every method is one transaction; psycopg.OperationalError means that the session is lost
    and with it the right to drain."""

    def __init__(self, url: str, workspace: int, target: int, worker: uuid.UUID) -> None:
        self.session = DrainSession(url, workspace, target, worker)

    def hold(self) -> bool:
        """Takes or keeps the right to drain this target."""
        return self.session.hold()

    def release(self) -> None:
        """Gives the right back."""
        self.session.release()
