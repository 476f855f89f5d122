"""Who may ask the API what."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.api.conftest import Caller
    from tests.web.conftest import Company


def routes() -> list[tuple[str, str, str]]:
    """(method, path with any ids, name) of every route."""
    from tieline.api.v1 import api

    found = []
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method, route in methods.items():
            filled = re.sub(r"\{(\w+)\}", r"\1_x", path.removeprefix("/api/v1"))
            found.append((method.upper(), filled, route["operationId"]))
    return found


@pytest.mark.proves("HUB-1")
def test_without_a_token_that_works_nothing_is_said(web: Any) -> None:
    from tests.api.conftest import Caller

    tokens = itertools.cycle(["", "tl_", "tl_wrong", "x" * 300, "tl_ü"])
    for (method, path, _), token in zip(routes(), tokens, strict=False):
        status, body = Caller(token)(method, path)
        assert (status, body["error"]["code"]) == (401, "api.no_token"), (path, token)


@pytest.mark.proves("HUB-1")
def test_every_route_asks_for_its_action(web: Any, company: Company, ask_of: Callable[..., Caller]) -> None:
    """With a token that lacks just the route's action: 403, whatever is sent."""
    from tieline.api.v1.access import ROUTES
    from tieline.store.team.actions import ACTIONS

    all_routes = routes()
    assert len(all_routes) == len(ROUTES) > 40
    refused = 0
    for action in sorted({mark.action for mark in ROUTES.values()}):
        ask = ask_of(company, only=tuple(one for one in ACTIONS if one != action))
        for method, path, name in all_routes:
            mark = next(mark for key, mark in ROUTES.items() if name.endswith(f"_{key}"))
            if mark.action != action:
                continue
            status, body = ask(method, path)
            assert (status, body["error"]["code"]) == (403, "api.not_allowed"), (method, path, body)
            refused += 1
    assert refused == len(all_routes)


@pytest.mark.proves("HUB-1")
def test_a_token_does_no_more_than_who_made_it_may_do_now(
    company: Company, ask_of: Callable[..., Caller], make_company: Any
) -> None:
    from tieline.store.services import team, tokens
    from tieline.store.services.declined import DeclinedError

    workspace, admin = company.workspace.pk, company.users["admin"]
    with pytest.raises(DeclinedError, match=r"token\.no_actions"):
        tokens.make(workspace, company.users["member"], "Too much", ["flows.change"])
    ask = ask_of(company, "admin")
    assert ask("GET", "/tokens")[0] == 200
    (member,) = [one for one in team.members(workspace) if one.user == admin.pk]
    team.change_role(workspace, company.users["super_admin"], member.id, "member")
    status, body = ask("GET", "/tokens")
    assert (status, body["error"]["params"]) == (403, {"action": "tokens.see"})
    assert ask("GET", "/runs")[0] == 200
    team.remove(workspace, company.users["super_admin"], member.id)
    assert ask("GET", "/runs")[0] == 401


@pytest.mark.proves("HUB-1")
def test_a_token_ends_by_hand_and_by_its_date(company: Company, ask: Caller) -> None:
    from django.utils import timezone

    from tests.api.conftest import Caller
    from tieline.store.connection import workspace_tx
    from tieline.store.team.models import ApiToken

    status, made = ask("POST", "/tokens", {"name": "Nightly", "actions": ["runs.see"], "days": 30})
    assert status == 200
    other = Caller(made["token"])
    assert other("GET", "/runs") == (200, {"items": [], "next": None})
    assert other("GET", "/flows")[0] == 403
    assert ask("DELETE", f"/tokens/{made['id']}") == (200, {"done": True})
    assert other("GET", "/runs")[0] == 401
    assert ask("DELETE", f"/tokens/{made['id']}")[0] == 404
    status, made = ask("POST", "/tokens", {"name": "Short", "actions": ["runs.see"], "days": 1})
    with workspace_tx(company.workspace.pk):
        ApiToken.objects.filter(workspace_id=company.workspace.pk, name="Short").update(expires=timezone.now())
    assert Caller(made["token"])("GET", "/runs")[0] == 401
    shown = [one for one in ask("GET", "/tokens")[1] if one["name"] == "Nightly"]
    assert shown[0]["works"] is False
    assert made["token"] not in str(ask("GET", "/tokens"))


@pytest.mark.proves("HUB-1")
def test_a_token_gives_no_more_than_it_has(company: Company, ask_of: Callable[..., Caller]) -> None:
    ask = ask_of(company, only=("tokens.change", "runs.see"))
    status, body = ask("POST", "/tokens", {"name": "More", "actions": ["runs.see", "flows.change"]})
    assert (status, body["error"]["params"]) == (403, {"action": "flows.change"})


@pytest.mark.proves("HUB-9")
def test_errors_speak_the_askers_language(web: Any) -> None:
    from tests.api.conftest import Caller

    said = {
        language: Caller("")("GET", "/runs", accept_language=language)[1]["error"]["message"]
        for language in ("en", "fr", "da", "it")
    }
    assert said["en"].startswith("Send a token that works")
    assert len(set(said.values())) == 4


@pytest.mark.proves("HUB-8")
@pytest.mark.parametrize("path", ["/connectors/%00/client", "/flows/ca%00lls", "/runs/run_%00"])
def test_what_no_database_keeps_is_no_fault_of_the_server(ask: Caller, path: str) -> None:
    status, body = ask("DELETE" if path.endswith("client") else "GET", path)
    assert status in (404, 422), body
