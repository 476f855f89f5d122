"""Asking a vendor from a page: in a thread of its own, within a time that a person waits.

    opening = opening_of(connection)                     # inside workspace_tx
    identity = ask(opening, lambda connector: connector.check())   # outside of it

`opening_of` is also what an engine's client is made from: what is kept of a connection, secrets in clear.

What `Connection.config` holds: {"fields": {typed, not secret}, "data_centre", "base_url", "granted": {values that came
with the grant}}. Secrets are rows of their own: those of the manifest's fields (the OAuth client's too), "grant", and
"intake_key".

TIELINE_SANDBOX_URL  where `tieline sandbox` runs; every connection then offers the environment "Sandbox". None: no sandboxes
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import aiohttp

from tieline.core.errors import TielineError
from tieline.sdk import manifest as manifests
from tieline.sdk.auth import Grant, OAuth2, Tokens
from tieline.sdk.connect import oauth2, open_client
from tieline.sdk.http import Budget, Client, open_session
from tieline.sdk.manifest import Manifest
from tieline.store.models import Connection, Secret
from tieline.store.pool import Rows
from tieline.store.postgres import database_urls
from tieline.store.secrets import GRANT, INTAKE_KEY, installed
from tieline.store.services.declined import DeclinedError, of_vendor
from tieline.store.vendor_budget import StoredBudget
from tieline.store.vendor_tokens import StoredTokens

T = TypeVar("T")

CHECK_S = 10.0
"""How long a person waits for a vendor's check."""
SET_UP_S = 30.0
"""How long for everything that is asked when a connection is made or renewed."""
SANDBOX = "sandbox"
"""The environment of connections to the sandboxes of TIELINE_SANDBOX_URL."""


@dataclass(frozen=True, slots=True, repr=False)
class Opening:
    """What a client of one connection needs. `connection` 0: not kept yet. fields: what was typed, secrets in clear."""

    manifest: Manifest
    workspace: int = 0
    connection: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)
    data_centre: str = ""
    base_url: str = ""
    granted: Mapping[str, str] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"<Opening {self.manifest.name} {self.connection}>"


@lru_cache(maxsize=1)
def rows() -> Rows:
    """Plain connections of this process for tokens and budgets, which are kept from a vendor call's own thread."""
    return Rows(database_urls().app, idle=2, name="tieline pages")


def manifest_of(connector: str) -> Manifest:
    """A connector's manifest; DeclinedError for a connector that is not installed (any more)."""
    try:
        return manifests.connector(connector)
    except TielineError:
        raise DeclinedError("connection.no_connector", connector=connector) from None


def sandbox_url(connector: str) -> str:
    """Where this connector's sandbox is, "" where this installation offers none (TIELINE_SANDBOX_URL)."""
    base = os.environ.get("TIELINE_SANDBOX_URL", "").strip().rstrip("/")
    return f"{base}/{connector}" if base else ""


def opening_of(connection: Connection) -> Opening:
    """What is kept of a connection, opened. Inside `workspace_tx`."""
    seal = installed()
    place = (connection.workspace_id, connection.pk)
    kept = {
        row.name: str(seal.open(bytes(row.sealed), *place, row.name))
        for row in Secret.objects.filter(workspace_id=connection.workspace_id, connection=connection).exclude(
            name__in=[GRANT, INTAKE_KEY]
        )
    }
    config = connection.config
    return Opening(
        manifest_of(connection.connector),
        connection.workspace_id,
        connection.pk,
        {**config.get("fields", {}), **kept},
        config.get("data_centre", ""),
        config.get("base_url", ""),
        config.get("granted", {}),
        frozenset(connection.scopes),
    )


class HeldTokens:
    """A grant that is not kept yet: the vendor is asked before there is a connection to keep it with."""

    def __init__(self, grant: Grant | None) -> None:
        self.grant = grant
        self._turn = asyncio.Lock()

    async def get(self) -> Grant | None:
        """The grant as it is now."""
        return self.grant

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Held while refreshing; nobody else has this grant."""
        return self._turn

    async def save(self, grant: Grant) -> None:
        """Keeps a renewed grant."""
        self.grant = grant


async def _off_loop(call: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(call)


@asynccontextmanager
async def _session() -> Any:
    session = open_session(connections=10)
    try:
        yield session
    finally:
        await session.close()


def client_of(opening: Opening, session: aiohttp.ClientSession, tokens: Tokens | None = None) -> Client:
    """A client for a connection, with its stored grant and its budget where it is kept already."""
    budget: Budget | None = None
    if opening.connection:
        can = opening.manifest.capabilities
        budget = StoredBudget(rows(), opening.workspace, opening.connection, can.rate_per_s, float(can.credits_per_day))
        tokens = tokens or StoredTokens(rows(), installed(), _off_loop, opening.workspace, opening.connection)
    return open_client(
        opening.manifest,
        session,
        opening.fields,
        data_centre=opening.data_centre,
        base_url=opening.base_url,
        tokens=tokens,
        granted=opening.granted,
        scopes=opening.scopes,
        budget=budget,
    )


def ask(
    opening: Opening,
    call: Callable[[Any], Awaitable[T]],
    *,
    limit_s: float = CHECK_S,
    tokens: Tokens | None = None,
) -> T:
    """What `call` gives for the connector of this connection. DeclinedError says what went wrong and with whom."""

    async def inside() -> T:
        async with _session() as session:
            client = client_of(opening, session, tokens)
            return await call(manifests.load(opening.manifest.name)(client))

    with translated(opening.manifest, limit_s):
        return alone(inside, limit_s)


def ask_accounts(opening: Opening, call: Callable[[OAuth2], Awaitable[T]], *, limit_s: float = CHECK_S) -> T:
    """The same with the vendor's accounts server: exchanging a code, taking a grant back. Raises the vendor's errors."""

    async def inside() -> T:
        async with _session() as session:
            return await call(
                oauth2(
                    opening.manifest,
                    session,
                    opening.fields,
                    data_centre=opening.data_centre,
                    base_url=opening.base_url,
                )
            )

    return alone(inside, limit_s)


@contextmanager
def translated(manifest: Manifest, limit_s: float) -> Iterator[None]:
    """Errors of a vendor as what they mean to a person."""
    try:
        yield
    except (TielineError, TimeoutError) as error:
        raise of_vendor(error, manifest.title, seconds=limit_s) from error


def alone(make: Callable[[], Awaitable[T]], limit_s: float) -> T:
    """Runs it in a thread and an event loop of its own: a page's thread may have a loop that must not be blocked, or
    none. TimeoutError after the limit."""
    given: list[T] = []
    failed: list[BaseException] = []

    async def limited() -> T:
        async with asyncio.timeout(limit_s):
            return await make()

    def run() -> None:
        try:
            given.append(asyncio.run(limited()))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failed.append(error)

    thread = threading.Thread(target=run, name="asking a vendor", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return given[0]
