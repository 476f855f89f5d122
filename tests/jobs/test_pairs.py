"""Pairs in real processes: a transfer whose worker is killed again and again makes every customer once; a change told by the
ERP is there within seconds."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from benchmarks.transfer import unlimited
from tests.jobs.pair_house import PairHouse, pair_house

LARGE = 100_000


def transfer(house: PairHouse, kills: int, customers: int, seed: int) -> None:
    chance = random.Random(seed)
    house.call("pairs", "go_live", house.workspace, None, house.pair, True)
    run = house.call("pairs", "ask", house.workspace, None, house.pair, "transfer", {"from": "right"})
    for number in range(kills):
        wanted = (number + 1) * customers // (kills + 1)
        house.until(
            lambda wanted=wanted: house.rows(  # type: ignore[misc]
                "SELECT 1 FROM store_syncrun WHERE id = %s AND (counts->>'linked')::int >= %s", run, wanted
            ),
            900,
        )
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
        ((total, read, pace),) = house.rows(
            "SELECT total, counts->'read', position->'pace' FROM store_syncrun WHERE kind = 'transfer'"
        )
        assert total == 500 <= read  # counted once, by the first worker
        assert pace[0] > 0


@pytest.mark.proves("CUST-1", "CUST-4")
@pytest.mark.timeout(600)
def test_what_the_erp_tells_of_is_there_long_before_anybody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The feeds are asked every five minutes; what comes sooner was told."""
    with pair_house(monkeypatch.setenv, 3) as house:
        house.start_intake()
        transfer(house, kills=0, customers=3, seed=1)
        house.call("change_feeds", "set_up", house.workspace, None, house.erp)
        assert house.rows("SELECT how, active, proven_at FROM store_subscription") == [("api", True, None)]
        first, second, third = sorted(int(one["customerNumber"]) for one in house.customers())

        house.erp_does("edit", number=first, values={"name": "Renamed & Sons"})
        house.until(lambda: "Renamed & Sons" in {one["Account_Name"] for one in house.accounts()}, 60)
        assert house.rows("SELECT count(*) FROM store_subscription WHERE proven_at IS NOT NULL") == [(1,)]
        assert house.rows("SELECT count(*) FROM store_syncevent") == [(0,)]

        house.erp_does("renumber", **{"from": second, "to": second + 7000})
        house.until(lambda: house.rows("SELECT 1 FROM store_synclink WHERE right_id = %s", str(second + 7000)), 60)
        house.erp_does("delete", number=third)
        asked = (
            "SELECT 1 FROM store_inboxitem i JOIN store_synclink l ON l.key = i.link AND l.pair_id = i.pair_id"
            " WHERE i.kind = 'deletion' AND l.right_id = %s AND l.pending = 'right'"
        )
        house.until(lambda: house.rows(asked, str(third)), 60)
        assert len(house.accounts()) == 3
        assert house.rows("SELECT count(*) FROM store_synclink WHERE role = 'account'") == [(3,)]


@pytest.mark.long
@pytest.mark.proves("CUST-8")
@pytest.mark.timeout(3600)
def test_a_large_transfer_whose_worker_is_killed_ten_times(monkeypatch: pytest.MonkeyPatch) -> None:
    with pair_house(monkeypatch.setenv, LARGE) as house:
        unlimited(house.url)
        transfer(house, kills=10, customers=LARGE, seed=2)
        check(house, LARGE)
