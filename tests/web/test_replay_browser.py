"""The replay in a browser: a rule changed, replayed with its bar, one kind of difference opened, live, at the widths of people."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web.browser import BrowserPage, contrast_faults, look, reach_faults
from tests.web.calls_desk import five_calls, make_calls
from tests.web.conftest import Company


@pytest.mark.proves("CALL-25", "HUB-16")
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "light"), (1440, "dark"), (390, "dark")])
def test_replay_a_change_and_go_live_with_it(
    browser_page: BrowserPage, company: Company, width: int, theme: str
) -> None:
    calls = make_calls(company)
    five_calls(calls)
    page = browser_page(width, theme, user=company.users["admin"])
    page.goto(company.url("/calls/contacts/"))
    with page.expect_response("**/edit/"):
        page.get_by_role("switch", name="Create: Contacts").click()
    page.goto(company.url("/calls/try/"))
    look(page, f"replay-try-{width}-{theme}", whole=True)
    page.get_by_role("link", name="Replay more calls").click()
    expect(page.locator("#r-settings")).to_have_value("draft")
    look(page, f"replay-new-{width}-{theme}", whole=True)
    assert (contrast_faults(page), reach_faults(page)) == ([], [])
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_role("heading", name="4 of 5 calls would differ")).to_be_visible()  # the bar ran by itself
    look(page, f"replay-{width}-{theme}", whole=True)
    assert (contrast_faults(page), reach_faults(page)) == ([], [])
    page.get_by_role("link", name="Contact: would be made, and was not").click()
    expect(page.get_by_role("heading", name="Contact: would be made, and was not")).to_be_visible()
    expect(page.locator("#calls ul.try > li")).to_have_count(4)
    page.get_by_role("button", name="Replay once more").click()
    expect(page.get_by_text("It says the same as")).to_be_visible()
    look(page, f"replay-confirmed-{width}-{theme}")
    page.get_by_role("link", name="Apply to these calls").click()
    expect(page.get_by_text("These settings are not in force.")).to_be_visible()
    look(page, f"replay-apply-{width}-{theme}")
    assert (contrast_faults(page), reach_faults(page)) == ([], [])
    page.get_by_role("link", name="Go live with these").click()
    look(page, f"replay-live-{width}-{theme}")
    assert (contrast_faults(page), reach_faults(page)) == ([], [])
    page.get_by_role("button", name="Go live with these").click()
    expect(page.get_by_text("Live as version 3")).to_be_visible()
    page.goto(company.url("/replay/"))
    look(page, f"replay-list-{width}-{theme}")
    assert (contrast_faults(page), reach_faults(page)) == ([], [])
    assert calls.raw()["contact"]["create"] is True


def test_without_script_it_goes_on_by_a_button(browser_page: BrowserPage, company: Company) -> None:
    calls = make_calls(company)
    five_calls(calls)
    page = browser_page(script=False, user=company.users["admin"])
    page.goto(company.url("/replay/"))
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_text("0 of 5 calls")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Nothing would differ")).to_be_visible()


@pytest.mark.proves("CALL-25", "HUB-16")
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_watch_mode_and_trying_are_readable(
    browser_page: BrowserPage, company: Company, width: int, theme: str
) -> None:
    from django.utils import timezone

    from tieline.store.connection import workspace_tx
    from tieline.store.models import Run

    calls = make_calls(company, live=False)
    five_calls(calls)
    with workspace_tx(calls.workspace):
        Run.objects.filter(workspace_id=calls.workspace).update(state="watched", started_at=timezone.now())
    page = browser_page(width, theme, user=company.users["admin"])
    for path in ("/calls/tasks/", "/calls/live/"):
        page.goto(company.url(path))
        look(page, f"watch-{path.strip('/').replace('/', '-')}-{width}-{theme}", whole=True)
        assert (contrast_faults(page), reach_faults(page)) == ([], []), path
    page.goto(company.url("/calls/tasks/"))
    with page.expect_response("**/edit/"):
        page.locator("#c-task-per").select_option("caller")
    expect(page.get_by_text("as soon as a call to or from that number is answered")).to_be_visible()
    look(page, f"tasks-per-caller-{width}-{theme}", whole=True)
    assert (contrast_faults(page), reach_faults(page)) == ([], [])
    page.goto(company.url("/calls/try/"))
    page.get_by_role("link", name="Every rule, and why").first.click()
    expect(page.get_by_role("heading", name="This call, rule by rule")).to_be_visible()
    page.locator("#one details summary").click()
    look(page, f"try-one-{width}-{theme}", whole=True)
    assert (contrast_faults(page), reach_faults(page)) == ([], [])
    page.get_by_role("button", name="Try this call").click()
    expect(page.locator("#paste ~ form [role=status], #paste [role=status]").first).to_be_visible()
    look(page, f"try-pasted-{width}-{theme}", whole=True)
    assert (contrast_faults(page), reach_faults(page)) == ([], [])
