"""Home: what waits, what today became, how the connections do; and the part that moves."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.web.conftest import Company
from tests.web.made import MadeDay, because, workspace_tx
from tests.web.test_runs import text_of
from tieline.store.living import INTAKE

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import Installation

SignIn = Callable[[Any], "Client"]


@pytest.fixture
def day(company: Company) -> MadeDay:
    return MadeDay(company)


@pytest.fixture
def reader(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.users["member"])


@pytest.mark.proves("HUB-2", "HUB-3")
def test_home_says_what_waits_and_what_today_became(company: Company, day: MadeDay, reader: Client) -> None:
    for _ in range(3):
        day.done()
    lead = day.run(day.call("+33186760009"))
    day.wrote(lead, "lead")
    day.question()
    page = reader.get(company.url("/"))
    text = text_of(page)
    assert "1 question waits for you." in text
    assert "5 calls today became" in text
    assert "1 new lead" in text
    assert "3 tasks" in text
    assert "3 calls logged" in text
    assert "4 done" in text
    assert "1 waiting for an answer" in text
    assert "Who is +39 011 555 0142?" in text
    assert "1,204 of 50,000" in text


@pytest.mark.proves("HUB-3")
def test_each_count_leads_to_the_list_behind_it(company: Company, day: MadeDay, reader: Client) -> None:
    day.done("+33186760001")
    lead = day.run(day.call("+33186760002"))
    day.wrote(lead, "lead")
    page = reader.get(company.url("/")).content.decode()
    tile = re.search(r'<a class="tile" href="([^"]+made=lead[^"]*)"><b>1</b>', page)
    assert tile is not None
    behind = text_of(reader.get(unescape(tile[1])))
    assert "+33 1 86 76 00 02" in behind
    assert "+33 1 86 76 00 01" not in behind
    bar = re.search(r'href="([^"]+hour=\d+[^"]*)" aria-label="[^"]*: 2"', page)
    assert bar is not None
    assert text_of(reader.get(unescape(bar[1]))).count("+33 1 86 76 00 0") == 2


@pytest.mark.proves("HUB-2")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "needs_reconnect", "trouble": {"code": "error.auth"}}, "Reconnect it; what waits runs by itself."),
        ({"state": "stopped", "trouble": {"code": "error.protocol"}}, "answered in a way that Tieline does not know"),
        ({"state": "paused"}, "Paused"),
    ],
)
def test_a_connection_that_needs_somebody_says_so(
    company: Company, day: MadeDay, reader: Client, change: dict[str, Any], said: str
) -> None:
    day.call(result=None, state="waiting")
    with workspace_tx(day.workspace):
        for name, value in change.items():
            setattr(day.target, name, value)
        day.target.save()
    assert said in text_of(reader.get(company.url("/")))


@pytest.mark.proves("HUB-2")
def test_watching_says_that_it_watches(company: Company, signed_in: SignIn) -> None:
    day = MadeDay(company, live=False)
    day.call()
    assert "Watching" in text_of(signed_in(company.users["admin"]).get(company.url("/")))


@pytest.mark.proves("HUB-2")
def test_deliveries_with_a_wrong_signature_stand_on_top(company: Company, day: MadeDay, reader: Client) -> None:
    day.refused()
    text = text_of(reader.get(company.url("/")))
    assert "SipSim: The signature did not fit, so nothing was done." in text
    assert "Events refused" in text


@pytest.mark.proves("HUB-16")
@pytest.mark.proves("HUB-3")
def test_a_process_that_no_longer_takes_deliveries_stands_on_top(
    company: Company, day: MadeDay, reader: Client, installation: Installation
) -> None:
    day.done()
    before = reader.get(company.url("/")).content.decode()
    assert "nothing takes deliveries" not in before
    at = re.search(r"home/live/\?mark=(\w+)", before)
    assert at is not None
    id = uuid.uuid4()
    with psycopg.connect(installation.app, autocommit=True) as link:
        link.execute(
            "INSERT INTO store_worker (id, host, pid, started_at, beat_at)"
            " VALUES (%s, %s, 1, now() - interval '1 hour', now() - interval '50 seconds')",
            [id, f"{INTAKE}east"],
        )
        try:
            moved = reader.get(company.url(f"/home/live/?mark={at[1]}"))
            assert moved.status_code == 200
            text = text_of(moved)
            assert "On east nothing takes deliveries since" in text
            assert "Start “tieline serve” or “tieline intake” there again." in text
        finally:
            link.execute("DELETE FROM store_worker WHERE id = %s", [id])
    assert "nothing takes deliveries" not in text_of(reader.get(company.url("/")))


def test_an_empty_workspace_leads_to_the_first_step(company: Company, reader: Client) -> None:
    page = reader.get(company.url("/"))
    assert "Nothing is connected yet" in text_of(page)
    assert re.search(r'class="btn main" href="[^"]+"', page.content.decode())


def test_a_day_without_calls_says_so(company: Company, day: MadeDay, reader: Client) -> None:
    assert "No call yet today" in text_of(reader.get(company.url("/")))


@pytest.mark.proves("HUB-3")
def test_the_moving_part_is_sent_when_something_moved_and_not_otherwise(
    company: Company, day: MadeDay, reader: Client
) -> None:
    def address(page: Any) -> str:
        found = re.search(r'hx-get="([^"]+home/live/[^"]+)"', page.content.decode())
        assert found is not None
        return unescape(found[1])

    day.done()
    first = address(reader.get(company.url("/")))
    assert reader.get(first).status_code == 204
    day.done()
    second = reader.get(first)
    assert "2 calls today became" in text_of(second)
    assert reader.get(address(second)).status_code == 204
    day.question()
    third = reader.get(address(second))
    assert "1 question waits for you." in third.content.decode()


def test_the_foot_of_the_menu_says_when_a_call_stopped(company: Company, day: MadeDay, reader: Client) -> None:
    assert "Up to date" in reader.get(company.url("/runs/")).content.decode()
    day.call(state="parked", why=because("lookup.endless"), at=datetime.now(UTC))
    page = reader.get(company.url("/runs/")).content.decode()
    assert "Needs you" in page
    assert "1 call stopped" in page
