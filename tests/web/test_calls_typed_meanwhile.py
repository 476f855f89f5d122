"""The rules of calls are checked while somebody goes on changing them: a slow answer never takes back a later change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.web.browser import BrowserPage
from tests.web.calls_desk import Calls, five_calls, make_calls
from tests.web.conftest import Company

EDIT = "**/edit/"


@pytest.fixture
def calls(company: Company) -> Calls:
    made = make_calls(company)
    five_calls(made)
    return made


class Held:
    """Requests of the form, each kept back until it is let go; later ones go through once `hold` is off."""

    def __init__(self, page: Page) -> None:
        self.kept: list[Route] = []
        self.posted: list[str] = []
        self.hold = True
        self.page = page
        page.route(EDIT, self._take)

    def _take(self, route: Route) -> None:
        self.posted.append(route.request.post_data or "")
        if self.hold:
            self.kept.append(route)
        else:
            route.continue_()

    def wait(self, count: int = 1) -> None:
        """Until so many requests were sent."""
        for _ in range(400):
            if len(self.posted) >= count:
                return
            self.page.wait_for_timeout(25)
        raise AssertionError(f"{len(self.posted)} of {count} requests were sent")

    def let_go(self) -> None:
        """The server gets what was kept back; the page has its answer afterwards."""
        self.hold = False
        kept, self.kept = self.kept, []
        for route in kept:
            with self.page.expect_response(EDIT):
                route.continue_()


@pytest.fixture
def rules(browser_page: BrowserPage, calls: Calls, company: Company) -> Callable[[str], tuple[Page, Held]]:
    def opened(tab: str) -> tuple[Page, Held]:
        page = browser_page(user=company.users["admin"])
        page.goto(company.url(f"/calls/{tab}/"))
        return page, Held(page)

    return opened


def draft_after_reload(page: Page) -> None:
    """Nothing is under way any more, and the page as the server has it is looked at."""
    page.wait_for_load_state("networkidle")
    page.reload()


@pytest.mark.proves("CALL-24")
def test_a_change_made_while_the_first_is_under_way_is_kept(rules: Callable[[str], tuple[Page, Held]]) -> None:
    page, held = rules("accounts-leads")
    page.get_by_role("switch", name="Create: Accounts").click()
    held.wait()
    page.locator("#c-account-owner").select_option("lead")
    held.let_go()  # the answer knows nothing of the owner: within the pause before the next
    expect(page.locator("#savebar")).to_contain_text("2 changes, not saved")
    expect(page.locator("#c-account-owner")).to_have_value("lead")
    assert len(held.posted) == 2
    draft_after_reload(page)
    expect(page.locator("#c-account-owner")).to_have_value("lead")
    expect(page.get_by_role("switch", name="Create: Accounts")).to_be_checked()


def test_requests_go_one_after_another(rules: Callable[[str], tuple[Page, Held]]) -> None:
    """Else the earlier could be worked on last, and its draft would stay."""
    page, held = rules("accounts-leads")
    page.get_by_role("switch", name="Create: Accounts").click()
    held.wait()
    page.locator("#c-account-owner").select_option("lead")
    page.wait_for_timeout(600)  # far longer than the pause
    assert len(held.posted) == 1
    held.let_go()
    expect(page.locator("#savebar")).to_contain_text("2 changes, not saved")
    assert len(held.posted) == 2


def test_half_typed_words_stay(rules: Callable[[str], tuple[Page, Held]]) -> None:
    page, held = rules("managers")
    label = page.locator("#c-lines-0-label")
    page.locator("#c-lines-1-label").fill("Garage")
    label.click()
    held.wait()
    label.fill("Recep")
    held.let_go()
    label.press_sequentially("tion")
    expect(label).to_be_focused()
    expect(label).to_have_value("Reception")
    label.press("Tab")
    expect(page.locator("#savebar")).to_contain_text("2 changes, not saved")
    draft_after_reload(page)
    expect(page.locator("#c-lines-0-label")).to_have_value("Reception")
    expect(page.locator("#c-lines-1-label")).to_have_value("Garage")


def test_an_answer_that_was_not_taken_is_asked_for_again(rules: Callable[[str], tuple[Page, Held]]) -> None:
    """Typed and taken back: no change follows, the panel and the bar are right all the same."""
    page, held = rules("managers")
    label = page.locator("#c-lines-0-label")
    page.locator("#c-lines-1-label").fill("Garage")
    label.click()
    held.wait()
    was = label.input_value()
    label.press_sequentially("x")
    held.let_go()
    label.press("Backspace")
    expect(label).to_have_value(was)
    expect(page.locator("#savebar")).not_to_contain_text("not saved")
    label.press("Tab")
    expect(page.locator("#savebar")).to_contain_text("1 change, not saved")


def test_save_with_a_change_under_way_saves_both(
    rules: Callable[[str], tuple[Page, Held]], calls: Calls, company: Company
) -> None:
    page, held = rules("accounts-leads")
    held.hold = False
    with page.expect_response(EDIT):
        page.get_by_role("switch", name="Create: Accounts").click()
    save = page.get_by_role("button", name="Save", exact=True)
    expect(save).to_be_enabled()
    held.hold = True
    page.locator("#c-account-owner").select_option("lead")
    held.wait(2)
    save.click()
    expect(page.locator("#calls-form")).to_have_attribute("inert", "")
    held.let_go()
    expect(page.locator(".toast")).to_contain_text("Saved as version 3: 2 changes.")
    assert calls.raw()["account"]["owner"]["kind"] == "lead"


def test_the_next_tab_waits_for_the_last_change(rules: Callable[[str], tuple[Page, Held]]) -> None:
    page, held = rules("accounts-leads")
    held.hold = False
    page.get_by_role("switch", name="Create: Accounts").click()
    page.get_by_role("link", name="Deals", exact=True).first.click()
    page.wait_for_url("**/calls/deals/")
    expect(page.locator("#savebar")).to_contain_text("1 change, not saved")


def test_a_failure_takes_nothing_away(rules: Callable[[str], tuple[Page, Held]]) -> None:
    page, held = rules("accounts-leads")
    page.get_by_role("switch", name="Create: Accounts").click()
    held.wait()
    part = '<div class="problem" role="alert"><div><strong>Something went wrong</strong></div></div>'
    held.kept.pop().fulfill(status=500, content_type="text/html", body=part)
    expect(page.get_by_role("alert")).to_contain_text("Something went wrong")
    expect(page.get_by_role("switch", name="Create: Accounts")).to_be_checked()
    held.hold = False
    page.locator("#c-account-owner").select_option("lead")
    expect(page.locator("#savebar")).to_contain_text("2 changes, not saved")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_lost_request_is_sent_again_at_the_next_touch(rules: Callable[[str], tuple[Page, Held]]) -> None:
    page, held = rules("accounts-leads")
    switch = page.get_by_role("switch", name="Create: Accounts")
    switch.click()
    held.wait()
    held.hold = False
    page.evaluate("console.error = () => {}")  # the lost request is meant; other tests take such a line as a fault
    with page.expect_event("requestfailed"):
        held.kept.pop().abort("aborted")
    expect(switch).to_be_checked()
    switch.press("Tab")
    expect(page.locator("#savebar")).to_contain_text("1 change, not saved")
