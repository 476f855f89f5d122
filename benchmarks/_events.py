"""Events of many calls, kept as intake keeps them."""

from __future__ import annotations

import base64
import hashlib
import urllib.request
from datetime import UTC, datetime

import orjson
import psycopg

from benchmarks import _load
from benchmarks._company import Company
from benchmarks._place import Place

GROUP = 500


def keep(where: Place, company: Company, calls: int) -> int:
    """A beginning and an end of each call: every second one missed, every fourth from a number that called before."""
    rows = []
    for number in range(calls):
        caller = f"+331{80_000_000 + (number if number % 4 else number // 8 * 4 + 1):08d}"
        missed = number % 2 == 0
        common = {"caller": caller, "line": f"+3341122330{number % 5}"}
        end = {"status": "MISSED", "duration": 0} if missed else {"status": "ANSWER", "duration": 60}
        for name, more in (("incoming_call_start", {}), ("incoming_call_end", end)):
            body = _load.event(f"call-{number}", name, **common, **more)
            rows.append(
                {
                    "c": company.source,
                    "k": hashlib.blake2b(f"{number}|{name}".encode(), digest_size=16).hexdigest(),
                    "t": datetime.now(UTC).isoformat(),
                    "m": "POST",
                    "q": "",
                    "h": {"content-type": "application/json"},
                    "b": base64.b64encode(body).decode(),
                }
            )
    with psycopg.connect(where.url, autocommit=True) as link:
        for at in range(0, len(rows), GROUP):
            link.execute("SELECT store_accept(%s::json)", [orjson.dumps(rows[at : at + GROUP]).decode()])
    return len(rows)


def deliver(url: str, body: bytes, signature: str, stamp: str) -> None:
    """One delivery over the network; raises for any answer but a 2xx."""
    headers = {"content-type": "application/json", "x-webhook-signature": signature, "x-webhook-timestamp": stamp}
    urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30).close()
