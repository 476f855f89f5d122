"""Thousands of deliveries that nobody meant: none is a fault of the server, none is stored wrongly, and nothing stops for them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import re
import secrets
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.engine.calls import BASE, TARGET, USERS
from tests.engine.crm import ZOHO, MemoryCrm
from tests.engine.memory import ROLE_MAPS
from tests.engine.test_on_postgres import Now
from tests.intake.fuzz import SECRET, SECRETS, Door, Maker, Sent, fixtures, signed
from tests.intake.test_protocol import port
from tieline.api.intake import LARGEST
from tieline.api.protocol import LARGEST_HEAD
from tieline.core.errors import ProtocolError
from tieline.engine.access import Access
from tieline.engine.events.decide import Rules
from tieline.engine.events.drain import Drain
from tieline.engine.events.lookup import numbers_of
from tieline.flows.calls import FLOW
from tieline.sdk.manifest import load
from tieline.store import secrets as sealing
from tieline.store.drain_store import DrainStore
from tieline.wiring import Threads

if TYPE_CHECKING:
    from tests.conftest import Company, Installation

__all__ = ["port"]

AT_ONCE = 24
EXPECTED = {202, 400, 401, 404, 405, 408, 413, 431}


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused asks the database first, not more than twice a second: how long that takes is not looked at here."""
    from tieline.api import sources

    monkeypatch.setattr(sources, "AGAIN_S", 0.0)


@pytest.fixture(autouse=True)
def faultless(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What is odd is refused by somebody who expected it: nothing of ours breaks."""
    yield
    assert [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []


@pytest.fixture
def doors(installation: Installation, company: Company) -> list[Door]:
    """Each phone system twice, with a secret and without, all of them into one flow."""
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection, FlowSource
    from tieline.store.pool import connect
    from tieline.store.public_ids import intake_hash
    from tieline.store.vendor_tokens import write_secret

    doors = []
    for name, field in SECRETS.items():
        for secret in ("", SECRET):
            key = secrets.token_urlsafe(12)
            with workspace_tx(company.workspace):
                made = Connection.objects.create(
                    workspace_id=company.workspace, connector=name, title=name, intake_hash=intake_hash(key)
                )
                FlowSource.objects.create(workspace_id=company.workspace, setting_id=company.setting, source=made)
            if secret:
                with connect(installation.app, workspace=company.workspace) as link:
                    write_secret(link, sealing.installed(), company.workspace, made.pk, field, secret)
            doors.append(Door(made.pk, name, key, secret))
    return doors


async def send(port: int, sent: Sent, chance: random.Random) -> int:
    """The status of the answer; 0: the connection was closed without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(60):
            try:
                writer.write(sent.wire(chance))
                if not sent.whole and (sent.declared or 0) <= len(sent.body) + 7:
                    await writer.drain()
                    return 0
                await writer.drain()
            except ConnectionError:
                pass  # it answered before all was sent: the answer is to be read
            try:
                head = await reader.readline()
                while head.startswith(b"HTTP/1.1 1"):  # go on
                    await reader.readline()
                    head = await reader.readline()
            except ConnectionError:
                return 0
            return int(head.split()[1]) if head else 0
    finally:
        writer.close()


def event_key(sent: Sent) -> uuid.UUID:
    """What makes it the same event when it comes again."""
    key = load(sent.door.connector)(None).arrive(sent.request(), {}, time.time()).event_key
    return uuid.UUID(hashlib.blake2b(key.encode(), digest_size=16).hexdigest())


def rows(installation: Installation, company: Company, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(installation.app) as link:
        link.execute("SELECT set_config('app.workspace', %s, true)", [str(company.workspace)])
        return link.execute(query).fetchall()  # type: ignore[arg-type]


def drain_of(
    installation: Installation, company: Company, doors: list[Door], crm: MemoryCrm
) -> tuple[DrainStore, Drain]:
    threads = Threads(2)
    store = DrainStore(installation.app, company.workspace, company.target, uuid.uuid4())
    access = Access(
        crm, ROLE_MAPS, crm.capabilities, clock=time.time, chance=random.Random(1).random, requests=lambda: crm.requests, run=threads
    )  # fmt: skip
    rules = Rules(FLOW, FLOW.load(BASE), 1, TARGET, company.workspace, USERS)
    sources = {door.connection: load(door.connector)(None) for door in doors}
    return store, Drain(store.of_flow("calls"), rules, access, sources=sources, numbers=numbers_of("FR"), run=threads)


async def drained(drain: Drain) -> None:
    """All that is due is done; what waits for the rest of a call that never ends may wait."""
    async with asyncio.timeout(1200):
        while True:
            progress = await drain.run_until_quiet()
            assert progress.stopped is None
            assert not progress.elsewhere
            if progress.next_s is None or progress.next_s - time.time() > 5:
                return
            await asyncio.sleep(max(0.0, progress.next_s - time.time()) + 0.01)


async def good_calls(port: int, doors: list[Door], chance: random.Random) -> None:
    """A new call at each door, as its phone system tells of it."""
    for door in doors:
        connector = load(door.connector)(None)
        first = next(
            fact for request in fixtures()[door.connector] for fact in connector.parse(request) if fact.call_key
        )
        fresh = "".join(chance.choice("123456789") if sign.isdigit() else sign for sign in first.call_key)
        if sum(sign.isdigit() for sign in fresh) < 8:  # short ones may have been there
            fresh += str(chance.randrange(10**7, 10**8))
        requests = [
            request
            for request in fixtures()[door.connector]
            if first.call_key in {fact.call_key for fact in connector.parse(request)}
        ]
        for request in requests:
            body = request.body.replace(first.call_key.encode(), fresh.encode())
            body = body.replace(b'"event_id":"', b'"event_id":"' + fresh.encode())  # as new as the call
            query = request.query.replace(first.call_key, fresh)
            headers = {name: value for name, value in request.headers.items() if name != "webhook-id"}  # a new one
            sent = Sent(door, request.method, body, query, headers, f"/in/{door.key}")
            assert await send(port, signed(sent, door.secret) if door.secret else sent, chance) == 202, door


async def fuzz(
    installation: Installation, company: Company, doors: list[Door], port: int, count: int, seed: int
) -> Counter[int]:
    maker = Maker(seed, doors)
    chance = random.Random(seed)
    cases = [maker.one() for _ in range(count)] if count < 1000 else None
    statuses: Counter[int] = Counter()
    kept: dict[tuple[int, uuid.UUID], list[Sent]] = {}
    taken: Counter[str] = Counter()
    for start in range(0, count, AT_ONCE):
        several = [cases[n] if cases else maker.one() for n in range(start, min(start + AT_ONCE, count))]
        answers = await asyncio.gather(*(send(port, sent, random.Random(chance.random())) for sent in several))
        for number, (sent, status) in enumerate(zip(several, answers, strict=True), start):
            statuses[status] += 1
            what = (
                f"seed {seed}, delivery {number}: {status} {sent.door.connector} {sent.method} {sent.path[:40]} "
                f"{sent.headers!r:.200} {sent.body[:300]!r}"
            )
            if status == 0:
                assert not (sent.whole and sent.is_http and len(sent.body) <= LARGEST and sent.head < LARGEST_HEAD), (
                    what
                )
            else:
                assert status in EXPECTED, what
            if status == 202:
                assert len(sent.body) <= LARGEST, what
                taken[f"{sent.door.connector} {'signed' if sent.door.secret else 'open'}"] += 1
                try:
                    kept.setdefault((sent.door.connection, event_key(sent)), []).append(sent)
                except ProtocolError as error:
                    raise AssertionError(what) from error
    stored = rows(installation, company, "SELECT connection_id, key, method, query, body FROM store_event")
    assert len(stored) == len(kept), "each once, and nothing that was refused"
    for connection, key, method, query, body in stored:  # of several with one key, whichever came first
        same = [(one.method, one.query.encode(), one.body) for one in kept[connection, key]]
        assert (method, query.encode(), bytes(body)) in same
    assert len(taken) == len(doors), f"every door took some: {taken}"
    refused = rows(installation, company, "SELECT body || headers::text FROM store_refuseddelivery")
    assert refused
    assert not [text for (text,) in refused if SECRET in text or re.search(r"\+?336\d{8}", text)]

    crm = MemoryCrm(Now(), ZOHO.model_copy(update={"search_lag_s": 0}))  # type: ignore[arg-type]
    store, drain = drain_of(installation, company, doors, crm)
    try:
        await drained(drain)
        before = crm.count("Calls")
        await good_calls(port, doors, chance)
        await drained(drain)
        assert crm.count("Calls") == before + len(doors), "a good call at each door is written"
    finally:
        store.release()
    stopped = rows(installation, company, "SELECT count(*) FROM store_openevent")
    assert stopped == [(0,)]
    return statuses


@pytest.mark.timeout(300)
async def test_what_nobody_meant(installation: Installation, company: Company, doors: list[Door], port: int) -> None:
    statuses = await fuzz(installation, company, doors, port, 400, 1)
    assert {202, 400, 401, 404, 405, 413} <= set(statuses)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_ten_thousand_that_nobody_meant(
    installation: Installation, company: Company, doors: list[Door], port: int
) -> None:
    statuses = await fuzz(installation, company, doors, port, 10_000, 2)
    assert {202, 400, 401, 404, 405, 413, 431} <= set(statuses)
