"""The vendor's rate, shared by every process that speaks to a connection: `engine.ports.Budget` on one row of Postgres.

The arithmetic is the engine's (`engine.effects.budget`); here it is applied to a locked row. Where the vendor has no rate a
second, only a sum a day, a process takes for several requests at once and spends that within half a second: so long may
it be unaware of a pause that another process was told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import orjson

from tieline.engine.effects import budget as arithmetic
from tieline.store.pool import Link, Rows

ADVANCE = 20.0
"""Credits taken at once where no rate a second is to be kept."""
ADVANCE_S = 0.5

_COLUMNS = "tokens, at_s, paused_until_s, used, day, spent"


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
        self._turn = threading.Lock()
        self._advance = 0.0
        self._advance_until = 0.0
        self._made = 0

    def take(self, cost: float, priority: int) -> float:
        """Seconds to wait before a request of this cost may be made; 0 takes it now. Priority 0 is live, 1 back-fill."""
        with self._turn:  # who waits for another thread here does not hold the row meanwhile
            if self._rate:
                return self._take(cost, cost, priority)
            if cost > self._advance or self._clock() >= self._advance_until:
                wait = self._take(cost + ADVANCE, cost, priority)
                if wait > 0:
                    return wait
            self._advance -= cost
            self._made += 1
            return 0.0

    def _take(self, wanted: float, least: float, priority: int) -> float:
        """Takes from the row: what is wanted, or where that is not there the least that will do."""
        with self._tx() as connection:
            bucket = self._locked(connection)
            now = self._clock()
            if self._advance > 0:  # what was not spent goes back
                bucket = arithmetic.give_back(bucket, self._advance, now)
                self._advance = 0.0
            amount = wanted
            after, wait = arithmetic.take(bucket, wanted, priority, now, self._rate, self._credits)
            if wait > 0 and least < wanted:
                amount = least
                after, wait = arithmetic.take(bucket, least, priority, now, self._rate, self._credits)
            made, self._made = self._made + (1 if wait <= 0 and self._rate else 0), 0
            self._keep(connection, bucket, after, made, 0)
        if wait <= 0 and not self._rate:
            self._advance, self._advance_until = amount, now + ADVANCE_S
        return wait

    def pause(self, seconds: float) -> None:
        """Nobody asks this connection for so long."""
        with self._turn, self._tx() as connection:
            self._advance_until = 0.0
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
                " limited, spent) VALUES (%s, %s, %s, %s, 0, 0, %s, 0, 0, '[]') ON CONFLICT DO NOTHING",
                [self._connection, self._workspace, fresh.tokens, fresh.at_s, fresh.day],
            )
            row = connection.execute(query, [self._connection]).fetchone()
            if row is None:  # the connection was erased meanwhile
                return fresh
        *numbers, quarters = row
        spent = tuple((int(quarter), float(used)) for quarter, used in quarters)
        tokens, at_s, paused_until_s, used, day = numbers
        return arithmetic.Bucket(tokens, at_s, paused_until_s, used, day, spent)

    def _keep(
        self, connection: Link, before: arithmetic.Bucket, after: arithmetic.Bucket, made: int, limited: int
    ) -> None:
        new_day = after.day != before.day
        connection.execute(
            "UPDATE store_budget SET tokens = %s, at_s = %s, paused_until_s = %s, used = %s, day = %s, spent = %s::json,"
            " requests = CASE WHEN %s THEN 0 ELSE requests END + %s, limited = CASE WHEN %s THEN 0 ELSE limited END + %s"
            " WHERE connection_id = %s",
            [
                after.tokens,
                after.at_s,
                after.paused_until_s,
                after.used,
                after.day,
                orjson.dumps(after.spent).decode(),
                new_day,
                made,
                new_day,
                limited,
                self._connection,
            ],
        )
