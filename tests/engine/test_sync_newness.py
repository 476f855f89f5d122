"""What was there before a pair was, and what is new: only the latter is made across by itself (CUST-2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.sync_bench import Bench, dying_at, settings
from tieline.core.pairing import Side
from tieline.engine.sync.ports import WaitingRow

OBJECTS = {"account": "Accounts", "contact": "Contacts"}


def put(bench: Bench, side: Side, object: str = "Accounts", **fields: Any) -> str:
    made = {"created_at": bench.clock.iso()} if bench.tells_made else {}
    return bench.vendor(side).put(object, **fields, **made)


def across(bench: Bench, side: Side, object: str = "Accounts") -> list[str]:
    """Names on the other side."""
    vendor = bench.right if side == "left" else bench.left
    return sorted(one["name"] for one in vendor.all(object).values())


@pytest.mark.proves("CUST-2")
@pytest.mark.parametrize("tells_made", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
async def test_an_edit_of_a_record_that_was_there_before_makes_nothing_across(side: Side, tells_made: bool) -> None:
    bench = Bench(tells_made=tells_made)
    old = put(bench, side, name="Old", email="o@x.dk")
    ann = put(bench, side, "Contacts", name="Ann", email="ann@x.dk", account=old)
    bench.clock.now += 600
    await bench.changes()
    bench.clock.now += 600
    vendor = bench.vendor(side)
    vendor.edit("Accounts", old, city="Odense")
    vendor.edit("Contacts", ann, name="Ann Holm")
    new = put(bench, side, name="New", email="n@x.dk")
    put(bench, side, "Contacts", name="Bo", email="bo@x.dk", account=new)
    await bench.quiet()
    assert (across(bench, side), across(bench, side, "Contacts")) == (["New"], ["Bo"])
    for role, id in (("account", old), ("contact", ann)):
        row = bench.store.waits[role, side, id]
        assert (row.state, (row.why or {})["code"]) == ("stuck", "customers.not.new")
    vendor.edit("Accounts", old, city="Vejle")
    bench.store.waits["account", side, old] = WaitingRow("account", side, old, bench.clock.iso())  # a delivery names it
    put(
        bench, side, "Contacts", name="Eva", email="eva@x.dk", account=old
    )  # its new contact person does not pull it along
    await bench.quiet()
    assert across(bench, side) == ["New"]
    await bench.sync().transfer({"from": side})
    assert across(bench, side) == ["New", "Old"]
    assert across(bench, side, "Contacts") == ["Ann Holm", "Bo", "Eva"]


@pytest.mark.proves("CUST-2", "CUST-9")
@pytest.mark.parametrize("tells_made", [False, True])
async def test_an_edit_of_a_record_that_was_there_before_links_it_with_its_match(tells_made: bool) -> None:
    bench = Bench(settings=settings(contacts=False), tells_made=tells_made)
    left = put(bench, "left", name="Holm", email="h@holm.dk")
    right = put(bench, "right", name="Holm ApS", email="h@holm.dk")
    bench.clock.now += 600
    await bench.changes()
    assert not bench.store.rows
    bench.left.edit("Accounts", left, city="Odense")
    await bench.changes()
    (link,) = bench.store.rows.values()
    assert (link.left_id, link.right_id) == (left, right)
    assert (len(bench.left.all("Accounts")), len(bench.right.all("Accounts"))) == (1, 1)


@pytest.mark.proves("CUST-1", "CUST-2")
@pytest.mark.parametrize("tells_made", [False, True])
async def test_a_new_record_that_a_delivery_names_is_made_at_once_and_one_that_could_not_be_made_later(
    tells_made: bool,
) -> None:
    bench = Bench(settings=settings(contacts=False), tells_made=tells_made)
    await bench.begin()
    bench.clock.now += 600
    new = put(bench, "right", name="New", email="n@x.dk")
    bench.store.waits["account", "right", new] = WaitingRow("account", "right", new, bench.clock.iso())
    await bench.changes(poll="none")
    assert across(bench, "right") == ["New"]
    bench.left.required = ("city",)
    later = put(bench, "right", name="Later", email="l@x.dk")
    await bench.changes()
    assert across(bench, "right") == ["New"]
    bench.clock.now += 90_000
    bench.right.edit("Accounts", later, city="Odense")
    await bench.quiet()
    assert across(bench, "right") == ["Later", "New"]


@pytest.mark.proves("CUST-2")
async def test_a_first_reading_that_dies_forgets_nothing_of_what_was_there() -> None:
    bench = Bench(settings=settings(contacts=False))
    old = [put(bench, "right", name=f"Old {n}", email=f"o{n}@x.dk") for n in range(8)]
    for call in range(3, 200):
        with dying_at(bench, call) as died:
            await bench.changes()
        if not died:
            break
        bench.clock.now += 5
    assert not died
    for id in old:
        bench.right.edit("Accounts", id, city="Odense")
    await bench.quiet()
    assert across(bench, "right") == []


@pytest.mark.proves("CUST-2")
async def test_what_is_made_while_a_feed_is_first_read_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first reading of a large system takes hours."""
    bench = Bench(settings=settings(contacts=False), tells_made=True)
    for n in range(8):
        put(bench, "right", name=f"Old {n}", email=f"o{n}@x.dk")
    bench.clock.now += 1
    pull = bench.right.pull

    async def slow(object: str, *given: Any) -> Any:
        pages = pull(object, *given)
        first = await anext(pages)
        yield first
        bench.clock.now += 600
        put(bench, "right", name="New", email="n@x.dk")
        async for page in pages:
            yield page

    monkeypatch.setattr(bench.right, "pull", slow)
    await bench.changes()
    monkeypatch.undo()
    assert across(bench, "right") == ["New"]
    await bench.quiet()
    assert across(bench, "right") == ["New"]


@pytest.mark.proves("CUST-2", "CUST-4")
async def test_what_was_there_before_is_not_new_under_another_number_and_a_number_given_anew_is() -> None:
    bench = Bench(settings=settings(contacts=False))
    old = put(bench, "right", name="Old", email="o@x.dk")
    await bench.changes()
    kept = bench.right.records["Accounts"].pop(old)
    bench.right.records["Accounts"]["R900"] = kept
    bench.right.edit("Accounts", "R900", city="Odense")
    told = {"event": "changed", "by": "right", "new_id": "R900"}
    for id, said in ((old, told), ("R900", None)):
        bench.store.waits["account", "right", id] = WaitingRow("account", "right", id, bench.clock.iso(), None, said)
    await bench.changes(poll="none")
    assert across(bench, "right") == []
    await bench.sync().transfer({"from": "right"})  # linked once, what comes under its number is looked at as it is
    assert across(bench, "right") == ["Old"]
    assert not bench.store.before & {("account", "right", "R900")}
