"""A telephone system that follows our contract: it makes calls and sends their events to the address that it was given.

It answers nothing itself. Control routes: POST webhooks {"url", "secret"?}; POST calls (one SimulatedCall as JSON or a list; by default
the call ends now); POST test sends an event of kind "test".
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import asdict
from random import Random
from typing import Any

from tieline.connectors.webhook.sandbox_events import Delivery, SimulatedCall, delivery, events_of
from tieline.sdk.sandbox import Reply, Request, Sandbox, json_reply
from tieline.sdk.sandbox.deliver import deliver


class Switchboard(Sandbox):
    """One line, any number of calls."""

    name = "webhook"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._random = Random(seed)
        self.url = self.secret = ""
        self.calls: list[SimulatedCall] = []

    def reset(self, everything: bool) -> None:
        """No calls; the address stays unless everything."""
        self.calls = []
        if everything:
            self.url = self.secret = ""

    def stored(self, module: str | None) -> Any:  # noqa: ARG002  there is one kind only
        """The calls."""
        return [asdict(call) for call in self.calls]

    def answer(self, request: Request) -> Reply:  # noqa: ARG002  whatever is asked
        """Nobody asks such a system anything."""
        return json_reply(404, {"error": "this telephone system only sends"})

    def control(self, action: str, request: Request) -> Reply | Awaitable[Reply] | None:
        """Own control routes."""
        value: Any = request.json() if request.body else {}
        match request.method, action:
            case "POST", "webhooks":
                self.url, self.secret = str(value["url"]), str(value.get("secret", ""))
                return json_reply(200, {"url": self.url, "signed": bool(self.secret)})
            case "POST", "calls":
                return self._make(value if isinstance(value, list) else [value])
            case "POST", "test":
                return self._send([delivery({"kind": "test"}, self.secret, self.now())], [])
        return None

    async def _make(self, values: list[dict[str, Any]]) -> Reply:
        made: list[SimulatedCall] = []
        for value in values:
            began = self.now() - value.get("ring_s", 12) - value.get("talk_s", 60)
            known = {"call_id": f"wh-{self._random.getrandbits(48):012x}", "started": began}
            made.append(SimulatedCall(**{**known, **value}))
        self.calls.extend(made)
        deliveries = [one for call in made for one in events_of(call, self.secret, self.now())]
        return await self._send(deliveries, [call.call_id for call in made])

    async def _send(self, deliveries: list[Delivery], made: list[str]) -> Reply:
        requests = [(one.event, one.method, one.url(self.url), one.headers, one.body) for one in deliveries if self.url]
        return json_reply(200, {"call_ids": made, "delivered": await deliver(requests)})


SANDBOX = Switchboard
