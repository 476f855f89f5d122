"""How many deliveries a second are acknowledged durably, against the same group insert without HTTP in front of it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import secrets
import time
from collections.abc import Iterator

import uvloop

from benchmarks import _company, _load
from benchmarks._place import Place, answers, cpu_s, free_port, place
from tieline.api.group_commit import GroupCommit

SECONDS = float(os.environ.get("TIELINE_BENCH_SECONDS", "4"))
ROUNDS = 5
_MOST = 14_000  # a second: so many distinct events are prepared


def measure() -> Iterator[dict[str, object]]:
    """32 connections, signed events that are all new; medians of five rounds, each with its own bare loop."""
    with place() as where:
        company = _company.make(where)
        port = free_port()
        server = where.start("intake", "--port", str(port))
        answers(f"http://127.0.0.1:{port}/in/none")
        rounds = [_round(where, company, port, server) for _ in range(ROUNDS)]
        refused = sum(one["refused"] for one in rounds)
        with where.tx(company.workspace) as link:
            kept = link.execute("SELECT count(*) FROM store_event").fetchone()
        middle = {name: sorted(one[name] for one in rounds)[ROUNDS // 2] for name in rounds[0]}
        yield {
            "events_per_s": round(middle["events_per_s"]),
            "p50_ms": round(middle["p50_ms"], 2),
            "p99_ms": round(middle["p99_ms"], 2),
            "bare_loop_events_per_s": round(middle["bare"]),
            "share": round(middle["share"], 3),
            "server_cpu_ms_per_event": round(middle["cpu_ms"], 3),
            "connections": _load.CONNECTIONS,
            "refused": refused,
            "kept": kept[0] if kept else 0,
            "load_by": "wrk" if middle["by_wrk"] else "loop",
        }


def _round(where: Place, company: _company.Company, port: int, server: object) -> dict[str, float]:
    mark = secrets.token_hex(3)
    bodies = [_load.event(f"{mark}-{number}", "incoming_call_start") for number in range(int(SECONDS * _MOST))]
    bare = _bare(where, company, bodies[: int(4 * _MOST)], SECONDS / 2)
    before = cpu_s(server)  # type: ignore[arg-type]
    load = _load.deliver("127.0.0.1", port, f"/in/{company.key}", bodies, _company.SIGNING_SECRET, SECONDS)
    used = cpu_s(server) - before  # type: ignore[arg-type]
    return {
        "events_per_s": load.events_per_s,
        "p50_ms": load.p50_ms,
        "p99_ms": load.p99_ms,
        "bare": bare,
        "share": load.events_per_s / bare,
        "cpu_ms": used * 1000 / max(load.events_per_s * SECONDS, 1),
        "refused": load.refused,
        "by_wrk": load.by == "wrk",
    }


def _bare(where: Place, company: _company.Company, bodies: list[bytes], seconds: float) -> float:
    """The same group insert without HTTP: 32 tasks put a delivery, wait until it is committed, and put the next."""
    deliveries = iter(
        [
            {
                "c": company.source,
                "k": hashlib.blake2b(b"bare" + body, digest_size=16).hexdigest(),
                "t": "2026-11-21T10:00:00Z",
                "m": "POST",
                "q": "",
                "h": {
                    "content-type": "application/json",
                    "x-webhook-signature": "0" * 64,
                    "x-webhook-timestamp": "0" * 10,
                },
                "b": base64.b64encode(body).decode(),
            }
            for body in bodies
        ]
    )
    done = 0

    async def client(rows: GroupCommit, end: float) -> None:
        nonlocal done
        for delivery in deliveries:
            kept = asyncio.get_running_loop().create_future()
            rows.put(delivery, kept.set_result)
            is_kept = await kept
            done += is_kept
            if time.perf_counter() > end:
                return

    async def loop() -> float:
        rows = GroupCommit(where.url)
        rows.start()
        began = time.perf_counter()
        await asyncio.gather(*(client(rows, began + seconds) for _ in range(_load.CONNECTIONS)))
        took = time.perf_counter() - began
        await rows.stop()
        return took

    took = uvloop.run(loop())
    return done / took
