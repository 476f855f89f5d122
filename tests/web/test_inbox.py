"""The inbox: like cases together, evidence in words, an answer that lets the call go on, two people at once."""

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


@pytest.fixture
def reader(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.users["member"])


def fresh(day: MadeDay, row: Any) -> Any:
    with workspace_tx(day.workspace):
        row.refresh_from_db()
    return row


@pytest.mark.proves("HUB-4", "CALL-17")
def test_a_question_shows_its_candidates_with_what_speaks_for_each(
    company: Company, day: MadeDay, reader: Client
) -> None:
    item = day.question()
    text = text_of(reader.get(company.url(f"/inbox/{shown('case', item.pk)}/")))
    assert "Missed call from +39 011 555 0142 to line 04 11 (Anna) fits 2 records. Whose call is it?" in text
    assert "Giulia Ferrari contact same number belongs to an account in touch" in text
    assert "Gianni Ferrero contact same number belongs to no account last in touch" in text
    assert "Owner Mikkel Holm" in text
    assert "Somebody new" in text
    assert "the number would then be on 3 records" in text


@pytest.mark.proves("HUB-4")
def test_like_cases_stand_together_and_one_answer_settles_them(company: Company, day: MadeDay, reader: Client) -> None:
    first, second, other = day.question(), day.question(), day.question("+393355550142")
    text = text_of(reader.get(company.url("/inbox/")))
    assert "2 questions, 3 cases." in text
    assert "2 alike" in text
    answer = reader.post(
        company.url(f"/inbox/{shown('case', first.pk)}/answer/"), {"choice": "contact:70", "alike": "1"}, follow=True
    )
    assert "2 cases settled: Giulia Ferrari." in answer.content.decode()
    assert [fresh(day, one).state for one in (first, second, other)] == ["answered", "answered", "open"]


@pytest.mark.proves("HUB-4", "CALL-17")
@pytest.mark.parametrize(("choice", "stored"), [("contact:71", {"role": "contact", "id": "71"}), ("none", "none")])
def test_an_answer_makes_the_call_due_again_with_it(
    company: Company, day: MadeDay, reader: Client, choice: str, stored: Any
) -> None:
    item = day.question()
    answer = reader.post(company.url(f"/inbox/{shown('case', item.pk)}/answer/"), {"choice": choice})
    assert answer.status_code == 302
    assert fresh(day, item).answer == stored
    with workspace_tx(day.workspace):
        subject = rows.Subject.objects.get(pk=item.subject_id)
    assert (subject.state, subject.answers, subject.revision) == ("due", {"several": stored}, 2)


@pytest.mark.proves("HUB-4")
def test_who_is_slower_is_told_what_was_decided(company: Company, day: MadeDay, signed_in: SignIn) -> None:
    item = day.question()
    path = company.url(f"/inbox/{shown('case', item.pk)}/answer/")
    signed_in(company.users["admin"]).post(path, {"choice": "contact:70"})
    late = signed_in(company.users["member"]).post(path, {"choice": "contact:71"}, follow=True)
    assert "Anna Admin was faster" in late.content.decode()
    assert "Giulia Ferrari" in late.content.decode()
    assert fresh(day, item).answer == {"role": "contact", "id": "70"}
    text = text_of(signed_in(company.users["member"]).get(company.url(f"/inbox/{shown('case', item.pk)}/")))
    assert "Anna Admin decided" in text
    assert "Settled today" in text
    assert "Settle it" not in text


@pytest.mark.parametrize("choice", ["", "contact:999", "lead:70", "contact", "'; drop"])
def test_only_what_was_offered_can_be_chosen(company: Company, day: MadeDay, reader: Client, choice: str) -> None:
    item = day.question()
    answer = reader.post(company.url(f"/inbox/{shown('case', item.pk)}/answer/"), {"choice": choice}, follow=True)
    assert "Choose one of the answers first." in answer.content.decode()
    assert fresh(day, item).state == "open"


@pytest.mark.proves("HUB-4", "CALL-6")
def test_an_unknown_line_leads_to_the_managers_and_can_be_put_aside(
    company: Company, day: MadeDay, reader: Client
) -> None:
    item = day.notice()
    page = reader.get(company.url(f"/inbox/{shown('case', item.pk)}/"))
    text = text_of(page)
    assert "Line +33 1 86 76 04 17 has no manager" in text
    assert "3 times" in text
    assert company.url("/calls/managers/") in page.content.decode()
    reader.post(company.url(f"/inbox/{shown('case', item.pk)}/aside/"))
    assert fresh(day, item).state == "dismissed"


def test_a_question_cannot_be_put_aside(company: Company, day: MadeDay, reader: Client) -> None:
    item = day.question()
    reader.post(company.url(f"/inbox/{shown('case', item.pk)}/aside/"))
    assert fresh(day, item).state == "open"


@pytest.mark.proves("HUB-4")
def test_a_call_that_stopped_can_be_tried_again_from_here(company: Company, day: MadeDay, reader: Client) -> None:
    subject = day.call(state="parked", why=because("lookup.failed", error={"code": "error.timeout"}))
    text = text_of(reader.get(company.url(f"/inbox/{shown('call', subject.pk)}/")))
    assert "A call stopped" in text
    assert "The other system did not answer in time." in text
    reader.post(company.url(f"/calls-of/{shown('call', subject.pk)}/retry/"), {"next": company.url("/inbox/")})
    assert fresh(day, subject).state == "due"
    assert reader.get(company.url(f"/inbox/{shown('call', subject.pk)}/")).status_code == 404


@pytest.mark.proves("HUB-4")
def test_a_lost_write_asks_whether_it_is_there(company: Company, day: MadeDay, reader: Client) -> None:
    subject = day.call(state="asked")
    with workspace_tx(day.workspace):
        item = rows.InboxItem.objects.create(
            workspace_id=day.workspace, connection=day.target, flow="calls", kind="outcome:task:task", topic="task",
            reason=because("outcome.unknown", slot="task"), options=[["task", "5", {"name": "Call back"}]], subject=subject,
        )  # fmt: skip
    text = text_of(reader.get(company.url(f"/inbox/{shown('case', item.pk)}/")))
    assert "No answer says whether the task was written. Look there and say what you find." in text
    assert "Call back" in text
    assert "It is not there" in text


@pytest.mark.proves("HUB-4", "HUB-5")
@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        ("outcome:call:call", {"id": " 5550001 "}, {"role": "call", "id": "5550001"}),
        ("outcome:call:call", {}, None),
        ("outcome:call:call.recording#2", {}, {"role": "call", "id": "there"}),
        ("several", {"id": "5550001"}, None),
    ],
    ids=["a record by its id", "without its id", "a file", "not where candidates are chosen"],
)
def test_a_lost_write_that_a_person_found_is_not_made_again(
    company: Company, day: MadeDay, reader: Client, kind: str, typed: dict[str, str], kept: Any
) -> None:
    """Nothing there could be found by a look-up: without this answer the only one would write it twice."""
    subject = day.call(state="asked")
    with workspace_tx(day.workspace):
        item = rows.InboxItem.objects.create(
            workspace_id=day.workspace, connection=day.target, flow="calls", kind=kind, topic="call",
            reason=because("outcome.unknown", slot="call"), options=[], subject=subject,
        )  # fmt: skip
    path = company.url(f"/inbox/{shown('case', item.pk)}/")
    page = reader.get(path).content.decode()
    assert ('value="there"' in page) == (kind != "several")
    assert ('name="id"' in page) == (kind == "outcome:call:call")
    reader.post(f"{path}answer/", {"choice": "there", **typed})
    assert (fresh(day, item).state, fresh(day, item).answer) == ("answered" if kept else "open", kept)
    assert fresh(day, subject).answers == ({kind: kept} if kept else {})


@pytest.mark.proves("HUB-4")
def test_the_count_beside_the_menu_is_live(company: Company, day: MadeDay, reader: Client) -> None:
    day.question()
    page = reader.get(company.url("/inbox/")).content.decode()
    assert 'id="side-inbox"><span class="count">1<' in page
    path = company.url("/inbox/count/?shown=1")
    assert reader.get(path).status_code == 204
    day.question("+393355550142")
    body = reader.get(path).content.decode()
    assert 'id="side-inbox"' in body
    assert ">2<" in body
    assert "shown=2" in body


@pytest.mark.proves("HUB-16")
def test_an_empty_inbox_says_what_will_stand_here(company: Company, day: MadeDay, reader: Client) -> None:
    text = text_of(reader.get(company.url("/inbox/")))
    assert "No question waits for you." in text
    assert "Nothing waits" in text


@pytest.mark.proves("HUB-1")
def test_nobody_answers_for_another_company(
    company: Company, make_company: Callable[[], Company], day: MadeDay, signed_in: SignIn
) -> None:
    item = day.question()
    stranger = make_company()
    browser = signed_in(stranger.users["super_admin"])
    path = f"/inbox/{shown('case', item.pk)}/"
    assert browser.get(stranger.url(path)).status_code == 404
    assert browser.post(stranger.url(f"{path}answer/"), {"choice": "none"}).status_code == 404
    assert browser.post(stranger.url(f"{path}aside/")).status_code == 404
    assert fresh(day, item).state == "open"
