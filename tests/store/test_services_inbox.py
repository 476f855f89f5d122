"""Questions answered, together and at once, notices, and what stopped until a person looks."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.test_services_connections import Firm, crm, firm, phones, sandboxes

if TYPE_CHECKING:
    from tests.conftest import Installation

__all__ = ["firm", "sandboxes"]


def question(firm: Firm, source: Any, target: Any, topic: str, state: str = "asked") -> tuple[Any, Any]:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import InboxItem, Subject

    now = datetime.now(UTC)
    with workspace_tx(firm.workspace):
        subject = Subject.objects.create(
            workspace_id=firm.workspace, target=target, epoch=1, flow="calls", source=source, key=secrets.token_hex(4),
            subject={"external": topic}, state=state, revision=1, arrived_at=now,
        )  # fmt: skip
        item = InboxItem.objects.create(
            workspace_id=firm.workspace, connection=target, flow="calls", kind="several", topic=topic,
            reason={"code": "call.several"}, options=[["contact", "1", {}], ["lead", "2", {}]], subject=subject,
        )  # fmt: skip
    return subject, item


def test_an_answer_makes_the_subject_due_and_wakes_the_worker(firm: Firm, installation: Installation) -> None:
    import psycopg

    from tieline.store.connection import workspace_tx
    from tieline.store.services import inbox

    source, target = phones(firm), crm(firm)
    subject, item = question(firm, source, target, "+33612345678")
    with psycopg.connect(installation.app, autocommit=True) as listening:
        listening.execute("LISTEN tieline")
        decision = inbox.answer(firm.workspace, firm.user, item.pk, {"role": "contact", "id": "1"})
        woken = [note.payload for note in listening.notifies(timeout=5, stop_after=1)]
    assert decision.mine
    assert woken == [str(target.pk)]
    with workspace_tx(firm.workspace):
        subject.refresh_from_db()
    assert (subject.state, subject.revision) == ("due", 2)
    assert subject.answers == {"several": {"role": "contact", "id": "1"}}
    assert inbox.count(firm.workspace) == 0


def test_while_a_run_is_written_only_the_answer_is_noted(firm: Firm) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import inbox

    subject, item = question(firm, phones(firm), crm(firm), "+33612345678", state="applying")
    inbox.answer(firm.workspace, firm.user, item.pk, "none")
    with workspace_tx(firm.workspace):
        subject.refresh_from_db()
    assert (subject.state, subject.revision, subject.answers) == ("applying", 2, {"several": "none"})


def test_two_people_at_once_are_one_decision_told_to_both(firm: Firm) -> None:
    from django.db import connections as databases

    from tieline.store.connection import workspace_tx
    from tieline.store.services import inbox

    subject, item = question(firm, phones(firm), crm(firm), "+33612345678")
    told: dict[str, Any] = {}
    begin = threading.Barrier(2)

    def decide(user: Any, choice: str) -> None:
        begin.wait(10)
        told[user.name] = inbox.answer(firm.workspace, user, item.pk, choice)
        databases.close_all()

    people = [threading.Thread(target=decide, args=one) for one in ((firm.user, "contact:1"), (firm.other, "lead:2"))]
    for one in people:
        one.start()
    for one in people:
        one.join(20)
    first = next(one for one in told.values() if one.mine)
    second = next(one for one in told.values() if not one.mine)
    assert (second.answer, second.by) == (first.answer, first.by)
    with workspace_tx(firm.workspace):
        subject.refresh_from_db()
    assert (subject.answers, subject.revision) == ({"several": first.answer}, 2)


@contextmanager
def other_process(installation: Installation, firm: Firm) -> Iterator[Any]:
    """A transaction of somebody else's, who finds out last that two wait for each other."""
    import psycopg

    with psycopg.connect(installation.admin) as link:
        link.execute("SET LOCAL deadlock_timeout = '30s'")
        yield link


def until_waits(installation: Installation) -> None:
    """Until one waits for another's lock."""
    import psycopg

    with psycopg.connect(installation.admin, autocommit=True) as link:
        for _ in range(500):
            if link.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                return
            time.sleep(0.02)
    raise AssertionError("nobody waits")


def deciding(told: list[Any], decide: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        from django.db import connections as databases

        try:
            told.append(decide())
        except Exception as error:  # noqa: BLE001  what a page would be
            told.append(error)
        databases.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.proves("HUB-4")
def test_a_decision_and_a_drain_that_overtakes_it_do_not_wait_for_each_other(
    firm: Firm, installation: Installation
) -> None:
    """A drain holds a call first, and then what it asks: whoever decides does it in that order, too."""
    from tieline.store.services import inbox

    subject, item = question(firm, phones(firm), crm(firm), "+33612345678")
    told: list[Any] = []
    with other_process(installation, firm) as drain:
        drain.execute("SELECT 1 FROM store_subject WHERE id = %s FOR UPDATE", [subject.pk])
        person = deciding(told, lambda: inbox.answer(firm.workspace, firm.user, item.pk, "none"))
        until_waits(installation)
        drain.execute("UPDATE store_inboxitem SET state = 'overtaken' WHERE id = %s", [item.pk])
    person.join(20)
    assert [(one.mine, one.state) for one in told] == [(False, "overtaken")]


@pytest.mark.proves("HUB-4")
@pytest.mark.parametrize("what", ["decided", "tried again"])
def test_who_is_broken_off_by_somebody_elses_group_begins_anew(
    firm: Firm, installation: Installation, what: str
) -> None:
    from tieline.store.services import inbox

    state = "asked" if what == "decided" else "parked"
    source, target = phones(firm), crm(firm)
    (low, _), (high, item) = [question(firm, source, target, "+33612345678", state=state) for _ in range(2)]
    told: list[Any] = []

    def decide() -> int:
        if what == "decided":
            return len(inbox.answer_like(firm.workspace, firm.user, item.pk, "none"))
        return inbox.retry_like(firm.workspace, firm.user, high.pk)

    held, wanted = (high, low) if what == "decided" else (low, high)
    with other_process(installation, firm) as other:
        other.execute("SELECT 1 FROM store_subject WHERE id = %s FOR UPDATE", [held.pk])
        person = deciding(told, decide)
        until_waits(installation)
        other.execute("SELECT 1 FROM store_subject WHERE id = %s FOR UPDATE", [wanted.pk])
    person.join(20)
    assert told == [2]


@pytest.mark.proves("HUB-4")
def test_two_who_decide_a_group_from_both_its_ends_are_one_decision(firm: Firm) -> None:
    from tieline.store.services import inbox

    source, target = phones(firm), crm(firm)
    alike = [question(firm, source, target, "+33612345678")[1] for _ in range(12)]
    told: list[Any] = []
    begin = threading.Barrier(2)

    def decide(user: Any, item: int) -> int:
        begin.wait(10)
        return len(inbox.answer_like(firm.workspace, user, item, "none"))

    people = [
        deciding(told, lambda: decide(firm.user, alike[0].pk)),
        deciding(told, lambda: decide(firm.other, alike[-1].pk)),
    ]
    for one in people:
        one.join(20)
    assert sorted(told) == [0, 12]


@pytest.mark.proves("CALL-17", "HUB-4")
@pytest.mark.parametrize(
    "choice",
    [
        None, "", "contact:9", "lead:1", "1", 7, True, [], ["contact", "1"], {}, {"id": "1"}, {"role": "contact"},
        {"role": "contact", "id": "9"}, {"role": "deal", "id": "1"}, {"role": ["contact"], "id": {}}, "create",
    ],
)  # fmt: skip
def test_only_what_was_offered_can_be_chosen(firm: Firm, choice: Any) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import inbox, remembered
    from tieline.store.services.declined import DeclinedError

    subject, item = question(firm, phones(firm), crm(firm), "+33612345678")
    for decide in (inbox.answer, inbox.answer_like):
        with pytest.raises(DeclinedError, match=r"inbox\.no_choice"):
            decide(firm.workspace, firm.user, item.pk, choice, always=True)  # type: ignore[operator]
    assert inbox.case(firm.workspace, item.pk).state == "open"
    assert remembered.listed(firm.workspace) == []
    with workspace_tx(firm.workspace):
        subject.refresh_from_db()
    assert (subject.state, subject.answers) == ("asked", {})


@pytest.mark.proves("HUB-5")
def test_where_a_write_stands_can_be_said_for_its_own_case_alone(firm: Firm) -> None:
    """Of a write of which nobody knows: the id under which a person found it. It is one call's, whatever else is asked alike."""
    from tieline.store.connection import workspace_tx
    from tieline.store.models import InboxItem
    from tieline.store.services import inbox
    from tieline.store.services.declined import DeclinedError

    source, target = phones(firm), crm(firm)
    pairs = [question(firm, source, target, "call") for _ in range(2)]
    with workspace_tx(firm.workspace):
        InboxItem.objects.filter(pk__in=[item.pk for _, item in pairs]).update(kind="outcome:call:call", options=[])
    first = pairs[0][1].pk
    for wrong in ({"role": "lead", "id": "9"}, {"role": "call", "id": ""}, {"role": "call", "id": "9" * 201}):
        with pytest.raises(DeclinedError, match=r"inbox\.no_choice"):
            inbox.answer(firm.workspace, firm.user, first, wrong)
    (made,) = inbox.answer_like(firm.workspace, firm.user, first, {"role": "call", "id": "9"})
    assert (made.item, made.answer) == (first, {"role": "call", "id": "9"})
    assert inbox.case(firm.workspace, pairs[1][1].pk).state == "open"


def test_like_cases_stand_together_and_are_decided_together(firm: Firm) -> None:
    from tieline.store.services import inbox
    from tieline.store.services.declined import DeclinedError

    source, target = phones(firm), crm(firm)
    alike = [question(firm, source, target, "+33612345678")[1] for _ in range(3)]
    question(firm, source, target, "+33612345679")
    groups = inbox.groups(firm.workspace)
    assert sorted(len(group.cases) for group in groups) == [1, 3]
    with pytest.raises(DeclinedError, match=r"inbox.no_choice"):
        inbox.answer(firm.workspace, firm.user, alike[0].pk, "")
    assert len(inbox.answer_like(firm.workspace, firm.user, alike[0].pk, "none")) == 3
    assert inbox.count(firm.workspace) == 1
    with pytest.raises(DeclinedError, match=r"inbox.not_a_notice"):
        inbox.dismiss(firm.workspace, firm.user, groups[-1].cases[0].item or 0)


def test_a_stopped_subject_stands_in_the_inbox_until_it_is_tried_again(firm: Firm) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import InboxItem
    from tieline.store.services import inbox

    subject, _ = question(firm, phones(firm), crm(firm), "+33612345678", state="parked")
    with workspace_tx(firm.workspace):
        InboxItem.objects.all().delete()
        type(subject).objects.filter(pk=subject.pk).update(why={"code": "error.transient"})
    (group,) = inbox.groups(firm.workspace)
    assert (group.kind, group.cases[0].subject_id) == ("stopped", subject.pk)
    assert inbox.retry(firm.workspace, firm.user, subject.pk)
    assert not inbox.retry(firm.workspace, firm.user, subject.pk)
    assert inbox.groups(firm.workspace) == []


def test_a_question_of_another_workspace_cannot_be_named(firm: Firm) -> None:
    from tieline.store.services import inbox
    from tieline.store.services.declined import DeclinedError
    from tieline.store.team import people

    _, item = question(firm, phones(firm), crm(firm), "+33612345678")
    stranger = people.create_workspace(f"Other {secrets.token_hex(4)}").pk
    for call in (lambda: inbox.answer(stranger, firm.user, item.pk, "none"), lambda: inbox.case(stranger, item.pk)):
        with pytest.raises(DeclinedError, match=r"inbox.gone"):
            call()
