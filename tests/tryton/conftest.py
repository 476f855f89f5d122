"""A real Tryton for all tests of this folder, and a proxy in front of it that can be told to fail."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tieline.connectors.tryton.connector import Connector
from tieline.connectors.tryton.server import DATABASE, TrytonMissingError, TrytonServer, find_venv
from tieline.sdk.connect import open_client
from tieline.sdk.http import Client, open_session
from tieline.sdk.manifest import connector as manifest_of
from tieline.sdk.sandbox import Running, serve


@pytest.fixture(scope="session")
def tryton() -> Iterator[TrytonServer]:
    """A fresh server; skipped loudly where none is installed."""
    try:
        find_venv()
    except TrytonMissingError as error:
        pytest.skip(f"the real Tryton is missing, nothing here was checked: {error}")
    with tempfile.TemporaryDirectory(prefix="tl-tryton-") as folder, TrytonServer(Path(folder)) as server:
        yield server


@pytest.fixture
async def proxy(tryton: TrytonServer) -> AsyncIterator[Running]:
    """The sandbox in front of the server, without faults."""
    running = await serve(connectors=["tryton"])
    running.sandbox("tryton").upstream = tryton.base_url  # type: ignore[attr-defined]
    yield running
    await running.close()


Connect = Callable[..., Connector]


@pytest.fixture
async def connect(tryton: TrytonServer, proxy: Running) -> AsyncIterator[Connect]:
    """Makes connectors: `connect(key=…, database=…, timeout_s=…)`; the client is at `.client`."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session())

        def make(**fields: Any) -> Connector:
            timeout_s = fields.pop("timeout_s", None)
            typed = {"url": "http://tryton.invalid", "database": DATABASE, "key": tryton.seed.api_key, **fields}
            client = open_client(manifest_of("tryton"), session, typed, base_url=f"{proxy.url}/tryton")
            if timeout_s is not None:
                client.timeout_s = timeout_s
            made = Connector(client)
            made.client = client  # type: ignore[attr-defined]
            return made

        yield make


@pytest.fixture
def crm(connect: Connect) -> Connector:
    return connect()


@pytest.fixture
def client(crm: Connector) -> Client:
    found: Client = crm.client  # type: ignore[attr-defined]
    return found
