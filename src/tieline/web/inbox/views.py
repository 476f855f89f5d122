"""Pages of the inbox: the list, one case, the answer; and the count beside its entry in the menu."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from tieline.store import public_ids
from tieline.store.connection import workspace_tx
from tieline.store.models import InboxItem, Run, Subject
from tieline.store.services import customers, sentences
from tieline.store.services import inbox as service
from tieline.store.services.declined import DeclinedError
from tieline.store.services.inbox import OUTCOME, Case, Decision, Group
from tieline.web import nav, permissions
from tieline.web.inbox import asked, pair_cases
from tieline.web.inbox.shapes import Asked, Entry
from tieline.web.parts import words
from tieline.web.request import PageRequest
from tieline.web.runs import rows
from tieline.web.runs.lines import Names, names

SETTLED = 5


@nav.counts("inbox")
def waiting(request: HttpRequest) -> int:
    """What waits for a person, for the menu."""
    workspace = getattr(request, "workspace", None)
    return service.count(workspace.pk) if workspace is not None else 0


@permissions.needs("inbox.see")
@require_safe
def inbox(request: PageRequest) -> HttpResponse:
    """The list, with its first case beside it where there is room."""
    return _page(request, None)


@permissions.needs("inbox.see")
@require_safe
def case(request: PageRequest, shown: str) -> HttpResponse:
    """One case."""
    return _page(request, _case(request.workspace.pk, shown))


@permissions.needs("inbox.see")
@require_safe
def cases(request: PageRequest) -> HttpResponse:
    """The left half again, while somebody looks at it."""
    workspace = request.workspace.pk
    with workspace_tx(workspace):
        context = _left(workspace, service.groups(workspace), names(workspace))
    return render(request, "inbox/entries.html", {**context, "here": request.GET.get("here", "")})


@permissions.needs("inbox.see")
@require_safe
def count(request: PageRequest) -> HttpResponse:
    """The count beside the menu's entry; 204 while it is what the page shows already."""
    now = waiting(request)
    if str(now) == request.GET.get("shown", ""):
        return HttpResponse(status=204)
    return render(request, "inbox/count.html", {"count": now})


@permissions.needs("inbox.answer")
@require_POST
def answer(request: PageRequest, shown: str) -> HttpResponse:
    """A decision. Who was slower is told what was decided."""
    workspace = request.workspace.pk
    found = _case(workspace, shown)
    if found.item is None:
        raise Http404
    choice = _choice(request.POST, found)
    always = bool(request.POST.get("always")) and permissions.may(request.member, "inbox.remember")
    try:
        if request.POST.get("alike"):
            made = service.answer_like(workspace, request.user, found.item, choice, always=always)
            own = next((one for one in made if one.item == found.item), None)
            decision = own or service.answer(workspace, request.user, found.item, choice)
            count = len(made)
        else:
            decision, count = service.answer(workspace, request.user, found.item, choice, always=always), 1
    except DeclinedError as error:
        messages.error(request, sentences.say(error.code, error.params))
        return HttpResponseRedirect(reverse("inbox-case", args=[shown]))
    _tell(request, found, decision, count)
    return _onwards(request, shown)


@permissions.needs("inbox.answer")
@require_POST
def take_back(request: PageRequest) -> HttpResponse:
    """The reader's last decision is asked again, where nothing came of it yet."""
    try:
        count = service.take_back(request.workspace.pk, request.user)
    except DeclinedError as error:
        messages.warning(request, sentences.say(error.code, error.params))
    else:
        said = ngettext("Taken back: %(count)s case waits again.", "Taken back: %(count)s cases wait again.", count)
        messages.success(request, said % {"count": words.number(count)})
    return HttpResponseRedirect(reverse("inbox"))


@permissions.needs("runs.retry")
@require_POST
def again(request: PageRequest, shown: str) -> HttpResponse:
    """Everything that stopped for the same reason is tried again."""
    found = _case(request.workspace.pk, shown)
    if found.item is not None or found.subject_id is None:
        raise Http404
    count = service.retry_like(request.workspace.pk, request.user, found.subject_id)
    said = ngettext("%(count)s call is tried again.", "%(count)s calls are tried again.", count)
    messages.success(request, said % {"count": words.number(count)})
    return HttpResponseRedirect(reverse("inbox"))


@permissions.needs("inbox.answer")
@require_POST
def put_aside(request: PageRequest, shown: str) -> HttpResponse:
    """A notice was read."""
    workspace = request.workspace.pk
    found = _case(workspace, shown)
    if found.item is None:
        raise Http404
    try:
        decision = service.dismiss(workspace, request.user, found.item)
    except DeclinedError as error:
        messages.error(request, sentences.say(error.code, error.params))
        return HttpResponseRedirect(reverse("inbox-case", args=[shown]))
    if decision.mine:
        messages.success(request, _("Put aside. It comes again when it happens again."))
    else:
        messages.info(request, asked.decided(service.case(workspace, found.item)))
    return _onwards(request, shown)


# -- inside -------------------------------------------------------------------------------------------------------------


def _case(workspace: int, shown: str) -> Case:
    item = public_ids.of("case").read(shown)
    if item is not None:
        try:
            return service.case(workspace, item)
        except DeclinedError:
            raise Http404 from None
    subject = public_ids.of("call").read(shown)
    for group in service.groups(workspace) if subject is not None else ():
        for one in group.cases:
            if one.item is None and one.subject_id == subject:
                return one
    raise Http404


def _choice(said: QueryDict, found: Case) -> Any:
    text = said.get("choice", "")
    if found.pair is not None:
        return pair_cases.choice(text)
    if text == "none":
        return "none"
    if text == asked.THERE and found.kind.startswith(OUTCOME):
        id = asked.THERE if asked.is_file(found.kind) else said.get("id", "").strip()
        return {"role": found.kind.split(":")[1], "id": id}
    role, _colon, id = text.partition(":")
    if not any(str(one[0]) == role and str(one[1]) == id for one in found.options):
        return None  # the service says that nothing was chosen
    return {"role": role, "id": id}


def _page(request: PageRequest, chosen: Case | None) -> HttpResponse:
    workspace = request.workspace.pk
    with workspace_tx(workspace):
        groups = service.groups(workspace)
        known = names(workspace)
        connections = rows.connections(workspace)
        left = _left(workspace, groups, known)
        shown = chosen or (groups[0].cases[0] if groups else None)
        right = None
        if shown is not None:
            right = _right(request, shown, groups, known, connections)
    context = {
        **left,
        "case": right,
        "here": right.id if right is not None else "",
        "opened": chosen is not None,
        "may_always": permissions.may(request.member, "inbox.remember"),
        "waits": sum(len(group.cases) for group in groups if group.waits),
        "questions": sum(1 for group in groups if group.waits),
    }
    return render(request, "inbox/inbox.html", context)


def _left(workspace: int, groups: list[Group], known: Names) -> dict[str, list[Entry]]:
    start = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    done = (
        InboxItem.objects.filter(workspace_id=workspace, state__in=["answered", "dismissed"], decided_at__gte=start)
        .order_by("-decided_at")
        .values_list("pk", flat=True)[:SETTLED]
    )
    settled = [service.case(workspace, pk) for pk in done]
    of_pairs = any(group.cases[0].pair is not None for group in groups)
    pairs = {one.id: one for one in customers.pairs(workspace)} if of_pairs else {}
    return {
        "waiting": [asked.entry(group, known, pairs) for group in groups if group.waits],
        "notices": [asked.entry(group, known) for group in groups if not group.waits],
        "settled": [asked.settled(one, known, {}) for one in settled],
    }


def _right(request: PageRequest, shown: Case, groups: list[Group], known: Names, connections: Any) -> Asked:
    workspace = request.workspace.pk
    group = next(
        (one for one in groups if (one.flow, one.kind, one.topic) == (shown.flow, shown.kind, shown.topic)), None
    )
    run = Run.objects.filter(workspace_id=workspace, pk=shown.run).first() if shown.run else None
    target: int | None = run.target_id if run is not None else None
    if target is None and shown.subject_id is not None:
        target = (
            Subject.objects.filter(workspace_id=workspace, pk=shown.subject_id).values_list("target", flat=True).first()
        )
    like = group.cases if group is not None else ()
    country = request.workspace.country or "FR"
    return asked.asked(shown, like, run, connections, known, target, country, workspace)


def _tell(request: PageRequest, found: Case, decision: Decision, count: int) -> None:
    choice = asked.choice_name(decision.answer, found.options, found.kind, decision.state)
    if not decision.mine:
        by = decision.by or _("Somebody")
        when = words.short(decision.at) if decision.at else ""
        said = _("%(who)s was faster (%(when)s): %(choice)s.") % {"who": by, "when": when, "choice": choice}
        messages.warning(request, said)
    elif count > 1:
        said = ngettext("%(count)s case settled: %(choice)s.", "%(count)s cases settled: %(choice)s.", count)
        messages.success(request, said % {"count": words.number(count), "choice": choice})
    else:
        said = _("Settled: %(choice)s.") if found.pair else _("Settled: %(choice)s. The call goes on now.")
        messages.success(request, said % {"choice": choice})


def _onwards(request: PageRequest, shown: str) -> HttpResponse:
    """To the next case that waits, else to the list."""
    for group in service.groups(request.workspace.pk):
        if group.waits:
            return HttpResponseRedirect(reverse("inbox-case", args=[asked.case_id(group.cases[0])]))
    return HttpResponseRedirect(reverse("inbox"))
