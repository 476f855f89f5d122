"""A pair of a million links: what a round costs in which nothing happened, and one in which one record of a hundred was edited.

Ten thousand customers are transferred from e-conomic's sandbox to Zoho's; the rest of the links are copies of theirs, as large and with
ids of records that nobody asks for. Then every customer is edited in e-conomic, and a worker that has just started brings that to Zoho.
The edited ones stand behind a million others in every index; the vendors only hold those that can move.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from benchmarks._pair import PairHouse, pair_house
from benchmarks._place import cpu_s, peak_mb, post
from benchmarks.transfer import requests, unlimited

LINKS = int(os.environ.get("TIELINE_BENCH_LINKS", "1000000"))
MOVED = LINKS // 100
PATIENCE_S = 1800
AT_ONCE = 20
"""Copies of all links that are kept in one transaction."""
REST_S = 75.0
"""A record that was written less than a minute ago is read again before what a feed says of it counts: not what a day is like."""

_COPIES = """
INSERT INTO store_synclink (workspace_id, pair_id, epoch, key, role, left_id, right_id, base, left_version, right_version, state,
                            pending, why, code, name, agreed_at, parent, made_at)
SELECT l.workspace_id, l.pair_id, l.epoch, to_char(c * 100000000 + l.id, 'FM"c"00000000000000000000000'), l.role,
       (l.left_id::numeric + c * 10000000000)::text, (l.right_id::numeric + c * 10000000000)::text, l.base, l.left_version,
       l.right_version, l.state, l.pending, l.why, l.code, l.name, l.agreed_at, l.parent, l.made_at
  FROM store_synclink l CROSS JOIN generate_series(%s::bigint, %s::bigint) AS c WHERE l.id <= %s
"""


def measure() -> Iterator[dict[str, object]]:
    """One line."""
    with pair_house(os.environ.__setitem__, MOVED, latency_ms=0) as house:
        _linked(house)
        house.kill_worker()
        house.start_worker()
        for _ in range(2):  # a worker that has just started looks for itself, and reads what it does not know yet
            _round(house, "turn")
        quiet = [_round(house, "turn") for _ in range(4)]  # the roles take turns
        edited = house.erp_does("edit", every=1, values={"city": "Ribe", "zip": "6760"})
        moved = _round(house, "all")
        cities = sum(one["Billing_City"] == "Ribe" for one in house.accounts())
        if edited["edited"] != MOVED or cities != MOVED or moved["counts"].get("updated") != MOVED:
            raise SystemExit(f"of {MOVED} only {cities} came across: {moved} {house.story()}")
        assert house.worker is not None
        ((links,),) = house.rows("SELECT count(*) FROM store_synclink WHERE state = 'linked'")
        yield {
            "links": links,
            "changed": MOVED,
            "no_change_requests": max(one["requests"] for one in quiet),
            "no_change_requests_of_each": [one["requests"] for one in quiet],
            "no_change_cpu_ms": round(1000 * min(one["cpu_s"] for one in quiet), 1),
            "cpu_s": round(moved["cpu_s"], 2),
            "postgres_cpu_s": round(moved["postgres_cpu_s"], 2),
            "wall_s": round(moved["wall_s"], 2),
            "requests": moved["requests"],
            "peak_mb": round(peak_mb(house.worker), 1),
        }


def _linked(house: PairHouse) -> None:
    """The pair with all its links, at rest."""
    unlimited(house.url)
    house.call("pairs", "go_live", house.workspace, None, house.pair, True)
    run = house.call("pairs", "ask", house.workspace, None, house.pair, "transfer", {"from": "right"})
    house.until(lambda: house.rows("SELECT 1 FROM store_syncrun WHERE id = %s AND state = 'done'", run), PATIENCE_S)
    rested = time.monotonic() + REST_S
    ((count, last),) = house.rows("SELECT count(*), max(id) FROM store_synclink")
    if count != MOVED:
        raise SystemExit(f"{count} links of {MOVED}: {house.story()}")
    copies = LINKS // MOVED - 1
    for first in range(1, copies + 1, AT_ONCE):
        house.rows(_COPIES, first, min(first + AT_ONCE - 1, copies), last)
    time.sleep(max(0.0, rested - time.monotonic()))
    for _ in range(2):  # feeds look back a minute: what the transfer wrote is behind them afterwards
        for name in ("e_conomic", "zoho_crm"):
            post(f"{house.url}/_control/{name}/clock", {"advance": 120})
        _round(house, "all")


def _round(house: PairHouse, poll: str) -> dict[str, Any]:
    """A run of changes; what the worker, Postgres and the vendors had to do for it."""
    assert house.worker is not None
    before, ours, postgres = requests(house.url), cpu_s(house.worker), house.where.postgres_cpu_s()
    began = time.monotonic()
    run = house.call("pairs", "ask", house.workspace, None, house.pair, "changes", {"poll": poll})
    counts: dict[str, int] = {}
    while rows := house.rows("SELECT state, counts, why FROM store_syncrun WHERE id = %s", run):
        state, counts, why = rows[0]  # a round that came to nothing leaves no row
        if state == "done":
            break
        if state in {"failed", "stopped"} or time.monotonic() > began + PATIENCE_S:
            raise SystemExit(f"a round is {state}: {why}")
        time.sleep(0.1)
    wall_s = time.monotonic() - began
    time.sleep(0.5)
    return {
        "counts": counts,
        "requests": requests(house.url) - before,
        "cpu_s": cpu_s(house.worker) - ours,
        "postgres_cpu_s": house.where.postgres_cpu_s() - postgres,
        "wall_s": wall_s,
    }
