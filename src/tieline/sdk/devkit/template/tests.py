"""Sample CRM as the conformance kit meets it: a connector on its sandbox, in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from tieline.sdk.conformance.subject import Subject
from tieline.sdk.connect import open_client
from tieline.sdk.devkit.template.connector import Connector
from tieline.sdk.devkit.template.sandbox import KEY, SampleCrm
from tieline.sdk.http import open_session
from tieline.sdk.manifest import connector
from tieline.sdk.sandbox import serve


@asynccontextmanager
async def subject() -> AsyncIterator[Subject]:
    manifest = connector("sample_crm")
    running = await serve(0, ["sample_crm"])
    session = open_session()
    sandbox = cast(SampleCrm, running.sandbox("sample_crm"))

    def made() -> Connector:
        found.client = open_client(manifest, session, {"key": KEY}, base_url=f"{running.url}/sample_crm")
        return Connector(found.client)

    async def records(object: str) -> list[dict[str, Any]]:
        return list(sandbox.stored(object))

    async def seed(object: str, rows: list[dict[str, Any]]) -> list[str]:
        return sandbox.store({object: rows})[object]

    async def delete(_object: str, id: str) -> None:
        row = sandbox.people.pop(id)
        sandbox.moment += 1
        sandbox.gone[row["id"]] = sandbox.moment

    async def change(_object: str, id: str) -> None:
        sandbox.change(id)

    found = Subject(
        manifest=manifest,
        make=made,
        side=running.side("sample_crm"),
        records=records,
        seed=seed,
        delete=delete,
        api_path="^/v1/",
        write_path="^/v1/people$",
        object="people",
        values=lambda name: {"name": name, "phone": "+33612345678"},
        bad_values={"name": "Bad", "email": "no address"},
        bad_field="email",
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
