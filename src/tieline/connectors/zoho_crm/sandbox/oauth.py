"""Zoho's accounts host: consent page, codes, tokens, their lifetimes and caps. Failures of the token endpoint arrive under HTTP 200."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from random import Random
from urllib.parse import urlencode

from tieline.connectors.zoho_crm.sandbox.schema import Schema
from tieline.sdk.sandbox import Reply, Request, html_reply, json_reply, redirect

CLIENT_ID = "1000.SANDBOXTIELINE0000000000000000"
CLIENT_SECRET = "sandbox-secret"
HOME = "eu"
"""The data centre of the org. The other one that is served, "us", knows neither its codes nor its tokens."""


@dataclass(slots=True)
class Client:
    """A registered client; no redirect URIs means any (the sandbox's own client, for a start without registration)."""

    secret: str
    redirect_uris: tuple[str, ...] = ()


@dataclass(slots=True)
class Grant:
    """What a user gave to a client: a refresh token with its access tokens."""

    client_id: str
    user: str
    scopes: frozenset[str]
    refresh: str
    access: deque[str] = field(default_factory=deque)
    refreshed: deque[float] = field(default_factory=deque)


@dataclass(slots=True)
class Code:
    """A grant code: one use, three minutes."""

    client_id: str
    user: str
    scopes: frozenset[str]
    redirect_uri: str
    offline: bool
    consented: bool
    expires: float


@dataclass(slots=True)
class Access:
    """A live access token."""

    grant: Grant
    expires: float


class Accounts:
    """Grants of the org's users."""

    def __init__(self, schema: Callable[[], Schema], now: Callable[[], float], seed: int) -> None:
        self._schema = schema
        self._now = now
        self._random = Random(seed)
        self.token_life = 3600
        self.code_life = 180
        self.tokens_per_10_min = 10
        self.codes_per_10_min = 10
        self.forget()

    def forget(self) -> None:
        """No clients but the sandbox's own, no grants."""
        self.clients = {CLIENT_ID: Client(CLIENT_SECRET)}
        self.codes: dict[str, Code] = {}
        self.grants: dict[str, Grant] = {}
        self.access: dict[str, Access] = {}
        self.code_times: dict[str, deque[float]] = {}

    def answer(self, path: str, request: Request, centre: str) -> Reply | None:
        """A request below the accounts host; None for an unknown path."""
        match request.method, path:
            case "GET", "/oauth/v2/auth":
                return self._consent(request)
            case "POST", "/oauth/v2/auth":
                return self._decided(request)
            case "POST", "/oauth/v2/token":
                return self._token({**request.query, **request.form}, request.origin, centre)
            case "POST", "/oauth/v2/token/revoke":
                return self._revoke({**request.query, **request.form}.get("token", ""), centre)
        return None

    def holder(self, token: str) -> Grant | None:
        """Whose access token it is; None when unknown or expired."""
        held = self.access.get(token)
        if held is None:
            return None
        if held.expires <= self._now():
            del self.access[token]
            return None
        return held.grant

    def expire(self) -> int:
        """Every access token is dead from now on."""
        count = len(self.access)
        self.access.clear()
        for grant in self.grants.values():
            grant.access.clear()
        return count

    def give(self, client_id: str, user: str, scopes: frozenset[str]) -> tuple[Grant, str]:
        """A new grant with its first access token; a user's 21st refresh token ends the oldest."""
        mine = [grant for grant in self.grants.values() if grant.user == user]
        if len(mine) >= 20:
            self._end(mine[0])
        grant = Grant(client_id, user, scopes, self._secret())
        self.grants[grant.refresh] = grant
        return grant, self._new_access(grant)

    def _secret(self) -> str:
        return f"1000.{self._random.getrandbits(128):032x}.{self._random.getrandbits(128):032x}"

    def _new_access(self, grant: Grant) -> str:
        """An access token; the 16th alive kills the oldest."""
        token = self._secret()
        self.access[token] = Access(grant, self._now() + self.token_life)
        grant.access.append(token)
        while len(grant.access) > 15:
            self.access.pop(grant.access.popleft(), None)
        grant.refreshed.append(self._now())
        return token

    def _too_often(self, times: deque[float], cap: int) -> bool:
        while times and times[0] <= self._now() - 600:
            times.popleft()
        return len(times) >= cap

    def _end(self, grant: Grant) -> None:
        self.grants.pop(grant.refresh, None)
        for token in grant.access:
            self.access.pop(token, None)

    def _consent(self, request: Request) -> Reply:
        query = request.query
        client = self.clients.get(query.get("client_id", ""))
        scopes = [scope for scope in query.get("scope", "").split(",") if scope]
        fault = ""
        if client is None:
            fault = "Invalid Client"
        elif not query.get("redirect_uri") or (
            client.redirect_uris and query["redirect_uri"] not in client.redirect_uris
        ):
            fault = "Invalid Redirect Uri"
        elif query.get("response_type") != "code":
            fault = "Invalid Response Type"
        elif not scopes or not all(scope.startswith(("ZohoCRM.", "ZohoSearch.", "ZohoFiles.")) for scope in scopes):
            fault = "Invalid OAuth Scope"
        if fault:
            return html_reply(400, _PAGE.format(body=f"<h1>{escape(fault)}</h1>"))
        kept = "".join(
            f'<input type="hidden" name="{name}" value="{escape(query.get(name, ""))}">'
            for name in ("client_id", "redirect_uri", "scope", "access_type", "prompt", "state")
        )
        people = "".join(
            f'<option value="{user.id}">{escape(user.full_name)}</option>'
            for user in self._schema().users.values()
            if user.status == "active"
        )
        listed = "".join(f"<li><code>{escape(scope)}</code></li>" for scope in scopes)
        body = (
            f"<h1>Zoho CRM sandbox</h1><p>The application <b>{escape(query['client_id'])}</b> would like to access:</p><ul>{listed}</ul>"
            f'<form method="post" action="auth">{kept}<p><label>Signed in as <select name="user">{people}</select></label></p>'
            '<p><button name="decision" value="accept">Accept</button> <button name="decision" value="refuse">Refuse</button></p></form>'
        )
        return html_reply(200, _PAGE.format(body=body))

    def _decided(self, request: Request) -> Reply:
        form = request.form
        client = self.clients.get(form.get("client_id", ""))
        target = form.get("redirect_uri", "")
        if client is None or not target or (client.redirect_uris and target not in client.redirect_uris):
            return html_reply(400, _PAGE.format(body="<h1>Invalid Redirect Uri</h1>"))
        state = {"state": form["state"]} if form.get("state") else {}
        if form.get("decision") != "accept":
            return _back(target, {**state, "error": "access_denied"})
        user = form.get("user") or next(iter(self._schema().users))
        times = self.code_times.setdefault(form["client_id"], deque())
        if self._too_often(times, self.codes_per_10_min):
            return _back(target, {**state, "error": "access_denied"})
        times.append(self._now())
        code = self._secret()
        scopes = frozenset(scope for scope in form.get("scope", "").split(",") if scope)
        self.codes[code] = Code(
            form["client_id"], user, scopes, target, form.get("access_type") == "offline", form.get("prompt") == "consent",
            self._now() + self.code_life,
        )  # fmt: skip
        return _back(
            target, {**state, "code": code, "location": HOME, "accounts-server": f"{request.origin}/zoho_crm/accounts"}
        )

    def _token(self, form: dict[str, str], origin: str, centre: str) -> Reply:
        client = self.clients.get(form.get("client_id", ""))
        if client is None:
            return json_reply(200, {"error": "invalid_client"})
        if form.get("client_secret") != client.secret:
            return json_reply(200, {"error": "invalid_client_secret"})
        if form.get("grant_type") == "refresh_token":
            grant = self.grants.get(form.get("refresh_token", ""))
            if grant is None or centre != HOME or grant.client_id != form["client_id"]:
                return json_reply(200, {"error": "invalid_code"})
            if self._too_often(grant.refreshed, self.tokens_per_10_min):
                too_many = "You have made too many requests continuously. Please try again after some time."
                return json_reply(200, {"error": "Access Denied", "error_description": too_many, "status": "failure"})
            return json_reply(200, self._answer(self._new_access(grant), None, origin))
        if form.get("grant_type") != "authorization_code":
            return json_reply(200, {"error": "unsupported_grant_type"})
        code = self.codes.get(form.get("code", ""))
        if code is None or centre != HOME or code.client_id != form["client_id"]:
            return json_reply(200, {"error": "invalid_code"})
        if code.redirect_uri != form.get("redirect_uri"):
            return json_reply(200, {"error": "invalid_redirect_uri"})
        del self.codes[form["code"]]
        if code.expires <= self._now():
            return json_reply(200, {"error": "invalid_code"})
        held = [
            grant for grant in self.grants.values() if grant.user == code.user and grant.client_id == code.client_id
        ]
        grant, token = self.give(code.client_id, code.user, code.scopes)
        # A user who has granted before gets a refresh token again only when asked for consent anew.
        first = code.offline and (code.consented or not held)
        if not first:
            del self.grants[grant.refresh]
        return json_reply(200, self._answer(token, grant.refresh if first else None, origin))

    def _answer(self, token: str, refresh: str | None, origin: str) -> dict[str, object]:
        more = {"refresh_token": refresh} if refresh else {}
        return {
            "access_token": token,
            **more,
            "api_domain": f"{origin}/zoho_crm/api",
            "token_type": "Bearer",
            "expires_in": self.token_life,
        }

    def _revoke(self, token: str, centre: str) -> Reply:
        grant = self.grants.get(token)
        if grant is None or centre != HOME:
            return json_reply(400, {"error": "invalid_token"})
        self._end(grant)
        return json_reply(200, {"status": "success"})


def _back(target: str, answer: dict[str, str]) -> Reply:
    return redirect(f"{target}{'&' if '?' in target else '?'}{urlencode(answer)}")


_PAGE = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>Zoho CRM sandbox</title></head><body>{body}</body></html>"
)
