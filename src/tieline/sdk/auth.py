"""Proving who we are: OAuth2 consent and tokens, and the simpler ways.

OAuth2 here bends where vendors do: an error inside a 200, a refresh answer without a refresh token, a host that comes with
the token, an accounts server that comes with the redirect. A refresh happens once however many ask: `Tokens.lock` is held
by the store across processes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from tieline.core.errors import (
    AuthError,
    ConfigError,
    ProtocolError,
    RateLimitedError,
    TransientError,
    UnknownOutcomeError,
)
from tieline.sdk.codes import CONSENT_REFUSED, NOT_CONNECTED, STATE
from tieline.sdk.hosts import origin
from tieline.sdk.http import Client, Response
from tieline.sdk.manifest import Auth, Manifest, fill

MARGIN_S = 60.0
"""A token is renewed this long before it expires (or at half of a short life)."""
UNPROVED_S = 5.0
"""A token refused this soon after it was made is no matter of age: asking for another one helps nobody."""
DENIED_WAIT_S = 60.0
"""Pause after a vendor refuses to give more tokens for now."""


@dataclass(frozen=True, slots=True, repr=False)
class Grant:
    """What a consent gave. The store seals it.

    fresh_until  Unix seconds; renew after that
    place        values for URL templates that came with it ("api_domain", "accounts")
    """

    access: str
    refresh: str = ""
    fresh_until: float = 0.0
    scopes: tuple[str, ...] = ()
    place: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Grant fresh until {self.fresh_until:.0f}>"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, secrets in clear: for sealing only."""
        return {
            "access": self.access,
            "refresh": self.refresh,
            "fresh_until": self.fresh_until,
            "scopes": list(self.scopes),
            "place": dict(self.place),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Grant:
        """The inverse of `to_json`."""
        return cls(
            raw["access"],
            raw.get("refresh", ""),
            raw.get("fresh_until", 0.0),
            tuple(raw.get("scopes", ())),
            raw.get("place", {}),
        )


class Tokens(Protocol):
    """Where a connection's grant is kept."""

    async def get(self) -> Grant | None:
        """The grant as it is now, None when there is none."""

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Held while refreshing, by one process at a time."""

    async def save(self, grant: Grant) -> None:
        """Keeps a new grant in place of the old one."""


@dataclass(frozen=True, slots=True, repr=False)
class Consent:
    """What the vendor's redirect brought back."""

    code: str
    place: Mapping[str, str] = field(default_factory=dict)


class ConsentRefusedError(AuthError):
    """The person said no, or the vendor did."""

    code = CONSENT_REFUSED


def new_state() -> str:
    """An unguessable state for one consent."""
    return secrets.token_urlsafe(32)


def new_verifier() -> str:
    """A PKCE code verifier (RFC 7636)."""
    return secrets.token_urlsafe(48)


def challenge(verifier: str) -> str:
    """The S256 code challenge of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class OAuth2:
    """The consent of one connection: authorize, exchange, refresh, revoke.

    `place` fills the manifest's URL templates (`Manifest.place`); `client_for` makes a Client for the token server's base
    URL. `clock` gives Unix seconds.
    """

    def __init__(
        self,
        manifest: Manifest,
        place: Mapping[str, str],
        client_id: str,
        client_secret: str,
        client_for: Callable[[Mapping[str, str]], Client],
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not client_id:
            raise ConfigError("no client id", setting="client_id")
        self._manifest = manifest
        self._auth: Auth = manifest.auth
        self._place = dict(place)
        self._id = client_id
        self._secret = client_secret
        self._client_for = client_for
        self._clock = clock

    def __repr__(self) -> str:
        return f"<OAuth2 {self._manifest.name}>"

    def authorize_url(self, scopes: Sequence[str], redirect_uri: str, state: str, verifier: str = "") -> str:
        """Where the person's browser goes to say yes or no."""
        query = {
            "response_type": "code",
            "client_id": self._id,
            "redirect_uri": redirect_uri,
            "scope": self._auth.scope_separator.join(scopes),
            "state": state,
            **self._auth.params,
        }
        if self._auth.pkce and verifier:
            query |= {"code_challenge": challenge(verifier), "code_challenge_method": "S256"}
        return f"{fill(self._auth.authorize, self._place)}?{urlencode(query)}"

    def read_redirect(self, query: Mapping[str, str], state: str) -> Consent:
        """The code of a redirect that answers our state; ConsentRefusedError for a no, AuthError for anybody else's state."""
        if not state or not hmac.compare_digest(query.get("state", "").encode(), state.encode()):
            raise AuthError("the redirect answers no question of ours", code=STATE)
        if query.get("error") or not query.get("code"):
            raise ConsentRefusedError(_word(query.get("error", "")) or "no code")
        place: dict[str, str] = {}
        accounts = query.get(self._auth.accounts_param, "") if self._auth.accounts_param else ""
        if accounts:
            place["accounts"] = self._checked(accounts, "accounts")
        return Consent(query["code"], place)

    async def exchange(self, consent: Consent, redirect_uri: str, scopes: Sequence[str], verifier: str = "") -> Grant:
        """The grant for a code; a code works once."""
        form = {"grant_type": "authorization_code", "code": consent.code, "redirect_uri": redirect_uri}
        if verifier:
            form["code_verifier"] = verifier
        place = {**self._place, **consent.place}
        answer = await self._ask(place, {key: value for key, value in form.items() if value})
        return self._granted(answer, Grant("", scopes=tuple(scopes), place=consent.place))

    async def refresh(self, grant: Grant) -> Grant:
        """A fresh grant; the refresh token stays where the vendor gives no new one."""
        if not grant.refresh:
            raise AuthError("there is no refresh token")
        place = {**self._place, **grant.place}
        answer = await self._ask(place, {"grant_type": "refresh_token", "refresh_token": grant.refresh})
        return self._granted(answer, grant)

    async def revoke(self, grant: Grant) -> None:
        """Tells the vendor to forget the grant; a token that it does not know (any more) is fine."""
        if not self._auth.revoke:
            return
        client, path = self._at(self._auth.revoke, {**self._place, **grant.place})
        token = {"token": grant.refresh or grant.access}
        by_query = self._auth.revoke_by == "query"
        await client.request(
            "POST",
            "accounts",
            path,
            read=False,
            query=token if by_query else None,
            form={} if by_query else token,
            accept=(400, 401, 404),
            expect_json=False,
        )

    async def _ask(self, place: Mapping[str, str], form: Mapping[str, str]) -> Mapping[str, Any]:
        client, path = self._at(self._auth.token, place)
        form = {**form, "client_id": self._id, "client_secret": self._secret}
        try:
            response = await client.request("POST", "accounts", path, read=False, form=form, accept=(400, 401, 403))
            answer = response.json()
        except UnknownOutcomeError as error:
            raise TransientError(error.detail) from None
        if not isinstance(answer, dict):
            raise ProtocolError("the token answer is no object")
        if not isinstance(answer.get("access_token"), str) or not answer["access_token"]:
            raise _token_error(answer, response)
        return answer

    def _at(self, template: str, place: Mapping[str, str]) -> tuple[Client, str]:
        parts = urlsplit(fill(template, place))
        return self._client_for({"accounts": f"{parts.scheme}://{parts.netloc}"}), parts.path

    def _granted(self, answer: Mapping[str, Any], old: Grant) -> Grant:
        try:
            life = float(answer.get("expires_in") or 0)
        except (TypeError, ValueError):
            life = 0.0
        place = dict(old.place)
        name = self._auth.domain_field
        if name and isinstance(answer.get(name), str):
            place[name] = self._checked(answer[name], name)
        scope = answer.get("scope")
        scopes = tuple(re.split(r"[ ,]+", scope.strip())) if isinstance(scope, str) and scope.strip() else old.scopes
        fresh_until = self._clock() + max(life - MARGIN_S, life / 2) if life else float("inf")
        refresh = answer.get("refresh_token")
        return replace(
            old,
            access=answer["access_token"],
            refresh=refresh if isinstance(refresh, str) and refresh else old.refresh,
            fresh_until=fresh_until,
            scopes=scopes,
            place=place,
        )

    def _checked(self, url: str, name: str) -> str:
        """A server that the vendor names must be one that the manifest names, or the very place that we were set up with."""
        parts = urlsplit(url)
        known = self._place.get(name, "")
        same = bool(known) and origin(parts) == origin(urlsplit(known))
        if not same and not (parts.scheme == "https" and self._manifest.is_allowed(parts.hostname or "")):
            raise ProtocolError(f"{name}: the vendor names a server that its manifest does not", setting=name)
        return url.rstrip("/")


def _word(text: object) -> str:
    """A vendor's error word as it may be shown: short and plain, else nothing."""
    return text if isinstance(text, str) and re.fullmatch(r"[\w .:-]{1,60}", text) else ""


def _token_error(answer: Mapping[str, Any], response: Response) -> Exception:
    """What a token answer without a token means."""
    word = _word(answer.get("error"))
    plain = word.lower().replace(" ", "_")
    if (plain.startswith("access_denied") and response.status < 300) or plain in (
        "slow_down",
        "temporarily_unavailable",
    ):
        return RateLimitedError(f"token: {word}", wait_s=DENIED_WAIT_S)
    if plain in ("invalid_client", "invalid_client_secret", "unauthorized_client"):
        return ConfigError(f"token: {word}", setting="client_secret" if "secret" in plain else "client_id")
    if plain in ("invalid_redirect_uri", "redirect_uri_mismatch"):
        return ConfigError(f"token: {word}", setting="redirect_uri")
    return AuthError(f"token: {word or response.status}", reason=word)


class OAuth2Credentials:
    """The Authorization header of a grant, renewed once for all who wait."""

    def __init__(self, oauth: OAuth2, tokens: Tokens, header: str, clock: Callable[[], float] = time.time) -> None:
        self._oauth = oauth
        self._tokens = tokens
        self._header = header or "Bearer {token}"
        self._clock = clock
        self._grant: Grant | None = None
        self._renewed_at = float("-inf")
        self._turn = asyncio.Lock()

    def __repr__(self) -> str:
        return "<OAuth2Credentials>"

    async def headers(self) -> Mapping[str, str]:
        grant = self._grant
        if grant is None:
            grant = self._grant = await self._tokens.get()
        if grant is None:
            raise AuthError("nobody has consented yet", code=NOT_CONNECTED)
        if grant.fresh_until <= self._clock():
            grant = await self._renewed(grant.access)
        return header_of(self._header, {"token": grant.access})

    async def renew(self, refused: Mapping[str, str]) -> bool:
        grant = self._grant
        if grant is not None and header_of(self._header, {"token": grant.access}) == refused:
            if self._clock() - self._renewed_at < UNPROVED_S:
                return False
            await self._renewed(grant.access)
        return True

    async def _renewed(self, stale: str) -> Grant:
        """A grant whose access token is another one than `stale`."""
        async with self._turn:
            grant = self._grant
            if grant is not None and grant.access != stale and grant.fresh_until > self._clock():
                return grant
            async with self._tokens.lock():
                grant = await self._tokens.get()
                if grant is None:
                    raise AuthError("the grant was taken back", code=NOT_CONNECTED)
                if grant.access == stale or grant.fresh_until <= self._clock():
                    grant = await self._oauth.refresh(grant)
                    await self._tokens.save(grant)
                    self._renewed_at = self._clock()
            self._grant = grant
            return grant


class FieldCredentials:
    """A header made of what was typed: an API key, a bearer token, HTTP basic. What was left out is a ConfigError once it
    is needed, not before: some connections only receive."""

    def __init__(self, header: str, fields: Mapping[str, str]) -> None:
        self._header = header
        self._fields = fields
        self._headers: Mapping[str, str] | None = None if header else {}

    def __repr__(self) -> str:
        return "<FieldCredentials>"

    async def headers(self) -> Mapping[str, str]:
        if self._headers is None:
            self._headers = header_of(self._header, self._fields)
        return self._headers

    async def renew(self, refused: Mapping[str, str]) -> bool:  # noqa: ARG002  (the protocol's)
        return False


class SessionCredentials:
    """Headers that a log-in gives; logged in once for all who wait, and again after a 401."""

    def __init__(self, log_in: Callable[[], Awaitable[Mapping[str, str]]]) -> None:
        self._log_in = log_in
        self._headers: Mapping[str, str] | None = None
        self._turn = asyncio.Lock()

    def __repr__(self) -> str:
        return "<SessionCredentials>"

    async def headers(self) -> Mapping[str, str]:
        if self._headers is None:
            async with self._turn:
                if self._headers is None:
                    self._headers = await self._log_in()
        return self._headers

    async def renew(self, refused: Mapping[str, str]) -> bool:
        async with self._turn:
            if self._headers is None or self._headers == refused:
                self._headers = await self._log_in()
        return True


_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9-]*): (.+)")
_BASIC = re.compile(r"\{basic:([a-z0-9_]+):([a-z0-9_]+)\}")


def header_of(template: str, values: Mapping[str, str]) -> dict[str, str]:
    """A header from the manifest's template: "Bearer {token}", "X-Api-Key: {key}", "{basic:user:password}"."""
    named = _NAMED.fullmatch(template)
    name, text = (named[1], named[2]) if named else ("Authorization", template)
    basic = _BASIC.fullmatch(text)
    if basic:
        pair = f"{values.get(basic[1], '')}:{values.get(basic[2], '')}"
        return {name: "Basic " + base64.b64encode(pair.encode()).decode()}
    filled = fill(text, values)
    if not filled.isprintable():
        raise ConfigError("what was typed cannot be sent as a header", setting=name)
    return {name: filled}
