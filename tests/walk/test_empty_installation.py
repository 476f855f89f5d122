"""From an empty installation to the first record: the printed link, the steps of the first run, a call, and what it became."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.walk.conftest import Printed
from tests.walk.test_first_time import Walker, counted

pytestmark = [pytest.mark.browser]

READY_S = 150


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def empty() -> Iterator[Printed]:
    """`tieline up` with nothing in its home, beside `tieline sandbox`; `address` is the link that it prints."""
    home = Path(tempfile.mkdtemp(prefix="tl-walk-", dir="/tmp"))
    home.chmod(0o755)
    port, sandbox = free_port(), free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TIELINE_", "DJANGO_"))}
    environment = {
        **inherited,
        "TIELINE_HOME": str(home / "tieline"),
        "TIELINE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TIELINE_SANDBOX_URL": f"http://127.0.0.1:{sandbox}",
    }
    log = home / "printed.log"
    here = [sys.executable, "-u", "-m", "tieline.cli"]
    runs: list[subprocess.Popen[bytes]] = []
    commands = (["sandbox", "--port", str(sandbox)], ["up", "--port", str(port)])
    with log.open("w") as out:
        runs.extend(
            subprocess.Popen([*here, *command], env=environment, stdout=out, stderr=subprocess.STDOUT)
            for command in commands
        )
    try:
        until = time.monotonic() + READY_S
        while "First time here" not in log.read_text() and runs[1].poll() is None and time.monotonic() < until:
            time.sleep(0.3)
        found = re.search(r"First time here: (\S+)", log.read_text())
        if found is None:
            pytest.fail(f"no link was printed: {log.read_text()[-2000:]}")
        answers(port, until)
        yield Printed(found[1], "anna@nordlys.example", "", f"http://127.0.0.1:{sandbox}/sipsim/")
    finally:
        for run in reversed(runs):
            run.send_signal(signal.SIGTERM)
        for run in runs:
            try:
                run.wait(60)
            except subprocess.TimeoutExpired:
                run.kill()
        shutil.rmtree(home, ignore_errors=True)


def answers(port: int, until: float) -> None:
    """Waits until the server takes connections."""
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("the server did not come up")


@pytest.mark.proves("CALL-2", "CALL-4", "HUB-16")
def test_from_the_printed_link_to_the_first_record(chromium: Browser, empty: Printed) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en", reduced_motion="reduce")
    try:
        her = Walker(context.new_page(), 1440)
        register(her, empty)
        set_up(her.page)
        first_call(her, empty)
    finally:
        context.close()


def register(her: Walker, empty: Printed) -> None:
    """Who she is, by the printed link."""
    page = her.page
    page.goto(empty.address)
    her.look("printed-link")
    page.get_by_label("Company").fill("Nordlys ApS")
    page.get_by_label("Country").select_option(label="France")
    page.get_by_label("Your name").fill("Anna Lindqvist")
    page.get_by_label("E-mail").fill(empty.email)
    page.get_by_label("Password").fill("a telephone in the hall")
    page.get_by_role("button", name="Make the account").click()
    page.wait_for_load_state()
    her.look("nothing-yet")


def set_up(page: Page) -> None:
    """The steps, one after the other, by their buttons."""
    page.locator("main section.card a.btn.main").click()
    page.wait_for_url("**/start/**")
    confirm = page.get_by_role("button", name="Go on")
    choice = page.get_by_role("link", name="Choose Zoho CRM")
    expect(confirm.or_(choice).first).to_be_visible()
    if confirm.is_visible():  # the company, as it was typed a moment ago
        expect(page.locator("#main input[name=name]")).to_have_value("Nordlys ApS")
        confirm.click()
    choice.click()
    page.get_by_role("button", name="Go to Zoho CRM").click()
    page.get_by_role("button", name="Accept").click()
    page.get_by_role("link", name="Choose SipSim").click()
    page.get_by_text("Sandbox: a practice copy").click()
    page.get_by_label("Signing secret").fill("the-secret-of-the-walk")
    page.get_by_label("API token").fill("sandbox-token")
    page.get_by_role("button", name="Check and connect").click()
    page.get_by_role("button", name="Let the sandbox send a test").click()
    page.get_by_text("The test event arrived").wait_for(timeout=15_000)
    page.get_by_role("link", name="Go on").click()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_role("heading", name="Tieline is live")).to_be_visible()


def first_call(her: Walker, empty: Printed) -> None:
    """The connection leads to the sandbox's page; a stranger's missed call becomes a lead, a task and a call."""
    her.go("Connections")
    her.page.get_by_role("link", name="SipSim", exact=True).first.click()
    with her.page.context.expect_page() as opened:
        her.page.get_by_role("button", name="Make a call in the sandbox").click()
    phone = opened.value
    phone.get_by_label("Their number").fill("+33 6 39 98 12 34")
    phone.get_by_label("How it ends").select_option(label="Missed")
    phone.get_by_role("button", name="Make the call").click()
    expect(phone.get_by_role("status")).to_contain_text("2 events sent, all taken")
    phone.get_by_role("link", name="See what came of it in Tieline").click()
    expect(phone.locator("#runs-list > li").filter(has_text="+33 6 39 98 12 34")).to_contain_text("lead and task")
    her.look("first-run-call", phone)
    made = counted(empty)
    assert {module: made[module] for module in ("Calls", "Tasks", "Leads", "Accounts", "Contacts", "Deals")} == {
        "Calls": 1, "Tasks": 1, "Leads": 1, "Accounts": 0, "Contacts": 0, "Deals": 0,
    }  # fmt: skip
