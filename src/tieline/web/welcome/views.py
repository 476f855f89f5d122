"""The pages of the first run. Each works as a form without script and can be left at any time."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tieline.store.connection import workspace_tx
from tieline.store.models import Connection
from tieline.store.services import connections, flow_settings, practice, workspaces
from tieline.store.services.asking import manifest_of
from tieline.store.services.declined import DeclinedError
from tieline.store.services.offers import offers
from tieline.store.services.schemas import users_of
from tieline.web import permissions
from tieline.web.connections import connecting, shown, words
from tieline.web.connections.forms import Lines, SigningSecret
from tieline.web.connections.views import phone_context
from tieline.web.request import PageRequest
from tieline.web.welcome.forms import Company, WhoAnswers
from tieline.web.welcome.steps import FLOW, Journey, journey, passed, spine
from tieline.web.welcome.summary import sentences


def _page(request: PageRequest, found: Journey, here: str, **context: Any) -> HttpResponse:
    return render(
        request, f"welcome/{here}.html", {"spine": spine(found, here), "journey": found, "step": here, **context}
    )


@permissions.needs("connections.change")
@require_safe
def start(request: PageRequest) -> HttpResponse:
    """The step that is next."""
    return redirect(f"start-{journey(request).next}")


@permissions.needs("workspace.change")
@require_http_methods(["GET", "POST"])
def company(request: PageRequest) -> HttpResponse:
    """Name, country, zone, language."""
    space = request.workspace
    initial = {"name": space.name, "country": space.country, "zone": space.zone, "language": space.language}
    form = Company(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        workspaces.change(space.pk, request.user, **form.cleaned_data)
        passed(request, "company")
        return redirect("start")
    return _page(request, journey(request), "company", form=form)


@permissions.needs("connections.change")
@require_safe
def crm(request: PageRequest) -> HttpResponse:
    """Which CRM."""
    return _choose(request, "crm")


@permissions.needs("connections.change")
@require_safe
def phone(request: PageRequest) -> HttpResponse:
    """Which phone system."""
    return _choose(request, "phone")


def _choose(request: PageRequest, kind: str) -> HttpResponse:
    found = journey(request)
    cards = [shown.card(one) for one in offers(request.workspace.pk) if kind in one.manifest.categories]
    made: Connection | None = getattr(found, kind)
    return _page(request, found, kind, cards=cards, made=made, made_url=shown.url_of(made) if made else "")


@sensitive_post_parameters()
@never_cache
@permissions.needs("connections.change")
@require_http_methods(["GET", "POST"])
def connect(request: PageRequest, connector: str) -> HttpResponse:
    """Connect the one that was chosen, and go on."""
    try:
        manifest = manifest_of(connector)
    except DeclinedError:
        raise Http404 from None
    form = connecting.connect_form(request, manifest)
    form.fields.pop("title")
    if request.method == "POST" and form.is_valid():
        answer = connecting.connect(request, manifest, form, then=connecting.WIZARD)
        if isinstance(answer, HttpResponse):
            return answer
        if answer is not None:
            messages.success(request, _("%(title)s is connected.") % {"title": answer.title})
            return redirect("start")
    here = "crm" if "crm" in manifest.categories else "phone"
    context = connecting.new_context(request, manifest, form)
    found = journey(request)
    page = render(
        request, "welcome/connect.html", {"spine": spine(found, here), "journey": found, "step": here, **context}
    )
    return connecting.leaving(page, manifest)


@sensitive_post_parameters("secret")
@permissions.needs("connections.change")
@require_http_methods(["GET", "POST"])
def events(request: PageRequest) -> HttpResponse:
    """The address to paste, the secret, and the first event as it arrives."""
    found = journey(request)
    if found.phone is None:
        return redirect("start-phone")
    row = found.phone
    if request.method == "POST":
        if "go_on" in request.POST:
            passed(request, "events")
            return redirect("start")
        form = SigningSecret(request.POST)
        if form.is_valid() and form.cleaned_data["secret"].strip():
            name = manifest_of(row.connector).events.secret
            connections.set_secret(request.workspace.pk, request.user, row.pk, name, form.cleaned_data["secret"])
            messages.success(request, _("The signing secret is kept. It holds from the next event on."))
        return redirect("start-events")
    return _page(request, found, "events", **phone_context(request, row), can_practise=practice.can(row))


@permissions.needs("connections.see")
@require_safe
def arrived(request: PageRequest) -> HttpResponse:
    """Whether the first event is there, for the part of the page that waits for it."""
    found = journey(request)
    if found.phone is None:
        raise Http404
    return render(request, "welcome/arrived.html", {"journey": found, **phone_context(request, found.phone)})


@permissions.needs("connections.change")
@require_POST
def practise(request: PageRequest) -> HttpResponse:
    """Let the sandbox send a test event, or play a call."""
    found = journey(request)
    if found.phone is None:
        raise Http404
    try:
        if request.POST.get("what") == "call":
            number = practice.play_call(request.workspace.pk, request.user, found.phone.pk)
            messages.success(request, _("The sandbox played a missed call from %(number)s.") % {"number": number})
        else:
            practice.send_test(request.workspace.pk, request.user, found.phone.pk)
    except DeclinedError as error:
        messages.error(request, words.declined(error))
    return redirect("start-done" if request.POST.get("what") == "call" else "start-events")


@permissions.needs("flows.change")
@require_http_methods(["GET", "POST"])
def lines(request: PageRequest) -> HttpResponse:
    """Which line is whose, and who takes the rest."""
    found = journey(request)
    if found.crm is None:
        return redirect("start-crm")
    workspace = request.workspace.pk
    if request.method == "POST" and "typed" in request.POST and found.phone is not None:
        return _type_lines(request, found)
    with workspace_tx(workspace):
        people = users_of(found.crm)
    raw = dict(found.flow.waiting_raw or found.flow.raw)
    default = (raw.get("default_user") or {}).get("id", "")
    number = max(found.flow.version, found.flow.waiting)
    known = (flow_settings.suggested_lines(workspace, FLOW), people, default, number)
    form = WhoAnswers(*known, request.POST or None)
    clashes: list[str] = []
    if request.method == "POST" and form.is_valid():
        raw |= {"lines": form.chosen(), "default_user": form.pick(form.cleaned_data["default_user"])}
        try:
            flow_settings.save(workspace, request.user, FLOW, raw, base=form.cleaned_data["base"] or 0)
        except flow_settings.ClashesError as error:
            clashes = [_said(one.reason) for one in error.clashes]
        except DeclinedError as error:
            clashes = [words.declined(error)]
            if error.code == "flow.changed_meanwhile":  # what counts now is looked at before anything is saved over it
                form = WhoAnswers(*known)
        else:
            passed(request, "lines")
            return redirect("start")
    typed = Lines(initial={"lines": Lines.as_text(found.phone.lines)}) if found.phone is not None else None
    fields = [form[name] for name in form.names]
    return _page(request, found, "lines", form=form, fields=fields, clashes=clashes, typed=typed)


def _said(reason: Any) -> str:
    from tieline.web.words.say import say

    return say(reason)


def _type_lines(request: PageRequest, found: Journey) -> HttpResponse:
    typed = Lines(request.POST)
    if typed.is_valid() and found.phone is not None:
        try:
            connections.set_lines(request.workspace.pk, request.user, found.phone.pk, typed.pairs())
        except DeclinedError as error:
            messages.error(request, words.declined(error))
    return redirect("start-lines")


@permissions.needs("flows.live")
@require_http_methods(["GET", "POST"])
def live(request: PageRequest) -> HttpResponse:
    """What will happen, in sentences, and the switch."""
    found = journey(request)
    if found.crm is None:
        return redirect("start-crm")
    said = ""
    if request.method == "POST":
        on = request.POST.get("live") == "on"
        try:
            flow_settings.set_live(request.workspace.pk, request.user, FLOW, on)
        except DeclinedError as error:
            said = words.declined(error)
        else:
            if not on:
                passed(request, "watch")
            return redirect("start-done")
    room = found.flow.settings
    waiting = found.flow.waiting and room is None
    context = {
        "said": said,
        "waiting": waiting,
        "reconnect_url": shown.url_of(found.crm, "connections-reconnect"),
        "sentences": sentences(room, found.crm.title) if room is not None else [],
        "settings_url": shown.page_url("calls"),
        "on": found.flow.live or "live" not in found.done,
    }
    return _page(request, found, "live", **context)


@permissions.needs("connections.see")
@require_safe
def done(request: PageRequest) -> HttpResponse:
    """Where to look from now on."""
    found = journey(request)
    context = {
        "calls_url": shown.page_url("calls"),
        "runs_url": shown.page_url("runs"),
        "can_practise": found.phone is not None
        and practice.can(found.phone)
        and permissions.may(request.member, "connections.change"),
    }
    return _page(request, found, "done", **context)
