"""A sandbox telling somebody of an event, as a vendor's webhooks do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp
from yarl import URL

PATIENCE_S = 15.0

Outgoing = tuple[str, str, str, Mapping[str, str], bytes]
"""(event, method, URL exactly as it is to be asked for, headers, body)."""


async def deliver(requests: Iterable[Outgoing]) -> list[dict[str, Any]]:
    """Send one after the other, each once: what each receiver said, [{"event", "status"}], 0 where there was no answer."""
    results: list[dict[str, Any]] = []
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with aiohttp.ClientSession(timeout=timeout, skip_auto_headers=("User-Agent",)) as session:
        for event, method, url, headers, body in requests:
            status = 0
            try:
                async with session.request(
                    method, URL(url, encoded=True), data=body or None, headers=headers, allow_redirects=False
                ) as answer:
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError):
                pass
            results.append({"event": event, "status": status})
    return results
