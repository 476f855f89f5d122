"""The run of changes: both ways, line by line, with what waits and what fails."""

from __future__ import annotations

import pytest

from tests.engine.sync_bench import Bench, settings


async def linked(**fields: object) -> tuple[Bench, str, str]:
    bench = Bench()
    await bench.begin()
    left = bench.left.put("Accounts", **({"name": "Holm", "email": "a@holm.dk", "city": "Aarhus"} | fields))
    await bench.quiet()
    (right,) = bench.right.all("Accounts")
    return bench, left, right


async def test_a_new_record_is_made_on_the_other_side_and_not_again() -> None:
    bench, left, right = await linked()
    made = bench.right.all("Accounts")[right]
    assert (made["name"], made["email"], made["city"]) == ("Holm", "a@holm.dk", "Aarhus")
    (link,) = bench.store.rows.values()
    assert (link.left_id, link.right_id, link.state) == (left, right, "linked")
    pushes = bench.right.asked["push"] + bench.left.asked["push"]
    await bench.quiet()
    assert bench.right.asked["push"] + bench.left.asked["push"] == pushes == 1


@pytest.mark.proves("CUST-10")
async def test_edits_of_different_fields_both_survive() -> None:
    bench, left, right = await linked()
    bench.left.edit("Accounts", left, city="Odense")
    bench.right.edit("Accounts", right, phone="+4512345678")
    row = await bench.changes()
    assert row.state == "done"
    for vendor, id in ((bench.left, left), (bench.right, right)):
        assert vendor.all("Accounts")[id]["city"] == "Odense"
        assert vendor.all("Accounts")[id]["phone"] == "+4512345678"
    assert not bench.store.asked


async def test_a_contact_comes_after_its_account() -> None:
    bench = Bench()
    await bench.begin()
    account = bench.right.put("Accounts", name="Holm")
    bench.right.put("Contacts", name="Ann", email="ann@holm.dk", account=account)
    await bench.quiet()
    (there,) = bench.left.all("Accounts")
    (ann,) = bench.left.all("Contacts").values()
    assert (ann["name"], ann["account"]) == ("Ann", there)


async def test_a_run_in_which_nothing_moved_asks_each_feed_once() -> None:
    bench, _, _ = await linked()
    before = bench.left.requests + bench.right.requests
    row = await bench.changes()
    assert bench.left.requests + bench.right.requests - before == 4 == row.requests
    row = await bench.changes(poll="turn")
    assert row.requests == 2


async def test_a_transfer_makes_all_once_and_again_makes_none() -> None:
    bench = Bench(settings=settings(policy="right"))
    for n in range(20):
        account = bench.right.put("Accounts", name=f"Firm {n}", registration_number=f"DK{n:08d}")
        bench.right.put("Contacts", name=f"Ann {n}", email=f"ann{n}@firm.dk", account=account)
    bench.left.put("Accounts", name="Firm seven", registration_number="DK00000007")
    row = await bench.sync().transfer({"from": "right"})
    assert (row.state, row.why) == ("done", None)
    assert len(bench.left.all("Accounts")) == len(bench.left.all("Contacts")) == 20
    again = await bench.sync().transfer({"from": "right"})
    assert again.counts.get("created", 0) == 0
    assert len(bench.left.all("Accounts")) == 20
    row = await bench.sync().reconcile()
    assert row.state == "done"
    assert bench.store.reports.get(row.id, []) == []
    await bench.quiet()


async def test_a_pair_that_only_watches_reads_what_was_there_before_once() -> None:
    bench = Bench(settings=settings(contacts=False))
    for number in range(9):
        bench.right.put("Accounts", name=f"Firm {number}", email=f"f{number}@x.dk")
    assert (await bench.changes(watch=True)).requests == 4  # three pages, and the empty side
    assert (await bench.changes(watch=True)).requests == 2
    new = bench.right.put("Accounts", name="New", email="new@x.dk")
    for _ in range(2):  # it stays to be done until somebody lets the pair write
        row = await bench.changes(watch=True)
        assert [(one.source[1], one.state) for one in bench.store.operations.values()] == [(new, "planned")]
    assert not bench.left.all("Accounts")
    row = await bench.changes()
    assert row.counts["created"] == 1
    assert [one["name"] for one in bench.left.all("Accounts").values()] == ["New"]
