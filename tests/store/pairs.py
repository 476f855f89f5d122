"""A pair of two connections in a workspace of its own, as rows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.conftest import Company, Installation
    from tieline.store.sync_store import StoredSync


@dataclass(frozen=True)
class PairOf:
    workspace: int
    pair: int
    left: int
    right: int
    app: str

    def store(self) -> StoredSync:
        from tieline.store.sync_store import StoredSync

        return StoredSync(self.app, self.workspace, self.pair, uuid.uuid4())

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """As a page of this workspace sees them."""
        from tieline.store.pool import connect

        with connect(self.app, workspace=self.workspace) as link:
            found = link.execute(query, values)
            return found.fetchall() if found.description else []


def make_pair(installation: Installation, company: Company, *, right: str = "tryton", **more: Any) -> PairOf:
    """A pair that is live, of the company's CRM and a second system."""
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection, SyncPair, SyncPairVersion

    with workspace_tx(company.workspace):
        other = Connection.objects.create(workspace_id=company.workspace, connector=right, title="ERP")
        values = {"name": "CRM and ERP", "live": True, "version": 1, **more}
        pair = SyncPair.objects.create(
            workspace_id=company.workspace, left_id=company.target, right_id=other.pk, **values
        )
        SyncPairVersion.objects.create(workspace_id=company.workspace, pair=pair, number=1, settings={})
    return PairOf(company.workspace, pair.pk, company.target, other.pk, installation.app)
