"""From the demo's address to a changed rule and its effect, by nothing but visible labels, on a desk and on a phone.

The pictures that docs/start.md shows come from here (test-results/walk/; `make pictures` copies them).
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.walk.conftest import Printed
from tests.web.browser import RESULTS, contrast_faults, reach_faults

pytestmark = [pytest.mark.browser]

STRANGERS = {1440: "+45 61 10 00 01", 390: "+45 61 10 00 02"}


class Walker:
    """Somebody who has never seen Tieline, at one width; `look` keeps what she sees."""

    def __init__(self, page: Page, width: int) -> None:
        self.page = page
        self.width = width
        self.seen = 0
        (RESULTS / "walk").mkdir(parents=True, exist_ok=True)

    def look(self, name: str, page: Page | None = None) -> Path:
        """Keeps a picture, and expects that the page can be read and reached."""
        page = page or self.page
        self.seen += 1
        path = RESULTS / "walk" / f"{self.seen:02}-{name}-{self.width}.jpg"
        page.screenshot(path=path, type="jpeg", quality=82 if self.width < 800 else 66)
        if "/w/" in page.url:
            assert contrast_faults(page) == [], page.url
            assert reach_faults(page) == [], page.url
        return path

    def go(self, *labels: str) -> None:
        """Presses the menu's entry; on a phone below "More" where it stands there."""
        for label in labels:
            entry = self.page.get_by_role("link", name=label, exact=True)
            if not self.shown(entry):
                self.shown_of(self.page.get_by_role("link", name="More", exact=True)).click()
                self.page.wait_for_load_state()
            self.shown_of(entry).click()
            self.page.wait_for_load_state()

    def shown(self, found: Locator) -> bool:
        """Whether one of these can be seen."""
        return any(one.is_visible() for one in found.all())

    def shown_of(self, found: Locator) -> Locator:
        """The first of these that can be seen."""
        expect(found.filter(visible=True).first).to_be_visible()
        return found.filter(visible=True).first


@contextmanager
def swapped(page: Page) -> Iterator[None]:
    """A change of a rule, and the page as it is once the answer to it stands there."""
    page.locator("#calls").evaluate("one => { one.dataset.before = 1 }")
    yield
    expect(page.locator("#calls:not([data-before])")).to_be_attached(timeout=15_000)


def records(printed: Printed) -> dict[str, list[dict[str, Any]]]:
    """Everything in the Zoho sandbox."""
    with urllib.request.urlopen(f"{printed.sandbox}/_control/zoho_crm/records", timeout=30) as answer:
        return dict(json.load(answer))


def counted(printed: Printed) -> Counter[str]:
    return Counter({module: len(rows) for module, rows in records(printed).items()})


@pytest.mark.proves("CALL-5", "CALL-24", "CALL-25", "HUB-16")
@pytest.mark.parametrize("width", [1440, 390])
def test_from_the_address_to_a_changed_rule_and_its_effect(chromium: Browser, demo: Printed, width: int) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 900 if width > 800 else 844}, locale="en", reduced_motion="reduce"
    )
    said: list[str] = []
    context.on("weberror", lambda error: said.append(str(error.error)))
    try:
        walk(Walker(context.new_page(), width), demo)
    finally:
        context.close()
    assert said == []


def walk(her: Walker, demo: Printed) -> None:
    page = her.page
    page.goto(demo.address)
    page.get_by_label("E-mail").fill(demo.email)
    page.get_by_label("Password", exact=True).fill(demo.password)
    her.look("sign-in")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Anna")
    her.look("home")

    owner_of = change_a_rule(her)
    phone = to_the_sandbox(her)

    her.go("Runs")
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")
    stranger = STRANGERS[her.width]
    arrived = page.locator("#runs-list > li").filter(has_text=stranger)
    expect(arrived).to_have_count(0)
    page.evaluate("window.notReloaded = true")
    before = counted(demo)
    make_the_call(her, phone, stranger)
    expect(arrived).to_have_count(1, timeout=30_000)
    assert page.evaluate("window.notReloaded"), "the run came by itself"
    her.look("run-arrives")

    arrived.locator("summary").click()
    story = arrived.locator("ol.story")
    expect(story).to_contain_text("Decided")
    expect(story).to_contain_text("because")
    link = story.get_by_role("link", name=re.compile(r"^\d{6,}$")).first
    expect(link).to_be_visible()
    story.scroll_into_view_if_needed()
    her.look("story")
    with page.context.expect_page() as opened:
        link.click(modifiers=["ControlOrMeta"])
    expect(opened.value.get_by_text("Zoho CRM sandbox")).to_be_visible()
    her.look("record", opened.value)
    effect(demo, before, stranger, owner_of, str(link.text_content()))


def change_a_rule(her: Walker) -> str:
    """Accounts are created from now on, by a rule that contradicts another one at first; how its owner is found."""
    page = her.page
    her.go("Calls")
    page.get_by_role("link", name=re.compile("^Accounts and leads")).click()
    create = page.get_by_role("switch", name="Create: Accounts")
    expect(create).to_be_visible()
    expect(create).not_to_be_checked()
    with swapped(page):
        create.click()
    differs = page.locator("aside.try").get_by_text("Differs").first
    expect(differs).to_be_visible()
    differs.scroll_into_view_if_needed()
    her.look("would-differ")
    account, lead = page.locator("#c-account-owner"), page.locator("#c-lead-owner")
    with swapped(page):
        account.select_option(label="the owner of the lead")
    with swapped(page):
        lead.select_option(label="the owner of the account")
    clash = page.get_by_role("alert")
    expect(clash).to_contain_text("These two owners wait for each other")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    clash.scroll_into_view_if_needed()
    her.look("contradiction")
    way_out = {1440: "Lead: use the line’s manager", 390: "Account: use the line’s manager"}[her.width]
    with swapped(page):
        clash.get_by_role("button", name=way_out).click()
    expect(clash).to_have_count(0)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("Saved as version")
    her.look("saved")
    page.get_by_role("link", name="Give consent at Zoho CRM").click()
    page.get_by_role("button", name="Go to Zoho CRM").click()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("Zoho CRM is connected")).to_be_visible()
    her.look("consent-given")
    return way_out


def to_the_sandbox(her: Walker) -> Page:
    """The page for calls by hand, opened beside Tieline from the connection's page."""
    her.go("Connections")
    her.page.get_by_role("link", name="SipSim", exact=True).first.click()
    button = her.page.get_by_role("button", name="Make a call in the sandbox")
    her.look("connection")
    with her.page.context.expect_page() as opened:
        button.click()
    phone = opened.value
    expect(phone.get_by_role("heading", level=1)).to_have_text("SipSim sandbox: make a call")
    return phone


def make_the_call(her: Walker, phone: Page, number: str) -> None:
    """A missed call of somebody unknown to line Sales."""
    phone.get_by_label("Their number").fill(number)
    phone.get_by_label("Our line").select_option(label="70100412 Workshop")
    phone.get_by_label("How it ends").select_option(label="Missed")
    phone.get_by_role("button", name="Make the call").click()
    expect(phone.get_by_role("status")).to_contain_text("2 events sent, all taken")
    her.look("sandbox-phone", phone)


def effect(demo: Printed, before: Counter[str], number: str, way_out: str, shown: str) -> None:
    """Exactly what the rules imply: the call, a task, and besides the lead an account, both with the line's manager."""
    now = records(demo)
    made = Counter({module: len(rows) for module, rows in now.items()}) - before
    plain = number.replace(" ", "")
    wanted = {"Calls": 1, "Tasks": 1, "Leads": 1, "Accounts": 1}  # an account besides: the rule that she changed
    assert dict(made) == wanted, way_out
    owners = {
        module: [row["Owner"]["id"] for row in now[module] if str(row.get("Phone", "")).replace(" ", "") == plain]
        for module in ("Leads", "Accounts")
    }
    assert [len(ids) for ids in owners.values()] == [1, 1]
    assert owners["Leads"] == owners["Accounts"]
    assert any(row["id"] == shown for rows in now.values() for row in rows), "the story's link names one of the records"
