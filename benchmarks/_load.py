"""Many deliveries over some connections at once: wrk where it is installed, else a loop of our own (which costs more CPU)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from benchmarks._place import percentile

CONNECTIONS = 32

_LUA = """
local path, file = "%s", "%s"
local heads, bodies, at = {}, {}, 0
local threads = 0
function setup(thread) thread:set("offset", threads); threads = threads + 1 end
function init(args)
  for line in io.lines(file) do
    local sign, stamp, body = line:match("^(%%S+) (%%S+) (.*)$")
    bodies[#bodies + 1] = wrk.format("POST", path, {
      ["content-type"] = "application/json", ["x-webhook-signature"] = sign, ["x-webhook-timestamp"] = stamp }, body)
  end
  at = math.floor(#bodies / 2) * offset
end
function request() at = at %% #bodies + 1; return bodies[at] end
local bad = 0
function response(status) if status ~= 202 then bad = bad + 1; wrk.thread:set("bad", bad) end end
"""


@dataclass(frozen=True)
class Load:
    """What came of it: answers other than 202 are refused. Milliseconds."""

    events_per_s: float
    p50_ms: float
    p99_ms: float
    refused: int
    by: str


def event(call: str, name: str, caller: str = "+33186765432", line: str = "+33411223344", **more: object) -> bytes:
    """One of SipSim's signed contract, about 350 bytes with its headers."""
    said = {"event": name, "pbx_id": call, "caller": caller, "receiver": line, "time": "2026-11-21T10:00:00Z", **more}
    return json.dumps(said, separators=(",", ":")).encode()


def signed(body: bytes, secret: str) -> tuple[str, str]:
    """(signature, timestamp) of a body."""
    stamp = str(int(time.time()))
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest(), stamp


def deliver(host: str, port: int, path: str, bodies: Sequence[bytes], secret: str, seconds: float) -> Load:
    """Posts the bodies, one after the other and round again, over 32 connections for so long."""
    return (_by_wrk if shutil.which("wrk") else _by_loop)(host, port, path, bodies, secret, seconds)


def _by_wrk(host: str, port: int, path: str, bodies: Sequence[bytes], secret: str, seconds: float) -> Load:
    with tempfile.TemporaryDirectory() as folder:
        lines, script = Path(folder, "lines"), Path(folder, "load.lua")
        with lines.open("wb") as file:
            for body in bodies:
                signature, stamp = signed(body, secret)
                file.write(f"{signature} {stamp} ".encode() + body + b"\n")
        script.write_text(_LUA % (path, lines))
        words = [
            "wrk",
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{seconds:.0f}s",
            "--latency",
            "-s",
            str(script),
            f"http://{host}:{port}",
        ]
        out = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    return Load(float(rate[1]) if rate else 0.0, _ms(out, "50%"), _ms(out, "99%"), int(bad[1]) if bad else 0, "wrk")


def _ms(out: str, share: str) -> float:
    found = re.search(rf"^\s+{share}\s+([\d.]+)(us|ms|s)", out, re.MULTILINE)
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]] if found else 0.0


def _by_loop(host: str, port: int, path: str, bodies: Sequence[bytes], secret: str, seconds: float) -> Load:
    requests = [_request(path, body, secret) for body in bodies]
    times: list[float] = []
    refused = 0

    async def client(numbers: Iterator[int], end: float) -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection(host, port)
        while (began := time.perf_counter()) < end:
            writer.write(requests[next(numbers) % len(requests)])
            status = await reader.readuntil(b"\r\n\r\n")
            times.append((time.perf_counter() - began) * 1000)
            refused += b" 202 " not in status[:20]
        writer.close()

    async def all_of_them() -> float:
        numbers = count()
        began = time.perf_counter()
        await asyncio.gather(*(client(numbers, began + seconds) for _ in range(CONNECTIONS)))
        return time.perf_counter() - began

    took = asyncio.run(all_of_them())
    return Load(len(times) / took, percentile(times, 0.5), percentile(times, 0.99), refused, "loop")


def _request(path: str, body: bytes, secret: str) -> bytes:
    signature, stamp = signed(body, secret)
    head = (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        f"x-webhook-signature: {signature}\r\nx-webhook-timestamp: {stamp}\r\n\r\n"
    )
    return head.encode() + body
