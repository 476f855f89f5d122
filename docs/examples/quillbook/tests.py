"""Quillbook as the conformance kit meets it: a connector on its sandbox, in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from quillbook.connector import Connector
from quillbook.sandbox import KEY, Quillbook
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.connect import open_client
from tieline.sdk.http import open_session
from tieline.sdk.manifest import connector
from tieline.sdk.sandbox import serve


@asynccontextmanager
async def subject() -> AsyncIterator[Subject]:
    """A connector on a sandbox of its own."""
    manifest = connector("quillbook")
    running = await serve(0, ["quillbook"])
    session = open_session()
    sandbox = cast(Quillbook, running.sandbox("quillbook"))

    def made() -> Connector:
        found.client = open_client(manifest, session, {"key": KEY}, base_url=f"{running.url}/quillbook")
        return Connector(found.client)

    async def records(object: str) -> list[dict[str, Any]]:
        return list(sandbox.stored(object))

    async def seed(object: str, rows: list[dict[str, Any]]) -> list[str]:
        return sandbox.store({object: rows})[object]

    async def delete(object: str, id: str) -> None:
        sandbox.remove(object, id)

    async def change(object: str, id: str) -> None:
        sandbox.edit(object, id)

    found = Subject(
        manifest=manifest,
        make=made,
        side=running.side("quillbook"),
        records=records,
        seed=seed,
        delete=delete,
        api_path="^/v2/",
        write_path="^/v2/authors/batch$",
        object="authors",
        values=lambda name: {"full_name": name, "phone": "+33612345678"},
        stored_name=lambda row: row["full_name"],
        bad_values={"full_name": "Bad", "house": "h-none"},
        bad_field="house",
        clear_field="phone",
        changed_by=change,
        finds=("email", lambda n: (f"p{n}@example.com", f"p{n}@example.com")),
        compares_versions=True,
        secrets=(KEY,),
    )
    try:
        yield found
    finally:
        await session.close()
        await running.close()
