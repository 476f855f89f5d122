"""The reader's language and theme: as stored with the user, else as in the cookies of this browser."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation

from tieline.store.team.models import Theme

THEME_COOKIE = "tieline_theme"


class Preferences:
    """Set `request.theme` and `request.shortcuts`, and speak the user's language where they chose one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = request.user
        if user.is_authenticated:
            request.theme, request.shortcuts = user.theme, user.shortcuts  # type: ignore[attr-defined]
            if user.language in dict(settings.LANGUAGES):
                translation.activate(user.language)
                request.LANGUAGE_CODE = user.language
        else:
            asked = request.COOKIES.get(THEME_COOKIE, "")
            request.theme = asked if asked in Theme.values else Theme.SYSTEM  # type: ignore[attr-defined]
            request.shortcuts = True  # type: ignore[attr-defined]
        return self.get_response(request)
