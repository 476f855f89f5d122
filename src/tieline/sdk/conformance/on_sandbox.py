"""The subject of a connector that is connected by typed fields, on its own sandbox in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tieline.sdk.conformance.subject import Subject
from tieline.sdk.connect import open_client
from tieline.sdk.http import open_session
from tieline.sdk.manifest import connector, load
from tieline.sdk.sandbox import serve


@asynccontextmanager
async def on_sandbox(name: str, fields: Mapping[str, str], **known: Any) -> AsyncIterator[tuple[Subject, Any]]:
    """(the subject, its sandbox). `known`: further fields of `Subject`; what needs the
    sandbox (records, seed_calls, file …) is put into the subject afterwards. Closed at the end."""
    manifest = connector(name)
    running = await serve(0, [name])
    session = open_session()
    base = f"{running.url}/{name}"

    def made() -> Any:
        found.client = open_client(manifest, session, fields, base_url=base)
        return load(name)(found.client)

    found = Subject(manifest=manifest, make=made, side=running.side(name), base=base, **known)
    try:
        yield found, running.sandbox(name)
    finally:
        await session.close()
        await running.close()
