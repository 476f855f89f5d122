"""Keeping a pair the same on the real store: what the memory store promises, Postgres keeps too, with a death around any call."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.memory import Killed
from tests.engine.sync_bench import PLAIN, SEARCH, Bench, settings
from tests.store.pairs import PairOf

if TYPE_CHECKING:
    from tieline.sdk.manifest import Capabilities


class Mortal:
    """A store whose process dies around a call now and then; the next one takes over, and begins with `hold`."""

    def __init__(self, pair: PairOf, chance: random.Random) -> None:
        self.pair, self.chance = pair, chance
        self.one_in = 0
        self.deaths = 0
        self.is_dead = False
        self.store = pair.store()

    def __getattr__(self, name: str) -> Any:
        port = getattr(self.store, name)

        def call(*given: Any) -> Any:
            if self.is_dead and name != "hold":
                raise Killed(name)
            self.is_dead = False
            dies = bool(self.one_in) and self.chance.randrange(self.one_in) == 0
            if dies and self.chance.random() < 0.5:
                self._die(name)
            out = port(*given)
            if dies:
                self._die(name)
            return out

        return call

    def _die(self, name: str) -> None:
        self.deaths += 1
        self.is_dead = True
        self.store.let_go()
        self.store = self.pair.store()
        raise Killed(name)


def bench_of(pair: PairOf, seed: int, can: Capabilities) -> tuple[Bench, Mortal]:
    bench = Bench(can, PLAIN, settings(policy="right"), name=f"t{pair.pair}")
    bench.clock.now = time.time() + 60  # what the database says is now is past
    bench.random.seed(seed)
    mortal = Mortal(pair, bench.random)
    bench.store = mortal  # type: ignore[assignment]
    return bench, mortal


async def survive(bench: Bench, mortal: Mortal, one_in: int, **options: Any) -> Any:
    """One run, again after each death."""
    mortal.one_in = one_in
    for _ in range(60):
        bench.clock.now += 1
        try:
            return await bench.sync().changes({"poll": "all", **options})
        except Killed:
            continue
    raise AssertionError("it dies for ever")


async def quiet(bench: Bench, mortal: Mortal) -> None:
    mortal.one_in = 0
    for _ in range(40):
        operations = mortal.pair.rows("SELECT count(*) FROM store_syncoperation")
        row = await survive(bench, mortal, 0)
        due = mortal.store.next_due()
        bench.clock.now += 1300 if due else 1
        if (
            row.state == "done"
            and not due
            and mortal.pair.rows("SELECT count(*) FROM store_syncoperation") == operations
        ):
            return
    raise AssertionError("never quiet")


def agree(bench: Bench, pair: PairOf) -> None:
    sides = []
    for vendor in (bench.left, bench.right):
        names = {id: values["name"] for id, values in vendor.all("Accounts").items()}
        accounts = Counter(
            tuple(values.get(name) for name in ("name", "email", "city", "phone"))
            for values in vendor.all("Accounts").values()
        )
        people = Counter(
            (one["name"], one["email"], names.get(one["account"])) for one in vendor.all("Contacts").values()
        )
        sides.append((accounts, people))
        assert all(len(ids) == 1 for ids in vendor.made_by.values()), vendor.made_by
    assert sides[0] == sides[1]
    count = sum(sides[0][0].values()) + sum(sides[0][1].values())
    assert pair.rows("SELECT count(*), count(DISTINCT key) FROM store_synclink WHERE state = 'linked'") == [
        (count, count)
    ]
    assert pair.rows("SELECT sum(count)::int FROM store_synccount WHERE what = 'link' HAVING sum(count) > 0") == [
        (count,)
    ]
    assert set(pair.rows("SELECT DISTINCT state FROM store_syncoperation")) <= {("done",), ("skipped",)}


@pytest.mark.proves("CUST-1", "CUST-10")
@pytest.mark.parametrize(("seed", "can"), [(1, PLAIN), (2, SEARCH), (3, PLAIN)])
async def test_deaths_around_any_call(pair: PairOf, seed: int, can: Capabilities) -> None:
    bench, mortal = bench_of(pair, seed, can)
    await survive(bench, mortal, 0)
    chance = random.Random(seed)
    for step in range(8):
        for vendor in (bench.left, bench.right):
            account = vendor.put("Accounts", name=f"Firm {vendor.name}{step}", email=f"{vendor.name}{step}@x.dk")
            vendor.put(
                "Contacts", name=f"Ann {vendor.name}{step}", email=f"ann{vendor.name}{step}@x.dk", account=account
            )
            for id in chance.sample(sorted(vendor.records["Accounts"]), min(3, len(vendor.records["Accounts"]))):
                name = chance.choice(("city", "phone", "name"))
                vendor.edit("Accounts", id, **{name: f"v{chance.randrange(10**9)}"})
        await survive(bench, mortal, chance.choice((9, 12, 25)))
    assert mortal.deaths > 5
    await quiet(bench, mortal)
    agree(bench, pair)
    mortal.store.let_go()


async def test_a_transfer_goes_on_where_a_death_left_it(pair: PairOf) -> None:
    bench, mortal = bench_of(pair, 5, PLAIN)
    for number in range(40):
        bench.right.put("Accounts", name=f"Firm {number}", email=f"{number}@x.dk")
    mortal.one_in = 15
    for _ in range(60):
        bench.clock.now += 1
        try:
            row = await bench.sync().transfer({"from": "right"})
        except Killed:
            continue
        break
    assert mortal.deaths > 1
    assert row.state == "done"
    assert pair.rows("SELECT count(*) FROM store_syncrun WHERE kind = 'transfer'") == [(1,)]
    await quiet(bench, mortal)
    agree(bench, pair)
    assert len(bench.left.all("Accounts")) == 40
    mortal.store.let_go()
