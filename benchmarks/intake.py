"""How many deliveries a second are acknowledged durably, against a bare loop of group inserts."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
import psycopg

from benchmarks import _company, _load
from benchmarks._place import Place, answers, cpu_s, free_port, place

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
    """A bare group-insert loop: 32 raw bodies made into rows, written by the same statement, committed, and the next 32; no
    HTTP, no signature, nothing but the loop and the database."""
    size, done = _load.CONNECTIONS, 0
    with psycopg.connect(where.url, autocommit=True) as link:
        began = time.perf_counter()
        for at in range(0, len(bodies), size):
            rows = [_row(company.source, body) for body in bodies[at : at + size]]
            link.execute("SELECT store_accept(%s::json)", [orjson.dumps(rows).decode()])
            done += len(rows)
            if time.perf_counter() - began > seconds:
                break
        return done / (time.perf_counter() - began)


def _row(source: int, body: bytes) -> dict[str, object]:
    return {
        "c": source,
        "k": hashlib.blake2b(b"bare" + body, digest_size=16).hexdigest(),
        "t": datetime.now(UTC).isoformat(),
        "m": "POST",
        "q": "",
        "h": {"content-type": "application/json", "x-webhook-signature": "0" * 64, "x-webhook-timestamp": "0" * 10},
        "b": base64.b64encode(body).decode(),
    }
