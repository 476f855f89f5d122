"""Undo and redo of what was written: what comes back keeps what it belonged to, and what somebody did since stays."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.sync_bench import Bench, dying_at, settings
from tests.engine.test_sync_promises import DELETES, hint, linked


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


def without(bench: Bench, line: str) -> None:
    """Takes a line of customers out of the settings."""
    kept = bench.settings.model_dump()
    kept["roles"][0]["lines"] = [one for one in kept["roles"][0]["lines"] if one["name"] != line]
    bench.settings = type(bench.settings).model_validate(kept)


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


@pytest.mark.proves("CUST-14")
async def test_a_field_that_is_not_mapped_any_more_stays_and_is_named() -> None:
    bench, (left,), (right,) = await linked()
    bench.left.edit("Accounts", left, city="Odense", name="Holm Byg")
    await bench.quiet()
    without(bench, "city")
    bench.right.edit("Accounts", right, city="Ribe")
    await bench.quiet()
    undo = await bench.sync().undo({"of": run_of(bench, "update")})
    there = bench.right.all("Accounts")[right]
    assert (there["city"], there["name"]) == ("Ribe", "Holm 0")
    assert said(bench, undo) == [("account", "sync.undo_not_read")]


@pytest.mark.proves("CUST-14")
@pytest.mark.parametrize("is_edited", [False, True])
async def test_what_was_made_with_a_field_that_is_not_mapped_any_more_goes_unless_somebody_changed_it(
    is_edited: bool,
) -> None:
    bench, _, (right,) = await linked()
    without(bench, "city")
    if is_edited:
        bench.right.edit("Accounts", right, city="Ribe")
        await bench.quiet()
    await bench.sync().undo({"of": run_of(bench, "create")})
    assert (right in bench.right.all("Accounts")) == is_edited


@pytest.mark.proves("CUST-14")
async def test_a_number_that_the_vendor_writes_otherwise_is_the_one_that_was_written() -> None:
    bench, (left,), (right,) = await linked(default_country="NO", more={"phone": {"kind": "phone"}})
    bench.left.edit("Accounts", left, phone="22 33 44 55")
    await bench.quiet()
    kept = bench.right.records["Accounts"][right]
    kept.fields["phone"] = "+4722334455"  # as systems do that keep numbers in one form
    undo = await bench.sync().undo({"of": run_of(bench, "update")})
    assert not bench.right.all("Accounts")[right].get("phone")
    assert said(bench, undo) == []


@pytest.mark.proves("CUST-14")
async def test_an_update_is_undone_under_the_number_that_the_record_has_now() -> None:
    bench, (left,), (right,) = await linked()
    bench.left.edit("Accounts", left, city="Odense")
    await bench.quiet()
    records = bench.right.records["Accounts"]
    records["R900"] = records.pop(right)
    hint(bench, "right", right, {"new_id": "R900"})
    await bench.quiet()
    undo = await bench.sync().undo({"of": run_of(bench, "update")})
    assert bench.right.all("Accounts")["R900"]["city"] == "Aarhus"
    assert said(bench, undo) == []


@pytest.mark.proves("CUST-14")
async def test_nobody_is_asked_any_more_about_two_of_which_undo_has_deleted_one() -> None:
    bench, (left,), _ = await linked()
    bench.left.remove("Accounts", left)
    await bench.quiet()
    assert [one.kind for one in bench.store.asked.values()] == ["deletion"]
    await bench.sync().undo({"of": run_of(bench, "create")})
    await bench.quiet()
    assert (bench.right.all("Accounts"), bench.store.rows, bench.store.asked) == ({}, {}, {})


@pytest.mark.proves("CUST-14")
async def test_what_stays_since_its_role_is_switched_off_is_named() -> None:
    bench, _, _ = await with_contact()
    kept = bench.settings.model_dump()
    kept["roles"][1]["on"] = False
    bench.settings = type(bench.settings).model_validate(kept)
    undo = await bench.sync().undo({"of": run_of(bench, "create")})
    assert len(bench.right.all("Contacts")) == 1
    assert said(bench, undo) == [("contact", "customers.not.role")]
    assert undo.counts["left"] == 1
