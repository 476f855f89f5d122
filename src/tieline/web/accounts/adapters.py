"""How allauth behaves here: nobody signs up, secrets of second factors are encrypted at rest, messages are ours."""

from __future__ import annotations

from functools import lru_cache

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from tieline.store.team.memberships import memberships


class Accounts(DefaultAccountAdapter):
    """Sign-in by e-mail and password, for people who were let in."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "account_inactive": _("This account is switched off. Ask a super admin."),
        "email_password_mismatch": _("E-mail and password do not belong together. Check both and try again."),
        "enter_current_password": _("This is not your current password."),
        "incorrect_password": _("This is not your password."),
        "too_many_login_attempts": _("Too many attempts for this address. Wait five minutes, then try again."),
        "rate_limited": _("Too many attempts. Wait a few minutes, then try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth names it
        """Nobody makes an account by themselves: the first comes by the server's link, the others by invitation."""
        return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002
        """Back to one's own page."""
        return reverse("me")


@lru_cache(maxsize=1)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


class SecondFactor(DefaultMFAAdapter):
    """The seeds of authenticator apps and recovery codes are kept encrypted by the key file, current key first."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "cannot_delete_authenticator": _("A workspace of yours lets nobody in without a second factor."),
        "incorrect_code": _("This code is not right, or it has run out. Enter the one that the app shows now."),
    }

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Not while a workspace of its owner lets nobody in without one."""
        needed = any(one.workspace.second_factor for one in memberships(authenticator.user))
        return not needed

    def encrypt(self, text: str) -> str:
        """A Fernet token under the current key."""
        return _box(tuple(settings.TIELINE_SECRET_KEYS)).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """What `encrypt` was given, under any of the keys."""
        return _box(tuple(settings.TIELINE_SECRET_KEYS)).decrypt(encrypted_text.encode()).decode()
