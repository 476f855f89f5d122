"""Ringover, played from what is published of it: public API v2 (calls, numbers, teams), recordings, and webhooks 2.0.

Paths: ``/ringover/v2/calls`` (at most 15 days, 1,000 a page, offset up to 9,000; 204 when there is none; newest first), ``/ringover/v2/numbers``,
``/ringover/v2/teams``, ``/ringover/record/{kind}-{call_id}.mp3``. The API key stands in Authorization as it is.

Own control routes: POST webhooks {"url", "key"?, "signing"?: "jwt" | "flat" | "v3"}; POST calls (one SimulatedCall as JSON or a list; by default the
call ends now and its id is beyond what JavaScript counts).
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import asdict
from datetime import UTC, datetime
from random import Random
from typing import Any

from tieline.connectors.ringover.sandbox_events import Signing, SimulatedCall, events_of
from tieline.sdk.sandbox import Reply, Request, Sandbox, json_reply
from tieline.sdk.sandbox.deliver import deliver

API_KEY = "sandbox-api-key"
WEBHOOK_KEY = "sandbox-webhook-key"
LARGEST_PAGE, FURTHEST, LONGEST_S = 1000, 9000, 15 * 86400
FIRST_CALL = 1_234_567_890_987_654_400
_MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)
_STATES = {"answered": "ANSWERED", "missed": "MISSED", "no_answer": "NOANSWER", "voicemail": "VOICEMAIL"}


class Ringover(Sandbox):
    """One team with three numbers."""

    name = "ringover"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._random = Random(seed)
        self.url, self.key = "", WEBHOOK_KEY
        self.signing: Signing = "jwt"
        self.calls: list[SimulatedCall] = []
        self.numbers = [
            {"number": 33186950021, "label": "Main line", "type": "IVR"},
            {"number": 33186950022, "label": "", "type": "USER", "user": {"concat_name": "Anna Lindqvist"}},
            {"number": 33186950023, "label": "Sales", "type": "GROUP"},
        ]

    def reset(self, everything: bool) -> None:
        """No calls; the webhook's address and key stay unless everything."""
        self.calls = []
        if everything:
            self.url, self.key, self.signing = "", WEBHOOK_KEY, "jwt"

    def stored(self, module: str | None) -> Any:
        """``calls`` and ``numbers``."""
        everything = {"calls": [asdict(call) for call in self.calls], "numbers": self.numbers}
        return everything if module is None else everything[module]

    def store(self, value: Any) -> dict[str, list[str]]:
        """``{"calls": [SimulatedCall]}``, without webhooks; returns their ids."""
        made = [self._call(one) for one in value.get("calls", ())]
        self.calls.extend(made)
        return {"calls": [str(call.call_id) for call in made]}

    def _call(self, value: dict[str, Any]) -> SimulatedCall:
        known = {
            "call_id": FIRST_CALL + self._random.getrandbits(40),
            "started": self.now() - value.get("ring_s", 12) - value.get("talk_s", 60),
            "number": "33612345678",
            "line": "33186950021",
        }
        call = SimulatedCall(**{**known, **value})
        if call.outcome not in _STATES or call.direction not in ("inbound", "outbound"):
            raise ValueError(f"not a call: {value!r}")
        return call

    def error_body(self, status: int) -> bytes:
        """Its errors are short."""
        return b'{"code":%d,"message":"injected"}' % status

    def control(self, action: str, request: Request) -> Reply | Awaitable[Reply] | None:
        """Own control routes."""
        value: Any = request.json() if request.body else {}
        match request.method, action:
            case "POST", "webhooks":
                self.url, self.key = str(value["url"]), str(value.get("key", WEBHOOK_KEY))
                self.signing = value.get("signing", "jwt")
                return json_reply(200, {"url": self.url, "key": self.key})
            case "POST", "calls":
                return self._make(value if isinstance(value, list) else [value], request.origin)
        return None

    async def _make(self, values: list[dict[str, Any]], origin: str) -> Reply:
        made = [self._call({"audio_base": f"{origin}/ringover/record", **value}) for value in values]
        self.calls.extend(made)
        events = [
            one for call in made for one in events_of(call, self.key, self.url, self.signing, self.now()) if self.url
        ]
        results = await deliver((one.event, "POST", self.url, one.headers, one.body) for one in events)
        return json_reply(200, {"call_ids": [str(call.call_id) for call in made], "delivered": results})

    # -- the vendor -------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """Route by path."""
        parts = request.path.strip("/").split("/")
        if request.method != "GET":
            return _refuse(405, "method not allowed")
        if parts[0] == "record" and len(parts) == 2:
            known = any(
                parts[1] in (f"record-{call.call_id}.mp3", f"voicemail-{call.call_id}.mp3") for call in self.calls
            )
            return Reply(200, _MP3_FRAME * 40, "audio/mpeg") if known else Reply(404)
        if parts[0] != "v2":
            return _refuse(404, "not found")
        if request.headers.get("authorization") != API_KEY:
            return _refuse(401, "the API key is missing or wrong")
        match parts[1:]:
            case ["teams"]:
                return json_reply(200, {"id": 4711, "name": "Sandbox & Co", "numbers": [], "users": []})
            case ["numbers"]:
                return json_reply(200, {"list_count": len(self.numbers), "list": self.numbers})
            case ["calls"]:
                return self._list(request)
        return _refuse(404, "not found")

    def _list(self, request: Request) -> Reply:
        query = request.query
        try:
            end = _seconds(query.get("end_date")) or self.now()
            start = _seconds(query.get("start_date")) or end - LONGEST_S
            count, offset = int(query.get("limit_count", 100)), int(query.get("limit_offset", 0))
        except ValueError:
            return _refuse(400, "malformed parameter")
        if end - start > LONGEST_S or not 0 < count <= LARGEST_PAGE or not 0 <= offset <= FURTHEST:
            return _refuse(400, "out of range")
        found = sorted((one for one in self.calls if start <= one.started <= end), key=lambda one: -one.started)
        if not found[offset:]:
            return Reply(204)
        shown = [_listed(call) for call in found[offset : offset + count]]
        answer = {"total_call_count": len(found), "call_list_count": len(shown), "call_list": shown}
        return json_reply(200, answer)


def _listed(call: SimulatedCall) -> dict[str, Any]:
    """An item of ``GET /v2/calls``."""
    answered, inbound = call.outcome == "answered", call.direction == "inbound"
    return {
        "cdr_id": call.call_id % 10**9,
        "call_id": str(call.call_id),
        "type": "PHONE",
        "direction": "in" if inbound else "out",
        "is_answered": answered,
        "last_state": _STATES[call.outcome],
        "start_time": _time(call.started),
        "answered_time": _time(call.started + call.ring_s) if answered else None,
        "end_time": _time(call.ended),
        "incall_duration": call.talk,
        "total_duration": call.talk + call.ring_s,
        "from_number": call.number if inbound else call.line,
        "to_number": call.line if inbound else call.number,
        "contact_number": call.number,
        "hangup_by": "CALLER",
        "user": {"user_id": 12854321, "email": call.agent} if answered else None,
        "record": call.link() if answered and call.recording != "none" else None,
        "voicemail": call.link("voicemail") if call.outcome == "voicemail" else None,
    }


def _seconds(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None


def _time(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _refuse(status: int, message: str) -> Reply:
    return json_reply(status, {"code": status, "message": message})


SANDBOX = Ringover
