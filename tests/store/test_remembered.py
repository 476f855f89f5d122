"""Remembered decisions: answered where the question is raised, revoked for later cases only, never for what must be looked at."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.test_services_connections import Firm, crm, firm, phones, sandboxes
from tests.store.test_services_inbox import question

if TYPE_CHECKING:
    from tests.conftest import Installation

__all__ = ["firm", "sandboxes"]

NUMBER = "+33612345678"
CHOICE = {"role": "contact", "id": "1"}
OPTIONS: list[Any] = [["contact", "1", {"name": "Giulia"}], ["lead", "2", {}]]


def raise_question(installation: Installation, firm: Firm, source: Any, target: Any, **more: Any) -> tuple[Any, Any]:
    """As a drain does it: a run with a question, through the drain's own code, and the item that is there after it."""
    from datetime import UTC, datetime

    from tieline.store import drain_inbox
    from tieline.store.connection import workspace_tx
    from tieline.store.drain_session import DrainSession
    from tieline.store.models import InboxItem, Run, Subject

    answers = more.pop("answers", {})
    asked = {"kind": "several", "topic": NUMBER, "reason": {"code": "call.several"}, "options": OPTIONS, **more}
    now = datetime.now(UTC)
    with workspace_tx(firm.workspace):
        subject = Subject.objects.create(
            workspace_id=firm.workspace, target=target, epoch=1, flow="calls", source=source, key=uuid.uuid4().hex,
            subject={"external": NUMBER}, state="asked", revision=1, arrived_at=now, answers=answers,
        )  # fmt: skip
        run = Run.objects.create(
            workspace_id=firm.workspace, target=target, epoch=1, subject=subject, flow="calls", revision=1,
            state="done", settings_version=1, known={}, considered=[], questions=[asked], notices=[], started_at=now,
        )  # fmt: skip
    session = DrainSession(installation.app, firm.workspace, target.pk, uuid.uuid4())
    assert session.hold()
    try:
        with session.tx() as link:
            drain_inbox.add_questions(link, session, [(run.pk, asked)])
    finally:
        session.release()
    with workspace_tx(firm.workspace):
        subject.refresh_from_db()
        return subject, InboxItem.objects.get(subject=subject)


def remembered(firm: Firm, source: Any, target: Any) -> Any:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Remembered
    from tieline.store.services import inbox

    _, item = question(firm, source, target, NUMBER)
    inbox.answer(firm.workspace, firm.user, item.pk, CHOICE, always=True)
    with workspace_tx(firm.workspace):
        return Remembered.objects.get(item=item)


@pytest.mark.proves("HUB-4")
def test_a_later_like_case_is_answered_where_it_is_raised(firm: Firm, installation: Installation) -> None:
    from tieline.store.services import inbox
    from tieline.store.services import remembered as service

    source, target = phones(firm), crm(firm)
    kept = remembered(firm, source, target)
    subject, item = raise_question(installation, firm, source, target)
    assert (subject.state, subject.revision, subject.answers) == ("due", 2, {"several": CHOICE})
    assert (item.state, item.answer, item.remembered_id) == ("answered", CHOICE, kept.pk)
    assert inbox.case(firm.workspace, item.pk).remembered_from == kept.decided_at
    assert [(one.times, one.by) for one in service.listed(firm.workspace)] == [(1, firm.user.name)]


@pytest.mark.proves("HUB-8", "HUB-4")
def test_a_case_that_never_waited_is_no_message(firm: Firm, installation: Installation) -> None:
    from tieline.store import outgoing
    from tieline.store.pool import Rows
    from tieline.store.secrets import installed
    from tieline.store.services import hooks

    source, target = phones(firm), crm(firm)
    remembered(firm, source, target)
    hook, _secret = hooks.make(firm.workspace, firm.user, "Cases", "https://hooks.example.com/in", ["case.opened"])
    _, answered = raise_question(installation, firm, source, target)
    _, waits = raise_question(installation, firm, source, target, topic="+33600000000")
    assert (answered.state, waits.state) == ("answered", "open")
    rows = Rows(installation.app)
    claimed = [one for one in outgoing.claim(rows, installed(), 50) if one.hook == hook.id]
    told = {one.about: outgoing.body_of(rows, one) is not None for one in claimed}
    for one in claimed:
        outgoing.release(rows, one)
    rows.close()
    assert told == {answered.pk: False, waits.pk: True}


@pytest.mark.proves("HUB-4")
def test_revoking_holds_for_later_cases_only(firm: Firm, installation: Installation) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import remembered as service

    source, target = phones(firm), crm(firm)
    kept = remembered(firm, source, target)
    _, before = raise_question(installation, firm, source, target)
    assert service.revoke(firm.workspace, firm.other, kept.pk)
    assert not service.revoke(firm.workspace, firm.other, kept.pk)
    subject, after = raise_question(installation, firm, source, target)
    with workspace_tx(firm.workspace):
        before.refresh_from_db()
    assert (before.state, after.state, subject.state) == ("answered", "open", "asked")
    assert service.listed(firm.workspace) == []


@pytest.mark.proves("HUB-4")
@pytest.mark.parametrize(
    "more",
    [
        {"topic": "+33600000000"},
        {"kind": "outcome:task"},
        {"kind": "safety:task"},
        {"options": [["lead", "2", {}], ["contact", "9", {}]]},
        {"answers": {"several": {"role": "lead", "id": "2"}}},
    ],
    ids=["another number", "an outcome", "a stop", "the record is not offered", "answered before"],
)
def test_what_is_not_alike_is_asked(firm: Firm, installation: Installation, more: dict[str, Any]) -> None:
    source, target = phones(firm), crm(firm)
    remembered(firm, source, target)
    subject, item = raise_question(installation, firm, source, target, **json.loads(json.dumps(more)))
    assert (item.state, subject.state, subject.revision) == ("open", "asked", 1)


@pytest.mark.parametrize(("kind", "choice"), [("outcome:task", CHOICE), ("safety:task", CHOICE), ("several", "none")])
def test_what_must_be_looked_at_is_never_remembered(firm: Firm, kind: str, choice: Any) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import inbox, remembered
    from tieline.store.services.declined import DeclinedError

    _, item = question(firm, phones(firm), crm(firm), NUMBER)
    with workspace_tx(firm.workspace):
        item.kind = kind
        item.save()
    with pytest.raises(DeclinedError) as refused:
        inbox.answer(firm.workspace, firm.user, item.pk, choice, always=True)
    assert refused.value.code == "inbox.not_remembered"
    assert inbox.case(firm.workspace, item.pk).state == "open"  # refused as a whole
    assert remembered.listed(firm.workspace) == []


@pytest.mark.proves("HUB-4")
def test_ones_last_decision_is_taken_back_while_nothing_came_of_it(firm: Firm) -> None:
    from datetime import UTC, datetime

    from tieline.store.connection import workspace_tx
    from tieline.store.models import Run
    from tieline.store.services import inbox, remembered
    from tieline.store.services.declined import DeclinedError

    source, target = phones(firm), crm(firm)
    pairs = [question(firm, source, target, NUMBER) for _ in range(2)]
    inbox.answer_like(firm.workspace, firm.user, pairs[0][1].pk, CHOICE, always=True)
    with pytest.raises(DeclinedError) as refused:
        inbox.take_back(firm.workspace, firm.other)
    assert refused.value.code == "inbox.nothing_to_take_back"
    assert inbox.take_back(firm.workspace, firm.user) == 2
    assert remembered.listed(firm.workspace) == []
    with workspace_tx(firm.workspace):
        for subject, item in pairs:
            subject.refresh_from_db()
            item.refresh_from_db()
    assert [(item.state, subject.answers, subject.revision) for subject, item in pairs] == [("open", {}, 3)] * 2

    inbox.answer(firm.workspace, firm.user, pairs[0][1].pk, CHOICE)
    with workspace_tx(firm.workspace):
        Run.objects.create(
            workspace_id=firm.workspace, target=target, epoch=1, subject=pairs[0][0], flow="calls", revision=4,
            state="applying", settings_version=1, known={}, considered=[], questions=[], notices=[],
            started_at=datetime.now(UTC),
        )  # fmt: skip
    with pytest.raises(DeclinedError) as refused:
        inbox.take_back(firm.workspace, firm.user)
    assert refused.value.code == "inbox.already_decided"


def test_like_stopped_subjects_are_tried_again_together(firm: Firm) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import inbox

    source, target = phones(firm), crm(firm)
    made = [question(firm, source, target, f"+3361234567{n}", state="parked")[0] for n in range(3)]
    with workspace_tx(firm.workspace):
        for subject, code in zip(made, ("error.a", "error.a", "error.b"), strict=True):
            subject.why = {"code": code}
            subject.save()
    assert inbox.retry_like(firm.workspace, firm.user, made[0].pk) == 2
    assert inbox.retry_like(firm.workspace, firm.user, made[0].pk) == 0
    with workspace_tx(firm.workspace):
        for subject in made:
            subject.refresh_from_db()
    assert [one.state for one in made] == ["due", "due", "parked"]
