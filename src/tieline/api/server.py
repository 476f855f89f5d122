"""How the server is run: uvicorn with our protocol in front. One process; what needs more is started more than once."""

from __future__ import annotations

from typing import Any

import uvicorn

from tieline.api.protocol import IntakeProtocol


def config(app: Any, *, host: str = "127.0.0.1", port: int = 0, factory: bool = False) -> uvicorn.Config:
    """The settings of a server of ours. `app` is an ASGI app or, with `factory`, the name of what makes one."""
    return uvicorn.Config(
        app,
        factory=factory,
        host=host,
        port=port,
        loop="uvloop",
        http=IntakeProtocol,
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        proxy_headers=False,  # behind a proxy Django reads what it says; nothing else here asks who the client is
        timeout_graceful_shutdown=10,
    )


def run(app: str, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; answers what was taken before it ends."""
    uvicorn.Server(config(app, host=host, port=port, factory=True)).run()
