"""Twilio and Aircall as the connect page makes them: what they ask the vendor for, what they are given, and a wrong secret."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.playing import Playing, playing
from tests.store.test_services_connections import Firm, firm
from tieline.connectors.aircall.sandbox import API_ID, API_TOKEN
from tieline.connectors.twilio.sandbox import TOKEN
from tieline.connectors.twilio.sandbox_events import ACCOUNT

if TYPE_CHECKING:
    from tests.conftest import Installation

__all__ = ["firm"]

TYPED = {
    "twilio": {"account_sid": ACCOUNT, "auth_token": TOKEN},
    "aircall": {"api_id": API_ID, "api_token": API_TOKEN, "webhook_token": "as Aircall shows it"},
}
LINES = {"twilio": ["+33186950031", "Front desk"], "aircall": ["+33 1 86 95 00 41", "Front desk"]}


@pytest.fixture(scope="module")
def sandboxes(installation: Installation) -> Iterator[Playing]:
    with playing(("twilio", "aircall")) as run:
        os.environ["TIELINE_SANDBOX_URL"] = run.url
        yield run
        os.environ.pop("TIELINE_SANDBOX_URL", None)


def connected(firm: Firm, name: str, **changed: str) -> Any:
    from tieline.store.services import connections

    return connections.connect(firm.workspace, firm.user, name, {**TYPED[name], **changed}, environment="sandbox")


@pytest.mark.proves("CALL-21")
@pytest.mark.parametrize("name", TYPED)
def test_it_is_connected_with_its_account_and_its_lines(firm: Firm, name: str) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import connections

    row = connected(firm, name)
    assert row.identity["name"] == "Sandbox & Co"
    assert LINES[name] in row.lines
    with workspace_tx(firm.workspace):
        assert "/in/" in connections.intake_url(row)


@pytest.mark.parametrize(("name", "field"), [("twilio", "auth_token"), ("aircall", "api_token")])
def test_what_the_vendor_refuses_is_no_connection(firm: Firm, name: str, field: str) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection
    from tieline.store.services.declined import DeclinedError

    with pytest.raises(DeclinedError, match="refused") as refused:
        connected(firm, name, **{field: "wrong"})
    assert "wrong" not in str(refused.value)
    with workspace_tx(firm.workspace):
        assert not Connection.objects.filter(workspace_id=firm.workspace).exists()


def test_aircall_may_only_deliver(firm: Firm) -> None:
    """Without an API key the connection stands; lines are typed and the token is pasted once Aircall shows it."""
    from tieline.store.services import connections

    row = connections.connect(firm.workspace, firm.user, "aircall", {}, environment="sandbox")
    assert row.lines == []
