"""What a session remembers of its sign-in, and how a browser is called: "Firefox on Windows"."""

from __future__ import annotations

import re
from typing import Any

from allauth.account.signals import password_changed
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.translation import gettext as _

from tieline.store.team import sessions
from tieline.store.team.models import User

_BROWSERS = (
    ("Edge", r"\bEdg(?:e|A|iOS)?/"),
    ("Opera", r"\bOPR/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Firefox", r"\b(?:Firefox|FxiOS)/"),
    ("Chrome", r"\b(?:Chrome|CriOS|HeadlessChrome)/"),
    ("Safari", r"\bSafari/"),
)
_SYSTEMS = (
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("Windows", r"\bWindows\b"),
    ("macOS", r"\bMac OS X\b|\bMacintosh\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("Linux", r"\bLinux\b"),
)


@receiver(user_logged_in, dispatch_uid="tieline.session_of")
def remember(request: HttpRequest, **kwargs: Any) -> None:
    """Put into the new session which browser it is and where it signed in from."""
    device = request.META.get("HTTP_USER_AGENT", "")
    request.session[sessions.SIGNED_IN] = sessions.described(device, request.META.get("REMOTE_ADDR", "") or "")


@receiver(password_changed, dispatch_uid="tieline.password_changed")
def end_others(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """A new password ends every other session: their rows go, so that the list tells the truth at once."""
    sessions.end_others(user.pk, request.session.session_key)


def called(device: str) -> str:
    """What people call a browser that names itself so."""
    browser = next((name for name, mark in _BROWSERS if re.search(mark, device)), "")
    system = next((name for name, mark in _SYSTEMS if re.search(mark, device)), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("A browser that does not say what it is")
