"""The one box: numbers, names, ids of records and runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.conftest import Company
from tests.web.made import MadeDay, shown
from tests.web.test_runs import text_of

if TYPE_CHECKING:
    from django.test import Client

SignIn = Callable[[Any], "Client"]


@pytest.fixture
def day(company: Company) -> MadeDay:
    return MadeDay(company)


@pytest.fixture
def reader(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.users["member"])


@pytest.mark.proves("HUB-3")
@pytest.mark.parametrize(
    "text",
    ["+33 1 86 76 00 01", "0186760001", "76 00 01", "marie duv", "Marie Duval", "Call Marie Duval back", "rec-77"],
)
def test_what_people_type_finds_the_run(company: Company, day: MadeDay, reader: Client, text: str) -> None:
    run = day.run(day.call("+33186760001"))
    day.wrote(run, "task", external_id="rec-77")
    stranger = day.run(day.call("+4599999999"), known={"found": []})
    page = reader.get(company.url("/search/"), {"q": text})
    assert shown("run", run.pk) in page.content.decode()
    assert shown("run", stranger.pk) not in page.content.decode()
    dropped = reader.get(company.url("/search/found/"), {"q": text}).content.decode()
    assert company.url(f"/runs/{shown('run', run.pk)}/") in dropped


def test_the_id_of_a_run_leads_to_it(company: Company, day: MadeDay, reader: Client) -> None:
    run = day.done()
    answer = reader.get(company.url("/search/"), {"q": shown("run", run.pk)})
    assert answer["Location"] == company.url(f"/runs/{shown('run', run.pk)}/")


@pytest.mark.parametrize(
    "text", ["nobody of this name", "100%", "a_b", "\\", "run_aaaaaaaaaaaaa", "'; --", "+999999999999999999"]
)
def test_what_is_not_there_is_said(company: Company, day: MadeDay, reader: Client, text: str) -> None:
    day.done()
    assert "Nothing fits" in text_of(reader.get(company.url("/search/"), {"q": text})) or len(text) < 2


def test_one_letter_is_not_looked_for(company: Company, day: MadeDay, reader: Client) -> None:
    day.done()
    assert reader.get(company.url("/search/found/"), {"q": "M"}).content == b""
    assert "What are you looking for?" in text_of(reader.get(company.url("/search/")))


@pytest.mark.proves("HUB-1")
def test_the_search_stays_in_its_company(
    company: Company, make_company: Callable[[], Company], day: MadeDay, signed_in: SignIn
) -> None:
    run = day.done()
    other = make_company()
    browser = signed_in(other.users["super_admin"])
    for text in ("Marie", "+33465712008", shown("run", run.pk)):
        page = browser.get(other.url("/search/"), {"q": text})
        assert page.status_code == 200
        assert f"/runs/{shown('run', run.pk)}/" not in page.content.decode()


# -------------------------------------------------------------------------------- records, connections, people, pages


@pytest.fixture
def marie(day: MadeDay) -> MadeDay:
    """A contact that a call led to, and a deal that another did."""
    run = day.run(day.call("+33186760001"))
    day.wrote(
        run, "contact", external_id="4401007",
        values={"name": "Anne-Lise Sørensen", "email": "al.sorensen@duval.example", "phone": "+33186760001"},
    )  # fmt: skip
    other = day.run(day.call("+4533334444"), known={"found": []})
    day.wrote(other, "deal", external_id="4401008", values={"name": "Toiture atelier"})
    return day


@pytest.mark.parametrize(
    "text",
    [
        "sørensen", "SØRENSEN Anne", "lise sør", "al.sorensen@duval.example", "duval.example", "4401007",
        "+33 1 86 76 00 01", "01 86 76 00 01", "0033186760001",
    ],
)  # fmt: skip
def test_a_record_is_found_by_what_people_know_of_it(
    company: Company, marie: MadeDay, reader: Client, text: str
) -> None:
    page = reader.get(company.url("/search/"), {"q": text}).content.decode()
    assert "Anne-Lise Sørensen" in page
    assert company.url("/runs/") + "?record=4401007" in page
    assert "Toiture" not in page
    assert "Anne-Lise" in reader.get(company.url("/search/found/"), {"q": text}).content.decode()


def test_one_indexed_query_finds_records(company: Company, marie: MadeDay) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tieline.store.connection import workspace_tx
    from tieline.store.services import search

    with CaptureQueriesContext(connection) as asked:
        found = search.records(company.workspace.pk, "toiture")
    assert [one.external_id for one in found] == ["4401008"]
    assert len([one for one in asked if "store_operation" in one["sql"]]) == 1
    with workspace_tx(company.workspace.pk) as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'store_operation_words'")
        (made,) = cursor.fetchone()
    assert "gin" in made


def test_connections_people_and_pages_are_found(company: Company, marie: MadeDay, signed_in: SignIn) -> None:
    head = signed_in(company.users["super_admin"])

    def found(text: str, browser: Client = head) -> str:
        return text_of(browser.get(company.url("/search/"), {"q": text}))

    assert "Zoho CRM" in found("zoho")
    assert "SipSim" in found("sips")
    assert "Anna Member" in found("anna mem")
    assert company.users["admin"].email in found(company.users["admin"].email)
    for text, page in (("time zone", "Workspace:"), ("invitat", "Team:"), ("who did", "Audit:"), ("passw", "password")):
        assert page in found(text), text
    member = signed_in(company.users["member"])
    assert "Team:" in found("invitat", member)
    assert "Audit:" not in found("who did", member), "a member may not open it"
    assert "Workspace:" not in found("time zone", member)


def test_an_event_is_found_by_its_id(company: Company, marie: MadeDay, reader: Client) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Event

    with workspace_tx(company.workspace.pk):
        event = Event.objects.filter(workspace_id=company.workspace.pk).first()
    assert event is not None
    page = reader.get(company.url("/search/"), {"q": shown("event", event.pk)}).content.decode()
    assert f"/events/{shown('event', event.pk)}/" in page
