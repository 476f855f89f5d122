"""The calls pages in a browser: a contradiction made, seen and solved by its way out, at the widths that people have."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web.browser import BrowserPage, Weight, contrast_faults, look, reach_faults, tab_through
from tests.web.calls_desk import Calls, five_calls, make_calls
from tests.web.conftest import Company

TABS = ("managers", "accounts-leads", "contacts", "deals", "tasks", "logging", "try")


@pytest.fixture
def calls(company: Company) -> Calls:
    made = make_calls(company)
    five_calls(made)
    return made


@pytest.mark.proves("CALL-24", "CALL-25", "HUB-16")
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "light"), (1440, "dark"), (390, "dark")])
def test_make_a_contradiction_see_it_take_the_way_out_save(
    browser_page: BrowserPage, calls: Calls, company: Company, width: int, theme: str
) -> None:
    page = browser_page(width, theme, user=company.users["admin"])
    page.goto(company.url("/calls/accounts-leads/"))
    look(page, f"calls-rules-{width}-{theme}")
    save = page.get_by_role("button", name="Save", exact=True)
    expect(save).to_be_disabled()
    with page.expect_response("**/edit/"):
        page.get_by_role("switch", name="Create: Accounts").click()
    page.locator("#c-account-owner").focus()
    with page.expect_response("**/edit/"):
        page.locator("#c-account-owner").select_option("lead")
    expect(page.locator("#c-account-owner")).to_be_focused()
    with page.expect_response("**/edit/"):
        page.locator("#c-lead-owner").select_option("account")
    clash = page.get_by_role("alert")
    expect(clash).to_contain_text("These two owners wait for each other")
    expect(clash).to_contain_text("Nobody is ever chosen.")
    expect(save).to_be_disabled()
    expect(page.locator("aside.try")).to_contain_text("cannot be decided")
    page.evaluate("scrollTo(0, 0)")
    look(page, f"calls-clash-{width}-{theme}")
    look(page, f"calls-clash-{width}-{theme}-whole", whole=True)
    assert contrast_faults(page) == []
    assert reach_faults(page) == []
    with page.expect_response("**/edit/"):
        clash.get_by_role("button", name="Lead: use the line’s manager").click()
    expect(clash).to_have_count(0)
    expect(page.locator("#c-lead-owner")).to_have_value("manager")
    expect(page.locator("#c-account-owner")).to_have_value("lead")
    expect(save).to_be_enabled()
    save.click()
    toast = page.locator(".toast")
    expect(toast).to_contain_text("Saved as version 3: 2 changes.")
    look(page, f"calls-saved-{width}-{theme}")
    assert calls.raw()["account"]["owner"]["kind"] == "lead"


@pytest.mark.proves("HUB-16")
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_every_tab_is_readable_and_reachable(
    browser_page: BrowserPage, calls: Calls, company: Company, width: int, theme: str
) -> None:
    page = browser_page(width, theme, user=company.users["admin"])
    page.goto(company.url("/calls/deals/"))
    with page.expect_response("**/edit/"):
        page.get_by_role("switch", name="Create: Deals").click()
    with page.expect_response("**/edit/"):
        page.locator("#c-deal-mode").select_option("manager")
    for tab in TABS:
        page.goto(company.url(f"/calls/{tab}/" + ("?number=%2B4522334455" if tab == "try" else "")))
        look(page, f"calls-{tab}-{width}-{theme}", whole=True)
        assert contrast_faults(page) == [], tab
        assert reach_faults(page) == [], tab
    page.goto(company.url("/calls/live/"))
    look(page, f"calls-live-{width}-{theme}")
    assert reach_faults(page) == []


@pytest.mark.proves("HUB-16")
def test_long_words_fit_and_everything_is_reached_by_tab(
    browser_page: BrowserPage, calls: Calls, company: Company
) -> None:
    long = "Reception and spare parts of the workshop in Villeurbanne, second floor"
    calls.save(company.users["super_admin"], lines=[{**line, "label": long} for line in calls.raw()["lines"]])
    page = browser_page(320, user=company.users["admin"])
    for tab in TABS:
        page.goto(company.url(f"/calls/{tab}/"))
        assert reach_faults(page) == [], tab
    look(page, "calls-managers-320", whole=True)
    page = browser_page(user=company.users["admin"])
    page.goto(company.url("/calls/accounts-leads/"))
    stops = tab_through(page)
    assert [stop for stop in stops if not (stop["ring"] and stop["seen"])] == []
    assert any("c-lead-owner" in stop["what"] for stop in stops)


@pytest.mark.proves("HUB-16")
def test_the_heaviest_tab_is_light(browser_page: BrowserPage, calls: Calls, company: Company) -> None:
    page = browser_page(user=company.users["admin"])
    weight = Weight(page)
    page.goto(company.url("/calls/managers/"))
    assert 10_000 < weight.bytes() <= 300_000
    assert len(weight.addresses) <= 8


def test_without_script_rules_are_checked_and_saved_by_buttons(
    browser_page: BrowserPage, calls: Calls, company: Company
) -> None:
    page = browser_page(script=False, user=company.users["admin"])
    page.goto(company.url("/calls/accounts-leads/"))
    page.get_by_role("switch", name="Create: Accounts").check()
    page.locator("#c-account-owner").select_option("lead")
    page.locator("#c-lead-owner").select_option("account")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("alert")).to_contain_text("These two owners wait for each other")
    page.get_by_role("button", name="Account: use the line’s manager").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("Saved as version 3")


def test_enter_in_a_typed_field_checks_and_presses_no_other_button(
    browser_page: BrowserPage, calls: Calls, company: Company
) -> None:
    page = browser_page(user=company.users["admin"])
    page.goto(company.url("/calls/managers/"))
    before = page.locator("table.lines tbody tr").count()
    with page.expect_response("**/edit/"):
        page.locator("#c-lines-0-label").press("Enter")
    expect(page.locator("table.lines tbody tr")).to_have_count(before)


def test_the_switch_leads_to_the_question(browser_page: BrowserPage, calls: Calls, company: Company) -> None:
    page = browser_page(user=company.users["admin"])
    page.goto(company.url("/calls/managers/"))
    page.get_by_role("switch", name="Write to the CRM").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Stop writing to Zoho CRM?")
    page.get_by_role("button", name="Stop writing, go on watching").click()
    expect(page.locator(".head")).to_contain_text("Watching: nothing is written")
    expect(page.get_by_role("switch", name="Write to the CRM")).not_to_be_checked()
