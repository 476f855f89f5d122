"""Webhooks in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.web.browser import BrowserPage, contrast_faults, look, reach_faults

if TYPE_CHECKING:
    from tests.web.conftest import Company

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_a_webhook_is_made_and_its_messages_are_seen(
    browser_page: BrowserPage, company: Company, width: int, theme: str
) -> None:
    page = browser_page(width, theme, user=company.users["admin"])
    page.goto(company.url("/tokens/"))
    form = page.locator("#make-hook")
    form.get_by_label("What it is for").fill("Warehouse")
    form.get_by_label("Address").fill("https://hooks.example.com/in")
    form.get_by_role("button", name="Make the webhook").click()
    assert page.get_by_label("Copy it now: it is shown this once").input_value().startswith("whsec_")
    look(page, f"hooks-made-{width}-{theme}", whole=True)
    assert contrast_faults(page) == []
    assert reach_faults(page) == []
    assert page.get_by_label("Copy it now: it is shown this once").evaluate(
        "one => { const box = one.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight }"
    )
    page.get_by_role("button", name="Test it").click()
    page.get_by_text("On its way", exact=True).wait_for()
    look(page, f"hooks-messages-{width}-{theme}", whole=True)
    assert contrast_faults(page) == []
    assert reach_faults(page) == []
