"""A write whose time is over does not leave, however it was held up."""

import asyncio

import pytest
from aiohttp import ClientSession

from tests.sdk.vendor import Vendor
from tieline.sdk.http import Client
from tieline.sdk.leaving import LateError, leaving


class Late:
    """A check, and a budget that takes until it is too late."""

    def __init__(self) -> None:
        self.is_late = False

    def check(self) -> None:
        if self.is_late:
            raise LateError("too late")

    def take(self, cost: float, priority: int) -> float:  # noqa: ARG002  (the protocol's)
        self.is_late = True
        return 0.0

    def pause(self, seconds: float) -> None:
        """Never asked for here."""


async def test_a_write_that_waited_too_long_for_the_budget_does_not_leave_and_a_read_does(
    vendor: Vendor, session: ClientSession
) -> None:
    late = Late()
    client = Client(session, {"api": vendor.url}, budget=late)
    with leaving(late.check):
        with pytest.raises(LateError):
            await client.request("POST", "api", "/x", read=False, json={})
        assert not vendor.seen
        await client.request("GET", "api", "/x", read=True)
    late.is_late = False
    await client.request("POST", "api", "/x", read=False, json={})
    assert len(vendor.seen) == 2, "nobody asks outside"


async def test_a_write_that_waited_too_long_for_another_one_does_not_leave(
    vendor: Vendor, session: ClientSession
) -> None:
    late = Late()
    client = Client(session, {"api": vendor.url}, concurrency=1)

    async def write() -> None:
        await client.request("POST", "api", "/x", read=False, json={})

    async def first() -> None:
        await write()
        late.is_late = True

    with leaving(late.check):
        done = await asyncio.gather(first(), write(), return_exceptions=True)
    assert isinstance(done[1], LateError)
    assert len(vendor.seen) == 1
