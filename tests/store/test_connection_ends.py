"""The end of a pair and of a connection: what the systems tell us is ended there, and what stops is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.pairs import PairOf, make_pair
from tieline.store.services.declined import DeclinedError

if TYPE_CHECKING:
    from tests.conftest import Company, Installation


class Vendor:
    """Stands for whatever is asked over there, in order. down: it does not answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False

    def ask(self, opening: Any, deed: Callable[[Any], Any], **_more: Any) -> None:
        if self.down:
            raise DeclinedError("vendor.unreachable", vendor=opening.manifest.title)

        class There:
            async def subscribe(_self, *_given: Any) -> None:  # noqa: N805
                self.asked.append(f"subscribe {opening.manifest.name}")

            async def unsubscribe(_self) -> None:  # noqa: N805
                self.asked.append(f"unsubscribe {opening.manifest.name}")

        asyncio.run(deed(There()))


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Vendor:
    from tieline.store.services import asking

    made = Vendor()
    monkeypatch.setattr(asking, "ask", made.ask)
    return made


@pytest.fixture
def pair(installation: Installation, company: Company, vendor: Vendor) -> PairOf:
    """Its ERP tells of changes, as Tieline has set it up there."""
    from tieline.store.services import change_feeds

    pair = make_pair(installation, company, right="e_conomic")
    change_feeds.set_up(pair.workspace, None, pair.right)
    assert vendor.asked == ["subscribe e_conomic"]
    vendor.asked.clear()
    return pair


def feeds(pair: PairOf) -> int:
    return int(pair.rows("SELECT count(*) FROM store_subscription")[0][0])


@pytest.mark.proves("CUST-4")
def test_a_pair_that_is_taken_apart_ends_what_its_systems_tell(pair: PairOf, vendor: Vendor) -> None:
    from tieline.store.services import pairs

    assert pairs.end(pair.workspace, None, pair.pair) == ()
    assert vendor.asked == ["unsubscribe e_conomic"]
    assert feeds(pair) == 0
    assert pair.rows("SELECT intake_hash FROM store_connection WHERE id = %s", pair.right) == [(None,)]


def test_what_another_pair_needs_goes_on(pair: PairOf, vendor: Vendor) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection, SyncPair
    from tieline.store.services import pairs

    with workspace_tx(pair.workspace):
        third = Connection.objects.create(workspace_id=pair.workspace, connector="tryton", title="Third")
        SyncPair.objects.create(workspace_id=pair.workspace, left=third, right_id=pair.right, name="Other", version=1)
    assert pairs.end(pair.workspace, None, pair.pair) == ()
    assert (vendor.asked, feeds(pair)) == ([], 1)


@pytest.mark.parametrize("how", ["api", "pasted"])
def test_what_could_not_be_ended_there_is_said(pair: PairOf, vendor: Vendor, how: str) -> None:
    from tieline.store.services import change_feeds, pairs

    if how == "pasted":
        change_feeds.paste(pair.workspace, None, pair.right)
    vendor.down = True
    assert pairs.end(pair.workspace, None, pair.pair) == ("ERP",)
    assert feeds(pair) == 0  # nobody puts it right again tomorrow


@pytest.mark.proves("CUST-4")
def test_a_disconnect_says_which_pairs_it_takes_apart_and_ends_what_is_told(pair: PairOf, vendor: Vendor) -> None:
    from tieline.store.services import connection_ends, connections, customers

    assert connection_ends.stops(pair.workspace, pair.left).pairs == ("CRM and ERP",)
    assert connection_ends.disconnect(pair.workspace, None, pair.left) == ()
    assert vendor.asked == ["unsubscribe e_conomic"]  # of the other side: no pair needs it any more
    assert customers.pair(pair.workspace, pair.pair).row.state == "ended"
    assert customers.pairs(pair.workspace) == []
    assert connections.get(pair.workspace, pair.left).state == "disconnected"
    assert connections.get(pair.workspace, pair.right).state == "active"
    assert connection_ends.disconnect(pair.workspace, None, pair.left) == ()
    assert connection_ends.stops(pair.workspace, pair.right).pairs == ()


def test_a_vendor_that_does_not_answer_keeps_nobody_from_disconnecting(pair: PairOf, vendor: Vendor) -> None:
    from tieline.store.services import connection_ends, connections

    vendor.down = True
    assert connection_ends.disconnect(pair.workspace, None, pair.right) == ("ERP",)
    assert connections.get(pair.workspace, pair.right).state == "disconnected"
    assert feeds(pair) == 0
