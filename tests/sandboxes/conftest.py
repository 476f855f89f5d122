"""Fixtures: a running stage with each sandbox, and a client that speaks to it as a connector would."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession

from tieline.sdk.sandbox import Running, serve


class Caller:
    """Calls one sandbox. ``last`` is the latest answer's headers."""

    def __init__(self, running: Running, session: ClientSession, connector: str) -> None:
        self.running, self.session, self.connector = running, session, connector
        self.base = f"{running.url}/{connector}"
        self.headers: dict[str, str] = {}
        self.last: dict[str, str] = {}

    async def control(self, method: str, action: str, value: Any = None) -> Any:
        async with self.session.request(
            method, f"{self.running.url}/_control/{self.connector}/{action}", json=value
        ) as answer:
            body = await answer.json(content_type=None)
            assert answer.status == 200, body
            return body

    async def __call__(self, method: str, path: str, value: Any = None, **more: Any) -> tuple[int, Any]:
        headers = {**self.headers, **more.pop("headers", {})}
        if value is not None:
            more["json"] = value
        async with self.session.request(
            method, self.base + path, headers=headers, allow_redirects=False, **more
        ) as answer:
            raw = await answer.read()
            self.last = dict(answer.headers)
            try:
                return answer.status, orjson.loads(raw) if raw else None
            except ValueError:
                return answer.status, raw


class Zoho(Caller):
    """Calls Zoho's API host with a token of all scopes."""

    async def sign_in(self, scope: str | None = None, user: str | None = None) -> None:
        asked = {name: part for name, part in (("scope", scope), ("user", user)) if part}
        self.token = await self.control("POST", "token", asked)
        self.base = self.token["api_domain"] + "/crm/v8"
        self.headers = {"Authorization": f"Zoho-oauthtoken {self.token['access_token']}"}

    async def add(self, module: str, *items: dict[str, Any]) -> list[str]:
        status, body = await self("POST", f"/{module}", {"data": list(items)})
        assert status == 201, body
        return [item["details"]["id"] for item in body["data"]]

    async def coql(self, query: str) -> tuple[int, Any]:
        return await self("POST", "/coql", {"select_query": query})

    async def user_ids(self) -> list[str]:
        return [user["id"] for user in (await self("GET", "/users?type=AllUsers"))[1]["users"]]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = await serve(0, ["zoho_crm", "sipsim"])
    yield running
    await running.close()


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@pytest.fixture
async def zoho(running: Running, session: ClientSession) -> Zoho:
    caller = Zoho(running, session, "zoho_crm")
    await caller.sign_in()
    return caller


@pytest.fixture
async def sipsim(running: Running, session: ClientSession) -> Caller:
    caller = Caller(running, session, "sipsim")
    caller.headers = {"Authorization": "Bearer sandbox-token"}
    return caller
