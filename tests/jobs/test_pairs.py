"""Pairs in real processes: a transfer whose worker is killed again and again makes every customer once; a change told by the
ERP is there within seconds."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from tests.jobs.pair_house import PairHouse, pair_house


def transfer(house: PairHouse, kills: int, customers: int, seed: int) -> None:
    chance = random.Random(seed)
    house.call("pairs", "go_live", house.workspace, None, house.pair, True)
    run = house.call("pairs", "ask", house.workspace, None, house.pair, "transfer", {"from": "right"})
    for number in range(kills):
        wanted = (number + 1) * customers // (kills + 1)
        house.until(lambda wanted=wanted: len(house.accounts()) >= wanted)  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.2))
        house.kill_worker()
        house.start_worker()
    house.until(lambda: house.rows("SELECT 1 FROM store_syncrun WHERE id = %s AND state = 'done'", run), 900)
    house.until(
        lambda: house.rows(
            "SELECT 1 FROM store_syncpair WHERE NOT EXISTS (SELECT 1 FROM store_syncwaiting WHERE due_at < now() + interval '1 day')"
        )
    )


def check(house: PairHouse, customers: int) -> None:
    names = Counter(one["Account_Name"] for one in house.accounts())
    wanted = Counter(str(one["name"]) for one in house.customers())
    assert sum(wanted.values()) == customers
    assert names == wanted, house.story()
    keys = [one.get("Tieline_Key") for one in house.accounts()]
    assert len(set(keys)) == customers
    links = house.rows(
        "SELECT count(*), count(DISTINCT left_id), count(DISTINCT right_id) FROM store_synclink WHERE role = 'account'"
    )
    assert links == [(customers, customers, customers)]
    assert house.rows("SELECT state, count(*) FROM store_syncoperation WHERE role = 'account' GROUP BY 1") == [
        ("done", customers)
    ]


@pytest.mark.proves("CUST-8")
@pytest.mark.timeout(600)
def test_a_transfer_whose_worker_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pair_house(monkeypatch.setenv, 500) as house:
        transfer(house, kills=2, customers=500, seed=1)
        check(house, 500)


@pytest.mark.long
@pytest.mark.proves("CUST-8")
def test_a_large_transfer_whose_worker_is_killed_ten_times(monkeypatch: pytest.MonkeyPatch) -> None:
    with pair_house(monkeypatch.setenv, 5000) as house:
        transfer(house, kills=10, customers=5000, seed=2)
        check(house, 5000)
