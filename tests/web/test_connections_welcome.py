"""The first run: from an empty workspace to a live flow, in a browser and without script, left and taken up."""

from __future__ import annotations

import os
import re
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from tests.store.playing import Playing, playing
from tests.store.test_services_consent import decide
from tests.web.calls_desk import make_calls
from tests.web.conftest import Company
from tests.web.test_connections import text_of

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.usefixtures("web")


@pytest.fixture(scope="module")
def sandboxes(web: Installation) -> Iterator[Playing]:
    with playing() as run:
        os.environ["TIELINE_SANDBOX_URL"] = run.url
        yield run
        os.environ.pop("TIELINE_SANDBOX_URL", None)


@pytest.mark.proves("CALL-4")
def test_without_script_each_step_leads_to_the_next_and_the_switch_is_on(
    company: Company, signed_in: Callable[[Any], Client], sandboxes: Playing
) -> None:
    from tieline.store.services import connections, flow_settings

    sandboxes.zoho.accounts.code_times.clear()
    browser = signed_in(company.users["super_admin"])

    def next_step() -> str:
        return browser.get(company.url("/start/"))["Location"].removeprefix(company.url("/"))

    assert next_step() == "start/company/"
    typed = {"name": "Nordlys ApS", "country": "FR", "zone": "Europe/Paris", "language": "da"}
    assert browser.post(company.url("/start/company/"), {**typed, "zone": "Nowhere"}).status_code == 200
    browser.post(company.url("/start/company/"), typed)
    assert next_step() == "start/crm/"
    assert "Zoho CRM" in text_of(browser.get(company.url("/start/crm/")))
    answer = browser.post(company.url("/start/connect/zoho_crm/"), {"environment": "sandbox", "prepare": "on"})

    refused = decide(answer["Location"], "refuse")
    said = browser.get(company.url(f"/connections/consent/?{urllib.parse.urlencode(refused)}"))
    assert "You refused at Zoho CRM." in text_of(said)
    assert next_step() == "start/crm/"

    answer = browser.post(company.url("/start/connect/zoho_crm/"), {"environment": "sandbox", "prepare": "on"})
    accepted = decide(answer["Location"])
    browser.get(company.url(f"/connections/consent/?{urllib.parse.urlencode(accepted)}"))
    assert next_step() == "start/phone/"
    browser.post(company.url("/start/connect/sipsim/"), {"environment": "sandbox", "token": "sandbox-token"})
    assert next_step() == "start/events/"
    page = browser.get(company.url("/start/events/")).content.decode()
    assert "/in/" in page
    assert "Waiting for the first event" in page
    browser.post(company.url("/start/events/"), {"go_on": "1"})
    assert next_step() == "start/lines/"

    form = browser.get(company.url("/start/lines/")).context["form"]
    assert len(form.lines) == 7
    managers = {line["label"]: line["manager"] and line["manager"]["label"] for line in form.lines}
    assert any(name == manager for name, manager in managers.items())
    chosen = {name: field.initial for name, field in form.fields.items()}
    browser.post(company.url("/start/lines/"), {**chosen, form.names[6]: "!ignore"})
    settings = flow_settings.current(company.workspace.pk, "calls").settings
    assert settings.lines[6].ignore
    assert (settings.default_country, settings.zone, settings.language) == ("FR", "Europe/Paris", "da")
    assert next_step() == "start/live/"

    page = browser.get(company.url("/start/live/"))
    said = text_of(page)
    assert "Every call is logged in Zoho CRM." in said
    assert "Whoever is not in Zoho CRM yet becomes a new lead, owned by whoever answers for the line." in said
    assert "A call that reached nobody makes a task" in said
    assert "Tieline makes no contact, account or deal." in said
    assert "Calls on Sales are left out of Zoho CRM." in said
    assert 'name="live" checked' in page.content.decode()
    answer = browser.post(company.url("/start/live/"), {"live": "on"}, follow=True)
    assert "Tieline is live" in text_of(answer)
    assert flow_settings.current(company.workspace.pk, "calls").live
    assert next_step() == "start/done/"
    assert len(connections.listed(company.workspace.pk)) == 2


def test_watching_ends_the_first_run_too(
    company: Company, signed_in: Callable[[Any], Client], sandboxes: Playing
) -> None:
    from tieline.store.services import consent, flow_settings

    sandboxes.zoho.accounts.code_times.clear()
    user = company.users["admin"]
    url = consent.start(company.workspace.pk, user, "zoho_crm", environment="sandbox")
    consent.finish(user, decide(url))
    answer = signed_in(user).post(company.url("/start/live/"), {}, follow=True)
    assert "Tieline watches" in text_of(answer)
    assert not flow_settings.current(company.workspace.pk, "calls").live


def test_a_line_that_is_no_line_is_said_and_not_saved(
    company: Company, signed_in: Callable[[Any], Client], sandboxes: Playing
) -> None:
    from tieline.store.services import connections, consent, flow_settings

    sandboxes.zoho.accounts.code_times.clear()
    user = company.users["admin"]
    consent.finish(user, decide(consent.start(company.workspace.pk, user, "zoho_crm", environment="sandbox")))
    row = connections.connect(company.workspace.pk, user, "sipsim", {}, environment="sandbox")
    browser = signed_in(user)
    said = text_of(browser.get(company.url("/start/lines/")))
    assert "No line is known yet." in said
    browser.post(company.url("/start/lines/"), {"typed": "1", "lines": "+33186950011, Anna\n+33186950012"})
    assert connections.get(company.workspace.pk, row.pk).lines == [["+33186950011", "Anna"], ["+33186950012", ""]]
    form = browser.get(company.url("/start/lines/")).context["form"]
    answer = browser.post(company.url("/start/lines/"), {"default_user": "made up"})
    assert "default_user" in answer.context["form"].errors
    assert [line["number"] for line in form.lines] == ["+33186950011", "+33186950012"]
    assert flow_settings.current(company.workspace.pk, "calls").version == 2


def test_the_sandbox_practises_for_its_own_connections_only(
    company: Company, signed_in: Callable[[Any], Client], sandboxes: Playing
) -> None:
    from tieline.store.services import connection_ends, connections

    row = connections.connect(company.workspace.pk, company.users["admin"], "sipsim", {})
    browser = signed_in(company.users["admin"])
    answer = browser.post(company.url("/start/practise/"), {"what": "test"}, follow=True)
    assert "This installation has no sandbox of SipSim." in text_of(answer)
    connection_ends.disconnect(company.workspace.pk, None, row.pk)
    connections.connect(company.workspace.pk, company.users["admin"], "sipsim", {}, environment="sandbox")
    assert "Let the sandbox send a test" in text_of(browser.get(company.url("/start/events/")))
    answer = browser.post(company.url("/start/practise/"), {"what": "call"}, follow=True)
    assert "The sandbox played a missed call from +33" in text_of(answer)


def test_the_guide_says_of_the_last_step_what_it_does(company: Company, signed_in: Callable[[Any], Client]) -> None:
    """docs/start.md told people to watch first, and the switch is on: whoever pressed Finish wrote."""
    make_calls(company, live=False)
    page = signed_in(company.users["super_admin"]).get(company.url("/start/live/"))
    assert "Write to Zoho CRM from now on" in text_of(page)
    assert 'name="live" checked' in page.content.decode()
    guide = re.sub(r"\s+", " ", (Path(__file__).parents[2] / "docs" / "start.md").read_text())
    assert "one switch, *Write to Zoho CRM from now on*. It is on already" in guide
    assert "Watch first" not in guide


def test_the_guide_names_every_module_that_gets_the_key_field() -> None:
    from tieline.store.services.asking import manifest_of

    objects = [role.object for role in manifest_of("zoho_crm").roles.values() if role.origin]
    guide = (Path(__file__).parents[2] / "docs" / "start.md").read_text()
    said = re.search(r"\*Tieline Key\*, to each module that it can write to \(([^)]+)\)", guide)
    assert said is not None
    assert {one.strip() for one in said[1].split(",")} == {one.lower() for one in objects}
