"""`engine.ports.Store` on Postgres: what the drain of one target needs, over the session that holds it."""

from __future__ import annotations

import copy
import uuid

from tieline.store.drain_runs import RunSide
from tieline.store.drain_session import DrainSession
from tieline.store.drain_subjects import SubjectSide
from tieline.store.drain_undo import UndoSide


class DrainStore(SubjectSide, RunSide, UndoSide):
    """The store of one flow at one target. Every method is one transaction; psycopg.OperationalError means that the session
    is lost and with it the right to drain (`drain_session.is_lost`); NotStorable that a value is none that Postgres takes."""

    def __init__(self, url: str, workspace: int, target: int, worker: uuid.UUID, flow: str = "calls") -> None:
        self.session = DrainSession(url, workspace, target, worker)
        self.flow = flow

    def of_flow(self, flow: str) -> DrainStore:
        """The store of another flow at the same target, over the same session."""
        other = copy.copy(self)
        other.flow = flow
        return other

    def hold(self) -> bool:
        """Takes or keeps the right to drain this target."""
        return self.session.hold()

    def release(self) -> None:
        """Gives the right back."""
        self.session.release()
