"""What people see when a page cannot be shown: in the frame where that still works, else on a page of its own."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils.translation import gettext as _

from tieline.web.permissions import ACTIONS, ROLE_NAMES, public

log = logging.getLogger(__name__)


def _page(request: HttpRequest, status: int, title: str, text: str, **more: object) -> HttpResponse:
    context = {"title": title, "text": text, "status": status, **more}
    if request.headers.get("HX-Request"):  # htmx puts an error's answer where the part would have stood
        return HttpResponse(loader.render_to_string("pages/error_part.html", context, request).strip(), status=status)
    return HttpResponse(loader.render_to_string("pages/error.html", context, request), status=status)


@public
def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the browser sent what no page of ours sends."""
    return _page(
        request, 400, _("This request makes no sense to Tieline."), _("Nothing was changed. Go back and try again.")
    )


@public
def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: signed in, and not allowed. Says which roles are."""
    action = str(exception.args[0]) if exception is not None and exception.args else ""
    roles = [str(name) for role, name in ROLE_NAMES.items() if role in ACTIONS.get(action, ())]
    if roles:
        text = _("This page is for the roles: %(roles)s. Ask one of them.") % {"roles": ", ".join(roles)}
    else:
        text = _("Your role does not open this page. Ask a super admin.")
    return _page(request, 403, _("Your role does not open this page."), text)


@public
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form that is too old, or that another site sent."""
    return _page(
        request,
        403,
        _("This form is too old."),
        _(
            "Nothing was changed. You signed in or out since the page was opened, or it was sent from elsewhere. Go back, load the page again and repeat."
        ),
    )


@public
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: no such page, or none that this reader may know of."""
    return _page(
        request,
        404,
        _("There is nothing at this address."),
        _("It was moved or erased, or it belongs to a workspace that you are not in."),
    )


@public
def server_error(request: HttpRequest) -> HttpResponse:
    """500: our fault. The frame needs the database, which may be what failed: then a page without it."""
    try:
        return _page(
            request,
            500,
            _("Tieline failed to show this page."),
            _(
                "What went wrong is in the server’s log. Events still arrive and are kept; load the page again in a moment."
            ),
        )
    except Exception:
        log.exception("the error page failed too")
        return HttpResponse(loader.get_template("pages/error_bare.html").render({}), status=500)
