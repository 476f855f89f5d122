"""A real Radicale for each test of this folder: fresh, on a free port of 127.0.0.1, stopped by its process."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tieline.connectors.carddav.connector import Connector
from tieline.connectors.carddav.server import RadicaleMissingError, RadicaleServer, find_venv
from tieline.sdk.connect import open_client
from tieline.sdk.http import open_session
from tieline.sdk.manifest import connector as manifest_of


@pytest.fixture(scope="module")
def started() -> Iterator[RadicaleServer]:
    """One process for a file's tests; skipped loudly where none is installed."""
    try:
        find_venv()
    except RadicaleMissingError as error:
        pytest.skip(f"the real Radicale is missing, nothing here was checked: {error}")
    books = ("contacts", "suppliers")
    with (
        tempfile.TemporaryDirectory(prefix="tl-radicale-") as folder,
        RadicaleServer(Path(folder), books=books) as server,
    ):
        yield server


@pytest.fixture
def radicale(started: RadicaleServer) -> RadicaleServer:
    """The server with empty address books: Radicale holds nothing that is not in its folder."""
    for book in ("contacts", "suppliers"):
        for path in started.collection(book).iterdir():
            if path.name == ".Radicale.cache":
                shutil.rmtree(path)
            elif path.suffix == ".vcf":
                path.unlink()
    return started


Connect = Callable[..., Connector]


@pytest.fixture
async def connect(radicale: RadicaleServer) -> AsyncIterator[Connect]:
    """Makes connectors: `connect(password=…, book=…, url=…)`; the client is at `.client`."""
    async with open_session() as session:

        def make(**typed: Any) -> Connector:
            fields = {"url": radicale.base_url, "user": radicale.user, "password": radicale.password, **typed}
            client = open_client(manifest_of("carddav"), session, fields)
            made = Connector(client)
            made.client = client  # type: ignore[attr-defined]
            return made

        yield make


@pytest.fixture
def crm(connect: Connect) -> Connector:
    return connect()
