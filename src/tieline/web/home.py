"""Home: what needs the reader first, what went well in one line. And the phone's "More"."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage
from django.db.models import Count, Max
from django.db.models.functions import ExtractHour
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from tieline.store.connection import workspace_tx
from tieline.store.models import (
    Connection,
    FlowSetting,
    FlowSource,
    InboxItem,
    InboxState,
    Operation,
    RefusedDelivery,
    Run,
    Subject,
    SyncPair,
    SyncRun,
)
from tieline.store.services import customers, inbox
from tieline.store.services import health as vital
from tieline.store.services.health import Health
from tieline.web import nav, permissions
from tieline.web.connections import words as connection_words
from tieline.web.connections.shown import page_url
from tieline.web.home_ways import Way, see, ways
from tieline.web.inbox import asked
from tieline.web.inbox.shapes import Entry
from tieline.web.parts import words
from tieline.web.parts.chart import Bar
from tieline.web.request import PageRequest
from tieline.web.runs import rows
from tieline.web.runs.filters import Filters
from tieline.web.runs.lines import names
from tieline.web.words import next_step, say

WAITING_SHOWN = 4
_DONE = frozenset({"done", "nothing", "watched", "superseded"})
_WAITING = frozenset({"asked", "applying"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, what Tieline did, what to do."""

    title: str
    text: str
    label: str
    url: str


@dataclass(slots=True)
class Today:
    """Everything of the part of the page that moves."""

    calls: int = 0
    tiles: list[dict[str, Any]] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    waiting: list[Entry] = field(default_factory=list)
    questions: int = 0
    ways: list[Way] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    mark: str = ""
    watching: bool = False


@require_safe
@permissions.signed_in
def home(request: PageRequest) -> HttpResponse:
    """The first page of a workspace; who is in none is told whom to ask."""
    if request.usual_member is None:
        return render(request, "pages/no_workspace.html")
    if request.workspace_key is None:
        return HttpResponseRedirect(f"/w/{request.usual_member.workspace.key}/")
    found = today(request.workspace.pk)
    context = {
        "now": timezone.now(),
        "greeting": greeting(request),
        "said": said(found),
        "today": found,
        "connected": bool(found.ways),
        "next_step": next_page(request),
        "runs_today": Filters().address(day=timezone.localdate()),
    }
    return render(request, "home/home.html", context)


@permissions.needs("home.see")
@require_safe
def live(request: PageRequest) -> HttpResponse:
    """The part that moves, again; 204 while nothing did."""
    with workspace_tx(request.workspace.pk):
        now = mark(request.workspace.pk)
    if now == request.GET.get("mark", ""):
        return HttpResponse(status=204)
    found = today(request.workspace.pk)
    context = {"today": found, "runs_today": Filters().address(day=timezone.localdate()), "polled": True}
    return render(request, "home/live.html", {**context, "greeting": greeting(request), "said": said(found)})


def today(workspace: int) -> Today:
    """What came in since midnight by the workspace's clock, what waits, how the connections do."""
    start = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    out = Today()
    with workspace_tx(workspace):
        out.mark = mark(workspace)
        hours = _hours(workspace, start)
        _fill(out, workspace, start, hours)
        groups = inbox.groups(workspace, limit=100)
        known = names(workspace)
        out.questions = sum(len(group.cases) for group in groups if group.waits)
        out.waiting = [asked.entry(group, known) for group in groups][:WAITING_SHOWN]
        healths = vital.healths(workspace)
        flows = list(FlowSetting.objects.filter(workspace_id=workspace).select_related("target"))
        sources = list(FlowSource.objects.filter(workspace_id=workspace).values_list("setting_id", "source_id"))
    out.ways = ways(healths, flows, sources, customers.pairs(workspace))
    out.troubles = [
        *_silent(),
        *(trouble for row, health in healths if (trouble := _trouble(row, health)) is not None),
    ]
    out.watching = any(flow.version and not flow.live for flow in flows)
    return out


def mark(workspace: int) -> str:
    """Changes when anything on the page does: a few short queries instead of the whole page. Inside `workspace_tx`."""
    runs = Run.objects.filter(workspace_id=workspace)
    items = InboxItem.objects.filter(workspace_id=workspace, state=InboxState.OPEN)
    connections = Connection.objects.filter(workspace_id=workspace).order_by("pk")
    pairs = SyncPair.objects.filter(workspace_id=workspace)
    seen = [
        timezone.localdate().isoformat(),
        runs.order_by("-started_at", "-id").values_list("id", flat=True).first(),
        runs.filter(state="applying").count(),
        items.aggregate(Count("id"), Max("last_at")),
        Subject.objects.filter(workspace_id=workspace, state="parked").count(),
        list(connections.values_list("pk", "state", "trouble_since", "paused_until", "budget__requests")),
        RefusedDelivery.objects.filter(workspace_id=workspace).aggregate(Max("id")),
        list(FlowSetting.objects.filter(workspace_id=workspace).values_list("pk", "state", "live", "version")),
        list(pairs.values_list("pk", "state", "on", "live", "trouble_since").order_by("pk")),
        SyncRun.objects.filter(workspace_id=workspace).aggregate(Max("id"), Max("moved_at")),
        vital.silent_intakes(),
    ]
    return f"{zlib.crc32(repr(seen).encode()):x}"


def _hours(workspace: int, start: datetime) -> list[tuple[int, str, int]]:
    counted = (
        Run.objects.filter(workspace_id=workspace, started_at__gte=start, started_at__lt=start + timedelta(days=1))
        .exclude(state="superseded")
        .annotate(hour=ExtractHour("started_at", tzinfo=timezone.get_current_timezone()))
        .order_by()
        .values_list("hour", "state")
        .annotate(Count("id"))
    )
    return sorted((hour, state, count) for hour, state, count in counted)


def _fill(out: Today, workspace: int, start: datetime, hours: list[tuple[int, str, int]]) -> None:
    day = timezone.localdate()
    by_hour: dict[int, tuple[int, int, int]] = {}  # done, failed, waiting: as a bar takes them
    for hour, state, count in hours:
        done, failed, waiting = by_hour.get(hour, (0, 0, 0))
        if state in _DONE:
            done += count
        elif state in _WAITING:
            waiting += count
        else:
            failed += count
        by_hour[hour] = (done, failed, waiting)
        out.calls += count
    if by_hour:
        first, last = min([*by_hour, 8]), max([*by_hour, 17])
        out.bars = [
            Bar(words.hour_span(hour), *counts, reverse("runs") + Filters().address(day=day, hour=hour))
            for hour in range(first, last + 1)
            for counts in [by_hour.get(hour, (0, 0, 0))]
        ]
    made: dict[str, int] = dict(
        Operation.objects.filter(
            workspace_id=workspace, verb="create", state="done", run__started_at__gte=start, run__workspace_id=workspace
        )
        .order_by()
        .values_list("role")
        .annotate(Count("id"))
    )
    labels = (
        ("contact", ngettext("new contact", "new contacts", made.get("contact", 0))),
        ("lead", ngettext("new lead", "new leads", made.get("lead", 0))),
        ("account", ngettext("new account", "new accounts", made.get("account", 0))),
        ("deal", ngettext("new deal", "new deals", made.get("deal", 0))),
        ("task", ngettext("task", "tasks", made.get("task", 0))),
        ("call", ngettext("call logged", "calls logged", made.get("call", 0))),
    )
    out.tiles = [
        {"count": made.get(role, 0), "label": label, "url": reverse("runs") + Filters().address(day=day, made=role)}
        for role, label in labels
        if made.get(role) or role in ("lead", "task", "call")
    ]


# -- connections --------------------------------------------------------------------------------------------------------


def _trouble(row: Connection, health: Health) -> Trouble | None:
    if health.kind != "fail":
        return None
    _step, url = see(row, health)
    reason = health.trouble
    if reason is None and health.last is not None:
        reason = health.last.reason
    step = next_step(reason)
    word = str(connection_words.HEALTH.get(health.word, health.word))
    title = words.titled(row.title, say(reason) if reason else word)
    return Trouble(title, step.text, _("Fix it"), url)


def _silent() -> list[Trouble]:
    """Processes that took deliveries and are not heard of."""
    text = _(
        "Nobody has taken its place. Start “tieline serve” or “tieline intake” there again. Most phone systems send what was not"
        " taken once more; the rest comes from their call lists."
    )
    return [
        Trouble(
            _("On %(host)s nothing takes deliveries since %(time)s") % {"host": one.host, "time": words.short(one.since)},
            text, "", "",
        )
        for one in vital.silent_intakes()
    ]  # fmt: skip


# -- words --------------------------------------------------------------------------------------------------------------


def greeting(request: PageRequest) -> str:
    """Good morning, afternoon or evening by the workspace's clock, with the first name."""
    hour = timezone.localtime().hour
    name = (request.user.name.split() or [request.user.email])[0]
    if 5 <= hour < 12:
        return _("Good morning, %(name)s.") % {"name": name}
    if 12 <= hour < 18:
        return _("Good afternoon, %(name)s.") % {"name": name}
    return _("Good evening, %(name)s.") % {"name": name}


def said(found: Today) -> str:
    """What waits, behind the greeting."""
    if not found.questions:
        return _("Nothing waits for you.") if found.ways else ""
    text = ngettext("%(count)s question waits for you.", "%(count)s questions wait for you.", found.questions)
    return text % {"count": words.number(found.questions)}


def next_page(request: HttpRequest) -> Mapping[str, str] | None:
    """The one next step on an empty home page: the wizard, else the connections."""
    for name, label in (
        ("start", _("Set Tieline up")),
        ("welcome", _("Set Tieline up")),
        ("connections", _("Connect the first system")),
    ):
        url = page_url(name)
        if url:
            return {"url": url, "label": label}
    return None


@nav.side_state
def up_to_date(request: HttpRequest) -> nav.SideState | None:
    """The foot of the menu: how far behind everything is."""
    workspace = getattr(request, "workspace", None)
    if workspace is None:
        return None
    with workspace_tx(workspace.pk):
        connections = Connection.objects.filter(workspace_id=workspace.pk).values_list("pk", flat=True)
        going = sum(1 for one in rows.open_subjects(workspace.pk, connections) if one.state != "parked")
        stopped = Subject.objects.filter(workspace_id=workspace.pk, state="parked").count()
    line = ngettext("%(count)s call open", "%(count)s calls open", going) % {"count": words.number(going)}
    if stopped:
        said_stopped = ngettext("%(count)s call stopped", "%(count)s calls stopped", stopped)
        return nav.SideState("fail", _("Needs you"), said_stopped % {"count": words.number(stopped)})
    return nav.SideState("ok", _("Up to date"), line)


@require_safe
@permissions.signed_in
def more(request: HttpRequest) -> HttpResponse:
    """The whole menu as a page, for the phone's bottom bar."""
    return render(request, "pages/more.html")


@require_safe
@permissions.public
def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask here without looking at the page."""
    return HttpResponseRedirect(staticfiles_storage.url("tieline/favicon.svg"))
