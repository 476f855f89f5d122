"""/parts/: every part of the pages in one place, for people who build pages and for the tests that look at them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from tieline.web import permissions
from tieline.web.parts.chart import Bar
from tieline.web.parts.pager import Page
from tieline.web.parts.words import hour_span

_DAY = ((8, 18, 0, 0), (9, 33, 3, 0), (10, 41, 0, 0), (11, 38, 0, 0), (12, 19, 0, 0), (13, 33, 0, 0), (14, 23, 0, 6))


class Agreement(forms.Form):
    """A form with a good field, a bad one, a choice and a switch. Its words are samples and stay English."""

    number = forms.CharField(
        label="Agreement number", help_text="In e-conomic under Settings, Company. Six or seven digits."
    )
    token = forms.CharField(label="Agreement grant token", widget=forms.PasswordInput(render_value=True))
    note = forms.CharField(label="Note", required=False)
    both = forms.ChoiceField(
        label="When both sides change a field",
        choices=[("ask", "Ask"), ("newest", "The newest wins (within 2 s: ask)")],
        widget=forms.RadioSelect,
    )
    live = forms.BooleanField(label="Write to the CRM", required=False, help_text="Off: decides, writes nothing.")

    def clean_token(self) -> str:
        """Always refused, to show how that looks."""
        raise forms.ValidationError(
            "e-conomic refused this token: the API module is not active. Switch it on in e-conomic, then check again."
        )


def _bars(hours: tuple[tuple[int, int, int, int], ...]) -> list[Bar]:
    return [Bar(hour_span(hour), done, failed, waiting, url=f"?hour={hour}") for hour, done, failed, waiting in hours]


@require_safe
@permissions.needs("home.see")
def parts(request: HttpRequest) -> HttpResponse:
    """All parts."""
    now = timezone.now()
    if "toast" in request.GET:
        messages.success(request, "Settled: new organisation for Skovly Dental.")
    context: dict[str, Any] = {
        "form": Agreement({"number": "512 883", "token": "x", "both": "ask"}),
        "bars": _bars(_DAY),
        "long_bars": _bars(tuple((hour, (hour * 7) % 23, int(hour % 5 == 0), int(hour == 23)) for hour in range(24))),
        "tiles": [
            {"count": 31, "label": "new contacts", "url": "#"},
            {"count": 9, "label": "leads", "url": "#"},
            {"count": 4, "label": "deals", "url": "#"},
            {"count": 22, "label": "tasks", "url": "#"},
            {"count": 1148, "label": "logged only", "url": "#"},
        ],
        "lines": [
            ("SipSim", "Zoho CRM", "fail", "Signature refused", 4804, 5000, False),
            ("Anchor", "Karbon", "ok", "Healthy", 86, 3000, False),
            ("Zoho CRM", "e-conomic", "wait", "18 differ", 4131, 10000, True),
            ("Visits", "Zoho CRM", "watch", "Watching", 14, 5000, False),
            ("Visits", "Tryton", "off", "Off", 0, 5000, False),
        ],
        "times": [
            now - timedelta(seconds=12),
            now - timedelta(hours=2),
            now - timedelta(days=40),
            now - timedelta(days=500),
        ],
        "page": Page([], newer="?after=x", older="?before=x"),
        "tabs": [
            {"url": "#", "label": "Managers"},
            {"url": "#", "label": "Accounts and leads", "here": True, "trouble": True},
            {"url": "#", "label": "Contacts"},
            {"url": "#", "label": "Try it"},
        ],
        "steps": [
            {"label": "Choose", "sub": "Pipedrive", "done": True},
            {"label": "What happens", "here": True},
            {"label": "Connect"},
            {"label": "Release"},
        ],
        "pairs": [("Account", "Zoho CRM 4401"), ("Customer since", "2023")],
        "number": "+33186765432",
        "now": now,
    }
    return render(request, "pages/parts.html", context)


@require_safe
@permissions.needs("home.see")
def live(request: HttpRequest) -> HttpResponse:
    """What a live part fetches: the time."""
    return render(request, "pages/parts_live.html", {"now": timezone.now()})


@require_safe
@permissions.needs("home.see")
def fail(request: HttpRequest) -> HttpResponse:
    """Breaks on purpose, to see the page that people then get."""
    raise RuntimeError("asked for")
