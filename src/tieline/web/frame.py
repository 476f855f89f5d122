"""What every page needs for the frame around it, as a template context."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import translation

from tieline.store.team.models import Theme, User
from tieline.web import nav


def initials(user: User) -> str:
    """Two letters for the round mark: of the first and last word of the name, else of the address."""
    words = user.name.split()
    if not words:
        return user.email[:2].upper()
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context of `base.html`. Nothing here may fail on an error page, where a part of the request may be missing."""
    user = getattr(request, "user", None)
    language = translation.get_language() or "en"
    known = user is not None and user.is_authenticated
    theme = getattr(request, "theme", Theme.SYSTEM)
    menu = nav.lines(request) if known else []
    try:
        search = reverse("search") if menu else ""
    except NoReverseMatch:
        search = ""
    phone = nav.phone_lines(menu)
    elsewhere = not any(line.here for line in phone)
    return {
        "frame": {
            "menu": menu,
            "phone": phone,
            "phone_elsewhere": elsewhere,  # then "More" is where one is
            "state": nav.state_for(request) if menu else None,
            "theme": "" if theme == Theme.SYSTEM else theme,
            "bell": nav.rung(request) if menu else None,
            "theme_choice": theme,
            "shortcuts": getattr(request, "shortcuts", True),
            "languages": settings.LANGUAGES,
            "language": language,
            "language_name": dict(settings.LANGUAGES).get(language, language),
            "path": request.get_full_path() if request.method == "GET" else request.path,
            "initials": initials(user) if user is not None and known else "",
            "search": search,
            "workspace": getattr(request, "workspace", None),
            "workspaces": getattr(request, "memberships", []),
            "known": known,
        },
    }
