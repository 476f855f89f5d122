"""A role that is switched off: what waits of it keeps nobody waiting, and is looked at when the role is on again."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.engine.memory import Killed
from tests.engine.sync_bench import Bench, dying_at, lines
from tests.store.pairs import PairOf
from tieline.core.pairing import Side
from tieline.engine.sync import runs
from tieline.engine.sync.ports import RunRow, Settled, WaitingRow
from tieline.flows.customers.settings import Settings

OBJECTS = {"account": "Accounts", "contact": "Contacts"}


def of(*on: str) -> Settings:
    """Customers and contact persons, each for itself; those of them that are kept the same."""
    named = [one for one in lines() if one["name"] in {"name", "email"}]
    match = [{"rule": "email"}]
    roles = [{"role": role, "on": role in on, "lines": named, "match": match} for role in OBJECTS]
    return Settings.model_validate({"roles": roles})


async def two_roles(customers: int = 5) -> tuple[Bench, list[str], str]:
    """Both roles kept the same and everything linked: ids in the left system of the customers, and of one person."""
    bench = Bench(settings=of("account", "contact"))
    await bench.begin()
    ids = [bench.left.put("Accounts", name=f"A{n}", email=f"a{n}@x.dk") for n in range(customers)]
    person = bench.left.put("Contacts", name="P", email="p@x.dk")
    await bench.quiet()
    assert len(bench.store.rows) == customers + 1
    return bench, ids, person


def edit(bench: Bench, role: str, id: str, name: str) -> WaitingRow:
    """Somebody changes it, and a delivery says so."""
    bench.left.edit(OBJECTS[role], id, name=name)
    return WaitingRow(role, "left", id, bench.clock.iso())


def names(bench: Bench, role: str, side: Side = "right") -> list[str]:
    return sorted(one.fields["name"] for one in bench.vendor(side).records[OBJECTS[role]].values())


async def looked(bench: Bench, **options: Any) -> Any:
    """A round that asks no feed: only what waits is looked at."""
    bench.clock.now += 1
    return await bench.sync().changes({"poll": "none", **options})


@pytest.mark.parametrize("watch", [False, True])
async def test_what_waits_of_a_role_that_is_off_keeps_nobody_behind_it_waiting(
    monkeypatch: pytest.MonkeyPatch, watch: bool
) -> None:
    bench, customers, person = await two_roles()
    rows = [edit(bench, "account", id, f"B{n}") for n, id in enumerate(customers)]
    bench.store.settle(RunRow(1, "changes"), Settled(waiting=[*rows, edit(bench, "contact", person, "Q")]))
    bench.settings = of("contact")
    monkeypatch.setattr(runs, "ALL_ROWS" if watch else "ROWS", 2)
    row = await looked(bench, **({"watch": True} if watch else {}))
    assert (row.state, row.counts["updated"]) == ("done", 1)
    assert names(bench, "contact") == (["P"] if watch else ["Q"])
    assert names(bench, "account") == ["A0", "A1", "A2", "A3", "A4"]
    assert (bench.store.next_due() is None) is not watch
    said = {one.why and one.why["code"] for one in bench.store.waits.values() if one.role == "account"}
    assert said == {"customers.not.role"}
    bench.settings = of("account", "contact")
    row = await looked(bench)
    assert (row.state, bench.store.next_due()) == ("done", None)
    assert (names(bench, "account"), names(bench, "contact")) == (["B0", "B1", "B2", "B3", "B4"], ["Q"])
    assert bench.store.waits == {}


async def test_a_word_that_was_said_of_it_is_kept_until_the_role_is_on_again() -> None:
    bench, (id, *_), _ = await two_roles()
    bench.settings = of("contact")
    row = edit(bench, "account", id, "left")
    bench.right.edit("Accounts", bench.store.rows[bench.store.by_id["account", "left", id]].right_id, name="right")
    row.told, row.attempts, row.name = {"choices": {"name": "right"}}, 3, "A0"
    bench.store.settle(RunRow(1, "changes"), Settled(waiting=[row]))
    for _ in range(2):
        await looked(bench)
        kept = bench.store.waits["account", "left", id]
        assert (kept.state, kept.due_at, kept.told, kept.attempts, kept.name) == ("stuck", None, row.told, 3, "A0")
    bench.settings = of("account", "contact")
    await looked(bench)
    assert (names(bench, "account").count("right"), names(bench, "account", "left").count("right")) == (1, 1)


async def test_a_parent_that_is_linked_while_its_childrens_role_is_off_leaves_nothing_due() -> None:
    bench, customers, person = await two_roles(1)
    waits = WaitingRow("contact", "left", person, None, state="stuck", waits_for=["account", "left", customers[0]])
    run = RunRow(1, "changes")
    bench.store.settle(run, Settled(waiting=[waits]))
    bench.settings = of("account")
    bench.store.settle(run, Settled(woken=[("account", "left", customers[0])]))
    assert bench.store.next_due() is not None
    await looked(bench)
    assert bench.store.next_due() is None
    bench.settings = of("account", "contact")
    await looked(bench)
    assert bench.store.waits == {}


async def test_a_death_around_any_call_loses_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "ROWS", 2)
    for number in range(1, 400, 3):
        bench, customers, person = await two_roles(3)
        rows = [edit(bench, "account", id, "B") for id in customers]
        bench.store.settle(RunRow(1, "changes"), Settled(waiting=[*rows, edit(bench, "contact", person, "Q")]))
        with dying_at(bench, number) as died:
            for on in (("contact",), ("contact",), ("account", "contact"), ("account", "contact")):
                bench.settings = of(*on)
                try:
                    await looked(bench)
                except Killed:
                    bench.clock.now += 60
        assert (names(bench, "account"), names(bench, "contact")) == (["B", "B", "B"], ["Q"]), died
        if not died:
            return
    raise AssertionError("it never came to its end")


async def test_on_postgres_the_sweep_finds_nothing_due_of_a_role_that_is_off(
    pair: PairOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.store import pair_rows
    from tieline.store.pool import Rows

    monkeypatch.setattr(runs, "ROWS", 2)
    bench, customers, person = await two_roles()
    links = list(bench.store.rows.values())
    store, rows = pair.store(), Rows(pair.app)
    pair.rows("UPDATE store_syncpair SET poll_at = now() + interval '1 day'")

    def is_due() -> bool:
        return pair.pair in {one[0] for one in pair_rows.due(rows)}

    assert store.hold()
    try:
        waiting = [edit(bench, "account", id, "B") for id in customers]
        run = RunRow(0, "changes")
        store.begin(run)
        store.settle(run, Settled(links=links, waiting=[*waiting, edit(bench, "contact", person, "Q")]))
        run.state = "done"
        store.end(run)
        bench.keep_in(store)
        bench.clock.now = time.time()
        assert is_due()
        bench.settings = of("contact")
        await looked(bench)
        assert (names(bench, "contact"), store.next_due(), is_due()) == (["Q"], None, False)
        assert bench.sync().pair.customers.roles == ("contact",)
        bench.settings = of("account", "contact")
        bench.clock.now = time.time() + 1
        await looked(bench)
        assert names(bench, "account") == ["B"] * 5
        assert (pair.rows("SELECT count(*) FROM store_syncwaiting"), is_due()) == ([(0,)], False)
    finally:
        store.let_go()
        rows.close()
