"""How many deliveries a second are acknowledged durably, against the same group insert in a bare loop."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
import psycopg
import uvloop

from benchmarks import _company, _load
from benchmarks._place import Place, answers, cpu_s, free_port, place
from tieline.api.intake import Answer, Intake
from tieline.project.keys import secret_keys
from tieline.sdk.contract import Request
from tieline.store.secrets import Seal

SECONDS = float(os.environ.get("TIELINE_BENCH_SECONDS", "4"))
ROUNDS = 5
_MOST = 42_000  # so many distinct events are prepared for each second: none is delivered twice


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
            "inserts_only_events_per_s": round(middle["inserts"]),
            "server_cpu_ms_per_event": round(middle["cpu_ms"], 3),
            "connections": _load.CONNECTIONS,
            "refused": refused,
            "kept": kept[0] if kept else 0,
            "load_by": "wrk" if middle["by_wrk"] else "loop",
        }


def _round(where: Place, company: _company.Company, port: int, server: subprocess.Popen[bytes]) -> dict[str, float]:
    mark = secrets.token_hex(3)
    bodies = [_load.event(f"{mark}-{number}", "incoming_call_start") for number in range(int(SECONDS * _MOST))]
    third = len(bodies) // 3
    inserts = _inserts(where, company, bodies[:third], SECONDS / 2)
    bare = uvloop.run(_bare(where, company, bodies[third : 2 * third], SECONDS / 2))
    before = cpu_s(server)
    load = _load.deliver("127.0.0.1", port, f"/in/{company.key}", bodies[2 * third :], _company.SIGNING_SECRET, SECONDS)
    used = cpu_s(server) - before
    return {
        "events_per_s": load.events_per_s,
        "p50_ms": load.p50_ms,
        "p99_ms": load.p99_ms,
        "bare": bare,
        "inserts": inserts,
        "share": load.events_per_s / bare,
        "cpu_ms": used * 1000 / max(load.events_per_s * SECONDS, 1),
        "refused": load.refused,
        "by_wrk": load.by == "wrk",
    }


async def _bare(where: Place, company: _company.Company, bodies: list[bytes], seconds: float) -> float:
    """The bare loop: 32 tasks that each hand a delivery to the intake, wait for its commit, and hand it the next. The same
    check and the same group insert, without sockets, HTTP and ASGI."""
    intake = Intake(where.url, Seal(secret_keys(where.home)))
    await intake.start()
    requests = iter([_request(body) for body in bodies])
    end = time.perf_counter() + seconds
    done = 0

    async def client() -> None:
        nonlocal done
        for request in requests:
            answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            intake.take(company.key, request, answered.set_result)
            if (await answered).status == 202:
                done += 1
            if time.perf_counter() > end:
                return

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(_load.CONNECTIONS)))
    took = time.perf_counter() - began
    await intake.stop()
    return done / took


def _request(body: bytes) -> Request:
    signature, stamp = _load.signed(body, _company.SIGNING_SECRET)
    headers = {"content-type": "application/json", "x-webhook-signature": signature, "x-webhook-timestamp": stamp}
    return Request("POST", "", headers, body)


def _inserts(where: Place, company: _company.Company, bodies: list[bytes], seconds: float) -> float:
    """What the database takes from one connection: 32 rows a statement, a commit, and the next 32; no check, no waiting."""
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
        "k": hashlib.blake2b(b"insert" + body, digest_size=16).hexdigest(),
        "t": datetime.now(UTC).isoformat(),
        "m": "POST",
        "q": "",
        "h": {"content-type": "application/json", "x-webhook-signature": "0" * 64, "x-webhook-timestamp": "0" * 10},
        "b": base64.b64encode(body).decode(),
    }
