"""SipSim, played from its developer site and help centre: API v2 and v1, recordings, and a switchboard that makes calls and sends their webhooks.

Paths: ``/sipsim/oauth/token``, ``/sipsim/api/v2/…``, ``/sipsim/api/v1/phones``, ``/sipsim/recordings/{name}.mp3``. The list of calls is documented with
``id``, ``direction``, ``caller_number``, ``receiver_number``; the other names of its items, and the body of errors, are inferred.

Own control routes: POST webhooks {"contract", "url" or "urls", "secret"?, "method"?, "body"?}; POST calls (one SimulatedCall as JSON or a list; by default
the call ends now); POST late sends what was held back; POST test; POST secret makes a new signing secret; POST token {"scope"}; POST offices
{"label", "key"?, "urls": {contract: address}, "secret"?, "lines"?: [{"number", "label"}], "home"?} adds a company to the page ``/sipsim/`` where people make calls.
"""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Awaitable
from dataclasses import asdict
from datetime import UTC, datetime
from random import Random
from typing import Any

import orjson

from tieline.connectors.sipsim.sandbox_account import Hook, Office, office_from, phone
from tieline.connectors.sipsim.sandbox_calls import listed, shown_call
from tieline.connectors.sipsim.sandbox_events import EVENTS, Delivery, SimulatedCall, call_from, events_of, test_event
from tieline.connectors.sipsim.sandbox_page import asked_call, asked_office, call_page, said_after
from tieline.sdk.sandbox import Reply, Request, Sandbox, html_reply, json_reply
from tieline.sdk.sandbox.deliver import Outgoing, deliver

CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"
TOKEN = "sandbox-token"
"""A pasted token: all scopes, for v1 and v2, never expires."""
TOKEN_LIFE = 7200
SCOPES = frozenset(
    (
        "account.read",
        "calls.read",
        "calls.write",
        "phones.read",
        "phones.write",
        "tags.read",
        "tags.write",
        "webhooks.read",
        "webhooks.write",
    )
)
SMALLEST_PAGE, LARGEST_PAGE = 20, 1000
_SCOPE_OF = {"account": "account", "calls": "calls", "phones": "phones", "webhooks": "webhooks"}
_MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)


class SipSim(Sandbox):
    """One account with six lines and a department."""

    name = "sipsim"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._random = Random(seed)
        self.tokens: dict[str, tuple[frozenset[str], float]] = {}
        self._forget()

    def _forget(self) -> None:
        self.calls: list[SimulatedCall] = []
        self.held: list[tuple[str, Delivery]] = []
        self.hooks: dict[str, Hook] = {}
        self.offices: dict[str, Office] = {}
        self.enabled = set(EVENTS)
        self.secret = f"whsec_{self._random.getrandbits(128):032x}"
        self.counter = 0
        names = ("Anna Lindqvist", "Bruno Keller", "Chloé Martin", "Dario Conti", "Emma Sørensen", "Felix Novak")
        self.phones = [phone(number, f"+3318695001{number}", name, "regular") for number, name in enumerate(names, 1)]
        self.phones.append(phone(10, "+33186950010", "Sales", "department"))

    # -- what the kit asks ------------------------------------------------------------------------------------------

    def reset(self, everything: bool) -> None:
        """The seed's lines, no calls; webhook addresses and the secret stay unless everything."""
        hooks, offices, enabled, secret = self.hooks, self.offices, self.enabled, self.secret
        self._forget()
        if everything:
            self.tokens.clear()
        else:
            self.hooks, self.offices, self.enabled, self.secret = hooks, offices, enabled, secret

    def stored(self, module: str | None) -> Any:
        """``calls`` and ``phones``."""
        everything = {"calls": [asdict(call) for call in self.calls], "phones": self.phones}
        return everything if module is None else everything[module]

    def store(self, value: Any) -> dict[str, list[str]]:
        """``{"phones": [{"number", "name", "type"?}], "calls": [SimulatedCall]}``; phones replace the seed's."""
        if "phones" in value:
            self.phones = [
                phone(number, one["number"], one.get("name", ""), one.get("type", "regular"))
                for number, one in enumerate(value["phones"], 1)
            ]
        made = [call_from(one) for one in value.get("calls", ())]
        self.calls.extend(made)
        return {"phones": [phone["number"] for phone in self.phones], "calls": [call.pbx_id for call in made]}

    def expire_tokens(self) -> int:
        """All tokens got from the token endpoint are dead."""
        count = len(self.tokens)
        self.tokens.clear()
        return count

    def error_body(self, status: int) -> bytes:
        """The envelope with an error."""
        return orjson.dumps(self._envelope(status, error={"code": "injected", "message": "injected"}))

    def error_in_200(self) -> bytes:
        """An envelope whose status is not that of the answer."""
        return self.error_body(500)

    def control(self, action: str, request: Request) -> Reply | Awaitable[Reply] | None:
        """Own control routes."""
        value: Any = request.json() if request.body else {}
        match request.method, action:
            case "POST", "webhooks":
                return json_reply(200, self._set_hook(value))
            case "POST", "offices":
                office = office_from(value)
                known = self.offices.get(office.key)
                self.offices[office.key] = office if known is None else known.joined(office)
                return json_reply(200, {"offices": list(self.offices)})
            case "POST", "calls":
                return self._make_calls(value if isinstance(value, list) else [value], request.origin)
            case "POST", "late":
                held, self.held = self.held, []
                return self._send(held)
            case "POST", "test":
                hook = self.hooks.get("new", Hook())
                return self._send([(hook.of("test"), test_event(self.now(), self.secret))])
            case "POST", "secret":
                self.secret = f"whsec_{secrets.token_hex(16)}"
                return json_reply(200, {"secret": self.secret})
            case "POST", "token":
                scopes = frozenset(value["scope"].split()) if "scope" in value else SCOPES
                return json_reply(200, {"access_token": self._token(scopes), "expires_in": TOKEN_LIFE})
        return None

    # -- the switchboard --------------------------------------------------------------------------------------------

    def _set_hook(self, value: dict[str, Any]) -> dict[str, Any]:
        contract = value.get("contract", "new")
        if contract not in ("new", "old"):
            raise ValueError(f"no such contract: {contract!r}")
        hook = Hook(
            dict(value.get("urls", {})), value.get("url", ""), value.get("method", "GET"), value.get("body", "form")
        )
        if contract == "old" and hook.url and not hook.urls:
            mark = "&" if "?" in hook.url else "?"
            hook.urls = {event: f"{hook.url}{mark}event={event}" for event in EVENTS[:8]}
            hook.url = ""
        self.hooks[contract] = hook
        self.secret = value.get("secret", self.secret)
        return {"secret": self.secret, "urls": hook.urls or {"*": hook.url}}

    async def _make_calls(self, values: list[dict[str, Any]], origin: str) -> Reply:
        sending: list[tuple[str, Delivery]] = []
        made: list[str] = []
        for value in values:
            self.counter += 1
            hook = self.hooks.get(value.get("contract", "new"), Hook())
            known = {
                "pbx_id": f"call_{self.counter:06d}{self._random.getrandbits(32):08x}",
                "started": self.now() - value.get("ring_s", 12) - value.get("talk_s", 60),
                "audio_base": f"{origin}/sipsim/recordings",
                "old_method": hook.method,
                "old_body": hook.body,
            }
            call = call_from({**known, **value})
            self.calls.append(call)
            made.append(call.pbx_id)
            for delivery in events_of(call, self.secret, self.now()):
                url = hook.of(delivery.event)
                if not url or (delivery.event not in self.enabled and call.contract == "new"):
                    continue
                (self.held if delivery.late else sending).append((url, delivery))
        return await self._send(sending, made)

    async def _send(self, deliveries: list[tuple[str, Delivery]], made: list[str] | None = None) -> Reply:
        results = await deliver(_requests(deliveries))
        return json_reply(200, {"pbx_ids": made or [], "delivered": results, "held": len(self.held)})

    async def _make_asked_call(self, office: Office, request: Request) -> Reply:
        """The call of the page's form, ended now; the page again, with what was sent and how it was answered."""
        self.counter += 1
        pbx_id = f"call_{self.counter:06d}{self._random.getrandbits(32):08x}"
        call = asked_call(request.form, office, pbx_id, self.now(), f"{request.origin}/sipsim/recordings")
        self.calls.append(call)
        hook = office.hook(call.contract)
        sending = [(hook.of(one.event), one) for one in events_of(call, office.secret, self.now())]
        results = await deliver(_requests([(url, one) for url, one in sending if url]))
        return html_reply(
            200, call_page(self.offices, office, request.form, self.phones, said_after(call, results, office))
        )

    def _page(self, request: Request) -> Reply | Awaitable[Reply]:
        """``/sipsim/``: GET shows the form (``?office=`` chooses the company), POST makes the call, or adds an address."""
        form = request.form if request.method == "POST" else request.query
        office = self.offices.get(form.get("office", "")) or next(iter(self.offices.values()), None)
        if request.method == "POST" and "address" in form:
            office = asked_office(form, self.secret, self.phones)
            if office is not None:
                self.offices[office.key] = office
            return html_reply(
                200 if office else 400, call_page(self.offices, office, form, self.phones, secret=self.secret)
            )
        if request.method == "POST" and office is not None:
            return self._make_asked_call(office, request)
        return html_reply(200, call_page(self.offices, office, form, self.phones, secret=self.secret))

    # -- the vendor -------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply | Awaitable[Reply]:
        """Route by path."""
        parts = request.path.strip("/").split("/")
        match parts:
            case [""] if request.method in ("GET", "POST"):
                return self._page(request)
            case ["oauth", "token"] if request.method == "POST":
                return self._grant(request)
            case ["recordings", name] if request.method == "GET":
                known = any(name in (f"{call.pbx_id}.mp3", f"vm_{call.pbx_id}.mp3") for call in self.calls)
                return Reply(200, _MP3_FRAME * 40, "audio/mpeg") if known else Reply(404)
            case ["api", "v1", "phones"] if request.method == "GET":
                if request.query.get("token") != TOKEN:
                    return json_reply(401, {"error": "Unauthorized"})
                return json_reply(200, [_without(phone, "id", "name") for phone in self.phones])
            case ["api", "v2", area, *rest] if area in _SCOPE_OF:
                return self._v2(request, area, rest)
        return self._refuse(404, "not_found", "no such endpoint")

    def _v2(self, request: Request, area: str, rest: list[str]) -> Reply:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        scopes = self._scopes(token) if kind == "Bearer" else None
        if scopes is None:
            return self._refuse(401, "unauthorized", "the access token is missing, wrong or expired")
        right = f"{_SCOPE_OF[area]}.{'read' if request.method == 'GET' else 'write'}"
        if right not in scopes:
            return self._refuse(403, "insufficient_scope", f"the access token lacks {right}")
        match request.method, area, rest:
            case "GET", "account", []:
                return self._tell({"id": 12345, "company_name": "Sandbox & Co", "email": "anna@sandbox.example.com"})
            case "GET", "phones", []:
                return self._tell(self.phones)
            case "GET", "calls", []:
                return self._list(request)
            case "GET", "calls", [one]:
                call = next((call for call in self.calls if call.pbx_id == one), None)
                return (
                    self._tell(shown_call(call)) if call is not None else self._refuse(404, "not_found", "no such call")
                )
            case "GET", "webhooks", ["available"]:
                return self._tell([{"event": event} for event in EVENTS])
            case "GET", "webhooks", []:
                return self._tell([{"event": event} for event in EVENTS if event in self.enabled])
            case (("POST" | "DELETE"), "webhooks", [event]) if event in EVENTS:
                (self.enabled.add if request.method == "POST" else self.enabled.discard)(event)
                return self._tell({"events": [one for one in EVENTS if one in self.enabled]})
        return self._refuse(404, "not_found", "no such endpoint")

    def _list(self, request: Request) -> Reply:
        """``GET /calls``: oldest first, by pages of 20 to 1,000 with a page token."""
        query = request.query
        try:
            start = datetime.fromisoformat(query["start_time"]).timestamp()
            end = datetime.fromisoformat(query["end_time"]).timestamp() if "end_time" in query else self.now()
            limit = int(query.get("limit", LARGEST_PAGE))
            after = tuple(orjson.loads(base64.urlsafe_b64decode(query["page"]))) if "page" in query else (0.0, "")
        except (KeyError, ValueError) as wrong:
            name = wrong.args[0] if isinstance(wrong, KeyError) else "parameter"
            return self._refuse(400, "invalid_request", f"{name} is missing or malformed")
        if not SMALLEST_PAGE <= limit <= LARGEST_PAGE:
            return self._refuse(400, "invalid_request", f"limit must be from {SMALLEST_PAGE} to {LARGEST_PAGE}")
        found = listed(self.calls, query, start, end, after)
        shown = found[:limit]
        more = len(found) > limit
        token = base64.urlsafe_b64encode(orjson.dumps([shown[-1].started, shown[-1].pbx_id])).decode() if more else None
        pagination = {"count": len(shown), "limit": limit, "page": token, "has_more": more}
        return json_reply(200, self._envelope(200, data=[shown_call(call) for call in shown], pagination=pagination))

    def _grant(self, request: Request) -> Reply:
        form = request.form
        if form.get("grant_type") != "client_credentials":
            return json_reply(400, {"error": "unsupported_grant_type"})
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            return json_reply(401, {"error": "invalid_client"})
        asked = frozenset(form.get("scope", "").split())
        if not asked or not asked <= SCOPES:
            return json_reply(400, {"error": "invalid_scope"})
        answer = {
            "access_token": self._token(asked),
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFE,
            "scope": " ".join(sorted(asked)),
        }
        return json_reply(200, {**answer, "created_at": int(self.now())})

    def _token(self, scopes: frozenset[str]) -> str:
        token = f"sst_{self._random.getrandbits(160):040x}"
        self.tokens[token] = (scopes, self.now() + TOKEN_LIFE)
        return token

    def _scopes(self, token: str) -> frozenset[str] | None:
        if token == TOKEN:
            return SCOPES
        held = self.tokens.get(token)
        return held[0] if held is not None and held[1] > self.now() else None

    def _envelope(self, status: int, **more: Any) -> dict[str, Any]:
        stamp = datetime.fromtimestamp(int(self.now()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "status": status,
            "request_id": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            "timestamp": stamp,
            **more,
        }

    def _tell(self, value: Any) -> Reply:
        return json_reply(200, self._envelope(200, data=value))

    def _refuse(self, status: int, code: str, message: str) -> Reply:
        return json_reply(status, self._envelope(status, error={"code": code, "message": message}))


def _requests(deliveries: list[tuple[str, Delivery]]) -> list[Outgoing]:
    return [(one.event, one.method, one.url(url), one.headers, one.body) for url, one in deliveries]


def _without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: part for name, part in value.items() if name not in names}


SANDBOX = SipSim
