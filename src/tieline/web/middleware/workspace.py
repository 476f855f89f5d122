"""The workspace stands in the address: /w/<key>/runs/.

Two tabs can so show two workspaces, and a link leads everybody to the same one. The prefix is taken off before Django
looks for the view and set as script prefix, so `{% url %}` and `reverse()` put it back by themselves: templates and
views never name it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse, set_script_prefix
from django.utils import timezone

from tieline.store.services.team import has_second_factor
from tieline.store.team import memberships, sessions

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_PREFIX = re.compile(r"^/w/([a-z0-9-]{1,40})(/.*)?$")
_SESSION_KEY = "workspace"
_OPEN = ("/me/", "/sign-in/", "/sign-out/", "/welcome/")
"""Open without a second factor in a workspace that needs one: where one is set up, and the ways in and out."""


def _to_second_factor(request: HttpRequest) -> HttpResponseBase:
    if request.headers.get("HX-Request"):  # a fragment must not become a page: reload the whole
        return HttpResponse(status=403, headers={"HX-Refresh": "true"})
    return HttpResponseRedirect(reverse("mfa_index"))


class WorkspacePath:
    """Take /w/<key> off the path; `request.workspace_key` is the key or None. Says nothing about who may enter."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        found = _PREFIX.match(request.path_info)
        request.workspace_key = found[1] if found else None  # type: ignore[attr-defined]
        if found:
            request.path_info = found[2] or "/"
            set_script_prefix(f"/w/{found[1]}/")
        try:
            return self.get_response(request)
        finally:
            set_script_prefix("/")


class CurrentMember:
    """Who the reader is in the workspace of the address.

    `request.member`, `request.workspace`: for the frame, and for permissions; None without one.
    `request.memberships`: all of the reader's, by name. `request.usual_member`: the one used last.
    A workspace that the reader is not in does not exist for them: 404. One that needs a second factor lets nobody without one
    further than the page where it is set up.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.memberships = []  # type: ignore[attr-defined]
        request.member = request.usual_member = request.workspace = None  # type: ignore[attr-defined]
        if not request.user.is_authenticated:
            return self.get_response(request)
        now = timezone.now()
        sessions.note_seen(request.session, now)
        found = memberships.memberships(request.user)
        request.memberships = found  # type: ignore[attr-defined]
        by_key = {member.workspace.key: member for member in found}
        usual = by_key.get(request.session.get(_SESSION_KEY, "")) or (found[0] if found else None)
        request.usual_member = usual  # type: ignore[attr-defined]
        key = request.workspace_key  # type: ignore[attr-defined]
        if key is None:
            return self.get_response(request)
        member = by_key.get(key)
        if member is None:
            raise Http404
        memberships.note_seen(member, now)
        request.member = request.usual_member = member  # type: ignore[attr-defined]
        request.workspace = member.workspace  # type: ignore[attr-defined]
        if request.session.get(_SESSION_KEY) != key:
            request.session[_SESSION_KEY] = key
        if (
            member.workspace.second_factor
            and not request.path_info.startswith(_OPEN)
            and not has_second_factor(member.user)
        ):
            return _to_second_factor(request)
        with timezone.override(ZoneInfo(member.workspace.zone)):
            return self.get_response(request)
