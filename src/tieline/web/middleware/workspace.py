"""The workspace stands in the address: /w/<key>/runs/.

Two tabs can so show two workspaces, and a link leads everybody to the same one. The prefix is taken off before Django
looks for the view and set as script prefix, so `{% url %}` and `reverse()` put it back by themselves: templates and
views never name it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import set_script_prefix
from django.utils import timezone

from tieline.store.team import memberships, sessions

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_PREFIX = re.compile(r"^/w/([a-z0-9-]{1,40})(/.*)?$")
_SESSION_KEY = "workspace"


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
    A workspace that the reader is not in does not exist for them: 404.
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
        found = memberships.memberships(request.user)  # type: ignore[arg-type]
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
        with timezone.override(ZoneInfo(member.workspace.zone)):
            return self.get_response(request)
