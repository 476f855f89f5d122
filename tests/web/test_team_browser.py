"""A colleague is invited, joins, and sets up the second factor that the workspace needs: in a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.web.browser import BrowserPage, contrast_faults, look, reach_faults
from tests.web.conftest import PASSWORD, Company
from tests.web.test_sign_in import code_now

if TYPE_CHECKING:
    from playwright.sync_api import Page

LOOKS = [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")]


def switch_on_app(page: Page) -> str:
    """Set the authenticator app up; its secret."""
    page.get_by_role("link", name="Set up the app").click()
    if page.get_by_label("Password").count():
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Go on").click()
    secret = page.locator("code").first.inner_text()
    page.get_by_label("Code").fill(code_now(secret))
    page.get_by_role("button", name="Switch on").click()
    page.get_by_text(re.compile("recovery codes", re.IGNORECASE)).first.wait_for()
    return secret


@pytest.mark.proves("HUB-1")
def test_a_colleague_is_invited_and_comes_in_with_a_second_factor(browser_page: BrowserPage, company: Company) -> None:
    email = f"bo.{company.key}@nordlys.example"
    head = browser_page(user=company.users["super_admin"])
    head.goto(company.url("/me/second-factor/"))
    switch_on_app(head)
    head.goto(company.url("/settings/"))
    head.get_by_role("button", name="Everybody needs one").click()
    head.get_by_text("Nobody comes into this workspace without").wait_for()
    head.goto(company.url("/team/"))
    head.get_by_label("E-mail", exact=True).fill(email)
    head.get_by_label("Role", exact=True).select_option("admin")
    head.get_by_role("button", name="Make the link").click()
    link = head.get_by_label("Hand it over").input_value()
    look(head, "team-invited-1440-light", whole=True)

    colleague = browser_page(390, "light")
    colleague.goto("/welcome/" + link.split("/welcome/")[1])
    look(colleague, "team-welcome-390-light", whole=True)
    assert contrast_faults(colleague) == []
    assert reach_faults(colleague) == []
    colleague.get_by_label("Your name").fill("Bo Lund")
    colleague.get_by_label("Password", exact=True).fill(PASSWORD)
    colleague.get_by_role("button", name="Make the account").click()
    colleague.get_by_text("lets nobody in without a second factor").wait_for()
    look(colleague, "team-needs-factor-390-light")
    secret = switch_on_app(colleague)
    colleague.goto(company.url("/team/"))
    colleague.get_by_role("rowheader", name=re.compile("Bo Lund")).wait_for()

    later = browser_page()
    later.goto("/sign-in/")
    later.get_by_label("E-mail").fill(email)
    later.get_by_label("Password", exact=True).fill(PASSWORD)
    later.get_by_role("button", name="Sign in").click()
    later.get_by_label("Code").fill(code_now(secret, 1))
    later.get_by_role("button", name="Sign in").click()
    later.wait_for_url(re.compile(re.escape(company.url("/"))))

    head.goto(company.url("/team/"))
    row = head.get_by_role("row", name=re.compile("Bo Lund"))
    assert "On" in row.inner_text()
    row.get_by_role("button", name="Remove").click()
    head.get_by_role("dialog").get_by_role("button", name="Remove Bo Lund").click()
    head.get_by_text("They are out of the team").wait_for()
    assert "/sign-in/" in (later.goto(company.url("/team/")) and later.url)


@pytest.mark.proves("HUB-16")
@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_pages_of_people_can_be_read_and_reached(
    browser_page: BrowserPage, company: Company, width: int, theme: str
) -> None:
    from tieline.store.services import team

    team.invite(company.workspace.pk, company.users["super_admin"], email="eva@nordlys.example", role="admin")
    team.change_role(
        company.workspace.pk,
        company.users["super_admin"],
        next(one.id for one in team.members(company.workspace.pk) if one.role == "admin"),
        "member",
    )
    page = browser_page(width, theme, user=company.users["super_admin"])
    for path in ("/team/", "/settings/", "/audit/", "/audit/?about=flow", "/me/", "/search/?q=team", "/search/?q=qqq"):
        page.goto(company.url(path))
        look(page, f"people{re.sub(r'[^a-z]+', '-', path)}{width}-{theme}", whole=True)
        assert contrast_faults(page) == [], path
        assert reach_faults(page) == [], path


def test_the_search_is_worked_by_keys(browser_page: BrowserPage, company: Company) -> None:
    page = browser_page(user=company.users["super_admin"])
    page.goto(company.url("/team/"))
    page.keyboard.press("/")
    page.keyboard.type("audit")
    page.locator("#found a").first.wait_for()
    look(page, "search-dropped-1440-light")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('#found') !== null")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.id") == "search-box"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/audit/$"))
