"""The audit log's page, and the same as a file."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tieline.store import public_ids
from tieline.store.services import audit as service
from tieline.store.services import team
from tieline.store.services.audit import Filters, Line
from tieline.web import permissions
from tieline.web.audit import words
from tieline.web.parts.pager import Page
from tieline.web.request import PageRequest


@dataclass(frozen=True, slots=True)
class Shown:
    """A line as the page shows it."""

    line: Line
    who: str
    said: str
    about: str


@permissions.needs("audit.see")
@require_safe
def audit(request: PageRequest) -> HttpResponse:
    """Newest first, with filters."""
    ids = public_ids.of("audit")
    filters = _filters(request.GET)
    before = ids.read(request.GET.get("before", ""))
    page = service.lines(request.workspace.pk, filters, before)
    asked = _asked(request.GET)
    older = f"?{urlencode([*asked, ('before', ids.show(page.older))])}" if page.older is not None else ""
    members = public_ids.of("user")
    context = {
        "lines": [_shown(one) for one in page.lines],
        "page": Page((), newer=f"?{urlencode(asked)}" if before is not None else "", older=older),
        "people": [(members.show(one.user), one.name) for one in team.members(request.workspace.pk)],
        "subjects": sorted(((key, str(name)) for key, name in words.SUBJECTS.items()), key=lambda pair: pair[1]),
        "asked": {name: request.GET.get(name, "") for name in ("who", "about", "since", "until")},
        "narrowed": filters != Filters(),
        "file": f"?{urlencode(asked)}",
    }
    return render(request, "audit/audit.html", context)


@permissions.needs("audit.see")
@require_safe
def export(request: PageRequest) -> HttpResponse:
    """What the filters leave as a CSV file, at most 50,000 lines."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow([_("Time"), _("Who"), _("E-mail"), _("What"), _("Kind")])
    for line in service.everything(request.workspace.pk, _filters(request.GET)):
        shown = _shown(line)
        at = timezone.localtime(line.at).isoformat(timespec="seconds")
        rows.writerow([_cell(one) for one in (at, shown.who, line.email, shown.said, line.action)])
    response = HttpResponse("\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="audit-{request.workspace.key}.csv"'
    return response


def _cell(text: str) -> str:
    """A spreadsheet reads =, +, - and @ at the beginning as a formula: an apostrophe makes it text."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _shown(line: Line) -> Shown:
    return Shown(line, words.by(line.who, line.user), words.said(line.action, line.params), words.subject(line.action))


def _asked(query: QueryDict) -> list[tuple[str, str]]:
    return [(name, query.get(name, "")) for name in ("who", "about", "since", "until") if query.get(name)]


def _filters(query: QueryDict) -> Filters:
    """From an address; what makes no sense there narrows nothing."""
    who = query.get("who", "")
    user = 0 if who == "tieline" else public_ids.of("user").read(who)
    about = query.get("about", "")
    return Filters(
        user=user,
        subject=about if about in words.SUBJECTS else "",
        since=_day(query.get("since", "")),
        until=_day(query.get("until", "")),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
