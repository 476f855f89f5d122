"""Undo and redo of what was written: what comes back keeps what it belonged to, and what somebody did since stays."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.sync_bench import Bench, dying_at, settings
from tests.engine.test_sync_promises import DELETES


async def with_contact(**top: Any) -> tuple[Bench, str, str]:
    """A customer with a contact person in both systems: their ids in the left one."""
    bench = Bench(settings=settings(**top))
    await bench.begin()
    account = bench.left.put("Accounts", name="Holm", email="a@holm.dk")
    contact = bench.left.put("Contacts", name="Ann", email="ann@holm.dk", account=account)
    await bench.quiet()
    return bench, account, contact


def run_of(bench: Bench, verb: str, role: str = "account") -> int:
    """The first run that has done this."""
    return min(one.run for one in bench.store.operations.values() if (one.verb, one.role) == (verb, role))


def said(bench: Bench, run: Any) -> list[tuple[str, str]]:
    """(role, why) of what a run has left."""
    return [(one.role, one.reason["code"]) for one in bench.store.reports.get(run.id, [])]


@pytest.mark.proves("CUST-14")
async def test_what_was_made_comes_back_with_its_customer_on_both_sides() -> None:
    bench, account, contact = await with_contact()
    undone = await bench.sync().undo({"of": run_of(bench, "create")})
    assert bench.right.all("Accounts") == {} == bench.right.all("Contacts")
    again = await bench.sync().undo({"of": undone.id}, redo=True)
    assert (again.state, again.counts["created"], said(bench, again)) == ("done", 2, [])
    await bench.quiet()
    (made,) = bench.right.all("Accounts")
    (person,) = bench.right.all("Contacts").values()
    assert person["account"] == made
    assert bench.left.all("Contacts")[contact]["account"] == account
    await bench.sync().undo({"of": again.id})
    assert bench.right.all("Accounts") == {} == bench.right.all("Contacts")


@pytest.mark.proves("CUST-14")
async def test_a_redo_that_dies_anywhere_makes_nothing_twice() -> None:
    for call in range(1, 200):
        bench, account, contact = await with_contact()
        undone = await bench.sync().undo({"of": run_of(bench, "create")})
        with dying_at(bench, call) as died:
            await bench.sync().undo({"of": undone.id}, redo=True)
        bench.clock.now += 1300
        again = await bench.sync().undo({"of": undone.id}, redo=True)
        assert again.state == "done", died
        await bench.quiet()
        (made,) = bench.right.all("Accounts")
        (person,) = bench.right.all("Contacts").values()
        assert person["account"] == made, died
        assert bench.left.all("Contacts")[contact]["account"] == account, died
        if not died:
            assert call > 10
            return
    raise AssertionError("it never came to its end")


@pytest.mark.proves("CUST-14")
async def test_what_comes_back_after_its_source_is_gone_belongs_to_what_came_back_with_it() -> None:
    bench, account, contact = await with_contact()
    undone = await bench.sync().undo({"of": run_of(bench, "create")})
    bench.left.remove("Contacts", contact)
    bench.left.remove("Accounts", account)
    await bench.quiet()
    again = await bench.sync().undo({"of": undone.id}, redo=True)
    (made,) = bench.right.all("Accounts")
    (person,) = bench.right.all("Contacts").values()
    assert (person["account"], said(bench, again)) == (made, [])


@pytest.mark.proves("CUST-14")
async def test_nobody_comes_back_without_the_customer_that_they_belonged_to() -> None:
    bench, account, contact = await with_contact(deletions={**DELETES, "share": 1})
    bench.left.remove("Contacts", contact)
    await bench.quiet()
    bench.left.remove("Accounts", account)
    await bench.quiet()
    assert bench.right.all("Accounts") == {} == bench.right.all("Contacts")
    undo = await bench.sync().undo({"of": run_of(bench, "delete", "contact")})
    assert bench.right.all("Contacts") == {}
    assert (undo.state, said(bench, undo)) == ("done", [("contact", "sync.parent_first")])
