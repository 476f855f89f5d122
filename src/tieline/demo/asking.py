"""Requests of the demo to what it started itself: the sandboxes and their control routes."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any


def get(url: str) -> Any:
    """The JSON at this address."""
    return _asked(urllib.request.Request(url))  # noqa: S310 - only what the demo started, on this machine


def post(url: str, value: Any, headers: Mapping[str, str] | None = None, method: str = "POST") -> Any:
    """Sends JSON; the answer's JSON, None where it is empty."""
    named = {"Content-Type": "application/json", **(headers or {})}
    data = json.dumps(value).encode()
    return _asked(urllib.request.Request(url, data=data, headers=named, method=method))  # noqa: S310 - likewise


def _asked(request: urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - likewise
        return json.loads(answer.read() or b"null")
