"""A vendor that signs the address: what it was given is what counts, whatever name the request came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.intake.test_intake import deliver
from tieline.api.intake import Intake
from tieline.connectors.twilio.sandbox_events import SimulatedCall, events_of
from tieline.store import secrets as sealing

if TYPE_CHECKING:
    from tests.conftest import Company, Installation

PUBLIC = "https://phones.example.com"
TOKEN = "an-auth-token"


def make_twilio(installation: Installation, company: Company) -> None:
    from tieline.store.pool import connect
    from tieline.store.vendor_tokens import write_secret

    with connect(installation.app, workspace=company.workspace) as connection:
        connection.execute("UPDATE store_connection SET connector = 'twilio' WHERE id = %s", [company.source])
        write_secret(connection, sealing.installed(), company.workspace, company.source, "auth_token", TOKEN)


@pytest.mark.proves("CALL-21")
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_callbacks_signed_for_the_public_address_are_kept(
    installation: Installation, company: Company, method: str
) -> None:
    make_twilio(installation, company)
    intake = Intake(installation.app, sealing.installed(), PUBLIC)
    await intake.start()
    path = f"/in/{company.intake_key}"
    call = SimulatedCall("CA1", "+33612345678", ("+33186950031",), started=1.7e9, method=method)  # type: ignore[arg-type]

    async def answers(address: str, token: str) -> set[int]:
        found = set()
        for one in events_of(call):
            query = one.url("").removeprefix("?") if method == "GET" else ""
            headers = {name.lower(): value for name, value in one.headers(address, token).items()}
            headers["host"] = "10.0.0.5:8000"  # what a proxy makes of it is not asked
            found.add((await deliver(intake, path, one.body, method=method, query=query, headers=headers))[0])
        return found

    try:
        assert await answers(PUBLIC + path, TOKEN) == {202}
        assert await answers(f"http://10.0.0.5:8000{path}", TOKEN) == {401}
        assert await answers(PUBLIC + path, "another") == {401}
    finally:
        await intake.stop()
    with psycopg.connect(installation.app) as link:
        link.execute("SELECT set_config('app.workspace', %s, true)", [str(company.workspace)])
        row = link.execute("SELECT count(*) FROM store_event").fetchone()
    assert row == (len(events_of(call)),)
