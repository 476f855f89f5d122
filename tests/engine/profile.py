"""CPU of the engine per call: `python -m tests.engine.profile [calls] [--all]` profiles a drain on memory ports.

Prints one JSON line (CPU ms per call as run, without the profiler) and then where it goes. What the memory CRM and the memory
store spend is told apart, since their places are taken by HTTP and Postgres.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import json
import pstats
import sys
import time
from typing import Any

from tests.engine.bench import Bench
from tests.engine.calls import ALL_ON, calls_bench, end


def loaded(calls: int, rules: dict[str, Any]) -> Bench:
    """A bench with so many calls waiting: each second one missed, each tenth number calling twice."""
    bench = calls_bench(**rules)
    bench.store.copies = False
    for index in range(calls):
        number = f"+3361{(index - (index % 10 == 9)):07d}"
        end(bench, f"c{index}", number, outcome="missed" if index % 2 else "answered")
    return bench


def cpu_ms_per_call(calls: int, rules: dict[str, Any]) -> float:
    """CPU ms of the whole process per call."""
    bench = loaded(calls, rules)
    gc.collect()
    start = time.process_time()
    asyncio.run(bench.quiet())
    spent = time.process_time() - start
    assert bench.crm.count("Calls") == calls
    return spent * 1000 / calls


def profiled(calls: int, rules: dict[str, Any]) -> pstats.Stats:
    """The profile of the same drain."""
    bench = loaded(calls, rules)
    gc.collect()
    gc.freeze()
    profile = cProfile.Profile()
    profile.runcall(asyncio.run, bench.quiet())
    return pstats.Stats(profile)


def share(stats: pstats.Stats, calls: int) -> dict[str, float]:
    """Own time by floor, ms per call with the profiler on."""
    out: dict[str, float] = {}
    for (path, _, _), (_, _, own, _, _) in stats.stats.items():  # type: ignore[attr-defined]
        for part in ("tests/engine", "tieline/engine", "tieline/flows", "tieline/core", "phonenumbers"):
            if part in path:
                out[part] = out.get(part, 0.0) + own * 1000 / calls
                break
        else:
            out["else"] = out.get("else", 0.0) + own * 1000 / calls
    return {name: round(value, 3) for name, value in sorted(out.items())}


def main() -> None:
    numbers = [int(one) for one in sys.argv[1:] if one.isdigit()]
    calls = numbers[0] if numbers else 5000
    rules = ALL_ON if "--all" in sys.argv else {}
    print(json.dumps({"calls": calls, "cpu_ms_per_call": round(cpu_ms_per_call(calls, rules), 3)}))
    stats = profiled(calls, rules)
    print(json.dumps({"ms_per_call_profiled": share(stats, calls)}))
    stats.sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
