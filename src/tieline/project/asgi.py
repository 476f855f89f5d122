"""The pages as an ASGI app. The outer app (`tieline.api.asgi`) puts event intake in front of it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.core.asgi import get_asgi_application

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tieline.project.settings")
_pages: Any = get_asgi_application()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer pages; answer `lifespan` too, which Django refuses and servers ask for at start and stop."""
    if scope["type"] != "lifespan":
        await _pages(scope, receive, send)
        return
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
