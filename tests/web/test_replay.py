"""Pages of replays: begin one with unsaved changes, watch it, what differs, confirm it, go live, apply it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.web.calls_desk import Calls, five_calls, make_calls
from tests.web.conftest import Company
from tests.web.test_calls import HTMX, edit, seen

SignIn = Callable[[Any], Client]


@pytest.fixture
def calls(company: Company) -> Calls:
    made = make_calls(company)
    five_calls(made)
    return made


def begun(client: Client, company: Company, **post: str) -> str:
    """The address of a new replay."""
    answer = client.post(
        company.url("/replay/begin/"), {"settings": "draft", "days": "30", "most": "1000", "only": "", **post}
    )
    assert answer.status_code == 302
    return str(answer["Location"])


def finished(client: Client, url: str) -> Any:
    """The page of a replay that has been stepped to its end."""
    while "replay-progress" in client.get(url).content.decode():
        client.post(url + "step/")
    return client.get(url)


def no_leads(client: Client, company: Company) -> None:
    """An unsaved change: strangers become contacts."""
    edit(client, company, "accounts-leads", lead__create=None)
    edit(client, company, "contacts", contact__create="on")


@pytest.mark.proves("CALL-25")
def test_unsaved_changes_are_replayed_confirmed_and_go_live(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    no_leads(client, company)
    page = seen(client.get(company.url("/replay/")))
    assert "my 2 unsaved changes" in page
    url = begun(client, company)
    first = client.get(url)
    assert "0 of 5 calls" in seen(first)
    answer = client.post(url + "step/", headers=HTMX)
    assert (answer.status_code, answer["HX-Redirect"]) == (204, url)
    page = seen(client.get(url))
    assert "4 of 5 calls would differ" in page
    assert "Lead: was made, and would not be 2" in page
    assert "Contact: would be made, and was not 4" in page
    assert "Under settings that are not in force" in page
    assert re.search(r"\+39 011 555 ?0142", page)
    narrowed = seen(client.get(url + "?kind=gone.lead"))
    assert "Lead: was made, and would not be Show all" in narrowed
    assert narrowed.count("Differs") == 2

    again = client.post(url + "again/")["Location"]
    assert "It says the same as the replay before it" in seen(finished(client, again))
    assert calls.raw()["lead"]["create"] is True  # nothing is saved by looking

    asked = seen(client.get(url + "live/"))
    assert "Of 5 past calls, 4 would have been written otherwise." in asked
    assert "The lead: create" in asked
    done = client.post(url + "live/", follow=True)
    assert "Version 3 is in force and Tieline writes" in seen(done)
    assert "Under the settings in force, version 3." in seen(done)
    assert calls.raw()["lead"]["create"] is False
    assert "Discard" not in client.get(company.url("/calls/contacts/")).content.decode()  # the draft is saved, and gone


@pytest.mark.proves("CALL-25")
def test_settings_in_force_differ_in_nothing(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    page = seen(finished(client, begun(client, company, settings="saved")))
    assert "Nothing would differ" in page
    assert "Go live" not in page


def test_a_replay_of_settings_that_were_overtaken_does_not_go_live(
    calls: Calls, company: Company, signed_in: SignIn
) -> None:
    client = signed_in(company.users["admin"])
    no_leads(client, company)
    url = begun(client, company)
    finished(client, url)
    calls.save(company.users["super_admin"], task__due_days=4)
    assert "Other settings were saved since this replay was begun" in seen(client.post(url + "live/", follow=True))
    assert calls.raw()["lead"]["create"] is True


@pytest.mark.proves("CALL-25")
def test_what_was_not_looked_up_is_marked(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    edit(client, company, "deals", deal__on="on", deal__when="none")
    edit(client, company, "contacts", contact__create="on")
    page = seen(finished(client, begun(client, company)))
    assert "Not looked up at the time 1" in page
    assert "A look-up that was not made at the time counts as nothing found." in page


@pytest.mark.proves("CALL-25")
def test_applying_is_told_first_and_makes_past_calls_due(calls: Calls, company: Company, signed_in: SignIn) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Subject

    client = signed_in(company.users["admin"])
    with workspace_tx(calls.workspace):
        watched = Subject.objects.filter(workspace_id=calls.workspace).order_by("-id").first()
        assert watched is not None
        Subject.objects.filter(pk=watched.pk).update(live=False)
    url = begun(client, company, settings="saved")
    finished(client, url)
    page = seen(client.get(url + "apply/"))
    assert "1 call of watch mode" in page
    assert "1 × new: call, 1 × new: lead, 1 × new: task" in page
    assert "Choose which calls." in seen(client.post(url + "apply/", {}, follow=True))
    done = seen(client.post(url + "apply/", {"watched": "1"}, follow=True))
    assert "1 call is decided anew now." in done
    with workspace_tx(calls.workspace):
        row = Subject.objects.get(pk=watched.pk)
        others = Subject.objects.filter(workspace_id=calls.workspace).exclude(pk=watched.pk)
        assert {one.state for one in others} == {"done"}
    assert (row.state, row.live, row.revision) == ("due", True, watched.revision + 1)
    assert "This replay was applied already" in seen(client.get(url + "apply/"))


def test_nothing_is_applied_in_watch_mode(company: Company, signed_in: SignIn) -> None:
    calls = make_calls(company, live=False)
    five_calls(calls)
    client = signed_in(company.users["admin"])
    url = begun(client, company, settings="saved")
    finished(client, url)
    assert "The flow is in watch mode, so nothing is written." in seen(client.get(url + "apply/"))
    assert "watch mode" in seen(client.post(url + "apply/", {"others": "1"}, follow=True))


def test_who_may(calls: Calls, company: Company, signed_in: SignIn) -> None:
    url = begun(signed_in(company.users["admin"]), company, settings="saved")
    member = signed_in(company.users["member"])
    for path in (company.url("/replay/"), url, url + "apply/", url + "live/"):
        assert member.get(path).status_code == 403
    assert member.post(url + "step/").status_code == 403


def test_an_address_that_nobody_was_given(calls: Calls, company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    assert client.get(company.url("/replay/replay_aaaaaaaaaaaaa/")).status_code == 404
    assert client.get(company.url("/replay/x/")).status_code == 404


def test_without_calls_it_says_so(company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.users["admin"])
    assert "No call can be replayed yet" in seen(client.get(company.url("/replay/")))
    make_calls(company)
    assert "No replay yet" in seen(client.get(company.url("/replay/")))
    assert "No call fits" in seen(finished(client, begun(client, company, settings="saved")))
