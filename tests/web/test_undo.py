"""Undo in the pages: offered where something can be taken back, read and approved before anything happens."""

from __future__ import annotations

import re
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


@pytest.fixture
def member(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.users["member"])


def begun(company: Company, client: Client, **posted: str) -> Any:
    answer = client.post(company.url("/undo/begin/"), posted)
    assert answer.status_code == 302
    return answer["Location"]


def planned(day: MadeDay, *items: dict[str, Any]) -> Any:
    """A worker's plan of the newest undo."""
    from django.utils import timezone

    with workspace_tx(day.workspace):
        row = rows.Undo.objects.filter(workspace_id=day.workspace).latest("pk")
        for number, item in enumerate(items):
            given = {"do": "delete", "role": "task", "state": "planned", "record": f"55{number}", **item}
            rows.UndoItem.objects.create(
                workspace_id=day.workspace, undo=row, act_id=1, run_id=1, subject_id=1, slot="task", **given
            )
        row.state, row.ready_at = "ready", timezone.now()
        row.save()
        return row


def said(answer: Any) -> str:
    """The whole page, with what is said at its edge."""
    return str(answer.content.decode())


EDITED = {
    "do": "leave",
    "role": "deal",
    "state": "left",
    "before": {"values": {"name": "Duval SA"}},
    "reason": because("undo.edited", fields=["name"]),
}


@pytest.mark.proves("HUB-3")
def test_a_run_offers_its_undo_to_whom_may_and_says_before_what_stays(
    company: Company, day: MadeDay, admin: Client, member: Client
) -> None:
    run = day.done()
    page = company.url(f"/runs/{shown('run', run.pk)}/")
    assert "Undo this run…" in text_of(admin.get(page))
    assert "Undo this run…" not in text_of(member.get(page))
    assert member.post(company.url("/undo/begin/"), {"run": shown("run", run.pk)}).status_code == 403

    where = begun(company, admin, run=shown("run", run.pk))
    assert "Tieline reads what is there now" in text_of(admin.get(where))
    row = planned(day, {}, EDITED)
    text = text_of(admin.get(where))
    assert "What will happen Delete 1 task" in text
    assert "What cannot be undone, and why 1 Changed since Tieline wrote it" in text
    assert "Undo 1 write" in text
    assert "Undo 1 write" not in text_of(member.get(where))
    plan = re.search(r'name="plan" value="([^"]+)"', admin.get(where).content.decode())
    assert plan is not None
    assert "made anew since you read it" in said(admin.post(f"{where}approve/", {"plan": "old"}, follow=True))
    assert "0 of 1" in text_of(admin.post(f"{where}approve/", {"plan": plan[1]}, follow=True))
    with workspace_tx(day.workspace):
        rows.UndoItem.objects.filter(undo=row, state="planned").update(state="done", key="k")
        rows.Undo.objects.filter(pk=row.pk).update(state="done", counts={"done": 1, "left": 1})
    text = text_of(admin.get(where))
    assert "What happened Deleted 1 task" in text
    assert "What stayed, and why" in text
    assert "Undo this undo" in text
    assert "What this run wrote was undone. See the undo" in text_of(admin.get(page))
    assert "Undo 1 run Done" in text_of(admin.get(company.url("/undo/")))
    again = admin.post(company.url("/undo/begin/"), {"run": shown("run", run.pk)}, follow=True)
    assert "There is nothing to undo" in said(again)


@pytest.mark.proves("HUB-3")
def test_the_list_undoes_what_its_filter_leaves(company: Company, day: MadeDay, admin: Client) -> None:
    day.done("+33465712008")
    day.done("+33465712009")
    assert "Undo these…" not in text_of(admin.get(company.url("/runs/")))
    listed = admin.get(company.url("/runs/?number=%2B33465712009"))
    assert "Undo these…" in text_of(listed)
    address = re.search(r'name="filter" value="([^"]+)"', listed.content.decode())
    assert address is not None
    begun(company, admin, filter=address[1])
    with workspace_tx(day.workspace):
        row = rows.Undo.objects.filter(workspace_id=day.workspace).latest("pk")
        assert rows.UndoRun.objects.filter(undo=row).count() == row.runs == 1


def test_a_right_that_is_missing_is_asked_for_when_it_is_wanted(company: Company, day: MadeDay, admin: Client) -> None:
    run = day.done()
    where = begun(company, admin, run=shown("run", run.pk))
    planned(day, {"do": "leave", "state": "left", "reason": because("undo.no_right", scope="x")})
    text = text_of(admin.get(where))
    assert "Tieline may not delete in Zoho CRM yet" in text
    assert "ZohoCRM.modules.Tasks.DELETE" in text
    assert "Nothing: all of it stays" in text
    link = re.search(r'href="([^"]+reconnect/\?then=undo_[^"]+)"', said(admin.get(where)))
    assert link is not None
    asked = text_of(admin.get(link[1]))
    assert "ZohoCRM.modules.Tasks.DELETE" in asked
    assert "Undo: delete what Tieline made" in asked
    assert "Tieline reads what is there now" in text_of(admin.post(f"{where}look/", follow=True))
    assert "Nothing was changed in the CRM" in said(admin.post(f"{where}drop/", follow=True))


def test_an_undo_of_another_company_is_not_there(
    company: Company, make_company: Callable[[], Company], day: MadeDay, admin: Client
) -> None:
    other = MadeDay(make_company())
    with workspace_tx(other.workspace):
        row = rows.Undo.objects.create(workspace_id=other.workspace, target=other.target, epoch=1, flow="calls", runs=1)
    for path, ask in (("", admin.get), ("live/", admin.get), ("approve/", admin.post), ("drop/", admin.post)):
        answer = ask(company.url(f"/undo/{shown('undo', row.pk)}/{path}"), follow=True)
        assert answer.status_code == 404 or "Undo" not in text_of(answer)
    with workspace_tx(other.workspace):
        assert rows.Undo.objects.get(pk=row.pk).state == "reading"
