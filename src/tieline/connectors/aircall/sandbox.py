"""Aircall, played from its documentation: company, numbers, calls and their files (API v1), and webhooks for calls that are made here.

Paths: ``/aircall/v1/company``, ``/v1/numbers``, ``/v1/calls`` (from, to, order, page, per_page up to 50, at most 10,000 calls a query), ``/v1/calls/{id}``, and
``/aircall/recordings/{id}.mp3``, whose address is dead an hour after it was given. HTTP basic: API id and API token; 60 requests a minute are not
counted here. Own control routes: POST webhooks {"url", "secret"?}; POST calls (one SimulatedCall as JSON or a list; by default it ends now), of which hungup, ended and
files come at once; POST test sends an event that is of no call.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable
from dataclasses import asdict
from random import Random
from typing import Any

import orjson

from tieline.connectors.aircall.sandbox_events import SimulatedCall, call_from, events_of, shown, spaced
from tieline.sdk.sandbox import Reply, Request, Sandbox, json_reply
from tieline.sdk.sandbox.deliver import deliver

API_ID, API_TOKEN = "sandbox-api-id", "sandbox-api-token"
WEBHOOK_TOKEN = "sandbox-webhook-token"
LARGEST_PAGE = 50
MOST_OF_A_QUERY = 10_000
_MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)


class Aircall(Sandbox):
    """One company with three numbers."""

    name = "aircall"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._random = Random(seed)
        self.hook, self.token = "", WEBHOOK_TOKEN
        self._forget()

    def _forget(self) -> None:
        self.calls: list[SimulatedCall] = []
        self.lines = [("+33186950041", "Front desk"), ("+33186950042", "Support"), ("+33186950043", "Sales")]

    # -- what the kit asks ------------------------------------------------------------------------------------------

    def reset(self, everything: bool) -> None:
        """The seed's numbers, no calls; address and token of the webhook stay unless everything."""
        self._forget()
        if everything:
            self.hook, self.token = "", WEBHOOK_TOKEN

    def stored(self, module: str | None) -> Any:
        """``calls`` and ``lines``."""
        everything = {"calls": [asdict(call) for call in self.calls], "lines": self.lines}
        return everything if module is None else everything[module]

    def store(self, value: Any) -> dict[str, list[str]]:
        """``{"lines": [[number, label]], "calls": [SimulatedCall]}``; lines replace the seed's."""
        if "lines" in value:
            self.lines = [(number, label) for number, label in value["lines"]]
        made = [call_from(one) for one in value.get("calls", ())]
        self.calls.extend(made)
        return {"calls": [str(call.id) for call in made], "lines": [number for number, _ in self.lines]}

    def error_body(self, status: int) -> bytes:  # noqa: ARG002  (the kit's)
        """Aircall's error."""
        return orjson.dumps({"error": "injected", "troubleshoot": "injected"})

    def error_in_200(self) -> bytes:
        """The same."""
        return self.error_body(500)

    def control(self, action: str, request: Request) -> Reply | Awaitable[Reply] | None:
        """Own control routes."""
        value: Any = request.json() if request.body else {}
        match request.method, action:
            case "POST", "webhooks":
                self.hook = value.get("url", "")
                self.token = value.get("secret", self.token)
                return json_reply(200, {"secret": self.token, "url": self.hook})
            case "POST", "calls":
                return self._make(value if isinstance(value, list) else [value], request.origin)
            case "POST", "test":
                body = {
                    "resource": "webhook",
                    "event": "webhook.test",
                    "timestamp": int(self.now()),
                    "token": self.token,
                    "data": {},
                }
                return self._send([("webhook.test", orjson.dumps(body))], [])
        return None

    async def _make(self, values: list[dict[str, Any]], origin: str) -> Reply:
        made: list[str] = []
        sending: list[tuple[str, bytes]] = []
        for value in values:
            known: dict[str, Any] = {
                "id": self._random.getrandbits(40),
                "lines": [self.lines[0][0]],
                "started": self.now() - value.get("ring_s", 8) - value.get("talk_s", 60),
                "recording_base": f"{origin}/aircall",
            }
            call = call_from({**known, **value})
            self.calls.append(call)
            made.append(str(call.id))
            sending += [(one.event, one.body(self.token)) for one in events_of(call)]
        return await self._send(sending, made)

    async def _send(self, bodies: list[tuple[str, bytes]], made: list[str]) -> Reply:
        """Without Aircall's retries."""
        headers = {"Content-Type": "application/json"}
        requests = [(event, "POST", self.hook, headers, body) for event, body in bodies] if self.hook else []
        return json_reply(200, {"ids": made, "delivered": await deliver(requests)})

    # -- the vendor -------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply | Awaitable[Reply]:
        """Route by path."""
        parts = request.path.strip("/").split("/")
        if request.method != "GET":
            return _refused(404, "Not Found", "no such endpoint")
        if parts[0] == "recordings" and len(parts) == 2:
            return self._file(request, parts[1])
        given = base64.b64encode(f"{API_ID}:{API_TOKEN}".encode()).decode()
        if request.headers.get("authorization", "") != f"Basic {given}":
            return _refused(401, "Unauthorized", "check the API id and token")
        match parts:
            case ["v1", "company"]:
                return json_reply(
                    200, {"company": {"name": "Sandbox & Co", "users_count": 3, "numbers_count": len(self.lines)}}
                )
            case ["v1", "numbers"]:
                rows = [
                    {"id": number, "name": label, "digits": spaced(line), "country": "FR", "open": True}
                    for number, (line, label) in enumerate(self.lines, 1)
                ]
                return _page(request, "numbers", rows)
            case ["v1", "calls"]:
                return self._calls(request)
            case ["v1", "calls", one]:
                call = next((call for call in self.calls if str(call.id) == one), None)
                if call is not None:
                    return json_reply(200, {"call": shown(call, self.now())})
        return _refused(404, "Not Found", "no such resource")

    def _calls(self, request: Request) -> Reply:
        query = request.query
        try:
            low, high = float(query.get("from", "0")), float(query.get("to", "inf"))
        except ValueError:
            return _refused(400, "Bad Request", "from and to are Unix seconds")
        found = [call for call in self.calls if low <= int(call.started) <= high]
        newest_first = query.get("order", "asc") == "desc"
        found.sort(key=lambda call: (int(call.started), call.id), reverse=newest_first)
        now = self.now()
        return _page(request, "calls", found[:MOST_OF_A_QUERY], total=len(found), show=lambda call: shown(call, now))

    def _file(self, request: Request, name: str) -> Reply:
        known = any(name == f"{call.id}.mp3" and (call.recorded or call.outcome == "voicemail") for call in self.calls)
        expires = request.query.get("Expires", "")
        if not known or not expires.isdigit() or int(expires) < self.now():
            return Reply(403, b"<Error><Code>AccessDenied</Code></Error>", "application/xml")
        return Reply(200, _MP3_FRAME * 40, "audio/mpeg")


def _page(request: Request, name: str, rows: list[Any], total: int | None = None, show: Any = None) -> Reply:
    """A page of a list with its meta."""
    query = request.query
    try:
        page, size = int(query.get("page", 1)), min(int(query.get("per_page", 20)), LARGEST_PAGE)
    except ValueError:
        return _refused(400, "Bad Request", "page and per_page are numbers")
    if page < 1 or size < 1:
        return _refused(400, "Bad Request", "page and per_page begin with 1")
    part = rows[(page - 1) * size : page * size]
    more = page * size < len(rows)
    meta = {
        "count": len(part),
        "total": len(rows) if total is None else total,
        "current_page": page,
        "per_page": size,
        "next_page_link": f"{request.origin}/aircall{request.path}?page={page + 1}&per_page={size}" if more else None,
        "previous_page_link": None,
    }
    return json_reply(200, {"meta": meta, name: [show(row) if show else row for row in part]})


def _refused(status: int, error: str, troubleshoot: str) -> Reply:
    return json_reply(status, {"error": error, "troubleshoot": troubleshoot})


SANDBOX = Aircall
