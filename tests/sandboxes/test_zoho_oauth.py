"""Zoho's accounts host: consent and refusal, the token endpoint's errors under 200, lifetimes, caps, scopes, data centres."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.sandboxes.conftest import Zoho
from tieline.connectors.zoho_crm.sandbox.oauth import CLIENT_ID, CLIENT_SECRET

CALLBACK = "http://127.0.0.1:9/callback"
SCOPE = "ZohoCRM.modules.ALL,ZohoCRM.org.READ"
ASK = {
    "scope": SCOPE, "client_id": CLIENT_ID, "response_type": "code", "access_type": "offline", "redirect_uri": CALLBACK, "state": "s t&1",
    "prompt": "consent",
}  # fmt: skip


async def accounts(zoho: Zoho, method: str, path: str, host: str = "accounts", **more: Any) -> tuple[int, Any, str]:
    url = f"{zoho.running.url}/zoho_crm/{host}{path}"
    async with zoho.session.request(method, url, allow_redirects=False, **more) as answer:
        body = await answer.read()
        kind = answer.headers.get("Content-Type", "")
        shown = await answer.json(content_type=None) if kind.startswith("application/json") and body else body.decode()
        return answer.status, shown, answer.headers.get("Location", "")


async def consent(zoho: Zoho, decision: str = "accept", **change: str) -> dict[str, str]:
    """Open the page, press a button; the query that comes back."""
    status, page, _ = await accounts(zoho, "GET", f"/oauth/v2/auth?{urlencode({**ASK, **change})}")
    assert status == 200, page
    form = {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)}
    form["user"] = re.findall(r'<option value="(\d+)"', page)[0]
    status, _, location = await accounts(zoho, "POST", "/oauth/v2/auth", data={**form, "decision": decision})
    assert status == 302
    assert location.startswith(CALLBACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


async def token(zoho: Zoho, host: str = "accounts", **form: str) -> Any:
    data = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **form}
    status, body, _ = await accounts(zoho, "POST", "/oauth/v2/token", host, data=data)
    assert status == 200, "failures of the token endpoint arrive under 200"
    return body


async def exchange(zoho: Zoho, code: str, **change: str) -> Any:
    return await token(zoho, **{"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **change})


async def refresh(zoho: Zoho, refresh_token: str, **change: str) -> Any:
    return await token(zoho, **{"grant_type": "refresh_token", "refresh_token": refresh_token, **change})


async def test_accept_gives_a_code_that_works_once(zoho: Zoho) -> None:
    back = await consent(zoho)
    assert back["state"] == "s t&1"
    assert (back["location"], back["accounts-server"]) == ("eu", f"{zoho.running.url}/zoho_crm/accounts")
    got = await exchange(zoho, back["code"])
    assert got.keys() == {"access_token", "refresh_token", "api_domain", "token_type", "expires_in"}
    assert (got["api_domain"], got["token_type"], got["expires_in"]) == (
        f"{zoho.running.url}/zoho_crm/api",
        "Bearer",
        3600,
    )
    zoho.headers = {"Authorization": f"Zoho-oauthtoken {got['access_token']}"}
    assert (await zoho("GET", "/org"))[0] == 200
    assert await exchange(zoho, back["code"]) == {"error": "invalid_code"}


async def test_refuse_gives_no_code(zoho: Zoho) -> None:
    assert await consent(zoho, "refuse") == {"state": "s t&1", "error": "access_denied"}


async def test_the_page_shows_what_is_asked_for(zoho: Zoho) -> None:
    _, page, _ = await accounts(zoho, "GET", f"/oauth/v2/auth?{urlencode(ASK)}")
    assert all(f"<code>{scope}</code>" in page for scope in SCOPE.split(","))
    assert ">Accept</button>" in page
    assert ">Refuse</button>" in page


@pytest.mark.parametrize(
    "change",
    [{"client_id": "nobody"}, {"redirect_uri": ""}, {"response_type": "token"}, {"scope": ""}, {"scope": "Other.all"}],
)
async def test_a_wrong_question_gets_no_form(zoho: Zoho, change: dict[str, str]) -> None:
    status, page, _ = await accounts(zoho, "GET", f"/oauth/v2/auth?{urlencode({**ASK, **change})}")
    assert status == 400
    assert "<form" not in page


async def test_a_registered_client_is_held_to_its_redirect_uris(zoho: Zoho) -> None:
    await zoho.control(
        "POST", "clients", {"client_id": "1000.X", "client_secret": "x", "redirect_uris": ["http://127.0.0.1:9/other"]}
    )
    status, page, _ = await accounts(zoho, "GET", f"/oauth/v2/auth?{urlencode({**ASK, 'client_id': '1000.X'})}")
    assert (status, "Invalid Redirect Uri" in page) == (400, True)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_secret": "wrong"}, "invalid_client_secret"),
        ({"redirect_uri": "http://127.0.0.1:9/else"}, "invalid_redirect_uri"),
        ({"code": "1000.no"}, "invalid_code"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_exchange_errors_come_under_200(zoho: Zoho, change: dict[str, str], error: str) -> None:
    back = await consent(zoho)
    assert await exchange(zoho, **{"code": back["code"], **change}) == {"error": error}


async def test_a_code_lives_three_minutes(zoho: Zoho) -> None:
    back = await consent(zoho)
    await zoho.control("POST", "clock", {"advance": 181})
    assert await exchange(zoho, back["code"]) == {"error": "invalid_code"}


async def test_a_code_of_one_data_centre_is_nothing_in_another(zoho: Zoho) -> None:
    back = await consent(zoho)
    form = {"grant_type": "authorization_code", "code": back["code"], "redirect_uri": CALLBACK}
    assert await token(zoho, "accounts.us", **form) == {"error": "invalid_code"}
    got = await exchange(zoho, back["code"])
    zoho.base = f"{zoho.running.url}/zoho_crm/api.us/crm/v8"
    zoho.headers = {"Authorization": f"Zoho-oauthtoken {got['access_token']}"}
    status, body = await zoho("GET", "/org")
    assert (status, body["code"]) == (400, "INVALID_HOST")


async def test_refresh_answers_have_no_refresh_token_and_are_ten_in_ten_minutes(zoho: Zoho) -> None:
    got = await exchange(zoho, (await consent(zoho))["code"])
    for _ in range(9):
        again = await refresh(zoho, got["refresh_token"])
        assert again.keys() == {"access_token", "api_domain", "token_type", "expires_in"}
    assert (await refresh(zoho, got["refresh_token"]))["error"] == "Access Denied"
    await zoho.control("POST", "clock", {"advance": 601})
    assert "access_token" in await refresh(zoho, got["refresh_token"])
    assert await refresh(zoho, "1000.no") == {"error": "invalid_code"}


async def test_only_offline_access_and_consent_asked_anew_give_a_refresh_token(zoho: Zoho) -> None:
    online = await exchange(zoho, (await consent(zoho, access_type="online"))["code"])
    assert "refresh_token" not in online
    first = await exchange(zoho, (await consent(zoho, prompt="consent"))["code"])
    assert "refresh_token" in first
    second = await exchange(zoho, (await consent(zoho, prompt=""))["code"])
    assert "refresh_token" not in second


async def test_an_access_token_lives_an_hour_and_the_sixteenth_kills_the_first(zoho: Zoho) -> None:
    await zoho.control("POST", "behaviour", {"tokens_per_10_min": 100})
    got = await exchange(zoho, (await consent(zoho))["code"])
    zoho.headers = {"Authorization": f"Zoho-oauthtoken {got['access_token']}"}
    for _ in range(14):
        await refresh(zoho, got["refresh_token"])
    assert (await zoho("GET", "/org"))[0] == 200
    latest = (await refresh(zoho, got["refresh_token"]))["access_token"]
    assert (await zoho("GET", "/org"))[0] == 401
    zoho.headers = {"Authorization": f"Zoho-oauthtoken {latest}"}
    assert (await zoho("GET", "/org"))[0] == 200
    await zoho.control("POST", "clock", {"advance": 3601})
    assert (await zoho("GET", "/org"))[0] == 401


async def test_the_21st_refresh_token_of_a_user_ends_the_oldest(zoho: Zoho) -> None:
    first = (await zoho.control("POST", "token", {}))["refresh_token"]
    for _ in range(18):
        await zoho.control("POST", "token", {})
    assert "access_token" in await refresh(zoho, first), (
        "the client's own grant is the oldest, this is the second of twenty"
    )
    await zoho.control("POST", "token", {})
    assert (await zoho("GET", "/org"))[0] == 401, "the oldest went with its access tokens"
    await zoho.control("POST", "token", {})
    assert await refresh(zoho, first) == {"error": "invalid_code"}


async def test_revoking_ends_access_tokens_too(zoho: Zoho) -> None:
    gone = f"/oauth/v2/token/revoke?token={zoho.token['refresh_token']}"
    assert (await accounts(zoho, "POST", gone))[:2] == (200, {"status": "success"})
    assert (await zoho("GET", "/org"))[0] == 401
    assert (await accounts(zoho, "POST", gone))[0] == 400


async def test_grant_codes_are_ten_in_ten_minutes(zoho: Zoho) -> None:
    for _ in range(10):
        assert "code" in await consent(zoho)
    assert "code" not in await consent(zoho)


@pytest.mark.parametrize("name", ["INVALID_TOKEN", "INVALID_OAUTHTOKEN", "AUTHENTICATION_FAILURE"])
@pytest.mark.parametrize("header", ["Bearer {}", "Zoho-oauthtoken wrong", ""])
async def test_a_bad_header_gets_401_under_any_of_its_names(zoho: Zoho, name: str, header: str) -> None:
    await zoho.control("POST", "behaviour", {"invalid_token_code": name})
    zoho.headers = {"Authorization": header.format(zoho.token["access_token"])}
    status, body = await zoho("GET", "/org")
    assert (status, body["code"], body["status"]) == (401, name, "error")


async def test_expire_now(zoho: Zoho) -> None:
    assert (await zoho.control("POST", "token/expire"))["expired"] == 1
    assert (await zoho("GET", "/org"))[0] == 401
    assert "access_token" in await refresh(zoho, zoho.token["refresh_token"])


@pytest.mark.parametrize(
    ("scope", "method", "path", "allowed"),
    [
        ("ZohoCRM.modules.ALL", "GET", "/Leads?fields=Last_Name", True),
        ("ZohoCRM.modules.READ", "GET", "/Leads?fields=Last_Name", True),
        ("ZohoCRM.modules.leads.READ", "GET", "/Leads?fields=Last_Name", True),
        ("ZohoCRM.modules.leads.READ", "GET", "/Contacts?fields=Last_Name", False),
        ("ZohoCRM.modules.READ", "POST", "/Leads", False),
        ("ZohoCRM.modules.CREATE", "POST", "/Leads", True),
        ("ZohoCRM.modules.CREATE", "POST", "/Leads/upsert", False),
        ("ZohoCRM.modules.CREATE,ZohoCRM.modules.UPDATE", "POST", "/Leads/upsert", True),
        ("ZohoCRM.modules.ALL", "GET", "/settings/fields?module=Leads", False),
        ("ZohoCRM.settings.fields.READ", "GET", "/settings/fields?module=Leads", True),
        ("ZohoCRM.settings.fields.READ", "POST", "/settings/fields?module=Leads", False),
        ("ZohoCRM.settings.fields.ALL", "POST", "/settings/fields?module=Leads", True),
        ("ZohoCRM.settings.fields.READ", "GET", "/settings/layouts?module=Leads", False),
        ("ZohoCRM.settings.ALL", "GET", "/settings/layouts?module=Leads", True),
        ("ZohoCRM.settings.pipeline.READ", "GET", "/settings/pipeline?layout_id=1", True),
        ("ZohoCRM.settings.modules.READ", "GET", "/settings/modules", True),
        ("ZohoCRM.users.READ", "GET", "/users", True),
        ("ZohoCRM.modules.ALL", "GET", "/users", False),
        ("ZohoCRM.org.READ", "GET", "/org", True),
        ("ZohoCRM.coql.READ", "POST", "/coql", False),
        ("ZohoCRM.modules.ALL", "POST", "/coql", False),
        ("ZohoCRM.coql.READ,ZohoCRM.modules.leads.READ", "POST", "/coql", True),
        ("ZohoCRM.modules.ALL", "POST", "/__composite_requests", False),
        ("ZohoCRM.composite_requests.CUSTOM", "POST", "/__composite_requests", True),
        ("ZohoCRM.modules.ALL", "POST", "/Leads/5843210000001000000/actions/change_owner", False),
        ("ZohoCRM.change_owner.CREATE", "POST", "/Leads/5843210000001000000/actions/change_owner", True),
        ("ZohoCRM.modules.notes.CREATE", "POST", "/Notes", True),
        ("ZohoCRM.modules.attachments.READ", "GET", "/Leads/5843210000001000000/Attachments", True),
    ],
)
async def test_scopes_are_enforced_on_each_call(zoho: Zoho, scope: str, method: str, path: str, allowed: bool) -> None:
    await zoho.sign_in(scope)
    value = {"select_query": "select id from Leads where id is not null"} if path == "/coql" else {"data": []}
    status, body = await zoho(method, path, None if method == "GET" else value)
    refused = status == 401 and body["code"] == "OAUTH_SCOPE_MISMATCH"
    assert refused is not allowed, (status, body)


async def test_a_sub_request_needs_its_own_scope(zoho: Zoho) -> None:
    await zoho.sign_in("ZohoCRM.composite_requests.CUSTOM,ZohoCRM.modules.accounts.CREATE")
    subs = [{"method": "POST", "uri": f"/crm/v8/{module}", "body": {"data": [values]}} for module, values in (
        ("Accounts", {"Account_Name": "A"}), ("Leads", {"Last_Name": "B"}))]  # fmt: skip
    status, body = await zoho("POST", "/__composite_requests", {"__composite_requests": subs})
    codes = [item["details"]["response"]["status_code"] for item in body["__composite_requests"]]
    assert (status, codes) == (207, [201, 401])


async def test_the_creator_is_who_consented(zoho: Zoho) -> None:
    second = (await zoho.user_ids())[1]
    await zoho.sign_in(user=second)
    (lead,) = await zoho.add("Leads", {"Last_Name": "Berg"})
    shown = (await zoho("GET", f"/Leads/{lead}"))[1]["data"][0]
    assert shown["Created_By"]["id"] == shown["Owner"]["id"] == second
    assert (await zoho("GET", "/users?type=CurrentUser"))[1]["users"][0]["id"] == second
