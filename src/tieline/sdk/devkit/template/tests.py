"""Sample CRM as the conformance kit meets it: a connector on its sandbox, in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tieline.sdk.conformance.on_sandbox import on_sandbox
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.devkit.template.sandbox import KEY


@asynccontextmanager
async def subject() -> AsyncIterator[Subject]:
    async with on_sandbox(
        "sample_crm",
        {"key": KEY},
        api_path="^/v1/",
        write_path="^/v1/people$",
        object="people",
        values=lambda name: {"name": name, "phone": "+33612345678"},
        bad_values={"name": "Bad", "email": "no address"},
        bad_field="email",
        clear_field="phone",
        finds=("email", lambda n: (f"p{n}@example.com", f"p{n}@example.com")),
        compares_versions=True,
        secrets=(KEY,),
    ) as (found, sandbox):

        async def records(object: str) -> list[dict[str, Any]]:
            return list(sandbox.stored(object))

        async def seed(object: str, rows: list[dict[str, Any]]) -> list[str]:
            return list(sandbox.store({object: rows})[object])

        async def delete(_object: str, id: str) -> None:
            row = sandbox.people.pop(id)
            sandbox.moment += 1
            sandbox.gone[row["id"]] = sandbox.moment

        async def change(_object: str, id: str) -> None:
            sandbox.change(id)

        found.records = records
        found.seed = seed
        found.delete = delete
        found.changed_by = change
        yield found
