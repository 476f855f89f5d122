"""Quillbook as the conformance kit meets it: a connector on its sandbox, in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from quillbook.sandbox import KEY
from tieline.sdk.conformance.on_sandbox import on_sandbox
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import PushOperation


@asynccontextmanager
async def subject() -> AsyncIterator[Subject]:
    async with on_sandbox(
        "quillbook",
        {"key": KEY},
        api_path="^/v2/",
        write_path="^/v2/authors/batch$",
        object="authors",
        values=lambda name: {"full_name": name, "phone": "+33612345678"},
        stored_name=lambda row: row["full_name"],
        bad_values={"full_name": "Bad", "house": "h-none"},
        bad_field="house",
        clear_field="phone",
        parent=lambda key, name: PushOperation(key, "create", "houses", {"title": name}),
        child=lambda key, link: PushOperation(key, "create", "authors", {"full_name": "Child", "house": link}),
        finds=("email", lambda n: (f"p{n}@example.com", f"p{n}@example.com")),
        compares_versions=True,
        secrets=(KEY,),
    ) as (found, sandbox):

        async def records(object: str) -> list[dict[str, Any]]:
            return list(sandbox.stored(object))

        async def seed(object: str, rows: list[dict[str, Any]]) -> list[str]:
            return list(sandbox.store({object: rows})[object])

        async def delete(object: str, id: str) -> None:
            sandbox.remove(object, id)

        async def change(object: str, id: str) -> None:
            sandbox.edit(object, id)

        found.records = records
        found.seed = seed
        found.delete = delete
        found.changed_by = change
        yield found
