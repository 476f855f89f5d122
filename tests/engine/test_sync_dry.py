"""Promises of runs that write nothing: each record is counted and listed once, however many ways lead to it."""

from __future__ import annotations

import pytest

from tests.engine.sync_bench import Bench, settings
from tests.engine.test_sync_promises import DELETES, hint, linked


def listed(bench: Bench, run: int) -> list[str]:
    return sorted(one.left_id or one.right_id for one in bench.store.reports.get(run, []))


@pytest.mark.proves("CUST-13")
async def test_a_dry_run_of_changes_counts_a_deletion_once() -> None:
    bench, left, _ = await linked(12, deletions=DELETES)
    bench.left.remove("Accounts", left[0])
    await bench.changes()
    bench.clock.now += 2000
    row = await bench.sync().preview({"of": "changes", "poll": "all"})
    assert (row.counts["deleted"], listed(bench, row.id)) == (1, [left[0]])
    again = await bench.sync().approved({"of": row.id})
    assert again.counts["deleted"] == 1


@pytest.mark.proves("CUST-13")
async def test_watching_lists_each_change_once_a_run_and_keeps_it_to_be_done() -> None:
    bench, left, right = await linked(3)
    bench.left.edit("Accounts", left[0], city="Odense")
    bench.left.edit("Accounts", left[1], city="Odense")
    hint(bench, "left", left[1], None)  # a delivery, and the feed
    bench.left.edit("Accounts", left[2], city="Odense")
    bench.right.edit("Accounts", right[2], city="Ribe")  # both feeds
    for _ in range(2):
        row = await bench.changes(watch=True)
        assert listed(bench, row.id) == left
        assert row.counts["updated"] == 2
    assert {one["city"] for one in bench.right.all("Accounts").values()} == {"Aarhus", "Ribe"}
    row = await bench.changes()
    assert row.counts["updated"] == 2
    assert [bench.right.all("Accounts")[id]["city"] for id in right] == ["Odense", "Odense", "Ribe"]
    assert [key[2] for key in bench.store.asked] == [left[2]]


@pytest.mark.proves("CUST-13")
async def test_watching_lists_new_ones_once() -> None:
    bench = Bench(settings=settings())
    await bench.begin()
    account = bench.left.put("Accounts", name="Holm", email="a@holm.dk")
    contact = bench.left.put("Contacts", name="Ann", email="ann@holm.dk", account=account)
    for role, id in (("account", account), ("contact", contact)):
        hint(bench, "left", id, {"event": "created"}, role)
    row = await bench.changes(watch=True)
    assert (row.counts["created"], listed(bench, row.id)) == (2, sorted([account, contact]))
    assert not bench.right.all("Accounts")
    await bench.quiet()
    assert len(bench.right.all("Accounts")) == len(bench.right.all("Contacts")) == 1
