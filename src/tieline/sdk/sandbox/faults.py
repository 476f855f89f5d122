"""Faults that can be switched on from outside: what a vendor's worst day looks like, on request."""

from __future__ import annotations

import random
import re
import time
from dataclasses import asdict, dataclass
from email.utils import formatdate
from typing import Any, Literal

from tieline.sdk.sandbox.http import HTML, Reply, Request

Kind = Literal["status", "hang", "drop", "html", "truncated", "error_in_200", "latency"]
KINDS: tuple[Kind, ...] = ("status", "hang", "drop", "html", "truncated", "error_in_200", "latency")


@dataclass(slots=True)
class Fault:
    """One rule. The first rule that matches a request is used up by it.

    method, path, body: regular expressions searched in the method, the vendor's path and the body; None matches all.
    times: how often it strikes (None: until removed); skip: how many matching requests pass first; rate: share of matching requests, 0 to 1.
    kind: ``status`` (with ``status`` and ``retry_after``: seconds, or ``"date:SECONDS"`` for an HTTP date), ``hang`` (``seconds``, then the
    connection is cut), ``drop``, ``html``, ``truncated`` (half of the JSON), ``error_in_200``, ``latency`` (``seconds``, then the true answer).
    when: ``before`` the request takes effect (it never does) or ``after`` (it does, and the answer is lost).
    """

    kind: Kind
    method: str | None = None
    path: str | None = None
    body: str | None = None
    times: int | None = 1
    skip: int = 0
    rate: float = 1.0
    status: int = 500
    retry_after: str | int | None = None
    seconds: float = 30.0
    when: Literal["before", "after"] = "before"
    struck: int = 0

    def strikes(self, request: Request, chance: random.Random) -> bool:
        """Whether it strikes this request; counts down."""
        if self.times is not None and self.struck >= self.times:
            return False
        if self.method and not re.fullmatch(self.method, request.method, re.IGNORECASE):
            return False
        if self.path and not re.search(self.path, request.path):
            return False
        if self.body and not re.search(self.body.encode(), request.body):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.rate < 1.0 and chance.random() >= self.rate:
            return False
        self.struck += 1
        return True

    def told(self) -> dict[str, Any]:
        """As JSON, with how often it struck."""
        return asdict(self)


def fault_from(value: dict[str, Any]) -> Fault:
    """A rule from its JSON; raises ValueError that names what is wrong."""
    if value.get("kind") not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    if value.get("when", "before") not in ("before", "after"):
        raise ValueError("when must be before or after")
    if "kind" in value and value["kind"] == "latency" and value.get("times", 0) is None and not value.get("path"):
        raise ValueError("use …/latency for a delay on every request")
    try:
        fault = Fault(**{name: part for name, part in value.items() if name != "struck"})
        for pattern in (fault.method, fault.path, fault.body):
            re.compile(pattern or "")
    except (TypeError, re.error) as error:
        raise ValueError(str(error)) from error
    return fault


def retry_after(value: str | int | None) -> list[tuple[str, str]]:
    """The Retry-After header in either of its two forms, or no header."""
    if value is None:
        return []
    text = str(value)
    if text.startswith("date:"):
        text = formatdate(time.time() + float(text[5:]), usegmt=True)
    return [("Retry-After", text)]


def spoilt(reply: Reply, fault: Fault, error_in_200: bytes, error: bytes) -> Reply:
    """What the caller sees instead of ``reply``. ``error`` is the vendor's body for the fault's status, ``error_in_200`` its kind of polite lie."""
    if fault.kind == "status":
        return Reply(fault.status, error, headers=retry_after(fault.retry_after))
    if fault.kind == "html":
        page = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>We are down for maintenance</h1></body></html>"
        return Reply(200 if fault.status == 500 else fault.status, page, HTML)
    if fault.kind == "truncated":
        return Reply(
            reply.status, reply.body[: max(1, len(reply.body) // 2)] or b'{"da', reply.content_type, reply.headers
        )
    if fault.kind == "error_in_200":
        return Reply(200, error_in_200)
    if fault.kind in ("drop", "hang"):
        return Reply(0, drop=True)
    return reply
