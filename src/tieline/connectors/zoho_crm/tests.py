"""Zoho CRM as the conformance kit meets it: a connector on its sandbox, in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tieline.connectors.zoho_crm.connector import Connector
from tieline.connectors.zoho_crm.sandbox.oauth import CLIENT_ID, CLIENT_SECRET
from tieline.sdk.auth import Grant
from tieline.sdk.conformance.subject import Kept, Subject
from tieline.sdk.connect import open_client
from tieline.sdk.contract import PushOperation
from tieline.sdk.http import open_session
from tieline.sdk.manifest import connector
from tieline.sdk.sandbox import serve

FIELDS = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
OBJECTS = ("Accounts", "Leads", "Contacts", "Deals", "Tasks", "Calls")


@asynccontextmanager
async def subject(*, prepared: bool = True, scope: str = "") -> AsyncIterator[Subject]:
    manifest = connector("zoho_crm")
    running = await serve(0, ["zoho_crm"])
    session = open_session()
    base = f"{running.url}/zoho_crm"
    asked = {"scope": scope} if scope else {}
    async with session.post(f"{running.url}/_control/zoho_crm/token", json=asked) as answer:
        given = await answer.json()
    tokens = Kept(Grant(given["access_token"], given["refresh_token"], 1e12, tuple(filter(None, scope.split(",")))))

    def made() -> Connector:
        client = open_client(
            manifest,
            session,
            FIELDS,
            base_url=base,
            tokens=tokens,
            scopes=frozenset(filter(None, scope.split(","))),
        )
        found.client = client
        return Connector(client)

    async def records(object: str) -> list[dict[str, object]]:
        return running.sandbox("zoho_crm").stored(object)

    async def seed(object: str, rows: list[dict[str, object]]) -> list[str]:
        named = [{**{("Last_Name" if key == "$name" else key): value for key, value in row.items()}} for row in rows]
        return running.sandbox("zoho_crm").store({object: named})[object]

    async def delete(object: str, id: str) -> None:
        answer = await found.client.request("DELETE", "api", f"/crm/v8/{object}", read=False, query={"ids": id})
        assert answer.status == 200

    async def files(_: str, id: str) -> list[dict[str, object]]:
        return [one for one in running.sandbox("zoho_crm").stored("Attachments") if one["Parent_Id"]["id"] == id]

    async def expire() -> None:
        running.sandbox("zoho_crm").expire_tokens()

    async def change(object: str, id: str) -> None:
        sandbox = running.sandbox("zoho_crm")
        sandbox.clock_offset += 2
        writer = sandbox.writer
        writer.change(
            object, sandbox.tables[object].rows[id], {"Description": "changed"}, next(iter(sandbox.schema.users))
        )

    found = Subject(
        manifest=manifest,
        make=made,
        side=running.side("zoho_crm"),
        tokens=tokens,
        records=records,
        seed=seed,
        delete=delete,
        expire=expire,
        api_path="^/api/",
        write_path=r"^/api/crm/v8/(Contacts|__composite)",
        token_path="^/accounts/oauth/v2/token$",
        object="Contacts",
        values=lambda name: {"$name": name, "Phone": "+33612345678"},
        stored_name=lambda row: " ".join(part for part in (row.get("First_Name"), row["Last_Name"]) if part),
        bad_values={"$name": "Bad", "Email": "no address"},
        bad_field="Email",
        clear_field="Phone",
        changed_by=change,
        child=lambda key, link: PushOperation(key, "create", "Tasks", {"Subject": "Child", "Who_Id": link}),
        files=files,
        attach_path=r"^/api/crm/v8/Contacts/\d+/Attachments$",
        finds=("Phone", lambda n: (f"01 98 76 {n // 100:02} {n % 100:02}", f"+3319876{n:04}")),
        compares_versions=True,
        secrets=(CLIENT_SECRET, given["access_token"], given["refresh_token"]),
    )
    try:
        if prepared:
            await found.connector.prepare(OBJECTS)
            found.client.requests = 0
            found.side.forget_counts()
        yield found
    finally:
        await session.close()
        await running.close()
        await asyncio.sleep(0)
