"""The whole server as one ASGI app: event intake in front, pages and the API behind.

    uvicorn --factory tieline.api.asgi:application    # everything
    uvicorn --factory tieline.api.asgi:intake_only    # deliveries alone, for a process of its own

It answers `lifespan`, which Django refuses: at start the intake connects, at stop it keeps what still waits.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tieline.api.intake import PREFIX, Intake, Receive, Scope, Send
from tieline.store import secrets
from tieline.store.postgres import database_urls

if TYPE_CHECKING:
    from tieline.store.services.notifying import Notifying

App = Callable[[Scope, Receive, Send], Awaitable[None]]

SETTINGS = "tieline.project.settings"


class Outer:
    """Sends deliveries to the intake and everything else to `pages`, which is loaded at start."""

    def __init__(self, intake: Intake, pages: Callable[[], App] | None) -> None:
        self.intake = intake
        self._load = pages
        self._pages: App | None = None
        self._notifying: Notifying | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the life of the server."""
        kind = scope["type"]
        if kind == "http" and scope["path"].startswith(PREFIX):
            await self.intake(scope, receive, send)
        elif kind == "lifespan":
            await self._live(receive, send)
        elif self._load is not None:
            if self._pages is None:
                self._pages = self._load()
            await self._pages(scope, receive, send)
        elif kind == "http":
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if self._load is not None:
                    self._pages = self._load()
                    # Django is set up by now; the module's models want that.
                    self._notifying = importlib.import_module("tieline.store.services.notifying").Notifying()
                    self._notifying.start()
                await self.intake.start()
                # What is loaded now stays: looking through all of it for garbage would hold requests up for tens of
                # milliseconds each time.
                gc.collect()
                gc.freeze()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._notifying is not None:
                    await asyncio.to_thread(self._notifying.stop)
                await self.intake.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _pages() -> App:
    """The pages. By name: they stand on the floor above."""
    app: App = importlib.import_module("tieline.project.asgi").application
    return app


def _intake() -> Intake:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    from django.conf import settings

    return Intake(database_urls().app, secrets.installed(), settings.TIELINE_PUBLIC_URL)


def application() -> Outer:
    """The whole server (an app factory: `uvicorn --factory`)."""
    return Outer(_intake(), _pages)


def intake_only() -> Outer:
    """Deliveries alone (an app factory)."""
    return Outer(_intake(), None)
