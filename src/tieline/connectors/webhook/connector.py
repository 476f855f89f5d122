"""Any telephone system that can send a web request: our own published contract of a call's events."""

from __future__ import annotations

from collections.abc import Mapping

from tieline.connectors.webhook import events
from tieline.core.facts import CallFact
from tieline.sdk.contract import Arrived, Identity, Request
from tieline.sdk.http import Client


class Connector:
    """Events of whoever follows the contract."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def check(self) -> Identity:
        """There is nobody to ask."""
        return Identity("", "")

    def arrive(self, request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:
        return events.arrive(request, secrets, now_s)

    def parse(self, request: Request) -> list[CallFact]:
        return events.parse(request)
