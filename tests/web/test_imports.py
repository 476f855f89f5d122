"""Importing a call list: the file, its columns, the first calls, wrong cells in the reader's language, and how far it has come."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from tests.web.browser import contrast_faults, look, reach_faults
from tests.web.conftest import Company
from tests.web.test_connections import address, text_of
from tieline.connectors.call_list.sandbox import listed

if TYPE_CHECKING:
    from tests.conftest import Installation
    from tests.web.browser import BrowserPage
    from tieline.store.pool import Rows

pytestmark = pytest.mark.usefixtures("web")

SignIn = Callable[[Any], Client]
FRENCH = (
    "Date;Heure;Sens;Numéro;Durée;Statut;Collaborateur\n"
    "15/01/2026;10:30;Entrant;06 12 34 56 78;1:05;Répondu;Anna\n"
    "15/01/2026;10:40;Sortant;06 12 34 56 79;0:00;Non répondu;Bruno\n"
    "demain;10:50;Entrant;appelez-moi;bientôt;Répondu;Anna\n"
    "15/01/2026;11:00;Entrant;Masqué;0:20;Manqué;\n"
)


@pytest.fixture
def rows(web: Installation) -> Iterator[Rows]:
    from tieline.store.pool import Rows

    made = Rows(web.app)
    yield made
    made.close()


def lists(company: Company) -> Any:
    from tieline.store.services import connections

    return connections.connect(company.workspace.pk, company.users["admin"], "call_list", {}, title="Old switchboard")


def uploaded(client: Client, company: Company, row: Any, content: bytes | str, name: str = "calls.csv") -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    data = content.encode() if isinstance(content, str) else content
    return client.post(address(company, row, "imports/"), {"file": SimpleUploadedFile(name, data)}, follow=True)


def sent_form(answer: Any, **more: str) -> dict[str, str]:
    """What the browser would send of the page's form, with changes."""
    form = answer.context["form"]
    data = {name: str(form[name].value() or "") for name in form.fields}
    for name in ("minutes", "has_names"):
        if form[name].value() in (None, False, ""):
            del data[name]
    return {**data, **more}


@pytest.mark.proves("CALL-21")
def test_a_list_is_looked_into_then_imported_and_counted(company: Company, signed_in: SignIn, rows: Rows) -> None:
    from tieline.store import import_work

    row, client = lists(company), signed_in(company.users["admin"])
    page = uploaded(client, company, row, FRENCH)
    where = page.redirect_chain[-1][0]
    said = text_of(page)
    assert "4 rows." in said
    assert "Nothing is imported yet." in said
    assert "+33 6 12 34 56 78" in said or "06 12 34 56 78" in said
    assert "1 row cannot be read" in said
    assert "“demain 10:50” is not a date with a time." in said
    assert "“appelez-moi” is not a phone number." in said
    assert page.context["form"]["column.1"].value() == "clock"
    page = client.post(where, sent_form(page, start="1"), follow=True)
    assert "0 of 4 rows" in text_of(page)
    assert "You may leave this page: it goes on." in text_of(page)
    import_work.work(rows)
    said = text_of(client.get(where + "progress/"))
    assert "4 of 4 rows" in said
    assert "3 new calls" in said
    assert "1 could not be read" in said
    assert "Line" in said
    assert "“bientôt” is not a duration." in said
    assert "calls.csv" in text_of(client.get(address(company, row, "imports/")))


def test_wrong_cells_are_told_in_the_reader_s_language(company: Company, signed_in: SignIn) -> None:
    """The sentence comes from the catalogue: the code and the cell stand in the row alone."""
    from django.utils import translation

    from tieline.web import reasons

    page = uploaded(signed_in(company.users["admin"]), company, lists(company), FRENCH)
    why = page.context["found"].errors[0][2]
    assert why == {"code": "call_list.not_a_time", "params": {"value": "demain 10:50"}}
    for language in ("en", "fr", "da", "it"):
        with translation.override(language):
            assert "demain 10:50" in reasons.sentence(why["code"], **why["params"])


def test_columns_that_are_not_known_are_asked_for(company: Company, signed_in: SignIn) -> None:
    row, client = lists(company), signed_in(company.users["admin"])
    page = uploaded(client, company, row, "moment,who\n03/04/2026 10:00,0612345678\n")
    where = page.redirect_chain[-1][0]
    said = text_of(page)
    assert "Something is missing." in said
    assert "which column holds the direction" in said
    refused = client.post(where, sent_form(page, start="1"))
    assert refused.status_code == 400
    assert "Say first which columns hold the time" in text_of(refused)
    page = client.post(
        where, sent_form(page, **{"column.1": "number", "direction": "inbound", "order": "mdy", "zone": "UTC"})
    )
    (call,) = page.context["calls"]
    assert (call["at"].isoformat(), call["number"]) == ("2026-03-04T10:00:00+00:00", "0612345678")
    assert "Import 1 row" in text_of(page)


def test_another_separator_and_no_names_read_the_file_anew(company: Company, signed_in: SignIn) -> None:
    row, client = lists(company), signed_in(company.users["admin"])
    page = uploaded(client, company, row, "15/01/2026 10:30|in|0612345678\n15/01/2026 10:31|out|0612345679\n")
    where = page.redirect_chain[-1][0]
    assert page.context["row"].has_names is False
    assert page.context["found"].heading == ["#1", "#2", "#3"]
    page = client.post(where, sent_form(page, separator=";"))
    assert len(page.context["columns"]) == 1
    page = client.post(where, sent_form(page, separator="|"))
    assert page.context["form"]["column.1"].value() == "direction"
    page = client.post(where, sent_form(page, **{"column.2": "number"}))
    assert len(page.context["calls"]) == 2
    assert client.post(where, sent_form(page, separator="tab")).status_code in (200, 400)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "There is no row of calls"),
        (b"PK\x03\x04x", "not a text file"),
        (b"a,b\n" + b"1,2\n" * 50_001, "more than 50000 rows"),
    ],
)
def test_what_is_no_list_is_said_beside_the_field(
    company: Company, signed_in: SignIn, content: bytes, said: str
) -> None:
    answer = uploaded(signed_in(company.users["admin"]), company, lists(company), content)
    assert answer.status_code == 400
    assert said in text_of(answer)


def test_a_draft_is_forgotten_and_an_import_stopped(company: Company, signed_in: SignIn) -> None:
    row, client = lists(company), signed_in(company.users["admin"])
    where = uploaded(client, company, row, listed(30)).redirect_chain[-1][0]
    client.post(where + "discard/")
    assert client.get(where).status_code == 404
    page = uploaded(client, company, row, listed(30))
    where = page.redirect_chain[-1][0]
    client.post(where, sent_form(page, start="1"))
    assert "Stopped" in text_of(client.post(where + "stop/", follow=True))


def test_a_member_and_another_company_get_nothing(
    make_company: Callable[[], Company], company: Company, signed_in: SignIn
) -> None:
    from tieline.web.connections.shown import shown_id

    other = make_company()
    row, client = lists(company), signed_in(company.users["admin"])
    where = uploaded(client, company, row, listed(3)).redirect_chain[-1][0]
    assert signed_in(company.users["member"]).get(where).status_code == 403
    theirs = signed_in(other.users["admin"])
    assert theirs.get(where).status_code in (403, 404)
    path = re.sub(r"^/w/[^/]+", "", where)
    assert theirs.get(other.url(path)).status_code == 404
    own = lists(other)
    mixed = other.url(f"/connections/{shown_id(own)}/imports/{path.rstrip('/').rpartition('/')[2]}/")
    assert theirs.get(mixed).status_code == 404
    assert theirs.post(mixed + "stop/").status_code == 404


def test_other_connections_take_no_list(company: Company, signed_in: SignIn) -> None:
    from tieline.store.services import connections

    row = connections.connect(company.workspace.pk, company.users["admin"], "webhook", {})
    assert signed_in(company.users["admin"]).get(address(company, row, "imports/")).status_code == 404


def test_the_connection_has_no_address_but_the_way_to_the_import(company: Company, signed_in: SignIn) -> None:
    row, client = lists(company), signed_in(company.users["admin"])
    page = client.get(address(company, row))
    assert "/in/" not in page.content.decode()
    assert address(company, row, "imports/") in page.content.decode()
    assert "Import a call list" in text_of(page)
    assert client.post(address(company, row, "address/"), follow=True).status_code == 200
    assert "/in/" not in client.get(address(company, row)).content.decode()


def test_the_first_steps_wait_for_no_event_of_a_list(company: Company, signed_in: SignIn) -> None:
    from tieline.store.services import connections

    client = signed_in(company.users["admin"])

    def here() -> set[str]:
        return set(client.get(company.url("/start/phone/")).context["journey"].done)

    connections.connect(company.workspace.pk, company.users["admin"], "webhook", {})
    assert "events" not in here()
    lists(company)
    assert {"phone", "events"} <= here()


@pytest.mark.long
@pytest.mark.proves("CALL-21")
def test_fifty_thousand_rows(company: Company, signed_in: SignIn, rows: Rows) -> None:
    from tieline.store import import_work

    row, client = lists(company), signed_in(company.users["admin"])
    page = uploaded(client, company, row, listed(50_000, "excel"))
    where = page.redirect_chain[-1][0]
    assert "the first 10,000 rows were tried" in text_of(page)
    client.post(where, sent_form(page, start="1"))
    import_work.work(rows)
    assert "50,000 new calls" in text_of(client.get(where))


@pytest.mark.browser
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_the_pages_can_be_read_and_reached(
    browser_page: Callable[..., BrowserPage], company: Company, rows: Rows, width: int, theme: str
) -> None:
    from tieline.store import import_work
    from tieline.store.services import imports

    row = lists(company)
    page = browser_page(width, theme, user=company.users["admin"])
    page.goto(address(company, row, "imports/"))
    file = {"name": "Appels janvier.csv", "mimeType": "text/csv", "buffer": FRENCH.encode()}
    page.locator("input[type=file]").set_input_files(files=[file])
    look(page, f"import-list-{width}-{theme}")
    assert contrast_faults(page) == []
    assert reach_faults(page) == []
    page.locator("main button.main").first.click()
    page.wait_for_selector("#columns")
    look(page, f"import-columns-{width}-{theme}")
    assert contrast_faults(page) == []
    assert reach_faults(page) == []
    page.locator("button[name=start]").click()
    page.wait_for_selector("#how-far")
    import_work.work(rows)
    page.wait_for_selector("#errors")  # the page looks again by itself
    look(page, f"import-done-{width}-{theme}")
    assert contrast_faults(page) == []
    assert reach_faults(page) == []
    (found,) = imports.listed(company.workspace.pk, row.pk)
    assert (found.state, found.fresh) == ("done", 3)
