"""Twilio, played from its documentation: the account, its calls, numbers and recordings (API 2010-04-01), and callbacks for calls that are made here.

Paths: ``/twilio/2010-04-01/Accounts/{sid}.json`` and below it ``Calls.json``, ``IncomingPhoneNumbers.json``, ``Recordings.json``, ``Recordings/{sid}[.mp3|.wav]``.
HTTP basic: account sid and auth token. Lists are newest first, by pages of up to 1,000 with a page token; StartTime and DateCreated take "<" and ">", which
include the moment itself. Own control routes: POST webhooks {"url", "secret"?, "method"?}; POST calls (one SimulatedCall as JSON or a list; by default it ends
now); POST token makes a new auth token; POST test sends a callback that is of no call (Twilio itself has no test).
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from email.utils import formatdate
from random import Random
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson

from tieline.connectors.twilio.sandbox_events import (
    ACCOUNT,
    Delivery,
    Leg,
    Recording,
    SimulatedCall,
    call_from,
    events_of,
    legs_of,
    recordings_of,
)
from tieline.sdk.sandbox import Reply, Request, Sandbox, json_reply
from tieline.sdk.sandbox.deliver import deliver

TOKEN = "sandbox-auth-token"
LARGEST_PAGE = 1000
_MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)
_Row = TypeVar("_Row")


class Twilio(Sandbox):
    """One account with three numbers."""

    name = "twilio"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._random = Random(seed)
        self.token = TOKEN
        self.hook = ""
        self.method = "POST"
        self._forget()

    def _forget(self) -> None:
        self.calls: list[SimulatedCall] = []
        self.lines = [("+33186950031", "Front desk"), ("+33186950032", "Workshop"), ("+33186950033", "")]

    # -- what the kit asks ------------------------------------------------------------------------------------------

    def reset(self, everything: bool) -> None:
        """The seed's numbers, no calls; address and token stay unless everything."""
        self._forget()
        if everything:
            self.token, self.hook, self.method = TOKEN, "", "POST"

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
        return {"calls": [call.sid for call in made], "lines": [number for number, _ in self.lines]}

    def error_body(self, status: int) -> bytes:
        """Twilio's error."""
        return _error(20500, "injected", status)

    def error_in_200(self) -> bytes:
        """The same."""
        return _error(20500, "injected", 500)

    def control(self, action: str, request: Request) -> Reply | Awaitable[Reply] | None:
        """Own control routes."""
        value: Any = request.json() if request.body else {}
        match request.method, action:
            case "POST", "webhooks":
                self.hook = value.get("url", "")
                self.method = value.get("method", "POST")
                self.token = value.get("secret", self.token)
                return json_reply(200, {"secret": self.token, "url": self.hook})
            case "POST", "calls":
                return self._make(value if isinstance(value, list) else [value], request.origin)
            case "POST", "test":
                return self._send(
                    [
                        Delivery(
                            "test", self.method, {"AccountSid": ACCOUNT, "CallSid": f"CA{0:032x}", "CallStatus": "test"}
                        )
                    ]
                )
            case "POST", "token":
                self.token = secrets.token_hex(16)
                return json_reply(200, {"secret": self.token})
        return None

    def recordings(self) -> list[Recording]:
        """Every recording."""
        return [one for call in self.calls for one in recordings_of(call)]

    async def _make(self, values: list[dict[str, Any]], origin: str) -> Reply:
        made: list[str] = []
        sending: list[Delivery] = []
        for value in values:
            known: dict[str, Any] = {
                "sid": f"CA{self._random.getrandbits(128):032x}",
                "lines": [self.lines[0][0]],
                "started": self.now() - value.get("ring_s", 12) - value.get("talk_s", 60),
                "recording_base": f"{origin}/twilio",
                "method": self.method,
            }
            call = call_from({**known, **value})
            self.calls.append(call)
            made.append(call.sid)
            sending += events_of(call)
        return json_reply(200, {"sids": made, "delivered": await self._deliver(sending)})

    async def _send(self, deliveries: list[Delivery]) -> Reply:
        return json_reply(200, {"delivered": await self._deliver(deliveries)})

    async def _deliver(self, deliveries: list[Delivery]) -> list[dict[str, Any]]:
        """Twilio sends a callback once unless the address asks for retries."""
        requests = [(one.event, *one.request(self.hook, self.token)) for one in deliveries] if self.hook else []
        return await deliver(requests)

    # -- the vendor -------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply | Awaitable[Reply]:
        """Route by path."""
        parts = request.path.strip("/").split("/")
        if len(parts) < 3 or parts[:2] != ["2010-04-01", "Accounts"]:
            return _refused(404, 20404, "The requested resource was not found")
        if not self._is_known(request):
            return _refused(401, 20003, "Authenticate")
        rest = parts[2:]
        if rest == [f"{ACCOUNT}.json"] and request.method == "GET":
            return json_reply(
                200, {"sid": ACCOUNT, "friendly_name": "Sandbox & Co", "status": "active", "type": "Full"}
            )
        if rest[0] != ACCOUNT or request.method != "GET":
            return _refused(404, 20404, f"The requested resource {request.path} was not found")
        match rest[1:]:
            case ["Calls.json"]:
                legs = [leg for call in self.calls for leg in legs_of(call)]
                return self._page(
                    request, "calls", legs, lambda leg: leg.started, lambda leg: leg.sid, _shown_leg, "StartTime"
                )
            case ["Recordings.json"]:
                return self._page(
                    request,
                    "recordings",
                    self.recordings(),
                    lambda one: one.started,
                    lambda one: one.sid,
                    _shown_recording,
                    "DateCreated",
                )
            case ["IncomingPhoneNumbers.json"]:
                numbered = list(enumerate(self.lines))
                return self._page(
                    request,
                    "incoming_phone_numbers",
                    numbered,
                    lambda one: float(one[0]),
                    lambda one: f"PN{one[0]:032x}",
                    lambda one: {"sid": f"PN{one[0]:032x}", "phone_number": one[1][0], "friendly_name": one[1][1]},
                    "",
                )
            case ["Recordings", name]:
                sid = name.removesuffix(".mp3").removesuffix(".wav")
                known = any(one.sid == sid for one in self.recordings())
                if known:
                    kind = "audio/mpeg" if name.endswith(".mp3") else "audio/x-wav"
                    return Reply(200, _MP3_FRAME * 40, kind)
        return _refused(404, 20404, f"The requested resource {request.path} was not found")

    def _is_known(self, request: Request) -> bool:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        return kind == "Basic" and given == base64.b64encode(f"{ACCOUNT}:{self.token}".encode()).decode()

    def _page(
        self,
        request: Request,
        name: str,
        rows: Sequence[_Row],
        at: Callable[[_Row], float],
        sid: Callable[[_Row], str],
        shown: Callable[[_Row], dict[str, Any]],
        time: str,
    ) -> Reply:
        """A page of a list, newest first."""
        query = request.query
        try:
            size = min(int(query.get("PageSize", 50)), LARGEST_PAGE)
            low = _moment(query[f"{time}>"]) if f"{time}>" in query else float("-inf")
            high = _moment(query[f"{time}<"]) if f"{time}<" in query else float("inf")
            after = _place(query["PageToken"]) if "PageToken" in query else None
        except ValueError:
            return _refused(400, 20001, "A parameter is malformed")
        if size < 1:
            return _refused(400, 20006, "PageSize must be from 1 to 1000")
        found = sorted((row for row in rows if low <= at(row) <= high), key=lambda row: (-at(row), sid(row)))
        if after is not None:
            found = [row for row in found if (-at(row), sid(row)) > after]
        page = int(query.get("Page", 0))
        following = None
        if len(found) > size:
            last = found[size - 1]
            token = "PA" + base64.urlsafe_b64encode(orjson.dumps([-at(last), sid(last)])).decode().rstrip("=")
            kept = {key: value for key, value in query.items() if key not in ("Page", "PageToken", "PageSize")}
            following = f"{request.path}?{urlencode({**kept, 'PageSize': size, 'Page': page + 1, 'PageToken': token})}"
        listed = [shown(row) for row in found[:size]]
        return json_reply(
            200, {name: listed, "page": page, "page_size": size, "next_page_uri": following, "uri": request.path}
        )


def _place(token: str) -> tuple[float, str]:
    inner = token.removeprefix("PA")
    at, sid = orjson.loads(base64.urlsafe_b64decode(inner + "=" * (-len(inner) % 4)))
    return float(at), str(sid)


def _shown_leg(leg: Leg) -> dict[str, Any]:
    return {
        "sid": leg.sid,
        "account_sid": ACCOUNT,
        "parent_call_sid": leg.parent or None,
        "from": leg.caller,
        "to": leg.called,
        "direction": leg.direction,
        "status": leg.status,
        "start_time": _rfc(leg.started),
        "end_time": _rfc(leg.ended),
        "date_created": _rfc(leg.started),
        "duration": str(leg.talk_s),
        "answered_by": None,
        "forwarded_from": None,
        "api_version": "2010-04-01",
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{leg.sid}.json",
    }


def _shown_recording(one: Recording) -> dict[str, Any]:
    return {
        "sid": one.sid,
        "account_sid": ACCOUNT,
        "call_sid": one.call,
        "source": one.source,
        "status": "completed",
        "duration": str(one.duration_s),
        "start_time": _rfc(one.started),
        "date_created": _rfc(one.started),
        "channels": 1,
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Recordings/{one.sid}.json",
    }


def _rfc(at: float) -> str:
    return formatdate(int(at), localtime=False).replace("-0000", "+0000")


def _moment(text: str) -> float:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _error(code: int, message: str, status: int) -> bytes:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return orjson.dumps({"code": code, "message": message, "more_info": more, "status": status})


def _refused(status: int, code: int, message: str) -> Reply:
    return Reply(status, _error(code, message, status))


SANDBOX = Twilio
