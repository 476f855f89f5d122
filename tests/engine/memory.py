"""The engine's ports in memory: a store that keeps what a committed transaction would have kept, and can die around any call."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tieline.core.mapping import RoleMap
from tieline.engine.access import Access
from tieline.engine.ports import EventRow, NotStorable, OperationRow, OwnKey, Result, RunRow, SubjectRow
from tieline.engine.times import iso, seconds
from tieline.sdk.manifest import Manifest


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Clock:
    """A clock that tests move."""

    now: float = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now

    def iso(self) -> str:
        return iso(self.now)


def access_of(connector: Any, manifest: Manifest, client: Any, clock: Clock, chance: random.Random) -> Access:
    """A real connector as the engine has it, by the test's clock. client: what counts its requests."""
    return Access(
        connector,
        manifest.role_maps(),
        manifest.capabilities,
        clock=clock,
        chance=chance.random,
        requests=lambda: client.requests,
    )


def copy(value: Any) -> Any:
    """What a store gives back is never what it was given."""
    return pickle.loads(pickle.dumps(value, -1))


def _check(values: Any) -> None:
    if "\\u0000" in json.dumps(values, default=dict):
        raise NotStorable("DataError")


@dataclass
class Item:
    """An inbox item."""

    run: int
    subject: int
    question: Mapping[str, Any]
    open: bool = True


@dataclass
class MemoryStore:
    """`Store` for one target. `before_call` is asked before and after each port call ("name", "before" | "after")."""

    clock: Clock
    before_call: Callable[[str, str], None] = lambda name, when: None
    copies: bool = True
    events: dict[int, EventRow] = field(default_factory=dict)
    event_keys: set[tuple[int, str]] = field(default_factory=set)
    open: dict[int, None] = field(default_factory=dict)
    refused: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    links: set[tuple[int, int, str]] = field(default_factory=set)
    rows: dict[int, SubjectRow] = field(default_factory=dict)
    by_key: dict[tuple[str, int, str], int] = field(default_factory=dict)
    runs: dict[int, RunRow] = field(default_factory=dict)
    operations: dict[str, OperationRow] = field(default_factory=dict)
    own: list[tuple[float, OwnKey]] = field(default_factory=list)
    inbox: list[Item] = field(default_factory=list)
    transactions: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    """Origin key → the record's version as the vendor gave it."""

    def _copy(self, value: Any) -> Any:
        return copy(value) if self.copies else value

    def _call(self, name: str, work: Callable[[], Any]) -> Any:
        self.before_call(name, "before")
        self.transactions += 1
        out = work()
        self.before_call(name, "after")
        return out

    # -- what intake and pages do ------------------------------------------------------------------------------------

    def arrive(self, source: int, event_key: str, body: bytes) -> None:
        """Intake: one row per event key and connection."""
        if (source, event_key) in self.event_keys:
            return
        self.event_keys.add((source, event_key))
        id = len(self.events) + 1
        self.events[id] = EventRow(id, source, "POST", "", {}, body, self.clock.iso())
        self.open[id] = None

    def answer(self, subject: int, kind: str, value: Any) -> None:
        row = self.rows[subject]
        row.answers[kind] = value
        self.retry(subject)

    def retry(self, subject: int) -> None:
        row = self.rows[subject]
        row.revision += 1
        if row.state != "applying":
            row.state, row.due_at, row.attempts = "due", self.clock.iso(), 0

    # -- the port ----------------------------------------------------------------------------------------------------

    def hold(self) -> bool:
        return self._call("hold", lambda: True)

    def open_events(self, limit: int) -> list[EventRow]:
        return self._call("open_events", lambda: [self.events[id] for id in list(self.open)[:limit]])

    def subjects(self, flow: str, keys: Sequence[tuple[int, str]]) -> list[SubjectRow]:
        def work() -> list[SubjectRow]:
            ids = [self.by_key[flow, *key] for key in keys if (flow, *key) in self.by_key]
            return [self._copy(self.rows[id]) for id in ids]

        return self._call("subjects", work)

    def save_folded(
        self,
        subjects: Sequence[SubjectRow],
        events: Sequence[int],
        links: Sequence[tuple[int, int, str]],
        refused: Mapping[int, Mapping[str, Any]],
    ) -> None:
        def work() -> None:
            _check([given.subject for given in subjects])
            if any(len(given.key) > 2700 for given in subjects):
                raise NotStorable("ProgramLimitExceeded")
            for given in subjects:
                key = (given.flow, given.source, given.key)
                id = self.by_key.get(key)
                if id is None:
                    id = self.by_key[key] = len(self.rows) + 1
                    self.rows[id] = replace(self._copy(given), id=id)
                    continue
                row = self.rows[id]
                row.subject, row.lanes, row.backfill = self._copy(given.subject), given.lanes, given.backfill
                row.revision = max(row.revision, given.revision)
                if row.state != "applying":
                    row.state, row.due_at, row.attempts, row.why = (
                        given.state,
                        given.due_at,
                        given.attempts,
                        given.why,
                    )
            for event in events:
                self.open.pop(event, None)
            self.links.update(links)
            self.refused.update(refused)

        self._call("save_folded", work)

    def take_due(self, now: str, limit: int, held: Sequence[str]) -> list[SubjectRow]:
        return self._take(now, limit, held, backfill=False)

    def take_backfilled(self, now: str, limit: int, held: Sequence[str]) -> list[SubjectRow]:
        return self._take(now, limit, held, backfill=True)

    def _take(self, now: str, limit: int, held: Sequence[str], *, backfill: bool) -> list[SubjectRow]:
        def work() -> list[SubjectRow]:
            lanes = set(held)
            due = [
                row
                for row in self.rows.values()
                if row.state in {"due", "waiting"}
                and row.due_at is not None
                and seconds(row.due_at) <= seconds(now)
                and lanes.isdisjoint(row.lanes)
            ]
            due.sort(key=lambda row: (row.arrived_at, row.id))
            if backfill:
                return [self._copy(row) for row in due if row.backfill][:limit]
            live = [row for row in due if not row.backfill][:limit]
            of_live = {lane for row in live for lane in row.lanes}
            behind = [row for row in due if row.backfill and not of_live.isdisjoint(row.lanes)]
            return [self._copy(row) for row in sorted([*live, *behind], key=lambda row: (row.arrived_at, row.id))]

        return self._call("take_backfilled" if backfill else "take_due", work)

    def own_keys(self, finds: Sequence[tuple[str, str, str]], since: str) -> list[OwnKey]:
        def work() -> list[OwnKey]:
            wanted, start = set(finds), seconds(since)
            return [own for made, own in self.own if made >= start and (own.role, own.by, own.value) in wanted]

        return self._call("own_keys", work)

    def save_decided(self, runs: Sequence[RunRow], subjects: Sequence[SubjectRow], send: Sequence[str]) -> None:
        def work() -> None:
            _check([[run.known, run.questions, [one.values for one in run.operations]] for run in runs])
            sent = set(send)
            for run in runs:
                run.id = len(self.runs) + 1
                stored = self._copy(run)
                if not self.copies:
                    stored = replace(run, operations=[replace(one) for one in run.operations])
                self.runs[run.id] = stored
                for given, row in zip(run.operations, list(stored.operations), strict=True):
                    given.run = row.run = run.id
                    old = self.operations.get(row.key)
                    if old is not None and old.state in {"done", "sent", "unknown"}:
                        given.state, given.external_id = old.state, old.external_id
                        stored.operations.remove(row)
                        continue
                    if old is not None:
                        row.attempts = old.attempts
                        self.runs[old.run].operations = [
                            one for one in self.runs[old.run].operations if one.key != old.key
                        ]
                    self.operations[row.key] = row
                    if row.key in sent:
                        self._sent(row)
                for item in self.inbox:
                    if item.subject == run.subject:
                        item.open = False
                self.inbox.extend(Item(run.id, run.subject, one) for one in stored.questions)
            for given in subjects:
                self._move(given)

        self._call("save_decided", work)

    def _sent(self, row: OperationRow) -> None:
        row.state, row.sent_at = "sent", self.clock.iso()
        row.attempts += 1

    def _move(self, given: SubjectRow) -> None:
        row = self.rows[given.id]
        row.state, row.due_at, row.attempts, row.why = given.state, given.due_at, given.attempts, given.why
        if row.revision > given.revision and given.state not in {"applying", "undone"}:
            row.state, row.due_at = "due", self.clock.iso()

    def unfinished(self) -> list[tuple[SubjectRow, RunRow]]:
        return self._call(
            "unfinished",
            lambda: [
                (self._copy(self.rows[run.subject]), self._copy(run))
                for run in self.runs.values()
                if run.state == "applying"
            ],
        )

    def written(self, keys: Sequence[str]) -> dict[str, str]:
        def work() -> dict[str, str]:
            rows = [self.operations[key] for key in keys if key in self.operations]
            return {row.key: row.external_id for row in rows if row.state == "done" and row.external_id is not None}

        return self._call("written", work)

    def save_results(self, results: Sequence[Result], send: Sequence[str]) -> None:
        def work() -> None:
            _check([[one.external_id, one.record_version, one.error] for one in results])
            for result in results:
                row = self.operations[result.key]
                row.state = result.state
                row.error = dict(result.error) if result.error is not None else None
                row.requests += result.requests
                if result.external_id is not None:
                    row.external_id = result.external_id
                if result.record_version is not None:
                    self.versions[result.key] = result.record_version
                self.own.extend((self.clock.now, self._copy(own)) for own in result.own)
            for key in send:
                self._sent(self.operations[key])

        self._call("save_results", work)

    def finish(
        self,
        runs: Mapping[int, str],
        subjects: Sequence[SubjectRow],
        questions: Sequence[tuple[int, Mapping[str, Any]]],
    ) -> None:
        def work() -> None:
            for id, state in runs.items():
                self.runs[id].state = state
                for one in self.runs[id].operations:
                    if one.verb == "delete" and one.state == "done":
                        self.own = [kept for kept in self.own if kept[1].id != one.external_id]
            for given in subjects:
                self._move(given)
                row = self.rows[given.id]
                row.own = self._copy(given.own)
            for run, one in questions:
                self.inbox.append(Item(run, self.runs[run].subject, one))

        self._call("finish", work)

    def next_due(self) -> str | None:
        def work() -> str | None:
            times = [row.due_at for row in self.rows.values() if row.state in {"due", "waiting"} and row.due_at]
            return min(times, key=seconds, default=None)

        return self._call("next_due", work)


ROLE_MAPS = {
    "account": RoleMap(
        "account", "Accounts", {"name": ("Account_Name",), "phone": ("Phone",), "owner": ("Owner",)}, "Key"
    ),
    "lead": RoleMap(
        "lead",
        "Leads",
        {
            "name": ("Last_Name",),
            "phone": ("Phone", "Mobile"),
            "owner": ("Owner",),
            "status": ("Lead_Status",),
            "converted_contact": ("Converted_Contact",),
        },
        "Key",
    ),
    "contact": RoleMap(
        "contact",
        "Contacts",
        {"name": ("Last_Name",), "phone": ("Phone", "Mobile"), "owner": ("Owner",), "account": ("Account_Name",)},
        "Key",
        {"account": "account"},
    ),
    "deal": RoleMap(
        "deal",
        "Deals",
        {
            "name": ("Deal_Name",),
            "owner": ("Owner",),
            "account": ("Account_Name",),
            "contact": ("Contact_Name",),
            "lead": ("Lead",),
            "stage": ("Stage",),
            "stage_kind": ("Stage_Kind",),
            "created_at": ("Created_Time",),
            "closing_date": ("Closing_Date",),
        },
        "Key",
        {"account": "account", "contact": "contact", "lead": "lead"},
    ),
    "task": RoleMap(
        "task",
        "Tasks",
        {
            "name": ("Subject",),
            "owner": ("Owner",),
            "due": ("Due_Date",),
            "contact": ("Who",),
            "account": ("What_Account",),
            "lead": ("What_Lead",),
            "deal": ("What_Deal",),
            "description": ("Description",),
            "status": ("Status",),
        },
        "Key",
        {"contact": "contact", "account": "account", "lead": "lead", "deal": "deal"},
    ),
    "call": RoleMap(
        "call",
        "Calls",
        {
            "name": ("Subject",),
            "owner": ("Owner",),
            "direction": ("Call_Type",),
            "outcome": ("Call_Result",),
            "started_at": ("Call_Start_Time",),
            "duration_s": ("Seconds",),
            "external_number": ("Caller_ID",),
            "line_number": ("Line",),
            "recording_url": ("Recording",),
            "description": ("Description",),
            "contact": ("Who",),
            "account": ("What_Account",),
            "lead": ("What_Lead",),
            "deal": ("What_Deal",),
        },
        "Key",
        {"contact": "contact", "account": "account", "lead": "lead", "deal": "deal"},
    ),
}
