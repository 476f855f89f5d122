"""A backlog at Zoho's sandbox under its documented limits: nearly all of the allowed rate is used, none of it refused (HUB-6)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tieline.connectors.zoho_crm.tests import subject
from tieline.sdk.asking import BACKFILL, LIVE, BudgetSpentError, asking
from tieline.sdk.http import Client
from tieline.store.pool import Rows
from tieline.store.vendor_budget import StoredBudget
from tieline.wiring import SharedBudget, Threads

if TYPE_CHECKING:
    from tests.conftest import Company, Installation

SCALE = 50
"""Zoho's 55,000 credits a day back from now, and the 50,000 of them that the manifest takes for allowed, in small."""


@pytest.mark.proves("HUB-6")
async def test_a_backlog_uses_nine_tenths_of_the_allowed_rate_without_a_refusal(
    installation: Installation, company: Company
) -> None:
    """Two processes, each with as many requests at once as the connector allows itself, share one row of credits. Back-fill
    goes first and leaves its reserve; live work takes the rest; another calendar day changes nothing; a day later all of it is
    there again."""
    threads, rows = Threads(4), [Rows(installation.app), Rows(installation.app)]
    async with subject() as one:
        assert one.side is not None
        sandbox: Any = one.side.sandbox
        able = one.manifest.capabilities
        allowed = able.credits_per_day / SCALE
        sandbox.meter.behaviour.credits = 55_000 // SCALE
        clients: list[Client] = []
        for pool in rows:
            one.make()  # as each process makes its own
            clients.append(one.client)
            stored = StoredBudget(pool, company.workspace, company.target, able.rate_per_s, allowed, sandbox.now)
            one.client.budget = SharedBudget(stored, threads)

        async def backlog(priority: int) -> None:
            """Everybody asks until our own budget says that it is used up."""

            async def ask(client: Client) -> None:
                while True:
                    try:
                        await client.request("GET", "api", "/crm/v8/users", read=True, query={"type": "AllUsers"})
                    except BudgetSpentError:
                        return

            with asking(priority):
                await asyncio.gather(*(ask(each) for each in clients for _ in range(able.concurrency // 2)))

        before = sandbox.meter.total
        await backlog(BACKFILL)
        used = sandbox.meter.total - before
        assert 0.85 * allowed <= used <= 0.9 * allowed, "back-fill leaves a tenth to what is live"
        await backlog(LIVE)
        used = sandbox.meter.total - before
        assert used >= 0.9 * allowed
        assert used >= 0.9 * sandbox.meter.behaviour.credits
        assert sandbox.meter.refused == 0
        for hours in (6, 6, 11):
            sandbox.clock_offset += hours * 3600
            await backlog(LIVE)
        assert sandbox.meter.total - before <= sandbox.meter.behaviour.credits
        assert sandbox.meter.refused == 0, "midnight brings nobody new credits"
        sandbox.clock_offset += 2 * 3600
        before = sandbox.meter.total
        await backlog(LIVE)
        assert sandbox.meter.total - before >= 0.9 * allowed
        assert sandbox.meter.refused == 0
    for pool in rows:
        pool.close()
    threads.close()
