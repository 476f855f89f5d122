"""The bell, what it leads to, how one is told; the inbox's answers that hold, and what is taken back."""

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
def admin(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.users["admin"])


@pytest.mark.proves("HUB-4")
def test_the_bell_counts_until_it_is_read(company: Company, day: MadeDay, admin: Client, signed_in: SignIn) -> None:
    from tieline.store.services import notifications

    day.question()
    day.question("+393355550142")
    day.notice()
    notifications.raise_untold(day.workspace)
    assert "Notifications, 2 not read" in admin.get(company.url("/inbox/")).content.decode()
    text = text_of(admin.get(company.url("/notifications/")))
    assert "Questions that wait for an answer: 2" in text
    assert "Mark all as read" in text
    read = admin.post(company.url("/notifications/read/"), follow=True)
    assert "Notifications, 0 not read" in read.content.decode()
    other = signed_in(company.users["member"]).get(company.url("/inbox/"))
    assert "Notifications, 2 not read" in other.content.decode()


@pytest.mark.proves("HUB-4")
def test_everybody_chooses_for_themselves(company: Company, day: MadeDay, admin: Client, signed_in: SignIn) -> None:
    from tieline.store.services import notifications

    path = company.url("/notifications/")
    assert "A connection that stopped" in text_of(admin.get(path))
    member = signed_in(company.users["member"])
    assert "A connection that stopped" not in text_of(member.get(path))
    saved = member.post(
        path + "choose/", {"mail:question": "now", "mail:stopped": "no", "mail:notice": "no"}, follow=True
    )
    assert "Saved." in saved.content.decode()
    day.question()
    notifications.raise_untold(day.workspace)
    assert notifications.unread(day.workspace, company.users["member"]) == 0
    assert notifications.unread(day.workspace, company.users["admin"]) == 1
    wrong = member.post(path + "choose/", {"mail:question": "hourly"}, follow=True)
    assert "Choose for each of the kinds" in wrong.content.decode()


@pytest.mark.proves("HUB-4")
def test_an_answer_that_holds_is_listed_and_ended(
    company: Company, day: MadeDay, admin: Client, signed_in: SignIn
) -> None:
    item = day.question()
    page = company.url("/inbox/remembered/")
    answer = company.url(f"/inbox/{shown('case', item.pk)}/answer/")
    admin.post(answer, {"choice": "contact:70", "always": "1"})
    text = text_of(admin.get(page))
    assert "Giulia Ferrari" in text
    assert "Anna Admin" in text
    with workspace_tx(day.workspace):
        kept = rows.Remembered.objects.get(item=item)
    member = signed_in(company.users["member"])
    assert "End it" not in text_of(member.get(page))
    end = f"{page}{shown('kept', kept.pk)}/end/"
    assert member.post(end).status_code == 403
    assert "Later cases will ask again." in admin.post(end, follow=True).content.decode()
    assert "Giulia Ferrari" not in text_of(admin.get(page))


def test_a_member_cannot_make_an_answer_hold(company: Company, day: MadeDay, signed_in: SignIn) -> None:
    item = day.question()
    member = signed_in(company.users["member"])
    case = company.url(f"/inbox/{shown('case', item.pk)}/")
    assert 'name="always"' not in member.get(case).content.decode()
    member.post(case + "answer/", {"choice": "contact:70", "always": "1"})
    with workspace_tx(day.workspace):
        item.refresh_from_db()
        assert (item.state, rows.Remembered.objects.filter(item=item).count()) == ("answered", 0)


@pytest.mark.proves("HUB-4")
def test_a_case_that_was_decided_by_itself_says_so(company: Company, day: MadeDay, admin: Client) -> None:
    first, second = day.question(), day.question()
    admin.post(company.url(f"/inbox/{shown('case', first.pk)}/answer/"), {"choice": "contact:70", "always": "1"})
    with workspace_tx(day.workspace):
        first.refresh_from_db()
        second.state, second.answer, second.decided_at = "answered", first.answer, first.decided_at
        second.decided_by, second.remembered = first.decided_by, rows.Remembered.objects.get(item=first)
        second.save()
        subject = rows.Subject.objects.get(pk=second.subject_id)
        subject.answers = {"several": second.answer}
        subject.save()
    run = day.run(subject, considered=[["call.log", True, because("call.internal")]])
    for path in (f"/inbox/{shown('case', second.pk)}/", f"/runs/{shown('run', run.pk)}/"):
        text = text_of(admin.get(company.url(path)))
        assert "Decided as Anna Admin did on" in text
        assert "Giulia Ferrari" in text


@pytest.mark.proves("HUB-4")
def test_ones_last_answer_is_taken_back(company: Company, day: MadeDay, admin: Client) -> None:
    item = day.question()
    admin.post(company.url(f"/inbox/{shown('case', item.pk)}/answer/"), {"choice": "contact:70"})
    path = company.url("/inbox/take-back/")
    assert "Taken back: 1 case waits again." in admin.post(path, follow=True).content.decode()
    assert "You have decided nothing that could be taken back." in admin.post(path, follow=True).content.decode()
    with workspace_tx(day.workspace):
        item.refresh_from_db()
    assert (item.state, item.answer) == ("open", None)
