"""Writes whose answer was lost, or that a process died after: what they did counts, is undone and follows nowhere, as if the answer had
come."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.engine.memory import Killed
from tests.engine.sync_bench import NONE, PLAIN, SEARCH, Bench, dying_at, settings
from tests.engine.test_sync_promises import DELETES, linked
from tieline.sdk.manifest import Capabilities

AFTER = ("lost after", "killed after")


@pytest.mark.proves("CUST-12")
@pytest.mark.parametrize("fault", AFTER)
async def test_deletions_that_nobody_knew_of_count_towards_the_limit(fault: str) -> None:
    bench, left, _ = await linked(40, deletions=DELETES)  # 4 may go a day
    gone = iter(left)
    for _ in range(5):
        for _ in range(3):
            bench.left.remove("Accounts", next(gone))
        await bench.changes()
        bench.clock.now += 1300
        bench.right.faults = [fault]
        with suppress(Killed):
            await bench.changes(poll="none")
        bench.right.faults = []
        bench.clock.now += 200
        await bench.changes()
        bench.clock.now += 100
    assert len(bench.right.all("Accounts")) == 37, "three went, and three more are more than the limit"
    assert [key[3] for key in bench.store.asked] == ["limit"]
    done = [one for one in bench.store.operations.values() if one.verb == "delete" and one.state == "done"]
    assert len(done) == 3


@pytest.mark.proves("CUST-12")
async def test_deletions_that_did_not_happen_do_not_count() -> None:
    bench, left, _ = await linked(20, deletions=DELETES)  # 2 may go a day
    for id in left[:2]:
        bench.left.remove("Accounts", id)
    await bench.changes()
    bench.clock.now += 1300
    bench.right.faults = ["killed before"]
    with suppress(Killed):
        await bench.changes()
    assert len(bench.right.all("Accounts")) == 20
    await bench.quiet()
    assert len(bench.right.all("Accounts")) == 18
    assert not bench.store.asked


@pytest.mark.proves("CUST-14")
@pytest.mark.parametrize("fault", AFTER)
async def test_a_write_whose_answer_was_lost_is_undone_like_any_other(fault: str) -> None:
    bench, _, (right,) = await linked()
    (left,) = bench.left.all("Accounts")
    bench.left.edit("Accounts", left, city="Odense")
    bench.right.faults = [fault]
    with suppress(Killed):
        await bench.changes()
    await bench.quiet()
    (work,) = [one for one in bench.store.operations.values() if one.verb == "update"]
    assert (work.state, bench.right.all("Accounts")[right]["city"]) == ("done", "Odense")
    undo = await bench.sync().undo({"of": work.run})
    assert (undo.state, undo.counts["updated"]) == ("done", 1)
    assert bench.right.all("Accounts")[right]["city"] == "Aarhus"


@pytest.mark.proves("CUST-14")
async def test_an_update_that_did_not_happen_is_not_taken_for_done() -> None:
    bench, (left,), (right,) = await linked()
    bench.left.edit("Accounts", left, city="Odense")
    bench.right.faults = ["killed before"]
    with suppress(Killed):
        await bench.changes()
    await bench.quiet()
    states = [one.state for one in bench.store.operations.values() if one.verb == "update"]
    assert (states, bench.right.all("Accounts")[right]["city"]) == (["skipped", "done"], "Odense")


@pytest.mark.proves("CUST-14")
@pytest.mark.parametrize("fault", AFTER)
async def test_nothing_follows_an_undo_whose_answer_was_lost(fault: str) -> None:
    bench, (left,), (right,) = await linked()
    bench.left.edit("Accounts", left, city="Odense")
    await bench.quiet()
    run = next(one.run for one in bench.store.operations.values() if one.verb == "update")
    bench.right.faults = [fault]
    with suppress(Killed):
        await bench.sync().undo({"of": run})
    for _ in range(3):  # also once a late request of it can do no harm any more
        await bench.quiet()
        bench.clock.now += 300
    assert bench.right.all("Accounts")[right]["city"] == "Aarhus"
    assert bench.left.all("Accounts")[left]["city"] == "Odense", "the undo of one side was carried to the other"
    assert all(one.state == "done" for one in bench.store.operations.values())
    bench.left.edit("Accounts", left, city="Ribe")
    await bench.quiet()
    assert bench.right.all("Accounts")[right]["city"] == "Ribe"


@pytest.mark.proves("CUST-14")
async def test_a_change_of_a_record_that_is_gone_is_not_taken_for_done() -> None:
    bench, (left,), (right,) = await linked()
    bench.left.edit("Accounts", left, city=None)
    bench.right.faults = ["killed before"]
    with suppress(Killed):
        await bench.changes()
    bench.right.remove("Accounts", right)
    await bench.quiet()
    assert [one.state for one in bench.store.operations.values() if one.verb == "update"] == ["skipped"]


@pytest.mark.proves("CUST-14")
@pytest.mark.parametrize("fault", AFTER)
async def test_what_an_undo_deleted_without_an_answer_is_not_deleted_across(fault: str) -> None:
    bench, (left,), _ = await linked(deletions=DELETES)
    run = next(one.run for one in bench.store.operations.values() if one.verb == "create")
    bench.right.faults = [fault]
    with suppress(Killed):
        await bench.sync().undo({"of": run})
    for _ in range(4):
        bench.clock.now += 700
        await bench.quiet()
    assert (bench.right.all("Accounts"), list(bench.left.all("Accounts"))) == ({}, [left])
    assert not bench.store.rows


@pytest.mark.proves("CUST-14")
@pytest.mark.parametrize("can", [PLAIN, SEARCH, NONE], ids=["unique", "searchable", "no room for a key"])
@pytest.mark.parametrize("fault", [*AFTER, "lost late"])
async def test_what_an_undo_made_anew_without_an_answer_is_not_deleted_again(fault: str, can: Capabilities) -> None:
    bench = Bench(right_can=can, settings=settings(contacts=False, deletions=DELETES))
    await bench.begin()
    lefts = [bench.left.put("Accounts", name=f"Holm {n}", email=f"a@h{n}.dk") for n in range(20)]
    await bench.quiet()
    bench.left.remove("Accounts", lefts[0])
    await bench.quiet()
    assert len(bench.right.all("Accounts")) == 19
    run = next(one.run for one in bench.store.operations.values() if one.verb == "delete")
    bench.right.faults = [fault]
    with suppress(Killed):
        await bench.sync().undo({"of": run})
    for step in (1, 1, 700, 700, 700):
        bench.clock.now += step
        await bench.quiet()
    names = [one["name"] for one in bench.right.all("Accounts").values()]
    assert names.count("Holm 0") == 1
    assert len(names) == 20


@pytest.mark.proves("CUST-14")
@pytest.mark.parametrize("can", [PLAIN, SEARCH, NONE], ids=["unique", "searchable", "no room for a key"])
@pytest.mark.parametrize("fault", [*AFTER, "lost late"])
async def test_what_a_redo_made_again_without_an_answer_is_linked_with_what_it_was_made_from(
    fault: str, can: Capabilities
) -> None:
    bench = Bench(right_can=can, settings=settings(contacts=False, deletions=DELETES))
    await bench.begin()
    left = bench.left.put("Accounts", name="Holm", email="a@h.dk")
    await bench.quiet()
    run = next(one.run for one in bench.store.operations.values() if one.verb == "create")
    undo = await bench.sync().undo({"of": run})
    await bench.quiet()
    assert (undo.counts["deleted"], bench.right.all("Accounts"), bench.store.rows) == (1, {}, {})
    bench.right.faults = [fault]
    with suppress(Killed):
        await bench.sync().undo({"of": undo.id}, redo=True)
    for step in (1, 1, 700, 700, 700):
        bench.clock.now += step
        await bench.quiet()
    (right,) = bench.right.all("Accounts")
    assert list(bench.left.all("Accounts")) == [left]
    assert [(row.left_id, row.right_id) for row in bench.store.rows.values()] == [(left, right)]
    assert not bench.store.asked


@pytest.mark.proves("CUST-14")
async def test_an_undo_that_died_anywhere_is_carried_to_nobody() -> None:
    for call in range(1, 150):
        bench, lefts, _ = await linked(2)
        for id in lefts:
            bench.left.edit("Accounts", id, city="Odense")
        await bench.quiet()
        run = next(one.run for one in bench.store.operations.values() if one.verb == "update")
        with dying_at(bench, call) as died:
            await bench.sync().undo({"of": run})
        await bench.sync().undo({"of": run})
        await bench.quiet()
        bench.clock.now += 300
        await bench.quiet()
        cities = [{one["city"] for one in side.all("Accounts").values()} for side in (bench.left, bench.right)]
        assert cities == [{"Odense"}, {"Aarhus"}], (call, died)
        if not died:
            return
    raise AssertionError("it never came to its end")


@pytest.mark.proves("CUST-8")
@pytest.mark.parametrize("mark", [None, False])
@pytest.mark.parametrize("can", [PLAIN, SEARCH, NONE], ids=["unique", "searchable", "no room for a key"])
@pytest.mark.parametrize("fault", ["lost before", "killed before", "lost after", "killed after"])
async def test_what_a_transfer_was_told_of_all_holds_for_a_create_that_nobody_knows_of(
    fault: str, can: Capabilities, mark: bool | None
) -> None:
    """Nothing is made by itself here; the transfer is not gone on with, the changes after it settle what it left."""
    bench = Bench(
        right_can=can,
        settings=settings(crm_new="by_hand", erp_created=False, contacts=False, mark={"kind": "own", "new": True}),
    )
    await bench.begin()
    for n in range(2):
        bench.left.put("Accounts", name=f"Holm {n}", email=f"a@h{n}.dk")
    await bench.quiet()
    bench.right.faults = [fault]
    with suppress(Killed):
        await bench.sync().transfer({"from": "left", **({} if mark is None else {"mark": mark})})
    for _ in range(6):
        bench.clock.now += 300
        await bench.quiet()
    assert sorted(one["name"] for one in bench.right.all("Accounts").values()) == ["Holm 0", "Holm 1"]
    assert [row.state for row in bench.store.rows.values()] == ["linked" if mark is None else "stopped"] * 2
    assert not bench.store.asked
