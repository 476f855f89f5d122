"""The policy "newest": who changed last, by the times of the systems. Our own write is no edit, and answers no open question."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.sync_bench import FIELDS, Bench, settings
from tests.engine.sync_memory import MemoryVendor, maps
from tieline.engine.access import Access


class Timed(Bench):
    """Systems that tell when a record was changed last."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for vendor in (self.left, self.right):
            self._told_by(vendor)

    def _told_by(self, vendor: MemoryVendor) -> None:
        changed = vendor._changed

        def telling(object: str, id: str, kept: Any) -> None:
            kept.fields["last_activity"] = self.clock.iso()
            changed(object, id, kept)

        vars(vendor)["_changed"] = telling

    def access(self, vendor: MemoryVendor) -> Access:
        can, chance = vendor.capabilities, self.random.random
        known = maps(can, (*FIELDS, "last_activity"))
        return Access(vendor, known, can, clock=self.clock, chance=chance, requests=lambda: vendor.requests)

    @property
    def cities(self) -> tuple[str, str]:
        (left,), (right,) = self.left.all("Accounts").values(), self.right.all("Accounts").values()
        return left["city"], right["city"]


async def edited(apart: float, **left_too: str) -> tuple[Timed, str, str]:
    """One customer that both have; its city is edited on the right and so many seconds later on the left."""
    bench = Timed(settings=settings(policy="newest", contacts=False))
    await bench.begin()
    left = bench.left.put("Accounts", name="Holm", email="a@holm.dk", city="Aarhus")
    await bench.quiet()
    (right,) = bench.right.all("Accounts")
    bench.clock.now += 100
    bench.right.edit("Accounts", right, city="Ribe")
    bench.clock.now += apart
    bench.left.edit("Accounts", left, city="Odense", **left_too)
    return bench, left, right


@pytest.mark.proves("CUST-10")
async def test_an_older_city_does_not_win_by_our_own_write_of_the_phone() -> None:
    bench, _, right = await edited(1, phone="1")  # within two seconds: nobody can say which was later
    for _ in range(3):
        bench.clock.now += 60
        await bench.changes()
        assert [one.kind for one in bench.store.asked.values()] == ["conflict"]
        assert bench.cities == ("Odense", "Ribe")
    assert bench.right.all("Accounts")[right]["phone"] == "1"


@pytest.mark.proves("CUST-10")
async def test_an_open_question_is_not_answered_by_an_edit_of_another_field() -> None:
    bench, left, _ = await edited(1)
    await bench.changes()
    bench.clock.now += 86_400
    bench.left.edit("Accounts", left, phone="1")
    await bench.quiet()
    assert [one.kind for one in bench.store.asked.values()] == ["conflict"]
    assert bench.cities == ("Odense", "Ribe")


@pytest.mark.proves("CUST-10")
async def test_the_newest_wins_though_its_write_went_wrong_at_first() -> None:
    bench, _, _ = await edited(10)
    bench.right.faults = ["lost before"]
    await bench.quiet()
    assert bench.cities == ("Odense", "Odense")
    assert not bench.store.asked
