"""The request as our middleware leaves it, for the types of views: `def runs(request: PageRequest) -> HttpResponse`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from tieline.store.team.models import Member, User, Workspace


class PageRequest(HttpRequest):
    """Never made: what a view behind `needs(…)` may rely on. Behind `signed_in`, member and workspace may be None."""

    user: User
    member: Member
    workspace: Workspace
    memberships: list[Member]
    usual_member: Member | None
    workspace_key: str | None
    theme: str
    shortcuts: bool
    htmx: HtmxDetails
