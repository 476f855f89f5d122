"""Views of the calls flow: a tab of rules, an edit of the draft, saving, trying, the live switch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tieline.core.values import phone as read_phone
from tieline.store import public_ids
from tieline.store.models import ConnectionState
from tieline.store.services import flow_settings, watched
from tieline.store.services.declined import DeclinedError
from tieline.web import permissions
from tieline.web.calls import cards, clashes, desk, labels, lines, posted, told, trial
from tieline.web.calls import draft as drafts
from tieline.web.calls.desk import FLOW, Desk
from tieline.web.calls.words import RULES, text
from tieline.web.connections import words as connection_words
from tieline.web.replay import words as replay_words
from tieline.web.request import PageRequest

LONGEST_SAMPLE = 20_000


@dataclass
class Tab:
    """A view of the rules. `trouble`: contradictions that a setting on it takes part in."""

    url: str
    label: str
    here: bool
    trouble: int = 0


@permissions.needs("flows.see")
@require_safe
def first(request: PageRequest) -> HttpResponse:
    """The flow's own address shows its first tab."""
    table = desk.open_desk(request)
    return render(request, "calls/page.html", page(request, table, "managers"))


@permissions.needs("flows.see")
@require_safe
def rules(request: PageRequest, tab: str) -> HttpResponse:
    """A tab of rules with the panel beside it."""
    if tab not in cards.TABS:
        raise Http404
    table = desk.open_desk(request)
    return render(request, "calls/page.html", page(request, table, tab))


@permissions.needs("flows.try")
@require_http_methods(["GET", "HEAD", "POST"])
def try_it(request: PageRequest) -> HttpResponse:
    """The last 30 days under the settings as they stand now, one call with every rule, a number of one's own, a call as text
    (posted, since it may be long; nothing is kept of it)."""
    table = desk.open_desk(request)
    context = page(request, table, "try", trials=False)
    of = request.GET.get("of", "")
    of = of if of in replay_words.ONLY else ""
    trials = trial.recent(table, trial.MOST, trial.DAYS, of) if table.is_set_up else []
    only = request.GET.get("only") == "differs"
    shown = [one for one in trials if one.differs or one.undecided] if only else trials
    context |= {"trials": shown, "all_trials": len(trials), "only_differs": only, "summary": told.summary(trials)}
    if table.is_set_up:
        context |= _choices(request, table, of, only=only)
    if "number" in request.GET and table.is_set_up:
        context |= _imagined(request, table)
    context["typed"] = {
        "number": request.GET.get("number", ""), "direction": request.GET.get("direction", "inbound"),
        "ended": request.GET.get("ended", "missed"), "line": request.GET.get("line", ""),
    }  # fmt: skip
    return render(request, "calls/page.html", context)


def _choices(request: PageRequest, table: Desk, of: str, *, only: bool) -> dict[str, Any]:
    """Which calls are listed, the one that was picked, the one that was pasted."""
    here = reverse("calls-try")
    differs = "&only=differs" if only else ""
    out: dict[str, Any] = {
        "ofs": [(label, f"{here}?of={name}{differs}", name == of) for name, label in replay_words.ONLY.items()],
        "of": of,
        "most": trial.MOST,
        "may_replay": permissions.may(request.member, "runs.replay"),
    }
    picked = public_ids.of("call").read(request.GET.get("call", ""))
    if picked is not None:
        out["one"] = trial.chosen(table, picked)
    if request.method == "POST":
        text = request.POST.get("sample", "")[:LONGEST_SAMPLE]
        made = trial.pasted(table, text) if text.strip() else None
        out |= {"sample": text, "pasted": made, "sample_error": "" if made else _("This is no call. Paste facts as below, or what your phone system delivers.")}  # fmt: skip
    return out


def _imagined(request: PageRequest, table: Desk) -> dict[str, Any]:
    number = request.GET["number"].strip()[:60]
    if not number:
        return {"typed_error": _("Type a number, as you would dial it.")}
    direction = "outbound" if request.GET.get("direction") == "outbound" else "inbound"
    line = request.GET.get("line", "")
    if line and all(one["number"] != line for one in table.raw["lines"]):
        line = ""
    made = trial.imagined(table, number=number, direction=direction, answered=request.GET.get("ended") == "answered", line=line)  # fmt: skip
    kind = read_phone(number, table.raw["default_country"]).kind
    note = "" if kind == "number" else _("This is no number of a person, so no account, lead, contact or deal is made.")
    return {"imagined": made, "imagined_list": [made], "imagined_note": note}


@permissions.needs("flows.change")
@require_POST
def edit(request: PageRequest, tab: str) -> HttpResponse:
    """Takes what was changed into the draft; with a button also does what it says. htmx gets the part, forms the page."""
    if tab not in cards.TABS:
        raise Http404
    table = desk.open_desk(request, request.POST)
    if not table.is_set_up:
        return redirect("calls-rules", tab=tab)
    act = request.POST.get("act", "")
    # what somebody saved meanwhile is looked at before any button counts: its rows may have moved
    done = None if table.is_news and act != "discard" else _act(request, table, act)
    if done is not None:
        return done if not request.htmx else _moved(done)
    desk.judge(table)
    desk.keep(request, table)
    if request.htmx:
        context = page(request, table, tab)
        return HttpResponse(render_to_string("calls/body.html", context, request).strip())
    return redirect(_address(tab))


def _address(tab: str) -> str:
    return reverse("calls-try") if tab == "try" else reverse("calls-rules", args=[tab])


def _moved(answer: HttpResponse) -> HttpResponse:
    """The same for htmx: load the page anew, so that its head shows what is in force now."""
    out = HttpResponse(status=204)
    out["HX-Redirect"] = answer["Location"]
    return out


def _act(request: PageRequest, table: Desk, act: str) -> HttpResponseRedirect | None:
    """What a button asks for; an answer where the page has to be loaded anew."""
    kind, _colon, rest = act.partition(":")
    if kind == "save":
        return _save(request, table)
    if kind == "discard":
        desk.forget(request, table.workspace)
        return redirect(_address(_tab(request)))
    if kind == "way":
        for path, value in (clashes.changes_of(table, act) or {}).items():
            drafts.put(table.raw, path, value)
            if path.endswith(".kind"):
                drafts.put(table.raw, path.removesuffix("kind") + "user", None)
    elif kind in ("drop", "add", "offer"):
        _lines(request, table, kind, rest)
    elif kind in ("theirs", "mine"):
        _settle(table, rest, theirs=kind == "theirs")
    elif kind == "seen":
        table.meanwhile = None
    return None


def _lines(request: PageRequest, table: Desk, kind: str, rest: str) -> None:
    """A line off the list, a typed one, one that was offered."""
    if kind == "drop":
        keys = drafts.line_keys(table.raw["lines"])
        if rest in keys:
            table.raw["lines"].pop(keys.index(rest))
    elif kind == "add" and request.POST.get("new.number", "").strip():
        posted.add_line(table.raw, request.POST["new.number"], request.POST.get("new.label", ""))
    elif kind == "offer":
        found = next((one for one in lines.offered(table) if one["number"] == rest), None)
        if found is not None:
            posted.add_line(table.raw, rest, found["label"])


def _settle(table: Desk, place: str, *, theirs: bool) -> None:
    """One of two people's values of a setting is chosen."""
    told_of = table.meanwhile
    if told_of is None or place not in told_of.both:
        return
    if theirs:
        table.raw = drafts.put_place(table.raw, place, told_of.both[place][1])
    both = {one: values for one, values in told_of.both.items() if one != place}
    table.meanwhile = desk.Meanwhile(told_of.who, told_of.when, both) if both else None


def _tab(request: PageRequest) -> str:
    tab = request.POST.get("here", "")
    return tab if tab in cards.TABS else "managers"


def _save(request: PageRequest, table: Desk) -> HttpResponseRedirect | None:
    """A new version, or why there is none: then the page says it."""
    if table.clashes or table.malformed or not table.changes:
        return None
    try:
        saved = flow_settings.save(table.workspace, request.user, FLOW, table.raw, base=table.base_number)
    except DeclinedError:
        # Saved by somebody between our look and now: the next look brings both together and shows them.
        desk.keep(request, table)
        messages.warning(
            request, _("Somebody saved at the same moment. Nothing was lost; look at both and save again.")
        )
        return redirect(_address(_tab(request)))
    count = len(table.changes)
    desk.forget(request, table.workspace)
    if saved.waits:
        text = _("Saved as version %(version)s. It waits for consent; until then the version before goes on.")
    else:
        text = ngettext(
            "Saved as version %(version)s: %(count)s change. It counts from the next call.",
            "Saved as version %(version)s: %(count)s changes. They count from the next call.",
            count,
        )
    messages.success(request, text % {"version": saved.version, "count": count})
    return redirect(_address(_tab(request)))


@permissions.needs("flows.live")
@require_http_methods(["GET", "POST"])
def live(request: PageRequest) -> HttpResponse:
    """Asks before Tieline writes, or stops writing, and says what that means. A switch's change is led here."""
    if request.htmx:
        moved = HttpResponse(status=204)
        moved["HX-Redirect"] = reverse("calls-live")
        return moved
    table = desk.open_desk(request)
    if request.method == "POST":
        wanted = request.POST.get("live") == "1"
        try:
            flow_settings.set_live(table.workspace, request.user, FLOW, wanted)
        except DeclinedError as declined:
            messages.error(request, connection_words.declined(declined))
        else:
            messages.success(
                request,
                _("Live: from the next call on, Tieline writes to %(crm)s.") % {"crm": cards.crm(table)}
                if wanted
                else _("Watching: Tieline decides every call and writes nothing."),
            )
        return redirect("calls-rules", tab="managers")
    return render(request, "calls/live.html", {**head(table), "desk": table})


# -- what a page needs -------------------------------------------------------------------------------------------------


def head(table: Desk) -> dict[str, Any]:
    """Source, tie and target, and whether it is live."""
    view = table.view
    active = view.target is not None and view.target.state == ConnectionState.ACTIVE
    kind = "off" if view.target is None or not view.sources else "fail" if not active else "ok" if view.live else "wait"
    return {
        "source": ", ".join(one.title for one in view.sources) or _("no phone system yet"),
        "target": view.target.title if view.target is not None else _("no CRM yet"),
        "tie_kind": kind,
        "view": view,
        "crm": cards.crm(table),
        "watching": _watching(table) if table.is_set_up and not view.live else None,
    }


def _watching(table: Desk) -> dict[str, Any]:
    """What watch mode decided today, rule by rule, each with its calls."""
    start = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    found = watched.since(table.workspace, FLOW, start)
    runs = f"{reverse('runs')}?outcome=watched&day=today"
    rules = [
        (text(RULES, rule), count, f"{runs}&made={role}" if rule in ("call.log", f"{role}.create") else runs)
        for (rule, role), count in found.rules.items()
    ]
    return {"calls": found.subjects, "asks": found.asks, "rules": rules, "runs": runs}


def page(request: PageRequest, table: Desk, tab: str, *, trials: bool = True) -> dict[str, Any]:
    """Everything a tab shows."""
    changes = table.changes
    trouble: dict[str, int] = {}
    for clash in table.clashes:
        for name in {cards.tab_of(place) for place in clash.rules}:
            trouble[name] = trouble.get(name, 0) + 1
    for place in table.malformed:
        trouble[cards.tab_of(place)] = trouble.get(cards.tab_of(place), 0) + 1
    context: dict[str, Any] = {
        **head(table),
        "desk": table,
        "tab": tab,
        "tabs": [Tab(_address(name), str(label), name == tab, trouble.get(name, 0)) for name, label in cards.TABS.items()],
        "edit_url": reverse("calls-edit", args=[tab]),
        "cards": cards.cards(table, tab),
        "count": len(changes),
        "unsaid": [labels.place_label(table, place) for place in changes],
        "troubles": len(table.clashes) + len(table.malformed),
        "away": [str(cards.TABS[name]) for name in cards.TABS if name in trouble and name != tab],
        "may_live": permissions.may(request.member, "flows.live"),
        "may_connect": permissions.may(request.member, "connections.change"),
        "connections_url": _maybe("connections"),
        "start_url": _maybe("start") or _maybe("connections"),
        "consent_url": consent_url(table),
        "waiting": [(scope, sorted({labels.place_label(table, rule.path) for rule in found if rule.flow == FLOW})) for scope, found in table.view.waiting_scopes.items()],
        "missing": [(scope, sorted({labels.place_label(table, rule.path) for rule in found if rule.flow == FLOW})) for scope, found in table.missing.items()],
        "both": [
            (place, labels.place_label(table, place), labels.value_words(mine), labels.value_words(theirs))
            for place, (mine, theirs) in (table.meanwhile.both.items() if table.meanwhile else ())
        ],
    }  # fmt: skip
    if tab == "managers" and table.is_set_up:
        context |= {
            "lines": lines.line_rows(table),
            "default_user": lines.default_user(table),
            "offered": lines.offered(table) if table.may_change else [],
        }
    if trials and table.is_set_up:
        found = trial.recent(table)
        context |= {"trials": found or trial.samples(table), "are_samples": not found, "summary": told.summary(found)}
    return context


def _maybe(name: str, *args: Any) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def consent_url(table: Desk) -> str:
    """The page on which the CRM is asked for what saved rules need."""
    target = table.view.target
    return _maybe("connections-reconnect", public_ids.of("conn").show(target.pk)) if target is not None else ""
