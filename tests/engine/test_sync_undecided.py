"""While a person is asked whether a record is likely one that is there, it is not made across a second time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.sync_bench import Bench, settings
from tests.engine.test_sync_likely import PHONE, bench_of, offered, two_lists
from tests.store.pairs import PairOf, make_pair
from tieline.core.pairing import Side, Told, other
from tieline.engine.sync.ports import AskedRow
from tieline.engine.sync.reasons import LIKELY
from tieline.engine.sync.rows import told_row

if TYPE_CHECKING:
    from tests.conftest import Company, Installation


@pytest.fixture
def pair(installation: Installation, company: Company) -> PairOf:
    return make_pair(installation, company)


async def asked_about(bench: Bench) -> list[tuple[str, str]]:
    """Two lists of which three pairs are asked about: their ids."""
    pairs = two_lists(bench)
    assert (await bench.sync().reconcile({"match": True})).counts["asked"] == len(pairs) == 3
    return pairs


def answer(bench: Bench, id: str, **told: Any) -> None:
    """As the inbox answers."""
    del bench.store.asked["account", "left", id, "match"]
    row = bench.store.waits["account", "left", id]
    row.state, row.due_at, row.told = "due", bench.clock.iso(), {**(row.told or {}), **told_row(Told(**told))}


def made(bench: Bench, side: Side) -> int:
    """How many customers were made in a system."""
    return sum(one.verb == "create" for one in bench.vendor(side).pushed)


@pytest.mark.proves("CUST-4")
@pytest.mark.parametrize("side", ["left", "right"])
async def test_a_transfer_leaves_alone_what_a_person_is_asked_about(side: Side) -> None:
    bench = bench_of()
    pairs = await asked_about(bench)
    open_ids = [left if side == "left" else right for left, right in pairs]
    bench.store.calls.clear()
    row = await bench.sync().transfer({"from": side})
    assert (row.state, row.counts["created"], row.counts["waiting"]) == ("done", 10, 3)
    assert made(bench, other(side)) == 10
    assert not {("account", side, id) for id in open_ids} & bench.store.by_id.keys()
    for id in open_ids:
        waits = bench.store.waits["account", side, id]
        assert waits.why is not None
        assert (waits.state, waits.due_at, waits.why["code"], waits.name != "") == ("asked", None, LIKELY, True)
    assert len(offered(bench)) == 3
    assert bench.store.calls["likely_about"] <= 5  # one a page
    row = await bench.sync().transfer({"from": side})
    assert (row.counts.get("created", 0), row.counts["waiting"], made(bench, other(side))) == (0, 3, 10)

    (first, partner), (second, _), (third, third_right) = pairs
    answer(bench, first, partner=partner)
    answer(bench, second, partner="", create=True)
    await bench.quiet()
    rows = {one.left_id: one.right_id for one in bench.store.rows.values()}
    assert rows[first] == partner
    assert rows[second] not in {right for _, right in pairs}
    assert third not in rows
    assert third_right not in rows.values()
    assert list(offered(bench)) == [third]
    # the one that was offered for the second is another customer, as was said: it went across too
    assert len(bench.left.records["Accounts"]) == 13 + (11 if side == "right" else 0)


@pytest.mark.proves("CUST-4")
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("hinted", [False, True])
async def test_so_do_a_feed_and_a_delivery(side: Side, hinted: bool) -> None:
    off = {"crm_new": "off", "erp_created": False}
    bench = bench_of(**off)
    await bench.begin()
    pairs = await asked_about(bench)
    await bench.quiet()
    bench.settings = settings(contacts=False, more=PHONE, crm_new="at_creation", erp_created=True)
    for ids in pairs:
        id = ids[side == "right"]
        bench.vendor(side).edit("Accounts", id, city="Skagen")
        if hinted:
            kept = bench.store.waits.get(("account", side, id))
            if kept is not None:
                kept.state, kept.due_at = "due", bench.clock.iso()
    bench.vendor(side).put("Accounts", name="Helt ny", email="ny@ny.dk")
    await bench.quiet()
    assert [one.fields["name"] for one in bench.vendor(other(side)).records["Accounts"].values()].count("Helt ny") == 1
    assert made(bench, other(side)) == 1
    assert len(offered(bench)) == 3
    assert {bench.store.waits["account", side, ids[side == "right"]].state for ids in pairs} == {"asked"}


@pytest.mark.proves("CUST-4")
async def test_what_a_rule_finds_meanwhile_is_linked_and_what_a_person_wants_made_is_made() -> None:
    bench = bench_of()
    (second, _), (first, partner), _ = await asked_about(bench)
    bench.left.edit("Accounts", first, name="Revision Holm & Madsen", email="post@mhrevison.dk")
    row = await bench.sync().asked("account", "left", second, Told(create=True))
    assert (row.state, row.counts["created"]) == ("done", 1)
    await bench.sync().transfer({"from": "left"})
    rows = {one.left_id: one.right_id for one in bench.store.rows.values()}
    assert rows[first] == partner
    assert rows[second]
    assert len(offered(bench)) == 1


@pytest.mark.proves("CUST-4")
async def test_a_contact_person_waits_with_its_customer_and_goes_along_with_the_answer() -> None:
    bench = Bench(settings=settings(more=PHONE))
    (left, right), *_ = two_lists(bench)
    person = bench.left.put("Contacts", name="Anna", email="anna@nordlys.dk", account=left)
    await bench.sync().reconcile({"match": True, "role": "account"})
    for _ in range(2):
        await bench.sync().transfer({"from": "left"})
        assert ("account", "left", left) not in bench.store.by_id
        assert ("contact", "left", person) not in bench.store.by_id
        assert bench.store.waits["account", "left", left].state == "asked"
        assert bench.store.next_due() is None
    answer(bench, left, partner=right)
    await bench.quiet()
    assert bench.store.rows[bench.store.by_id["account", "left", left]].right_id == right
    (across,) = bench.right.records["Contacts"].values()
    assert (across.fields["name"], across.fields["account"]) == ("Anna", right)


@pytest.mark.proves("CUST-4")
async def test_another_one_that_was_offered_is_looked_at_once_the_record_is_linked() -> None:
    bench = bench_of(erp_created=True)
    left = bench.left.put("Accounts", name="Vestjysk Vindkraft", phone="+4597421100", city="Lemvig")
    ids = [
        bench.right.put("Accounts", name=f"Vestjysk Vindkraft {word}", phone="+4597421100", city="Lemvig")
        for word in ("Nord", "Syd")
    ]
    *_, (third, partner) = two_lists(bench)
    await bench.sync().reconcile({"match": True})
    assert sorted(offered(bench)[left]) == sorted(ids)
    assert set(ids) < set(offered(bench)[third])  # the same phone number and city
    await bench.sync().transfer({"from": "right"})
    assert not {("account", "right", id) for id in ids} & bench.store.by_id.keys()
    answer(bench, left, partner=ids[0])
    await bench.quiet()
    assert bench.store.rows[bench.store.by_id["account", "right", ids[0]]].left_id == left
    assert bench.store.waits["account", "right", ids[1]].waits_for == [
        "account",
        "left",
        third,
    ]  # of two questions one is open
    answer(bench, third, partner=partner)
    await bench.quiet()
    assert bench.store.rows[bench.store.by_id["account", "right", partner]].left_id == third
    assert bench.store.rows[bench.store.by_id["account", "right", ids[1]]].left_id not in {left, third}


@pytest.mark.proves("CUST-4", "CUST-14")
async def test_a_dry_run_says_so_and_what_was_planned_before_is_not_made() -> None:
    bench = bench_of()
    pairs = two_lists(bench)
    plan = await bench.sync().preview({"of": "transfer", "from": "left"})
    assert plan.counts["created"] == 13
    await bench.sync().reconcile({"match": True})
    row = await bench.sync().preview({"of": "transfer", "from": "left", "again": True})
    assert (row.state, row.counts["created"]) == ("done", 10)
    said = {one.left_id: (one.status, one.reason["code"]) for one in bench.store.reports[row.id]}
    assert {said[left] for left, _ in pairs} == {("candidates", LIKELY)}
    row = await bench.sync().approved({"of": plan.id})
    assert (row.state, row.counts["created"], made(bench, "right")) == ("done", 10, 10)
    assert len(offered(bench)) == 3


async def test_without_an_open_question_nobody_is_asked_for_any() -> None:
    bench = bench_of()
    await bench.begin()
    id = bench.left.put("Accounts", name="Ny", email="ny@ny.dk")
    await bench.quiet()
    bench.store.calls.clear()
    bench.left.edit("Accounts", id, name="Nyere")
    await bench.quiet()
    assert bench.store.calls["likely_about"] == 0


@pytest.mark.proves("CUST-4")
@pytest.mark.parametrize("side", ["left", "right"])
async def test_on_postgres_a_transfer_leaves_them_alone(pair: PairOf, side: Side) -> None:
    bench = bench_of()
    store = pair.store()
    bench.keep_in(store)
    assert store.hold()
    try:
        pairs = await asked_about(bench)
        row = await bench.sync().transfer({"from": side})
    finally:
        store.let_go()
    assert (row.state, row.counts["created"], made(bench, other(side))) == ("done", 10, 10)
    found = pair.rows(
        "SELECT record, code, waits_for FROM store_syncwaiting WHERE state = 'asked' AND side = %s ORDER BY 1", side
    )
    assert found == sorted(
        (left, LIKELY, None) if side == "left" else (right, LIKELY, f"account\tleft\t{left}") for left, right in pairs
    )


async def test_a_question_is_over_once_its_record_is_linked_and_differs() -> None:
    """The two have a conflict at once: that is asked instead."""
    bench = Bench(settings=settings(contacts=False, policy="ask"))
    left = bench.left.put("Accounts", name="Holm", email="h@holm.dk", city="Odense")
    right = bench.right.put("Accounts", name="Holm", city="Vejle")
    bench.store.asked["account", "left", left, "match"] = AskedRow(
        "match", "account", "left", left, {"code": LIKELY}, []
    )
    await bench.sync().asked("account", "left", left, Told(partner=right, by="left"))
    assert {kind for *_, kind in bench.store.asked} == {"conflict"}
