"""Back-fills in a worker: a list of the SipSim sandbox fetched into Postgres and folded, taken over from the dead, begun where
events may be missing."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import random
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.engine.calls import ALL_ON, BASE, TARGET, USERS
from tests.engine.crm import ZOHO, MemoryCrm
from tests.engine.memory import ROLE_MAPS
from tests.jobs.test_worker import running, until
from tests.store.playing import Playing, playing
from tieline.connectors.sipsim.connector import Connector
from tieline.engine.access import Access
from tieline.engine.events.decide import Rules
from tieline.engine.events.drain import Drain
from tieline.engine.events.lookup import numbers_of
from tieline.engine.ports import Fetched
from tieline.flows.calls import FLOW
from tieline.jobs.backfilling import Backfilling, look_round
from tieline.store import backfills
from tieline.store import secrets as sealing
from tieline.store.backfills import StoredBackfill
from tieline.store.drain_store import DrainStore
from tieline.store.pool import Rows, connect
from tieline.wiring import Threads, Wiring

if TYPE_CHECKING:
    from tests.conftest import Installation

TOKEN = "sandbox-token"


class Now:
    """The real time, as the memory CRM reads it."""

    @property
    def now(self) -> float:
        return time.time()

    def __call__(self) -> float:
        return time.time()


@dataclass
class Firm:
    """A workspace with SipSim's sandbox as source and a CRM in memory as target."""

    installation: Installation
    workspace: int
    source: int
    target: int
    user: Any
    crm: MemoryCrm

    def rows(self, query: Any, *values: object) -> list[Any]:
        with connect(self.installation.app, workspace=self.workspace) as link:
            found = link.execute(query, values)
            return found.fetchall() if found.description else []

    def state(self) -> list[Any]:
        query = "SELECT why, state, listed, missing, completed FROM store_backfill WHERE connection_id = %s ORDER BY id"
        return self.rows(query, self.source)

    def deliver(self, *deliveries: Any) -> None:
        """As intake does, of a source that signs nothing."""
        rows = [
            {
                "c": self.source,
                "k": uuid.uuid4().hex,
                "t": "2026-11-21T10:00:00Z",
                "m": one.method,
                "q": one.query,
                "h": {},
                "b": base64.b64encode(one.body).decode(),
            }
            for one in deliveries
        ]
        with psycopg.connect(self.installation.app) as link:
            link.execute("SELECT store_accept(%s::json)", [json.dumps(rows)])


@pytest.fixture(scope="module")
def sandbox(installation: Installation) -> Iterator[Playing]:
    with playing(["sipsim"]) as run:
        os.environ["TIELINE_SANDBOX_URL"] = run.url
        yield run
        os.environ.pop("TIELINE_SANDBOX_URL", None)


@pytest.fixture
def firm(installation: Installation, sandbox: Playing) -> Firm:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection, FlowSetting, FlowSource, FlowVersion
    from tieline.store.services import connections
    from tieline.store.team import people

    sandbox.sipsim.reset(everything=False)
    tag = secrets.token_hex(4)
    workspace = people.create_workspace(f"Firm {tag}", zone="Europe/Paris", country="FR")
    user = people.create_user(f"anna.{tag}@nordlys.example", "Anna Krogh", None)
    people.add_member(workspace, user, "admin")
    source = connections.connect(workspace.pk, user, "sipsim", {"token": TOKEN}, environment="sandbox")
    with workspace_tx(workspace.pk):
        target = Connection.objects.create(workspace=workspace, connector="zoho_crm", title="CRM")
        setting, _ = FlowSetting.objects.get_or_create(workspace=workspace, flow="calls")
        setting.target, setting.live, setting.version = target, True, 1
        setting.save()
        FlowSource.objects.get_or_create(workspace=workspace, setting=setting, source=source)
        raw = FLOW.load(BASE | ALL_ON).model_dump(mode="json")
        FlowVersion.objects.create(workspace=workspace, setting=setting, number=1, settings=raw)
    return Firm(installation, workspace.pk, source.pk, target.pk, user, MemoryCrm(Now()))  # type: ignore[arg-type]


def calls(sandbox: Playing, count: int, began: float) -> list[Any]:
    """Calls of the last hours that nobody was told of, in the sandbox's list."""
    values = [
        {
            "pbx_id": f"call_{index}",
            "number": f"+336120{index % 40:05d}",
            "lines": ["+33140000001"],
            "outcome": "missed" if index % 3 == 0 else "answered",
            "started": began + index,
        }
        for index in range(count)
    ]
    sandbox.sipsim.store({"calls": values})
    return list(sandbox.sipsim.calls[-count:])


async def fetch(firm: Firm, worker: uuid.UUID | None = None) -> None:
    """What a worker does until nothing is due."""
    async with Wiring.open(firm.installation.app, sealing.installed()) as wiring:
        one = Backfilling(wiring, worker or uuid.uuid4())
        async with asyncio.timeout(60):
            while any(state == "running" for _, state, *_ in await asyncio.to_thread(firm.state)):
                await one.take()
                await asyncio.sleep(0.02)
        await one.stop()


async def drain(firm: Firm) -> MemoryCrm:
    crm = firm.crm
    threads = Threads(2)
    store = DrainStore(firm.installation.app, firm.workspace, firm.target, uuid.uuid4())
    access = Access(
        crm, ROLE_MAPS, ZOHO, clock=time.time, chance=random.random, requests=lambda: crm.requests, run=threads
    )
    rules = Rules(FLOW, FLOW.load(BASE | ALL_ON), 1, TARGET, firm.workspace, USERS)
    sources = {firm.source: Connector(None)}  # type: ignore[arg-type]
    one = Drain(store.of_flow("calls"), rules, access, sources=sources, numbers=numbers_of("FR"), run=threads)
    try:
        progress = await one.run_until_quiet()
        assert progress.stopped is None
    finally:
        store.release()
        threads.close()
    return crm


@pytest.fixture
def rows(installation: Installation) -> Iterator[Rows]:
    with contextlib.closing(Rows(installation.app)) as found:
        yield found


def begin(firm: Firm, since: float, why: str = "hand") -> None:
    with contextlib.closing(Rows(firm.installation.app)) as rows, rows.tx(firm.workspace) as link:
        assert backfills.start(link, firm.workspace, firm.source, why, since, time.time()) is not None


@pytest.mark.proves("CALL-21", "CALL-19")
def test_a_list_becomes_calls_and_what_was_delivered_is_not_doubled(firm: Firm, sandbox: Playing) -> None:
    from tieline.connectors.sipsim.sandbox_events import events_of

    began = time.time() - 7200
    made = calls(sandbox, 1200, began)
    whole, started = made[:100], made[100:200]
    firm.deliver(*(one for call in whole for one in events_of(call)), *(events_of(call)[0] for call in started))
    asyncio.run(drain(firm))
    begin(firm, began - 60)
    asyncio.run(fetch(firm))
    assert firm.state() == [("hand", "done", 1200, 1000, 100)]
    crm = asyncio.run(drain(firm))
    states = firm.rows("SELECT state, backfill, count(*) FROM store_subject GROUP BY 1, 2 ORDER BY 2")
    assert states == [("done", False, 100), ("done", True, 1100)]
    assert crm.count("Calls") == 1200
    methods = firm.rows("SELECT count(*) FROM store_event WHERE method = 'LIST'")
    assert methods == [(1100,)]
    begin(firm, began - 60)
    asyncio.run(fetch(firm))
    assert firm.state()[-1] == ("hand", "done", 1200, 0, 0), "a second look finds nothing"
    assert firm.rows("SELECT count(*) FROM store_event WHERE method = 'LIST'") == methods


@pytest.mark.proves("HUB-5", "CALL-21")
def test_what_a_dead_worker_leaves_is_gone_on_with_and_it_cannot_write_any_more(
    firm: Firm, sandbox: Playing, rows: Rows
) -> None:
    calls(sandbox, 30, time.time() - 3600)
    begin(firm, time.time() - 4000)
    dead = uuid.uuid4()
    claimed = backfills.claim(rows, dead)
    while claimed is not None and claimed[2] != firm.source:  # another test's
        claimed = backfills.claim(rows, dead)
    assert claimed is not None
    store = StoredBackfill(rows, firm.workspace, claimed[0], firm.source, dead)
    one = Fetched("call_0", "k", [{"call_key": "call_0", "type": "other"}], is_missing=True)
    assert store.save_page([one], 1, None)
    assert backfills.claim(rows, uuid.uuid4()) is None, "it is leased"
    firm.rows(
        "UPDATE store_backfill SET leased_until = now() - interval '1 second' WHERE connection_id = %s", firm.source
    )
    asyncio.run(fetch(firm))
    assert firm.state() == [("hand", "done", 31, 31, 0)]
    assert not store.save_page([one], 1, None)
    store.finish({"code": "error.internal"})
    assert firm.state()[0][1] == "done"


@pytest.mark.proves("CALL-21")
def test_a_stop_by_a_person_holds(firm: Firm, sandbox: Playing, rows: Rows) -> None:
    from tieline.store.services import backfill as service
    from tieline.store.services.declined import DeclinedError

    calls(sandbox, 30, time.time() - 3600)
    begin(firm, time.time() - 4000)
    worker = uuid.uuid4()
    claimed = backfills.claim(rows, worker)
    assert claimed is not None
    store = StoredBackfill(rows, firm.workspace, claimed[0], firm.source, worker)
    assert service.stop(firm.workspace, firm.user, firm.source).state == "stopped"
    assert not store.save_page([], 0, None)
    with pytest.raises(DeclinedError, match="none_running"):
        service.stop(firm.workspace, firm.user, firm.source)


@pytest.mark.proves("CALL-21")
def test_trouble_at_the_vendor_is_kept_with_it(firm: Firm, sandbox: Playing) -> None:
    begin(firm, time.time() - 4000)
    sandbox.fault("sipsim", kind="status", status=403, times=1)
    asyncio.run(fetch(firm))
    [(state, trouble)] = firm.rows("SELECT state, trouble FROM store_backfill WHERE connection_id = %s", firm.source)
    assert (state, trouble["code"]) == ("failed", "error.scope")


@pytest.mark.proves("CALL-21")
def test_this_installation_was_away_so_the_list_is_looked_at(firm: Firm, rows: Rows) -> None:
    look_round(rows)
    assert firm.state() == [], "a source that was just connected lacks nothing"
    away = "UPDATE store_cursor SET moved_at = now() - interval '2 hours' WHERE connection_id = %s"
    firm.rows(away, firm.source)
    firm.rows("UPDATE store_connection SET created = now() - interval '5 hours' WHERE id = %s", firm.source)
    look_round(rows)
    look_round(rows)
    assert [one[:2] for one in firm.state()] == [("gap", "running")]
    [(since,)] = firm.rows(
        "SELECT extract(epoch FROM now() - since)::float8 FROM store_backfill WHERE connection_id = %s", firm.source
    )
    assert 7200 <= since < 7200 + 700
    asyncio.run(fetch(firm))
    look_round(rows)
    assert [one[:2] for one in firm.state()] == [("gap", "done")]


@pytest.mark.proves("CALL-21")
def test_a_call_without_an_end_has_the_list_looked_at_before_its_wait_is_over(
    firm: Firm, sandbox: Playing, rows: Rows
) -> None:
    [call] = calls(sandbox, 1, time.time() - 4 * 3600 + 300)
    from tieline.connectors.sipsim.sandbox_events import events_of

    firm.deliver(events_of(call)[0])
    firm.rows("UPDATE store_connection SET created = now() - interval '9 hours' WHERE id = %s", firm.source)
    arrived = "UPDATE store_event SET received_at = now() - interval '3 hours 55 minutes' WHERE connection_id = %s"
    firm.rows(arrived, firm.source)
    asyncio.run(drain(firm))
    assert firm.rows("SELECT state FROM store_subject") == [("waiting",)]
    look_round(rows)
    assert [one[:2] for one in firm.state()] == [("no_end", "running")]
    asyncio.run(fetch(firm))
    asyncio.run(drain(firm))
    [(state, subject)] = firm.rows("SELECT state, subject FROM store_subject")
    assert (state, subject["result"]) == ("done", "missed")


@pytest.mark.proves("CALL-21")
def test_a_source_without_a_token_or_paused_is_not_looked_at(firm: Firm, rows: Rows) -> None:
    firm.rows("UPDATE store_connection SET created = now() - interval '3 days' WHERE id = %s", firm.source)
    firm.rows("UPDATE store_connection SET state = 'paused' WHERE id = %s", firm.source)
    look_round(rows)
    assert firm.state() == []
    firm.rows("UPDATE store_connection SET state = 'active' WHERE id = %s", firm.source)
    firm.rows("DELETE FROM store_secret WHERE connection_id = %s AND name = 'token'", firm.source)
    look_round(rows)
    assert firm.state() == []


@pytest.mark.proves("CALL-21", "HUB-5")
async def test_a_worker_takes_up_what_is_due_and_one_that_ends_leaves_it_to_the_next(
    firm: Firm, sandbox: Playing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(self: Wiring, store: DrainStore) -> dict[str, Any]:
        return {}

    monkeypatch.setattr(Wiring, "drains", nothing)
    calls(sandbox, 40, time.time() - 3600)
    sandbox.running.side("sipsim").latency = 2.0
    begin(firm, time.time() - 4000)

    def leased() -> bool:
        query = "SELECT worker IS NOT NULL FROM store_backfill WHERE connection_id = %s"
        return firm.rows(query, firm.source) == [(True,)]

    async with running(firm.installation):
        await until(leased, "a worker that takes it up")
    assert not leased(), "a worker that ends lets go of it"
    assert firm.state()[0][1] == "running"
    sandbox.running.side("sipsim").latency = 0.0
    async with running(firm.installation):
        await until(lambda: firm.state()[0][1] == "done", "its end")
    assert firm.state() == [("hand", "done", 40, 40, 0)]
