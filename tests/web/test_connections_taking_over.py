"""Two CRMs, the main one ended: a page says so and lets the other one take over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.web.calls_desk import make_calls
from tests.web.conftest import Company
from tests.web.test_connections import address, text_of

pytestmark = pytest.mark.usefixtures("web")

SignIn = Callable[[Any], Client]
BUTTON = "Use it for: Calls"


@pytest.mark.proves("CALL-2")
def test_the_other_crm_is_chosen_on_its_page(company: Company, signed_in: SignIn) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection
    from tieline.store.services import flow_settings, schemas

    calls = make_calls(company)
    with workspace_tx(calls.workspace):
        other = Connection.objects.create(
            workspace_id=calls.workspace, connector="zoho_crm", title="Zoho of Lyon", scopes=calls.target.scopes
        )
        schemas.keep(other, schemas.schemas_of(calls.target), schemas.users_of(calls.target))
    browser = signed_in(company.users["admin"])
    assert BUTTON not in text_of(browser.get(address(company, other)))

    answer = browser.post(address(company, calls.target, "disconnect/"), follow=True)
    assert "On the page of Zoho of Lyon you can choose to go on with it." in text_of(answer)
    assert BUTTON in text_of(browser.get(address(company, other)))
    assert BUTTON not in text_of(signed_in(company.users["member"]).get(address(company, other)))
    assert signed_in(company.users["member"]).post(address(company, other, "use/")).status_code == 403
    assert BUTTON not in text_of(browser.get(address(company, calls.source)))

    answer = browser.post(address(company, other, "use/"), follow=True)
    assert "Calls: Zoho of Lyon it is from now on" in text_of(answer)
    assert BUTTON not in text_of(answer)
    flow = flow_settings.current(calls.workspace, "calls")
    assert flow.target == other
    assert not flow.live
    again = browser.post(address(company, other, "use/"), follow=True)
    assert "There is nothing that Zoho of Lyon could take over" in text_of(again)
