"""The rows that a batch, or what an earlier run left, comes to, while they are being gathered."""

from __future__ import annotations

from dataclasses import dataclass, field

from tieline.core.pairing import Side
from tieline.engine.sync.items import Where
from tieline.engine.sync.ports import AskedRow, LinkRow, Report, Settled, SyncOperation, WaitingRow


@dataclass(slots=True)
class Came:
    """Rows being gathered; of a record that waits the last one counts."""

    operations: list[SyncOperation] = field(default_factory=list)
    links: list[LinkRow] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    waiting: dict[Where, WaitingRow] = field(default_factory=dict)
    waited: dict[Where, None] = field(default_factory=dict)
    asked: list[AskedRow] = field(default_factory=list)
    answered: dict[Where, None] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    woken: dict[Where, None] = field(default_factory=dict)

    def wait(self, row: WaitingRow) -> None:
        self.waiting[row.role, row.side, row.id] = row

    def settled(self, cursor: tuple[Side, str, str] | None = None) -> Settled:
        return Settled(
            operations=self.operations,
            links=self.links,
            dropped=self.dropped,
            waiting=list(self.waiting.values()),
            waited=list(self.waited),
            asked=self.asked,
            answered=list(self.answered),
            reports=self.reports,
            cursor=cursor,
            woken=list(self.woken),
        )
