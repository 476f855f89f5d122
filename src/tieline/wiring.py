"""Where the floors meet: from what is kept of a connection to a live connector, and from a target to its drain.

    async with Wiring.open(url, seal) as wiring:
        opened = await wiring.connection(workspace, connection)     # a connector with its client
        drain = await wiring.drains(store)                          # everything that drains this store's target
    sync = await wiring.sync(store)                             # what keeps this store's pair the same

Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import pkgutil
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

import aiohttp

from tieline import flows as flow_rooms
from tieline.core.errors import ConfigError, TielineError
from tieline.core.flow import Flow, Target
from tieline.core.mapping import RoleMap
from tieline.core.pairing import SIDES, Side
from tieline.engine.access import Access
from tieline.engine.effects.undoing import Undoing
from tieline.engine.events.backfill import Backfill
from tieline.engine.events.decide import Rules
from tieline.engine.events.drain import Drain
from tieline.engine.events.lookup import numbers_of
from tieline.engine.sync.sides import CRM, watched_name
from tieline.engine.sync.sync import Sync
from tieline.flows.customers import CUSTOMERS
from tieline.sdk import manifest as manifests
from tieline.sdk.asking import BACKFILL, LIVE
from tieline.sdk.connect import open_client
from tieline.sdk.contract import Changes, Events, Files
from tieline.sdk.http import Client, open_session
from tieline.sdk.manifest import Manifest
from tieline.sdk.target import target
from tieline.store import pair_rows, sync_events, vendor_rows
from tieline.store.backfills import StoredBackfill
from tieline.store.drain_store import DrainStore
from tieline.store.pool import Link, Rows
from tieline.store.secrets import Seal
from tieline.store.sync_store import StoredSync
from tieline.store.vendor_budget import StoredBudget
from tieline.store.vendor_rows import KeptConnection, KeptFlow
from tieline.store.vendor_tokens import StoredTokens

T = TypeVar("T")

POLL_S = 60.0
"""How often a system is asked for its changes that says nothing about it."""
LONGEST_POLL_S = 300.0


@cache
def flows() -> dict[str, Flow]:
    """Every flow by name: the rooms of `tieline.flows` that have a FLOW."""
    found: dict[str, Flow] = {}
    for room in pkgutil.iter_modules(flow_rooms.__path__):
        flow = getattr(importlib.import_module(f"{flow_rooms.__name__}.{room.name}"), "FLOW", None)
        if flow is not None:
            found[flow.name] = flow
    return found


def flow(name: str) -> Flow:
    """One flow; ConfigError where there is none of this name."""
    try:
        return flows()[name]
    except KeyError:
        raise ConfigError(f"there is no flow {name!r}", setting="flow", value=name) from None


class Threads:
    """Runs short synchronous calls (transactions) off the event loop; an `engine.access.Run`."""

    def __init__(self, most: int = 6) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="rows")

    async def __call__(self, call: Callable[[], T], /) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        """Let go of the threads; what runs in them ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class SharedBudget:
    """`StoredBudget` without holding the event loop: `sdk.http.Budget`."""

    def __init__(self, stored: StoredBudget, run: Threads) -> None:
        self._stored = stored
        self._run = run

    def take(self, cost: float, priority: int) -> Awaitable[float]:
        """Seconds to wait before a request of this cost may be made; 0 takes it now."""
        return self._run(lambda: self._stored.take(cost, priority))

    def pause(self, seconds: float) -> Awaitable[None]:
        """Nobody asks this connection for so long."""
        return self._run(lambda: self._stored.pause(seconds))


@dataclass(frozen=True)
class Opened:
    """A connection with its connector, ready to be asked."""

    kept: KeptConnection
    manifest: Manifest
    client: Client
    connector: Any
    budget: StoredBudget

    def role_maps(self) -> dict[str, RoleMap]:
        """Role → object and fields, with the field that was really made for the origin key. Where none was made there is no
        room for one: looking for it would be refused for naming a field that is not there."""
        made = self.kept.origin_fields
        return {
            role: replace(mapped, origin=made.get(mapped.object, ""))
            for role, mapped in self.manifest.role_maps().items()
        }

    def lacks(self, role: str, verb: str) -> str | None:
        """A scope that was not granted and that this needs; None where nothing is missing, or the vendor has no scopes."""
        if self.manifest.auth.kind != "oauth2" or not self.kept.scopes:
            return None
        asked = self.manifest.needs.get(f"{role}.{verb}", ())
        return next((scope for scope in asked if scope not in self.kept.scopes), None)


class Wiring:
    """One for a process. `rows` are connections for everything but the drains, which have sessions of their own."""

    def __init__(self, url: str, seal: Seal, session: aiohttp.ClientSession, run: Threads) -> None:
        self.url = url
        self.seal = seal
        self.session = session
        self.run = run
        self.rows = Rows(url)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: str, seal: Seal) -> AsyncIterator[Wiring]:
        """A wiring that is closed at the end."""
        run = Threads()
        session = open_session()
        wiring = cls(url, seal, session, run)
        try:
            yield wiring
        finally:
            await session.close()
            wiring.rows.close()
            run.close()

    async def read(self, workspace: int, ask: Callable[[Link], T]) -> T:
        """What `ask` reads in one transaction of this workspace."""

        def read() -> T:
            with self.rows.tx(workspace) as link:
                return ask(link)

        return await self.run(read)

    # -- connections -------------------------------------------------------------------------------------------------

    async def connection(self, workspace: int, connection: int, *, priority: int = LIVE) -> Opened:
        """A connection of this workspace. ConfigError where it lacks something that its connector needs."""
        kept = await self.read(workspace, lambda link: vendor_rows.connection(link, self.seal, workspace, connection))
        return self.opened(kept, priority=priority)

    def opened(self, kept: KeptConnection, *, priority: int = LIVE) -> Opened:
        """A connection of which everything has been read."""
        manifest = manifests.connector(kept.connector)
        able = manifest.capabilities
        budget = StoredBudget(self.rows, kept.workspace, kept.id, able.rate_per_s, able.credits_per_day)
        client = open_client(
            manifest,
            self.session,
            kept.fields,
            data_centre=kept.data_centre,
            base_url=kept.base_url,
            tokens=StoredTokens(self.rows, self.seal, self.run, kept.workspace, kept.id),
            granted=kept.granted,
            scopes=kept.scopes,
            budget=SharedBudget(budget, self.run),
            priority=priority,
        )
        return Opened(kept, manifest, client, manifests.load(kept.connector)(client), budget)

    # -- drains ------------------------------------------------------------------------------------------------------

    async def drains(self, store: DrainStore) -> dict[str, Drain]:
        """The drains of a held target, by flow: one for each flow that writes to it and is not paused."""
        session = store.session
        kept = await self.read(
            session.workspace, lambda link: vendor_rows.flows_of_target(link, session.workspace, session.target)
        )
        active = [one for one in kept if (one.state != "paused" or one.undoes) and one.flow in flows()]
        if not active:
            return {}
        opened = await self.connection(session.workspace, session.target)
        return {one.flow: await self._drain(store.of_flow(one.flow), opened, one) for one in active}

    async def target(self, opened: Opened) -> tuple[Target, dict[str, Any]]:
        """What this CRM can hold, as last described, and its users by id."""
        kept = opened.kept
        schemas, people = await self.read(
            kept.workspace,
            lambda link: (
                vendor_rows.schemas(link, kept.workspace, kept.id, kept.epoch),
                vendor_rows.vendor_users(link, kept.workspace, kept.id, kept.epoch),
            ),
        )
        return target(opened.manifest, schemas, people), dict(vendor_rows.users(people))

    async def _drain(self, store: DrainStore, opened: Opened, kept: KeptFlow) -> Drain:
        room = flow(kept.flow)
        settings = room.load(kept.settings)
        target, users = await self.target(opened)
        sources, files, settle = await self._sources(opened.kept.workspace, kept.sources)
        access = self.access(opened)
        rules = Rules(room, settings, kept.version, target, opened.kept.workspace, users)
        return Drain(
            store,
            rules,
            access,
            sources=sources,
            numbers=numbers_of(getattr(settings, "default_country", "")),
            files=files,
            settle=settle,
            live=kept.live,
            run=self.run,
            undoing=Undoing(
                store,
                access,
                self.run,
                workspace=opened.kept.workspace,
                version=kept.version,
                lacks=opened.lacks,
                decides=kept.state != "paused",
            ),
        )

    def access(self, opened: Opened) -> Access:
        """A connection as the engine uses it."""
        return Access(
            opened.connector,
            opened.role_maps(),
            opened.manifest.capabilities,
            clock=time.time,
            chance=random.random,
            requests=lambda: opened.client.requests,
            run=self.run,
            budget=opened.budget,
        )

    async def _sources(
        self, workspace: int, ids: tuple[int, ...]
    ) -> tuple[Mapping[int, Events], Mapping[int, Files], Mapping[int, float]]:
        """The connectors that read the events and open the recordings of these connections, and their settle times."""
        events: dict[int, Events] = {}
        files: dict[int, Files] = {}
        settle: dict[int, float] = {}
        for id in ids:
            try:
                opened = await self.connection(workspace, id)
            except TielineError as error:  # without its API its events are still read
                if error.code == "error.seal_broken":
                    raise
                kept = await self.read(workspace, lambda link, id=id: _connector(link, workspace, id))  # type: ignore[misc]
                events[id] = manifests.load(kept)(None)
                settle[id] = manifests.connector(kept).events.settle_s
                continue
            events[id] = opened.connector
            settle[id] = opened.manifest.events.settle_s
            if isinstance(opened.connector, Files):
                files[id] = opened.connector
        return events, files, settle

    # -- pairs -------------------------------------------------------------------------------------------------------

    async def sync(self, store: StoredSync, *, priority: int = LIVE) -> tuple[Sync, sync_events.Reads]:
        """What keeps a held pair the same, and how deliveries of its connections are read."""
        session = store.session
        kept = await self.read(session.workspace, lambda link: pair_rows.pair(link, session.workspace, session.pair))
        sides: dict[Side, Opened] = {}
        targets: dict[Side, Target] = {}
        for side in SIDES:
            sides[side] = await self.connection(session.workspace, kept.connections[side], priority=priority)
            targets[side], _ = await self.target(sides[side])
        settings = CUSTOMERS.load(kept.settings)
        rules = CUSTOMERS.of(settings, targets)
        reads: dict[int, tuple[Side, Any, Mapping[str, Sequence[str]]]] = {}
        for side, opened in sides.items():
            if isinstance(opened.connector, Changes):
                roles: dict[str, list[str]] = {}
                for role in rules.roles:
                    if role in opened.manifest.roles:
                        roles.setdefault(opened.manifest.roles[role].object, []).append(role)
                for one in rules.watched if side == CRM else ():
                    if one.role in opened.manifest.roles:
                        feed = watched_name(one.role)
                        roles.setdefault(opened.manifest.roles[one.role].object, []).append(feed)
                reads[opened.kept.id] = (side, opened.connector.changed, roles)
        made = Sync(
            f"p{kept.id}.{kept.epoch}",
            self.access(sides["left"]),
            self.access(sides["right"]),
            rules,
            store,
            clock=time.time,
            chance=random.random,
            run=self.run,
            every_s=min(max(one.manifest.capabilities.poll_s or POLL_S for one in sides.values()), LONGEST_POLL_S),
            share=settings.deletions.share,
            most=settings.deletions.count,
        )
        return made, reads

    # -- back-fill ---------------------------------------------------------------------------------------------------

    async def backfill(self, store: StoredBackfill, workspace: int, connection: int) -> Backfill | None:
        """A claimed back-fill, ready to work; None where it is gone. Raises where the connection cannot be asked."""
        row = await self.run(store.row)
        if row is None:
            return None
        opened = await self.connection(workspace, connection, priority=BACKFILL)
        kept = await self.read(workspace, lambda link: vendor_rows.flows_of_source(link, workspace, connection))
        listening = {
            one.flow: (flow(one.flow), flow(one.flow).load(one.settings)) for one in kept if one.flow in flows()
        }
        return Backfill(row, opened.connector, store, listening, clock=time.time, chance=random.random, run=self.run)


def _connector(link: Link, workspace: int, connection: int) -> str:
    row = link.execute(
        "SELECT connector FROM store_connection WHERE workspace_id = %s AND id = %s", [workspace, connection]
    ).fetchone()
    if row is None:
        raise ConfigError("there is no such connection", setting="connection", value=connection)
    return str(row[0])
