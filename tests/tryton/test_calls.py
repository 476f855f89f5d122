"""Calls through the calls flow and the engine into a real Tryton. The engine's store is kept in memory; its clock is moved."""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.memory import Clock, MemoryStore, access_of
from tieline.connectors.tryton.connector import Connector
from tieline.connectors.tryton.server import TrytonServer
from tieline.connectors.tryton.shapes import ORGANISATION, PERSON
from tieline.core.facts import CallFact
from tieline.core.record import User
from tieline.engine.events.decide import Rules
from tieline.engine.events.drain import Drain
from tieline.engine.events.lookup import numbers_of
from tieline.flows.calls.flow import FLOW
from tieline.sdk.contract import PushOperation, Written
from tieline.sdk.http import Client
from tieline.sdk.manifest import connector as manifest_of
from tieline.sdk.sandbox import Running
from tieline.sdk.sandbox.faults import Fault
from tieline.sdk.target import target

pytestmark = pytest.mark.real

LINE = "+33186990000"


def number() -> str:
    return f"+33613{secrets.randbelow(10**6):06}"


class Phone:
    """A phone system whose events are CallFacts in JSON."""

    def parse(self, request: Any) -> list[CallFact]:
        return [CallFact(**json.loads(request.body))]


class Office:
    """A workspace whose CRM is the Tryton."""

    def __init__(self, crm: Connector, client: Client, settings: Any, its_target: Any, users: dict[str, User]) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.client = client
        access = access_of(crm, manifest_of("tryton"), client, self.clock, random.Random(1))
        rules = Rules(FLOW, settings, 1, its_target, 7, users)
        phone: Any = Phone()
        self.drain = Drain(self.store, rules, access, sources={1: phone}, numbers=numbers_of("FR"))
        self._events = 0
        self._day = secrets.token_hex(4)  # one server for all tests: a call's key makes its records' keys

    def call(self, external: str, direction: str = "inbound", outcome: str = "answered", **more: Any) -> str:
        """One ended call; its key."""
        self._events += 1
        key = more.pop("call_key", f"{self._day}-{self._events}")
        talk = 0 if outcome != "answered" else 61
        fact = {"call_key": key, "type": "ended", "direction": direction, "external_number": external}
        fact |= {
            "line_number": LINE,
            "outcome": outcome,
            "talk_s": talk,
            "final": True,
            "occurred_at": self.clock.iso(),
        }
        self.store.arrive(1, f"event-{self._events}", json.dumps({**fact, **more}).encode())
        return str(key)

    def refused(self) -> list[tuple[str, Any]]:
        """(slot, error) of every operation that was not written."""
        runs = list(self.store.runs.values())
        return [(row.slot, row.error) for run in runs for row in run.operations if row.state != "done"]

    async def work(self) -> int:
        """Until nothing is left to come; how many requests it took."""
        before = self.client.requests
        for _ in range(200):
            progress = await self.drain.run_until_quiet()
            if progress.next_s is None:
                break
            self.clock.now = max(self.clock.now, progress.next_s) + 0.001
        assert {row.state for row in self.store.rows.values()} <= {"done"}, self.store.rows
        return self.client.requests - before


Open = Callable[..., Any]


@pytest.fixture
async def office(crm: Connector, client: Client, tryton: TrytonServer) -> Open:
    """Makes an office; settings by dotted path ("contact.create"=True) over the defaults for this CRM."""
    await crm.check()
    await crm.prepare([PERSON])
    people = await crm.users()
    its_target = target(manifest_of("tryton"), await crm.describe([]), people)
    users = {one.id: User(one.id, one.name, one.email, one.active) for one in people}
    alice = {"id": str(tryton.seed.employees["Alice Martin"]), "label": "Alice Martin"}
    dorte = {"id": str(tryton.seed.employees["Dorte Holm"]), "label": "Dorte Holm"}

    def make(**changes: Any) -> Office:
        raw = FLOW.defaults(its_target) | {"default_user": dorte, "lines": [{"number": LINE, "manager": alice}]}
        for path, value in changes.items():
            room, _, name = path.partition("__")
            raw[room] = {**raw[room], name: value}
        settings = FLOW.load(raw)
        assert FLOW.check(settings, its_target) == ()
        return Office(crm, client, settings, its_target, users)

    return make


def notes_of(tryton: TrytonServer, resource: str) -> list[str]:
    admin = tryton.admin()
    rows = admin.call("model.ir.note.search_read", [["resource", "=", resource]], 0, None, None, ["message"])
    return [row["message"] for row in rows]


def leads_of(tryton: TrytonServer, reference: str) -> list[dict[str, Any]]:
    fields = ["description", "state", "employee.rec_name"]
    domain = [["reference", "=", reference]]
    found: list[dict[str, Any]] = tryton.admin().call(
        "model.sale.opportunity.search_read", domain, 0, None, None, fields
    )
    return found


@pytest.mark.proves("CALL-4", "CALL-10")
async def test_a_stranger_with_the_defaults(office: Open, tryton: TrytonServer) -> None:
    it = office()
    caller = number()
    it.call(caller, recording_url="https://files.example.com/1.mp3")
    assert await it.work() <= 6
    (lead,) = leads_of(tryton, caller)
    assert lead["state"] == "lead"
    assert lead["employee."]["rec_name"] == "Alice Martin"
    (note,) = notes_of(tryton, f"sale.opportunity,{lead['id']}")
    assert "https://files.example.com/1.mp3" in note
    assert " · 1:01" in note.splitlines()[0]
    it.call(caller, "outbound")
    assert await it.work() <= 5
    assert len(leads_of(tryton, caller)) == 1
    assert len(notes_of(tryton, f"sale.opportunity,{lead['id']}")) == 2


@pytest.mark.proves("CALL-19")
async def test_a_recording_that_comes_later(office: Open, tryton: TrytonServer) -> None:
    it = office()
    caller = number()
    key = it.call(caller)
    await it.work()
    late = {"type": "recording_ready", "final": False, "recording_url": "https://files.example.com/late.mp3"}
    it.call(caller, call_key=key, **late)
    await it.work()
    (lead,) = leads_of(tryton, caller)
    resource = f"sale.opportunity,{lead['id']}"
    assert len(notes_of(tryton, resource)) == 1
    domain = [["resource", "=", resource]]
    (file,) = tryton.admin().call("model.ir.attachment.search_read", domain, 0, None, None, ["link"])
    assert file["link"] == "https://files.example.com/late.mp3"


@pytest.mark.proves("CALL-22")
async def test_a_withheld_number_has_nobody_to_hang_on(office: Open, tryton: TrytonServer) -> None:
    it = office()
    before = tryton.admin().call("model.ir.note.search_count", [])
    it.call("anonymous")
    assert await it.work() == 0
    assert tryton.admin().call("model.ir.note.search_count", []) == before


@pytest.mark.proves("CALL-15")
async def test_tasks_are_refused_when_the_rule_is_saved(crm: Connector, tryton: TrytonServer) -> None:
    its_target = target(manifest_of("tryton"), await crm.describe([]), await crm.users())
    raw = FLOW.defaults(its_target)
    assert raw["task"]["create"] is False
    raw["default_user"] = {"id": str(tryton.seed.employees["Alice Martin"])}
    raw["task"] = {**raw["task"], "create": True}
    (clash,) = FLOW.check(FLOW.load(raw), its_target)
    assert clash.rules == ("task.create",)


async def test_every_rule_on(office: Open, crm: Connector, tryton: TrytonServer) -> None:
    it = office(account__create=True, contact__create=True, deal__when="none")
    caller = number()
    it.call(caller)
    await it.work()
    (person,) = await crm.find(PERSON, ["phone"], [caller], ["name", "organisation"])
    (organisation,) = await crm.find(ORGANISATION, ["phone"], [caller], ["name"])
    assert person.fields["organisation"] == organisation.id
    (deal,) = await crm.find("sale.opportunity/deal", ["organisation"], [organisation.id], ["stage", "owner"])
    owner = str(tryton.seed.employees["Alice Martin"])
    assert (deal.fields["stage"], deal.fields["owner"]) == ("opportunity", owner)
    assert len(notes_of(tryton, f"party.party,{person.id}")) == 1
    assert len(leads_of(tryton, caller)) == 1
    it.call(caller)
    assert await it.work() <= 8
    assert len(notes_of(tryton, f"party.party,{person.id}")) == 2


async def test_a_known_caller_is_logged_where_he_is_known(office: Open, crm: Connector, tryton: TrytonServer) -> None:
    it = office()
    caller = number()
    values = {"name": "Known", "mobile": caller}
    (party,) = await crm.push([PushOperation(secrets.token_hex(8), "create", ORGANISATION, values)])
    assert isinstance(party, Written)
    it.call("0" + caller[3:])
    await it.work()
    assert len(notes_of(tryton, f"party.party,{party.id}")) == 1
    assert leads_of(tryton, caller) == []


async def test_a_hundred_strangers_at_once(office: Open, tryton: TrytonServer) -> None:
    it = office()
    callers = {f"+33614{index:06}" for index in random.Random(5).sample(range(10**6), 100)}
    for caller in sorted(callers):
        it.call(caller)
    assert await it.work() <= 20
    for caller in sorted(callers)[:5]:
        (lead,) = leads_of(tryton, caller)
        assert len(notes_of(tryton, f"sale.opportunity,{lead['id']}")) == 1


@pytest.mark.parametrize("seed", range(2))
async def test_broken_answers_double_nothing(office: Open, proxy: Running, tryton: TrytonServer, seed: int) -> None:
    """Every third request is lost on its way there or back, until all is done."""
    it = office(account__create=True, contact__create=True, deal__when="none")
    chance = random.Random(seed)
    callers = sorted({f"+336154{seed}{index:04}" for index in chance.sample(range(10**4), 6)})
    side = proxy.side("tryton")
    for _ in range(10):
        kind, when = chance.choice(["drop", "html", "status"]), chance.choice(["before", "after"])
        side.faults.append(Fault(kind=kind, when=when, status=502, skip=chance.randrange(3)))  # type: ignore[arg-type]
    for caller in callers:
        it.call(caller)
        it.call(caller, "outbound")
    await it.work()
    side.faults.clear()
    assert it.refused() == []
    admin = tryton.admin()
    for caller in callers:
        assert len(leads_of(tryton, caller)) == 1
        domain = [["contact_mechanisms.value_compact", "=", caller]]
        parties = admin.call("model.party.party.search", domain, 0, None, None)
        assert len(parties) == 2
        assert admin.call("model.sale.opportunity.search_count", [["party", "in", parties]]) == 1
        resources = [f"party.party,{party}" for party in parties]
        assert admin.call("model.ir.note.search_count", [["resource", "in", resources]]) == 2
