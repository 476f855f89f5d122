"""Telling people: rows for what happened, then the e-mails that are due. A thread of the process that serves the pages.

    work() -> int            one round over every workspace that has something; e-mails that left
    Notifying().start()/.stop()

An e-mail goes to the mail server of TIELINE_SMTP_URL, in the reader's language, one for all that is due to one member.
That it is on its way is committed before it leaves: a server that says no, or cannot be reached, is asked again later; where
its answer was not seen, or this process died meanwhile, the e-mail is not sent again (state "unknown"), since nobody can
look whether it arrived. What it says stands in the app in any case.
"""

from __future__ import annotations

import logging
import smtplib
import threading
import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import OperationalError, close_old_connections
from django.db import connection as database
from django.utils import timezone, translation

from tieline.store.connection import workspace_tx
from tieline.store.models import Mail, MailState, Notification
from tieline.store.services import notifications, sentences
from tieline.store.team.models import User, Workspace

log = logging.getLogger(__name__)

EVERY_S = 3.0
AGAIN = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=8))
"""Waits after each refusal; after the last one it is given up."""
LOST = timedelta(minutes=10)
"""After so long an e-mail that was on its way is nobody's any more."""


def work() -> int:
    """One round. Any number of processes may do it at once."""
    with database.cursor() as cursor:
        cursor.execute("SELECT workspace FROM store_notify_due()")
        found = [row[0] for row in cursor.fetchall()]
    sent = 0
    for workspace in found:
        try:
            notifications.raise_untold(workspace)
            sent += deliver(workspace)
        except OperationalError:
            raise  # the database is away: so it is for the others
        except Exception as error:  # noqa: BLE001  what one company has odd keeps no other from being told
            log.warning("people of workspace %s cannot be told: %s", workspace, type(error).__name__)
    return sent


def deliver(workspace: int) -> int:
    """The e-mails that are due in a workspace; how many left."""
    with workspace_tx(workspace):
        mine = Notification.objects.filter(workspace_id=workspace)
        mine.filter(mail_state=MailState.SENDING, mail_due__lt=timezone.now() - LOST).update(
            mail_state=MailState.UNKNOWN
        )
        due = mine.filter(mail_state=MailState.DUE, mail_due__lte=timezone.now())
        due.filter(mail=Mail.DIGEST, read_at__isnull=False).update(mail_state=MailState.NONE)
        people = list(due.values_list("user", flat=True).distinct())
    return sum(_send(workspace, user) for user in people) if settings.TIELINE_MAIL else 0


def _send(workspace: int, user_id: int) -> bool:
    key = uuid.uuid4().hex
    with workspace_tx(workspace):
        due = Notification.objects.select_for_update(skip_locked=True).filter(
            workspace_id=workspace, user=user_id, mail_state=MailState.DUE, mail_due__lte=timezone.now()
        )
        rows = list(due.order_by("last_at")[:200])
        if not rows:
            return False
        attempts = max(row.attempts for row in rows) + 1
        taken = Notification.objects.filter(pk__in=[row.pk for row in rows])
        taken.update(mail_state=MailState.SENDING, mail_key=key, mail_due=timezone.now(), attempts=attempts)
        user, place = User.objects.get(pk=user_id), Workspace.objects.get(pk=workspace)
    try:
        state = _hand_over(_message(user, place, rows, key))
    except Exception as error:  # noqa: BLE001  an address or a text that no e-mail takes: nothing has left, and never will
        log.warning("an e-mail cannot be made: %s", type(error).__name__)
        state = MailState.FAILED
    with workspace_tx(workspace):
        mine = Notification.objects.filter(workspace_id=workspace, mail_key=key, mail_state=MailState.SENDING)
        if state == MailState.DUE and attempts <= len(AGAIN):
            mine.update(mail_state=state, mail_due=timezone.now() + AGAIN[attempts - 1])
        else:
            mine.update(mail_state=MailState.FAILED if state == MailState.DUE else state)
    return state == MailState.SENT


def _message(user: User, place: Workspace, rows: Sequence[Notification], key: str) -> EmailMessage:
    with translation.override(user.language or place.language or "en"):
        lines = [line(row.kind, row.params, row.times) for row in rows]
        address = f"{settings.TIELINE_PUBLIC_URL}/w/{place.key}"
        about = {"workspace": place.name, "count": len(lines)}
        subject = lines[0] if len(lines) == 1 else sentences.say("mail.several", about)
        text = "\n".join(
            [
                *(f"- {one}" for one in lines),
                "",
                sentences.say("mail.look", {"address": f"{address}/inbox/"}),
                sentences.say("mail.choose", {"address": f"{address}/notifications/"}),
                "",
            ]
        )
    heading = " ".join(f"{place.name}: {subject}".split())
    return EmailMessage(heading, text, to=[user.email], headers={"Message-ID": f"<{key}@tieline>"})


def line(kind: str, params: object, times: int) -> str:
    """A notification as one sentence, in the language that is active."""
    said = params if isinstance(params, dict) else {}
    if kind == "notice":
        reason = said.get("reason") or {}
        return sentences.say(str(reason.get("code", "")), reason.get("params") or {})
    return sentences.say(f"told.{kind}", {**said, "times": times})


def _hand_over(message: EmailMessage) -> MailState:
    server = get_connection()
    try:
        server.open()
    except OSError as error:  # smtplib's errors are such: nothing has left
        log.warning("the mail server cannot be reached: %s", type(error).__name__)
        return MailState.DUE
    try:
        server.send_messages([message])
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError) as error:
        log.warning("the mail server did not take an e-mail: %s", type(error).__name__)
        return MailState.DUE
    except OSError as error:
        log.warning("whether the mail server took an e-mail is not known: %s", type(error).__name__)
        return MailState.UNKNOWN
    finally:
        _close(server)
    return MailState.SENT


def _close(server: object) -> None:
    try:
        server.close()
    except OSError:
        log.debug("the mail server had gone")


class Notifying:
    """The thread that comes round."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notifying", daemon=True)

    def start(self) -> None:
        """Begins, after a first wait."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after what it does now; an e-mail that hangs is not waited for."""
        self._stopping.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                work()
            except Exception as error:  # noqa: BLE001  a round that fails is not the last
                log.warning("telling people failed: %s", type(error).__name__)
            finally:
                close_old_connections()
