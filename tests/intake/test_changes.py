"""Deliveries that tell of changes: kept, and noted for the pairs of their connection; the way of calls is as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.intake.test_intake import deliver, event, intake, signed
from tests.store.pairs import PairOf, make_pair
from tieline.sdk.contract import Changed

if TYPE_CHECKING:
    from tests.conftest import Company, Installation
    from tieline.api.intake import Intake

__all__ = ["intake"]


@pytest.fixture
def pair(installation: Installation, company: Company) -> PairOf:
    return make_pair(installation, company, right="e_conomic")


@pytest.fixture
def feed(pair: PairOf) -> tuple[str, dict[str, str]]:
    """Where the ERP delivers to, and the header that proves it."""
    from tieline.store.services import change_feeds

    made = change_feeds.paste(pair.workspace, None, pair.right)
    return "/in/" + made.address.rpartition("/in/")[2], {
        "x-tieline-secret": made.secret,
        "content-type": "application/x-www-form-urlencoded",
    }


@pytest.mark.proves("CUST-4")
async def test_a_delivery_is_kept_noted_and_becomes_one_waiting_row(
    intake: Intake, pair: PairOf, feed: tuple[str, dict[str, str]]
) -> None:
    from tieline.store import sync_events

    path, proof = feed
    assert (await deliver(intake, path, b"old=7&new=7"))[0] == 401
    assert (await deliver(intake, path, b"old=x", headers=proof))[0] == 400
    for body in (b"old=7&new=7", b"old=7&new=7", b"old=8&new=", b"old=5&new=6", b"old=8&new=8"):
        assert (await deliver(intake, path, body, headers=proof))[0] == 202
    assert pair.rows("SELECT count(*) FROM store_syncevent WHERE pair_id = %s", pair.pair) == [(5,)]
    assert pair.rows("SELECT proven_at IS NOT NULL FROM store_subscription") == [(True,)]
    assert pair.rows("SELECT count(*) FROM store_openevent") == [(0,)]

    from tieline.connectors.e_conomic.connector import Connector

    store = pair.store()
    assert store.hold()
    reads = {pair.right: ("right", Connector(None).changed, {"customers": ["account"]})}  # type: ignore[arg-type]
    assert sync_events.take(store.session, reads) == 5  # type: ignore[arg-type]
    assert sync_events.take(store.session, reads) == 0  # type: ignore[arg-type]
    found = {row.id: row.told for row in store.waiting("2999-01-01T00:00:00.000Z", 99)}
    assert found == {
        "7": None,
        "8": {"event": "deleted", "by": "right"},
        "5": {"event": "changed", "by": "right", "new_id": "6"},
        "6": None,
    }
    store.let_go()


async def test_one_that_cannot_be_read_is_refused_alone(
    intake: Intake, pair: PairOf, feed: tuple[str, dict[str, str]]
) -> None:
    from tieline.core.errors import ProtocolError
    from tieline.store import sync_events

    path, proof = feed
    for body in (b"old=1&new=1", b"old=2&new=2"):
        await deliver(intake, path, body, headers=proof)

    def changed(request: object) -> list[Changed]:
        if b"old=1" in request.body:  # type: ignore[attr-defined]
            raise ProtocolError("odd")
        return [Changed("customers", "2", "changed"), Changed("suppliers", "2", "changed")]

    store = pair.store()
    assert store.hold()
    assert sync_events.take(store.session, {pair.right: ("right", changed, {"customers": ["account"]})}) == 2
    assert [row.id for row in store.waiting("2999-01-01T00:00:00.000Z", 99)] == ["2"]
    assert pair.rows("SELECT reason->>'code' FROM store_refusedevent") == [("sync.delivery_not_read",)]
    store.let_go()


async def test_calls_go_the_way_they_went(intake: Intake, company: Company, pair: PairOf) -> None:
    body = event("c1")
    status, _, _ = await deliver(intake, f"/in/{company.intake_key}", body, headers=signed(body))
    assert status == 202
    assert intake._changes._connection is None
    assert pair.rows("SELECT count(*) FROM store_openevent") == [(1,)]
    assert pair.rows("SELECT count(*) FROM store_syncevent") == [(0,)]
