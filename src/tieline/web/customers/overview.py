"""A pair at a glance: what agrees, what does not and why, what moved, its runs; and the switches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tieline.store.services import connections, customers, pair_runs, pair_views, pairs
from tieline.store.services import panel as panels
from tieline.store.services.customers import Pair
from tieline.store.services.declined import DeclinedError
from tieline.store.services.pair_views import Why
from tieline.web import permissions
from tieline.web.connections.words import declined, still_delivers
from tieline.web.customers import runs as run_pages
from tieline.web.customers import shown
from tieline.web.customers import words as own
from tieline.web.customers.addressed import pair_of
from tieline.web.parts import words
from tieline.web.parts.chart import Bar
from tieline.web.request import PageRequest

DAYS: Final = 14
STEPS: Final[dict[str, str | Promise]] = {
    "conflict": gettext_lazy("Choose per field on the customer’s page, or in the inbox."),
    "failing": gettext_lazy("Mend what the other system refused, then finish it on the customer’s page."),
    "pending": gettext_lazy("Say in the inbox what the deletion means."),
    "stopped": gettext_lazy("Nothing: somebody wanted it so."),
    "waiting": gettext_lazy("Nothing: it moves by itself."),
    "asked": gettext_lazy("Answer in the inbox."),
    "excluded": gettext_lazy("Change the record or the rules, and it moves."),
}


@permissions.needs("flows.see")
@require_safe
def overview(request: PageRequest) -> HttpResponse:
    """The first pair, or what to do to have one."""
    found = customers.pairs(request.workspace.pk)
    if found:
        return render(request, "customers/overview.html", _context(request, found[0], found))
    return render(request, "customers/overview.html", {"pair": None, "may_change": _may(request)})


@permissions.needs("flows.see")
@require_safe
def one(request: PageRequest, pair: str) -> HttpResponse:
    """One pair."""
    kept = pair_of(request, pair)
    return render(request, "customers/overview.html", _context(request, kept, customers.pairs(request.workspace.pk)))


@permissions.needs("flows.see")
@require_safe
def live(request: PageRequest, pair: str) -> HttpResponse:
    """The part that moves."""
    return render(request, "customers/health.html", _context(request, pair_of(request, pair), []))


@permissions.needs("flows.change")
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """Two connections become a pair: both are asked who they are first."""
    workspace = request.workspace.pk
    found = pairs.candidates(workspace)
    left = next((one.pk for one in found if one.is_main_crm), found[0].pk if found else 0)
    right = next((one.pk for one in found if one.pk != left), 0)
    problem = ""
    if request.method == "POST":
        left, right = _id(request, "left"), _id(request, "right")
        try:
            for side in (left, right):
                connections.refresh(workspace, request.user, side)
            made = pairs.create(workspace, request.user, left, right)
        except DeclinedError as error:
            problem = declined(error)
        else:
            messages.success(request, _("Joined. Look over the rules, then switch writing on."))
            return HttpResponseRedirect(
                reverse("customers-rules", args=[shown.pair_id(customers.pair(workspace, made))])
            )
    options = [{"id": one.pk, "title": one.title} for one in found]
    return render(
        request, "customers/new.html", {"options": options, "left": left, "right": right, "problem": problem},
        status=400 if problem else 200,
    )  # fmt: skip


@permissions.needs("flows.change")
@require_POST
def switch(request: PageRequest, pair: str) -> HttpResponse:
    """The master switch."""
    kept = pair_of(request, pair)
    on = request.POST.get("on") == "1"
    return _done(request, kept, lambda: pairs.switch(request.workspace.pk, request.user, kept.id, on))


@permissions.needs("flows.live")
@require_POST
def go_live(request: PageRequest, pair: str) -> HttpResponse:
    """Write, or only watch."""
    kept = pair_of(request, pair)
    live = request.POST.get("live") == "1"
    return _done(request, kept, lambda: pairs.go_live(request.workspace.pk, request.user, kept.id, live))


@permissions.needs("flows.change")
@require_POST
def go_on(request: PageRequest, pair: str) -> HttpResponse:
    """After trouble that somebody has mended."""
    kept = pair_of(request, pair)
    return _done(request, kept, lambda: pairs.go_on(request.workspace.pk, request.user, kept.id))


@permissions.needs("flows.change")
@require_POST
def end(request: PageRequest, pair: str) -> HttpResponse:
    """Takes the pair apart."""
    kept = pair_of(request, pair)
    try:
        for title in pairs.end(request.workspace.pk, request.user, kept.id):
            messages.warning(request, still_delivers(title))
    except DeclinedError as error:
        messages.error(request, declined(error))
    return HttpResponseRedirect(reverse("customers"))


@permissions.needs("flows.change")
@require_POST
def ask(request: PageRequest, pair: str) -> HttpResponse:
    """A dry run or a comparison of everything, now."""
    kept = pair_of(request, pair)
    try:
        kind = request.POST.get("kind", "")
        options: dict[str, Any] = {"of": "changes", "poll": "all"} if kind == "preview" else {}
        if kind == "reconcile" and request.POST.get("match"):
            options["match"] = True
        made = pairs.ask(request.workspace.pk, request.user, kept.id, kind, options)
    except DeclinedError as error:
        messages.error(request, declined(error))
        return HttpResponseRedirect(_url(kept))
    return HttpResponseRedirect(run_pages.url_of(kept, made))


@permissions.needs("flows.change")
@require_http_methods(["GET", "HEAD", "POST"])
def panel(request: PageRequest, pair: str) -> HttpResponse:
    """The panel for the CRM's own record page: its address, and who may frame it."""
    kept = pair_of(request, pair)
    workspace = request.workspace.pk
    problem, status = "", 200
    typed = "\n".join(panels.origins(kept))
    if request.method == "POST":
        typed = request.POST.get("origins", "")[:2000]
        try:
            if request.POST.get("act") == "renew":
                panels.renew(workspace, request.user, kept.id)
            else:
                panels.allow(workspace, request.user, kept.id, typed.split())
            return HttpResponseRedirect(reverse("customers-panel", args=[pair]))
        except DeclinedError as error:
            problem, status = declined(error), 400
    path = panels.address(kept)
    context = {
        "pair": {"id": pair, "url": _url(kept), "left_title": kept.left.title, "right_title": kept.right.title},
        "address": request.build_absolute_uri(f"/{path.lstrip('/')}?id=") if path else "",
        "origins": typed,
        "example": "https://crm.zoho.eu",
        "problem": problem,
    }
    return render(request, "customers/panel_setup.html", context, status=status)


# -- inside -------------------------------------------------------------------------------------------------------------


def _may(request: PageRequest) -> bool:
    return permissions.may(request.member, "flows.change")


def _id(request: PageRequest, name: str) -> int:
    text = request.POST.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _url(pair: Pair) -> str:
    return reverse("customers-pair", args=[shown.pair_id(pair)])


def _done(request: PageRequest, pair: Pair, deed: Any) -> HttpResponse:
    try:
        deed()
    except DeclinedError as error:
        messages.error(request, declined(error))
    return HttpResponseRedirect(_url(pair))


def state_of(pair: Pair) -> tuple[str, str]:
    """Kind of status and word of a pair."""
    row = pair.row
    if row.state == "ended":
        return "off", _("Taken apart")
    if not row.on:
        return "off", _("Switched off")
    if row.state == "stopped" or row.trouble:
        return "fail", _("Needs you")
    if row.state == "paused":
        return "off", _("Paused")
    if not row.live:
        return "watch", _("Watching: nothing is written by itself")
    return "ok", _("Kept the same")


def _context(request: PageRequest, pair: Pair, found: list[Pair]) -> dict[str, Any]:
    workspace, row = request.workspace.pk, pair.row
    kind, word = state_of(pair)
    text = shown.pair_id(pair)
    health = pair_views.health(workspace, pair.id)
    records = f"{reverse('records')}?pair={text}"
    tiles = [
        {"count": health.agree, "label": _("agree"), "url": f"{records}&state=linked"},
        {"count": health.differ, "label": _("differ"), "url": f"{records}&state=conflict"},
        {"count": health.failing, "label": _("failing"), "url": f"{records}&state=failing"},
        {"count": health.waiting, "label": _("waiting"), "url": f"{records}&state=waiting"},
        {"count": health.excluded, "label": _("excluded"), "url": f"{records}&state=excluded"},
    ]
    facts = [(_("Asked last"), words.ago(row.polled_at) if row.polled_at else "–")]
    if row.quiet:
        requests = int(row.quiet.get("requests", 0))
        said = ngettext("%(count)s request", "%(count)s requests", requests) % {"count": requests}
        facts.append((_("When nothing moved"), said))
    facts.append((_("Rules"), _("version %(version)s") % {"version": row.version}))
    since = timezone.now() - timedelta(days=DAYS)
    return {
        "pair": {
            "id": text, "left_title": pair.left.title, "right_title": pair.right.title, "kind": kind, "word": word,
            "tie": kind if kind != "note" else "ok", "on": row.on, "live": row.live, "url": _url(pair),
            "records_url": records, "setup_url": reverse("customers-rules", args=[text]),
            "live_url": reverse("customers-live", args=[text]), "switch_url": reverse("customers-switch", args=[text]),
            "write_url": reverse("customers-write", args=[text]), "ask_url": reverse("customers-ask", args=[text]),
            "transfer_url": reverse("customers-transfer", args=[text]), "panel_url": reverse("customers-panel", args=[text]),
            "go_on_url": reverse("customers-go_on", args=[text]), "end_url": reverse("customers-end", args=[text]),
            "feeds_url": reverse("customers-feeds", args=[text]), "facts": facts,
        },
        "pairs": [{"id": shown.pair_id(one), "left_title": one.left.title, "right_title": one.right.title, "url": _url(one)}
                  for one in found],
        "may_change": _may(request),
        "may_connect": permissions.may(request.member, "connections.change"),
        "may_live": permissions.may(request.member, "flows.live"),
        "tiles": tiles,
        "any_kept": any(one["count"] for one in tiles),
        "bars": _bars(pair_views.moved(workspace, pair.id, since)),
        "chart_title": _("Values written by day"),
        "reasons": [_reason(pair, one, records) for one in _once(health.reasons)],
        "runs": [_run(one, pair) for one in pair_runs.recent(workspace, pair.id)],
        "troubles": _troubles(pair),
    }  # fmt: skip


def _once(reasons: Sequence[Why]) -> list[Why]:
    """Without links whose record is told of as waiting for the same reason."""
    waits = {one.code for one in reasons if one.what == "waiting" and one.state == "stuck"}
    return [one for one in reasons if not (one.what == "link" and one.state == "failing" and one.code in waits)]


def _reason(pair: Pair, one: Any, records: str) -> dict[str, Any]:
    state = "waiting" if one.state == "due" else pair_views.state_of_waiting(one.state, one.code)
    step = STEPS.get(state, "")
    said = shown.reason_of(pair, {"code": one.code, "params": one.params}) if one.code else shown.state_of(state)[1]
    return {
        "said": said,
        "count": one.count,
        "step": str(step),
        "url": f"{records}&state={'waiting' if state == 'asked' else state}",
    }


def _run(row: Any, pair: Pair) -> dict[str, Any]:
    kind, word = own.RUN_STATES.get(row.state, ("off", row.state))
    parts = [f"{words.number(count)} {label}" for label, count in run_pages.counted(row)]
    at = words.short(row.started_at)
    return {
        "title": run_pages.title_of(row, pair), "said": ", ".join([at, *parts]), "kind": kind, "word": str(word),
        "url": run_pages.url_of(pair, row.pk),
    }  # fmt: skip


def _bars(days: Any) -> list[Bar]:
    """A bar for each of the last days on which anything moved at all."""
    if not days:
        return []
    return [
        Bar(words.short_day(day), done, failed, waiting, spoken=words.day(day)) for day, done, failed, waiting in days
    ]


def _troubles(pair: Pair) -> list[dict[str, Any]]:
    row, out = pair.row, []
    if row.trouble:
        out.append(
            {"kind": "fail", "title": _("The last round broke off."), "text": shown.reason_of(pair, row.trouble),
             "url": "", "label": ""}
        )  # fmt: skip
    for side in ("left", "right"):
        connection = pair.connection(side)
        if connection.state != "active":
            out.append(
                {"kind": "fail", "title": _("%(system)s is not connected as it should be.") % {"system": connection.title},
                 "text": _("Nothing is asked or written there. What moves meanwhile is caught up."),
                 "url": reverse("connections"), "label": _("See the connection")}
            )  # fmt: skip
    return out
