"""Headers that say what a page may load and do."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers

_PERMISSIONS = "camera=(self), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"


def allow(response: HttpResponseBase, directive: str, *sources: str) -> None:
    """Let this one answer load or send more: `allow(response, "form-action", "https://accounts.zoho.eu")`.

    Chromium holds `form-action` against the redirect after a form too, so the page with a button that ends at a
    vendor's consent page needs this.
    """
    extra: dict[str, list[str]] = getattr(response, "csp_extra", {})
    extra.setdefault(directive, []).extend(sources)
    response.csp_extra = extra  # type: ignore[attr-defined]


def policy(extra: dict[str, list[str]] | None = None) -> str:
    """The header's text: the policy of the settings with what an answer adds."""
    more = extra or {}
    together = {name: [*sources, *more.get(name, [])] for name, sources in settings.CONTENT_SECURITY_POLICY.items()}
    for name, sources in more.items():
        together.setdefault(name, sources)
    parts = []
    for name, sources in together.items():
        named = [source for source in sources if source != "'none'"]
        parts.append(f"{name} {' '.join(named or sources)}")
    return "; ".join(parts)


class SecurityHeaders:
    """Add the policy to every answer; pages are never kept by caches in between."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy(getattr(response, "csp_extra", None)))
        response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
        if not getattr(response, "xframe_options_exempt", False):  # it names who may frame it in its policy
            response.headers.setdefault("X-Frame-Options", "DENY")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Cache-Control", "private, no-store")
            patch_vary_headers(response, ["HX-Request"])  # one address answers with the page or with a part of it
        return response
