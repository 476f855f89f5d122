"""What has to be tried again is tried with what it was told: by a run of all it goes through, and by a person of what they saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pytest

from tests.engine.sync_bench import BLIND, Bench, settings
from tests.engine.test_sync_promises import linked
from tieline.core.pairing import Told
from tieline.engine.sync.ports import AskedRow
from tieline.engine.sync.rows import told_of


def failing_once(vendor: Any, fault: str) -> None:
    """The next write meets this fault."""
    request = vendor._request
    faults = [fault]

    async def asked(name: str, count: int = 1) -> Any:
        if name == "push" and faults:
            vendor.faults.insert(0, faults.pop())
        return await request(name, count)

    vendor._request = asked


def edited_before_a_write(bench: Bench, vendor: Any, id: str, **values: Any) -> None:
    """Somebody types between our reading and our writing."""
    push = vendor.push

    async def late(operations: Sequence[Any]) -> Any:
        vendor.push = push
        vendor.edit("Accounts", id, **values)
        return await push(operations)

    vendor.push = late


@pytest.mark.proves("CUST-8")
@pytest.mark.parametrize("fault", ["429", "transient"])
@pytest.mark.parametrize("crm_new", ["at_creation", "by_hand"])
async def test_a_transfer_leaves_nobody_out_whose_write_failed(crm_new: str, fault: str) -> None:
    bench = Bench(settings=settings(crm_new=crm_new, erp_created=False, contacts=False))
    for n in range(7):
        bench.left.put("Accounts", name=f"Holm {n}", email=f"a@h{n}.dk")
    await bench.begin()
    failing_once(bench.right, fault)
    while (await bench.sync().transfer({"from": "left"})).state != "done":
        bench.clock.now += 60
    bench.clock.now += 4000
    await bench.quiet()
    assert len(bench.right.all("Accounts")) == 7


@pytest.mark.proves("CUST-8")
async def test_what_is_transferred_without_being_kept_the_same_is_so_when_its_write_failed_first() -> None:
    bench = Bench(settings=settings(crm_new="by_hand", erp_created=False, contacts=False, mark={"kind": "own"}))
    await bench.begin()
    for n in range(3):
        bench.left.put("Accounts", name=f"Holm {n}", email=f"a@h{n}.dk")
    await bench.quiet()
    failing_once(bench.right, "transient")
    await bench.sync().transfer({"from": "left", "mark": False})
    bench.clock.now += 4000
    await bench.quiet()
    assert {one.state for one in bench.store.rows.values()} == {"stopped"}
    assert len(bench.store.rows) == 3


async def in_conflict() -> tuple[Bench, str, str]:
    bench, (left,), (right,) = await linked()
    bench.left.edit("Accounts", left, city="Odense")
    bench.right.edit("Accounts", right, city="Ribe")
    await bench.quiet()
    (asked,) = bench.store.asked.values()
    assert asked.kind == "conflict"
    return bench, left, right


@pytest.mark.proves("CUST-6")
async def test_a_choice_is_not_written_over_what_was_typed_while_its_write_failed() -> None:
    bench, left, right = await in_conflict()
    failing_once(bench.right, "transient")
    await bench.sync().asked("account", "left", left, Told(choices={"city": "left"}, by="left"))
    assert bench.right.all("Accounts")[right]["city"] == "Ribe"
    bench.right.edit("Accounts", right, city="Skagen")  # nobody was asked about this one
    bench.clock.now += 4000
    await bench.quiet()
    assert bench.right.all("Accounts")[right]["city"] == "Skagen"
    assert [one.kind for one in bench.store.asked.values()] == ["conflict"]


@pytest.mark.proves("CUST-6")
async def test_a_choice_is_not_written_over_what_is_typed_between_our_reading_and_our_writing() -> None:
    bench, left, right = await in_conflict()
    edited_before_a_write(bench, bench.right, right, city="Skagen")
    await bench.sync().asked("account", "left", left, Told(choices={"city": "left"}, by="left"))
    await bench.quiet()
    assert bench.right.all("Accounts")[right]["city"] == "Skagen"


async def test_a_choice_whose_write_failed_is_written_where_nothing_moved() -> None:
    bench, left, right = await in_conflict()
    failing_once(bench.right, "transient")
    await bench.sync().asked("account", "left", left, Told(choices={"city": "left"}, by="left"))
    bench.clock.now += 4000
    await bench.quiet()
    assert bench.right.all("Accounts")[right]["city"] == "Odense"
    assert not bench.store.asked


@pytest.mark.proves("CUST-12")
async def test_what_somebody_types_after_a_person_said_delete_is_asked_about() -> None:
    bench, (left, _), (right, _) = await linked(2)
    bench.left.remove("Accounts", left)
    await bench.quiet()
    edited_before_a_write(bench, bench.right, right, city="Skagen")
    await bench.sync().asked("account", "left", left, Told(deletion="delete", by="left"))
    await bench.quiet()
    assert right in bench.right.all("Accounts")
    assert [one.kind for one in bench.store.asked.values()] == ["deletion"]


@pytest.mark.proves("CUST-7")
async def test_a_contact_person_does_not_erase_what_was_said_of_its_customer() -> None:
    bench = Bench(settings=settings(crm_new="by_hand"))
    await bench.begin()
    account = bench.left.put("Accounts", name="Holm", email="a@holm.dk")
    person = bench.left.put("Contacts", name="Ann", email="ann@holm.dk", account=account)
    await bench.quiet()
    failing_once(bench.right, "transient")
    await bench.sync().asked("account", "left", account, Told(create=True, by="left"))
    bench.left.edit("Contacts", person, name="Ann Holm")
    await bench.changes()
    bench.clock.now += 4000
    await bench.quiet()
    assert [one["name"] for one in bench.right.all("Accounts").values()] == ["Holm"]


@pytest.mark.proves("HUB-11")
async def test_nothing_is_asked_or_told_of_a_record_that_is_gone() -> None:
    bench = Bench(settings=settings(crm_new="by_hand", contacts=False))
    await bench.begin()
    account = bench.left.put("Accounts", name="Holm", email="a@holm.dk")
    await bench.quiet()
    assert ("account", "left", account) in bench.store.waits
    bench.left.remove("Accounts", account)
    bench.store.asked["account", "left", account, "match"] = AskedRow(
        "match", "account", "left", account, {"code": "x"}
    )
    await bench.quiet()
    assert not bench.store.waits
    assert not bench.store.asked


@pytest.mark.proves("CUST-13")
async def test_what_moved_since_it_was_approved_is_asked_about_with_what_it_was_planned_with() -> None:
    bench = Bench(settings=settings(crm_new="by_hand", erp_created=False, contacts=False, mark={"kind": "own"}))
    await bench.begin()
    account = bench.left.put("Accounts", name="Holm", email="a@holm.dk")
    await bench.quiet()
    preview = await bench.sync().preview({"of": "transfer", "from": "left", "mark": False})
    bench.left.edit("Accounts", account, name="Holm Byg")
    await bench.sync().approved({"of": preview.id})
    (asked,) = bench.store.asked.values()
    (option,) = asked.options
    row = await bench.sync().asked("account", "left", account, told_of(option["told"], "left"))
    assert row.state == "done"
    assert [one["name"] for one in bench.right.all("Accounts").values()] == ["Holm Byg"]
    assert [one.state for one in bench.store.rows.values()] == ["stopped"]


@pytest.mark.proves("CUST-1")
@pytest.mark.parametrize("says", ["delete", "unlink"])
async def test_a_customer_that_was_entered_anew_is_looked_at_once_a_person_said_what_the_deletion_means(
    says: Literal["delete", "unlink"],
) -> None:
    bench = Bench(settings=settings(contacts=False))
    await bench.begin()
    first = bench.left.put("Accounts", name="Holm Byg", city="Aarhus")
    await bench.quiet()
    bench.left.remove("Accounts", first)
    second = bench.left.put("Accounts", name="Holm Byg", city="Odense")
    await bench.quiet()
    assert bench.store.waits["account", "left", second].due_at is None
    await bench.sync().asked("account", "left", first, Told(deletion=says, by="left"))
    await bench.quiet()
    if says == "delete":
        assert [one["city"] for one in bench.right.all("Accounts").values()] == ["Odense"]
    else:  # the one that is there stays by itself: a person says whether this one belongs to it
        assert [one["city"] for one in bench.right.all("Accounts").values()] == ["Aarhus"]
        row = bench.store.waits["account", "left", second]
        assert (row.state, row.due_at, (row.why or {})["code"]) == ("stuck", None, "sync.claimed")


@pytest.mark.proves("CUST-6")
async def test_what_was_typed_since_a_page_is_not_written_over_where_the_vendor_does_not_see_to_that() -> None:
    bench = Bench(settings=settings(contacts=False, policy="ask"), left_can=BLIND)
    await bench.begin()
    left = bench.left.put("Accounts", name="Holm", email="a@holm.dk", city="Aarhus")
    await bench.quiet()
    (right,) = bench.right.all("Accounts")
    bench.clock.now += 600
    bench.left.lag_s = 30.0
    bench.left.edit("Accounts", left, name="Holm Byg")
    bench.clock.now += 61
    bench.left.edit("Accounts", left, city="Odense")  # a page of half a minute ago does not have it
    bench.right.edit("Accounts", right, city="Ribe")
    await bench.quiet()
    bench.clock.now += 61
    await bench.quiet()
    assert [one.kind for one in bench.store.asked.values()] == ["conflict"]
    assert bench.left.all("Accounts")[left]["city"] == "Odense"
    assert bench.right.all("Accounts")[right]["name"] == "Holm Byg"
