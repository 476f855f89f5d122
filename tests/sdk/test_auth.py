"""Consent and tokens."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from aiohttp import ClientSession, web

from tests.sdk.vendor import Vendor
from tieline.core.errors import AuthError, ConfigError, ProtocolError, RateLimitedError, TielineError, TransientError
from tieline.sdk.auth import (
    Consent,
    ConsentRefusedError,
    Grant,
    OAuth2,
    OAuth2Credentials,
    SessionCredentials,
    challenge,
    header_of,
    new_state,
    new_verifier,
)
from tieline.sdk.connect import oauth2, open_client
from tieline.sdk.manifest import Manifest

SECRET = "cl13nt-secret"


def manifest(**auth: object) -> Manifest:
    return Manifest.model_validate(
        {
            "name": "x",
            "title": "X",
            "categories": ["crm"],
            "facets": ["records"],
            "letters": "X",
            "checked": "sandbox",
            "auth": {
                "kind": "oauth2",
                "authorize": "{accounts}/oauth/v2/auth",
                "token": "{accounts}/oauth/v2/token",
                "revoke": "{accounts}/oauth/v2/token/revoke",
                "revoke_by": "query",
                "header": "X-oauthtoken {token}",
                "scope_separator": ",",
                "params": {"access_type": "offline"},
                "accounts_param": "accounts-server",
                "domain_field": "api_domain",
                "data_centres": {
                    "us": {"accounts": "https://accounts.x.com", "api_domain": "https://api.x.com"},
                    "eu": {"accounts": "https://accounts.x.eu", "api_domain": "https://api.x.eu"},
                },
                "fields": [
                    {"name": "client_id", "label": "Id"},
                    {"name": "client_secret", "label": "Secret", "secret": True},
                ],
                **auth,
            },
            "hosts": {"api": "{api_domain}"},
            "folder": Path(),
        }
    )


FIELDS = {"client_id": "id-1", "client_secret": SECRET}


class Kept:
    """Tokens in memory, with one lock for every client."""

    def __init__(self, grant: Grant | None = None) -> None:
        self.grant = grant
        self.saved = 0
        self.mutex = asyncio.Lock()

    async def get(self) -> Grant | None:
        await asyncio.sleep(0)
        return self.grant

    @asynccontextmanager
    async def lock(self):
        async with self.mutex:
            yield

    async def save(self, grant: Grant) -> None:
        self.saved += 1
        self.grant = grant


def here(vendor: Vendor, session: ClientSession, **auth: object) -> OAuth2:
    return oauth2(manifest(**auth), session, FIELDS, base_url=vendor.url + "/x")


def answers(vendor: Vendor, *bodies: dict[str, object], status: int = 200) -> None:
    vendor.in_turn(*(lambda _request, body=body: web.json_response(body, status=status) for body in bodies))


def test_the_browser_is_sent_with_scopes_state_and_challenge() -> None:
    consent = oauth2(manifest(pkce=True), None, FIELDS, data_centre="eu")  # type: ignore[arg-type]
    verifier, state = new_verifier(), new_state()
    url = urlsplit(consent.authorize_url(["A.read", "B.write"], "https://hub.example/back", state, verifier))
    assert url.hostname == "accounts.x.eu"
    query = dict(parse_qsl(url.query))
    assert query["scope"] == "A.read,B.write"
    assert query["access_type"] == "offline"
    assert (query["state"], query["code_challenge_method"]) == (state, "S256")
    assert query["code_challenge"] == challenge(verifier) != verifier
    assert SECRET not in url.geturl()


def test_a_challenge_is_that_of_the_rfc() -> None:
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.proves("CALL-2")
def test_a_refusal_is_no_connection() -> None:
    consent = oauth2(manifest(), None, FIELDS)  # type: ignore[arg-type]
    with pytest.raises(ConsentRefusedError):
        consent.read_redirect({"state": "s", "error": "access_denied"}, "s")
    with pytest.raises(ConsentRefusedError):
        consent.read_redirect({"state": "s"}, "s")
    for query, state in (({"state": "t", "code": "c"}, "s"), ({"code": "c"}, "s"), ({"state": "", "code": "c"}, "")):
        with pytest.raises(AuthError) as caught:
            consent.read_redirect(query, state)
        assert caught.value.code == "error.state"
    found = consent.read_redirect({"state": "s", "code": "c", "accounts-server": "https://accounts.x.eu"}, "s")
    assert (found.code, found.place) == ("c", {"accounts": "https://accounts.x.eu"})
    for server in ("https://accounts.evil.example", "http://accounts.x.eu", "https://accounts.x.eu.evil.example"):
        with pytest.raises(ProtocolError):
            consent.read_redirect({"state": "s", "code": "c", "accounts-server": server}, "s")


async def test_a_code_becomes_a_grant(vendor: Vendor, session: ClientSession) -> None:
    answers(vendor, {"access_token": "a1", "refresh_token": "r1", "api_domain": vendor.url + "/x", "expires_in": 3600})
    consent = here(vendor, session)
    consent._clock = lambda: 1000.0
    grant = await consent.exchange(Consent("c"), "https://hub.example/back", ["A.read"])
    assert vendor.seen[0][1] == "/x/oauth/v2/token"
    form = dict(parse_qsl(vendor.seen[0][3].decode()))
    assert form == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": "https://hub.example/back",
        "client_id": "id-1",
        "client_secret": SECRET,
    }
    assert grant == Grant("a1", "r1", 1000 + 3540, ("A.read",), {"api_domain": vendor.url + "/x"})
    assert Grant.from_json(grant.to_json()) == grant
    assert "a1" not in repr(grant)
    assert "r1" not in repr(grant)


async def test_a_server_that_the_manifest_does_not_name_gets_no_token(vendor: Vendor, session: ClientSession) -> None:
    answers(vendor, {"access_token": "a1", "api_domain": "https://api.evil.example", "expires_in": 3600})
    with pytest.raises(ProtocolError):
        await here(vendor, session).exchange(Consent("c"), "", [])


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        ("invalid_code", 200, AuthError),
        ("invalid_grant", 400, AuthError),
        ("invalid_client", 200, ConfigError),
        ("invalid_client_secret", 200, ConfigError),
        ("invalid_redirect_uri", 200, ConfigError),
        ("Access Denied", 200, RateLimitedError),
        ("<script>", 200, AuthError),
    ],
)
async def test_an_error_inside_a_200(
    vendor: Vendor, session: ClientSession, error: str, status: int, expected: type[TielineError]
) -> None:
    answers(vendor, {"error": error}, status=status)
    with pytest.raises(expected) as caught:
        await here(vendor, session).exchange(Consent("c0de-value"), "", [])
    assert SECRET not in f"{caught.value!r}{caught.value.params}"
    assert "c0de-value" not in f"{caught.value!r}{caught.value.params}"
    assert "<" not in str(caught.value)


async def test_a_lost_token_answer_may_be_asked_for_again(vendor: Vendor, session: ClientSession) -> None:
    vendor.dropping()
    with pytest.raises(TransientError):
        await here(vendor, session).refresh(Grant("a", "r"))


async def test_a_refresh_keeps_what_the_answer_leaves_out(vendor: Vendor, session: ClientSession) -> None:
    answers(
        vendor,
        {"access_token": "a2", "expires_in": 20},
        {"access_token": "a3", "refresh_token": "r2", "expires_in": 3600},
    )
    consent = here(vendor, session)
    consent._clock = lambda: 0.0
    old = Grant("a1", "r1", 0, ("A",), {"api_domain": "https://api.x.eu"})
    second = await consent.refresh(old)
    assert second == Grant("a2", "r1", 10, ("A",), {"api_domain": "https://api.x.eu"})
    assert (await consent.refresh(second)).refresh == "r2"
    with pytest.raises(AuthError):
        await consent.refresh(Grant("a1"))


async def test_one_refresh_for_all_who_wait(vendor: Vendor, session: ClientSession) -> None:
    """Three clients (three processes, as it were) with 20 requests each meet an expired token: one refresh."""
    valid = {"a1": False, "a2": True}

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/token"):
            await asyncio.sleep(0.05)
            return web.json_response({"access_token": "a2", "expires_in": 3600})
        token = request.headers["Authorization"].removeprefix("X-oauthtoken ")
        return web.json_response({}, status=200 if valid[token] else 401)

    vendor.answer = answer
    for fresh_until in (0.0, 1e12):  # known to be expired; thought fresh and refused
        vendor.seen.clear()
        tokens = Kept(Grant("a1", "r1", fresh_until))
        clients = [
            open_client(
                manifest(),
                session,
                FIELDS,
                base_url=vendor.url,
                tokens=tokens,
                granted={"api_domain": "https://api.x.eu"},
            )
            for _ in range(3)
        ]
        done = await asyncio.gather(
            *(client.request("GET", "api", "/r", read=True) for client in clients for _ in range(20))
        )
        assert {response.status for response in done} == {200}
        assert sum(path.endswith("/token") for _, path, _, _ in vendor.seen) == 1
        assert (tokens.saved, tokens.grant and tokens.grant.access) == (1, "a2")


async def test_a_fresh_token_that_is_refused_is_not_renewed_forever(vendor: Vendor, session: ClientSession) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/token"):
            return web.json_response({"access_token": f"a{len(vendor.seen)}", "expires_in": 3600})
        return web.json_response({}, status=401)

    vendor.answer = answer
    client = open_client(manifest(), session, FIELDS, base_url=vendor.url, tokens=Kept(Grant("a0", "r", 1e12)))
    with pytest.raises(TransientError):
        await client.request("POST", "api", "/w", read=False)
    for _ in range(3):
        with pytest.raises(AuthError):
            await client.request("POST", "api", "/w", read=False)
    assert sum(path.endswith("/token") for _, path, _, _ in vendor.seen) == 1


async def test_nobody_consented(vendor: Vendor, session: ClientSession) -> None:
    client = open_client(manifest(), session, FIELDS, base_url=vendor.url, tokens=Kept())
    with pytest.raises(AuthError):
        await client.request("GET", "api", "/r", read=True)
    assert not vendor.seen
    credentials = OAuth2Credentials(here(vendor, session), Kept(), "")
    assert "secret" not in repr(credentials).lower()


async def test_revoking(vendor: Vendor, session: ClientSession) -> None:
    await here(vendor, session).revoke(Grant("a1", "r1"))
    assert vendor.seen[0][1] == "/x/oauth/v2/token/revoke?token=r1"
    vendor.in_turn(lambda _request: web.json_response({"error": "invalid_token"}, status=400))
    await here(vendor, session, revoke_by="form").revoke(Grant("a1"))
    assert parse_qs(vendor.seen[1][3].decode()) == {"token": ["a1"]}


def test_headers_by_template() -> None:
    fields = {"token": "t", "user": "Aladdin", "password": "open sesame"}
    assert header_of("Bearer {token}", fields) == {"Authorization": "Bearer t"}
    assert header_of("X-Api-Key: {token}", fields) == {"X-Api-Key": "t"}
    assert header_of("{basic:user:password}", fields) == {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}
    with pytest.raises(ConfigError):
        header_of("Bearer {token}", {})
    with pytest.raises(ConfigError):
        header_of("Bearer {token}", {"token": "a\r\nX: y"})


async def test_a_session_is_opened_once(vendor: Vendor, session: ClientSession) -> None:
    opened = 0

    async def log_in() -> dict[str, str]:
        nonlocal opened
        await asyncio.sleep(0.01)
        opened += 1
        return {"Authorization": f"Session {opened}"}

    credentials = SessionCredentials(log_in)
    assert await asyncio.gather(*(credentials.headers() for _ in range(5))) == [{"Authorization": "Session 1"}] * 5
    await asyncio.gather(*(credentials.renew({"Authorization": "Session 1"}) for _ in range(5)))
    assert opened == 2
