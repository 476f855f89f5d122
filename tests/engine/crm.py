# ruff: noqa: ARG002  (the shapes of protocols)
"""A CRM in memory with Zoho's sizes: `sdk.contract.Records`, an index that lags, a unique origin key, and faults by script."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.engine.memory import Clock, Killed
from tieline.core.errors import (
    AuthError,
    ProtocolError,
    RateLimitedError,
    TransientError,
    UnknownOutcomeError,
)
from tieline.core.values import phones
from tieline.sdk.contract import (
    Gone,
    Identity,
    Link,
    NotSent,
    ObjectSchema,
    Outcome,
    Page,
    PushOperation,
    Rejected,
    Stale,
    Unknown,
    VendorRecord,
    VendorUser,
    Written,
)
from tieline.sdk.manifest import Capabilities

ZOHO = Capabilities(
    write_batch=100,
    read_batch=100,
    push_dependent=5,
    origin="unique",
    search_lag_s=300,
    concurrency=10,
    request_timeout_s=30,
)
FORMATS = 4
"""Renderings of a number that a search has to try."""

READ_FAULTS = ("transient", "429", "429 for 7", "html", "auth", "killed before", "killed after")
WRITE_FAULTS = (
    "transient",
    "429",
    "429 for 7",
    "auth",
    "lost before",
    "lost after",
    "lost late",
    "lost slow",
    "500 before",
    "500 after",
    "html after",
    "short",
    "unknown after",
    "bug after",
    "killed before",
    "killed after",
    "killed late",
    "killed slow",
)
"""before: nothing was executed · after: all of it was · late: it will be, some time before the request's time-out · slow: it
will be, after the client gave up, which ends nothing at the vendor."""
LANDS = {"late": 0.9, "slow": 1.9}
"""When, in time-outs."""


@dataclass
class Kept:
    """One record, with the times when it can be found."""

    fields: dict[str, Any]
    visible_at: float
    version: int = 1


@dataclass
class MemoryCrm:
    """The vendor. `faults`: taken one per request; "" is none. `reject`: says which operations are refused, and why."""

    clock: Clock
    capabilities: Capabilities = ZOHO
    faults: list[str] = field(default_factory=list)
    reject: Callable[[PushOperation], Outcome | None] = lambda operation: None
    records: dict[str, dict[str, Kept]] = field(default_factory=dict)
    requests: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    latency_s: float = 0.0
    stale_reads: bool = False
    seen: list[str] = field(default_factory=list)
    """Faults that happened."""
    deleted: list[tuple[str, str]] = field(default_factory=list)
    _late: list[tuple[float, list[PushOperation]]] = field(default_factory=list)
    _next: int = 1000
    _at: float = 0.0
    _keys: dict[tuple[str, str], str] = field(default_factory=dict)

    # -- for tests ---------------------------------------------------------------------------------------------------

    def put(self, object: str, **fields: Any) -> str:
        """A record that was there before."""
        self._next += 1
        self.records.setdefault(object, {})[str(self._next)] = Kept(fields, 0.0)
        return str(self._next)

    def all(self, object: str) -> list[dict[str, Any]]:
        self._land()
        return [kept.fields for kept in self.records.get(object, {}).values()]

    def count(self, object: str) -> int:
        return len(self.all(object))

    # -- Records -----------------------------------------------------------------------------------------------------

    async def check(self) -> Identity:
        return Identity("1", "Memory")

    async def describe(self, objects: Sequence[str]) -> list[ObjectSchema]:
        return []

    async def users(self) -> list[VendorUser]:
        return [VendorUser("u1", "Ann")]

    def pull(self, object: str, fields: Sequence[str], cursor: str | None) -> AsyncIterator[Page]:
        raise NotImplementedError

    async def prepare(self, objects: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(objects, "Key")

    async def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[VendorRecord]:
        fault = await self._request("fetch", -(-len(ids) // self.capabilities.read_batch))
        there = self.records.get(object, {})
        out = [_read(object, id, there[id], fields) for id in ids if id in there]
        self._after_read(fault)
        return out

    async def find(
        self, object: str, by: Sequence[str], values: Sequence[str], fields: Sequence[str]
    ) -> list[VendorRecord]:
        phone = bool({"Phone", "Mobile"} & set(by))
        size = self.capabilities.read_batch // FORMATS if phone else self.capabilities.read_batch
        fault = await self._request(f"find {object}", -(-len(values) // size))
        wanted = set(values)
        now = self.clock.now
        out = []
        for id, kept in self.records.get(object, {}).items():
            if kept.visible_at > now:
                continue
            for name in by:
                value = kept.fields.get(name)
                if not value:
                    continue
                if value in wanted or (phone and any(one.e164 in wanted for one in phones(value, "FR"))):
                    out.append(_read(object, id, kept, (*fields, *by)))
                    break
        self._after_read(fault)
        return out

    async def push(self, operations: Sequence[PushOperation]) -> list[Outcome]:
        self._check(operations)
        fault = await self._request("push", 1)
        when = fault.rpartition(" ")[2]
        if when in LANDS:
            self._late.append((self.clock.now + self.capabilities.request_timeout_s * LANDS[when], list(operations)))
        if fault in {"killed before", "killed late", "killed slow"}:
            raise Killed(fault)
        if fault.startswith("lost") and when != "after":
            return [Unknown(fault) for _ in operations]
        if fault == "500 before":
            raise UnknownOutcomeError(fault)
        out = self._execute(operations)
        if when == "after":
            return _lost(fault, operations)
        return out[: len(out) // 2] if fault == "short" else out

    def _check(self, operations: Sequence[PushOperation]) -> None:
        """What the contract promises to a connector."""
        assert 0 < len(operations) <= self.capabilities.write_batch
        assert len({one.key for one in operations}) == len(operations)
        inside: set[str] = set()
        for one in operations:
            for link in [one.target, *one.values.values()]:
                if isinstance(link, Link) and not link.id:
                    assert link.key in inside, "refers to an operation that is not earlier in this push"
                    assert len(operations) <= self.capabilities.push_dependent
            inside.add(one.key)

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _request(self, name: str, count: int) -> str:
        """Counts, waits, and says which fault this request has; those that come before anything happens are raised."""
        self.requests += count
        self.asked[name] += count
        await asyncio.sleep(self.latency_s)
        self._land()
        fault = self.faults.pop(0) if self.faults else ""
        if fault:
            self.seen.append(fault)
        if fault == "transient":
            raise TransientError("no connection")
        if fault == "429":
            raise RateLimitedError("slow down")
        if fault == "429 for 7":
            raise RateLimitedError("slow down", wait_s=7.0)
        if fault == "auth":
            raise AuthError("refused")
        return fault

    def _after_read(self, fault: str) -> None:
        if fault.startswith("killed"):
            raise Killed(fault)
        if fault:
            raise ProtocolError(fault)

    def _land(self) -> None:
        due = [one for one in self._late if one[0] <= self.clock.now]
        self._late = [one for one in self._late if one[0] > self.clock.now]
        for at, operations in due:
            self._execute(operations, at)

    def _execute(self, operations: Sequence[PushOperation], at: float | None = None) -> list[Outcome]:
        self._at = self.clock.now if at is None else at
        made: dict[str, str] = {}
        out: list[Outcome] = []
        for one in operations:
            outcome = self._one(one, made)
            if isinstance(outcome, Written):
                made[one.key] = outcome.id
            out.append(outcome)
        return out

    def _one(self, one: PushOperation, made: dict[str, str]) -> Outcome:
        values = dict(one.values)
        for name, link in list(values.items()):
            if isinstance(link, Link):
                id = link.id or made.get(link.key, "")
                if not id:
                    return NotSent("its parent failed")
                if id not in self.records.get(link.object, {}):
                    return Rejected("INVALID_DATA", name, "there is no such record")
                values[name] = id
        refused = self.reject(one)
        if refused is not None:
            return refused
        if one.verb == "create":
            unique = self.capabilities.origin == "unique"
            there = self._keys.get((one.object, one.key))
            if unique and there is not None:
                return Written(there, "1", existed=True)
            self._next += 1
            id = str(self._next)
            key = {"Key": one.key} if self.capabilities.origin != "none" else {}
            lag = self.capabilities.search_lag_s
            self.records.setdefault(one.object, {})[id] = Kept({**values, **key}, self._at + lag)
            self._keys[one.object, one.key] = id
            return Written(id, "1")
        target = one.target.id or made.get(one.target.key, "") if one.target is not None else ""
        kept = self.records.get(one.object, {}).get(target)
        if kept is None:
            return Gone() if target else NotSent("its parent failed")
        if one.version is not None and one.version != str(kept.version):
            return Stale()
        if one.verb == "delete":
            del self.records[one.object][target]
            self.deleted.append((one.object, target))
            return Written(target)
        if one.verb == "attach":
            return self._attach(one, kept, values)
        kept.fields.update(values)
        kept.version += 1
        return Written(target, str(kept.version))

    def _attach(self, one: PushOperation, kept: Kept, values: dict[str, Any]) -> Outcome:
        there = self._keys.get((one.object, one.key))
        if self.capabilities.attach_keys and there is not None:
            return Written(there, existed=True)
        self._next += 1
        kept.fields.setdefault("files", []).append(values)
        self._keys[one.object, one.key] = str(self._next)
        return Written(str(self._next))


def _lost(fault: str, operations: Sequence[PushOperation]) -> list[Outcome]:
    """What comes back when everything was executed and no proper answer says so."""
    if fault.startswith("killed"):
        raise Killed(fault)
    if fault.startswith("html"):
        raise ProtocolError(fault)
    if fault.startswith("bug"):
        raise KeyError(fault)
    if fault.startswith("500"):
        raise UnknownOutcomeError(fault)
    return [Unknown(fault) for _ in operations]


def _read(object: str, id: str, kept: Kept, fields: Sequence[str]) -> VendorRecord:
    return VendorRecord(object, id, {name: kept.fields.get(name) for name in fields}, str(kept.version))
