"""A vendor that does what a test tells it to, over a real socket."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Vendor:
    """`answer` is called for every request; `seen` holds (method, path and query, headers, body)."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Handler = self._nothing
        self.url = ""

    async def _nothing(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.path_qs, dict(request.headers), await request.read()))
        return await self.answer(request)

    def in_turn(self, *answers: Callable[[web.Request], web.StreamResponse]) -> None:
        """Each request gets the next answer, the last one again and again."""
        left = list(answers)

        async def answer(request: web.Request) -> web.StreamResponse:
            make = left.pop(0) if len(left) > 1 else left[0]
            return make(request)

        self.answer = answer

    def dropping(self) -> None:
        """The connection is cut once the request is read."""

        async def answer(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            await asyncio.sleep(0)
            return web.Response()

        self.answer = answer
