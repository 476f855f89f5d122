# ruff: noqa: ARG002  (the shapes of protocols)
"""A small flow, and everything that a drain needs on memory ports."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.engine.crm import ZOHO, MemoryCrm
from tests.engine.memory import ROLE_MAPS, Clock, MemoryStore
from tieline.core.facts import CallFact
from tieline.core.flow import Folded, Target
from tieline.core.plan import Considered, Find, Known, Notice, Operation, Plan, Question
from tieline.core.reasons import because
from tieline.core.record import Local, Ref
from tieline.engine.access import Access
from tieline.engine.events.decide import Rules
from tieline.engine.events.drain import Drain, Limits, Progress
from tieline.engine.events.lookup import numbers_of
from tieline.sdk.contract import Files, Request
from tieline.sdk.manifest import Capabilities

MOST_ROUNDS = 500
"""Times that the clock is moved before a test says that there is no end."""
BECAUSE = because("outcome.gone", slot="x")


def body(key: str, number: str, kind: str = "ended", **more: Any) -> bytes:
    return json.dumps({"key": key, "n": number, "kind": kind, **more}).encode()


class Phone:
    """The events side of a made-up phone system."""

    def arrive(self, request: Request, secrets: Mapping[str, str], now_s: float) -> Any:
        raise NotImplementedError

    def parse(self, request: Request) -> list[CallFact]:
        raw = json.loads(request.body)
        kind = raw["kind"]
        return [
            CallFact(
                raw["key"],
                kind,
                external_number=raw["n"],
                recording_url=raw.get("url"),
                final=kind == "ended",
                occurred_at=raw.get("at"),
            )
        ]


@dataclass
class TinyFlow:
    """One lead per unknown number, one deal per lead, one call each; a recording that comes later is put on the call."""

    name: str = "tiny"
    ask: bool = False
    lookups_run: int = 0

    def load(self, raw: Mapping[str, Any]) -> Any:
        return raw

    def defaults(self, target: Target) -> dict[str, Any]:
        return {}

    def needs(self, settings: Any) -> tuple[()]:
        return ()

    def check(self, settings: Any, target: Target) -> tuple[()]:
        return ()

    def fold(self, subject: Mapping[str, Any] | None, facts: Sequence[Mapping[str, Any]], settings: Any) -> Folded:
        new = dict(subject or {"ended": False, "url": None})
        for fact in facts:
            new["key"], new["n"] = fact["call_key"], fact["external_number"]
            new["ended"] = new["ended"] or fact["type"] == "ended"
            new["url"] = fact.get("recording_url") or new["url"]
        return Folded(new, new["ended"], None, new != subject)

    def expire(self, subject: Mapping[str, Any], settings: Any) -> Folded:
        return Folded({**subject, "ended": True}, True)

    def lanes(self, subject: Mapping[str, Any], settings: Any) -> tuple[str, ...]:
        return (f"phone:{subject['n']}",)

    def reads(self) -> Mapping[str, tuple[str, ...]]:
        return {"lead": ("name", "phone"), "deal": ("name", "lead")}

    def lookups(self, subject: Mapping[str, Any], known: Known, settings: Any) -> tuple[Find, ...]:
        self.lookups_run += 1
        if "call" in known.own:
            return ()
        person = Find("lead", "phone", subject["n"])
        leads = known.found.get(person)
        if leads is None:
            return (person,)
        if leads:
            deals = Find("deal", "lead", leads[0].id)
            if deals not in known.found:
                return (deals,)
        return ()

    def decide(self, subject: Mapping[str, Any], known: Known, settings: Any, target: Target) -> Plan:
        operations: list[Operation] = []
        number, key = subject["n"], subject["key"]
        call = known.own.get("call")
        if call is not None:
            if subject["url"] and call.values.get("recording_url") != subject["url"]:
                values = {"recording_url": subject["url"]}
                operations.append(Operation("call.recording", "update", "call", values, BECAUSE, call.ref))
            return Plan(tuple(operations))
        leads = known.found[Find("lead", "phone", number)]
        own = known.own.get("lead")
        if own is not None:
            lead: Ref | Local = own.ref
        elif leads:
            if self.ask and len(leads) > 1 and "several" not in known.answers_given:
                return Plan(questions=(Question("several", BECAUSE, tuple(leads)),))
            lead = leads[0].ref
        else:
            lead = Local("lead")
            values = {"name": number, "phone": number}
            operations.append(Operation("lead", "create", "lead", values, BECAUSE, match_keys=(("phone", number),)))
        deals = known.found[Find("deal", "lead", lead.id)] if isinstance(lead, Ref) and leads else ()
        if not deals and "deal" not in known.own:
            values = {"name": number, "lead": lead}
            operations.append(Operation("deal", "create", "deal", values, BECAUSE, match_keys=(("lead", lead),)))
        values = {"name": key, "lead": lead, "external_number": number, "recording_url": subject["url"]}
        operations.append(Operation("call", "create", "call", values, BECAUSE))
        notices = (Notice("line", "unknown", BECAUSE),)
        return Plan(tuple(operations), notices=notices, considered=(Considered("lead", not leads, BECAUSE),))


@dataclass
class Bench:
    """A store, a CRM and a flow; `drain()` makes a new process on them."""

    flow: Any = field(default_factory=TinyFlow)
    settings: Any = None
    target: Target = field(default_factory=Target)
    capabilities: Capabilities = ZOHO
    live: bool = True
    users: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    files: Mapping[int, Files] = field(default_factory=dict)
    settle: Mapping[int, float] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    seed: int = 1
    sources: Mapping[int, Any] = field(default_factory=lambda: {1: Phone(), 2: Phone()})

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.clock)
        self.crm = MemoryCrm(self.clock, self.capabilities)
        self.random = random.Random(self.seed)
        self.arrived = 0

    def drain(self) -> Drain:
        access = Access(
            self.crm,
            ROLE_MAPS,
            self.capabilities,
            clock=self.clock,
            chance=self.random.random,
            requests=lambda: self.crm.requests,
        )
        rules = Rules(self.flow, self.settings, 1, self.target, 7, self.users)
        return Drain(
            self.store,
            rules,
            access,
            sources=self.sources,
            numbers=numbers_of("FR"),
            files=self.files,
            settle=self.settle,
            live=self.live,
            limits=self.limits,
        )

    def event(self, key: str, number: str, kind: str = "ended", source: int = 1, **more: Any) -> None:
        """One event, of its own event key unless `event_key` is given."""
        self.arrived += 1
        name = more.pop("event_key", f"e{self.arrived}")
        self.store.arrive(source, name, body(key, number, kind, **more))

    async def quiet(self, drain: Drain | None = None, *, until: Callable[[], bool] = lambda: False) -> Progress:
        """Drains and moves the clock to whenever there is more to do, until nothing is left to come."""
        drain = drain or self.drain()
        for _ in range(MOST_ROUNDS):
            progress = await drain.run_until_quiet()
            if progress.stopped is not None or progress.next_s is None or until():
                return progress
            self.clock.now = max(self.clock.now, progress.next_s) + 0.001
            await asyncio.sleep(0)  # what goes on beside the drain
        raise AssertionError("it never comes to an end")

    def states(self) -> dict[str, int]:
        out: dict[str, int] = {}
        for row in self.store.rows.values():
            out[row.state] = out.get(row.state, 0) + 1
        return out
