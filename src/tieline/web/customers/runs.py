"""Pages of a pair's runs: a dry run to approve, a transfer with its progress, a reconciliation's report."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tieline.core.pairing import Side
from tieline.store import public_ids
from tieline.store.models import SyncRun
from tieline.store.services import pair_runs, pair_undo, pairs
from tieline.store.services.customers import Pair
from tieline.store.services.declined import DeclinedError
from tieline.web import permissions
from tieline.web.connections.words import declined
from tieline.web.customers import compare, labels, shown
from tieline.web.customers import words as own
from tieline.web.customers.addressed import pair_of, plain
from tieline.web.parts import words
from tieline.web.request import PageRequest

ORDER = (
    "read", "same", "created", "updated", "deleted", "linked", "unlinked", "conflicts", "asked", "failed", "excluded", "waiting",
)  # fmt: skip


@permissions.needs("runs.see")
@require_safe
def run(request: PageRequest, pair: str, run: str) -> HttpResponse:
    """One run: how far it is, what it came to, what it would write."""
    kept = pair_of(request, pair)
    row = _row(request, kept, run)
    context = _context(request, kept, row)
    context |= _rows(request, kept, row)
    return render(request, "customers/run.html", context)


@permissions.needs("runs.see")
@require_safe
def live(request: PageRequest, pair: str, run: str) -> HttpResponse:
    """How far it is, again and again; the whole page once it is over."""
    kept = pair_of(request, pair)
    row = _row(request, kept, run)
    if row.state not in pairs.OPEN:
        return HttpResponse(status=200, headers={"HX-Refresh": "true"})
    return render(request, "customers/moving_live.html", _context(request, kept, row))


@permissions.needs("flows.change")
@require_POST
def wish(request: PageRequest, pair: str, run: str) -> HttpResponse:
    """Pause, stop, go on."""
    kept = pair_of(request, pair)
    row = _row(request, kept, run)
    wanted = {"pause": "pause", "stop": "stop"}.get(request.POST.get("wish", ""), "")
    return _done(request, kept, run, lambda: pairs.wish(request.workspace.pk, request.user, row.pk, wanted))


@permissions.needs("flows.change")
@require_POST
def approve(request: PageRequest, pair: str, run: str) -> HttpResponse:
    """Apply what a dry run planned."""
    kept = pair_of(request, pair)
    row = _row(request, kept, run)
    return _begun(request, kept, run, lambda: pairs.approve(request.workspace.pk, request.user, row.pk))


@permissions.needs("runs.undo")
@require_POST
def undo(request: PageRequest, pair: str, run: str) -> HttpResponse:
    """Take back what a run wrote, where it is still ours."""
    kept = pair_of(request, pair)
    row = _row(request, kept, run)
    seen = request.POST.get("deletes", "")
    confirmed = int(seen) if seen.isdecimal() and len(seen) < 10 else 0

    def begin() -> int:
        return pair_undo.undo(request.workspace.pk, request.user, kept.id, {"of": row.pk}, confirmed=confirmed)

    return _begun(request, kept, run, begin)


@permissions.needs("flows.change")
@require_http_methods(["GET", "HEAD", "POST"])
def transfer(request: PageRequest, pair: str) -> HttpResponse:
    """All customers of one side are brought to the other: from where, and whether they are marked."""
    kept = pair_of(request, pair)
    if request.method == "POST":
        options: dict[str, Any] = {
            "from": "left" if request.POST.get("from") == "left" else "right", "mark": bool(request.POST.get("mark")),
        }  # fmt: skip
        kind = "preview" if request.POST.get("act") == "preview" else "transfer"
        if kind == "preview":
            options["of"] = "transfer"
        return _begun(request, kept, "", lambda: pairs.ask(request.workspace.pk, request.user, kept.id, kind, options))
    recent = pair_runs.recent(request.workspace.pk, kept.id, limit=100)
    under_way = next((one.pk for one in recent if one.kind == "transfer" and one.state in pairs.OPEN), None)
    context = {
        "pair": _pair(kept),
        "is_live": kept.row.live,
        "under_way": url_of(kept, under_way) if under_way is not None else "",
        "sides": [("right", kept.right.title, kept.left.title), ("left", kept.left.title, kept.right.title)],
    }
    return render(request, "customers/transfer.html", context)


@permissions.needs("runs.see")
@require_safe
def as_csv(request: PageRequest, pair: str, run: str) -> StreamingHttpResponse:
    """Every record that a reconciliation or dry run lists."""
    kept = pair_of(request, pair)
    row = _row(request, kept, run)

    class Echo:
        def write(self, text: str) -> str:
            return text

    def lines() -> Iterator[str]:
        writer = csv.writer(Echo())
        yield "\ufeff"
        head = [_("Kind"), _("Name"), kept.left.title, kept.right.title, _("State"), _("Why"), _("Fields")]
        yield writer.writerow(head)
        for one in _all(kept, row):
            fields = "; ".join(f"{line['label']}: {line['left']} ≠ {line['right']}" for line in one["lines"])
            cells = [one["role"], one["name"], one["left_id"], one["right_id"], one["word"], one["why"], fields]
            yield writer.writerow([plain(cell) for cell in cells])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="reconciliation.csv"'
    return response


@permissions.needs("runs.see")
@require_safe
def as_html(request: PageRequest, pair: str, run: str) -> StreamingHttpResponse:
    """The same as one file that opens anywhere, without script or style sheet of ours."""
    kept = pair_of(request, pair)
    row = _row(request, kept, run)
    context = _context(request, kept, row)

    def pieces() -> Iterator[str]:
        yield render_to_string("customers/report_head.html", context, request)
        for one in _all(kept, row):
            yield render_to_string("customers/report_row.html", {"row": one})
        yield "</tbody></table></body></html>\n"

    response = StreamingHttpResponse(pieces(), content_type="text/html; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="reconciliation.html"'
    return response


# -- inside -------------------------------------------------------------------------------------------------------------


def _row(request: PageRequest, pair: Pair, text: str) -> SyncRun:
    id = public_ids.of("syncrun").read(text)
    found = pair_runs.one(request.workspace.pk, pair.id, id) if id is not None else None
    if found is None:
        raise Http404
    return found


def _pair(pair: Pair) -> dict[str, Any]:
    text = shown.pair_id(pair)
    return {
        "id": text, "left_title": pair.left.title, "right_title": pair.right.title, "url": reverse("customers-pair", args=[text]),
    }  # fmt: skip


def url_of(pair: Pair, run: int, page: str = "customers-run") -> str:
    """The address of a run's page."""
    return reverse(page, args=[shown.pair_id(pair), public_ids.of("syncrun").show(run)])


def title_of(row: SyncRun, pair: Pair) -> str:
    """What a run is called."""
    if row.kind == "transfer":
        side: Side = "left" if row.options.get("from") == "left" else "right"
        return _("Transfer of all from %(system)s") % {"system": pair.connection(side).title}
    return own.text(own.RUNS, row.kind)


def counted(row: SyncRun) -> list[tuple[str, int]]:
    """What it came to, in the order in which it is told; nothing that is nought."""
    return [(own.count_name(name), row.counts[name]) for name in ORDER if row.counts.get(name)]


def _context(request: PageRequest, pair: Pair, row: SyncRun) -> dict[str, Any]:
    kind, word = own.RUN_STATES.get(row.state, ("off", row.state))
    done = row.counts.get("read", 0)
    may_undo = permissions.may(request.member, "runs.undo") and pair_runs.wrote(request.workspace.pk, row)
    may_approve = bool(pair_runs.planned(request.workspace.pk, [row]))
    approved = pair_runs.approved(request.workspace.pk, [row]).get(row.pk)
    return {
        "pair": _pair(pair),
        "run": row,
        "title": title_of(row, pair),
        "kind": kind,
        "word": word,
        "counts": [(label, words.number(count)) for label, count in counted(row)],
        "done": done,
        "total": max(row.total or 0, done, 1),  # more may have been made meanwhile
        "known_total": row.total is not None,
        "left": _left(row),
        "bar_kind": "paused" if row.state == "paused" else "",
        "is_open": row.state in pairs.OPEN,
        "why": shown.reason_of(pair, row.why),
        "live_url": url_of(pair, row.pk, "customers-run-live"),
        "wish_url": url_of(pair, row.pk, "customers-run-wish"),
        "approve_url": url_of(pair, row.pk, "customers-run-approve"),
        "undo_url": url_of(pair, row.pk, "customers-run-undo"),
        "csv_url": url_of(pair, row.pk, "customers-run-csv"),
        "html_url": url_of(pair, row.pk, "customers-run-html"),
        "may_change": permissions.may(request.member, "flows.change") if getattr(request, "member", None) else False,
        "may_undo": may_undo,
        "deletes": _deletes(pair, row) if may_undo else None,
        "may_approve": may_approve,
        "approved": approved,
        "watching": pair.row.on and not pair.row.live and (may_undo or (may_approve and not approved)),
    }


def _left(row: SyncRun) -> str:
    """How much longer, in whole tens of seconds: it is an estimate. "" where nobody can tell, or a person wants it to end."""
    seconds = pair_runs.left_s(row) if not row.wish else None
    return "" if seconds is None else _("About %(time)s left") % {"time": words.lasted(max(10, round(seconds, -1)))}


def _deletes(pair: Pair, row: SyncRun) -> dict[str, Any] | None:
    """What undoing a run deletes, to be read before; None: nothing."""
    found = pair_undo.deletes(pair.row.workspace_id, row)
    if not found.count and not found.kept:
        return None
    parts = [
        ngettext("%(count)s record in %(system)s", "%(count)s records in %(system)s", count)
        % {"count": words.number(count), "system": pair.connection(side).title}
        for side, count in sorted(found.by.items())
    ]
    return {
        "count": found.count,
        "parts": parts,
        "kept": words.number(found.kept) if found.kept else "",
        "many": found.many,
    }


def _rows(request: PageRequest, pair: Pair, row: SyncRun) -> dict[str, Any]:
    """A page of what it lists: operations of what was or would be written, records that do not agree."""
    text = request.GET.get("before", "")
    before = int(text) if text.isdecimal() and len(text) < 19 else None
    operations = pair_runs.operations(request.workspace.pk, row, before=before)
    reports = pair_runs.reports(request.workspace.pk, row, after=_after(request))
    named = {role: labels.of(pair, role) for role in own.ROLE}
    return {
        "operations": [_operation(pair, one, named) for one in operations.rows],
        "older_operations": f"?before={operations.more}" if operations.more else "",
        "reports": [_report(pair, one, named) for one in reports.rows],
        "more_reports": f"?after={reports.more}#reports" if reports.more else "",
    }


def _after(request: PageRequest) -> int | None:
    text = request.GET.get("after", "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _operation(pair: Pair, one: Any, named: dict[str, dict[str, str]]) -> dict[str, Any]:
    verbs = {
        "create": _("Create"), "update": _("Change"), "delete": _("Delete"), "link": _("Link"), "unlink": _("Part"),
    }  # fmt: skip
    verb = pair_runs.verb_of(one)
    kind, word = {
        "done": ("ok", _("Written")), "rejected": ("fail", _("Not taken")), "unknown": ("wait", _("Not known yet")),
        "sent": ("wait", _("Sent")), "skipped": ("off", _("Left alone")), "planned": ("watch", _("Planned")),
    }.get(one.state, ("off", one.state))  # fmt: skip
    values = [
        {"label": own.line_name(name, named.get(one.role, {}).get(name, "")), "old": compare.value(one.before.get(name), name),
         "new": compare.value(value, name)}
        for name, value in one.values.items()
    ]  # fmt: skip
    side: Side = "left" if one.side == "left" else "right"
    url = shown.url_of(pair, one.role, side, one.record) if one.record else ""
    if not url and len(one.source) > 1 and one.state != "planned":
        url = shown.url_of(pair, one.role, "left" if one.source[0] == "left" else "right", str(one.source[1]))
    return {
        "what": f"{verbs.get(verb, verb)}: {one.name or one.record}", "system": pair.connection(side).title, "url": url,
        "kind": kind, "word": word, "values": values, "why": shown.reason_of(pair, one.reason),
        "error": shown.reason_of(pair, one.error),
        "role": own.text(own.ROLE, one.role),
    }  # fmt: skip


def _report(pair: Pair, one: Any, named: dict[str, dict[str, str]]) -> dict[str, Any]:
    kind, word = own.STATUS.get(one.status, ("off", one.status))
    lines = [
        {"label": own.line_name(line["line"], named.get(one.role, {}).get(line["line"], "")),
         "left": compare.value(line.get("left"), line["line"]), "right": compare.value(line.get("right"), line["line"])}
        for line in one.lines if line.get("state") != "same"
    ]  # fmt: skip
    side, id = ("left", one.left_id) if one.left_id else ("right", one.right_id)
    return {
        "role": own.text(own.ROLE, one.role), "name": one.name or id, "left_id": one.left_id, "right_id": one.right_id, "kind": kind,
        "word": str(word), "why": shown.reason_of(pair, one.reason), "lines": lines,
        "url": shown.url_of(pair, one.role, "left" if side == "left" else "right", id),
    }  # fmt: skip


def _all(pair: Pair, row: SyncRun) -> Iterator[dict[str, Any]]:
    named = {role: labels.of(pair, role) for role in own.ROLE}
    after = None
    while True:
        found = pair_runs.reports(pair.row.workspace_id, row, after=after, size=500)
        for one in found.rows:
            yield _report(pair, one, named)
        after = found.more
        if after is None:
            return


def _done(request: PageRequest, pair: Pair, run: str, deed: Any) -> HttpResponse:
    try:
        deed()
    except DeclinedError as error:
        messages.error(request, declined(error))
    return HttpResponseRedirect(reverse("customers-run", args=[shown.pair_id(pair), run]))


def _begun(request: PageRequest, pair: Pair, run: str, deed: Any) -> HttpResponse:
    try:
        made = deed()
    except DeclinedError as error:
        messages.error(request, declined(error))
        back = (
            reverse("customers-run", args=[shown.pair_id(pair), run])
            if run
            else reverse("customers-pair", args=[shown.pair_id(pair)])
        )
        return HttpResponseRedirect(back)
    return HttpResponseRedirect(url_of(pair, made))
