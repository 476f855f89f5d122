"""Addresses of the pages. The workspace's prefix /w/<key>/ is taken off before (`middleware/workspace.py`)."""

from django.conf import settings
from django.urls import include, path

from tieline.web import home, preferences, samples

urlpatterns = [
    path("", home.home, name="home"),
    path("home/live/", home.live, name="home-live"),
    path("more/", home.more, name="more"),
    path("favicon.ico", home.favicon, name="favicon"),
    path("me/", preferences.me, name="me"),
    path("me/language/", preferences.language, name="me-language"),
    path("me/theme/", preferences.theme, name="me-theme"),
    path("", include("tieline.web.connections.urls")),
    path("", include("tieline.web.imports.urls")),
    path("", include("tieline.web.welcome.urls")),
    path("", include("tieline.web.accounts.urls")),
    path("", include("tieline.web.events.urls")),
    path("", include("tieline.web.inbox.urls")),
    path("", include("tieline.web.notifications.urls")),
    path("", include("tieline.web.runs.urls")),
    path("", include("tieline.web.undo.urls")),
    path("", include("tieline.web.search.urls")),
    path("", include("tieline.web.team.urls")),
    path("", include("tieline.web.settings.urls")),
    path("", include("tieline.web.audit.urls")),
    path("", include("tieline.web.tokens.urls")),
    path("", include("tieline.web.calls.urls")),
    path("", include("tieline.web.replay.urls")),
    path("", include("tieline.web.customers.urls")),
]

if settings.DEBUG or getattr(settings, "TIELINE_SAMPLES", False):
    urlpatterns += [
        path("parts/", samples.parts, name="parts"),
        path("parts/live/", samples.live, name="parts-live"),
        path("parts/fail/", samples.fail, name="parts-fail"),
    ]
