"""Webhooks: one request for each changed customer, with nothing but numbers in it, no signature, sometimes late and sometimes twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tieline.connectors.e_conomic.sandbox.book import version_text
from tieline.sdk.sandbox.deliver import Outgoing, deliver

CUSTOMER_UPDATED = "CUSTOMER_UPDATED"
_NUMBERS = [
    {"fieldName": "OLDNUMBER", "description": "The number before"},
    {"fieldName": "NEWNUMBER", "description": "The number now"},
]
EVENTS: list[dict[str, Any]] = [
    {"name": CUSTOMER_UPDATED, "description": "Customer updated", "mergeFields": _NUMBERS},
    {
        "name": "INVOICE_BOOKED",
        "description": "Invoice booked",
        "mergeFields": [{"fieldName": "INVOICENO", "description": "Its number"}],
    },
]
TRIES = 3
"""How often a call that failed is made in all; the vendor's own count is not published."""


class Hook:
    """One webhook, made by the API or by a person."""

    def __init__(self, values: Mapping[str, Any], now: int) -> None:
        self.disabled_at: int | None = None
        self.version = 0
        self.values: dict[str, Any] = {}
        self.take(values, now)

    @property
    def event(self) -> str:
        """Its event type."""
        return str(self.values["eventType"])

    def take(self, values: Mapping[str, Any], now: int) -> None:
        """Another content."""
        self.values = {name: value for name, value in values.items() if name != "objectVersion"}
        if self.values.get("isDisabled"):
            self.disabled_at = now
        self.updated, self.version = now, self.version + 1

    def version_text(self) -> str:
        """Its object version."""
        return version_text(len(self.event), self.version)

    def outgoing(self, old: int | None, new: int | None) -> Outgoing:
        """The request that tells of one change."""
        words = {"[OLDNUMBER]": "" if old is None else str(old), "[NEWNUMBER]": "" if new is None else str(new)}
        url, body = str(self.values["url"]), str(self.values.get("postData") or "")
        for field, word in words.items():
            url = url.replace(field, quote(word)).replace(quote(field), quote(word))
            body = body.replace(field, word)
        headers = {"Content-Type": str(self.values["contentType"])}
        headers |= {str(one["key"]): str(one["value"]) for one in self.values.get("customHeaders") or ()}
        return (f"{old or ''}→{new or ''}", "POST", url, headers, body.encode())


class Hooks:
    """What is to be told, and how the telling misbehaves.

    doubled   each delivery comes twice
    late_s    it comes so much later
    held      nothing goes out until `release`
    contacts_fire   a change of a contact alone fires too (not documented either way)
    """

    def __init__(self) -> None:
        self.by_api: dict[str, Hook] = {}
        self.by_hand: list[Hook] = []
        self.doubled = self.held = self.contacts_fire = False
        self.late_s = 0.0
        self.waiting: list[Outgoing] = []
        self.delivered: list[dict[str, Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def fire(self, old: int | None, new: int | None) -> None:
        """A customer changed."""
        hooks = [*self.by_api.values(), *self.by_hand]
        for hook in hooks:
            if hook.event == CUSTOMER_UPDATED and not hook.values.get("isDisabled"):
                self.waiting += [hook.outgoing(old, new)] * (2 if self.doubled else 1)
        if self.waiting and not self.held:
            self.release()

    def release(self) -> None:
        """Sends what waits."""
        batch, self.waiting = self.waiting, []
        if batch:
            task = asyncio.get_running_loop().create_task(self._send(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def settle(self) -> list[dict[str, Any]]:
        """When everything that was let go has been told: what each receiver said, oldest first."""
        while self._tasks:
            await asyncio.gather(*list(self._tasks))
        return self.delivered

    def forget(self, everything: bool) -> None:
        """Nothing waits; with everything no webhook is left."""
        for task in self._tasks:
            task.cancel()
        self.waiting, self.delivered = [], []
        self.doubled = self.held = self.contacts_fire = False
        self.late_s = 0.0
        if everything:
            self.by_api, self.by_hand = {}, []

    async def _send(self, batch: list[Outgoing]) -> None:
        if self.late_s:
            await asyncio.sleep(self.late_s)
        for attempt in range(TRIES):
            results = await deliver(batch)
            self.delivered += results
            batch = [one for one, result in zip(batch, results, strict=True) if not 200 <= result["status"] < 300]
            if not batch:
                return
            await asyncio.sleep(0.05 * (attempt + 1))
