"""What a look at one customer needs of the store: links, read without holding the pair."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import cast

from tieline.store.pool import Link, Rows
from tieline.store.sync_links import LinkSide
from tieline.store.sync_session import PairSession


class LookSession:
    """As `sync_session.PairSession`, for who only reads: plain transactions of the pair's workspace."""

    def __init__(self, rows: Rows, workspace: int, pair: int, epoch: int) -> None:
        self._rows = rows
        self.workspace = workspace
        self.pair = pair
        self.epoch = epoch

    def ask(self) -> AbstractContextManager[Link]:
        """A connection for some queries."""
        return self._rows.tx(self.workspace)


class LookStore(LinkSide):
    """The part of `engine.sync.ports.SyncStore` that reads links. Keeps nothing."""

    def __init__(self, rows: Rows, workspace: int, pair: int, epoch: int) -> None:
        super().__init__()
        self.session = cast("PairSession", LookSession(rows, workspace, pair, epoch))
