"""Promises about a record that has another number now: nothing stands under the old one, and nothing said of it is lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.sync_bench import Bench
from tests.engine.test_sync_promises import hint, linked

pytestmark = pytest.mark.proves("CUST-16")
WORD = {"choices": {"city": "left"}, "shown": {"city": ["Odense", "Ribe"]}}


def renumber(bench: Bench, old: str, new: str) -> None:
    bench.left.records["Accounts"][new] = bench.left.records["Accounts"].pop(old)


def told_of(bench: Bench, old: str, new: str, more: dict[str, Any] | None = None) -> None:
    """As a delivery leaves it, the row of the new number first or last."""
    hint(bench, "left", new, None)
    hint(bench, "left", old, {"event": "changed", "by": "left", "new_id": new, **(more or {})})


async def in_conflict() -> tuple[Bench, str, str]:
    bench, (left,), (right,) = await linked()
    bench.left.edit("Accounts", left, city="Odense")
    bench.right.edit("Accounts", right, city="Ribe")
    await bench.quiet()
    assert [key[1:] for key in bench.store.asked] == [("left", left, "conflict")]
    return bench, left, right


async def test_a_question_moves_with_the_record_and_its_answer_counts() -> None:
    bench, left, right = await in_conflict()
    renumber(bench, left, "L900")
    hint(bench, "left", left, {"new_id": "L900"})
    await bench.quiet()
    assert [key[1:] for key in bench.store.asked] == [("left", "L900", "conflict")]
    hint(bench, "left", "L900", WORD)
    await bench.quiet()
    assert bench.right.all("Accounts")[right]["city"] == "Odense"
    assert not bench.store.asked
    assert not bench.store.waits


@pytest.mark.parametrize("order", [1, -1])
async def test_an_answer_given_under_the_old_number_counts(order: int) -> None:
    bench, left, right = await in_conflict()
    renumber(bench, left, "L900")
    told_of(bench, left, "L900", WORD)
    bench.store.waits = dict(list(bench.store.waits.items())[::order])
    await bench.quiet()
    assert bench.right.all("Accounts")[right]["city"] == "Odense"
    assert [row.left_id for row in bench.store.rows.values()] == ["L900"]
    assert not bench.store.asked
    assert not bench.store.waits


@pytest.mark.parametrize("order", [1, -1])
async def test_answers_given_under_both_numbers_count(order: int) -> None:
    bench, (left,), (right,) = await linked()
    bench.left.edit("Accounts", left, city="Odense", phone="1")
    bench.right.edit("Accounts", right, city="Ribe", phone="2")
    await bench.quiet()
    renumber(bench, left, "L900")
    told_of(bench, left, "L900", WORD)
    hint(bench, "left", "L900", {"choices": {"phone": "right"}, "shown": {"phone": ["1", "2"]}})
    bench.store.waits = dict(list(bench.store.waits.items())[::order])
    await bench.quiet()
    both = bench.left.all("Accounts")["L900"], bench.right.all("Accounts")[right]
    assert [(one["city"], one["phone"]) for one in both] == [("Odense", "2")] * 2
    assert not bench.store.asked


async def test_who_waits_for_the_old_number_waits_for_the_new_one() -> None:
    """A contact person waits for its customer, of which a person is asked whether it is one that is there."""
    bench = Bench()
    bench.right.put("Accounts", name="Holm", city="Ribe")
    await bench.begin()
    account = bench.left.put("Accounts", name="Holm", city="Odense")
    contact = bench.left.put("Contacts", name="Ann", email="ann@holm.dk", account=account)
    await bench.quiet()
    assert [key[1:] for key in bench.store.asked] == [("left", account, "match")]
    assert bench.store.waits["contact", "left", contact].waits_for == ["account", "left", account]
    renumber(bench, account, "L900")
    bench.left.records["Contacts"][contact].fields["account"] = "L900"
    told_of(bench, account, "L900")
    await bench.quiet()
    assert [key[1:] for key in bench.store.asked] == [("left", "L900", "match")]
    assert bench.store.waits["contact", "left", contact].waits_for == ["account", "left", "L900"]
    hint(bench, "left", "L900", {"partner": "", "create": True})
    await bench.quiet()
    (made,) = bench.right.all("Contacts").values()
    assert made["name"] == "Ann"
