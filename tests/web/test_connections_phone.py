"""A phone system's page (CALL-21): address and secret, API token, lines, the newest event, calls whose events were lost."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from tests.store.playing import Playing, playing
from tests.web.conftest import Company
from tests.web.test_connections import SignIn, address, sipsim, text_of

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.usefixtures("web")

TOKEN = "sandbox-token"


@pytest.fixture(scope="module")
def sandboxes(web: Installation) -> Iterator[Playing]:
    with playing() as run:
        os.environ["TIELINE_SANDBOX_URL"] = run.url
        yield run
        os.environ.pop("TIELINE_SANDBOX_URL", None)


@pytest.fixture
def admin(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.users["admin"])


def posted(client: Client, url: str, **given: str) -> Any:
    return client.post(url, given, follow=True)


def deliver(installation: Installation, row: Any, body: bytes, method: str = "POST", query: str = "") -> None:
    """As intake keeps it."""
    import base64

    import psycopg

    from tieline.store.drain_session import dumps

    one = {
        "c": row.pk,
        "k": uuid.uuid4().hex,
        "t": "2026-11-21T10:00:00Z",
        "m": method,
        "q": query,
        "h": {},
        "b": base64.b64encode(body).decode(),
    }
    with psycopg.connect(installation.app) as link:
        link.execute("SELECT store_accept(%s::json)", [dumps([one])])


def with_flow(company: Company) -> None:
    """Calls that write somewhere, so that listening is of use."""
    from tests.store.test_services_connections import Firm, crm

    crm(Firm(company.workspace.pk, company.users["admin"], None))


def work(installation: Installation) -> None:
    """What a worker does with the back-fills that are due."""
    from tieline.jobs.backfilling import Backfilling
    from tieline.store import secrets
    from tieline.wiring import Wiring

    async def inside() -> None:
        async with Wiring.open(installation.app, secrets.installed()) as wiring:
            one = Backfilling(wiring, uuid.uuid4())
            await one.take()
            while one._tasks:  # noqa: ASYNC110 - what is waited for sets no event
                await asyncio.sleep(0.02)

    asyncio.run(inside())


@pytest.mark.proves("CALL-21")
def test_the_token_is_typed_later_and_proves_itself_before_it_is_kept(
    company: Company, admin: Client, sandboxes: Playing
) -> None:
    row = sipsim(company, sandboxes)
    said = text_of(admin.get(address(company, row)))
    assert "Without a token" in said
    assert "calls whose events were lost stay lost" in said
    refused = admin.post(address(company, row, "access/"), {"token": "wrong"})
    assert refused.status_code == 400
    assert "refused these credentials" in text_of(refused)
    kept = posted(admin, address(company, row, "access/"), token=TOKEN)
    said = text_of(kept)
    assert "SipSim answers" in said
    assert "Anna Lindqvist" in said, "its lines are listed"
    assert "wrong" not in said
    assert TOKEN not in kept.content.decode()


@pytest.mark.proves("CALL-21", "CALL-6")
def test_lines_are_taken_over_by_one_button(company: Company, admin: Client, sandboxes: Playing) -> None:
    from tieline.store.services import connections, flow_settings

    row = sipsim(company, sandboxes)
    connections.set_secret(company.workspace.pk, None, row.pk, "token", TOKEN)
    assert "Set up Calls, then they stand under Managers." in text_of(
        posted(admin, address(company, row, "lines/fetch/"))
    )
    connections.set_lines(company.workspace.pk, None, row.pk, [("+33186950011", "Anna")])
    with_flow(company)
    said = text_of(posted(admin, address(company, row, "lines/fetch/")))
    assert "SipSim lists 7 lines. 6 are new and stand under Managers." in said
    lines = flow_settings.current(company.workspace.pk, "calls").raw["lines"]
    assert len({line["number"] for line in lines}) == 7
    assert "All of them stand under Managers already." in text_of(posted(admin, address(company, row, "lines/fetch/")))


@pytest.mark.proves("CALL-21")
def test_without_a_token_nobody_is_asked_for_lines(company: Company, admin: Client, sandboxes: Playing) -> None:
    row = sipsim(company, sandboxes)
    assert "cannot be asked without its API token" in text_of(posted(admin, address(company, row, "lines/fetch/")))


@pytest.mark.proves("CALL-21")
def test_the_vendors_own_test_is_recognised(
    web: Installation, company: Company, admin: Client, sandboxes: Playing
) -> None:
    from tieline.connectors.sipsim.sandbox_events import SimulatedCall, events_of, test_event

    row = sipsim(company, sandboxes)
    part = address(company, row, "event/")
    assert "Waiting for the first event" in text_of(admin.get(part))
    deliver(web, row, test_event(time.time(), "").body)
    assert "The test event arrived" in text_of(admin.get(part))
    assert "Address and secret are right." in text_of(admin.get(part))
    call = SimulatedCall("c1", "+33612345678", ("+33186950011",), contract="old")
    for one in events_of(call):
        deliver(web, row, one.body, one.method, one.query)
    said = text_of(admin.get(part))
    assert "An event arrived" in said
    assert "Ended · +33 6 12 34 56 78" in said
    assert "The test event" not in said


@pytest.mark.proves("CALL-21")
def test_an_address_for_each_event_and_a_new_one_with_a_grace(
    web: Installation, company: Company, admin: Client, sandboxes: Playing
) -> None:
    import psycopg

    row = sipsim(company, sandboxes)
    page = admin.get(address(company, row)).content.decode()
    assert "?event=incoming_call_end" in page
    assert "GET and POST" in page

    def hashes() -> set[str]:
        with psycopg.connect(web.app) as link:
            query = "SELECT intake_hash FROM store_intake_sources() WHERE connection_id = %s"
            return {found for (found,) in link.execute(query, [row.pk])}

    [first] = hashes()
    said = text_of(posted(admin, address(company, row, "address/")))
    assert "the old one works for 24 hours more" in said
    assert "The address before this one still works" in said
    assert first in hashes()
    assert len(hashes()) == 2
    said = text_of(posted(admin, address(company, row, "address/old/")))
    assert "The old address has stopped." in said
    assert first not in hashes()
    assert len(hashes()) == 1
    # one that is never stopped ends by itself
    posted(admin, address(company, row, "address/"))
    with psycopg.connect(web.owner) as link:
        link.execute("UPDATE store_connection SET intake_until = now() WHERE id = %s", [row.pk])
    assert len(hashes()) == 1


@pytest.mark.proves("CALL-21")
def test_lost_calls_are_counted_first_then_fetched(
    web: Installation, company: Company, admin: Client, sandboxes: Playing
) -> None:
    sandboxes.sipsim.reset(everything=False)
    row = sipsim(company, sandboxes, token=TOKEN)
    assert "No flow listens" in text_of(admin.get(address(company, row, "fetching/")))
    with_flow(company)
    sandboxes.sipsim.store(
        {
            "calls": [
                {
                    "pbx_id": f"lost_{n}",
                    "number": "+33612345678",
                    "lines": ["+33186950011"],
                    "started": time.time() - 600 + n,
                }
                for n in range(30)
            ]
        }
    )
    since = time.strftime("%Y-%m-%dT%H:%M", time.localtime(time.time() - 2 * 86400))
    counted = admin.post(address(company, row, "fetching/start/"), {"since": since, "count": "1"})
    assert counted.status_code == 200
    assert "30 calls are missing here." in text_of(counted)
    said = text_of(posted(admin, address(company, row, "fetching/start/"), since=since, fetch="1"))
    assert "Calls are being fetched" in said
    assert "Fetching" in said
    again = admin.post(address(company, row, "fetching/start/"), {"since": since, "fetch": "1"})
    assert again.status_code == 400
    work(web)
    said = text_of(admin.get(address(company, row, "fetching/")))
    assert "30 of 30 were missing" in said
    assert "by hand" in said
    events = text_of(admin.get(company.url("/events/")))
    assert "fetched from the list of calls" in events


@pytest.mark.proves("CALL-21")
def test_a_fetch_is_stopped_and_what_cannot_be_asked_for_is_said(
    company: Company, admin: Client, sandboxes: Playing
) -> None:
    row = sipsim(company, sandboxes, token=TOKEN)
    with_flow(company)
    url = address(company, row, "fetching/start/")
    future = time.strftime("%Y-%m-%dT%H:%M", time.localtime(time.time() + 2 * 86400))
    assert "Choose a time in the past" in text_of(admin.post(url, {"since": future, "fetch": "1"}))
    assert "at most 366 days" in text_of(admin.post(url, {"since": "2020-01-01T00:00", "fetch": "1"}))
    assert admin.post(url, {"since": "yesterday", "fetch": "1"}).status_code == 400
    since = time.strftime("%Y-%m-%dT%H:%M", time.localtime(time.time() - 86400))
    posted(admin, url, since=since, fetch="1")
    assert "Stopped. What was fetched stays" in text_of(posted(admin, address(company, row, "fetching/stop/")))
    assert "Nothing is being fetched any more." in text_of(posted(admin, address(company, row, "fetching/stop/")))
    sandboxes.fault("sipsim", kind="status", status=500, times=5)
    assert "cannot be reached" in text_of(admin.post(url, {"since": since, "count": "1"}))


@pytest.mark.proves("CALL-21", "HUB-1")
@pytest.mark.parametrize(
    "page", ["lines/fetch/", "access/", "address/old/", "fetching/start/", "fetching/stop/", "address/"]
)
def test_a_member_changes_nothing_of_it(company: Company, signed_in: SignIn, sandboxes: Playing, page: str) -> None:
    row = sipsim(company, sandboxes, token=TOKEN)
    member = signed_in(company.users["member"])
    assert member.post(address(company, row, page)).status_code == 403
    assert member.get(address(company, row, "fetching/")).status_code == 200
