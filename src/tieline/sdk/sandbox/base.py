"""What a connector's sandbox is, and what the kit does for it."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any

from tieline.sdk.sandbox.http import Reply, Request, json_reply


class Sandbox:
    """One vendor, played from its documentation.

    A connector's ``sandbox.py`` names its subclass ``SANDBOX``. ``answer`` gets requests with the path below ``/<connector>`` and must neither wait
    nor block: delays, hangs and losses are the kit's work. ``self.now()`` is the only clock, so that tests can move it.
    """

    name = ""
    oauth_client: tuple[str, str] | None = None
    """(client id, secret) of the client that it knows from the start, where it plays OAuth consent."""

    def __init__(self, seed: int = 0) -> None:
        self.chance_seed = seed
        self.clock_offset = 0.0
        self.index_lag = 0.0

    def now(self) -> float:
        """Seconds since 1970, moved by the control route ``clock``."""
        return time.time() + self.clock_offset

    def answer(self, request: Request) -> Reply | Awaitable[Reply]:
        """The vendor's answer; one to be awaited only where it stands for people, such as a page that sends webhooks."""
        raise NotImplementedError

    def enter(self, request: Request) -> Reply | None:  # noqa: ARG002  what subclasses are given
        """Called when a request arrives, before any latency: a refusal here (too many at once) is the answer."""
        return None

    def leave(self, request: Request) -> None:
        """Called when the request that entered has been answered."""

    def figures(self) -> dict[str, Any]:
        """More numbers for the control route ``counts`` (credits, for instance)."""
        return {}

    def error_body(self, status: int) -> bytes:  # noqa: ARG002  what subclasses are given
        """The vendor's JSON body for an injected error status."""
        return b'{"error":"injected"}'

    def error_in_200(self) -> bytes:
        """The vendor's JSON body that says error under a 200."""
        return b'{"error":"injected"}'

    def reset(self, everything: bool) -> None:
        """Back to the seed; ``everything`` forgets grants and tokens too."""

    def stored(self, module: str | None) -> Any:  # noqa: ARG002  what subclasses are given
        """All that is stored, or one module of it, as JSON."""
        return {}

    def store(self, value: Any) -> Any:  # noqa: ARG002  what subclasses are given
        """Put records in without the API's checks; returns their ids."""
        raise ValueError("this sandbox takes no records")

    def expire_tokens(self) -> int:
        """All access tokens are refused from now on; returns how many."""
        return 0

    def control(self, action: str, request: Request) -> Reply | Awaitable[Reply] | None:  # noqa: ARG002  what subclasses are given
        """The sandbox's own control routes, ``/_control/<connector>/<action>``; None when there is no such route."""
        return None


def refuse(reason: str, status: int = 400) -> Reply:
    """A control route's error."""
    return json_reply(status, {"error": reason})
