"""What makes a customer active: records of the CRM that lead to it, watched, looked up in batches, and told of once (CUST-3). And the
mark of a customer, for its contact persons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from tests.engine.sync_bench import PLAIN, Bench, dying_at, settings
from tieline.core.errors import ConfigError
from tieline.core.pairing import Told
from tieline.engine.sync.ports import WaitingRow
from tieline.engine.sync.sides import watched_name
from tieline.flows.customers import reasons as r
from tieline.flows.customers.settings import Settings

WON = {"role": "deal", "link": "account", "tests": [{"field": "stage_kind", "values": ["won"]}]}
CONVERTED = {
    "role": "lead",
    "link": "converted_account",
    "tests": [{"field": "converted_account", "operator": "filled"}],
}


def when(active: dict[str, Any], **more: Any) -> Settings:
    return settings(crm_new="when_active", active=active, **more)


class Asked(Bench):
    """Counts what the CRM is asked of each object."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.of: Counter[tuple[str, str]] = Counter()
        crm = self.left
        for name in ("pull", "fetch", "find"):
            setattr(crm, name, self._counted(name, getattr(crm, name)))

    def _counted(self, name: str, call: Any) -> Any:
        def counted(object: str, *given: Any) -> Any:
            self.of[name, object] += 1
            return call(object, *given)

        return counted

    async def round(self, **options: Any) -> Any:
        """One run, with what the CRM was asked in it."""
        self.of.clear()
        return await self.changes(**options)


async def begun(active: dict[str, Any] = WON, customers: int = 1, **more: Any) -> tuple[Asked, list[str]]:
    """A pair whose CRM has customers that are not active."""
    bench = Asked(settings=when(active, **more))
    await bench.begin()
    ids = [bench.left.put("Accounts", name=f"Holm {n}", email=f"{n}@holm.dk") for n in range(customers)]
    await bench.quiet()
    assert not bench.right.all("Accounts")
    return bench, ids


def names(bench: Bench) -> list[str]:
    return sorted(one["name"] for one in bench.right.all("Accounts").values())


async def test_a_won_deal_makes_its_customer_once_however_often_it_is_won() -> None:
    bench, (first, second) = await begun(customers=2)
    assert {row.why["code"] for row in bench.store.waits.values() if row.why} == {r.NOT_ACTIVE}
    deal = bench.left.put("Deals", title="Roof", customer=first, kind="open")
    await bench.quiet()
    assert not bench.right.all("Accounts")
    bench.left.edit("Deals", deal, kind="won")
    await bench.quiet()
    assert names(bench) == ["Holm 0"]
    (made,) = [one for one in bench.store.operations.values() if one.verb == "create"]
    assert (made.reason["code"], made.reason["params"]) == (
        r.CREATED_THROUGH, {"one": "deal", "name": "Roof", "id": deal},
    )  # fmt: skip
    for kind in ("lost", "won"):
        bench.left.edit("Deals", deal, kind=kind)
        await bench.quiet()
    bench.left.put("Deals", title="Floor", customer=first, kind="won")
    bench.left.put("Deals", title="Of nobody", customer=None, kind="won")
    await bench.quiet()
    assert names(bench) == ["Holm 0"]
    assert [one.left_id for one in bench.store.rows.values()] == [first]
    assert ("account", "left", second) in bench.store.waits
    assert ("account", "left", first) not in bench.store.waits


async def test_a_converted_lead_makes_the_customer_that_it_became() -> None:
    bench, (first, _) = await begun(CONVERTED, customers=2)
    lead = bench.left.put("Leads", name="Ann", became=None)
    await bench.quiet()
    assert not bench.right.all("Accounts")
    bench.left.edit("Leads", lead, became=first)
    await bench.quiet()
    assert names(bench) == ["Holm 0"]


async def test_only_what_a_rule_watches_is_asked_for_and_in_its_turn() -> None:
    bench, (first,) = await begun()
    row = await bench.round()
    assert bench.of == {("pull", "Accounts"): 1, ("pull", "Contacts"): 1, ("pull", "Deals"): 1}
    turns = Counter[tuple[str, str]]()
    for _ in range(3):
        row = await bench.round(poll="turn")
        assert row.requests <= 2
        turns += bench.of
    assert turns == {("pull", "Accounts"): 1, ("pull", "Contacts"): 1, ("pull", "Deals"): 1}
    bench.settings = settings(active=WON)  # said, and not used
    await bench.round()
    assert not any(object == "Deals" for _, object in bench.of)
    bench.left.edit("Accounts", first, city="Odense")
    await bench.round()
    assert not any(object == "Deals" for _, object in bench.of)


async def test_a_page_of_deals_costs_one_reading_of_its_customers_and_a_linked_one_none() -> None:
    bench, ids = await begun(customers=3)
    for id in ids:
        bench.left.put("Deals", title="Roof", customer=id, kind="won")
    row = await bench.round()
    assert row.counts["created"] == len(ids) == len(names(bench))
    assert bench.of["fetch", "Accounts"] == 1
    assert bench.of["find", "Deals"] == 0  # the deal came with the feed
    await bench.quiet()
    for id in ids:
        bench.left.put("Deals", title="Floor", customer=id, kind="won")
        bench.left.put("Deals", title="Wall", customer=id, kind="open")
    await bench.round()
    assert bench.of == {("pull", "Accounts"): 1, ("pull", "Contacts"): 1, ("pull", "Deals"): 1}


async def test_customers_are_looked_up_by_batches_when_they_change() -> None:
    bench, ids = await begun(customers=3)
    for n, id in enumerate(ids):  # in the CRM before the customer is changed, and in no feed: its index lags
        bench.left.put("Deals", title=f"Roof {n}", customer=id, kind="won" if n else "lost")
    deals = bench.left.changes["Deals"]
    deals.clear()
    for id in ids:
        bench.left.edit("Accounts", id, city="Odense")
    await bench.round()
    assert bench.of["find", "Deals"] == 1
    assert names(bench) == ["Holm 1", "Holm 2"]


async def test_what_was_won_before_makes_nobody_and_so_does_what_was_won_while_nobody_watched() -> None:
    bench = Asked(settings=when(WON))
    first = bench.left.put("Accounts", name="Holm", email="a@holm.dk")
    deal = bench.left.put("Deals", title="Roof", customer=first, kind="won")
    await bench.begin()
    await bench.quiet()
    assert not bench.right.all("Accounts")
    bench.settings = when({**WON, "role": "", "tests": [{"field": "city", "values": ["Aarhus"]}]})
    await bench.quiet()
    assert bench.store.cursors_["left", watched_name("deal")] == ""
    bench.left.edit("Deals", deal, title="Roof and floor")
    bench.settings = when(WON)
    await bench.quiet()
    assert not bench.right.all("Accounts")
    bench.left.edit("Deals", deal, title="All of it")  # a change of what is won, with everybody watching
    await bench.quiet()
    assert names(bench) == ["Holm"]


async def test_a_delivery_about_a_deal_is_worked_off_before_any_feed_is_asked() -> None:
    bench, (first, _) = await begun(customers=2)
    deal = bench.left.put("Deals", title="Roof", customer=first, kind="won")
    feed = watched_name("deal")
    for role, id in ((feed, deal), (feed, "gone"), (watched_name("task"), "1")):
        bench.store.waits[role, "left", id] = WaitingRow(role, "left", id, bench.clock.iso())
    row = await bench.round(poll="none")
    assert row.state == "done"
    assert bench.of == {("fetch", "Deals"): 1, ("fetch", "Accounts"): 1}
    assert names(bench) == ["Holm 0"]
    assert not [role for role, _, _ in bench.store.waits if role.startswith("watched:")]


@pytest.mark.parametrize("fault", ["", "lost before", "lost after", "lost late"])
async def test_a_deal_that_is_won_while_things_fail_makes_one_customer(fault: str) -> None:
    for number in range(1, 200):
        bench, (first,) = await begun()
        bench.left.put("Deals", title="Roof", customer=first, kind="won")
        if number % 2:
            bench.left.edit("Accounts", first, city="Odense")  # both feeds tell of it
        bench.right.faults = [fault] if fault else []
        with dying_at(bench, number) as died:
            await bench.changes()
        await bench.quiet()
        assert names(bench) == ["Holm 0"], died
        if not died:
            return
    raise AssertionError("a run has more calls than that")


async def test_a_dry_run_and_a_look_say_which_record_makes_it_active() -> None:
    bench, (first, second) = await begun(customers=2)
    deal = bench.left.put("Deals", title="Roof", customer=first, kind="won")
    row = await bench.sync().preview({"of": "changes", "poll": "all"})
    (report,) = bench.store.reports[row.id]
    assert (report.left_id, report.reason["code"], report.reason["params"]["id"]) == (first, r.CREATED_THROUGH, deal)
    assert not bench.right.all("Accounts")
    look = await bench.sync().look_at("account", "left", first)
    assert look.decision.reason is not None
    assert (look.decision.reason.code, look.decision.reason.params["name"]) == (r.CREATED_THROUGH, "Roof")
    look = await bench.sync().look_at("account", "left", second)
    assert look.decision.reason is not None
    assert look.decision.reason.code == r.NOT_ACTIVE
    row = await bench.sync().approved({"of": row.id})
    assert names(bench) == ["Holm 0"]


async def test_a_transfer_of_what_the_switches_make_looks_up_by_pages() -> None:
    bench, ids = await begun(customers=6)
    for n, id in enumerate(ids):
        bench.left.put("Deals", title="Roof", customer=id, kind="won" if n % 2 else "open")
    bench.of.clear()
    row = await bench.sync().transfer({"from": "left", "create": False, "role": "account"})
    assert row.state == "done"
    assert bench.of["find", "Deals"] == 2  # two pages of three
    assert names(bench) == ["Holm 1", "Holm 3", "Holm 5"]
    bench.of.clear()
    await bench.sync().transfer({"from": "left", "create": True, "role": "account"})
    assert bench.of["find", "Deals"] == 0  # all are made, whatever they are
    assert len(names(bench)) == len(ids)


async def test_a_crm_without_such_records_is_said_to_lack_them() -> None:
    with pytest.raises(ConfigError):
        Bench(settings=when({**WON, "role": "visit"})).sync()
    with pytest.raises(ConfigError):
        Bench(settings=when({**WON, "link": "company"})).sync()


# -- the mark of a customer, for its contact persons ---------------------------------------------------------------------


async def marked(customers: int = 1) -> tuple[Asked, Sequence[str], Sequence[str]]:
    """Customers that a field of the CRM marks, each linked with a contact person."""
    bench = Asked(settings=settings(mark={"kind": "field", "field": "=kept"}, policy="left"))
    await bench.begin()
    ids = [bench.left.put("Accounts", name=f"Holm {n}", email=f"{n}@holm.dk", kept=True) for n in range(customers)]
    people = [
        bench.left.put("Contacts", name=f"Ann {n}", email=f"ann{n}@holm.dk", account=id) for n, id in enumerate(ids)
    ]
    await bench.quiet()
    assert len(bench.right.all("Contacts")) == customers
    return bench, ids, people


def persons(bench: Bench) -> list[str]:
    return sorted(one["name"] for one in bench.right.all("Contacts").values())


@pytest.mark.proves("CUST-2")
async def test_contact_persons_stay_as_they_are_once_the_mark_is_taken_off_their_customer() -> None:
    bench, (first, _), (ann, bea) = await marked(2)
    bench.left.edit("Accounts", first, kept=False)
    await bench.quiet()
    bench.left.edit("Contacts", ann, name="Ann Berg")
    bench.left.edit("Contacts", bea, name="Bea Berg")
    bench.left.put("Contacts", name="New", email="new@holm.dk", account=first)
    there = next(id for id, one in bench.right.all("Accounts").items() if one["name"] == "Holm 0")
    bench.right.put("Contacts", name="Newer", email="newer@holm.dk", account=there)
    await bench.round()
    assert bench.of["fetch", "Accounts"] <= 2  # of the contacts of each side, at once
    await bench.quiet()
    assert persons(bench) == ["Ann 0", "Bea Berg", "Newer"]
    assert sorted(one["name"] for one in bench.left.all("Contacts").values()) == ["Ann Berg", "Bea Berg", "New"]
    reasons = {row.why["code"] for row in bench.store.waits.values() if row.role == "contact" and row.why}
    assert reasons == {r.NOT_MARKED}
    look = await bench.sync().look_at("contact", "left", ann)
    assert look.decision.status == "not_marked"
    row = await bench.sync().reconcile({"role": "contact"})
    assert {one.reason["code"] for one in bench.store.reports[row.id]} == {r.NOT_MARKED}
    row = await bench.sync().asked("contact", "left", ann, Told(choices={"name": "left"}))
    assert "Ann Berg" in persons(bench)


async def test_what_differs_and_is_not_kept_the_same_has_not_agreed() -> None:
    bench, (first, second), _ = await marked(2)
    bench.left.edit("Accounts", first, kept=False, name="Other")
    (row,) = [one for one in bench.store.rows.values() if one.left_id == first]
    assert row.agreed_at is not None
    run = await bench.round()
    assert bench.store.rows[row.key].agreed_at is None
    assert all(one.agreed_at for one in bench.store.rows.values() if one.left_id == second)
    bench.left.edit("Accounts", first, name="Another")
    run = await bench.round()
    assert (run.counts.get("excluded", 0), run.counts.get("same", 0)) == (1, 0)


async def test_whose_customers_need_no_mark_asks_for_none() -> None:
    bench = Asked(left_can=PLAIN)
    await bench.begin()
    account = bench.left.put("Accounts", name="Holm")
    await bench.quiet()
    ann = bench.left.put("Contacts", name="Ann", email="ann@holm.dk", account=account)
    await bench.round()
    assert bench.of["fetch", "Accounts"] == 0
    bench.left.edit("Contacts", ann, name="Ann Berg")
    await bench.round()
    assert bench.of["fetch", "Accounts"] == 0
    assert persons(bench) == ["Ann Berg"]
