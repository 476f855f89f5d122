"""Pages of records: the list of customers that stand in two systems, and one of them side by side."""

from __future__ import annotations

import csv
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from tieline.jobs import looking
from tieline.store import public_ids
from tieline.store.services import customers, pairs
from tieline.store.services.customers import STATES, Customer, Pair
from tieline.store.services.declined import DeclinedError
from tieline.web import permissions
from tieline.web.connections.words import declined
from tieline.web.customers import looks, past, shown
from tieline.web.customers import words as own
from tieline.web.customers.addressed import found_of, plain
from tieline.web.request import PageRequest


@permissions.needs("records.see")
@require_safe
def records(request: PageRequest) -> HttpResponse:
    """The list, narrowed by state, kind, name or number."""
    found, pair = _pair_of_list(request)
    context: dict[str, Any] = {
        "pair": None, "pairs": found, "may_change": permissions.may(request.member, "flows.change"),
    }  # fmt: skip
    if pair is None:
        return render(request, "customers/list.html", context)
    state, role, words = _filters(request)
    page = customers.listed(
        pair, state=state, role=role, words=words, before=_number(request, "before"), after=_number(request, "after")
    )
    rows = [
        {
            "name": one.name or one.id, "url": shown.url_of_line(pair, one), "why": shown.reason_of(pair, one.why), "left_id": one.left_id,
            "right_id": one.right_id, "agreed_at": one.agreed_at,
            **dict(zip(("kind", "word"), shown.state_of(one.state), strict=True)),
        }
        for one in page.lines
    ]  # fmt: skip
    context |= {
        "pair": _titles(pair),
        "pairs": [_titles(one) for one in found],
        "rows": rows,
        "chips": _chips(request, state, role),
        "q": words,
        "state": state,
        "role": role,
        "older": _address(request, before=page.older) if page.older else "",
        "newer": _address(request, after=page.newer) if page.newer else "",
        "csv_url": f"{reverse('records-csv')}?{request.GET.urlencode()}",
    }
    return render(request, "customers/list.html", context)


@permissions.needs("records.see")
@require_safe
def as_csv(request: PageRequest) -> StreamingHttpResponse:
    """The same list as a file, all of it."""
    _found, pair = _pair_of_list(request)
    if pair is None:
        raise Http404
    state, role, words = _filters(request)

    class Echo:
        def write(self, text: str) -> str:
            return text

    def lines() -> Any:
        writer = csv.writer(Echo())
        yield "\ufeff"
        head = [_("Name"), pair.left.title, pair.right.title, _("State"), _("Why"), _("Agreed last")]
        yield writer.writerow(head)
        before = None
        while True:
            page = customers.listed(pair, state=state, role=role, words=words, before=before)
            for one in page.lines:
                agreed = one.agreed_at.isoformat() if one.agreed_at else ""
                cells = [
                    one.name,
                    one.left_id,
                    one.right_id,
                    shown.state_of(one.state)[1],
                    shown.reason_of(pair, one.why),
                    agreed,
                ]
                yield writer.writerow([plain(cell) for cell in cells])
            before = page.older
            if before is None:
                return

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="customers.csv"'
    return response


@permissions.needs("records.see")
@require_safe
def one(request: PageRequest, pair: str, role: str, side: str, record: str) -> HttpResponse:
    """One customer: what is kept of it at once, both systems as they are as soon as they have answered."""
    found = found_of(request, pair, role, side, record)
    context = page(request, found)
    # a write may end between this page and its first look: then the page comes anew, since its history has grown
    is_moving = found.asked is not None and found.asked.finished_at is None
    context["first_look_url"] = context["look_url"] + ("?moving=1" if is_moving else "")
    if request.GET.get("look"):
        context |= looks.look(request, found)
        context["one"] = context.pop("looked")
    tab = "persons" if request.GET.get("tab") == "persons" else "history"
    here = shown.url_of(found.pair, role, found.side, found.id)
    count = len(found.persons)
    tabs = [{"url": f"{here}?tab=history#about", "label": _("History"), "here": tab == "history"}]
    if role == "account":
        tabs.append(
            {
                "url": f"{here}?tab=persons#about",
                "label": _("Contact persons %(count)s") % {"count": count},
                "here": tab == "persons",
            }
        )
    context |= {"tab": tab, "tabs": tabs, "persons": shown.persons(found)}
    context |= past.of(request, found) if tab == "history" else {}
    return render(request, "customers/one.html", context)


@permissions.needs("records.see")
@require_safe
def look(request: PageRequest, pair: str, role: str, side: str, record: str) -> HttpResponse:
    """Both records as they are now, side by side; the panel beside them comes along. Once what was being written is done, the whole
    page comes anew: its history has grown."""
    found = found_of(request, pair, role, side, record)
    if request.GET.get("moving") and (found.asked is None or found.asked.finished_at is not None):
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = page(request, found) | looks.look(request, found)
    context["one"] = context.pop("looked")
    context["look"].swap = True
    return render(request, "customers/look.html", context)


@permissions.needs("records.write")
@require_POST
def write(request: PageRequest, pair: str, role: str, side: str, record: str) -> HttpResponse:
    """What a person decides about one customer. It is written by the worker; the page follows it."""
    found = found_of(request, pair, role, side, record)
    here = shown.url_of(found.pair, role, found.side, found.id)
    act = request.POST.get("act", "")
    try:
        told = looks.told(request, found, act)
        if told is None:
            if act == "fetch":
                there = looking.search(found, request.POST.get("find", "").strip()[:200])
                if len(there) != 1:
                    said = (
                        _("Nothing there has this number or name.") if not there else _("Several fit. Type its number.")
                    )
                    messages.warning(request, said)
                    return HttpResponseRedirect(here)
                told = {"partner": there[0]}
            else:
                messages.info(request, _("Choose a value first."))
                return HttpResponseRedirect(f"{here}?look=1")
        pairs.tell(request.workspace.pk, request.user, found, told, request.POST.get("seen", "")[:80])
    except DeclinedError as error:
        messages.error(request, declined(error))
    return HttpResponseRedirect(here)


@permissions.needs("records.write")
@require_POST
def mark(request: PageRequest, pair: str, role: str, side: str, record: str) -> HttpResponse:
    """Keep this customer the same, or do not."""
    found = found_of(request, pair, role, side, record)
    try:
        pairs.mark(request.workspace.pk, request.user, found, bool(request.POST.get("on")))
    except DeclinedError as error:
        messages.error(request, declined(error))
    return HttpResponseRedirect(shown.url_of(found.pair, role, found.side, found.id))


# -- inside -------------------------------------------------------------------------------------------------------------


def page(request: PageRequest, found: Customer) -> dict[str, Any]:
    """What every part of a customer's page needs."""
    place = (found.pair, found.role, found.side, found.id)
    return {
        "one": shown.customer(found),
        "open_at": shown.open_at(found),
        "look_url": shown.url_of(*place, page="records-look"),
        "write_url": shown.url_of(*place, page="records-write"),
        "mark_url": shown.url_of(*place, page="records-mark"),
        "undo_url": shown.url_of(*place, page="records-undo"),
        "may_write": permissions.may(request.member, "records.write"),
        "may_undo": permissions.may(request.member, "runs.undo"),
        "watching": found.pair.row.on and not found.pair.row.live,
    }


def _pair_of_list(request: PageRequest) -> tuple[list[Pair], Pair | None]:
    found = customers.pairs(request.workspace.pk)
    wanted = public_ids.of("pair").read(request.GET.get("pair", ""))
    return found, next((one for one in found if one.id == wanted), found[0] if found else None)


def _titles(pair: Pair) -> dict[str, str]:
    return {"id": shown.pair_id(pair), "left_title": pair.left.title, "right_title": pair.right.title}


def _filters(request: PageRequest) -> tuple[str, str, str]:
    state, role = request.GET.get("state", ""), request.GET.get("role", "")
    return (
        state if state in STATES else "",
        role if role in own.ROLE else "",
        request.GET.get("q", "").replace("\x00", "").strip()[:200],
    )


def _number(request: PageRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _address(request: PageRequest, **changed: object) -> str:
    query = {key: value for key, value in request.GET.items() if key not in ("before", "after") and value}
    query |= {key: str(value) for key, value in changed.items() if value}
    query = {key: value for key, value in query.items() if key not in changed or changed[key]}
    return f"?{urlencode(query)}"


def _chips(request: PageRequest, state: str, role: str) -> list[dict[str, Any]]:
    chips = [{"label": _("All"), "url": _address(request, state=""), "on": not state}]
    chips += [
        {"label": shown.state_of(name)[1], "url": _address(request, state=name), "on": state == name} for name in _CHIPS
    ]
    for name in own.ROLES:
        wanted = "" if role == name else name
        chips += [{"label": own.text(own.ROLES, name), "url": _address(request, role=wanted), "on": role == name}]
    return chips


_CHIPS = ("linked", "conflict", "failing", "pending", "waiting", "excluded", "stopped")
