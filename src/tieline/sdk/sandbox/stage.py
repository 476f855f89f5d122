"""The stage: routes requests to sandboxes, counts them, lays faults and latency over them, answers the control routes."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable
from email.utils import formatdate
from typing import Any

from tieline.sdk.sandbox.base import Sandbox, refuse
from tieline.sdk.sandbox.faults import Fault, fault_from, spoilt
from tieline.sdk.sandbox.http import Reply, Request, json_reply

KEPT_REQUESTS = 500
KEPT_BODY = 64 * 1024


class Side:
    """One sandbox with its counters, faults and log."""

    def __init__(self, sandbox: Sandbox, seed: int) -> None:
        self.sandbox = sandbox
        self.latency = 0.0
        self.faults: list[Fault] = []
        self.chance = random.Random(seed)
        self.log: deque[tuple[float, Request, Reply]] = deque(maxlen=KEPT_REQUESTS)
        self.forget_counts()

    def forget_counts(self) -> None:
        """Counters and log start again."""
        self.templates: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.dropped = 0
        self.in_flight = 0
        self.in_flight_peak = 0
        self.log.clear()

    def counts(self) -> dict[str, Any]:
        """What came in since the start or the last reset."""
        return {
            "total": sum(self.templates.values()),
            "requests": dict(sorted(self.templates.items())),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "dropped": self.dropped,
            "in_flight_peak": self.in_flight_peak,
            "faults_struck": sum(fault.struck for fault in self.faults),
            **self.sandbox.figures(),
        }

    def answer(self, request: Request) -> Reply | Awaitable[Reply]:
        """The answer to a request whose path is the vendor's own."""
        self.templates[template(request.method, request.path)] += 1
        fault = (
            next((rule for rule in self.faults if rule.strikes(request, self.chance)), None) if self.faults else None
        )
        self._arrives()
        refusal = self.sandbox.enter(request)
        if refusal is not None:
            return self._kept(request, refusal)
        if fault is not None or self.latency > 0:
            return self._slowly(request, fault)
        try:
            reply = self.sandbox.answer(request)
        finally:
            self.sandbox.leave(request)
        return self._kept(request, reply) if isinstance(reply, Reply) else self._when_done(request, reply)

    async def _when_done(self, request: Request, reply: Awaitable[Reply]) -> Reply:
        return self._kept(request, await reply)

    async def _slowly(self, request: Request, fault: Fault | None) -> Reply:
        try:
            if self.latency > 0:
                await asyncio.sleep(self.latency)
            reply = Reply(0, drop=True)
            if fault is None or fault.when == "after" or fault.kind in ("latency", "truncated"):
                answer = self.sandbox.answer(request)
                reply = answer if isinstance(answer, Reply) else await answer
            if fault is not None:
                if fault.kind in ("hang", "latency"):
                    await asyncio.sleep(fault.seconds)
                reply = spoilt(reply, fault, self.sandbox.error_in_200(), self.sandbox.error_body(fault.status))
        finally:
            self.sandbox.leave(request)
        return self._kept(request, reply)

    def _arrives(self) -> None:
        self.in_flight += 1
        self.in_flight_peak = max(self.in_flight_peak, self.in_flight)

    def _kept(self, request: Request, reply: Reply) -> Reply:
        self.in_flight -= 1
        if reply.drop:
            self.dropped += 1
        else:
            self.statuses[reply.status] += 1
            if all(name != "Date" for name, _ in reply.headers):  # its own clock, which a test may move
                reply.headers.append(("Date", formatdate(self.sandbox.now(), usegmt=True)))
        self.log.append((time.time(), request, reply))
        return reply

    def logged(self, last: int) -> list[dict[str, Any]]:
        """The last requests with their answers, oldest first; tokens masked, bodies cut at 64 KiB."""
        return [_told(*entry) for entry in list(self.log)[-last:]]


class Stage:
    """Every sandbox that is served, by the connector's name."""

    def __init__(self, sandboxes: list[Sandbox], seed: int = 0) -> None:
        self.sides = {sandbox.name: Side(sandbox, seed) for sandbox in sandboxes}

    def __call__(self, request: Request) -> Reply | Awaitable[Reply]:
        name, slash, rest = request.path[1:].partition("/")
        if name == "_control":
            return self._control(rest, request)
        side = self.sides.get(name)
        if side is None:
            if not name:
                return json_reply(200, {"sandboxes": sorted(self.sides)})
            return refuse(f"no sandbox {name!r}; there are: {', '.join(sorted(self.sides))}", 404)
        request.path = slash + rest
        return side.answer(request)

    def _control(self, path: str, request: Request) -> Reply | Awaitable[Reply]:
        name, _, action = path.partition("/")
        side = self.sides.get(name)
        if side is None:
            return refuse(f"no sandbox {name!r}", 404)
        try:
            return (
                _watched(side, action, request)
                or _changed(side, action, request)
                or side.sandbox.control(action, request)
                or refuse(f"no control route {action!r}", 404)
            )
        except (ValueError, KeyError, TypeError) as error:
            return refuse(f"{type(error).__name__}: {error}")


def _watched(side: Side, action: str, request: Request) -> Reply | None:
    match request.method, action:
        case "GET", "counts":
            return json_reply(200, side.counts())
        case "GET", "log":
            return json_reply(200, side.logged(int(request.query.get("n", 50))))
        case "GET", "faults":
            return json_reply(200, [fault.told() for fault in side.faults])
        case "GET", "records":
            return json_reply(200, side.sandbox.stored(request.query.get("module")))
    return None


def _changed(side: Side, action: str, request: Request) -> Reply | None:
    sandbox = side.sandbox
    value: Any = request.json() if request.body else {}
    match request.method, action:
        case "POST", "faults":
            side.faults.extend([fault_from(rule) for rule in (value if isinstance(value, list) else [value])])
            return json_reply(200, [fault.told() for fault in side.faults])
        case "DELETE", "faults":
            side.faults.clear()
            return json_reply(200, [])
        case "POST", "latency":
            side.latency = float(value["ms"]) / 1000
            return json_reply(200, {"ms": side.latency * 1000})
        case "POST", "index_lag":
            sandbox.index_lag = float(value["s"])
            return json_reply(200, {"s": sandbox.index_lag})
        case "POST", "clock":
            sandbox.clock_offset += float(value["advance"])
            return json_reply(200, {"now": sandbox.now()})
        case "POST", "token/expire":
            return json_reply(200, {"expired": sandbox.expire_tokens()})
        case "POST", "reset":
            sandbox.clock_offset = sandbox.index_lag = side.latency = 0.0
            side.faults.clear()
            sandbox.reset(bool(value.get("everything", False)))
            side.forget_counts()
            return json_reply(200, {})
        case "POST", "records":
            return json_reply(200, sandbox.store(value))
    return None


def template(method: str, path: str) -> str:
    """``method path`` with ids replaced, the key under which requests are counted."""
    if any(part.isdigit() and len(part) > 4 for part in path.split("/")):
        path = "/".join("{id}" if part.isdigit() and len(part) > 4 else part for part in path.split("/"))
    return f"{method} {path}"


def _told(at: float, request: Request, reply: Reply) -> dict[str, Any]:
    headers = dict(request.headers)
    if "authorization" in headers:
        headers["authorization"] = headers["authorization"].partition(" ")[0] + " …"
    return {
        "at": at,
        "method": request.method,
        "path": request.path,
        "query": request.query_string,
        "headers": headers,
        "body": request.body[:KEPT_BODY].decode("utf-8", "replace"),
        "status": None if reply.drop else reply.status,
        "answer": reply.body[:KEPT_BODY].decode("utf-8", "replace"),
    }
