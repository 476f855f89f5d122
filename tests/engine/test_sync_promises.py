"""Promises about one customer in days that go badly: what a person saw and chose, what was deleted, what was stopped."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.sync_bench import IDEMPOTENT, NONE, SEARCH, Bench, settings
from tieline.core.pairing import Side, Told
from tieline.engine.sync.ports import WaitingRow

DELETES = {"left": "delete", "right": "delete"}


async def linked(count: int = 1, **top: Any) -> tuple[Bench, list[str], list[str]]:
    """Customers that stand in both: their ids, left and right."""
    bench = Bench(settings=settings(**top))
    await bench.begin()
    left = [bench.left.put("Accounts", name=f"Holm {n}", email=f"a@h{n}.dk", city="Aarhus") for n in range(count)]
    await bench.quiet()
    rights = {row.left_id: row.right_id for row in bench.store.rows.values()}
    return bench, left, [rights[one] for one in left]


def hint(bench: Bench, side: Side, id: str, told: dict[str, Any] | None, role: str = "account") -> None:
    """As a delivery or a person's word leaves it."""
    bench.store.waits[role, side, id] = WaitingRow(role, side, id, bench.clock.iso(), None, told)


@pytest.mark.proves("CUST-6", "CUST-7")
async def test_a_customer_is_linked_from_its_page_with_the_one_that_a_person_chose() -> None:
    bench = Bench(settings=settings(crm_new="by_hand", erp_created=False))
    await bench.begin()
    left = bench.left.put("Accounts", name="Holm", email="a@holm.dk")
    right = bench.right.put("Accounts", name="Holm og Sønner", city="Aarhus")
    await bench.quiet()
    look = await bench.sync().look_at("account", "left", left)
    row = await bench.sync().asked("account", "left", left, Told(partner=right, by="left"), seen=look.seen)
    assert (row.state, row.why) == ("done", None)
    (link,) = bench.store.rows.values()
    assert (link.left_id, link.right_id) == (left, right)


@pytest.mark.proves("CUST-7", "CUST-9")
@pytest.mark.parametrize("by_page", [True, False])
async def test_one_that_is_linked_with_another_customer_cannot_be_chosen(by_page: bool) -> None:
    bench, _, (taken,) = await linked(policy="left")
    bench.settings = settings(policy="left", crm_new="by_hand")
    before = dict(bench.right.all("Accounts")[taken])
    other = bench.left.put("Accounts", name="Lund", email="b@lund.dk", city="Odense")
    await bench.quiet()
    if by_page:
        await bench.sync().asked("account", "left", other, Told(partner=taken, by="left"))
    else:  # an answer to a question that is older than the link
        hint(bench, "left", other, {"partner": taken})
        await bench.changes()
    assert bench.right.all("Accounts") == {taken: before}
    assert [row.right_id for row in bench.store.rows.values()] == [taken]
    row = bench.store.waits["account", "left", other]
    assert (row.state, (row.why or {})["code"], (row.told or {}).get("partner")) == ("stuck", "sync.claimed", None)
    await bench.sync().asked("account", "left", other, Told(create=True, by="left"))
    assert sorted(one["name"] for one in bench.right.all("Accounts").values()) == ["Holm 0", "Lund"]


@pytest.mark.proves("CUST-6")
async def test_what_moved_since_it_was_looked_at_is_not_linked() -> None:
    bench = Bench(settings=settings(crm_new="by_hand", erp_created=False))
    await bench.begin()
    left, right = bench.left.put("Accounts", name="Holm"), bench.right.put("Accounts", name="Other")
    await bench.quiet()
    look = await bench.sync().look_at("account", "left", left)
    bench.left.edit("Accounts", left, name="Holm Byg")
    row = await bench.sync().asked("account", "left", left, Told(partner=right, by="left"), seen=look.seen)
    assert (row.state, bench.store.rows) == ("stopped", {})


@pytest.mark.proves("CUST-6", "CUST-10")
async def test_an_answer_is_about_the_values_that_were_asked_about() -> None:
    bench, (left,), (right,) = await linked()
    bench.left.edit("Accounts", left, city="Vejle", phone="1")
    bench.right.edit("Accounts", right, city="Odense", phone="2")
    await bench.quiet()
    (asked,) = bench.store.asked.values()
    shown = {one["line"]: [one["left"], one["right"]] for one in asked.options}
    bench.right.edit("Accounts", right, city="Kolding")  # while somebody makes up their mind
    hint(bench, "left", left, {"choices": {"city": "left", "phone": "left"}, "shown": shown})
    await bench.quiet()
    assert [bench.vendor(side).all("Accounts")[id]["city"] for side, id in (("left", left), ("right", right))] == [
        "Vejle",
        "Kolding",
    ]
    assert bench.right.all("Accounts")[right]["phone"] == "1"  # that one had not moved
    (again,) = bench.store.asked.values()
    assert [(one["line"], one["left"], one["right"]) for one in again.options] == [("city", "Vejle", "Kolding")]
    hint(bench, "left", left, {"choices": {"city": "right"}, "shown": {"city": ["Vejle", "Kolding"]}})
    await bench.quiet()
    assert bench.left.all("Accounts")[left]["city"] == "Kolding"
    assert not bench.store.asked


@pytest.mark.proves("CUST-12")
async def test_deletions_that_come_one_by_one_are_counted_together() -> None:
    bench, left, _ = await linked(30, deletions=DELETES)
    bench.clock.now = (bench.clock.now // 600 + 1) * 600
    for id in left[:20]:
        bench.left.remove("Accounts", id)
        await bench.changes()
        bench.clock.now += 9
    states = set()
    for _ in range(400):
        bench.clock.now += 4
        states.add((await bench.changes()).state)
    assert len(bench.right.all("Accounts")) == 30
    assert "stopped" in states
    assert [one for one in bench.store.asked if one[3] == "limit"]


@pytest.mark.proves("CUST-12")
@pytest.mark.parametrize(("share", "most"), [(0.1, 0), (0.0, 50)])
async def test_a_limit_of_none_lets_none_go(share: float, most: int) -> None:
    bench, (left, _), _ = await linked(2, deletions=DELETES)
    bench.left.remove("Accounts", left)
    for _ in range(2):
        bench.clock.now += 1300
        sync = bench.sync()
        sync.pair.share, sync.pair.most = share, most
        row = await sync.changes({"poll": "all"})
    assert (row.state, len(bench.right.all("Accounts"))) == ("stopped", 2)
    assert bench.store.asked["account", "left", "", "limit"].reason["params"]["most"] == 0


@pytest.mark.proves("CUST-12")
async def test_deletions_of_many_short_runs_are_counted_over_a_day() -> None:
    bench, left, right = await linked(30, deletions=DELETES)
    states = []
    for id in left[:6]:  # each is named by a delivery of its own, and falls due by itself
        bench.left.remove("Accounts", id)
        bench.clock.now += 1300
        await bench.changes()
        bench.clock.now += 1300
        states.append((await bench.changes()).state)
    assert states == ["done"] * 3 + ["stopped"] * 3
    assert len(bench.right.all("Accounts")) == 27
    assert bench.store.asked["account", "left", "", "limit"].reason["params"] == {
        "role": "account",
        "count": 4,
        "most": 3,
    }
    said = await bench.sync().asked("account", "left", left[10], Told(deletion="unlink", by="left"))
    assert said.state == "done"

    before = len(bench.store.operations)
    assert (await bench.changes(bypass_limit=True)).counts["deleted"] == 3
    assert len(bench.store.operations) == before + 3
    bench.clock.now += 90_000  # the day after it is counted anew; what was let pass never counts
    bench.left.remove("Accounts", left[12])
    await bench.changes()
    bench.clock.now += 1300
    assert (await bench.changes()).counts["deleted"] == 1
    assert right[12] not in bench.right.all("Accounts")


@pytest.mark.proves("CUST-12")
async def test_what_a_person_says_of_one_deletion_is_not_counted() -> None:
    bench, left, right = await linked(30)  # a person is asked of each
    for id in left[:12]:
        bench.left.remove("Accounts", id)
    await bench.quiet()
    for id in left[:12]:  # as the inbox keeps an answer
        told = {"deletion": "delete", "by": "left"}
        bench.store.waits["account", "left", id] = WaitingRow("account", "left", id, bench.clock.iso(), None, told)
    row = await bench.changes()
    assert (row.state, row.counts["deleted"]) == ("done", 12)
    bench.settings = settings(contacts=False, deletions=DELETES)
    bench.left.remove("Accounts", left[12])
    await bench.changes()
    bench.clock.now += 1300
    assert (await bench.changes()).state == "done"
    assert right[12] not in bench.right.all("Accounts")


@pytest.mark.proves("CUST-4", "CUST-12")
async def test_a_deletion_that_is_named_again_waits_as_long_as_it_was_to_wait() -> None:
    bench, left, right = await linked(deletions=DELETES)
    bench.left.remove("Accounts", left[0])
    await bench.changes()
    since = bench.clock.now
    while bench.clock.now < since + 590:
        row = bench.store.waits["account", "left", left[0]]
        row.due_at = bench.clock.iso()  # a delivery names it once more
        await bench.changes()
        bench.clock.now += 50
        assert right[0] in bench.right.all("Accounts")
    bench.clock.now = since + 1250
    await bench.changes()
    assert right[0] not in bench.right.all("Accounts")


@pytest.mark.proves("CUST-12")
async def test_an_edit_across_keeps_what_would_be_deleted() -> None:
    bench, left, right = await linked(deletions=DELETES)
    bench.left.remove("Accounts", left[0])
    await bench.changes()
    bench.right.edit("Accounts", right[0], city="Odense")
    await bench.quiet()
    assert bench.right.all("Accounts")[right[0]]["city"] == "Odense"
    assert [one[3] for one in bench.store.asked] == ["deletion"]


@pytest.mark.proves("CUST-2")
async def test_what_moved_on_either_side_while_it_was_stopped_is_merged_when_it_is_marked_again() -> None:
    bench, left, right = await linked()
    (key,) = bench.store.rows
    bench.store.rows[key].state = "stopped"
    bench.right.edit("Accounts", right[0], city="Odense")
    await bench.quiet()
    assert bench.left.all("Accounts")[left[0]]["city"] == "Aarhus"
    bench.store.rows[key].state = "linked"
    hint(bench, "left", left[0], {})
    await bench.quiet()
    assert bench.left.all("Accounts")[left[0]]["city"] == "Odense"


@pytest.mark.proves("CUST-4", "CUST-16")
@pytest.mark.parametrize("reported", [True, False])
async def test_a_customer_that_was_given_another_number_is_not_made_a_second_time(reported: bool) -> None:
    bench, left, right = await linked()
    fields = {name: value for name, value in bench.right.all("Accounts")[right[0]].items() if name != "key"}
    if reported:
        bench.right.remove("Accounts", right[0])
    else:
        del bench.right.records["Accounts"][right[0]]
    new = bench.right.put("Accounts", **fields)  # the feed shows it before a delivery says what it was before
    await bench.quiet()
    hint(bench, "right", right[0], {"by": "right", "new_id": new})
    await bench.quiet()
    assert list(bench.left.all("Accounts")) == left
    assert [(one.left_id, one.right_id, one.state) for one in bench.store.rows.values()] == [(left[0], new, "linked")]
    assert not bench.store.asked
    bench.right.edit("Accounts", new, city="Odense")
    await bench.quiet()
    assert bench.left.all("Accounts")[left[0]]["city"] == "Odense"


@pytest.mark.proves("CUST-16")
async def test_a_second_record_of_the_same_customer_is_made_where_the_first_one_is_still_there() -> None:
    bench, _, _ = await linked()
    bench.right.put("Accounts", name="Holm 0", email="a@h0.dk")
    await bench.quiet()
    assert len(bench.left.all("Accounts")) == 2


@pytest.mark.proves("CUST-8", "CUST-12")
async def test_a_transfer_passes_over_no_deletion() -> None:
    bench, left, right = await linked(2)
    bench.right.remove("Accounts", right[0])
    await bench.sync().transfer({"from": "right"})
    await bench.quiet()
    states = {one.left_id: one.state for one in bench.store.rows.values()}
    assert states == {left[0]: "pending", left[1]: "linked"}


@pytest.mark.proves("CUST-2")
async def test_contact_persons_of_a_customer_that_was_stopped_stay_as_they_are() -> None:
    bench, left, _ = await linked()
    ann = bench.left.put("Contacts", name="Ann", email="ann@h0.dk", account=left[0])
    await bench.quiet()
    key = next(one.key for one in bench.store.rows.values() if one.role == "account")
    bench.store.rows[key].state = "stopped"
    bench.left.edit("Contacts", ann, name="Anna")
    bench.left.put("Contacts", name="Bo", email="bo@h0.dk", account=left[0])
    await bench.quiet()
    assert [one["name"] for one in bench.right.all("Contacts").values()] == ["Ann"]
    assert (await bench.sync().look_at("contact", "left", ann)).decision.status == "not_marked"
    other = bench.left.put("Accounts", name="Other", email="a@other.dk")
    bench.left.edit("Contacts", ann, account=other)  # with a customer that is kept the same she is too
    await bench.quiet()
    assert [one["name"] for one in bench.right.all("Contacts").values()] == ["Anna"]


@pytest.mark.proves("CUST-13")
async def test_nothing_is_applied_that_was_not_in_the_plan() -> None:
    bench, left, right = await linked(2)
    new = bench.left.put("Accounts", name="New", email="a@new.dk")
    plan = await bench.sync().preview({"of": "transfer", "from": "left"})
    bench.left.edit("Accounts", left[0], city="Odense")
    hint(bench, "left", left[0], None)
    row = await bench.sync().approved({"of": plan.id})
    assert (row.state, row.counts["created"], row.counts.get("updated", 0)) == ("done", 1, 0)
    assert bench.right.all("Accounts")[right[0]]["city"] == "Aarhus"
    assert new in {one.left_id for one in bench.store.rows.values()}


@pytest.mark.proves("CUST-9")
async def test_a_number_that_was_gone_and_is_another_customer_now_renames_nobody() -> None:
    bench = Bench()
    await bench.begin()
    left = bench.left.put("Accounts", name="Alfa Handel")
    await bench.quiet()
    (number,) = bench.right.all("Accounts")
    gone = bench.right.records["Accounts"][number]
    bench.right.remove("Accounts", number)
    await bench.quiet()
    bench.right.records["Accounts"][number] = gone
    bench.right.edit("Accounts", number, name="Beta Byg", key=None)
    for _ in range(2):
        await bench.quiet()
        bench.right.edit("Accounts", number, city="Horsens")
    assert bench.left.all("Accounts")[left]["name"] == "Alfa Handel"
    assert [one[3] for one in bench.store.asked] == ["deletion"]


@pytest.mark.proves("CUST-5")
async def test_a_look_at_what_cannot_be_read_is_a_state() -> None:
    bench, left, _ = await linked()

    async def odd(*_given: Any) -> Any:
        raise TypeError("a value of another kind")

    bench.right.fetch = odd  # type: ignore[method-assign]
    look = await bench.sync().look_at("account", "left", left[0])
    assert look.decision.status == "unreachable"
    assert look.unreachable == {"right": {"code": "error.internal", "params": {"kind": "TypeError"}}}
    assert look.left is not None


@pytest.mark.proves("CUST-4", "CUST-9")
@pytest.mark.parametrize("mail", ["b@lund.dk", ""])
async def test_of_two_creates_that_nobody_knows_of_one_record_is_made_by_one(mail: str) -> None:
    """The system has no room for a key; both were called alike, and only one of them came to be."""
    bench = Bench(right_can=NONE.model_copy(update={"write_batch": 1}), settings=settings(contacts=False))
    await bench.begin()
    bench.left.put("Accounts", name="Lund", **({"email": mail} if mail else {}))
    bench.left.put("Accounts", name="Lund")
    bench.right.faults = ["lost after", "lost before"]
    bench.clock.now += 1
    await bench.sync().transfer({"from": "left"})
    assert [one.state for one in bench.store.operations.values()] == ["unknown", "unknown"]
    bench.clock.now += 300
    await bench.quiet()
    if mail:  # what holds the address was made with it; the other one was never made
        assert sorted(str(one.get("email")) for one in bench.right.all("Accounts").values()) == ["None", mail]
        assert len(bench.store.rows) == 2
    else:  # nobody can say whose it is
        assert not bench.store.rows
        assert [key[3] for key in bench.store.asked].count("unknown") == 2


@pytest.mark.proves("CUST-10")
async def test_an_edit_while_nobody_knows_whether_its_counterpart_was_made_anew_is_not_lost() -> None:
    bench = Bench(SEARCH, IDEMPOTENT, settings(contacts=False))
    await bench.begin()
    mine = bench.left.put("Accounts", name="Nordlys", email="n@x.dk")
    await bench.quiet()
    (theirs,) = bench.right.all("Accounts")
    bench.left.remove("Accounts", mine)
    await bench.changes()
    assert [one.kind for one in bench.store.asked.values()] == ["deletion"]
    bench.left.faults = ["lost before"]
    await bench.sync().asked("account", "left", mine, Told(deletion="restore", by="left"))
    bench.right.edit("Accounts", theirs, name="Nordlys & Sons")
    for _ in range(6):
        bench.clock.now += 61
        await bench.quiet()
    assert [one["name"] for one in bench.left.all("Accounts").values()] == ["Nordlys & Sons"]
    assert not bench.store.asked


async def test_what_a_create_may_have_made_is_linked_with_nobody_else_before_that_is_known() -> None:
    """A system without room for a key: the answer was lost, and another customer of the same registration number comes."""
    bench = Bench(right_can=NONE, settings=settings(contacts=False))
    await bench.begin()
    bench.right.faults = ["lost after"]
    first = bench.left.put("Accounts", name="Holm", email="h@x.dk", registration_number="DK10000001")
    await bench.changes()
    (made,) = bench.right.all("Accounts")
    bench.left.put("Accounts", name="Holm Two", email="two@x.dk", registration_number="DK10000001")
    await bench.changes()
    assert not bench.store.rows
    for _ in range(6):
        bench.clock.now += 61
        await bench.quiet()
    assert [(row.left_id, row.right_id) for row in bench.store.rows.values() if row.left_id == first] == [(first, made)]
    assert all(len(ids) == 1 for ids in bench.right.made_by.values())


async def test_what_a_create_nobody_knows_of_was_made_from_is_linked_with_nobody_else_either() -> None:
    bench = Bench(SEARCH, IDEMPOTENT, settings(contacts=False))
    await bench.begin()
    bench.left.faults = ["lost late"]
    source = bench.right.put("Accounts", name="Holm", email="h@x.dk", registration_number="DK10000001")
    await bench.changes()
    twin = bench.left.put("Accounts", name="Holm", email="h@x.dk", registration_number="DK10000001")
    await bench.changes()
    assert not bench.store.rows
    for _ in range(6):
        bench.clock.now += 61
        await bench.quiet()
    (made,) = set(bench.left.all("Accounts")) - {twin}
    assert [row.left_id for row in bench.store.rows.values() if row.right_id == source] == [made]
    assert all(len(ids) == 1 for ids in bench.left.made_by.values())


async def test_two_records_that_are_said_to_have_the_same_new_number_stop_nobody() -> None:
    bench = Bench(settings=settings(contacts=False))
    await bench.begin()
    ids = [bench.right.put("Accounts", name=f"N{n}", email=f"{n}@x.dk") for n in range(2)]
    await bench.quiet()
    new = bench.right.put("Accounts", name="N0", email="0@x.dk")
    for id in ids:
        bench.right.remove("Accounts", id)
        bench.store.waits["account", "right", id] = WaitingRow(
            "account", "right", id, bench.clock.iso(), None, {"new_id": new}
        )
    await bench.quiet()
    assert [row.right_id for row in bench.store.rows.values()].count(new) == 1
