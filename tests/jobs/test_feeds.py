"""The daily look whether a system still tells of changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.pairs import PairOf, make_pair
from tieline.core.errors import ConfigError
from tieline.sdk.contract import Arrived, Changed, Request, Subscription
from tieline.store.secrets import installed
from tieline.wiring import Wiring

if TYPE_CHECKING:
    from tests.conftest import Company, Installation


@dataclass
class Vendor:
    """A system that tells of changes."""

    there: Subscription | None = None
    refuses: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    def arrive(self, request: Request, secrets: Any, now_s: float) -> Arrived:  # noqa: ARG002
        raise AssertionError

    def changed(self, request: Request) -> list[Changed]:  # noqa: ARG002
        raise AssertionError

    async def subscribe(self, url: str, secret: str) -> None:
        self.asked.append((url, secret))
        if self.refuses:
            raise ConfigError("no", setting="webhook")
        self.there = Subscription(url, True)

    async def subscription(self) -> Subscription | None:
        return self.there

    async def unsubscribe(self) -> None:
        self.there = None


@pytest.fixture
def pair(installation: Installation, company: Company) -> Iterator[PairOf]:
    """Its ERP was told yesterday to tell of changes, and did so once."""
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection
    from tieline.store.services import change_feeds

    pair = make_pair(installation, company, right="e_conomic")
    change_feeds.paste(pair.workspace, None, pair.right)
    pair.rows(
        "UPDATE store_subscription SET how = 'api', proven_at = now(), active = true, checked_at = now() - interval '2 days'"
    )
    with workspace_tx(pair.workspace):
        assert Connection.objects.get(pk=pair.right).intake_hash
    yield pair
    pair.rows("UPDATE store_syncpair SET state = 'ended'")


async def look(pair: PairOf, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    from tieline.jobs.feeds import Feeds

    async def connection(self: Wiring, workspace: int, connection: int, **more: Any) -> Any:
        assert (workspace, connection) == (pair.workspace, pair.right)
        return SimpleNamespace(
            connector=vendor, manifest=SimpleNamespace(events=SimpleNamespace(secret="webhook_secret"))
        )

    monkeypatch.setattr(Wiring, "connection", connection)
    async with Wiring.open(pair.app, installed()) as wiring:
        await Feeds(wiring).look()
        await Feeds(wiring).look()  # nobody looks twice a day


def state(pair: PairOf) -> Any:
    return pair.rows("SELECT active, proven_at IS NOT NULL, trouble->>'code' FROM store_subscription")[0]


NOTICES = "SELECT kind FROM store_inboxitem WHERE pair_id IS NULL AND state = 'open'"


@pytest.mark.proves("CUST-4")
async def test_one_that_is_gone_is_made_again_and_that_is_said(pair: PairOf, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = Vendor()
    await look(pair, vendor, monkeypatch)
    ((url, secret),) = vendor.asked
    assert "/in/" in url
    assert len(secret) > 20
    assert state(pair) == (True, False, None)
    assert pair.rows(NOTICES) == [("connection.feed_mended",)]


@pytest.mark.proves("CUST-4")
async def test_what_cannot_be_made_again_is_trouble(pair: PairOf, monkeypatch: pytest.MonkeyPatch) -> None:
    await look(pair, Vendor(Subscription("https://elsewhere.example/in/x", True), refuses=True), monkeypatch)
    assert state(pair) == (False, True, "connection.feed_lost")
    assert pair.rows(NOTICES) == [("connection.feed_lost",)]


async def test_one_that_is_there_is_left_alone(pair: PairOf, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Vendor()
    await look(pair, first, monkeypatch)
    pair.rows(
        "UPDATE store_subscription SET checked_at = now() - interval '2 hours'"
    )  # not proven: looked at every hour
    second = Vendor(first.there)
    await look(pair, second, monkeypatch)
    assert second.asked == []
    assert state(pair) == (True, False, None)


async def test_what_a_person_pasted_is_not_put_right(pair: PairOf, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.rows("UPDATE store_subscription SET how = 'pasted'")
    vendor = Vendor()
    await look(pair, vendor, monkeypatch)
    assert vendor.asked == []
    assert state(pair) == (None, True, None)
    assert pair.rows(NOTICES) == []
