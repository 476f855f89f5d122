"""Who may do what: one table of role × action, and the marks by which each page says which action it is.

Every view carries exactly one mark: `needs("runs.see")` for a page of a workspace, `signed_in` for one's own account,
`public` for what anybody may open. A test walks all addresses and refuses a view without a mark.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tieline.store.team.actions import ACTIONS, ADMINS, EVERYBODY, SUPER_ADMINS, may
from tieline.store.team.models import Member, Role

__all__ = [
    "ACTIONS",
    "ADMINS",
    "EVERYBODY",
    "PUBLIC",
    "ROLE_NAMES",
    "ROLE_SENTENCES",
    "SIGNED_IN",
    "SUPER_ADMINS",
    "demand",
    "may",
    "needs",
    "public",
    "signed_in",
]

View = Callable[..., HttpResponseBase]

ROLE_NAMES: Final[dict[Role, Promise]] = {
    Role.SUPER_ADMIN: _("Super admin"),
    Role.ADMIN: _("Admin"),
    Role.MEMBER: _("Member"),
}

ROLE_SENTENCES: Final[dict[Role, Promise]] = {
    Role.SUPER_ADMIN: _("Does everything an admin does, decides who is in the team, and may change the CRM."),
    Role.ADMIN: _("Connects systems, changes rules, undoes and repeats runs."),
    Role.MEMBER: _("Sees everything, answers questions and writes to records."),
}

PUBLIC: Final = "public"
SIGNED_IN: Final = "signed_in"


def demand(request: HttpRequest, action: str) -> None:
    """403 unless the reader may do this too, on a page whose mark is another action: who sees it may not save it."""
    if not may(request.member, action):  # type: ignore[attr-defined]
        raise PermissionDenied(action)


def needs(action: str) -> Callable[[View], View]:
    """Mark a page of a workspace with the action that it is.

    Without a sign-in: to the sign-in page. Without a workspace in the address: to the same page of the one used last.
    In a workspace where the role does not allow it: 403, in the frame, naming who can.
    """
    if action not in ACTIONS:
        raise KeyError(f"no such action: {action}")

    def mark(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            elsewhere = _elsewhere(request)
            if elsewhere is not None:
                return elsewhere
            if request.member is None:  # type: ignore[attr-defined]
                raise Http404
            if not may(request.member, action):  # type: ignore[attr-defined]
                raise PermissionDenied(action)
            return view(request, *args, **kwargs)

        guarded.open_to = action  # type: ignore[attr-defined]
        return guarded

    return mark


def signed_in(view: View) -> View:
    """Mark a page of one's own account: any role, a workspace or none."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return _elsewhere(request) or view(request, *args, **kwargs)

    guarded.open_to = SIGNED_IN  # type: ignore[attr-defined]
    return guarded


def public(view: View) -> View:
    """Mark a page that anybody may open, signed in or not."""

    @wraps(view)
    def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return view(request, *args, **kwargs)

    opened.open_to = PUBLIC  # type: ignore[attr-defined]
    return opened


def _elsewhere(request: HttpRequest) -> HttpResponseBase | None:
    """Where to go first: to sign in, or to the same page inside the workspace used last."""
    if not request.user.is_authenticated:
        if request.headers.get("HX-Request"):  # a fragment must not become the sign-in page: reload the whole page
            return HttpResponse(status=401, headers={"HX-Refresh": "true"})
        return redirect_to_login(request.get_full_path(), reverse("account_login"))
    usual: Member | None = request.usual_member  # type: ignore[attr-defined]
    if request.workspace_key is None and usual is not None and request.method in {"GET", "HEAD"}:  # type: ignore[attr-defined]
        return HttpResponseRedirect(f"/w/{usual.workspace.key}{request.get_full_path()}")
    return None
