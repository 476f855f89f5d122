"""A field of the CRM says which customers are kept the same: of one that it does not mark nothing moves, deletions neither."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.sync_bench import FIELDS, Bench, settings
from tests.engine.sync_memory import MemoryVendor, maps
from tests.engine.test_sync_promises import DELETES
from tieline.core.pairing import Told
from tieline.engine.access import Access

FIELD = {"kind": "field", "field": "keep"}


class Marked(Bench):
    """Systems with a field more."""

    def access(self, vendor: MemoryVendor) -> Access:
        can, chance = vendor.capabilities, self.random.random
        return Access(
            vendor, maps(can, (*FIELDS, "keep")), can, clock=self.clock, chance=chance, requests=lambda: vendor.requests
        )


async def marked(**deletions: Any) -> tuple[Marked, str, str]:
    """Two customers that are marked and kept the same; the ids of the first."""
    bench = Marked(settings=settings(mark=FIELD, deletions={**DELETES, "share": 1, **deletions}))
    await bench.begin()
    for n in range(2):
        bench.left.put("Accounts", name=f"Holm {n}", email=f"a@h{n}.dk", city="Aarhus", keep=True)
    await bench.quiet()
    first = min(bench.store.rows.values(), key=lambda one: one.left_id)
    return bench, first.left_id, first.right_id


@pytest.mark.proves("CUST-2", "CUST-12")
async def test_one_that_is_marked_is_deleted_across() -> None:
    bench, left, right = await marked()
    bench.right.remove("Accounts", right)
    await bench.quiet()
    assert left not in bench.left.all("Accounts")
    assert len(bench.store.rows) == 1


@pytest.mark.proves("CUST-2")
@pytest.mark.parametrize("policy", ["delete", "restore"])
async def test_one_that_is_not_marked_any_more_is_neither_deleted_nor_made_again(policy: str) -> None:
    bench, left, right = await marked(right=policy)
    bench.left.edit("Accounts", left, keep=False)
    await bench.quiet()
    bench.right.remove("Accounts", right)
    await bench.quiet()
    assert left in bench.left.all("Accounts")
    assert len(bench.right.all("Accounts")) == 1
    assert not bench.store.asked


@pytest.mark.proves("CUST-2")
async def test_a_contact_person_of_one_that_is_not_marked_any_more_is_not_deleted() -> None:
    bench, left, _ = await marked()
    person = bench.left.put("Contacts", name="Ann", email="ann@h.dk", account=left)
    await bench.quiet()
    (across,) = bench.right.all("Contacts")
    bench.left.edit("Accounts", left, keep=False)
    await bench.quiet()
    bench.right.remove("Contacts", across)
    await bench.quiet()
    assert person in bench.left.all("Contacts")


@pytest.mark.proves("CUST-2", "CUST-12")
@pytest.mark.parametrize("keep", [True, False])
async def test_where_the_mark_is_gone_with_its_record_a_person_is_asked(keep: bool) -> None:
    bench, left, right = await marked()
    bench.left.edit("Accounts", left, keep=keep)
    await bench.quiet()
    bench.left.remove("Accounts", left)
    await bench.quiet()
    assert right in bench.right.all("Accounts")
    assert [one.kind for one in bench.store.asked.values()] == ["deletion"]
    await bench.sync().asked("account", "left", left, Told(deletion="delete", by="left"))
    await bench.quiet()
    assert right not in bench.right.all("Accounts")
    assert not bench.store.asked


@pytest.mark.proves("CUST-2", "CUST-12")
async def test_of_one_that_is_marked_again_once_the_other_is_gone_a_person_is_asked() -> None:
    bench, left, right = await marked()
    bench.left.edit("Accounts", left, keep=False)
    await bench.quiet()
    bench.right.remove("Accounts", right)
    await bench.quiet()
    bench.left.edit("Accounts", left, keep=True)
    await bench.quiet()
    assert left in bench.left.all("Accounts")
    assert [one.kind for one in bench.store.asked.values()] == ["deletion"]


@pytest.mark.proves("CUST-2")
async def test_without_tielines_own_mark_on_new_ones_a_customer_made_from_the_erp_is_left_alone_afterwards() -> None:
    bench = Marked(settings=settings(mark={"kind": "own", "new": False}))
    await bench.begin()
    right = bench.right.put("Accounts", name="Holm", email="a@holm.dk", city="Aarhus")
    await bench.quiet()
    assert [one.state for one in bench.store.rows.values()] == ["stopped"]
    bench.right.edit("Accounts", right, city="Ribe")
    await bench.quiet()
    (made,) = bench.left.all("Accounts").values()
    assert made["city"] == "Aarhus"
