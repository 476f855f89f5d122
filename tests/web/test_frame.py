"""Around every page: headers, the menu, the reader's settings, what people see when something fails."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.web.conftest import Company

pytestmark = pytest.mark.usefixtures("web")

PAGES = ("/", "/more/", "/me/", "/me/password/", "/me/second-factor/", "/parts/", "/nothing/")


@pytest.fixture
def admin(company: Company, signed_in: Callable[[Any], Client]) -> Client:
    return signed_in(company.users["admin"])


@pytest.mark.parametrize("path", [*PAGES, "/sign-in/", "/welcome/x/"])
def test_no_page_has_scripts_or_styles_in_it_and_says_so(
    admin: Client, client: Client, company: Company, path: str
) -> None:
    outside = path in {"/sign-in/", "/welcome/x/"}
    answer = client.get(path) if outside else admin.get(company.url(path))
    html = answer.content.decode()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", html)
    assert [one for one in re.findall(r"<script[^>]*>", html) if " src=" not in one] == []
    assert set(re.findall(r'(?:src|href)="(https?:)?//', html)) == set()
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "style-src-attr 'none'" in policy
    assert "unsafe" not in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "no-store" in answer["Cache-Control"]
    assert "HX-Request" in answer["Vary"]


def test_an_answer_may_add_to_the_policy_and_no_other_does(admin: Client) -> None:
    from django.http import HttpResponse

    from tieline.web.middleware.security import SecurityHeaders, allow

    def page(_request: Any) -> HttpResponse:
        response = HttpResponse("x")
        allow(response, "form-action", "https://accounts.vendor.example")
        allow(response, "frame-ancestors", "https://crm.example")
        return response

    policy = SecurityHeaders(page)(None)["Content-Security-Policy"]  # type: ignore[arg-type]
    assert "form-action 'self' https://accounts.vendor.example;" in policy
    assert policy.endswith("frame-ancestors https://crm.example")
    assert "vendor.example" not in SecurityHeaders(lambda _request: HttpResponse("y"))(None)["Content-Security-Policy"]  # type: ignore[arg-type]


def test_static_files_have_a_hash_and_are_kept_for_ever(client: Client) -> None:
    html = client.get("/sign-in/").content.decode()
    addresses = set(re.findall(r'"(/static/[^"#]+)', html))
    assert len(addresses) >= 4
    for address in addresses:
        assert re.search(r"\.[0-9a-f]{12}\.(css|js|svg)$", address)
        answer = client.get(address, headers={"accept-encoding": "gzip"})
        assert answer.status_code == 200
        assert "immutable" in answer["Cache-Control"]
        assert answer.get("Content-Encoding") == "gzip" or len(answer.content) < 1000


def test_pages_are_compressed(admin: Client, company: Company) -> None:
    answer = admin.get(company.url("/parts/"), headers={"accept-encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    assert b"Parts" in gzip.decompress(answer.content)


def test_the_menu_leads_only_to_pages_that_there_are(admin: Client, company: Company) -> None:
    html = admin.get(company.url("/")).content.decode()
    found = re.findall(r"<(?:aside|nav|header).*?</(?:aside|nav|header)>", html, re.DOTALL)
    links = {link for part in found for link in re.findall(r'href="(/w/[^"]+)"', part)}
    assert company.url("/") in links
    for link in links:
        assert admin.get(link).status_code == 200, link
    assert html.count('aria-current="page"') == 2  # beside, and at the bottom of a phone


def test_the_menu_shows_a_page_as_soon_as_its_address_exists_and_the_role_allows_it(company: Company) -> None:
    from types import ModuleType, SimpleNamespace

    from django.http import HttpRequest, HttpResponse
    from django.test import override_settings
    from django.urls import path

    from tieline.store.team.models import Member
    from tieline.web import home, nav

    views = [("runs", "runs"), ("calls", "calls"), ("calls-deals", "calls/deals"), ("audit", "audit")]
    module = ModuleType("urls_of_later")
    module.urlpatterns = [  # type: ignore[attr-defined]
        path("", home.home, name="home"),
        *(path(f"{at}/", lambda _request: HttpResponse(), name=name) for name, at in views),
    ]

    def menu(role: str, at: str) -> dict[str, tuple[str, bool]]:
        request = HttpRequest()
        request.member = Member(role=role)  # type: ignore[attr-defined]
        request.resolver_match = SimpleNamespace(url_name=at)  # type: ignore[assignment]
        lines = nav.lines(request)
        return {one.entry.page: (one.url, one.here) for line in lines for one in (line, *line.inside)}

    with override_settings(ROOT_URLCONF=module):
        assert menu("admin", "calls-deals") == {
            "home": ("/", False),
            "flows": ("/calls/", False),
            "calls": ("/calls/", True),
            "runs": ("/runs/", False),
            "settings": ("/audit/", False),
            "audit": ("/audit/", False),
        }
        assert set(menu("member", "home")) == {"home", "flows", "calls", "runs"}


def test_every_action_of_the_menu_is_in_the_table() -> None:
    from tieline.web.nav import MENU
    from tieline.web.permissions import ACTIONS

    assert {one.action for entry in MENU for one in (entry, *entry.inside)} <= {*ACTIONS, None}


@pytest.mark.proves("HUB-9")
@pytest.mark.parametrize(("language", "word"), [("fr", "Se connecter"), ("da", "Log ind"), ("it", "Accedi")])
def test_the_language_is_the_browsers_until_one_is_chosen_and_then_stored(
    client: Client, company: Company, signed_in: Callable[[Any], Client], language: str, word: str
) -> None:
    asked = client.get("/sign-in/", headers={"accept-language": f"{language}-CH,{language};q=0.9,en;q=0.5"})
    assert word in asked.content.decode()
    assert f'<html lang="{language}"' in asked.content.decode()
    assert word not in client.get("/sign-in/").content.decode()
    client.post("/me/language/", {"language": language, "next": "/sign-in/"})
    assert word in client.get("/sign-in/").content.decode()
    user = company.users["member"]
    browser = signed_in(user)
    answer = browser.post(company.url("/me/language/"), {"language": language, "next": company.url("/me/")})
    assert answer["Location"] == company.url("/me/")
    user.refresh_from_db()
    assert user.language == language
    assert f'<html lang="{language}"' in signed_in(user).get(company.url("/")).content.decode()


def test_an_unknown_language_or_theme_is_refused(client: Client) -> None:
    assert client.post("/me/language/", {"language": "xx"}).status_code == 400
    assert client.post("/me/theme/", {"theme": "pink"}).status_code == 400


def test_one_comes_back_to_ones_own_page_only(client: Client) -> None:
    for target in ("https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"):
        assert client.post("/me/theme/", {"theme": "dark", "next": target})["Location"] == "/"


def test_the_theme_is_stored_with_the_user_and_before_in_the_browser(
    client: Client, company: Company, signed_in: Callable[[Any], Client]
) -> None:
    assert "data-theme" not in client.get("/sign-in/").content.decode().split(">", 2)[1]
    client.post("/me/theme/", {"theme": "dark", "next": "/sign-in/"})
    assert 'data-theme="dark"' in client.get("/sign-in/").content.decode()
    user = company.users["member"]
    quiet = signed_in(user).post(company.url("/me/theme/"), {"theme": "light"}, headers={"X-Tieline-Quiet": "1"})
    assert quiet.status_code == 204
    assert 'data-theme="light"' in signed_in(user).get(company.url("/")).content.decode()


def test_ones_own_settings_are_kept(company: Company, admin: Client) -> None:
    page = company.url("/me/")
    said = {"name": "Bo Lund", "language": "it", "theme": "dark"}
    answer = admin.post(page, said, follow=True).content.decode()
    assert "Le tue impostazioni sono salvate." in answer
    assert "data-shortcuts" not in answer
    assert 'data-theme="dark"' in answer
    assert "BL" in answer
    bad = admin.post(page, said | {"name": "", "theme": "pink"}).content.decode()
    assert bad.count('class="error"') == 2


def test_times_are_in_the_workspaces_zone(company: Company, admin: Client) -> None:
    from django.utils import timezone

    from tieline.store.team.models import Workspace

    Workspace.objects.filter(pk=company.workspace.pk).update(zone="Asia/Tokyo")
    html = admin.get(company.url("/")).content.decode()
    shown = re.search(r'<time datetime="([^"]+)" title="[^"]* (\S+)">', html)
    assert shown is not None
    assert shown[2] in {"GMT+9", "JST"}
    assert abs((timezone.now() - timezone.datetime.fromisoformat(shown[1])).total_seconds()) < 60


@pytest.mark.parametrize("known", [True, False])
def test_what_is_not_there_is_said_in_the_frame(client: Client, admin: Client, company: Company, known: bool) -> None:
    answer = admin.get(company.url("/nothing/")) if known else client.get("/nothing/")
    html = answer.content.decode()
    assert answer.status_code == 404
    assert "There is nothing at this address." in html
    assert ('class="side"' in html) is known
    assert str(company.url("/") if known else "/sign-in/") in html


def test_who_may_not_is_told_who_may(company: Company, signed_in: Callable[[Any], Client]) -> None:
    from django.core.exceptions import PermissionDenied
    from django.test import RequestFactory

    from tieline.web.errors import forbidden

    request = RequestFactory().get("/crm/")
    answer = forbidden(request, PermissionDenied("crm.change"))
    assert answer.status_code == 403
    assert "for the roles: Super admin. Ask one of them." in answer.content.decode()
    assert "Ask a super admin." in forbidden(request).content.decode()


def test_a_failure_of_ours_is_said_in_the_frame_and_to_htmx_as_a_part(company: Company, admin: Client) -> None:
    admin.raise_request_exception = False
    page = admin.get(company.url("/parts/fail/"))
    assert page.status_code == 500
    assert "Tieline failed to show this page." in page.content.decode()
    assert "asked for" not in page.content.decode()
    assert 'class="side"' in page.content.decode()
    part = admin.get(company.url("/parts/fail/"), headers={"HX-Request": "true"}).content.decode()
    assert part.startswith('<div class="problem"')
    assert "<html" not in part


def test_a_failure_says_so_even_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.test import RequestFactory

    from tieline.web import errors

    def broken(*_args: Any, **_kwargs: Any) -> str:
        raise RuntimeError("no database")

    monkeypatch.setattr(errors.loader, "render_to_string", broken)
    answer = errors.server_error(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert "Tieline failed to show this page." in answer.content.decode()


def test_a_form_from_elsewhere_changes_nothing(company: Company) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(company.users["member"])
    answer = browser.post(company.url("/me/sign-out-everywhere/"))
    assert answer.status_code == 403
    assert "This form is too old." in answer.content.decode()
    assert browser.get(company.url("/")).status_code == 200


def test_a_part_asked_for_after_the_session_ended_reloads_the_page(company: Company, client: Client) -> None:
    answer = client.get(company.url("/parts/live/"), headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer["HX-Refresh"] == "true"


def test_who_is_in_no_workspace_is_told_whom_to_ask(signed_in: Callable[[Any], Client], web: Any) -> None:
    import secrets

    from tieline.store.team import people

    user = people.create_user(f"alone.{secrets.token_hex(4)}@nordlys.example", "Al One", None)
    html = signed_in(user).get("/").content.decode()
    assert "You are in no workspace" in html
    assert user.email in html
    assert signed_in(user).get("/me/").status_code == 200


def test_a_name_cannot_bring_markup_in(company: Company, signed_in: Callable[[Any], Client]) -> None:
    from tieline.store.team.models import User, Workspace

    evil = '"><script>alert(1)</script>'
    User.objects.filter(pk=company.users["admin"].pk).update(name=evil)
    Workspace.objects.filter(pk=company.workspace.pk).update(name=evil)
    html = signed_in(company.users["admin"]).get(company.url("/")).content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


async def test_the_asgi_app_answers_lifespan_and_pages(web: Any) -> None:
    from asgiref.testing import ApplicationCommunicator

    from tieline.project.asgi import application

    life = ApplicationCommunicator(application, {"type": "lifespan", "asgi": {"version": "3.0"}})
    await life.send_input({"type": "lifespan.startup"})
    assert await life.receive_output() == {"type": "lifespan.startup.complete"}
    await life.send_input({"type": "lifespan.shutdown"})
    assert await life.receive_output() == {"type": "lifespan.shutdown.complete"}
    page = ApplicationCommunicator(
        application,
        {
            "type": "http",
            "method": "GET",
            "path": "/sign-in/",
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
        },
    )
    await page.send_input({"type": "http.request", "body": b""})
    assert (await page.receive_output(20))["status"] == 200
    assert b"Tieline" in (await page.receive_output(20))["body"]
    await page.wait(20)
