"""Transfer, dry run, a person's word, deletions and their limit, undo, reconciliation, the look, and what each costs."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from tests.engine.sync_bench import BLIND, IDEMPOTENT, PLAIN, Bench, dying_at, settings
from tieline.core.pairing import Told
from tieline.engine.sync.ports import WaitingRow
from tieline.engine.sync.undo import cannot_undo
from tieline.sdk.contract import Page


async def firms(count: int, **more: object) -> Bench:
    """So many accounts on the right, transferred."""
    bench = Bench(**more)  # type: ignore[arg-type]
    for n in range(count):
        bench.right.put("Accounts", name=f"Firm {n:04d}", email=f"f{n}@firm.dk", registration_number=f"DK{n:08d}")
    assert (await bench.sync().transfer({"from": "right"})).state == "done"
    await bench.changes()
    return bench


def pairs(bench: Bench) -> list[tuple[str, str]]:
    return sorted((row.left_id, row.right_id) for row in bench.store.rows.values())


@pytest.mark.proves("CUST-8")
async def test_a_transfer_costs_its_pages_its_writes_and_one_look_up_a_rule_and_page() -> None:
    bench = Bench(settings=settings(contacts=False))
    n, page, batch = 240, 12, PLAIN.write_batch
    bench.right.page = page
    for number in range(n):
        bench.right.put("Accounts", name=f"Firm {number}", email=f"f{number}@x.dk")
    row = await bench.sync().transfer({"from": "right"})
    assert len(bench.left.all("Accounts")) == n == row.counts["created"]
    pages = math.ceil(n / page)
    look_ups = pages * 2 * math.ceil(page / PLAIN.read_batch)  # two rules of the match have a value
    assert row.requests <= 1.05 * (pages + pages * math.ceil(page / batch) + look_ups)
    await bench.changes()  # what was written comes back once
    no_change = await bench.changes()
    assert no_change.requests <= 3


@pytest.mark.proves("CUST-8")
async def test_a_transfer_that_is_paused_and_killed_goes_on_where_it_stood_and_makes_nothing_twice() -> None:
    bench = Bench()
    for n in range(40):
        account = bench.right.put("Accounts", name=f"Firm {n}", email=f"f{n}@x.dk")
        bench.right.put("Contacts", name=f"Ann {n}", email=f"ann{n}@x.dk", account=account)
    deaths = 0
    for number in range(60):
        with dying_at(bench, 7 + number if number < 10 else 0) as died:
            row = await bench.sync().transfer({"from": "right"})
        if died:
            deaths += 1
            bench.clock.now += 2
            continue
        if number == 10:
            bench.store.pause_asked = {row.id}
        if row.state == "done":
            break
    assert deaths == 10
    assert row.state == "done"
    assert len(bench.left.all("Accounts")) == len(bench.left.all("Contacts")) == 40
    assert all(len(ids) == 1 for ids in bench.left.made_by.values())
    assert bench.left.asked["pull"] == 0


@pytest.mark.proves("CUST-12")
async def test_a_run_that_would_delete_too_many_stops_and_asks_and_goes_on_for_one_run() -> None:
    bench = await firms(40, settings=settings(contacts=False, deletions={"right": "delete"}))
    for _, right in pairs(bench)[:9]:
        bench.right.remove("Accounts", right)
    await bench.changes()
    assert sum(row.state == "pending" for row in bench.store.rows.values()) == 9
    assert not bench.left.deleted
    bench.clock.now += 1300
    row = await bench.changes()
    assert row.state == "stopped"
    assert row.why == {"code": "sync.limit", "params": {"role": "account", "count": 9, "most": 4}}
    assert [one.kind for one in bench.store.asked.values()] == ["limit"]
    assert not bench.left.deleted
    await bench.changes()
    assert not bench.left.deleted
    row = await bench.changes(bypass_limit=True)
    assert (row.state, row.counts["deleted"]) == ("done", 9)
    assert len(bench.left.all("Accounts")) == 31 == len(bench.store.rows)


@pytest.mark.proves("CUST-12")
async def test_a_deletion_waits_for_a_person_who_says_what_it_means() -> None:
    bench = await firms(3, settings=settings(contacts=False))
    (left, right), (_, second), _ = pairs(bench)
    bench.right.remove("Accounts", right)
    bench.right.remove("Accounts", second)
    await bench.quiet()
    assert {one.kind for one in bench.store.asked.values()} == {"deletion"}
    row = await bench.sync().asked("account", "left", left, Told(deletion="restore", by="left"))
    assert row.state == "done"
    assert len(bench.right.all("Accounts")) == 2
    row = await bench.sync().asked("account", "right", second, Told(deletion="delete", by="right"))
    assert len(bench.left.all("Accounts")) == 2
    await bench.quiet()
    assert not bench.store.asked
    assert all(one.state == "linked" for one in bench.store.rows.values())


@pytest.mark.proves("CUST-13")
async def test_what_is_approved_is_what_is_applied_and_what_moved_is_asked_about() -> None:
    bench = await firms(1, settings=settings(policy="right"))
    more = [bench.right.put("Accounts", name=f"New {n}", email=f"n{n}@x.dk") for n in range(6)]
    ann = bench.right.put("Contacts", name="Ann", email="ann@x.dk", account=more[0])
    bench.left.put("Accounts", name="New 5", email="n5@x.dk")
    plan = await bench.sync().preview({"of": "transfer", "from": "right"})
    assert (plan.state, plan.counts["created"]) == ("done", 6)
    assert len(bench.left.all("Accounts")) == 2
    assert len(bench.store.rows) == 1
    assert bench.left.asked["push"] == 1
    bench.right.edit("Accounts", more[1], email="moved@x.dk")
    row = await bench.sync().approved({"of": plan.id})
    assert (row.state, row.counts["created"], row.counts["moved"]) == ("done", 5, 1)
    ((role, side, id, kind),) = bench.store.asked
    assert (role, side, id, kind) == ("account", "right", more[1], "moved")
    assert len(bench.store.rows) == 7
    (person,) = bench.left.all("Contacts").values()
    assert person["name"] == "Ann"
    assert person["account"] in bench.left.all("Accounts")
    assert ("contact", "right", ann) in bench.store.by_id


@pytest.mark.proves("CUST-6")
async def test_a_choice_writes_both_and_never_over_what_nobody_saw() -> None:
    bench = await firms(1, settings=settings(contacts=False))
    ((left, right),) = pairs(bench)
    bench.left.edit("Accounts", left, city="Odense", name="Firm Left")
    bench.right.edit("Accounts", right, city="Aarhus", name="Firm Right")
    await bench.quiet()
    (question,) = bench.store.asked.values()
    assert {option["line"] for option in question.options} == {"city", "name"}
    look = await bench.sync().look_at("account", "left", left)
    assert look.decision.status == "differs"
    bench.right.edit("Accounts", right, city="Vejle")
    told = Told(choices={"city": "left", "name": "right"}, by="left")
    row = await bench.sync().asked("account", "left", left, told, seen=look.seen)
    assert (row.state, row.why) == ("stopped", {"code": "sync.moved"})
    assert bench.right.all("Accounts")[right]["city"] == "Vejle"
    look = await bench.sync().look_at("account", "left", left)
    row = await bench.sync().asked("account", "left", left, told, seen=look.seen)
    assert row.state == "done"
    for fields in (bench.left.all("Accounts")[left], bench.right.all("Accounts")[right]):
        assert (fields["city"], fields["name"]) == ("Odense", "Firm Right")
    assert not bench.store.asked


async def test_a_choice_that_half_fails_is_finished_later() -> None:
    bench = await firms(1, settings=settings(contacts=False))
    ((left, right),) = pairs(bench)
    bench.left.edit("Accounts", left, city="Odense", name="Firm Left")
    bench.right.edit("Accounts", right, city="Aarhus", name="Firm Right")
    await bench.quiet()
    bench.right.faults = ["write transient"]
    told = Told(choices={"city": "left", "name": "right"}, by="left")
    row = await bench.sync().asked("account", "left", left, told)
    assert row.counts == {"read": 1, "updated": 1, "waiting": 1}
    assert bench.left.all("Accounts")[left]["name"] == "Firm Right"
    bench.clock.now += 60
    await bench.quiet()
    for fields in (bench.left.all("Accounts")[left], bench.right.all("Accounts")[right]):
        assert (fields["city"], fields["name"]) == ("Odense", "Firm Right")


@pytest.mark.proves("CUST-14")
async def test_undo_of_a_run_respects_later_edits_and_is_undone_itself() -> None:
    bench = await firms(4, settings=settings(contacts=False))
    (a, x), (b, y), (c, z), _ = pairs(bench)
    for id in (x, y, z):
        bench.right.edit("Accounts", id, city="Odense")
    bench.right.edit("Accounts", x, phone="+4511111111")
    new = bench.right.put("Accounts", name="New", email="new@x.dk")
    run = await bench.changes()
    assert run.counts["updated"] == 3
    await bench.quiet()
    bench.left.edit("Accounts", b, city="Vejle")
    undo = await bench.sync().undo({"of": run.id})
    assert undo.state == "done"
    cities = [bench.left.all("Accounts")[id]["city"] for id in (a, b, c)]
    assert cities == [None, "Vejle", None]
    assert bench.left.all("Accounts")[a]["phone"] is None
    assert not any(one["name"] == "New" for one in bench.left.all("Accounts").values())
    (left,) = bench.store.reports[undo.id]
    assert left.reason == {"code": "sync.undo_changed", "params": {"field": "city"}}
    await bench.changes()
    assert bench.left.all("Accounts")[a]["city"] is None, "an undone value came back by itself"
    assert bench.right.all("Accounts")[x]["city"] == "Odense"
    again = await bench.sync().undo({"of": undo.id}, redo=True)
    assert again.state == "done"
    assert bench.left.all("Accounts")[a]["city"] == bench.left.all("Accounts")[c]["city"] == "Odense"
    made = [id for id, one in bench.left.all("Accounts").items() if one["name"] == "New"]
    assert len(made) == 1
    assert (made[0], new) in pairs(bench)
    await bench.quiet()
    assert len(bench.left.all("Accounts")) == len(bench.right.all("Accounts")) == 5


@pytest.mark.proves("CUST-14")
async def test_undo_keeps_what_it_made_where_somebody_has_worked_on_it_since() -> None:
    bench = Bench(settings=settings(contacts=False))
    for name in ("Holm", "Lund", "Berg", "Dahl"):
        bench.left.put("Accounts", name=name, email=f"{name}@x.dk")
    run = await bench.sync().transfer({"from": "left"})
    made = {one["name"]: id for id, one in bench.right.all("Accounts").items()}
    bench.right.edit("Accounts", made["Holm"], note="in a field that nobody mapped")
    bench.right.edit("Accounts", made["Lund"], city="in one that was empty")
    await bench.quiet()
    berg = next(id for id, one in bench.left.all("Accounts").items() if one["name"] == "Berg")
    bench.left.edit("Accounts", berg, city="Odense")  # that is written there by ourselves
    await bench.quiet()
    undo = await bench.sync().undo({"of": run.id})
    assert sorted(one["name"] for one in bench.right.all("Accounts").values()) == ["Berg", "Holm", "Lund"]
    said = {one.name: one.reason for one in bench.store.reports[undo.id]}
    later = {"code": "sync.undo_later"}
    assert said == {
        "Holm": {"code": "sync.undo_changed", "params": {"field": "Holm"}},
        "Lund": later,
        "Berg": later,
    }
    for id in sorted({one.run for one in bench.store.operations.values()} - {run.id, undo.id}):
        await bench.sync().undo({"of": id})
    await bench.sync().undo({"of": run.id, "again": True})
    assert sorted(one["name"] for one in bench.right.all("Accounts").values()) == ["Holm", "Lund"]


@pytest.mark.proves("CUST-14")
async def test_undo_of_one_record_and_of_one_field() -> None:
    bench = await firms(2, settings=settings(contacts=False))
    (a, x), (b, y) = pairs(bench)
    for id in (x, y):
        bench.right.edit("Accounts", id, city="Odense", phone="+4511111111")
    run = await bench.changes()
    key = next(row.key for row in bench.store.rows.values() if row.left_id == a)
    await bench.sync().undo({"of": run.id, "link": key, "line": "city"})
    assert bench.left.all("Accounts")[a]["city"] is None
    assert bench.left.all("Accounts")[a]["phone"] == "+4511111111"
    assert bench.left.all("Accounts")[b]["city"] == "Odense"
    await bench.sync().undo({"of": run.id, "link": key})
    assert bench.left.all("Accounts")[a]["phone"] is None
    assert bench.left.all("Accounts")[b]["phone"] == "+4511111111"


@pytest.mark.proves("CUST-14")
def test_what_cannot_be_undone_is_known_beforehand() -> None:
    cannot = PLAIN.model_copy(update={"deletes": ()})
    refused = cannot_undo("create", "account", cannot)
    assert refused is not None
    assert refused.code == "sync.undo_no_delete"
    assert cannot_undo("create", "account", PLAIN) is None
    assert cannot_undo("update", "account", cannot) is None


@pytest.mark.proves("CUST-15")
async def test_reconciliation_finds_what_no_cursor_told_of_and_writes_nothing() -> None:
    bench = await firms(30, settings=settings(contacts=False))
    (a, x), (b, y), *_ = pairs(bench)
    bench.right.records["Accounts"][x].fields["city"] = "Slipped"  # nobody was told
    del bench.right.records["Accounts"][y]
    bench.left.put("Accounts", name="Alone", email="alone@x.dk")
    writes = len(bench.left.pushed) + len(bench.right.pushed)
    row = await bench.sync().reconcile()
    assert (row.state, row.counts["same"]) == ("done", 28)
    reports = {one.status: one for one in bench.store.reports[row.id]}
    assert sorted(reports) == ["differs", "missing", "pending_delete"]
    assert reports["differs"].left_id == a
    assert [line["line"] for line in reports["differs"].lines] == ["city"]
    assert reports["pending_delete"].left_id == b
    assert len(bench.left.pushed) + len(bench.right.pushed) == writes
    await bench.changes()
    assert next(one for one in bench.store.rows.values() if one.left_id == b).state == "pending"
    await bench.sync().reconcile({"mend": True})
    await bench.changes()
    assert bench.left.all("Accounts")[a]["city"] == "Slipped"


@pytest.mark.proves("CUST-5")
async def test_a_look_says_how_a_customer_is_and_keeps_nothing() -> None:
    bench = await firms(1, settings=settings(contacts=False))
    ((left, right),) = pairs(bench)
    sync, calls = bench.sync(), bench.store.calls["settle"]
    assert (await sync.look_at("account", "left", left)).decision.status == "same"
    alone = bench.left.put("Accounts", name="Alone", email="alone@x.dk")
    assert (await sync.look_at("account", "left", alone)).decision.status == "missing"
    for n in range(2):
        bench.right.put("Accounts", name=f"Twin {n}", email="alone@x.dk")
    look = await sync.look_at("account", "left", alone)
    assert (look.decision.status, len(look.decision.candidates)) == ("candidates", 2)
    bench.right.remove("Accounts", right)
    assert (await sync.look_at("account", "left", left)).decision.status == "pending_delete"
    bench.right.faults = ["transient"]
    look = await sync.look_at("account", "left", left)
    assert (look.decision.status, list(look.unreachable)) == ("unreachable", ["right"])
    assert bench.store.calls["settle"] == calls


@pytest.mark.proves("CUST-11")
async def test_a_value_that_a_side_cannot_hold_in_full_goes_once_and_stays() -> None:
    cut = {"name": {"right_length": 5}}
    bench = Bench(settings=settings(contacts=False, more=cut))
    bench.right.cuts = {"name": 5}
    await bench.begin()
    left = bench.left.put("Accounts", name="A very long name", email="a@x.dk")
    await bench.quiet()
    bench.right.edit("Accounts", next(iter(bench.right.all("Accounts"))), city="Odense")
    await bench.quiet()
    assert bench.left.all("Accounts")[left]["name"] == "A very long name"
    assert bench.left.all("Accounts")[left]["city"] == "Odense"
    writes = len(bench.left.pushed) + len(bench.right.pushed)
    for _ in range(3):
        await bench.changes()
    assert len(bench.left.pushed) + len(bench.right.pushed) == writes == 2


async def test_a_write_that_was_refused_stands_with_its_reason_until_the_record_changes() -> None:
    bench = await firms(1, settings=settings(contacts=False))
    ((left, right),) = pairs(bench)
    bench.left.refuses = "city"
    bench.right.edit("Accounts", right, city="Odense", phone="+4511111111")
    row = await bench.changes()
    assert (row.state, row.counts["failed"]) == ("done", 1)
    (link,) = bench.store.rows.values()
    assert link.state == "failing"
    assert link.why is not None
    assert link.why["params"]["vendor_code"] == "INVALID"
    (stuck,) = bench.store.waits.values()
    assert (stuck.state, stuck.due_at) == ("stuck", None)
    pushed = bench.left.asked["push"]
    await bench.changes()
    assert bench.left.asked["push"] == pushed
    bench.left.refuses = ""
    bench.right.edit("Accounts", right, city="Vejle")
    await bench.quiet()
    assert bench.left.all("Accounts")[left]["city"] == "Vejle"
    assert not bench.store.waits
    assert next(iter(bench.store.rows.values())).state == "linked"


async def test_trouble_with_a_connection_ends_the_run_with_its_why_and_the_next_goes_on() -> None:
    bench = await firms(12, settings=settings(contacts=False))
    for _, right in pairs(bench):
        bench.right.edit("Accounts", right, city="Odense")
    bench.left.faults = ["", "", "auth"]
    row = await bench.changes()
    assert row.state == "failed"
    assert row.why == {"code": "error.auth"}
    await bench.quiet()
    assert {one["city"] for one in bench.left.all("Accounts").values()} == {"Odense"}


async def test_a_record_that_was_renumbered_keeps_its_link() -> None:
    bench = await firms(1, settings=settings(contacts=False))
    ((left, right),) = pairs(bench)
    bench.right.records["Accounts"]["R900"] = bench.right.records["Accounts"].pop(right)
    bench.right.edit("Accounts", "R900", city="Odense")
    now = bench.clock.iso()
    bench.store.waits["account", "right", right] = WaitingRow("account", "right", right, now, None, {"new_id": "R900"})
    await bench.changes(poll="none")
    assert pairs(bench) == [(left, "R900")]
    assert bench.left.all("Accounts")[left]["city"] == "Odense"
    await bench.quiet()
    assert len(bench.left.all("Accounts")) == 1


async def test_what_was_there_before_the_first_run_is_left_alone() -> None:
    bench = Bench()
    for n in range(9):
        bench.right.put("Accounts", name=f"Firm {n}", email=f"f{n}@x.dk")
    await bench.changes()
    assert not bench.left.all("Accounts")
    bench.right.put("Accounts", name="New", email="new@x.dk")
    await bench.quiet()
    assert [one["name"] for one in bench.left.all("Accounts").values()] == ["New"]


async def test_a_create_without_an_answer_is_sent_again_where_the_vendor_makes_no_second_one() -> None:
    bench = Bench(right_can=IDEMPOTENT, settings=settings(contacts=False))
    await bench.begin()
    bench.left.put("Accounts", name="Holm", email="a@x.dk")
    bench.right.faults = ["lost after"]
    row = await bench.changes()
    assert row.counts["unknown"] == 1
    bench.clock.now += 2
    await bench.changes()
    await bench.quiet()
    assert len(bench.right.all("Accounts")) == 1 == len(bench.store.rows)
    assert [len(ids) for ids in bench.right.made_by.values()] == [1]


async def test_another_worker_of_the_pair_is_left_alone() -> None:
    bench = Bench()
    bench.store.held = False
    row = await bench.changes()
    assert (row.state, row.why, row.requests) == ("failed", {"code": "sync.other_works"}, 0)


def slowly(call: Any) -> Any:
    """The same, with time for all else before it."""

    async def slow(*given: Any) -> Any:
        for _ in range(50):
            await asyncio.sleep(0)
        return await call(*given)

    return slow


@pytest.mark.proves("CUST-8")
async def test_two_pages_that_find_the_same_record_link_it_once() -> None:
    """The second page is decided while the first is being written: it must not find free what the first one linked."""
    bench = Bench(settings=settings(policy="right", contacts=False))
    bench.right.page = 2
    only = bench.left.put("Accounts", name="Nordlys", registration_number="DK00000001")
    for number in range(6):
        bench.right.put("Accounts", name=f"Nordlys {number}", registration_number="DK00000001")
    bench.left.push = slowly(bench.left.push)  # type: ignore[method-assign]
    row = await bench.sync().transfer({"from": "right"})
    assert row.state == "done"
    linked = [row for row in bench.store.rows.values() if row.left_id == only]
    assert len(linked) == 1
    assert len({row.left_id for row in bench.store.rows.values()}) == len(bench.store.rows)


async def test_what_is_typed_while_the_page_before_is_written_is_not_written_over() -> None:
    """A vendor that does not refuse to overwrite: what was decided ahead is decided anew from what stands there then."""
    bench = Bench(PLAIN, BLIND, settings(contacts=False))
    bench.left.page = 3
    there = [bench.left.put("Accounts", name=f"n{n}", email=f"e{n}@x.dk", city=f"C{n}") for n in range(6)]
    mate = bench.right.put("Accounts", name="n5", email="e5@x.dk")
    push, said = bench.right.push, False

    async def pushing(given: Any) -> Any:
        nonlocal said
        if not said:
            said = True
            for _ in range(50):  # the next page is decided
                await asyncio.sleep(0)
            bench.right.edit("Accounts", mate, city="typed by hand")
        return await push(given)

    bench.right.push = pushing  # type: ignore[method-assign]
    row = await bench.sync().transfer({"from": "left"})
    assert row.state == "done"
    assert bench.right.all("Accounts")[mate]["city"] == "typed by hand"
    assert bench.left.all("Accounts")[there[5]]["city"] == "C5"
    assert [one.kind for one in bench.store.asked.values()] == ["conflict"]


async def test_a_record_that_two_pages_tell_of_is_made_once() -> None:
    """Vendors that page by offset tell of a record twice when another one moves meanwhile."""
    bench = Bench(settings=settings(contacts=False))
    bench.right.page = 2
    for number in range(6):
        bench.right.put("Accounts", name=f"Firm {number}", email=f"f{number}@x.dk")
    whole = bench.right.pull

    async def twice(*given: Any) -> Any:
        before: list[Any] = []
        async for page in whole(*given):
            yield Page([*page.records, *before], page.cursor, page.deleted)
            before = page.records[:1]

    bench.right.pull = twice  # type: ignore[method-assign]
    row = await bench.sync().transfer({"from": "right"})
    assert row.state == "done"
    assert len(bench.left.all("Accounts")) == 6 == len(bench.store.rows)


async def test_the_next_page_is_decided_while_this_one_is_written() -> None:
    bench = Bench(settings=settings(contacts=False))
    bench.right.page = 4
    for number in range(12):
        bench.right.put("Accounts", name=f"Firm {number}", email=f"f{number}@x.dk")
    story: list[str] = []
    find, push = bench.left.find, bench.left.push

    async def finding(*given: Any) -> Any:
        story.append("find")
        return await find(*given)

    async def pushing(*given: Any) -> Any:
        story.append("push")
        try:
            return await slowly(push)(*given)
        finally:
            story.append("pushed")

    bench.left.find, bench.left.push = finding, pushing  # type: ignore[method-assign]
    assert (await bench.sync().transfer({"from": "right"})).state == "done"
    assert "find" in story[story.index("push") : story.index("pushed")]
