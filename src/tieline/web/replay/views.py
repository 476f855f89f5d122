"""Views of replays: begin one, see it come along, what would differ, go live with it, apply it to the past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tieline.store import public_ids
from tieline.store.connection import workspace_tx
from tieline.store.services import flow_settings, schemas
from tieline.store.services import replay as service
from tieline.store.services.declined import DeclinedError
from tieline.store.services.replay_views import ReplayView
from tieline.store.services.replaying import MARKS
from tieline.web import permissions
from tieline.web.calls import desk, labels
from tieline.web.connections import words as connection_words
from tieline.web.parts.words import number
from tieline.web.replay import words
from tieline.web.request import PageRequest

FLOW: Final = "calls"
DAYS: Final = (1, 7, 30, 90)
MOST: Final = (1000, 5000, 10000)
PAGE: Final = 25


@dataclass(frozen=True, slots=True)
class Group:
    """Calls that differ in the same way, or carry the same mark."""

    label: str
    count: int
    url: str
    here: bool
    help: str = ""


@permissions.needs("runs.replay")
@require_safe
def replays(request: PageRequest) -> HttpResponse:
    """Begin a replay; the last ones."""
    table = desk.open_desk(request)
    made = [(_shown(one.id), one) for one in service.listed(table.workspace)]
    context = {
        "desk": table,
        "changes": [labels.place_label(table, place) for place in table.changes],
        "blocked": bool(table.clashes or table.malformed),
        "days": DAYS,
        "mosts": MOST,
        "only": list(words.ONLY.items()),
        "replays": made,
    }
    return render(request, "replay/list.html", context)


@permissions.needs("runs.replay")
@require_POST
def begin(request: PageRequest) -> HttpResponse:
    """Takes the settings as they stand now, saved or not."""
    table = desk.open_desk(request)
    if not table.is_set_up:
        return redirect("runs-replays")
    raw = table.raw if request.POST.get("settings") == "draft" and table.changes else None
    since = timezone.now() - timedelta(days=_one_of(request.POST.get("days", ""), DAYS))
    try:
        view = service.begin(
            table.workspace, request.user, FLOW, raw, since=since, only=request.POST.get("only", ""),
            most=_one_of(request.POST.get("most", ""), MOST),
        )  # fmt: skip
    except DeclinedError as declined:
        messages.error(request, connection_words.declined(declined))
        return redirect("runs-replays")
    return redirect("runs-replay", _shown(view.id))


@permissions.needs("runs.replay")
@require_safe
def replay(request: PageRequest, shown: str) -> HttpResponse:
    """How far it is; then what would differ, by kind, call by call."""
    view = _replay(request, shown)
    context: dict[str, Any] = {"shown": shown, "view": view, "only": words.ONLY.get(view.only, view.only)}
    if view.state == "done":
        context |= _found(request, shown, view)
    return render(request, "replay/replay.html", context)


@permissions.needs("runs.replay")
@require_POST
def step(request: PageRequest, shown: str) -> HttpResponse:
    """The next part; htmx gets the bar, and the whole page at the end."""
    view = service.step(request.workspace.pk, _replay(request, shown).id)
    if not request.htmx:
        return redirect("runs-replay", shown)
    if view.state != "running":
        done = HttpResponse(status=204)
        done["HX-Redirect"] = reverse("runs-replay", args=[shown])
        return done
    return render(request, "replay/progress.html", {"shown": shown, "view": view})


@permissions.needs("runs.replay")
@require_POST
def again(request: PageRequest, shown: str) -> HttpResponse:
    """The same once more."""
    try:
        view = service.again(request.workspace.pk, request.user, _replay(request, shown).id)
    except DeclinedError as declined:
        messages.error(request, connection_words.declined(declined))
        return redirect("runs-replay", shown)
    return redirect("runs-replay", _shown(view.id))


@permissions.needs("flows.live")
@require_http_methods(["GET", "POST"])
def live(request: PageRequest, shown: str) -> HttpResponse:
    """Says what going live with these settings means; then does it."""
    view = _replay(request, shown)
    table = desk.open_desk(request)
    if request.method == "POST":
        try:
            saved = service.go_live(table.workspace, request.user, view.id)
        except DeclinedError as declined:
            messages.error(request, connection_words.declined(declined))
            return redirect("runs-replay", shown)
        desk.forget(request, table.workspace)
        if saved.waits:
            text = _("Saved as version %(version)s. It waits for consent; until then the version before goes on.")
        else:
            text = _("Version %(version)s is in force and Tieline writes, from the next call on.")
        messages.success(request, text % {"version": saved.version})
        return redirect("runs-replay", shown)
    changes = [labels.place_label(table, place) for place in _changed(table, view)]
    return render(request, "replay/live.html", {"shown": shown, "view": view, "changes": changes, "flow": table.view})


@permissions.needs("runs.replay")
@require_http_methods(["GET", "POST"])
def apply(request: PageRequest, shown: str) -> HttpResponse:
    """What would be written for past calls; then makes them due again."""
    view = _replay(request, shown)
    if request.method == "POST":
        which = {"watched": "watched" in request.POST, "others": "others" in request.POST}
        if not any(which.values()):
            messages.info(request, _("Choose which calls."))
            return redirect("runs-replay-apply", shown)
        try:
            count = service.apply(request.workspace.pk, request.user, view.id, **which)
        except DeclinedError as declined:
            messages.error(request, connection_words.declined(declined))
        else:
            text = ngettext("%(count)s call is decided anew now.", "%(count)s calls are decided anew now.", count)
            messages.success(request, text % {"count": number(count)})
        return redirect("runs-replay", shown)
    preview = service.preview(request.workspace.pk, view.id)
    refused = connection_words.declined(DeclinedError(preview.refused)) if preview.refused else ""
    context = {
        "shown": shown, "view": view, "preview": preview, "refused": refused,
        "watched": _writes(preview.writes_watched), "others": _writes(preview.writes_others),
    }  # fmt: skip
    return render(request, "replay/apply.html", context)


# -- what a page needs ---------------------------------------------------------------------------------------------------


def _replay(request: PageRequest, shown: str) -> ReplayView:
    id = public_ids.of("replay").read(shown)
    if id is None:
        raise Http404
    try:
        return service.get(request.workspace.pk, id)
    except DeclinedError:
        raise Http404 from None


def _shown(replay: int) -> str:
    return public_ids.of("replay").show(replay)


def _found(request: PageRequest, shown: str, view: ReplayView) -> dict[str, Any]:
    """Groups with their counts, and one page of calls."""
    kind, mark = request.GET.get("kind", ""), request.GET.get("mark", "")
    kind, mark = kind if kind in view.counts else "", mark if mark in view.marks else ""
    given = request.GET.get("after", "")
    after = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
    page = service.subjects(request.workspace.pk, view.id, kind=kind, mark=mark, after=after, most=PAGE + 1)
    here = reverse("runs-replay", args=[shown])
    groups = [
        Group(words.kind_words(name), count, f"{here}?kind={name}#calls", name == kind)
        for name, count in sorted(view.counts.items(), key=lambda one: (-one[1], one[0]))
    ]
    marks = [
        Group(str(words.MARKS[name]), view.marks[name], f"{here}?mark={name}#calls", name == mark, str(words.MARKS_SAID[name]))
        for name in MARKS if view.marks.get(name)
    ]  # fmt: skip
    with workspace_tx(request.workspace.pk):
        target = flow_settings.current(request.workspace.pk, view.flow).target
        users = {one.id: one.name for one in schemas.users_of(target)} if target is not None else {}
    country = str(view.settings.get("default_country") or request.workspace.country)
    narrowed = f"?kind={kind}&" if kind else f"?mark={mark}&" if mark else "?"
    return {
        "groups": groups,
        "marks": marks,
        "trials": [words.trial(one, users, country) for one in page[:PAGE]],
        "older": f"{narrowed}after={page[PAGE - 1].position}#calls" if len(page) > PAGE else "",
        "narrowed": words.kind_words(kind) if kind else str(words.MARKS[mark]) if mark else "",
        "first": _shown(view.again_of) if view.again_of else "",
        "may_live": permissions.may(request.member, "flows.live"),
    }


def _changed(table: desk.Desk, view: ReplayView) -> Mapping[str, Any]:
    """What going live changes in the settings in force."""
    from tieline.web.calls import draft

    return draft.changed(table.base, dict(view.settings))


def _writes(counts: Mapping[tuple[str, str], int]) -> list[tuple[str, int]]:
    return [(words.written(role, verb), count) for (role, verb), count in sorted(counts.items())]


def _one_of(given: str, allowed: tuple[int, ...]) -> int:
    """A number of the list; its third, or first, where something else was sent."""
    return int(given) if given in map(str, allowed) else allowed[0]
