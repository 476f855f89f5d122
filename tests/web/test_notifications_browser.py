"""Notifications and the inbox's new answers in a real browser: read, reached, and by keys."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web.browser import BrowserPage, contrast_faults, look, reach_faults
from tests.web.conftest import Company
from tests.web.made import MadeDay, rows, shown, workspace_tx

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("web")]


@pytest.mark.proves("HUB-16")
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_pages_can_be_read_and_reached(browser_page: BrowserPage, company: Company, width: int, theme: str) -> None:
    from tieline.store.services import inbox, notifications

    day = MadeDay(company)
    user = company.users["super_admin"]
    kept, item = day.question("+393355550199"), day.question()
    day.question()
    day.notice()
    inbox.answer(day.workspace, user, kept.pk, {"role": "contact", "id": "70"}, always=True)
    notifications.raise_untold(day.workspace)
    page = browser_page(width, theme, user=user)
    for path in ("/notifications/", "/inbox/remembered/", f"/inbox/{shown('case', item.pk)}/"):
        page.goto(company.url(path))
        look(page, f"told-{path.strip('/').split('_')[0].replace('/', '-')}-{width}-{theme}")
        assert contrast_faults(page) == []
        assert reach_faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.proves("HUB-4", "HUB-16")
def test_a_case_is_settled_for_always_and_taken_back_by_keys(browser_page: BrowserPage, company: Company) -> None:
    day = MadeDay(company)
    item = day.question()
    page = browser_page(1440, user=company.users["admin"])
    page.goto(company.url(f"/inbox/{shown('case', item.pk)}/"))
    page.keyboard.press("?")
    expect(page.get_by_text("take back my last", exact=True)).to_be_visible()
    page.locator("#search-box").fill("")
    page.locator("#search-box").press_sequentially("a1su")  # in a field they are letters
    expect(page.locator("#search-box")).to_have_value("a1su")
    expect(page.locator("input[name=always]")).not_to_be_checked()
    page.locator("h1").click()
    page.keyboard.press("1")
    page.keyboard.press("a")
    page.keyboard.press("s")
    expect(page.get_by_text("Settled:")).to_be_visible()
    with workspace_tx(day.workspace):
        assert rows.Remembered.objects.filter(item=item, revoked_at=None).count() == 1
    page.keyboard.press("u")
    expect(page.get_by_text("1 case waits again")).to_be_visible()
    with workspace_tx(day.workspace):
        item.refresh_from_db()
        assert rows.Remembered.objects.filter(item=item, revoked_at=None).count() == 0
    assert item.state == "open"
