"""Undo in a real browser: begun from a run, read, approved, watched to its end."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web.browser import BrowserPage, contrast_faults, look, reach_faults
from tests.web.conftest import Company
from tests.web.made import MadeDay, because, rows, shown, workspace_tx
from tests.web.test_undo import EDITED, planned

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("web")]

ITEMS = [
    *({"role": role, "record": f"{role}{number}"} for role in ("call", "task", "contact") for number in range(9)),
    {"do": "restore", "role": "contact", "record": "77", "values": {"account": None}, "before": {"account": "1"}},
    *({**EDITED, "record": f"deal{number}"} for number in range(7)),
    {
        "do": "leave",
        "role": "account",
        "state": "left",
        "before": {"values": {"name": "Société coopérative d’aménagement et de construction de la Haute-Garonne"}},
        "reason": because("undo.theirs_hang", role="deal", count=2),
    },
]


@pytest.mark.proves("HUB-3", "HUB-16")
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_an_undo_is_read_approved_and_watched(
    browser_page: BrowserPage, company: Company, width: int, theme: str
) -> None:
    day = MadeDay(company)
    run = day.done()
    page = browser_page(width, theme, user=company.users["admin"])

    def kept(name: str) -> None:
        look(page, f"undo-{name}-{width}-{theme}", whole=True)
        assert contrast_faults(page) == [], name
        assert reach_faults(page) == [], name

    page.goto(company.url(f"/runs/{shown('run', run.pk)}/"))
    page.get_by_role("button", name="Undo this run…").click()
    expect(page.get_by_text("Tieline reads what is there now")).to_be_visible()
    kept("reading")
    row = planned(day, *ITEMS)
    expect(page.get_by_role("heading", name="What will happen")).to_be_visible()
    page.get_by_text("7 Changed since Tieline wrote it").click()
    kept("plan")
    page.get_by_role("button", name="Undo 28 writes").click()
    expect(page.get_by_text("0 of 28")).to_be_visible()
    with workspace_tx(day.workspace):
        items = rows.UndoItem.objects.filter(undo=row, state="planned")
        items.filter(role="call").update(state="done", key="k")
    expect(page.get_by_text("9 of 28")).to_be_visible()
    kept("under-way")
    with workspace_tx(day.workspace):
        items.filter(record="task0").update(state="moved", why=because("undo.moved"))
        items.update(state="done", key="k")
        rows.Undo.objects.filter(pk=row.pk).update(state="done", counts={"done": 27, "moved": 1, "left": 8})
    expect(page.get_by_role("heading", name="What stayed, and why")).to_be_visible()
    kept("result")
    page.goto(company.url("/undo/"))
    kept("list")
    page.goto(company.url("/runs/?number=%2B33465712008"))
    kept("runs")
