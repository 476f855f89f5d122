"""Two pages of the company lines open at once: each line keeps its own manager and its own switch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.web.calls_desk import Calls, make_calls
from tests.web.conftest import Company
from tests.web.test_calls import edit, seen

SignIn = Callable[[Any], Client]
ANNA, WORKSHOP, PRIVATE = "+45 70 10 04 11", "+45 70 10 04 12", "+4570100419"


@pytest.fixture
def calls(company: Company) -> Calls:
    return make_calls(company)


def lines_of(calls: Calls) -> list[tuple[str, str | None, bool]]:
    return [(one["number"], (one["manager"] or {}).get("id"), one["ignore"]) for one in calls.raw()["lines"]]


@pytest.mark.proves("CALL-6", "CALL-7")
def test_a_line_taken_off_on_one_page_shifts_nothing_on_another(
    calls: Calls, company: Company, signed_in: SignIn
) -> None:
    client = signed_in(company.users["admin"])
    other_page = client.get(company.url("/calls/managers/"))
    edit(client, company, "managers", act=f"drop:{ANNA}")
    edit(client, company, "managers", shown=other_page, default_user="u3")
    edit(client, company, "managers", act="save")
    assert lines_of(calls) == [(WORKSHOP, "u2", False), (PRIVATE, None, True)]
    assert calls.raw()["default_user"]["id"] == "u3"


@pytest.mark.proves("CALL-6", "CALL-7")
def test_the_same_button_twice_takes_one_line_off(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    shown = client.get(company.url("/calls/managers/"))
    for _ in range(2):
        edit(client, company, "managers", shown=shown, act=f"drop:{ANNA}")
    edit(client, company, "managers", act="save")
    assert lines_of(calls) == [(WORKSHOP, "u2", False), (PRIVATE, None, True)]


@pytest.mark.proves("CALL-6")
def test_a_line_put_on_elsewhere_survives_an_older_page(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    other_page = client.get(company.url("/calls/managers/"))
    edit(client, company, "managers", act="add", new__number="+45 70 10 04 16", new__label="Fair")
    edit(client, company, "managers", lines__3__manager="u1")
    edit(client, company, "managers", shown=other_page, lines__0__manager="u3")
    edit(client, company, "managers", act="save")
    assert lines_of(calls) == [
        (ANNA, "u3", False), (WORKSHOP, "u2", False), (PRIVATE, None, True), ("+45 70 10 04 16", "u1", False),
    ]  # fmt: skip


@pytest.mark.proves("CALL-6")
def test_of_a_line_that_stands_twice_the_one_pressed_is_taken_off(
    calls: Calls, company: Company, signed_in: SignIn
) -> None:
    client = signed_in(company.users["admin"])
    edit(client, company, "managers", act="add", new__number=ANNA, new__label="Again")
    shown = edit(client, company, "managers", lines__3__manager="u3")
    assert f'value="drop:{ANNA}#2"' in shown.content.decode()
    edit(client, company, "managers", act=f"drop:{ANNA}#2")
    edit(client, company, "managers", lines__0__manager="u2", act="save")
    assert lines_of(calls) == [(ANNA, "u2", False), (WORKSHOP, "u2", False), (PRIVATE, None, True)]


@pytest.mark.proves("CALL-6", "CALL-7")
def test_the_wizard_saves_over_nothing_that_was_saved_meanwhile(
    calls: Calls, company: Company, signed_in: SignIn
) -> None:
    client, other = signed_in(company.users["admin"]), signed_in(company.users["super_admin"])
    form = client.get(company.url("/start/lines/")).context["form"]
    chosen = {name: field.initial or "" for name, field in form.fields.items()}
    edit(other, company, "managers", lines__1__ignore="on", act=f"drop:{PRIVATE}")
    edit(other, company, "managers", act="save")
    before = [(ANNA, "u1", False), (WORKSHOP, "u2", True)]
    assert lines_of(calls) == before
    answer = client.post(company.url("/start/lines/"), {**chosen, "default_user": "u3"})
    assert "Somebody else saved these settings meanwhile." in seen(answer)
    assert lines_of(calls) == before
    form = answer.context["form"]
    again = {name: field.initial or "" for name, field in form.fields.items()}
    assert form[f"line_{WORKSHOP}"].value() == "!ignore"
    assert client.post(company.url("/start/lines/"), {**again, "default_user": "u3"}).status_code == 302
    assert lines_of(calls) == before
    assert calls.raw()["default_user"]["id"] == "u3"


@pytest.mark.proves("CALL-6")
def test_the_wizard_goes_by_the_lines_number(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    form = client.get(company.url("/start/lines/")).context["form"]
    chosen = {name: field.initial or "" for name, field in form.fields.items()}
    del chosen[f"line_{ANNA}"]  # a page that was shown before the phone system had this line
    client.post(company.url("/start/lines/"), {**chosen, f"line_{WORKSHOP}": "u3"})
    assert lines_of(calls) == [(ANNA, "u1", False), (WORKSHOP, "u3", False), (PRIVATE, None, True)]
