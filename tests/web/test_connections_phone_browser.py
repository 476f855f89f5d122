"""A phone system's page in a real browser: token, lines, lost calls, wide and narrow, light and dark, kept fresh by itself."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.playing import Playing
from tests.web.browser import look
from tests.web.conftest import Company
from tests.web.test_connections import sipsim
from tests.web.test_connections_browser import faults, open_page, sandboxes, server
from tests.web.test_connections_phone import TOKEN, address, deliver, with_flow, work

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("web")]
__all__ = ["open_page", "sandboxes", "server"]


def calls(sandboxes: Playing, count: int) -> None:
    began = time.time() - 3600
    made = [
        {"pbx_id": f"lost_{n}", "number": f"+336123456{n:02}", "lines": ["+33186950011"], "started": began + n}
        for n in range(count)
    ]
    sandboxes.sipsim.store({"calls": made})


@pytest.mark.proves("CALL-21", "HUB-16")
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_the_phone_side_is_set_up_and_lost_calls_come_back(
    web: Installation, company: Company, sandboxes: Playing, open_page: Any, width: int, theme: str
) -> None:
    from tieline.connectors.sipsim.sandbox_events import test_event

    sandboxes.sipsim.reset(everything=False)
    calls(sandboxes, 40)
    row = sipsim(company, sandboxes)
    with_flow(company)
    page = open_page(company.users["admin"], width, theme)
    page.goto(address(company, row))
    assert page.get_by_text("Waiting for the first event").is_visible()
    assert faults(page) == []
    look(page, f"phone-new-{width}-{theme}", whole=True)
    deliver(web, row, test_event(time.time(), "").body)
    page.get_by_text("The test event arrived").wait_for()
    page.get_by_label("API token").fill(TOKEN)
    page.get_by_role("button", name="Check and keep").click()
    page.get_by_text("SipSim answers.").wait_for()
    assert page.get_by_text("Anna Lindqvist").is_visible()
    since = time.strftime("%Y-%m-%dT%H:%M", time.localtime(time.time() - 2 * 86400))
    page.get_by_label("Calls since").fill(since)
    page.get_by_role("button", name="Count first").click()
    page.get_by_text("40 calls are missing here.").wait_for()
    assert faults(page) == []
    look(page, f"phone-counted-{width}-{theme}", whole=True)
    page.get_by_role("button", name="Fetch them").click()
    page.get_by_role("button", name="Stop", exact=True).wait_for()
    assert faults(page) == []
    look(page, f"phone-fetching-{width}-{theme}", whole=True)
    worker = threading.Thread(target=work, args=[web])
    worker.start()
    page.get_by_text("40 of 40 were missing").wait_for()
    worker.join()
    page.get_by_role("link", name="Fetch others").click()
    page.get_by_role("button", name="Count first").wait_for()
    page.get_by_role("button", name="Make a new address").click()
    page.get_by_role("button", name="Stop the old address now").wait_for()
    assert faults(page) == []
    look(page, f"phone-fetched-{width}-{theme}", whole=True)
