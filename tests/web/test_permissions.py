"""Who may open which page: the table role × action, held against every address that there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.web.conftest import Company

pytestmark = pytest.mark.usefixtures("web")

SAMPLES = {
    "StringConverter": "x",
    "IntConverter": 1,
    "SlugConverter": "x",
    "UUIDConverter": "0" * 32,
    "PathConverter": "x",
}


def patterns(resolver: URLResolver | None = None) -> Iterator[tuple[str, URLPattern]]:
    """Every address of the pages with something put in where it takes parameters. Of the API tests/api knows the same."""
    for one in (resolver or get_resolver()).url_patterns:
        if isinstance(one, URLResolver):
            if one.namespace != "api-v1":
                yield from patterns(one)
        else:
            path = str(one.pattern)
            for name, converter in one.pattern.converters.items():
                sample = str(SAMPLES[type(converter).__name__])
                for written in (f"<{name}>", *(f"<{kind}:{name}>" for kind in ("str", "int", "slug", "uuid", "path"))):
                    path = path.replace(written, sample)
            yield "/" + path, one


@pytest.fixture
def routes(web: Any) -> list[tuple[str, URLPattern]]:
    return list(patterns())


@pytest.mark.proves("HUB-1")
def test_every_view_says_who_may_open_it(routes: list[tuple[str, URLPattern]]) -> None:
    silent = [one.name or path for path, one in routes if not hasattr(one.callback, "open_to")]
    assert silent == []
    assert len(routes) > 15


@pytest.mark.proves("HUB-1")
def test_every_role_gets_exactly_what_the_table_gives(
    routes: list[tuple[str, URLPattern]], company: Company, signed_in: Callable[[Any], Client]
) -> None:
    from tieline.web.permissions import ACTIONS, PUBLIC, SIGNED_IN

    wrong = []
    for role, user in company.users.items():
        browser = signed_in(user)
        browser.raise_request_exception = False
        for path, one in routes:
            action = one.callback.open_to
            if action in {PUBLIC, SIGNED_IN}:
                continue
            for method in (browser.get, browser.post):
                refused = method(company.url(path)).status_code == 403
                if refused != (role not in ACTIONS[action]):
                    wrong.append((role, path, action, method.__name__))
    assert wrong == []


@pytest.mark.proves("HUB-1")
def test_nobody_reaches_a_page_of_a_workspace_without_signing_in(
    routes: list[tuple[str, URLPattern]], company: Company, client: Client
) -> None:
    from tieline.web.permissions import PUBLIC

    for path, one in routes:
        if one.callback.open_to == PUBLIC:
            continue
        for address in (path, company.url(path)):
            answer = client.get(address)
            assert answer.status_code in {302, 405}, address
            if answer.status_code == 302:
                assert "/sign-in/?next=" in answer["Location"], address


@pytest.mark.proves("HUB-1")
def test_another_workspace_does_not_exist_for_who_is_not_in_it(
    routes: list[tuple[str, URLPattern]], make_company: Callable[[], Company], signed_in: Callable[[Any], Client]
) -> None:
    mine, theirs = make_company(), make_company()
    browser = signed_in(mine.users["super_admin"])
    for path, _one in routes:
        for method in (browser.get, browser.post):
            answer = method(theirs.url(path))
            assert answer.status_code == 404, path
            assert theirs.name not in answer.content.decode(), path


def test_a_page_without_a_workspace_leads_into_the_one_used_last(
    make_company: Callable[[], Company], signed_in: Callable[[Any], Client]
) -> None:
    from tieline.store.team import people

    first, second = make_company(), make_company()
    user = first.users["admin"]
    people.add_member(second.workspace, user, "member")
    browser = signed_in(user)
    assert browser.get(second.url("/")).status_code == 200
    assert browser.get("/me/?x=1")["Location"] == second.url("/me/?x=1")
    assert browser.get(first.url("/")).status_code == 200
    assert browser.get("/")["Location"] == first.url("/")


def test_links_on_a_page_stay_in_its_workspace(company: Company, signed_in: Callable[[Any], Client]) -> None:
    html = signed_in(company.users["admin"]).get(company.url("/")).content.decode()
    assert f'href="{company.url("/me/")}"' in html
    assert f'action="{company.url("/sign-out/")}"' in html
    assert 'href="/static/' in html


def test_the_table_names_every_role_for_people() -> None:
    from tieline.store.team.models import Role
    from tieline.web.permissions import ACTIONS, ROLE_NAMES, ROLE_SENTENCES

    assert set(ROLE_NAMES) == set(ROLE_SENTENCES) == set(Role)
    assert {role for roles in ACTIONS.values() for role in roles} == set(Role)
    assert all(Role.SUPER_ADMIN in roles for roles in ACTIONS.values())


def test_an_unknown_action_is_an_error_and_not_a_no() -> None:
    from tieline.web.permissions import may, needs

    with pytest.raises(KeyError):
        needs("coffee.make")
    with pytest.raises(KeyError):
        may(None, "coffee.make")
