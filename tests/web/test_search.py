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
