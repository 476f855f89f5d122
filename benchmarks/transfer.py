"""Transfer of customers from e-conomic to Zoho, both sandboxes: how fast a worker is, with how many requests and how much memory.

The worker is a real process with its database; then a bare loop (`_bare_transfer.py`) makes as many requests of the same kinds, twice,
each time on a fresh sandbox. `share_of_bare_loop` is the worker's speed over the bare loop's. `vendors_ms` is how long the vendors take
to answer (TIELINE_BENCH_LATENCY_MS, several with commas between): 100 stands for a vendor across a network; with 0 the bare loop does
nothing but wait for the sandbox's CPU. `formula`: pages to read, batches to write, and the look-ups that were made, which are batched too
(`look_ups_at_most`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from math import ceil
from typing import Any

import orjson

from benchmarks import _company
from benchmarks._bare_transfer import PAGE
from benchmarks._pair import PairHouse, pair_house
from benchmarks._place import answers, cpu_s, free_port, get, peak_mb, post
from tieline.connectors.zoho_crm.coql import CRITERIA, IN_VALUES
from tieline.connectors.zoho_crm.phones import MOST_OF_MANY
from tieline.sdk.manifest import connector

CUSTOMERS = int(os.environ.get("TIELINE_BENCH_CUSTOMERS", "100000"))
LATENCIES_MS = [float(one) for one in os.environ.get("TIELINE_BENCH_LATENCY_MS", "100,0").split(",")]
PATIENCE_S = 3600
PLENTY = 10**9
KINDS = {
    "GET /customers": "pages",
    "/Contacts": "pages",
    "/coql": "look_ups",
    "POST /api/crm/v8/Accounts": "batches",
    "PUT /api/crm/v8/Accounts": "batches",
}
"""End of a request's method and path → what it is for."""


def measure() -> Iterator[dict[str, object]]:
    """A line for each time that vendors take."""
    for latency_ms in LATENCIES_MS:
        yield _measured(latency_ms)


def _measured(latency_ms: float) -> dict[str, object]:
    with pair_house(os.environ.__setitem__, CUSTOMERS, latency_ms) as house:
        ours = transfer(house)
        look_ups = ceil(ours["requests"]["look_ups"] / ceil(CUSTOMERS / PAGE))
        bare = [_bare(house, look_ups, latency_ms) for _ in range(2)]
        bare_s = sum(one["wall_s"] for one in bare) / len(bare)
        expected = formula(CUSTOMERS, ours["requests"]["look_ups"])
        return {
            "customers": CUSTOMERS,
            "vendors_ms": latency_ms,
            "records_per_s": round(CUSTOMERS / ours["wall_s"], 1),
            "share_of_bare_loop": round(bare_s / ours["wall_s"], 3),
            "bare_records_per_s": [round(CUSTOMERS / one["wall_s"], 1) for one in bare],
            "requests": ours["requests"].total(),
            "requests_of_each_kind": dict(ours["requests"]),
            "look_ups_at_most": most_look_ups(CUSTOMERS),
            "formula": expected,
            "requests_over_formula": round(ours["requests"].total() / expected - 1, 4),
            "bare_requests": bare[0]["requests"],
            "cpu_ms_per_record": round(ours["cpu_s"] * 1000 / CUSTOMERS, 3),
            "postgres_cpu_ms_per_record": round(ours["postgres_cpu_s"] * 1000 / CUSTOMERS, 3),
            "peak_mb_at_a_third": round(ours["third_mb"], 1),
            "peak_mb": round(ours["peak_mb"], 1),
            "linked": ours["linked"],
        }


def transfer(house: PairHouse) -> dict[str, Any]:
    """All customers, by the house's worker, once it has seen what is there. Postgres' CPU is of the processes that are there at
    the end."""
    unlimited(house.url)
    house.call("pairs", "go_live", house.workspace, None, house.pair, True)
    house.until(lambda: house.rows("SELECT 1 FROM store_cursor HAVING count(*) = 4"), PATIENCE_S)
    before, ours, postgres = by_kind(house.url), _cpu(house), house.where.postgres_cpu_s()
    run = house.call("pairs", "ask", house.workspace, None, house.pair, "transfer", {"from": "right"})
    third_mb = 0.0
    end = time.monotonic() + PATIENCE_S
    while True:
        ((state, why, counts, took),) = house.rows(
            "SELECT state, why, counts, extract(epoch FROM finished_at - started_at) FROM store_syncrun WHERE id = %s",
            run,
        )
        if not third_mb and (counts or {}).get("linked", 0) >= CUSTOMERS / 3:
            third_mb = _peak(house)
        if state == "done":
            break
        if state in {"failed", "stopped", "paused"} or time.monotonic() > end:
            raise SystemExit(f"the transfer is {state}: {why} {house.story()}")
        time.sleep(0.5)
    ((linked,),) = house.rows("SELECT count(*) FROM store_synclink WHERE role = 'account'")
    return {
        "wall_s": float(took),
        "cpu_s": _cpu(house) - ours,
        "postgres_cpu_s": house.where.postgres_cpu_s() - postgres,
        "requests": by_kind(house.url) - before,
        "third_mb": third_mb,
        "peak_mb": _peak(house),
        "linked": linked,
    }


def formula(customers: int, look_ups: int) -> int:
    """ceil(n / page) + ceil(n / batch) + the look-ups that were made."""
    return ceil(customers / PAGE) + ceil(customers / connector("zoho_crm").capabilities.write_batch) + look_ups


def most_look_ups(customers: int) -> int:
    """What both rules take at most, in as few requests as Zoho allows: names fill a query, a number has so many spellings."""
    at_once = CRITERIA * IN_VALUES
    return ceil(customers / PAGE) * (ceil(PAGE / at_once) + ceil(PAGE / (at_once // MOST_OF_MANY)))


def unlimited(url: str) -> None:
    """Vendors that let themselves be asked as often as one likes: their limits are no part of what is measured."""
    post(f"{url}/_control/e_conomic/limits", {"tokens": PLENTY})
    post(f"{url}/_control/zoho_crm/behaviour", {"credits": PLENTY})


def requests(url: str) -> int:
    """Requests that both sandboxes have answered."""
    return sum(by_kind(url).values())


def by_kind(url: str) -> Counter[str]:
    """The same: pages read, look-ups, batches written, and what else (descriptions, who one is)."""
    found: Counter[str] = Counter()
    for name in ("e_conomic", "zoho_crm"):
        for asked, count in get(f"{url}/_control/{name}/counts")["requests"].items():
            found[next((kind for end, kind in KINDS.items() if asked.endswith(end)), "else")] += count
    return found


def _cpu(house: PairHouse) -> float:
    assert house.worker is not None
    return cpu_s(house.worker)


def _peak(house: PairHouse) -> float:
    assert house.worker is not None
    return peak_mb(house.worker)


def _bare(house: PairHouse, look_ups: int, latency_ms: float) -> dict[str, Any]:
    """The bare loop on a sandbox of its own, which has the same customers and room for the same key."""
    port = free_port()
    sandbox = house.where.start("sandbox", "--port", str(port))
    url = f"http://127.0.0.1:{port}"
    answers(f"{url}/_control/zoho_crm/counts")
    _company.zoho(house.where, url)
    unlimited(url)
    post(f"{url}/_control/e_conomic/seed", {"customers": CUSTOMERS})
    for name in ("zoho_crm", "e_conomic"):
        post(f"{url}/_control/{name}/latency", {"ms": latency_ms})
    token = post(f"{url}/_control/zoho_crm/token", {})["access_token"]
    out = subprocess.run(
        [sys.executable, "-m", "benchmarks._bare_transfer", url, token, str(CUSTOMERS), str(look_ups)],
        check=True,
        stdout=subprocess.PIPE,
    )
    sandbox.terminate()
    sandbox.wait(20)
    found: dict[str, Any] = orjson.loads(out.stdout.splitlines()[-1])
    if found["records"] != CUSTOMERS:
        raise SystemExit(f"the bare loop wrote {found['records']}")
    return found
