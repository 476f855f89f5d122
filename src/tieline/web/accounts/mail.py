"""E-mails about accounts: an invitation, a new password. Plain text; sent beside the request, so that how long an answer takes
tells nobody whether there was anything to send.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import close_old_connections
from django.utils import translation
from django.utils.translation import gettext as _

from tieline.store.team.models import User
from tieline.web.accounts import links

log = logging.getLogger(__name__)
_sending = ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail")


def is_set() -> bool:
    """Whether this installation can send e-mails (TIELINE_SMTP_URL)."""
    return bool(settings.TIELINE_MAIL)


def send_invitation(to: str, workspace: str, inviter: str, address: str) -> bool:
    """Send an invitation now; False when the mail server did not take it."""
    subject = _("%(inviter)s invites you to %(workspace)s on Tieline") % {"inviter": inviter, "workspace": workspace}
    text = _(
        "%(inviter)s invites you to work in “%(workspace)s” on Tieline.\n\n"
        "Open this link to join. It works once and is for this address only:\n%(address)s\n\n"
        "If you did not expect this, do nothing."
    ) % {"inviter": inviter, "workspace": workspace, "address": address}
    return _hand_over(to, subject, text)


def send_new_password(email: str) -> Future[None]:
    """Send the owner of an address a link for a new password, if they have an account. Looked up and sent beside the
    request."""
    language = translation.get_language() or "en"
    return _beside(lambda: _new_password(email, language))


def _new_password(email: str, language: str) -> None:
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None:
        return
    with translation.override(user.language or language):
        text = _(
            "Somebody, hopefully you, asked for a new password on Tieline.\n\n"
            "Open this link to set it. It works once, for one day:\n%(address)s\n\n"
            "If it was not you, do nothing: your password stays."
        ) % {"address": links.new_password(user)}
        _hand_over(user.email, _("A new password for Tieline"), text)


def _beside(work: Callable[[], None]) -> Future[None]:
    def run() -> None:
        try:
            work()
        except Exception:
            log.exception("an e-mail was not sent")
        finally:
            close_old_connections()

    return _sending.submit(run)


def _hand_over(to: str, subject: str, text: str) -> bool:
    try:
        return EmailMessage(" ".join(subject.split()), text + "\n", to=[to]).send() == 1
    except OSError as error:  # smtplib's errors are such; the text and the address are nobody's business in a log
        log.warning("the mail server did not take an e-mail: %s", type(error).__name__)
        return False
