"""Consent as people give it: a real browser, the Zoho sandbox's own consent page, accepted and refused, wide and narrow."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser

from tests.store.playing import Playing, playing
from tests.web.browser import Weight, contrast_faults, look, reach_faults, session_of
from tests.web.conftest import Company

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("web")]


@pytest.fixture(scope="module")
def sandboxes(web: Installation) -> Iterator[Playing]:
    with playing() as run:
        os.environ["TIELINE_SANDBOX_URL"] = run.url
        yield run
        os.environ.pop("TIELINE_SANDBOX_URL", None)


@pytest.fixture(scope="module")
def server(web: Installation, sandboxes: Playing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that knows its own address and the sandboxes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    log = (tmp_path_factory.mktemp("server") / "server.log").open("w+")
    run = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "uvicorn",
            "--factory",
            "tieline.api.asgi:application",
            "--port",
            str(port),
            "--log-level",
            "warning",
        ],
        env=os.environ | {"TIELINE_PUBLIC_URL": address},
        stdout=log,
        stderr=log,
    )
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/sign-in/", timeout=5).close()
                break
            except OSError:  # not there yet, or too busy to answer
                if run.poll() is not None:
                    break
                time.sleep(0.25)
        if run.poll() is not None:
            log.seek(0)
            pytest.fail(f"the server did not start: {log.read()[-2000:]}")
        yield address
    finally:
        run.terminate()
        run.wait(20)
        log.close()


@pytest.fixture
def open_page(chromium: Browser, server: str) -> Iterator[Any]:
    """`open_page(user, width, theme, script)`; errors in a console fail the test."""
    contexts: list[Any] = []
    said: list[str] = []

    def make(user: Any, width: int = 1440, theme: str = "light", *, script: bool = True) -> Any:
        context = chromium.new_context(
            viewport={"width": width, "height": 900 if width > 800 else 844},
            color_scheme=theme,  # type: ignore[arg-type]
            locale="en",
            base_url=server,
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.add_cookies([{"name": "tieline_session", "value": session_of(user), "url": server}])
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert [line for line in said if "the server responded with a status of" not in line] == []


def faults(page: Any) -> list[str]:
    return contrast_faults(page) + reach_faults(page)


@pytest.fixture(autouse=True)
def _fresh_codes(sandboxes: Playing) -> None:
    """Zoho gives ten codes in ten minutes; each test has its own."""
    sandboxes.zoho.accounts.code_times.clear()


@pytest.mark.proves("CALL-2", "CALL-3", "CALL-4", "HUB-16")
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_consent_is_accepted(company: Company, open_page: Any, server: str, width: int, theme: str) -> None:
    page = open_page(company.users["admin"], width, theme)
    weight = Weight(page)
    page.goto(company.url("/connections/"))
    look(page, f"connections-empty-{width}-{theme}", whole=True)
    assert faults(page) == []
    page.get_by_role("link", name="Connect Zoho CRM", exact=True).click()
    assert page.get_by_text("ZohoCRM.modules.Leads.CREATE").is_visible()
    look(page, f"connections-consent-{width}-{theme}", whole=True)
    assert faults(page) == []
    assert weight.bytes() < 300_000
    assert [one for one in weight.addresses if not one.startswith(server)] == []
    page.get_by_role("button", name="Go to Zoho CRM").click()
    page.wait_for_url("**/zoho_crm/accounts/oauth/v2/auth?**")
    look(page, f"connections-vendor-{width}-{theme}")
    page.get_by_role("button", name="Accept").click()
    page.wait_for_url("**/connections/conn_*/")
    assert page.get_by_text("Zoho CRM is connected.").is_visible()
    assert page.get_by_text("Healthy").first.is_visible()
    assert page.get_by_text("refuses a second one with the same mark").is_visible()
    look(page, f"connections-one-{width}-{theme}", whole=True)
    assert faults(page) == []
    page.goto(company.url("/connections/"))
    look(page, f"connections-list-{width}-{theme}", whole=True)
    assert faults(page) == []


@pytest.mark.proves("CALL-2", "HUB-16")
@pytest.mark.parametrize(
    ("width", "theme", "script"), [(1440, "dark", True), (390, "light", True), (1440, "light", False)]
)
def test_consent_is_refused(company: Company, open_page: Any, width: int, theme: str, script: bool) -> None:
    from tieline.store.services import connections

    page = open_page(company.users["admin"], width, theme, script=script)
    page.goto(company.url("/connections/new/zoho_crm/"))
    page.get_by_role("button", name="Go to Zoho CRM").click()
    page.get_by_role("button", name="Refuse").click()
    page.wait_for_url("**/connections/consent/?**")
    assert page.get_by_text("You refused at Zoho CRM.").is_visible()
    assert page.get_by_text("Tieline got no access and kept nothing.").is_visible()
    assert connections.listed(company.workspace.pk, ended=True) == []
    if script:
        look(page, f"connections-refused-{width}-{theme}")
        assert faults(page) == []
    page.get_by_role("link", name="Try again").click()
    assert page.get_by_role("button", name="Go to Zoho CRM").is_visible()


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_the_first_event_of_a_phone_system_appears_by_itself(
    company: Company, open_page: Any, sandboxes: Playing, server: str, width: int, theme: str
) -> None:
    page = open_page(company.users["admin"], width, theme)
    page.goto(company.url("/connections/new/sipsim/"))
    page.get_by_text("Sandbox: a practice copy").click()
    page.get_by_label("API token").fill("sandbox-token")
    look(page, f"connections-form-{width}-{theme}", whole=True)
    assert faults(page) == []
    page.get_by_role("button", name="Check and connect").click()
    page.wait_for_url("**/connections/conn_*/")
    assert page.get_by_text("Waiting for the first event").is_visible()
    look(page, f"connections-phone-{width}-{theme}", whole=True)
    assert faults(page) == []
    url = page.get_by_label("Address for events").input_value()
    request = urllib.request.Request(url, b'{"event": "test"}', {"Content-Type": "application/json"})
    assert urllib.request.urlopen(request, timeout=10).status == 202
    page.get_by_text("An event arrived").wait_for(timeout=15_000)
    page.get_by_role("link", name="Disconnect").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_text("The address for its events stops working at once.").is_visible()
    look(page, f"connections-dialog-{width}-{theme}")
    dialog.get_by_role("button", name="Disconnect SipSim").click()
    assert page.get_by_text("SipSim is disconnected.").is_visible()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(request, timeout=10)


@pytest.mark.proves("CALL-4", "HUB-16")
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_the_first_run_walked(company: Company, open_page: Any, width: int, theme: str) -> None:
    from tieline.store.services import flow_settings

    page = open_page(company.users["super_admin"], width, theme)

    def seen(step: str) -> None:
        look(page, f"start-{step}-{width}-{theme}", whole=True)
        assert faults(page) == [], step

    page.goto(company.url("/start/"))
    seen("company")
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/start/crm/")
    seen("crm")
    page.get_by_role("link", name="Choose Zoho CRM").click()
    seen("connect")
    page.get_by_role("button", name="Go to Zoho CRM").click()
    page.get_by_role("button", name="Accept").click()
    page.wait_for_url("**/start/phone/")
    seen("phone")
    page.get_by_role("link", name="Choose SipSim").click()
    page.get_by_text("Sandbox: a practice copy").click()
    page.get_by_label("API token").fill("sandbox-token")
    page.get_by_role("button", name="Check and connect").click()
    page.wait_for_url("**/start/events/")
    seen("events")
    page.get_by_role("button", name="Let the sandbox send a test").click()
    page.get_by_text("The test event arrived").wait_for(timeout=15_000)
    seen("arrived")
    page.get_by_role("link", name="Go on").click()
    page.wait_for_url("**/start/lines/")
    seen("lines")
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/start/live/")
    assert page.get_by_role("switch").is_checked()
    seen("live")
    page.get_by_role("button", name="Finish").click()
    page.wait_for_url("**/start/done/")
    assert page.get_by_role("heading", name="Tieline is live").is_visible()
    seen("done")
    assert flow_settings.current(company.workspace.pk, "calls").live


@pytest.mark.proves("HUB-2", "HUB-16")
@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (390, "light"), (320, "light")])
def test_trouble_and_long_names_fit(company: Company, open_page: Any, width: int, theme: str) -> None:
    from datetime import UTC, datetime

    from tests.store.test_services_consent import decide
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Budget, Connection, RefusedDelivery
    from tieline.store.services import connections, consent
    from tieline.web.connections.shown import shown_id

    user, workspace = company.users["admin"], company.workspace.pk
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft Nordlys"
    crm = consent.finish(user, decide(consent.start(workspace, user, "zoho_crm", environment="sandbox"))).connection
    phone = connections.connect(workspace, user, "sipsim", {}, environment="sandbox", title=long)
    connections.set_lines(workspace, user, phone.pk, [("+33186950011", long), ("102", "")])
    assert crm is not None
    with workspace_tx(workspace):
        Connection.objects.filter(pk=crm.pk).update(
            title=long, state="needs_reconnect", trouble={"code": "error.auth"}, trouble_since=datetime.now(UTC),
            identity={"account_id": "1" * 60, "name": long}, scopes=[*crm.scopes, "ZohoCRM.modules.Contacts.CREATE"],
        )  # fmt: skip
        today = int(datetime.now(UTC).timestamp() // 86400)
        Budget.objects.update_or_create(
            connection_id=crm.pk,
            workspace_id=workspace,
            defaults={"used": 48_000, "requests": 48_000, "limited": 3, "day": today},
        )
        for code in ("intake.signature_wrong", "intake.not_of_contract"):
            RefusedDelivery.objects.create(
                workspace_id=workspace,
                connection=phone,
                status=401,
                method="POST",
                reason={"code": code},
                at=datetime.now(UTC),
            )
    page = open_page(user, width, theme)
    for name, path in (
        ("list", "/connections/"),
        ("crm", f"/connections/{shown_id(crm)}/"),
        ("phone", f"/connections/{shown_id(phone)}/"),
        ("reconnect", f"/connections/{shown_id(crm)}/reconnect/"),
        ("stops", f"/connections/{shown_id(phone)}/disconnect/"),
    ):
        page.goto(company.url(path))
        look(page, f"connections-trouble-{name}-{width}-{theme}", whole=True)
        assert faults(page) == [], name
    page.goto(company.url(f"/connections/{shown_id(crm)}/"))
    assert page.get_by_text("refuses our access").is_visible()
    assert page.get_by_text("No longer needed").is_visible()
    page.locator("main").get_by_role("link", name="Reconnect").first.click()
    page.get_by_role("button", name="Go to Zoho CRM").click()
    page.get_by_role("button", name="Accept").click()
    page.wait_for_url("**/connections/consent/?**")
    assert page.get_by_text("This is another account of Zoho CRM").is_visible()
    look(page, f"connections-trouble-other-{width}-{theme}", whole=True)
    assert faults(page) == []
