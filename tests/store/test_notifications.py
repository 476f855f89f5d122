"""Telling people: whom, how, once; by a mail server that says no, hangs up, or takes it."""

from __future__ import annotations

import asyncio
import email
import threading
from collections.abc import Iterator
from datetime import timedelta
from email.message import Message
from email.policy import default
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.test_services_connections import Firm, crm, firm, phones, sandboxes
from tests.store.test_services_inbox import question

if TYPE_CHECKING:
    from tests.conftest import Installation

__all__ = ["firm", "sandboxes"]


class Sink:
    """A mail server on a port of its own: keeps what it takes for these people. refuse: answers 451 to the message; hang_up:
    closes the line after the message instead of answering. Other tests' companies may wait for their e-mails in the same
    database: theirs are taken and forgotten."""

    def __init__(self, people: frozenset[str]) -> None:
        self.people = people
        self.took: list[Message] = []
        self.refuse = self.hang_up = False
        self.asked = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        self._server.close()
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")

        say("220 sink")
        while line := (await reader.readline()).decode().strip().upper():
            if line.startswith("DATA"):
                say("354 go on")
                body = await reader.readuntil(b"\r\n.\r\n")
                message = email.message_from_bytes(body[:-5], policy=default)
                if str(message["To"]) not in self.people:
                    say("250 ok")
                    continue
                self.asked += 1
                if self.hang_up:
                    break
                if self.refuse:
                    say("451 later")
                    continue
                self.took.append(message)
            say("221 bye" if line.startswith("QUIT") else "250 ok")
            if line.startswith("QUIT"):
                break
        writer.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@pytest.fixture
def sink(firm: Firm) -> Iterator[Sink]:
    from django.test import override_settings

    made = Sink(frozenset({firm.user.email, firm.other.email}))
    with override_settings(
        TIELINE_MAIL=True, EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=made.port, EMAIL_HOST_USER="", EMAIL_USE_TLS=False, EMAIL_USE_SSL=False,
    ):  # fmt: skip
        yield made
    made.stop()


def reconnect(firm: Firm, target: Any) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import InboxItem

    with workspace_tx(firm.workspace):
        InboxItem.objects.create(
            workspace_id=firm.workspace, connection=target, kind="connection.needs_reconnect", topic=str(target.pk),
            reason={"code": "connection.needs_reconnect", "params": {"title": "Zoho CRM", "error": {"code": "error.auth"}}},
        )  # fmt: skip


def admins(firm: Firm) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.team.models import Member

    with workspace_tx(firm.workspace):
        for user in (firm.user, firm.other):
            Member.objects.update_or_create(workspace_id=firm.workspace, user=user, defaults={"role": "admin"})


def mails(firm: Firm, **which: Any) -> list[Any]:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Notification

    with workspace_tx(firm.workspace):
        return list(Notification.objects.filter(workspace_id=firm.workspace, **which).order_by("id"))


def make_due(firm: Firm, **values: Any) -> None:
    from django.utils import timezone

    from tieline.store.connection import workspace_tx
    from tieline.store.models import Notification

    with workspace_tx(firm.workspace):
        Notification.objects.filter(workspace_id=firm.workspace, **values).update(mail_due=timezone.now())


@pytest.mark.proves("HUB-4")
def test_a_connection_to_be_renewed_is_mailed_at_once_and_once(firm: Firm, sink: Sink) -> None:
    from tieline.store.services import notifications, notifying

    admins(firm)
    reconnect(firm, crm(firm))
    for _ in range(3):
        notifying.work()
    assert sorted(str(one["To"]) for one in sink.took) == sorted([firm.user.email, firm.other.email])
    assert "Zoho CRM" in sink.took[0]["Subject"]
    assert "/notifications/" in sink.took[0].get_content()
    assert len({str(one["Message-ID"]) for one in sink.took}) == 2
    assert notifications.unread(firm.workspace, firm.user) == 1
    assert {one.mail_state for one in mails(firm)} == {"sent"}


@pytest.mark.proves("HUB-4")
def test_a_webhook_that_switched_itself_off_is_told_to_admins_alone(
    installation: Installation, firm: Firm, sink: Sink
) -> None:
    from tieline.store import outgoing
    from tieline.store import secrets as sealing
    from tieline.store.connection import workspace_tx
    from tieline.store.pool import Rows
    from tieline.store.services import hooks, notifications, notifying
    from tieline.store.team.models import Member

    admins(firm)
    with workspace_tx(firm.workspace):
        Member.objects.filter(workspace_id=firm.workspace, user=firm.other).update(role="member")
    made, _ = hooks.make(firm.workspace, firm.user, "Warehouse", "https://hooks.example.com/in", ["case.opened"])
    hooks.test(firm.workspace, firm.user, made.id)
    rows = Rows(installation.app)
    try:
        for one in outgoing.claim(rows, sealing.installed(), 1000):  # others' too: they are sent again later
            if one.hook == made.id:
                outgoing.failed(rows, one, 410, outgoing.REFUSED)
            else:
                outgoing.release(rows, one)
    finally:
        rows.close()
    notifying.work()
    assert notifications.unread(firm.workspace, firm.user) == 1
    assert notifications.unread(firm.workspace, firm.other) == 0
    (mail,) = sink.took
    assert str(mail["To"]) == firm.user.email
    assert "Warehouse" in mail["Subject"]
    assert "410" in mail["Subject"]


@pytest.mark.proves("HUB-4")
def test_questions_are_counted_together_and_go_into_the_digest(firm: Firm, sink: Sink) -> None:
    from tieline.store.services import notifications, notifying

    admins(firm)
    source, target = phones(firm), crm(firm)
    for n in range(3):
        question(firm, source, target, f"+3361234567{n}")
    notifying.work()
    question(firm, source, target, "+33612345679")
    question(firm, source, target, "+33612345680", state="parked")
    notifying.work()
    told = {one.kind: one.times for one in notifications.listed(firm.workspace, firm.user)}
    assert told == {"question": 5, "stopped": 1}
    assert sink.took == []
    make_due(firm, user=firm.user)
    notifying.work()
    assert [str(one["To"]) for one in sink.took] == [firm.user.email]  # one e-mail for both
    assert notifications.read_all(firm.workspace, firm.user) == 2
    assert notifications.unread(firm.workspace, firm.user) == 0
    assert notifications.unread(firm.workspace, firm.other) == 2


def test_what_was_read_is_not_in_the_digest(firm: Firm, sink: Sink) -> None:
    from tieline.store.services import notifications, notifying

    admins(firm)
    question(firm, phones(firm), crm(firm), "+33612345678")
    notifying.work()
    notifications.read_all(firm.workspace, firm.user)
    make_due(firm, user=firm.user)
    notifying.work()
    assert sink.took == []


@pytest.mark.proves("HUB-4")
def test_a_server_that_refuses_is_asked_again_later(firm: Firm, sink: Sink) -> None:
    from django.utils import timezone

    from tieline.store.services import notifying

    admins(firm)
    sink.refuse = True
    reconnect(firm, crm(firm))
    notifying.work()
    rows = mails(firm)
    assert {(one.mail_state, one.attempts) for one in rows} == {("due", 1)}
    assert all(one.mail_due > timezone.now() for one in rows)
    notifying.work()
    assert sink.asked == 2  # one for each of two people, and not again before its time
    sink.refuse = False
    make_due(firm)
    notifying.work()
    notifying.work()
    assert len(sink.took) == 2


@pytest.mark.proves("HUB-4")
def test_an_answer_that_was_not_seen_is_not_sent_again(firm: Firm, sink: Sink) -> None:
    from tieline.store.services import notifying

    admins(firm)
    sink.hang_up = True
    reconnect(firm, crm(firm))
    notifying.work()
    assert {one.mail_state for one in mails(firm)} == {"unknown"}
    sink.hang_up = False
    make_due(firm)
    notifying.work()
    assert (sink.asked, sink.took) == (2, [])


def test_what_was_on_its_way_when_the_process_died_is_not_sent_again(firm: Firm, sink: Sink) -> None:
    from django.utils import timezone

    from tieline.store.connection import workspace_tx
    from tieline.store.models import Notification
    from tieline.store.services import notifications, notifying

    admins(firm)
    reconnect(firm, crm(firm))
    notifications.raise_untold(firm.workspace)
    with workspace_tx(firm.workspace):
        long_ago = timezone.now() - notifying.LOST - timedelta(minutes=1)
        Notification.objects.filter(workspace_id=firm.workspace).update(mail_state="sending", mail_due=long_ago)
    notifying.work()
    assert {one.mail_state for one in mails(firm)} == {"unknown"}
    assert sink.took == []


@pytest.mark.proves("HUB-4")
def test_members_choose_how_they_are_told_and_only_of_what_is_theirs(firm: Firm, sink: Sink) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import notifications, notifying
    from tieline.store.services.declined import DeclinedError
    from tieline.store.team.models import Member

    admins(firm)
    with workspace_tx(firm.workspace):
        Member.objects.filter(workspace_id=firm.workspace, user=firm.other).update(role="member")
        mine = Member.objects.select_related("user").get(workspace_id=firm.workspace, user=firm.user)
        theirs = Member.objects.select_related("user").get(workspace_id=firm.workspace, user=firm.other)
    assert "connection.stopped" not in {one.kind for one in notifications.choices(firm.workspace, firm.other, theirs)}
    for member, wanted in ((theirs, {"connection.stopped": (True, "now")}), (mine, {"question": (True, "hourly")})):
        with pytest.raises(DeclinedError):
            notifications.choose(firm.workspace, member.user, member, wanted)
    notifications.choose(firm.workspace, firm.user, mine, {"question": (False, "now")})
    notifications.choose(firm.workspace, firm.other, theirs, {"question": (False, "no")})
    source, target = phones(firm), crm(firm)
    question(firm, source, target, "+33612345678")
    reconnect(firm, target)
    notifying.work()
    assert [str(one["To"]) for one in sink.took] == [firm.user.email]
    assert notifications.unread(firm.workspace, firm.user) == 1  # the connection; the question came by e-mail alone
    assert notifications.unread(firm.workspace, firm.other) == 0


def test_two_processes_tell_once(firm: Firm, sink: Sink) -> None:
    from django.db import connections as databases

    from tieline.store.services import notifying

    admins(firm)
    reconnect(firm, crm(firm))
    begin = threading.Barrier(2)

    def process() -> None:
        begin.wait(10)
        notifying.work()
        databases.close_all()

    both = [threading.Thread(target=process) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(30)
    notifying.work()
    assert len(sink.took) == 2


@pytest.mark.proves("HUB-4")
def test_what_is_odd_in_one_company_keeps_no_other_from_being_told(firm: Firm, sink: Sink) -> None:
    from tieline.store.services import notifying
    from tieline.store.team import people
    from tieline.store.team.models import Workspace

    admins(firm)
    question(firm, phones(firm), crm(firm), "+33612345678")  # goes into a digest, at an hour of its company's zone
    Workspace.objects.filter(pk=firm.workspace).update(zone="Mars/Olympus")
    place = people.create_workspace("Another company")
    another = Firm(place.pk, firm.user, firm.other)
    admins(another)
    reconnect(another, crm(another))
    try:
        for _ in range(2):
            notifying.work()
        assert {one.mail_state for one in mails(another)} == {"sent"}
        assert mails(firm) == []
    finally:
        Workspace.objects.filter(pk=firm.workspace).update(zone="UTC")
    notifying.work()
    assert [one.kind for one in mails(firm)] == ["question", "question"]


@pytest.mark.proves("HUB-4")
def test_an_e_mail_that_cannot_be_made_keeps_no_other_back(
    firm: Firm, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.store.services import notifying

    make = notifying._message

    def odd(user: Any, *rest: Any) -> Any:
        if user.pk == firm.user.pk:
            raise ValueError("odd")
        return make(user, *rest)

    monkeypatch.setattr(notifying, "_message", odd)
    admins(firm)
    reconnect(firm, crm(firm))
    notifying.work()
    assert {one.user_id: one.mail_state for one in mails(firm)} == {firm.user.pk: "failed", firm.other.pk: "sent"}


def test_the_thread_comes_round_by_itself(firm: Firm, sink: Sink) -> None:
    from tieline.store.services.notifying import Notifying

    admins(firm)
    reconnect(firm, crm(firm))
    thread = Notifying(every_s=0.05)
    thread.start()
    try:
        while len(sink.took) < 2:
            threading.Event().wait(0.05)  # the test's own limit of time ends it
    finally:
        thread.stop()
    assert sorted(str(one["To"]) for one in sink.took) == sorted([firm.user.email, firm.other.email])


def test_what_was_told_long_ago_goes_and_what_is_stopped_is_not_told_twice(
    firm: Firm, installation: Installation
) -> None:
    from django.utils import timezone

    from tieline.jobs import chores
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Notification, ToldStop
    from tieline.store.pool import Rows
    from tieline.store.services import notifications

    admins(firm)
    source, target = phones(firm), crm(firm)
    gone, _ = question(firm, source, target, "+33612345678", state="parked")
    question(firm, source, target, "+33612345679", state="parked")
    notifications.raise_untold(firm.workspace)
    with workspace_tx(firm.workspace):
        gone.state = "done"
        gone.save()
        mine = Notification.objects.filter(workspace_id=firm.workspace)
        mine.filter(user=firm.user).update(last_at=timezone.now() - timedelta(days=91))
    rows = Rows(installation.app, idle=1, name="test")
    try:
        chores.clean_up(rows)
    finally:
        rows.close()
    with workspace_tx(firm.workspace):
        assert {one.user_id for one in Notification.objects.filter(workspace_id=firm.workspace)} == {firm.other.pk}
        assert ToldStop.objects.filter(workspace_id=firm.workspace).count() == 1
    assert notifications.raise_untold(firm.workspace) == 0
