"""Keeping two systems the same, in memory: a store that keeps what a committed transaction would have kept, and can die around any
call; and vendors with versions, change feeds, origins, lags, lengths and faults."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from tests.engine.memory import Clock, Killed, copy
from tieline.core.errors import AuthError, RateLimitedError, TransientError, UnknownOutcomeError
from tieline.core.mapping import RoleMap
from tieline.core.pairing import Side
from tieline.engine.sync.ports import (
    AskedRow,
    LinkRow,
    Report,
    RunRow,
    Settled,
    SyncOperation,
    WaitingRow,
)
from tieline.engine.sync.reasons import LIKELY
from tieline.sdk.contract import (
    FieldSchema,
    Gone,
    Identity,
    Link,
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

OF_DEALS = {"name": ("title",), "account": ("customer",), "stage_kind": ("kind",)}
OF_LEADS = {"name": ("name",), "converted_account": ("became",)}
OF_WRITES = ("lost", "killed", "write")
"""Faults that wait for a write."""


@dataclass
class MemorySync:
    """`SyncStore` of one pair. `before_call` is asked before and after each call. A process that died in one asks nothing more,
    whatever else it was at: the next one begins with `hold`."""

    clock: Clock
    before_call: Callable[[str, str], None] = lambda name, when: None
    copies: bool = True
    held: bool = True
    dead: bool = False
    cursors_: dict[tuple[Side, str], str] = field(default_factory=dict)
    rows: dict[str, LinkRow] = field(default_factory=dict)
    by_id: dict[tuple[str, Side, str], str] = field(default_factory=dict)
    waits: dict[tuple[str, Side, str], WaitingRow] = field(default_factory=dict)
    read: set[tuple[str, Side, str]] = field(default_factory=set)
    """Waiting rows under way."""
    operations: dict[str, SyncOperation] = field(default_factory=dict)
    asked: dict[tuple[str, Side, str, str], AskedRow] = field(default_factory=dict)
    runs: dict[int, RunRow] = field(default_factory=dict)
    reports: dict[int, list[Report]] = field(default_factory=dict)
    pause_asked: set[int] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    asked_ever: Counter[str] = field(default_factory=Counter)
    before: set[tuple[str, Side, str]] = field(default_factory=set)
    asked_of: set[str] = field(default_factory=set)
    """Ids of records, of both sides, that a question was ever about."""

    def _copy(self, value: Any) -> Any:
        return copy(value) if self.copies else value

    def _call(self, name: str, work: Callable[[], Any]) -> Any:
        if self.dead and name != "hold":
            raise Killed(name)
        self.dead = False
        try:
            self.before_call(name, "before")
            self.calls[name] += 1
            out = work()
            self.before_call(name, "after")
        except Killed:
            self.dead = True
            raise
        return out

    def hold(self) -> bool:
        return self._call("hold", lambda: self.held)

    def cursors(self) -> dict[tuple[Side, str], str]:
        return self._call("cursors", lambda: dict(self.cursors_))

    def set_cursors(self, cursors: Mapping[tuple[Side, str], str]) -> None:
        self._call("set_cursors", lambda: self.cursors_.update(cursors))

    def links(self, role: str, side: Side, ids: Sequence[str]) -> list[LinkRow]:
        def work() -> list[LinkRow]:
            keys = (self.by_id.get((role, side, id)) for id in ids)
            return [self._copy(self.rows[key]) for key in keys if key is not None]

        return self._call("links", work)

    def links_by_key(self, keys: Sequence[str]) -> list[LinkRow]:
        return self._call("links_by_key", lambda: [self._copy(self.rows[key]) for key in keys if key in self.rows])

    def links_after(self, role: str, key: str, limit: int) -> list[LinkRow]:
        def work() -> list[LinkRow]:
            keys = sorted(one.key for one in self.rows.values() if one.role == role and one.key > key)[:limit]
            return [self._copy(self.rows[one]) for one in keys]

        return self._call("links_after", work)

    def count_links(self, role: str) -> int:
        return self._call("count_links", lambda: sum(one.role == role for one in self.rows.values()))

    def deleted_since(self, role: str, since: str) -> int:
        def counts(one: SyncOperation) -> bool:
            made = self.runs.get(one.run)
            return (
                one.verb == "delete" and one.role == role and (one.sent_at or "") >= since
                and one.state in {"sent", "unknown", "done"} and one.reason["code"] != "customers.write.deleted_by_hand"
                and made is not None and made.kind not in {"asked", "undo", "redo"} and not made.options.get("bypass_limit")
            )  # fmt: skip

        return self._call("deleted_since", lambda: sum(counts(one) for one in self.operations.values()))

    def written_later(self, keys: Sequence[str], run: int) -> set[str]:
        again = {one.options.get("of") for one in self.runs.values() if one.kind == "redo"}
        undone = {one.options["of"] for one in self.runs.values() if one.kind == "undo" and one.id not in again}

        def work() -> set[str]:
            order = list(self.operations)
            last = {one.link: order.index(one.key) for one in self.operations.values() if one.run == run}
            return {
                one.link
                for number, one in enumerate(self.operations.values())
                if number > last.get(one.link, -1) and one.link in keys and one.run not in {run, *undone} and one.state in {"sent", "unknown", "done"}
                and self.runs[one.run].kind not in {"undo", "redo"}
            }  # fmt: skip

        return self._call("written_later", work)

    def waiting(self, now: str, limit: int) -> list[WaitingRow]:
        def work() -> list[WaitingRow]:
            due = [one for one in self.waits.values() if one.state == "due" and one.due_at and one.due_at <= now]
            due.sort(key=lambda one: (one.role != "account", one.due_at))
            self.read.update((one.role, one.side, one.id) for one in due[:limit])
            return [self._copy(one) for one in due[:limit]]

        return self._call("waiting", work)

    def keep_old(self, role: str, side: Side, ids: Sequence[str]) -> None:
        self._call("keep_old", lambda: self.before.update((role, side, id) for id in ids))

    def old(self, role: str, side: Side, ids: Sequence[str]) -> set[str]:
        return self._call("old", lambda: {id for id in ids if (role, side, id) in self.before})

    def spoken_for(self, role: str, side: Side, ids: Sequence[str]) -> set[str]:
        def is_spoken(id: str) -> bool:
            row = self.waits.get((role, side, id))
            waits = row is not None and (row.state != "stuck" or (row.told or {}).get("partner") == "")
            return waits or (role, side, id, "match") in self.asked

        return self._call("spoken_for", lambda: {id for id in ids if is_spoken(id)})

    def likely_about(self, role: str, side: Side, ids: Sequence[str]) -> dict[str, tuple[str, dict[str, Any]]]:
        def work() -> dict[str, tuple[str, dict[str, Any]]]:
            out: dict[str, tuple[str, dict[str, Any]]] = {}
            for one in self.asked.values():
                if (one.kind, one.role, one.reason["code"]) == ("match", role, LIKELY):
                    about = [one.id] if side == "left" else [option["id"] for option in one.options]
                    out |= {id: (one.id, copy(one.reason)) for id in about if id in ids}
            return out

        return self._call("likely_about", work)

    def next_due(self) -> str | None:
        due = [one.due_at for one in self.waits.values() if one.state == "due" and one.due_at]
        return self._call("next_due", lambda: min(due, default=None))

    def release(self, code: str) -> int:
        def work() -> int:
            found = [one for one in self.waits.values() if one.state == "asked" and (one.why or {}).get("code") == code]
            for one in found:
                one.state, one.due_at = "due", self.clock.iso()
            return len(found)

        return self._call("release", work)

    def due_again(self, code: str, roles: Sequence[str]) -> int:
        def work() -> int:
            stuck = [one for one in self.waits.values() if one.state == "stuck" and (one.why or {}).get("code") == code]
            found = [one for one in stuck if one.role in roles]
            for one in found:
                one.state, one.due_at = "due", self.clock.iso()
            return len(found)

        return self._call("due_again", work)

    def unfinished(self) -> list[SyncOperation]:
        open_ = [one for one in self.operations.values() if one.state in {"sent", "unknown"}]
        return self._call("unfinished", lambda: self._copy(open_))

    def announce(self, run: RunRow, operations: Sequence[SyncOperation]) -> None:  # noqa: ARG002  (the port's)
        def work() -> None:
            for one in operations:
                known = self.operations.get(one.key)
                assert known is None or known.state != "done", "an origin key is used twice"
                kept = self._copy(one)
                if one.state != "planned":
                    kept.state, kept.sent_at = "sent", self.clock.iso()
                    kept.attempts = (known.attempts if known is not None else one.attempts) + 1
                    one.state, one.sent_at, one.attempts = kept.state, kept.sent_at, kept.attempts
                self.operations[one.key] = kept

        self._call("announce", work)

    def settle(self, run: RunRow, page: Settled) -> None:
        self._call("settle", lambda: self._settle(run, page))

    def _settle(self, run: RunRow, page: Settled) -> None:
        for operation in page.operations:
            self.operations[operation.key] = self._copy(operation)
        for key in page.dropped:
            self._drop(key)
        for link in page.links:
            self._keep(self._copy(link))
        self._waits(page)
        self._questions(page)
        if page.reports:
            self.reports.setdefault(run.id, []).extend(self._copy(list(page.reports)))
        if page.cursor is not None:
            self.cursors_[page.cursor[0], page.cursor[1]] = page.cursor[2]
        self.runs[run.id] = self._copy(run)

    def _waits(self, page: Settled) -> None:
        for where in page.waited:
            self.waits.pop(where, None)
        for row in page.waiting:
            where, kept = (row.role, row.side, row.id), self._copy(row)
            if where in self.waits and where not in self.read:
                said = {
                    name: one
                    for name, one in (self.waits[where].told or {}).items()
                    if name not in {"event", "by", "until"}
                }
                kept.told = {**said, **(kept.told or {})}
            self.waits[where] = kept
        self.read.difference_update([*page.waited, *((row.role, row.side, row.id) for row in page.waiting)])
        for where in page.woken:
            for row in self.waits.values():
                if row.waits_for is not None and tuple(row.waits_for) == where:
                    row.state, row.due_at, row.waits_for = "due", self.clock.iso(), None

    def _questions(self, page: Settled) -> None:
        for where in page.answered:
            for key in [one for one in self.asked if one[:3] == where]:
                if self.asked[key].reason["code"] != LIKELY or where in self.by_id:
                    del self.asked[key]
        for one in page.asked:
            self.asked_ever[one.kind] += 1
            link = self.rows.get(one.link)
            self.asked_of.update([one.id] if link is None else [one.id, link.left_id, link.right_id])
            self.asked[one.role, one.side, one.id, one.kind] = self._copy(one)

    def _drop(self, key: str) -> None:
        row = self.rows.pop(key, None)
        if row is not None:
            self.by_id.pop((row.role, "left", row.left_id), None)
            self.by_id.pop((row.role, "right", row.right_id), None)

    def _keep(self, row: LinkRow) -> None:
        self._drop(row.key)
        assert all((row.left_id, row.right_id)), row
        for side, id in (("left", row.left_id), ("right", row.right_id)):
            assert (row.role, side, id) not in self.by_id, "a record is linked twice"
            self.by_id[row.role, side, id] = row.key  # type: ignore[index]
            self.before.discard((row.role, side, id))  # type: ignore[arg-type]
        self.rows[row.key] = row

    def begin(self, run: RunRow) -> int:
        def work() -> int:
            for known in self.runs.values():
                if known.kind == run.kind and known.options == run.options and known.state in {"running", "paused"}:
                    for name in RunRow.__dataclass_fields__:
                        setattr(run, name, copy(getattr(known, name)))
                    return known.id
            run.id = len(self.runs) + 1
            self.runs[run.id] = self._copy(run)
            return run.id

        return self._call("begin", work)

    def end(self, run: RunRow) -> None:
        self._call("end", lambda: self.runs.__setitem__(run.id, self._copy(run)))

    def paused(self, run: RunRow) -> bool:
        return self._call("paused", lambda: run.id in self.pause_asked)

    def planned(self, run: int, after: str, limit: int) -> list[SyncOperation]:
        def work() -> list[SyncOperation]:
            mine = sorted(one.key for one in self.operations.values() if one.run == run and one.key > after)
            return [self._copy(self.operations[key]) for key in mine[:limit]]

        return self._call("planned", work)


@dataclass
class Kept:
    """One record of a vendor. `number`: of its last change."""

    fields: dict[str, Any]
    version: int = 1
    number: int = 0
    made_s: float = 0.0
    past: list[tuple[float, int, dict[str, Any], int]] = field(default_factory=list)
    """(when, number, fields, version) of each change."""

    def at(self, moment: float) -> tuple[float, int, dict[str, Any], int] | None:
        return next((one for one in reversed(self.past) if one[0] <= moment), None)


@dataclass
class MemoryVendor:
    """A system with accounts and contacts. Field names are the canonical ones.

    faults      taken one per request: "" is none; "429", "auth", "transient"; and one per write: "lost before", "lost after",
                "lost late", "killed before", "killed after", "write 429", "write transient"
    refuses     a field that it does not take just now
    cuts        field → how many characters it keeps
    lag_s       how long a change may stay out of the feed
    versions    whether answers of writes tell the new version
    """

    clock: Clock
    capabilities: Capabilities
    name: str = ""
    faults: list[str] = field(default_factory=list)
    cuts: Mapping[str, int] = field(default_factory=dict)
    lag_s: float = 0.0
    page: int = 3
    versions: bool = True
    required: tuple[str, ...] = ()
    refuses: str = ""
    reject: Callable[[PushOperation], Outcome | None] = lambda operation: None
    records: dict[str, dict[str, Kept]] = field(default_factory=dict)
    changes: dict[str, list[tuple[int, str, float, bool]]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    pushed: list[PushOperation] = field(default_factory=list)
    made_by: dict[str, list[str]] = field(default_factory=dict)
    """Origin key → ids of what was made under it."""
    deleted: list[tuple[str, str]] = field(default_factory=list)
    _late: list[tuple[float, list[PushOperation]]] = field(default_factory=list)
    _next: int = 100
    _number: int = 0

    # -- people at work ------------------------------------------------------------------------------------------------

    def put(self, object: str, **fields: Any) -> str:
        self._next += 1
        id = f"{self.name}{self._next}"
        self.records.setdefault(object, {})[id] = Kept({})
        self.edit(object, id, **fields)
        self.records[object][id].made_s = self.clock.now
        return id

    def edit(self, object: str, id: str, **fields: Any) -> None:
        kept = self.records[object][id]
        kept.fields.update({name: self._cut(name, value) for name, value in fields.items()})
        kept.version += 1
        self._changed(object, id, kept)

    def remove(self, object: str, id: str) -> None:
        del self.records[object][id]
        self._number += 1
        self.changes.setdefault(object, []).append((self._number, id, self.clock.now, True))

    def _changed(self, object: str, id: str, kept: Kept) -> None:
        self._number += 1
        kept.number = self._number
        kept.past.append((self.clock.now, self._number, dict(kept.fields), kept.version))
        self.changes.setdefault(object, []).append((self._number, id, self.clock.now, False))

    def _cut(self, name: str, value: Any) -> Any:
        most = self.cuts.get(name)
        return value[:most] if most is not None and isinstance(value, str) else value

    def all(self, object: str) -> dict[str, dict[str, Any]]:
        self._land()
        return {id: kept.fields for id, kept in self.records.get(object, {}).items()}

    @property
    def requests(self) -> int:
        return sum(self.asked.values())

    # -- Records -------------------------------------------------------------------------------------------------------

    async def check(self) -> Identity:
        return Identity("1", "Memory")

    async def describe(self, objects: Sequence[str]) -> list[ObjectSchema]:
        return [ObjectSchema(one, one, (FieldSchema("name", "Name", "text"),)) for one in objects]

    async def users(self) -> list[VendorUser]:
        return []

    async def prepare(self, objects: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(objects, "key")

    async def pull(self, object: str, fields: Sequence[str], cursor: str | None) -> AsyncIterator[Page]:
        at = int(cursor or 0)
        while True:
            await self._request("pull")
            until = self.clock.now - self.lag_s
            rows = [one for one in self.changes.get(object, []) if one[0] > at and one[2] <= until]
            there = self.records.get(object, {})
            # only the last change of a record counts, as in every feed that is sorted by when it was changed
            then = {id: kept.at(until) for id, kept in there.items()}
            live = [
                one for one in rows if not one[3] and (known := then.get(one[1])) is not None and known[1] == one[0]
            ]
            part = live[: self.page]
            more = len(live) > len(part)
            end = part[-1][0] if more else (rows[-1][0] if rows else at)
            gone = [one[1] for one in rows if one[3] and at < one[0] <= end and one[1] not in there]
            reported = self.capabilities.deletes_reported
            at = end
            records = [self._then(object, id, fields, until) for _, id, _, _ in part]
            yield Page(records, str(at), gone if reported else ())
            if not more:
                return

    async def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[VendorRecord]:
        await self._request("fetch", -(-len(ids) // self.capabilities.read_batch))
        there = self.records.get(object, {})
        return [self._read(object, id, fields) for id in ids if id in there]

    async def find(
        self, object: str, by: Sequence[str], values: Sequence[str], fields: Sequence[str]
    ) -> list[VendorRecord]:
        await self._request("find", -(-len(values) // self.capabilities.read_batch))
        seen_before = self.clock.now - self.capabilities.search_lag_s
        wanted = {value.casefold() for value in values}
        return [
            self._read(object, id, (*fields, *by))
            for id, kept in self.records.get(object, {}).items()
            if kept.made_s <= seen_before and any(str(kept.fields.get(name) or "").casefold() in wanted for name in by)
        ]

    async def push(self, operations: Sequence[PushOperation]) -> list[Outcome]:
        assert 0 < len(operations) <= self.capabilities.write_batch
        fault = await self._request("push")
        if fault == "killed before":
            raise Killed(fault)
        if fault == "lost before":
            return [Unknown(fault) for _ in operations]
        if fault == "lost late":
            self._late.append((self.clock.now + self.capabilities.request_timeout_s * 0.9, list(operations)))
            raise UnknownOutcomeError(fault)
        out = [self._one(one) for one in operations]
        if fault == "killed after":
            raise Killed(fault)
        return [Unknown(fault) for _ in operations] if fault == "lost after" else out

    # -- inside --------------------------------------------------------------------------------------------------------

    async def _request(self, name: str, count: int = 1) -> str:
        self.asked[name] += count
        await asyncio.sleep(0)
        self._land()
        waits = bool(self.faults) and self.faults[0].startswith(OF_WRITES) and name != "push"
        fault = self.faults.pop(0).removeprefix("write ") if self.faults and not waits else ""
        if fault == "transient":
            raise TransientError("no connection")
        if fault == "429":
            raise RateLimitedError("slow down", wait_s=5.0)
        if fault == "auth":
            raise AuthError("refused")
        return fault

    def _land(self) -> None:
        due = [one for one in self._late if one[0] <= self.clock.now]
        self._late = [one for one in self._late if one[0] > self.clock.now]
        for _, operations in due:
            for one in operations:
                self._one(one)

    def _read(self, object: str, id: str, fields: Sequence[str]) -> VendorRecord:
        kept = self.records[object][id]
        return VendorRecord(object, id, {name: kept.fields.get(name) for name in fields}, str(kept.version))

    def _then(self, object: str, id: str, fields: Sequence[str], until: float) -> VendorRecord:
        """As a feed that lags shows it."""
        known = self.records[object][id].at(until)
        assert known is not None
        return VendorRecord(object, id, {name: known[2].get(name) for name in fields}, str(known[3]))

    def _one(self, one: PushOperation) -> Outcome:
        self.pushed.append(one)
        refused = Rejected("INVALID", self.refuses) if self.refuses in one.values else self.reject(one)
        if refused is not None:
            return refused
        values = {
            name: value.id if isinstance(value, Link) else self._cut(name, value) for name, value in one.values.items()
        }
        there = self.records.setdefault(one.object, {})
        if one.verb == "create":
            return self._create(one, values)
        assert one.target is not None
        kept = there.get(one.target.id)
        if kept is None:
            return Gone()
        if self.capabilities.conditional_write and one.version is not None and one.version != str(kept.version):
            return Stale()
        if one.verb == "delete":
            self.deleted.append((one.object, one.target.id))
            self.remove(one.object, one.target.id)
            return Written(one.target.id)
        self.edit(one.object, one.target.id, **values)
        return Written(one.target.id, str(kept.version) if self.versions else None)

    def _create(self, one: PushOperation, values: dict[str, Any]) -> Outcome:
        missing = [name for name in self.required if not values.get(name)]
        if missing:
            return Rejected("MANDATORY", missing[0])
        made = self.made_by.get(one.key, [])
        if made and (self.capabilities.origin == "unique" or self.capabilities.idempotent_s):
            there = self.records[one.object].get(made[-1])
            return Written(made[-1], str(there.version) if there is not None and self.versions else None, existed=True)
        if self.capabilities.origin != "none":
            values["key"] = one.key
        id = self.put(one.object, **values)
        self.made_by.setdefault(one.key, []).append(id)
        return Written(id, str(self.records[one.object][id].version) if self.versions else None)


def maps(capabilities: Capabilities, fields: Sequence[str]) -> dict[str, RoleMap]:
    """The roles of a memory vendor."""
    names = {name: (name,) for name in fields}
    origin = "key" if capabilities.origin != "none" else ""
    return {
        "account": RoleMap("account", "Accounts", names, origin),
        "contact": RoleMap("contact", "Contacts", {**names, "account": ("account",)}, origin, {"account": "account"}),
        "deal": RoleMap("deal", "Deals", OF_DEALS, origin, {"account": "account"}),
        "lead": RoleMap("lead", "Leads", OF_LEADS, origin, {"converted_account": "account"}),
    }


def flat(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


__all__ = ["MemorySync", "MemoryVendor", "flat", "maps", "replace"]
