"""The vendor's rate, shared by every process that speaks to a connection: `engine.ports.Budget` on one row of Postgres.

The arithmetic is the engine's (`engine.effects.budget`); here it is applied to a locked row.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from tieline.engine.effects import budget as arithmetic
from tieline.store.pool import Link, Rows

_COLUMNS = "tokens, at_s, paused_until_s, used, day"


class StoredBudget:
    """The bucket of one connection. `rate_per_s` and `credits_per_day` are the manifest's; 0: no limit known."""

    def __init__(
        self,
        rows: Rows,
        workspace: int,
        connection: int,
        rate_per_s: float,
        credits_per_day: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rows = rows
        self._workspace = workspace
        self._connection = connection
        self._rate = rate_per_s
        self._credits = credits_per_day
        self._clock = clock

    def take(self, cost: float, priority: int) -> float:
        """Seconds to wait before a request of this cost may be made; 0 takes it now. Priority 0 is live, 1 back-fill."""
        with self._tx() as connection:
            bucket = self._locked(connection)
            after, wait = arithmetic.take(bucket, cost, priority, self._clock(), self._rate, self._credits)
            made = 1 if wait <= 0 else 0
            self._keep(connection, bucket, after, made, 0)
        return wait

    def pause(self, seconds: float) -> None:
        """Nobody asks this connection for so long."""
        with self._tx() as connection:
            bucket = self._locked(connection)
            self._keep(connection, bucket, arithmetic.pause(bucket, seconds, self._clock()), 0, 1)

    def _tx(self) -> AbstractContextManager[Link]:
        return self._rows.tx(self._workspace)

    def _locked(self, connection: Link) -> arithmetic.Bucket:
        query = f"SELECT {_COLUMNS} FROM store_budget WHERE connection_id = %s FOR UPDATE"  # noqa: S608 - our own words
        row = connection.execute(query, [self._connection]).fetchone()
        if row is None:
            fresh = arithmetic.full(self._rate, self._clock())
            connection.execute(
                "INSERT INTO store_budget (connection_id, workspace_id, tokens, at_s, paused_until_s, used, day, requests,"
                " limited) VALUES (%s, %s, %s, %s, 0, 0, %s, 0, 0) ON CONFLICT DO NOTHING",
                [self._connection, self._workspace, fresh.tokens, fresh.at_s, fresh.day],
            )
            row = connection.execute(query, [self._connection]).fetchone()
            if row is None:  # the connection was erased meanwhile
                return fresh
        return arithmetic.Bucket(*row)

    def _keep(
        self, connection: Link, before: arithmetic.Bucket, after: arithmetic.Bucket, made: int, limited: int
    ) -> None:
        new_day = after.day != before.day
        connection.execute(
            "UPDATE store_budget SET tokens = %s, at_s = %s, paused_until_s = %s, used = %s, day = %s,"
            " requests = CASE WHEN %s THEN 0 ELSE requests END + %s, limited = CASE WHEN %s THEN 0 ELSE limited END + %s"
            " WHERE connection_id = %s",
            [
                after.tokens,
                after.at_s,
                after.paused_until_s,
                after.used,
                after.day,
                new_day,
                made,
                new_day,
                limited,
                self._connection,
            ],
        )
