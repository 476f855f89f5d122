"""Pages of runs: the list with its filters, new ones as they come, one story, trying again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from tieline.store import public_ids
from tieline.store.connection import workspace_tx
from tieline.store.models import Run, SyncPair
from tieline.store.services import inbox
from tieline.web import permissions
from tieline.web.parts import words
from tieline.web.parts.pager import Cursor, pages
from tieline.web.request import PageRequest
from tieline.web.runs import line, rows, stories
from tieline.web.runs.filters import Filters
from tieline.web.runs.line import Line
from tieline.web.runs.lines import names
from tieline.web.words.names import STATES
from tieline.web.words.say import flow_name

MOST_NEW = 50
SHOWN_OUTCOMES = ("done", "applying", "asked", "failed", "watched", "nothing")


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter as a link. `on`: it is in force, and the link takes it away."""

    label: str
    url: str
    on: bool = False


@permissions.needs("runs.see")
@require_safe
def runs(request: PageRequest) -> HttpResponse:
    """Everything that arrived, what was decided, and why; newest first."""
    workspace = request.workspace.pk
    filters = Filters.read(request.GET, request.workspace.country)
    first_page = not request.GET.get("before") and not request.GET.get("after")
    with workspace_tx(workspace):
        page = pages(rows.matching(workspace, filters).defer(*rows.LIGHT), request, "started_at")
        found = rows.with_lines(workspace, page.rows)
        known = names(workspace)
        lines = line.of_runs(found, known)
        open_lines = _open(workspace, filters, found, known) if first_page else []
        start, end = _today()
        counts = rows.by_state(workspace, start, end)
        targets = {row.pk: row.title for row in found.connections.values()}
        has_pairs = SyncPair.objects.filter(workspace_id=workspace).exclude(state="ended").exists()
    context = {
        "has_pairs": has_pairs,
        "lines": lines,
        "open": open_lines,
        "page": page,
        "filters": filters,
        "chips": _chips(filters, counts),
        "connections": sorted(targets.items(), key=lambda one: one[1].casefold()),
        "flows": [(name, flow_name(name)) for name in _flows()],
        "today": sum(counts.values()),
        "new_url": _new_url(request, page.rows, lines, open_lines) if first_page else "",
        "country": request.workspace.country,
        "may_replay": permissions.may(request.member, "runs.replay"),
        "day": filters.day.isoformat() if filters.day else "",
        "number": words.phone(filters.number),
        "may_undo": _may_undo(request),
        "narrowed": filters.address() if filters.any else "",
    }
    return render(request, "runs/list.html", context)


@permissions.needs("runs.see")
@require_safe
def new(request: PageRequest) -> HttpResponse:
    """What came since the page was opened, to be put on top, and lines that moved on. Nothing new: 204."""
    workspace = request.workspace.pk
    filters = Filters.read(request.GET, request.workspace.country)
    since = Cursor.read(request.GET.get("since", ""))
    moving = [one for one in request.GET.get("moving", "").split(",") if one][:120]
    run_ids = [id for one in moving if (id := public_ids.of("run").read(one)) is not None]
    call_ids = {id: one for one in moving if (id := public_ids.of("call").read(one)) is not None}
    with workspace_tx(workspace):
        fresh = rows.matching(workspace, filters).defer(*rows.LIGHT)
        if since is not None:
            fresh = fresh.filter(started_at__gte=since.value - timedelta(seconds=30), pk__gt=since.pk)
        arrived = list(fresh.order_by("-started_at", "-pk")[:MOST_NEW])
        moved = list(
            Run.objects.filter(workspace_id=workspace, pk__in=run_ids).exclude(state="applying").defer(*rows.LIGHT)
        )
        known = names(workspace)
        found = rows.with_lines(workspace, [*arrived, *moved])
        lines = {run.pk: one for run, one in zip(found.runs, line.of_runs(found, known), strict=True)}
        now_open = _open(workspace, filters, found, known)
    still = {one.id for one in now_open}
    gone = [one for one in call_ids.values() if one not in still]
    came = [one for one in now_open if one.id not in moving]
    if not (arrived or moved or gone or came):
        return HttpResponse(status=204)
    top = [lines[run.pk] for run in arrived]
    left = [lines[run.pk] for run in moved]
    newest = max(arrived, key=lambda run: run.pk, default=None)
    cursor = Cursor(newest.started_at, newest.pk) if newest is not None else since
    settled = {one.id for one in left}
    still_moving = [one for one in moving if one not in settled and one not in gone]
    still_moving += [one.id for one in (*top, *came) if one.moving]
    query = request.GET.copy()
    query["since"] = cursor.text() if cursor is not None else ""
    query["moving"] = ",".join(still_moving)
    return render(
        request,
        "runs/new.html",
        {
            "top": top,
            "left": left,
            "gone": gone,
            "came": came,
            "new_url": f"{reverse('runs-new')}?{query.urlencode()}",
            "said": _said(len(top)),
        },
    )


@permissions.needs("runs.see")
@require_safe
def run(request: PageRequest, shown: str) -> HttpResponse:
    """A run on a page of its own."""
    opened = stories.of_run(request.workspace.pk, shown)
    if opened is None:
        raise Http404
    context = {"line": opened.line, "story": opened.story, "alone": True, "may_undo": _may_undo(request)}
    return render(request, "runs/run.html", context)


@permissions.needs("runs.see")
@require_safe
def story(request: PageRequest, shown: str) -> HttpResponse:
    """The opened part of a line."""
    opened = stories.of_run(request.workspace.pk, shown)
    if opened is None:
        raise Http404
    context = {"line": opened.line, "story": opened.story, "may_undo": _may_undo(request)}
    return render(request, "runs/story.html", context)


@permissions.needs("runs.see")
@require_safe
def call(request: PageRequest, shown: str) -> HttpResponse:
    """A call that has no run yet; the newest run of one that has."""
    found = stories.of_call(request.workspace.pk, shown)
    if found is None:
        raise Http404
    if isinstance(found, Run):
        return HttpResponseRedirect(reverse("runs-run", args=[line.run_id(found.pk)]))
    return render(request, "runs/run.html", {"line": found.line, "story": found.story, "alone": True})


@permissions.needs("runs.see")
@require_safe
def call_story(request: PageRequest, shown: str) -> HttpResponse:
    """The opened part of such a call's line."""
    found = stories.of_call(request.workspace.pk, shown)
    if found is None:
        raise Http404
    if isinstance(found, Run):  # decided while the reader looked at the line
        return story(request, line.run_id(found.pk))  # type: ignore[return-value]
    return render(request, "runs/story.html", {"line": found.line, "story": found.story})


@permissions.needs("runs.retry")
@require_POST
def retry(request: PageRequest, shown: str) -> HttpResponse:
    """A call that stopped is decided anew."""
    id = public_ids.of("call").read(shown)
    if id is None:
        raise Http404
    if inbox.retry(request.workspace.pk, request.user, id):
        messages.success(request, _("Tried again: it is decided anew now."))
    else:
        messages.info(request, _("It goes on already; somebody was faster."))
    back = request.POST.get("next", "")
    safe = back.startswith("/") and not back.startswith("//") and "\\" not in back
    return HttpResponseRedirect(back if safe else reverse("runs-call", args=[shown]))


# -- what stands around the list ----------------------------------------------------------------------------------------


def _open(workspace: int, filters: Filters, found: rows.Rows, known: Any) -> list[Line]:
    narrowed = filters.number or filters.record or filters.connection or filters.day or filters.made
    if narrowed or filters.outcome not in ("", "failed", "applying"):
        return []
    subjects = rows.open_subjects(workspace, found.connections)
    if filters.flow:
        subjects = [one for one in subjects if one.flow == filters.flow]
    if filters.outcome:
        stopped = filters.outcome == "failed"
        subjects = [one for one in subjects if (one.state == "parked") == stopped]
    return [line.of_subject(one, found.connections, known) for one in subjects]


def _may_undo(request: PageRequest) -> bool:
    return permissions.may(request.member, "runs.undo")


def _today() -> tuple[datetime, datetime]:
    start = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return start, start + timedelta(days=1)


def _chips(filters: Filters, counts: dict[str, int]) -> list[Chip]:
    today = timezone.localdate()
    on_today = filters.day == today
    chips = [
        Chip(
            _("Today, %(count)s") % {"count": words.number(sum(counts.values()))},
            filters.address(day=None if on_today else today, hour=None),
            on_today,
        )
    ]
    for outcome in SHOWN_OUTCOMES:
        on = filters.outcome == outcome
        count = counts.get(outcome, 0)
        label = str(STATES[outcome][1])
        if count:
            label = f"{label} {words.number(count)}"
        chips.append(Chip(label, filters.address(outcome="" if on else outcome), on))
    return chips


def _flows() -> list[str]:
    from tieline.store.services import flows

    return list(flows.found())


def _new_url(request: PageRequest, page: Any, lines: list[Line], open_lines: list[Line]) -> str:
    query = request.GET.copy()
    newest = max(page, key=lambda run: run.pk, default=None)
    first = Cursor(newest.started_at, newest.pk) if newest is not None else Cursor(timezone.now(), 0)
    query["since"] = first.text()
    query["moving"] = ",".join(one.id for one in (*lines, *open_lines) if one.moving)
    return f"{reverse('runs-new')}?{query.urlencode()}"


def _said(count: int) -> str:
    from django.utils.translation import ngettext

    return ngettext("%(count)s new run", "%(count)s new runs", count) % {"count": words.number(count)} if count else ""
