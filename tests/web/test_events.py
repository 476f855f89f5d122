"""Events: what arrived, what it belongs to, bodies for admins only and masked, and what was refused at the door."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.conftest import Company
from tests.web.made import MadeDay, because, rows, shown, workspace_tx
from tests.web.test_runs import text_of

if TYPE_CHECKING:
    from django.test import Client

SignIn = Callable[[Any], "Client"]


@pytest.fixture
def day(company: Company) -> MadeDay:
    return MadeDay(company)


def event_of(day: MadeDay, subject: Any) -> Any:
    with workspace_tx(day.workspace):
        return rows.EventSubject.objects.filter(subject_id=subject.pk).select_related("event").first().event


@pytest.mark.proves("HUB-3")
def test_an_event_says_what_it_is_and_leads_to_its_run(company: Company, day: MadeDay, signed_in: SignIn) -> None:
    day.signed()
    run = day.done("+33186760001")
    page = signed_in(company.users["member"]).get(company.url("/events/"))
    text = text_of(page)
    assert "Ended +33 1 86 76 00 01 SipSim Signature fits Missed call from +33 1 86 76 00 01" in text
    assert company.url(f"/runs/{shown('run', run.pk)}/") in page.content.decode()


def test_an_event_without_signature_says_what_stands_for_it(company: Company, day: MadeDay, signed_in: SignIn) -> None:
    day.call(result=None, state="waiting")
    assert "Secret address" in text_of(signed_in(company.users["member"]).get(company.url("/events/")))


@pytest.mark.proves("HUB-3")
def test_what_came_unsigned_stays_so_after_a_secret_is_pasted(
    company: Company, day: MadeDay, signed_in: SignIn
) -> None:
    day.done("+33186760001")
    day.signed()
    text = text_of(signed_in(company.users["member"]).get(company.url("/events/")))
    assert "Secret address" in text
    assert "Signature fits" not in text


@pytest.mark.proves("HUB-3")
@pytest.mark.parametrize(("verdict", "said"), [("token", "Token fits"), ("", "Kept")])
def test_other_verdicts_have_their_words(
    company: Company, day: MadeDay, signed_in: SignIn, verdict: str, said: str
) -> None:
    day.signature = verdict
    day.done("+33186760001")
    assert f"SipSim {said} Missed call" in text_of(signed_in(company.users["member"]).get(company.url("/events/")))


@pytest.mark.proves("HUB-1")
def test_bodies_are_for_admins_and_masked(company: Company, day: MadeDay, signed_in: SignIn) -> None:
    event = event_of(day, day.call("+33186760001"))
    path = company.url(f"/events/{shown('event', event.pk)}/")
    admin = signed_in(company.users["admin"]).get(path).content.decode()
    assert "incoming_call_end" in admin
    assert "•••01" in admin
    for secret in ("hush-hush", "abcdef", "33186760001"):
        assert secret not in admin.replace("+33 1 86 76 00 01", "")
    member = signed_in(company.users["member"]).get(path).content.decode()
    assert "The body of an event is for admins." in member
    assert "incoming_call_end" not in member


@pytest.mark.proves("HUB-3")
def test_an_event_that_nothing_can_be_made_of_says_why(company: Company, day: MadeDay, signed_in: SignIn) -> None:
    event = event_of(day, day.call())
    with workspace_tx(day.workspace):
        event.body = b"\xff\x00 not json"
        event.save()
        reason = because("event.unreadable", error="error.internal")
        rows.RefusedEvent.objects.create(workspace_id=day.workspace, connection=day.source, event=event, reason=reason)
    browser = signed_in(company.users["admin"])
    text = text_of(browser.get(company.url("/events/")))
    assert "Nothing to make of it" in text
    assert "Nothing can be read out of this event." in text
    assert browser.get(company.url(f"/events/{shown('event', event.pk)}/")).status_code == 200


@pytest.mark.proves("HUB-3")
def test_refused_deliveries_have_a_reason_and_a_next_step(company: Company, day: MadeDay, signed_in: SignIn) -> None:
    day.refused()
    browser = signed_in(company.users["admin"])
    assert "1 refused at the door" in text_of(browser.get(company.url("/events/")))
    text = text_of(browser.get(company.url("/events/refused/")))
    assert "SipSim: The signature did not fit, so nothing was done." in text
    assert "Paste the signing secret that the phone system shows" in text
    assert signed_in(company.users["member"]).get(company.url("/events/refused/")).status_code == 403


def test_empty_lists_say_what_will_stand_there(company: Company, day: MadeDay, signed_in: SignIn) -> None:
    browser = signed_in(company.users["admin"])
    assert "No event yet" in text_of(browser.get(company.url("/events/")))
    assert "Nothing was refused" in text_of(browser.get(company.url("/events/refused/")))
    assert "No run yet" in text_of(browser.get(company.url("/runs/")))


@pytest.mark.proves("HUB-1")
def test_nobody_sees_an_event_of_another_company(
    company: Company, make_company: Callable[[], Company], day: MadeDay, signed_in: SignIn
) -> None:
    event = event_of(day, day.call())
    stranger = make_company()
    browser = signed_in(stranger.users["super_admin"])
    assert browser.get(stranger.url(f"/events/{shown('event', event.pk)}/")).status_code == 404
    assert "No event yet" in text_of(browser.get(stranger.url("/events/")))
