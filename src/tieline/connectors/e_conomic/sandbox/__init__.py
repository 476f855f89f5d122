"""e-conomic, played from its documentation: one agreement behind the legacy REST surface and the OpenAPI services.

Both hosts are served below one address: ``/customers``, ``/self`` … are ``restapi``'s, ``/customersapi/v3.1.0/…`` and ``/webhooksapi/v1.0.0/…`` are
``apis``'s. Tokens: X-AppSecretToken ``sandbox-app-secret``, X-AgreementGrantToken ``sandbox-grant``; ``demo`` for both may only GET. See
`control` for the own control routes.
"""

from __future__ import annotations

from collections.abc import Awaitable
from email.utils import formatdate
from typing import Any

from tieline.connectors.e_conomic.sandbox.answers import NoError, answer, envelope, is_open, log_id, problem
from tieline.connectors.e_conomic.sandbox.book import Book
from tieline.connectors.e_conomic.sandbox.hooks import CUSTOMER_UPDATED, Hooks
from tieline.connectors.e_conomic.sandbox.legacy import Legacy
from tieline.connectors.e_conomic.sandbox.people import People
from tieline.connectors.e_conomic.sandbox.services import Services
from tieline.sdk.sandbox import Reply, Request, Sandbox

APP_SECRET = "sandbox-app-secret"
GRANT = "sandbox-grant"
AGREEMENT = 1234567
REMEMBERED_S = 3600
CALL_COST = 3
WINDOW_S = 60
TOKENS = 10_000
_ROLES = {"Sales": 4, "SuperUser": 1, "Bookkeeping": 2}


class EConomic(Sandbox):
    """One agreement with an app that has the role SuperUser."""

    name = "e_conomic"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.app_secret, self.grant = APP_SECRET, GRANT
        self._begin()

    def _begin(self) -> None:
        self.book = Book()
        self.hooks = getattr(self, "hooks", None) or Hooks()
        self.agreement: dict[str, Any] = {
            "agreementNumber": AGREEMENT,
            "userName": "TIELINE",
            "agreementType": {"agreementTypeNumber": 1, "name": "e-conomic Plus"},
            "user": {"loginId": "TIELINE", "name": "Sandbox", "email": "sandbox@sandbox.example"},
            "company": {"name": "Sandkassen ApS", "zip": "1050", "city": "København K", "country": "Danmark"},
            "settings": {"baseCurrency": "DKK"},
            "modules": [{"moduleNumber": 1, "name": "API", "self": "https://restapi.e-conomic.com/modules/1"}],
        }
        self.legacy = Legacy(self.book, self.seconds, self.hooks.fire, self.agreement)
        self.services = Services(self.book, self.hooks, self.seconds, self.hooks.fire)
        self.people = People(self)
        self.roles = ["SuperUser"]
        self.missing_modules: list[str] = []
        self.revoked = False
        self.limit, self._used, self._used_at = TOKENS, 0.0, self.now()
        self.tells_retry = True
        self._remembered: dict[str, tuple[str, float, Reply]] = {}

    def seconds(self) -> int:
        """Now, as times of change are kept."""
        return int(self.now())

    # -- the vendor -------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """Credentials, budget, remembered answers, then the surface; headers that every answer has."""
        now = self.now()
        opened = is_open(request.path)
        reply = self._refusal(request, opened, now)
        if reply is None:
            try:
                reply = self._once(request, opened, now)
            except NoError as no:
                reply = no.reply
        reply.headers += [
            ("Date", formatdate(now, usegmt=True)),
            ("X-RequestId", log_id()),
            ("X-CallCost", str(CALL_COST)),
            ("X-RateLimiting", f"token-limit-{self.limit}-per-{WINDOW_S}-seconds: {round(self._used)}/{self.limit}"),
        ]
        return reply

    def _once(self, request: Request, opened: bool, now: float) -> Reply:
        """A write under an Idempotency-Key that was answered within the hour has the same answer, and no effect."""
        key = request.headers.get("idempotency-key", "")
        if request.method == "GET" or not key:
            return self._work(request, opened)
        asked = f"{request.method} {request.path}"
        known = self._remembered.get(key)
        if known is not None and now - known[1] < REMEMBERED_S and known[0] == asked:
            return Reply(
                known[2].status, known[2].body, known[2].content_type, [*_own(known[2]), ("X-ResultFromCache", "true")]
            )
        try:
            reply = self._work(request, opened)
        except NoError as no:
            reply = no.reply
        self._remembered[key] = (asked, now, Reply(reply.status, reply.body, reply.content_type, _own(reply)))
        return reply

    def _work(self, request: Request, opened: bool) -> Reply:
        if opened:
            return self.services.answer(request)
        self.agreement["application"] = {
            "appNumber": 4321,
            "name": "Tieline",
            "requiredRoles": [{"roleNumber": _ROLES.get(role, 9), "name": role} for role in self.roles],
            "self": f"{request.origin}/e_conomic/app/4321",
        }
        return self.legacy.answer(request, f"{request.origin}/e_conomic")

    def _refusal(self, request: Request, opened: bool, now: float) -> Reply | None:
        headers = request.headers
        given = (headers.get("x-appsecrettoken", ""), headers.get("x-agreementgranttoken", ""))
        demo = given == ("demo", "demo")
        if self.revoked or not (demo or given == (self.app_secret, self.grant)):
            if opened:
                return problem(401, "Unauthorized access.", "AccessDeniedUnauthorized")
            return envelope(
                401, "Unauthorized access.", "E00500", hint="Check X-AppSecretToken and X-AgreementGrantToken."
            )
        if not self._pays(now):
            retry = [("Retry-After", str(max(1, round(WINDOW_S * CALL_COST / self.limit))))] if self.tells_retry else []
            reply = (
                problem(429, "Too many requests.", "TooManyRequests") if opened else envelope(429, "Too many requests.")
            )
            reply.headers += retry
            return reply
        if demo and request.method != "GET":
            return _forbidden(opened, "The demo agreement is read only.")
        if request.method in ("POST", "PUT") and not _is_json(headers.get("content-type", "")):
            told = "Unsupported media type."
            return problem(415, told, "UnsupportedMediaType") if opened else envelope(415, told)
        if self.missing_modules and (opened or request.path != "/self"):
            told = f"Missing modules: {', '.join(self.missing_modules)}"
            return problem(403, told, "AccessDeniedAgreementMissingModules") if opened else _forbidden(False, told)
        wanted = ["SuperUser"] if request.path.startswith("/webhooksapi") else ["Sales", "SuperUser"]
        if request.path != "/self" and not set(wanted) & set(self.roles):
            return _forbidden(opened, f"The app lacks the role {' or '.join(wanted)}.")
        return None

    def _pays(self, now: float) -> bool:
        """Takes from the bucket that both surfaces share; it fills up evenly over the window."""
        self._used = max(0.0, self._used - (now - self._used_at) * self.limit / WINDOW_S)
        self._used_at = now
        if self._used + CALL_COST > self.limit:
            return False
        self._used += CALL_COST
        return True

    # -- what the kit asks ------------------------------------------------------------------------------------------

    def figures(self) -> dict[str, Any]:
        """How many there are, and what is left of the budget."""
        return {
            "customers": len(self.book.customers),
            "contacts": len(self.book.contacts),
            "tokens_used": round(self._used),
        }

    def error_body(self, status: int) -> bytes:
        """As of the legacy surface."""
        return envelope(status, "injected", "E00000").body

    def error_in_200(self) -> bytes:
        """The same."""
        return self.error_body(500)

    def reset(self, everything: bool) -> None:
        """An empty agreement; webhooks and tokens stay unless everything."""
        self.hooks.forget(everything)
        self._begin()
        if everything:
            self.app_secret, self.grant = APP_SECRET, GRANT

    def expire_tokens(self) -> int:
        """The agreement takes its grant back."""
        self.revoked = True
        return 1

    def stored(self, module: str | None) -> Any:
        """``customers`` and ``contacts``, flat, under the names of the connector."""
        return self.people.stored(module)

    def store(self, value: Any) -> dict[str, list[str]]:
        """``{"customers": [{"name": …}], "contacts": [{"name": …, "customerNumber": …}]}`` under the same names."""
        return self.people.store(value)

    def control(self, action: str, request: Request) -> Reply | Awaitable[Reply] | None:
        """Own control routes, all of them POST with JSON but for the two that look.

        | route | does |
        |---|---|
        | seed {"customers", "first"?, "start"?, "per_second"?, "contacts"?} | many customers at once, with so many contacts each; no webhooks |
        | edit {"number" or "numbers" or "every", "values"} | as a person does in the UI: changes, stamps, tells webhooks |
        | delete {"number"}, renumber {"from", "to"} | the same |
        | reuse {"number", "values"} | deletes the customer and makes another one that has its number |
        | contact {"number"?, "values"} or {"number", "delete": true} | edits, makes or deletes a contact |
        | invoice {"number"} | the customer is on an invoice from now on |
        | balance {"number", "balance"} | an entry was booked: no change of the customer |
        | roles [names], modules {"missing": [names]} | what the app and the agreement may do |
        | limits {"tokens", "tells_retry"?} | the size of the bucket; whether a 429 says how long |
        | webhooks {"url", "postData"?, "contentType"?, "headers"?} | one that a superuser makes in the UI: not seen by the API |
        | mode {"doubled"?, "late_s"?, "held"?, "contacts_fire"?, "disabled"?} | how webhooks misbehave; disabled: switched off by the vendor |
        | release, storm {"n"} | sends what is held; as many deliveries at once as an import makes |
        | GET delivered, GET waiting | what receivers said, when all is sent; what is held |
        """
        value: Any = request.json() if request.body else {}
        match request.method, action:
            case "GET", "delivered":
                return self._delivered()
            case "GET", "waiting":
                return answer(
                    200, [{"event": one[0], "url": one[2], "body": one[4].decode()} for one in self.hooks.waiting]
                )
            case "POST", "roles":
                self.roles = list(value)
                return answer(200, self.roles)
            case "POST", "modules":
                self.missing_modules = list(value["missing"])
                return answer(200, self.missing_modules)
            case "POST", "limits":
                self.limit, self.tells_retry = int(value["tokens"]), bool(value.get("tells_retry", True))
                self._used = 0.0
                return answer(200, {"tokens": self.limit})
            case "POST", "mode":
                return self._mode(value)
            case "POST", "release":
                self.hooks.release()
                return answer(200, {})
            case "POST", _:
                return self.people.control(action, value)
        return None

    async def _delivered(self) -> Reply:
        return answer(200, await self.hooks.settle())

    def _mode(self, value: dict[str, Any]) -> Reply:
        for name in ("doubled", "late_s", "held", "contacts_fire"):
            if name in value:
                setattr(self.hooks, name, value[name])
        hook = self.hooks.by_api.get(CUSTOMER_UPDATED)
        if hook is not None and "disabled" in value:
            hook.take({**hook.values, "isDisabled": bool(value["disabled"])}, self.seconds())
        return answer(200, {})


def _own(reply: Reply) -> list[tuple[str, str]]:
    return [one for one in reply.headers if one[0] == "Location"]


def _forbidden(opened: bool, told: str) -> Reply:
    if opened:
        return problem(403, "Access forbidden.", "AccessDenied", detail=told)
    return envelope(403, told, "E00600")


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


SANDBOX = EConomic
