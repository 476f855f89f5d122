"""Home, runs, events, inbox and search in a real browser: read and reached at every look, and live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser import BrowserPage, Weight, contrast_faults, look, reach_faults
from tests.web.conftest import Company
from tests.web.made import MadeDay, because, rows, shown, workspace_tx

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("web")]

LONG = "Société coopérative d’aménagement et de construction de la Haute-Garonne et des Pyrénées-Atlantiques réunies"


def a_whole_day(day: MadeDay) -> None:
    """Something of every kind, a very long name among it."""
    now = datetime.now(UTC)
    for one in range(12):
        day.done(f"+331867600{one:02}", at=now - timedelta(minutes=5 * one))
    error = because("outcome.rejected", slot="lead", vendor_code="MANDATORY_NOT_FOUND", field="Last_Name", detail="")
    failed = day.run(day.call("+33186765500", at=now, state="parked", why=error), "failed")
    day.wrote(failed, "lead", state="rejected", error=error, values={"name": LONG, "owner": "501"})
    day.wrote(failed, "task", state="blocked", error=because("outcome.blocked", slot="task"))
    watched = day.run(day.call("+4512345679", at=now), "watched")
    day.wrote(watched, "lead", state="planned")
    day.run(day.call("+4512345680", at=now), "nothing", considered=[["call.log", False, because("call.internal")]])
    day.call("+4512804410", result=None, state="waiting", why=because("call.wait.in_progress"), at=now)
    day.question(at=now - timedelta(minutes=20))
    day.question(at=now - timedelta(minutes=30))
    day.question("+393355550142", 5, at=now)
    day.notice()
    day.refused()


@pytest.mark.proves("HUB-16")
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_every_page_can_be_read_and_reached(
    browser_page: BrowserPage, company: Company, width: int, theme: str
) -> None:
    day = MadeDay(company)
    a_whole_day(day)
    page = browser_page(width, theme, user=company.users["super_admin"])
    for path in ("/", "/runs/?outcome=failed", "/runs/", "/events/", "/events/refused/", "/inbox/", "/search/?q=Duval"):
        page.goto(company.url(path))
        if path.startswith("/runs/"):
            page.locator("#runs-list summary").first.click()
            expect(page.locator("#runs-list .story").first).to_be_visible()
        if path == "/inbox/" and width < 800:
            page.locator(".cases a").first.click()
        look(page, f"room-{path.strip('/').replace('/', '-').replace('?', '-') or 'home'}-{width}-{theme}")
        assert contrast_faults(page) == [], path
        assert reach_faults(page) == [], path


@pytest.mark.proves("HUB-9", "HUB-16")
@pytest.mark.parametrize("lang", ["fr", "da", "it"])
def test_longer_words_fit_on_a_small_phone(browser_page: BrowserPage, company: Company, lang: str) -> None:
    day = MadeDay(company)
    a_whole_day(day)
    page = browser_page(320, "light", lang, user=company.users["super_admin"])
    for path in ("/", "/runs/", "/events/", "/inbox/", "/search/?q=Duval"):
        page.goto(company.url(path))
        assert reach_faults(page) == [], path


@pytest.mark.proves("HUB-3")
def test_a_story_opens_in_its_line_by_keyboard_and_stays_open_while_runs_arrive(
    browser_page: BrowserPage, company: Company
) -> None:
    day = MadeDay(company)
    run = day.done()
    page = browser_page(user=company.users["member"])
    page.goto(company.url("/runs/"))
    line = page.locator(f"#{shown('run', run.pk)}")
    line.locator("summary.run").focus()
    page.keyboard.press("Enter")
    expect(line.locator(".story")).to_contain_text("because the deal Toiture atelier 2 is still open")
    expect(line.locator(".opened > p")).to_have_count(0)
    new = day.done("+33186760001")
    expect(page.locator(f"#{shown('run', new.pk)}")).to_be_visible(timeout=15_000)
    expect(page.locator("#runs-list > li").first).to_have_attribute("id", shown("run", new.pk))
    expect(line.locator(".story")).to_be_visible()
    expect(line.locator("summary.run")).to_be_focused()
    expect(page.locator("#runs-poll")).to_have_text("1 new run")


@pytest.mark.proves("HUB-3")
def test_the_first_run_replaces_the_empty_page(browser_page: BrowserPage, company: Company) -> None:
    day = MadeDay(company)
    page = browser_page(user=company.users["member"])
    page.goto(company.url("/runs/"))
    expect(page.locator("#runs-none")).to_be_visible()
    run = day.done()
    expect(page.locator(f"#{shown('run', run.pk)}")).to_be_visible(timeout=15_000)
    expect(page.locator("#runs-none")).to_have_count(0)


@pytest.mark.proves("HUB-3")
def test_a_call_in_progress_goes_and_its_run_comes(browser_page: BrowserPage, company: Company) -> None:
    day = MadeDay(company)
    subject = day.call(result=None, state="waiting", why=because("call.wait.in_progress"))
    page = browser_page(user=company.users["member"])
    page.goto(company.url("/runs/"))
    waiting = page.locator(f"#{shown('call', subject.pk)}")
    expect(waiting).to_contain_text("Call in progress")
    with workspace_tx(day.workspace):
        subject.state, subject.subject = "applying", {**subject.subject, "result": "missed"}
        subject.save()
    run = day.run(subject, "applying")
    line = page.locator(f"#{shown('run', run.pk)}")
    expect(line).to_contain_text("Writing", timeout=15_000)
    expect(waiting).to_have_count(0)
    with workspace_tx(day.workspace):
        run.state, run.finished_at = "done", datetime.now(UTC)
        run.save()
    expect(line).to_contain_text("Done", timeout=15_000)


@pytest.mark.proves("HUB-4", "HUB-16")
def test_a_case_is_settled_by_keys_and_the_count_follows(browser_page: BrowserPage, company: Company) -> None:
    day = MadeDay(company)
    item = day.question()
    page = browser_page(user=company.users["member"])
    page.goto(company.url("/inbox/"))
    expect(page.locator("#side-inbox .count")).to_contain_text("1")
    page.keyboard.press("2")
    expect(page.get_by_role("radio").nth(1)).to_be_checked()
    page.keyboard.press("s")
    expect(page.locator("#toasts")).to_contain_text("Settled: Gianni Ferrero. The call goes on now.")
    expect(page.locator("#side-inbox .count")).to_have_count(0)
    with workspace_tx(day.workspace):
        assert rows.Subject.objects.get(pk=item.subject_id).answers == {"several": {"role": "contact", "id": "71"}}
    day.question("+393355550142")
    expect(page.locator("#side-inbox .count")).to_contain_text("1", timeout=20_000)


@pytest.mark.proves("HUB-2", "HUB-3")
def test_home_moves_without_moving_the_page(browser_page: BrowserPage, company: Company) -> None:
    day = MadeDay(company)
    day.done()
    page = browser_page(user=company.users["member"])
    page.goto(company.url("/"))
    page.evaluate(
        "() => { window.shift = 0; new PerformanceObserver((list) => { for (const one of list.getEntries())"
        " window.shift += one.value; }).observe({ type: 'layout-shift', buffered: true }); }"
    )
    before = page.evaluate("() => window.shift")
    day.done()
    expect(page.locator("#h-today")).to_have_text("2 calls today became", timeout=15_000)
    assert page.evaluate("() => window.shift") - before < 0.01


@pytest.mark.proves("HUB-3")
def test_the_box_drops_what_it_finds(browser_page: BrowserPage, company: Company) -> None:
    day = MadeDay(company)
    run = day.done("+33186760001")
    page = browser_page(user=company.users["member"])
    page.goto(company.url("/"))
    page.keyboard.press("/")
    page.keyboard.type("76 00 01")
    first = page.locator("#found a").first
    expect(first).to_contain_text("Missed call from +33 1 86 76 00 01")
    page.keyboard.press("Tab")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{shown('run', run.pk)}/")


@pytest.mark.proves("HUB-16")
def test_pages_stay_light_and_ask_nobody_else(browser_page: BrowserPage, company: Company, site: str) -> None:
    day = MadeDay(company)
    for one in range(50):
        day.done(f"+331867600{one:02}")
    page: Page = browser_page(user=company.users["super_admin"])
    for path in ("/", "/runs/", "/events/", "/inbox/"):
        weight = Weight(page)
        page.goto(company.url(path))
        assert weight.bytes() < 300_000, path
        assert [one for one in weight.addresses if not one.startswith(site)] == []


@pytest.mark.proves("HUB-16")
def test_everything_works_without_a_script(browser_page: BrowserPage, company: Company) -> None:
    day = MadeDay(company)
    run, item = day.done(), day.question()
    page = browser_page(user=company.users["member"], script=False)
    page.goto(company.url("/runs/"))
    line = page.locator(f"#{shown('run', run.pk)}")
    line.locator("summary").first.click()
    line.get_by_role("link", name="The story of this run").click()
    expect(page.locator(".story")).to_contain_text("Looked for")
    page.goto(company.url(f"/inbox/{shown('case', item.pk)}/"))
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Settle it").click()
    expect(page.locator("#toasts")).to_contain_text("Settled: Giulia Ferrari.")
