"""The drain on the real store: what the memory ports promise, Postgres keeps too."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import psycopg
import pytest

from tests.engine.calls import ALL_ON, BASE, TARGET, USERS, FactPhone
from tests.engine.crm import ZOHO, MemoryCrm
from tests.engine.memory import ROLE_MAPS, Killed
from tieline.core.facts import CallFact
from tieline.engine.access import Access
from tieline.engine.events.decide import Rules
from tieline.engine.events.drain import Drain
from tieline.engine.events.lookup import numbers_of
from tieline.engine.ports import RunRow
from tieline.flows.calls import FLOW
from tieline.store.drain_store import DrainStore
from tieline.wiring import Threads

if TYPE_CHECKING:
    from tests.conftest import Company, Installation


class Now:
    """The real time, as the memory CRM reads it."""

    @property
    def now(self) -> float:
        return time.time()

    def __call__(self) -> float:
        return time.time()


class Mortal:
    """A store whose process dies around a port call now and then."""

    def __init__(self, store: Any, chance: random.Random, one_in: int) -> None:
        self._store = store
        self._chance = chance
        self.one_in = one_in

    def __getattr__(self, name: str) -> Any:
        port = getattr(self._store, name)

        def call(*given: Any) -> Any:
            dies = self._chance.randrange(self.one_in) if self.one_in else 1
            if dies == 0 and self._chance.random() < 0.5:
                raise Killed(name)
            out = port(*given)
            if dies == 0:
                raise Killed(name)
            return out

        return call


def deliver(installation: Installation, company: Company, facts: list[CallFact]) -> None:
    """Acknowledged events, as intake keeps them."""
    with psycopg.connect(installation.admin) as link:
        link.execute("SELECT set_config('app.workspace', %s, false)", [str(company.workspace)])
        for fact in facts:
            row = link.execute(
                "INSERT INTO store_event (workspace_id, connection_id, epoch, key, received_at, method, query, headers, body)"
                " VALUES (%s, %s, 1, %s, now(), 'POST', '', '{}', %s) RETURNING id",
                [company.workspace, company.source, uuid.uuid4(), orjson.dumps([fact.to_json()])],
            ).fetchone()
            assert row is not None
            link.execute(
                "INSERT INTO store_openevent (event_id, workspace_id, source_id, target_id) VALUES (%s, %s, %s, %s)",
                [row[0], company.workspace, company.source, company.target],
            )


def ended(index: int, number: str) -> CallFact:
    return CallFact(
        f"c{index}",
        "ended",
        "2026-11-18T10:00:00Z",
        "inbound",
        external_number=number,
        line_number="+33140000001",
        outcome="missed" if index % 3 == 0 else "answered",
        talk_s=0 if index % 3 == 0 else 60,
        final=True,
    )


@pytest.mark.proves("CALL-19", "CALL-23", "HUB-5")
@pytest.mark.parametrize("seed", [1, 2])
async def test_deaths_and_lost_answers_on_postgres(installation: Installation, company: Company, seed: int) -> None:
    chance = random.Random(seed)
    crm = MemoryCrm(Now())  # type: ignore[arg-type]
    threads = Threads(2)
    rules = Rules(FLOW, FLOW.load(BASE | ALL_ON), 1, TARGET, company.workspace, USERS)
    calls = [(index, f"+3361200{chance.randrange(12):04d}") for index in range(40)]
    deaths = 0
    mortality = 9

    async def life() -> bool:
        """Drains until it dies (False) or is quiet and nothing is left to come."""
        store = DrainStore(installation.app, company.workspace, company.target, uuid.uuid4())
        access = Access(
            crm, ROLE_MAPS, ZOHO, clock=time.time, chance=chance.random, requests=lambda: crm.requests, run=threads
        )
        drain = Drain(
            Mortal(store.of_flow("calls"), chance, mortality),  # type: ignore[arg-type]
            rules,
            access,
            sources={company.source: FactPhone()},
            numbers=numbers_of("FR"),
            run=threads,
        )
        try:
            while True:
                progress = await drain.run_until_quiet()
                assert progress.stopped is None
                if progress.elsewhere:  # Postgres needs a moment to see that the last session is gone
                    await asyncio.sleep(0.05)
                    continue
                if progress.next_s is None:
                    return True
                await asyncio.sleep(max(0.0, progress.next_s - time.time()) + 0.01)
        except Killed:
            return False
        finally:
            store.release()

    for start in range(0, len(calls), 10):
        deliver(installation, company, [ended(*call) for call in calls[start : start + 10]])
        crm.faults.extend(chance.choices(["", "lost after", "lost before", "killed after", "500 after", "short"], k=4))
        for _ in range(3):
            deaths += not await life()
    late = [CallFact(f"c{index}", "recording_ready", recording_url=f"https://r/{index}") for index, _ in calls[::7]]
    deliver(installation, company, late)
    crm.faults.clear()
    while not await life():
        deaths += 1
        if deaths > 12:
            mortality = 0
    assert deaths > 3
    numbers = Counter(dict.fromkeys([number for _, number in calls], 1))
    for object in ("Accounts", "Leads", "Contacts"):
        assert Counter(one["Phone"] for one in crm.all(object)) == numbers
    assert crm.count("Deals") == len(numbers)
    assert Counter(one["Caller_ID"] for one in crm.all("Calls")) == Counter(number for _, number in calls)
    assert crm.count("Tasks") == len([1 for index, _ in calls if index % 3 == 0])
    urls = Counter(one["Recording"] for one in crm.all("Calls") if one.get("Recording"))
    assert urls == Counter(f"https://r/{index}" for index, _ in calls[::7])
    with psycopg.connect(installation.admin) as link:
        link.execute("SELECT set_config('app.workspace', %s, false)", [str(company.workspace)])
        states = link.execute(
            "SELECT state, count(*) FROM store_subject WHERE target_id = %s GROUP BY state", [company.target]
        ).fetchall()
        open_runs = link.execute(
            "SELECT count(*) FROM store_run WHERE target_id = %s AND state = 'applying'", [company.target]
        ).fetchone()
        spent = link.execute(
            "SELECT sum(requests) FROM store_operation WHERE target_id = %s", [company.target]
        ).fetchone()
    assert states == [("done", len(calls))]
    assert open_runs == (0,)
    assert spent is not None
    assert 0 < spent[0] <= crm.requests
    threads.close()


@pytest.mark.proves("HUB-5")
async def test_a_line_without_end_keeps_nobody_up(installation: Installation, company: Company) -> None:
    """Its number goes into a topic, which stands in an index."""
    chance = random.Random(1)
    crm = MemoryCrm(Now(), ZOHO.model_copy(update={"search_lag_s": 0}))  # type: ignore[arg-type]
    store = DrainStore(installation.app, company.workspace, company.target, uuid.uuid4())
    access = Access(
        crm, ROLE_MAPS, crm.capabilities, clock=time.time, chance=chance.random, requests=lambda: crm.requests
    )
    rules = Rules(FLOW, FLOW.load(BASE), 1, TARGET, company.workspace, USERS)
    drain = Drain(store, rules, access, sources={company.source: FactPhone()}, numbers=numbers_of("FR"))
    line = "".join(chance.choice("abcdefghijklmnopqrstuvwxyzé") for _ in range(9000))
    deliver(installation, company, [replace(ended(2, "+33612345679"), line_number=line), ended(1, "+33612345678")])
    try:
        await drain.run_until_quiet()
        assert crm.count("Calls") == 2
        # And were it to come from elsewhere, the store cuts it.
        keep = uuid.uuid4().hex
        decided = RunRow(0, 0, 1, "nothing", 1, {}, [], [], [], "2026-11-18T10:00:00Z")
        decided.subject = next(iter(store.subjects("calls", [(company.source, "c1")]))).id
        decided.notices = [{"kind": keep, "topic": line, "reason": {"code": "outcome.gone"}}]
        store.save_decided([decided], [], [])
    finally:
        store.release()
