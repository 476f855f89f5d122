"""Sandboxes of vendors in a thread of their own, for tests that call them from synchronous code or from a server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tieline.sdk.sandbox import Running, serve


class Playing:
    """A running sandbox server. `url` without a trailing slash; `zoho` is its Zoho organisation."""

    def __init__(self, running: Running, loop: asyncio.AbstractEventLoop) -> None:
        self.running = running
        self.url = running.url
        self._loop = loop

    @property
    def zoho(self) -> Any:
        """The Zoho sandbox itself."""
        return self.running.sandbox("zoho_crm")

    @property
    def sipsim(self) -> Any:
        """The SipSim sandbox itself."""
        return self.running.sandbox("sipsim")

    def fault(self, connector: str, **rule: Any) -> None:
        """Switches a fault on (`tieline.sdk.sandbox.Fault`)."""
        from tieline.sdk.sandbox import Fault

        self.running.side(connector).faults.append(Fault(**rule))


@contextmanager
def playing(connectors: Sequence[str] = ("zoho_crm", "sipsim")) -> Iterator[Playing]:
    """The sandboxes of these connectors on a free port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandboxes", daemon=True)
    thread.start()
    running = asyncio.run_coroutine_threadsafe(serve(0, connectors), loop).result(30)
    try:
        yield Playing(running, loop)
    finally:
        asyncio.run_coroutine_threadsafe(running.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
